"""What the container's files promise, as far as it can be read from them: nothing secret inside, one place that is written."""

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import yaml

from backend.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NAMES = {setting.name for setting in SETTINGS}


def _services() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_only_named_files_reach_the_image_and_no_secret_is_among_them() -> None:
    kept = (ROOT / ".dockerignore").read_text().split()
    assert kept[0] == "*", "what is not named stays outside"
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
    assert {f"!{name}" for name in copied} == {name for name in kept if name.startswith("!")}
    assert not any("secret" in name for name in copied) and ".streamlit" not in copied
    assert ".streamlit/secrets.toml" in (ROOT / ".gitignore").read_text().split()


def test_it_runs_as_a_user_without_rights_and_says_how_it_is_asked_and_stopped() -> None:
    last = DOCKERFILE.split("FROM ")[-1]
    assert "USER embedscope" in last and "HEALTHCHECK" in last and "STOPSIGNAL SIGTERM" in last
    assert "pip install" not in last, "packages come from the first stage"


def test_what_runs_as_a_user_without_rights_was_compiled_before(tmp_path: Path) -> None:
    first, last = DOCKERFILE.split("FROM ")[-2:]
    assert "PYTHONDONTWRITEBYTECODE=1" in last and "PYTHONDONTWRITEBYTECODE" not in first
    assert first.index("pip install -r") < first.index("compileall") and "/opt/venv/lib" in first
    command = re.search(r"^RUN (python -m compileall .*?) && chmod -R a\+rX /app$", last, re.MULTILINE)
    assert command is not None and last.index("COPY pages") < command.start() < last.index("USER embedscope")
    shutil.copy(ROOT / "app.py", tmp_path)
    shutil.copytree(ROOT / "backend", tmp_path / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "pages", tmp_path / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    _, *arguments = shlex.split(command[1])
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, check=True)
    for source in (tmp_path / "app.py", *tmp_path.rglob("backend/**/*.py"), *tmp_path.rglob("pages/**/*.py")):
        flags = Path(cache_from_source(str(source))).read_bytes()[4:8]
        assert flags == b"\1\0\0\0", f"{source.name} is taken as it was compiled, whatever its time says"


def test_every_setting_that_the_files_give_is_one() -> None:
    given = set(re.findall(r"\b(EMBEDSCOPE_[A-Z_]+)=", DOCKERFILE))
    for service in _services().values():
        given |= {name for name in service["environment"] if name.startswith("EMBEDSCOPE_")}
    assert given <= NAMES


def test_each_profile_writes_to_its_volume_and_to_memory_alone() -> None:
    services = _services()
    assert {one["profiles"][0] for one in services.values()} == {"cpu", "gpu"}
    for service in services.values():
        assert service["read_only"] and service["restart"] == "unless-stopped" and service["mem_limit"]
        assert service["volumes"][0] == "cache:/cache" and service["volumes"][1].endswith(":ro")
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
