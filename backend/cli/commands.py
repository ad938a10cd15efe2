"""What each command of the command line does."""

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.bench.wiring import wire_workbench
from backend.bench.workbench import Workbench
from backend.errors import EmbedscopeError, InvalidRequest
from backend.forms.documents import result_document, series_document
from backend.forms.whole import write_whole
from backend.metrics import metric
from backend.metrics.base import parse_params
from backend.settings import read_settings
from backend.values.activations import Report, no_report
from backend.values.json_data import Json
from backend.values.likeness import preset_of
from backend.values.models import ModelInfo
from backend.values.results import Result
from backend.values.specs import POSTPROCESS_STEPS, PostProcess, TokenSample
from backend.values.texts import TextSetInfo, sets_meant


def analyse(options: argparse.Namespace) -> int:
    """Compute one metric."""
    row = metric(options.metric)
    params = dict(_named(text) for text in options.param)
    if options.classes:
        params["classes"] = options.classes
    parse_params(row.params, params)
    steps = [post_step(text) for text in options.post]
    _check_series(options)
    if options.as_in_the_paper:
        preset_of(row.name)  # a metric that no paper has is refused before anything is read
    check_out(options)
    bench = wire_workbench(read_settings())
    texts = read_texts_of(bench, options)
    basis = _texts(bench, options, options.basis_texts) if options.basis_texts else None
    report = report_of(options)
    asked: dict[str, Any] = {
        "texts": texts,
        "pooling": options.pooling,
        "layers": options.layers,
        "label": _label_of(texts, options),
        "params": params,
        "seed": options.seed,
        "postprocess": steps,
        "max_length": options.max_length,
        "tokens": TokenSample(options.tokens, options.seed) if _of_tokens(options) else None,
        "basis": basis,
        "beside": [bench.model(name, dtype=options.dtype, report=report) for name in options.beside],
    }
    if options.series:
        return _analyse_series(bench, options, asked, report)
    models = [bench.model(name, dtype=options.dtype, report=report) for name in options.model or ["minilm"]]
    models, order = bench.directed(row.name, models)
    asked, notes = _as_in_the_paper(bench, options, models[0], asked)
    result = bench.wait(bench.analysis(row.name, models=models, **asked), report)
    if options.as_in_the_paper:
        notes = bench.unlike_the_paper(row.name, models[0], asked, result.sources[0].n_rows)
    notes = (order, *notes) if order else notes
    _deliver([dataclasses.replace(result, notes=(*result.notes, *notes))], options)
    return 0


def _label_of(texts: TextSetInfo, options: argparse.Namespace) -> str | None:
    """The label asked for, of a text set that was there already; a file was read with it."""
    chosen = texts.builtin or options.label in texts.columns
    return (options.label if chosen else None) or texts.label


def _of_tokens(options: argparse.Namespace) -> bool:
    """Whether a sample of tokens is asked for; as in the paper the pooling may be tokens without being named."""
    return options.pooling == "tokens" or (options.as_in_the_paper and options.tokens is not None)


def _as_in_the_paper(
    bench: Workbench, options: argparse.Namespace, model: ModelInfo, asked: dict[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is asked, as in the paper where that is wanted, and notes on what differs from it."""
    return bench.as_in_the_paper(options.metric, model, asked) if options.as_in_the_paper else (asked, ())


def _analyse_series(bench: Workbench, options: argparse.Namespace, asked: dict[str, Any], report: Report) -> int:
    series = bench.series(
        options.series,
        dtype=options.dtype,
        steps=options.steps,
        at_most=options.at_most,
        skip_broken=options.skip_broken,
        report=report,
    )
    against = options.against
    if against not in (None, "first", "last"):
        try:
            against = bench.model(against, dtype=options.dtype, report=report)
        except EmbedscopeError as error:
            hint = f"--against takes first, last, or a model. {error.hint}"
            raise InvalidRequest(f"'{options.against}' is neither first nor last: {error.message}", hint) from None
    asked, notes = _as_in_the_paper(bench, options, series.models[0], asked)
    task = bench.series_analyses(options.metric, series=series, against=against, **asked)
    found = bench.compute_series(task, series, report)
    if options.as_in_the_paper and found.results:
        notes = bench.unlike_the_paper(options.metric, series.models[0], asked, found.results[0].sources[0].n_rows)
    results = tuple(dataclasses.replace(result, notes=(*result.notes, *notes)) for result in found.results)
    found = dataclasses.replace(found, results=results)
    for item in series.broken:
        print(f"note: step {item.step} was left out: {item.reason}", file=sys.stderr)
    tell(found.results, options)
    write_json(series_document(found), options)
    return 0


def _check_series(options: argparse.Namespace) -> None:
    if options.series and options.model:
        raise InvalidRequest("A series has its own models.", "Give --series or --model, not both.")
    if not options.series and (options.steps or options.at_most or options.against or options.skip_broken):
        raise InvalidRequest("--steps, --at-most, --against and --skip-broken need --series.", "Name the series.")


def run_recipe(options: argparse.Namespace) -> int:
    """Run a recipe."""
    try:
        data = json.loads(Path(options.recipe).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"{options.recipe} cannot be read: {error.strerror}.", "Check the path.") from None
    except (ValueError, RecursionError):
        raise InvalidRequest(
            f"{options.recipe} is not JSON.", "Give a file exported from a page or by --out."
        ) from None
    check_out(options)
    bench = wire_workbench(read_settings())
    several = data if isinstance(data, list) else [data]
    recipes = [item.get("recipe", item) if isinstance(item, dict) else item for item in several]
    recipes = [one for item in recipes for one in (item if isinstance(item, list) else [item])]  # a series has several
    _deliver([bench.wait(bench.from_recipe(recipe), report_of(options)) for recipe in recipes], options)
    return 0


def read_texts_of(bench: Workbench, options: argparse.Namespace) -> TextSetInfo:
    """The text set of ``--texts``, joined with that of ``--test-texts`` where there is one."""
    texts = _texts(bench, options, options.texts)
    return bench.join_texts(texts, _texts(bench, options, options.test_texts)) if options.test_texts else texts


def _texts(bench: Workbench, options: argparse.Namespace, given: str) -> TextSetInfo:
    """A file, if there is one of that name; otherwise a text set that is there."""
    path = Path(given).expanduser()
    if not path.is_file() and sets_meant(bench.text_sets(), given):
        info = bench.text_set_info(given)
        if options.rows is None:
            return info
        return bench.sample_texts(info, options.rows, by=options.rows_by, seed=options.rows_seed)
    by_number = options.no_header
    info = bench.read_texts(
        path,
        text=_column(options.text, by_number),
        joined=[column for one in options.joined if (column := _column(one, by_number)) is not None],
        ahead=[column for one in options.ahead if (column := _column(one, by_number)) is not None],
        pair=_column(options.pair, by_number),
        label=_column(options.label, by_number),
        split=_column(options.split, by_number),
        header=False if by_number else True if options.header else None,
        format=options.format,
        encoding=options.encoding,
        separator=options.separator,
        rows=options.rows,
        rows_by=options.rows_by,
        rows_seed=options.rows_seed,
        clean_wikitext=options.clean_wikitext,
        task=options.task,
    )
    for notice in () if options.quiet else info.notices:
        print(f"note: {path.name}: {notice}", file=sys.stderr)
    return info


def _column(given: str | None, by_number: bool) -> str | int | None:
    if given is None or not by_number:
        return given
    if not given.isdigit():
        raise InvalidRequest(f"With --no-header a column is a number from 0, not '{given}'.", "For example: --text 1")
    return int(given)


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidRequest(f"--param takes NAME=VALUE, not '{text}'.", "For example: --param debiased=true")
    return name.strip(), value.strip()


def post_step(text: str) -> PostProcess:
    """The step of post-processing that a person wrote as STEP or STEP:K."""
    kind, _, k = text.partition(":")
    if kind == "remove_dims" and re.fullmatch(r"[0-9]+(,[0-9]+)*", k):
        return PostProcess(kind, dims=tuple(int(dim) for dim in k.split(",")))
    if kind not in POSTPROCESS_STEPS or (k and not k.isdigit()):
        raise InvalidRequest(
            f"--post cannot be '{text}'.", f"Choose: {', '.join(POSTPROCESS_STEPS)}; remove_rogue:3; remove_dims:4,17."
        )
    return PostProcess(kind, int(k or 0))


def print_progress(done: int, total: int, stage: str) -> None:
    """A report for a terminal: one line on standard error, overwritten."""
    count = f" {done}/{total}" if total else ""
    sys.stderr.write(f"\r\x1b[K{stage}{count}")
    sys.stderr.flush()


def report_of(options: argparse.Namespace) -> Report:
    """What shows the progress, if anything is to."""
    return no_report if options.quiet or not sys.stderr.isatty() else print_progress


def check_out(options: argparse.Namespace) -> None:
    """Refuse an --out that cannot be written before anything is computed."""
    if options.out and not Path(options.out).expanduser().resolve().parent.is_dir():
        raise InvalidRequest(f"{options.out} cannot be written: there is no such folder.", "Choose another path.")


def _deliver(results: list[Result], options: argparse.Namespace) -> None:
    """Write the documents: one result as an object, several as a list, as the pages' downloads are."""
    tell(results, options)
    documents = [result_document(result) for result in results]
    write_json(documents[0] if len(documents) == 1 else documents, options)


def tell(results: Sequence[Result], options: argparse.Namespace) -> None:
    """Say the notes of the results, each once, on standard error."""
    if sys.stderr.isatty() and not options.quiet:
        sys.stderr.write("\r\x1b[K")
    for note in dict.fromkeys(note for result in results for note in result.notes):
        print(f"note: {note}", file=sys.stderr)


def write_json(data: Json, options: argparse.Namespace) -> None:
    """Write a document to --out, or print it, or both."""
    if options.out:
        write_whole(Path(options.out), json.dumps(data, allow_nan=False) + "\n")
    if options.json or not options.out:
        print_json(data)


def print_json(data: Json) -> int:
    """Print a document; returns the exit status of a command that ends so."""
    print(json.dumps(data, indent=1, allow_nan=False))
    return 0
