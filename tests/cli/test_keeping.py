"""The commands about the cache folder: what goes by age and size, and what the doctor says."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from backend.store import Store
from tests.conftest import Service, entered

DIGESTS = [f"{number:040x}" for number in range(6)]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Six arrays of 0.4 MB, used from six to one days ago, and a text set as old."""
    store, now = Store(tmp_path / "cache", budget=10**9), time.time()
    for number, digest in enumerate(DIGESTS):
        store.put_array(digest, np.zeros(100_000, np.float32), {})
        when = now - (6 - number) * 86_400
        os.utime(store._files.path("arrays", digest), (when, when))
    store.put_texts("a" * 40, "[]", {"name": "kept"})
    os.utime(store._files.path("texts", "a" * 40), (0, 0))
    store.close()
    return tmp_path / "cache"


def left(folder: Path) -> list[int]:
    store = Store(folder, budget=10**9)
    found = [number for number, digest in enumerate(DIGESTS) if store.has_array(digest)]
    assert store.has_texts("a" * 40)
    store.close()
    return found


@pytest.mark.parametrize(
    ("asked", "stay"),
    [
        (["--older-than", "3.5d"], [3, 4, 5]),
        (["--older-than", "80h"], [3, 4, 5]),
        (["--older-than", "8"], [0, 1, 2, 3, 4, 5]),
        (["--down-to", "1M"], [4, 5]),
        (["--down-to", "0"], []),
        (["--older-than", "5.5d", "--down-to", "1.5M"], [3, 4, 5]),
        (["--clear"], []),
    ],
)
def test_what_is_old_or_too_much_goes(filled: Path, asked: list[str], stay: list[int]) -> None:
    answer = entered("cache", *asked, "--json", cache=filled)
    assert answer.returncode == 0, answer.stderr
    assert left(filled) == stay
    found = json.loads(answer.stdout)
    if "--clear" not in asked:
        assert found["deleted"]["n_files"] == 6 - len(stay)
        assert found["deleted"]["n_bytes"] > 400_000 * (6 - len(stay)) - 1


@pytest.mark.parametrize("asked", [["--older-than", "soon"], ["--down-to", "-1"], ["--down-to", "1X"]])
def test_what_is_no_age_and_no_size_is_refused(filled: Path, asked: list[str]) -> None:
    answer = entered("cache", *asked, cache=filled)
    assert answer.returncode == 2 and "error:" in answer.stderr and "Traceback" not in answer.stderr
    assert left(filled) == [0, 1, 2, 3, 4, 5]


def test_the_doctor_says_what_is_wrong_and_no_secret(filled: Path) -> None:
    path = Store(filled, budget=10**9)._files.path("arrays", DIGESTS[2])
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff\xff")
    secret = "an-unspeakable-token"
    answer = entered("doctor", "--check", "--json", cache=filled, EMBEDSCOPE_TOKEN=secret, EMBEDSCOPE_SERVICE_PORT="9")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert secret not in answer.stdout + answer.stderr and found["settings"]["token"] == "set"
    assert found["checked"] == {"n_files": 7, "n_damaged": 1}
    assert [(row["kind"], row["key"]) for row in found["damage"]] == [("arrays", DIGESTS[2])]
    assert found["index"]["state"] == "ok" and found["disk"]["free_bytes"] > 0 and found["disk"]["writable"]
    assert {"torch", "embedscope", "python", "device"} <= set(found) and not found["service"]["answers"]
    assert found["usage"]["arrays"]["n_files"] == 6 and found["format"] == "this version's"
    assert "checked" in entered("doctor", "--check", cache=filled, EMBEDSCOPE_SERVICE_PORT="9").stdout


def test_the_doctor_goes_on_where_the_cache_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    answer = entered("doctor", "--json", cache=tmp_path / "cache", EMBEDSCOPE_SERVICE_PORT="9")
    assert answer.returncode == 2 and "cannot be used" in json.loads(answer.stdout)["problem"]


def test_the_doctor_asks_the_service_for_its_workers(service: Service, filled: Path) -> None:
    answer = entered(
        "doctor",
        "--json",
        cache=filled,
        EMBEDSCOPE_TOKEN=service.token,
        EMBEDSCOPE_SERVICE_PORT=service.address[-5:].strip(":/"),
    )
    told = json.loads(answer.stdout)["service"]
    assert told["answers"] and told["version"] and any(name.startswith("worker") for name in told)
