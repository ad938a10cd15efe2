"""Deleting a text set leaves nothing of it in the cache folder: no upload, no row in a record, no result."""

from pathlib import Path

import pytest

from backend.bench.workbench import Workbench
from backend.values.reading import ReadOptions, TextColumns
from backend.values.tasks import ReadTask

WORDS = ("quibbleflax", "zorblatt", "mindelheimer")


def left(folder: Path) -> list[str]:
    """The files that still hold one of the words."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower()
            found += [f"{path.relative_to(folder)}: {word}" for word in WORDS if word.encode() in content]
    return found


@pytest.mark.parametrize("where", ["bench", "service_bench"])
def test_nothing_is_left_of_a_text_set(where: str, request: pytest.FixtureRequest) -> None:
    bench: Workbench = request.getfixturevalue(where)
    folder = request.getfixturevalue("service").cache if where == "service_bench" else bench.settings.cache
    lines = "".join(f"The {WORDS[i % 3]} number {i},{WORDS[1]}{i % 2}\n" for i in range(12))
    blob = bench.upload(f"text,label\n{lines}".encode())
    options = ReadOptions(TextColumns("text", label="label"))
    preview = bench.wait(ReadTask(blob, "rows.csv", "rows", options))
    assert preview.n_rows == 12
    info = bench.wait(ReadTask(blob, "rows.csv", "rows", options, save=True))
    again = bench.wait(
        ReadTask(blob, "rows.csv", "the same rows, other columns", ReadOptions(TextColumns("text")), save=True)
    )
    part = bench.part(info, [0, 1, 2])
    bench.save_rows(info, WORDS[2], [1, 2])
    assert left(folder)
    bench.delete_text_set(part.spec.table)
    bench.delete_text_set(info.spec.table)
    assert any(path.startswith("blobs") for path in left(folder)), "another set was read from it too"
    assert bench.wait(ReadTask(blob, "rows.csv", "rows", options)).n_rows == 12
    bench.delete_text_set(again.spec.table)
    assert left(folder) == []
    assert left(bench.settings.cache) == []
