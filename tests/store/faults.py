"""Faults of the disk: what may be swapped, cut, flipped or lost in a cache.

`python -m tests.store.faults` prints the table: fault, how often, what was shown, what was computed again.
"""

import json
import logging
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import EmbedscopeError
from backend.store.seal import Seal
from tests.store.trial import Cache, copied, made, shown


def swap(one: Path, other: Path) -> None:
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def flip(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 0x10
    path.write_bytes(content)


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def content_of(path: Path) -> tuple[bytes, dict[str, Any]]:
    whole = path.read_bytes()
    length = int.from_bytes(whole[-20:-12], "little")
    seal = json.loads(whole[-20 - length : -20])
    return whole[: seal["n_bytes"]], seal


def swap_content(one: Path, other: Path) -> None:
    """The contents change places, the seals stay."""
    (first, _), (second, _) = content_of(one), content_of(other)
    tails = [path.read_bytes()[len(content) :] for path, content in ((one, first), (other, second))]
    one.write_bytes(second + tails[0])
    other.write_bytes(first + tails[1])


def reshape(path: Path) -> None:
    """Another shape in the array's own header, of as many bytes."""
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(60, 32)", b"(32, 60)", 1))
    assert path.read_bytes() != whole


def other_array(path: Path) -> None:
    """A plain array of another shape, as another program would write it."""
    with path.open("wb") as file:
        np.save(file, np.ones((60, 12), np.float32))


def newer(path: Path) -> None:
    """The same entry in a form that only a newer version knows."""
    content, seal = content_of(path)
    seal["format"] = 99
    body = json.dumps(seal).encode()
    tail = len(body).to_bytes(8, "little") + zlib.crc32(body).to_bytes(4, "little") + b"EMBSCOPE"
    path.write_bytes(content + body + tail)


SHARES = (0.0, 0.3, 0.62, 0.9, 1.0)
CUTS = (0.0, 0.001, 0.5, 0.98)
Fault = Callable[[Cache], None]


def faults_of_activations() -> Iterator[tuple[str, Fault]]:
    for one, other in ((1, 4), (0, 6), (5, 6)):
        yield "two layers swapped", lambda c, a=one, b=other: swap(c.layers("one")[a], c.layers("one")[b])
    for layer in (0, 3, 6):
        yield "a layer of another text set", lambda c, n=layer: swap(c.layers("one")[n], c.layers("two")[n])
        yield "contents swapped, seals kept", lambda c, n=layer: swap_content(c.layers("one")[n], c.layers("two")[n])
        yield "another shape in the header", lambda c, n=layer: reshape(c.layers("one")[n])
        yield "another array", lambda c, n=layer: other_array(c.layers("one")[n])
        yield "removed", lambda c, n=layer: c.layers("one")[n].unlink()
        yield "in a newer version's form", lambda c, n=layer: newer(c.layers("one")[n])
        yield "a text set in its place", lambda c, n=layer: shutil.copy(c.texts("one"), c.layers("one")[n])
    for share in SHARES:
        yield "one bit flipped", lambda c, s=share: flip(c.layers("one")[5], s)
    for share in CUTS:
        yield "cut off", lambda c, s=share: cut(c.layers("one")[5], s)


def faults_of_results() -> Iterator[tuple[str, Fault]]:
    yield "another metric's result", lambda c: swap(*c.results("one"))
    for n in range(2):
        yield "another text set's result", lambda c, n=n: swap(c.results("one")[n], c.results("two")[n])
        yield "contents swapped, seals kept", lambda c, n=n: swap_content(c.results("one")[n], c.results("two")[n])
        yield "removed", lambda c, n=n: c.results("one")[n].unlink()
        yield "in a newer version's form", lambda c, n=n: newer(c.results("one")[n])
        yield "an array in its place", lambda c, n=n: shutil.copy(c.layers("one")[0], c.results("one")[n])
        for share in SHARES:
            yield "one bit flipped", lambda c, s=share, n=n: flip(c.results("one")[n], s)
        for share in CUTS:
            yield "cut off", lambda c, s=share, n=n: cut(c.results("one")[n], s)


def faults_of_texts() -> Iterator[tuple[str, Fault]]:
    yield "two text sets swapped", lambda c: swap(c.texts("one"), c.texts("two"))
    yield "contents swapped, seals kept", lambda c: swap_content(c.texts("one"), c.texts("two"))
    yield "removed", lambda c: c.texts("one").unlink()
    yield "in a newer version's form", lambda c: newer(c.texts("one"))
    yield "rows changed and sealed again", resealed
    for share in SHARES:
        yield "one bit flipped", lambda c, s=share: flip(c.texts("one"), s)
    for share in CUTS:
        yield "cut off", lambda c, s=share: cut(c.texts("one"), s)


def resealed(cache: Cache) -> None:
    """Even with a sound seal: the rows must hash to the digest that they lie under."""
    content, seal = content_of(cache.texts("one"))
    changed = content.replace(b"delight", b"torment")
    assert changed != content
    again = Seal("texts", seal["key"], len(changed), zlib.crc32(changed), meta=seal["meta"])
    cache.texts("one").write_bytes(changed + again.to_bytes())


def databases(cache: Cache) -> list[Path]:
    return sorted(path for path in cache.folder.rglob("*") if path.suffix == ".db" or ".db-" in path.name)


def each_database(act: Callable[[Path], object]) -> Fault:
    def fault(cache: Cache) -> None:
        assert databases(cache)
        for path in databases(cache):
            act(path)

    return fault


def faults_of_the_database() -> Iterator[tuple[str, Fault]]:
    yield "deleted", each_database(lambda path: path.unlink())
    yield "emptied", each_database(lambda path: path.write_bytes(b""))
    yield "overwritten", each_database(lambda path: path.write_bytes(os.urandom(20_000)))
    yield "first page zeroed", each_database(lambda path: path.write_bytes(bytes(4096) + path.read_bytes()[4096:]))
    yield "pages zeroed", each_database(lambda path: path.write_bytes(path.read_bytes()[:4096] + bytes(20_000)))
    yield "cut in half", each_database(lambda path: cut(path, 0.5))
    yield "its folder deleted", lambda c: shutil.rmtree(c.folder / "records")
    yield "mark of the form lost", lambda c: (c.folder / "format.json").unlink()
    yield "mark of the form damaged", lambda c: (c.folder / "format.json").write_text("{")


def ids(faults: Iterator[tuple[str, Fault]], each: int = 1) -> list[Any]:
    """The first, and every ``each``-th, of each kind of fault: the table has all of them."""
    seen: dict[str, int] = {}
    found = []
    for name, fault in faults:
        number = seen[name] = seen.get(name, -1) + 1
        if number % each == 0:
            found.append(pytest.param(fault, id=f"{name} {number}"))
    return found


def table() -> None:
    """Print what each fault leads to."""
    logging.getLogger("embedscope.store").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        whole = made(Path(folder))
        kinds: dict[str, tuple[Callable[[], Iterator[tuple[str, Fault]]], bool]] = {
            "activations": (faults_of_activations, True),
            "result": (faults_of_results, False),
            "database": (faults_of_the_database, False),
        }
        lines: dict[tuple[str, str], list[str]] = {}
        for kind, (faults, again) in kinds.items():
            for name, fault in faults():
                trial = copied(whole, Path(folder) / "trial")
                if again:
                    trial.forget_results()
                fault(trial)
                try:
                    outcome = shown(trial)
                except AssertionError:
                    outcome = "A WRONG NUMBER"
                except EmbedscopeError as error:
                    outcome = error.message
                lines.setdefault((kind, name), []).append(outcome)
                shutil.rmtree(trial.folder)
        for name, fault in faults_of_texts():
            trial = copied(whole, Path(folder) / "trial")
            fault(trial)
            bench = trial.open()
            try:
                bench.text_set(trial.tables["one"])
                outcome = "TEXTS"
            except EmbedscopeError as error:
                outcome = f"no texts: {error.message}"
            bench.close()
            lines.setdefault(("text set", name), []).append(outcome)
            shutil.rmtree(trial.folder)
    for (kind, name), outcomes in lines.items():
        sys.stdout.write(f"{kind} | {name} | {len(outcomes)} | {'; '.join(sorted(set(outcomes)))}\n")


if __name__ == "__main__":
    table()
