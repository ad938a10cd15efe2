"""The folder of ``embedscope papers``: one HTML with all rows, and figures, tables and recipes as files of their own."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from plotly.offline import get_plotlyjs

from backend import (
    DASHBOARD,
    PAPER_ROWS,
    PAPERS,
    TASKS,
    EmbedscopeError,
    PaperRow,
    Record,
    cannot_write,
    open_workbench,
    ours_words,
    record_of,
    write_whole,
)
from pages._kit.flow.gather import Visit, figures_of_addresses
from pages._kit.show.files import groups_of, html_file, typeset_files
from pages._kit.show.finding import Finding
from pages._kit.show.naming import file_stem
from pages._kit.show.typeset import csv_text
from pages._kit.show.wording import count
from pages._kit.state import session
from pages._kit.state.zoom import WHOLE
from pages.training.report.files import Section, html_report, section_of

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

LIBRARY = "plotly.min.js"
COLUMNS = ("model", "number", "value")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A part of a row: its record, the commands and recipes behind it, and its figures."""

    row: PaperRow
    record: Record
    commands: Sequence[str]
    recipes: Sequence[Any]  # JSON
    figures: Sequence[Finding]

    @property
    def undrawn(self) -> bool:
        """Whether a figure that the row has is missing."""
        return bool(self.row.figures) and not any(one.figure is not None for one in self.figures)


def look_up(bench: "Workbench", address: Mapping[str, Sequence[str]]) -> None:
    """Let the models and the series of an address be known: pages that are run for their figures alone look nothing up."""
    for name in address.get("model", ()):
        bench.model(name)
    if "series" in address:
        for name in (address["series"][0], *address.get(TASKS, ())):
            bench.series(name, at_most=int(address["at_most"][0]))


def write(folder: Path, data: Mapping[str, Any], bench: "Workbench") -> list[Drawn]:
    """Write everything into ``folder``, by the content of its papers.json."""
    for name in ("figures", "tables", "recipes"):
        (folder / name).mkdir(exist_ok=True)
    write_whole(folder / "figures" / LIBRARY, get_plotlyjs())
    parts = list(_drawn(data, bench))
    for part in parts:
        _write_part(folder, part)
    sections = list(_sections(parts, data["missing"]))
    page = html_report("The papers, row by row", sections, [f"Of {data['about']}"])
    write_whole(folder / "papers.html", page)
    return parts


def _drawn(data: Mapping[str, Any], bench: "Workbench") -> Iterator[Drawn]:
    """Each part with its figures, which the pages draw in turn."""
    known = {row.key: row for row in PAPER_ROWS}
    found = [(known[key], part) for key, parts in data["rows"].items() for part in parts]

    def visits() -> Iterator[tuple[Visit, str]]:
        for _, part in found:
            for turn in part["turns"]:
                look_up(bench, part["address"])
                words = {**part["address"], **turn}  # of the models that a page shows one at a time, this one
                yield Visit(known_page(part["page"])), urlencode(words, doseq=True)

    drawn = figures_of_addresses(str(DASHBOARD / "app.py"), visits())
    for row, part in found:
        figures: dict[tuple[str, ...], Finding] = {}
        for _ in part["turns"]:
            for finding in next(drawn):
                if finding.key.startswith((*row.figures, *row.tables)):
                    sources = (result.fingerprint for result in finding.results)
                    figures.setdefault((finding.key, finding.title, *sources), finding)
        yield Drawn(row, record_of(part), part["commands"], part["recipes"], list(figures.values()))


def known_page(page: str) -> str:
    """The last part of a page's address, by its folder."""
    return page.rpartition("/")[2]


def _write_part(folder: Path, part: Drawn) -> None:
    """The files of a part; a name begins with the key of its row."""
    stem = "-".join(
        [part.row.key, *(name.rstrip("/").rpartition("/")[2].replace(":", "-") for name in part.record.models[:2])]
    )
    write_whole(folder / "recipes" / f"{stem}.json", json.dumps(part.recipes, indent=1))
    rows = _numbers(part)
    write_whole(folder / "tables" / f"{stem}.csv", csv_text(list(COLUMNS), rows).encode("utf-8-sig"))
    for file in typeset_files(stem, (COLUMNS, rows), [f"{part.row.paper}, {part.row.place}"]):
        if file.name.endswith(".tex"):
            write_whole(folder / "tables" / file.name, file.make())
    for finding in part.figures:
        name = f"{part.row.key}-{file_stem(finding)}"
        if finding.figure is not None:
            write_whole(folder / "figures" / f"{name}.html", html_file(finding, library=LIBRARY))
        for group in groups_of(finding, None, WHOLE):
            for file in group.files:
                if file.name.endswith((".csv", ".tex")):
                    write_whole(folder / "tables" / f"{part.row.key}-{file.name}", file.make())


def _numbers(part: Drawn) -> list[list[Any]]:
    """The numbers of the paper and ours, a row each."""
    printed = [["the paper", what, value] for what, value in part.row.printed]
    return printed + [[one.model or "all", one.name, one.value] for one in part.record.numbers]


def _sections(parts: Sequence[Drawn], missing: Mapping[str, str]) -> Iterator[Section]:
    """Each row as a section with its numbers, and one for each of its figures."""
    for paper, publication in PAPERS.items():
        yield Section(paper, f"{publication.title}. {publication.authors}.")
        for row in PAPER_ROWS:
            if row.paper != paper:
                continue
            own = [part for part in parts if part.row == row]
            for part in own:
                yield _head(part)
                for finding in part.figures:
                    one = section_of(finding, square=finding.aspect is not None, origins=True)
                    yield replace(one, title=f"{row.heading}: {one.title}")
            if not own and row.key in missing:
                yield Section(f"{row.paper}, {row.place}", row.shows, notes=[f"Not here: {missing[row.key]}"])


def _head(part: Drawn) -> Section:
    row = part.row
    notes = [f"The paper says ({row.said_at}) that {row.claim}. Here: {row.rule}."] if row.claim else []
    notes.append(f"Ours, {ours_words(part.record)}.")
    if part.undrawn:
        notes.append("Its figure could not be drawn; the numbers are those above.")
    notes += [f"Reasons for a difference: {'; '.join(row.differs)}."] if row.differs else []
    notes += list(part.commands)
    return Section(f"{row.paper}, {row.place}", row.shows, table=(COLUMNS, _numbers(part)), notes=notes)


def main() -> int:
    """Draw the folder that the command line names."""
    bench, folder = open_workbench(), Path(sys.argv[1])
    session.lend(bench)
    data = json.loads((folder / "papers.json").read_text(encoding="utf-8"))
    try:
        parts = write(folder, data, bench)
    except (EmbedscopeError, OSError) as error:
        found = cannot_write(folder, 0, error) if isinstance(error, OSError) else error
        sys.stderr.write(f"{found.message} {found.hint}\n")
        return 2
    undrawn = list(dict.fromkeys(part.row.key for part in parts if part.undrawn))
    sys.stdout.write(f"{count(sum(len(part.figures) for part in parts), 'figure')}: {folder / 'papers.html'}\n")
    if undrawn:
        sys.stderr.write(f"no figure of {', '.join(undrawn)}\n")
    return 1 if undrawn else 0


if __name__ == "__main__":
    sys.exit(main())
