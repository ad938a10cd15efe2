"""What the commands ``finetune`` and ``runs`` do."""

import argparse
import dataclasses
import json
import math
import sys

from backend.bench.wiring import wire_workbench
from backend.cli.commands import read_texts_of, report_of, write_json
from backend.errors import InvalidRequest
from backend.forms.codec import to_json
from backend.models.runfolder import check_name
from backend.settings import read_settings
from backend.values.json_data import Document
from backend.values.recipes import Recipe, recipe
from backend.values.runs import RunInfo, step_name


def finetune(options: argparse.Namespace) -> int:
    """Fine-tune a model, and say how good it became beside a frozen one."""
    chosen = recipe(options.recipe, _changes(options))
    check_name(options.name)
    bench = wire_workbench(read_settings())
    texts = read_texts_of(bench, options)
    info = bench.finetune(
        options.name,
        model=options.model,
        texts=texts,
        label=(options.label if texts.builtin else None) or texts.label,
        recipe=chosen,
        report=report_of(options),
    )
    if sys.stderr.isatty() and not options.quiet:
        sys.stderr.write("\r\x1b[K")
    for note in info.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.json or options.out:
        write_json(run_document(info), options)
    else:
        print("\n".join(said(info)))
    return 0


def list_runs(options: argparse.Namespace) -> int:
    """The runs of fine-tuning."""
    bench = wire_workbench(read_settings())
    if options.rename:
        renamed = bench.rename_run(*options.rename)
        print(f"The run '{options.rename[0]}' is called '{renamed.name}' now.", file=sys.stderr)
    if options.delete:
        n_bytes = bench.delete_run(options.delete)
        print(f"The run '{options.delete}' was deleted: {n_bytes / 1e6:,.1f} MB.", file=sys.stderr)
    found = bench.runs()
    if options.json:
        print(json.dumps([run_document(info) for info in found], indent=1, allow_nan=False))
        return 0
    for info in found:
        where = f"step {info.steps[-1]} of {info.total_steps}" if info.steps else "nothing saved"
        if info.step is not None and (info.state != "done" or info.step != info.steps[-1]):
            where += (
                f"; the name now means step {info.step}"
                if info.state != "done"
                else f"; the name means step {info.step}"
            )
        print(f"run:{info.name} ({info.state}, {where}): {info.base} on {info.texts}, accuracy {_share(info.accuracy)}")
        if info.error:
            print(f"    {info.error}")
    return 0


def run_document(info: RunInfo) -> Document:
    """A run as JSON, with what follows from it: the model's name, the chosen and the best step, the accuracy."""
    more = {"model": f"run:{info.name}", "step": info.step, "best_step": info.best_step, "accuracy": info.accuracy}
    return {**to_json(info, {}), **{key: to_json(value, {}) for key, value in more.items()}}


def said(info: RunInfo) -> list[str]:
    """The end of a run in lines for a terminal."""
    on = f"on {info.n_test:,} rows ({info.judged_on})"
    lines = [
        f"Fine-tuned {info.base} on {info.n_train:,} rows of {info.texts} in {info.seconds:,.0f} s: run:{info.name}",
        f"    largest class      {_share(info.majority)}  {on}",
        f"    frozen base, head  {_share(info.frozen)}  {on}, pooling {info.frozen_pooling}",
    ]
    if info.frozen_pooling not in ("mean", "words"):
        lines.append(f"    the same, mean     {_share(info.frozen_mean)}  {on}, pooling mean")
    lines.append(f"    fine-tuned         {_share(info.accuracy)}  {on}, step {info.step}")
    if not math.isnan(info.test_accuracy):
        lines.append(
            f"    on the test rows   {_share(info.test_accuracy)}  on {info.n_final:,} rows; frozen "
            f"{_share(info.test_frozen)}"
        )
    pairs = zip(info.steps, info.accuracies, strict=True)
    lines.append("    saved steps        " + ", ".join(f"{step}: {_share(value)}" for step, value in pairs))
    lines.append(f"    {info.folder}")
    if info.step is not None:
        lines.append(f"    models: run:{info.name}, run:{info.name}@{step_name(info.steps[0])} and so on")
    return lines


def _changes(options: argparse.Namespace) -> dict[str, str]:
    changes = {
        field.name: value
        for field in dataclasses.fields(Recipe)
        if (value := getattr(options, f"recipe_{field.name}")) is not None
    }
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidRequest(f"--set takes FIELD=VALUE, not '{text}'.", "For example: --set learning_rate=3e-5")
        changes[name.strip().replace("-", "_")] = value.strip()
    return changes


def _share(value: float) -> str:
    return "   -  " if math.isnan(value) else f"{value:.4f}"
