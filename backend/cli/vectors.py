"""What the command ``vectors`` does: add a file of vectors, list those that are there, delete some."""

import argparse
import sys
from pathlib import Path

from backend.bench.wiring import wire_workbench
from backend.bench.workbench import Workbench
from backend.cli.commands import print_json, report_of
from backend.forms.codec import to_json
from backend.settings import read_settings
from backend.values.vectors import VectorsInfo


def add_vectors(options: argparse.Namespace) -> int:
    """Save a file of vectors and say what it holds."""
    bench = wire_workbench(read_settings())
    info = bench.add_vectors(
        Path(options.file),
        name=options.name or "",
        texts=options.texts,
        take=[part.strip() for part in options.layers.split(",") if part.strip()] if options.layers else (),
        text=options.text,
        label=options.label,
        split=options.split,
        report=report_of(options),
    )
    found = next(one for one in bench.vector_sets() if one.commit == info.spec.commit)
    for notice in () if options.quiet else found.notices:
        print(f"note: {Path(options.file).name}: {notice}", file=sys.stderr)
    if options.json:
        return print_json(to_json(found, {}))
    _print(found)
    return 0


def keep_sub_layers(options: argparse.Namespace) -> int:
    """Keep the parts of a model's blocks and say what was kept."""
    bench = wire_workbench(read_settings())
    name, report = options.name or "", report_of(options)
    info = bench.sub_layers(options.model, options.texts, pooling=options.pooling, name=name, report=report)
    found = next(one for one in bench.vector_sets() if one.commit == info.spec.commit)
    if options.json:
        return print_json(to_json(found, {}))
    _print(found)
    return 0


def list_vectors(options: argparse.Namespace) -> int:
    """The imported vectors."""
    infos = wire_workbench(read_settings()).vector_sets()
    if options.json:
        return print_json([to_json(info, {}) for info in infos])
    if not infos:
        print("There are no imported vectors.")
    for info in infos:
        _print(info)
    return 0


def delete_vectors(options: argparse.Namespace) -> int:
    """Delete imported vectors."""
    bench: Workbench = wire_workbench(read_settings())
    n_bytes = bench.delete_vectors(options.name)
    print(f"deleted {options.name}: {n_bytes / 1e6:.1f} MB", file=sys.stderr)
    return 0


def _print(info: VectorsInfo) -> None:
    layers = f"{len(info.layer_names)} layers" if len(info.layer_names) > 1 else "1 layer"
    print(f"{info.model_name}: {layers} x {info.texts.n_rows:,} rows x {info.n_dims:,} dimensions, {info.dtype}")
    print(f"    texts: {info.texts.name} ({info.texts.table[:10]}); layers: {', '.join(info.layer_names)}")
