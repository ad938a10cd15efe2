"""What the commands that list and look do, and those that start the service."""

import argparse
import dataclasses
import sys
import time
from typing import Any

from backend.bench.wiring import open_store, wire_runner, wire_workbench
from backend.cli.commands import print_json
from backend.errors import InvalidRequest
from backend.forms.codec import to_json
from backend.logs import set_up_logs
from backend.metrics import METRICS
from backend.settings import read_settings
from backend.values.tasks import NormTask
from backend.values.texts import MOST_CLASSES, told_apart


def list_metrics(options: argparse.Namespace) -> int:
    """The table of metrics with their parameters."""
    rows: list[dict[str, Any]] = []
    for row in METRICS.values():
        fields = [
            {
                "name": field.name,
                "default": to_json(field.default, {}),
                **{key: field.metadata.get(key) for key in ("help", "low", "high", "choices")},
            }
            for field in dataclasses.fields(row.params)
        ]
        rows.append(
            {"name": row.name, "title": row.title, "aliases": row.aliases, "scope": row.scope, "params": fields}
        )
    if options.json:
        return print_json(rows)
    for item in rows:
        also = f" (also: {', '.join(item['aliases'])})" if item["aliases"] else ""
        print(f"{item['name']}: {item['title']}{also}")
        for field in item["params"]:
            print(f"    {field['name']}={field['default']}  {field['help']}")
    return 0


def list_models(options: argparse.Namespace) -> int:
    """What model names stand for."""
    bench = wire_workbench(read_settings())
    infos = [bench.model(name) for name in options.name]
    if options.json:
        return print_json([to_json(info, {}) for info in infos])
    for info in infos:
        if info.is_given:
            print(f"{info.spec.name}: {info.architecture} of '{info.given_name}', {info.n_dims} dimensions")
            print(f"    digest {info.spec.commit}; layers: {', '.join(info.layer_names)}")
            continue
        print(
            f"{info.spec.name}: {info.architecture}, {info.family}, {info.n_blocks} blocks x {info.n_dims} dimensions"
        )
        print(f"    {info.n_parameters:,} parameters, {info.n_bytes / 1e6:.0f} MB as {info.spec.dtype}")
        if info.built:
            print(f"    {'; '.join(f'{name.lower()}: {words}' for name, words in info.built)}")
        print(f"    commit {info.spec.commit}; up to {info.max_length} tokens; pooling {info.default_pooling}")
        if 0 < info.usual_length < info.max_length:
            print(
                f"    its package reads {info.usual_length} tokens of a text; so does Embedscope unless you set a limit"
            )
        for remark in (*info.remarks, *info.package):
            print(f"    {remark}")
        print(f"    layers: {', '.join(info.layer_names)}")
    return 0


def list_norms(options: argparse.Namespace) -> int:
    """The outlier rule over the norms of one model."""
    bench = wire_workbench(read_settings())
    found = bench.wait(NormTask(bench.model(options.name).spec))
    if options.json:
        return print_json(to_json(found, {}))
    listed = ", ".join(map(str, found.dims)) or "none"
    print(f"{options.name}: outliers of '{found.norm}' in more than {found.more_than} blocks: {listed}")
    if found.note:
        print(f"    {found.note}")
    return 0


def list_text_sets(options: argparse.Namespace) -> int:
    """The text sets."""
    bench = wire_workbench(read_settings())
    if options.delete:
        gone = bench.text_set_info(options.delete)
        bench.delete_text_set(gone.spec.table)
        print(f"deleted: {gone.spec.name}, digest {gone.spec.table[:10]} ({told_apart(gone)})", file=sys.stderr)
    infos = bench.text_sets()
    if options.json:
        return print_json([to_json(info, {}) for info in infos])
    for info in infos:
        kind = "built in" if info.builtin else info.spec.table[:10]
        many = "+" if len(info.classes) == MOST_CLASSES else ""
        classes = f", {len(info.classes)}{many} classes in '{info.label}'" if info.label else ""
        print(f"{info.spec.name} ({kind}): {info.spec.n_rows:,} rows{classes}")
    return 0


def list_jobs(options: argparse.Namespace) -> int:
    """The jobs."""
    jobs = wire_workbench(read_settings()).jobs()
    if options.json:
        return print_json([to_json(job, {}) for job in jobs])
    for job in jobs:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job.created))
        count = f" {job.done}/{job.total}" if job.total else ""
        print(f"{when}  {job.state:9}  {job.title}{count}  {job.error}".rstrip())
    return 0


def healthy(options: argparse.Namespace) -> int:
    """Whether the dashboard and the service of this machine answer."""
    from backend.service.healthy import require_health

    for part, said in require_health(read_settings()).items():
        print(f"{part}: {said}")
    return 0


def up(options: argparse.Namespace) -> int:
    """Start everything."""
    from backend.service.up import up as start

    return start(read_settings())


def serve(options: argparse.Namespace) -> int:
    """Start the service."""
    from backend.service.serve import serve as start

    start(read_settings())
    return 0


def worker(options: argparse.Namespace) -> int:
    """One worker process, below the service's rules: local models lie below the roots."""
    from backend.bench.wiring import CODEC
    from backend.jobs.worker import KINDS, prepare_worker, serve_worker

    if options.kind not in KINDS:
        raise InvalidRequest(f"There is no worker '{options.kind}'.", f"Choose one of: {', '.join(KINDS)}.")
    settings = read_settings()
    set_up_logs(settings.log, f"worker {options.kind}")
    prepare_worker(options.kind, settings)
    runner = wire_runner(open_store(settings), settings, roots=settings.model_roots)
    serve_worker(options.kind, runner, CODEC, settings)
    return 0
