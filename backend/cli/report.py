"""What the command ``report`` does."""

import argparse
import sys
from collections.abc import Sequence

from backend.bench.wiring import wire_workbench
from backend.cli.commands import check_out, post_step, read_texts_of, report_of, tell, write_json
from backend.reports.documents import report_document
from backend.reports.plan import SPLIT_FIELDS, check_pair, plan_report
from backend.reports.summary import SummaryRow, summary_rows
from backend.reports.words import number_texts
from backend.settings import read_settings


def report(options: argparse.Namespace) -> int:
    """Compare a model before and after fine-tuning."""
    check_out(options)
    steps = [post_step(text) for text in options.post]
    bench = wire_workbench(read_settings())
    progress = report_of(options)
    base, tuned = (bench.model(name, dtype=options.dtype, report=progress) for name in (options.base, options.tuned))
    check_pair(base, tuned)
    texts = read_texts_of(bench, options)
    given = {name: getattr(options, name) for name in SPLIT_FIELDS}
    plan = plan_report(
        bench,
        base,
        tuned,
        texts=texts,
        label=(options.label if texts.builtin else None) or texts.label,
        layers=options.layers,
        layer=options.layer,
        heavy=options.slow,
        split={name: value for name, value in given.items() if value is not None},
        classes=options.classes or "",
        pooling=options.pooling,
        seed=options.seed,
        postprocess=steps,
        max_length=options.max_length,
    )
    results = bench.wait(plan.task, progress)
    tell(results, options)
    if plan.reversed:
        print(f"note: {plan.reversed}", file=sys.stderr)
    if options.out and not options.json:
        print("\n".join(said(summary_rows(plan.named(results), plan.layer))))
    write_json(report_document(plan, results), options)
    return 0


def said(rows: Sequence[SummaryRow]) -> list[str]:
    """The summary as lines: the title, the number before and after, and what it means."""
    lines = []
    for row in rows:
        before, after, _ = number_texts(row.before, row.after, row.difference, row.unit)
        lines.append(f"{row.title}: {before} -> {after}. {row.meaning or row.reason}")
    return lines
