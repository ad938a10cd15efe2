"""What the command ``papers`` does: all figures and tables of the papers for given models, as a folder."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from backend.bench.wiring import wire_workbench
from backend.bench.workbench import Workbench
from backend.cli.commands import read_texts_of, report_of
from backend.errors import EmbedscopeError, InvalidRequest
from backend.forms.whole import write_whole
from backend.papers.chosen import OtherTask, PaperChoice, learned_from, runs_of_tasks
from backend.papers.estimates import seconds_words
from backend.papers.recorded import shown_name
from backend.papers.row import PaperRow
from backend.papers.run import Made, document, make, plan, specs_of
from backend.papers.table import ROWS, row_called
from backend.settings import DASHBOARD, own_command, read_settings
from backend.values.json_data import Document
from backend.values.models import ModelInfo, SeriesInfo
from backend.values.papers import PAPERS

FILE = "papers.json"
_WRITER = "pages.training.papers.written"


def papers(options: argparse.Namespace) -> int:
    """Compute the rows, then write the folder; started again, it goes on where it was interrupted."""
    rows, folder = _rows(options), _folder(options.out)
    bench, report = wire_workbench(read_settings()), report_of(options)
    chosen = _chosen(bench, options)
    planned = plan(bench, rows, chosen)
    before = _before(folder)
    cost = bench.cost(specs_of(planned))
    _say(
        options,
        f"{len(specs_of(planned))} analyses, about {seconds_words(cost.whole_seconds)} of work that is not stored yet.",
    )
    made: dict[str, list[Made]] = {}
    for place, one in enumerate(planned, 1):
        made[one.row.key] = make(bench, one, chosen, report, before.get("rows", {}).get(one.row.key))
        _say(
            options,
            f"{place} of {len(planned)}, {one.row.paper}, {one.row.place}: {_came_of(made[one.row.key], one.why_not)}",
        )
        _write(folder, document(bench, made, planned, chosen, _about(options, chosen), before))
    bench.close()
    if not options.without_figures:
        _draw(folder, options)
    return 0


def _rows(options: argparse.Namespace) -> Sequence[PaperRow]:
    """The rows that are asked for: of papers by the beginning of their names, by their keys, or all."""
    rows = [row_called(key) for key in options.only]
    for name in options.paper:
        known = [paper for paper in PAPERS if paper.lower().startswith(name.lower())]
        if len(known) != 1:
            raise InvalidRequest(f"No one paper is called '{name}'.", f"There are: {', '.join(PAPERS)}.")
        rows += [row for row in ROWS if row.paper == known[0]]
    return rows or ROWS


def _folder(out: str) -> Path:
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"The folder {out} cannot be made: {error.strerror}.", "Choose another.") from None
    return folder


def _chosen(bench: Workbench, options: argparse.Namespace) -> PaperChoice:
    report = report_of(options)
    models = tuple(bench.model(name, report=report) for name in options.models)
    texts = read_texts_of(bench, options)
    known = options.label if texts.builtin or options.label in texts.columns else None
    series = bench.series(options.series, at_most=options.at_most, report=report) if options.series else None
    general = bench.text_set_info(options.general_texts)
    label = known or texts.label
    tasks = _tasks(bench, models, series, options)
    return PaperChoice(models, texts, general, label, series, options.at_most, options.seed, tasks)


def _tasks(
    bench: Workbench, models: Sequence[ModelInfo], series: SeriesInfo | None, options: argparse.Namespace
) -> tuple[OtherTask, ...]:
    """The tasks that stand beside the series': those of the other runs among the models, with the texts that each learned from."""
    found, sets = [], bench.text_sets()
    for run in runs_of_tasks(bench, models, series) if series is not None else ():
        texts = learned_from(run, sets)
        if texts is not None:
            steps = bench.series(f"run:{run.name}", at_most=options.at_most, report=report_of(options))
            found.append(OtherTask(steps, texts, run.label))
    return tuple(found)


def _before(folder: Path) -> Document:
    """What an earlier run has left in the folder; nothing where there is none, or where it cannot be read."""
    try:
        found: Document = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _came_of(made: Sequence[Made], why_not: str) -> str:
    if why_not:
        return why_not
    parts = []
    for one in made:
        found = one.record.models if one.record else [info.spec.name for info in one.part.group.models]
        names = " and ".join(map(shown_name, found))
        what = one.why_not if one.record is None else f"{one.record.verdict}, {seconds_words(one.seconds)}"
        parts.append(f"{names}: {what}")
    return "; ".join(parts)


def _about(options: argparse.Namespace, chosen: PaperChoice) -> str:
    """On what the rows are, in words."""
    names = ", ".join(shown_name(info.spec.name) for info in chosen.models)
    label = f", label {chosen.label}" if chosen.label else ""
    series = f", series {shown_name(chosen.series.name)}" if chosen.series is not None else ""
    when = datetime.now(UTC).date()
    return f"{names} on {chosen.texts.spec.name}{label}{series}, general texts {chosen.general.spec.name}, {when}, {os.cpu_count()} cores."


def _write(folder: Path, data: Document) -> None:
    write_whole(folder / FILE, json.dumps(data, allow_nan=False, indent=1) + "\n")


def _draw(folder: Path, options: argparse.Namespace) -> None:
    """Let the pages draw their figures from what is stored, in a process of their own: the backend draws nothing."""
    done = subprocess.run(
        [*own_command(_WRITER), str(folder.resolve())],
        cwd=DASHBOARD,
        stdout=subprocess.DEVNULL if options.quiet else None,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise EmbedscopeError(f"The figures could not be drawn: {last}", f"The numbers are in {folder / FILE}.")


def _say(options: argparse.Namespace, line: str) -> None:
    if not options.quiet:
        print(f"\r\x1b[K{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)
