"""The commands about the cache folder and the machine: what is kept, what may go, and whether all is well."""

import argparse
import dataclasses
import os
import re
import shutil
import sys
import urllib.parse
from pathlib import Path
from typing import Any

from backend.bench.wiring import service_health, wire_workbench
from backend.bench.workbench import Workbench
from backend.cli.commands import print_json
from backend.errors import EmbedscopeError
from backend.forms.codec import to_json
from backend.settings import Settings, read_settings
from backend.store.upgrade import newer_form
from backend.values.json_data import Document
from backend.version import __version__
from backend.work.provenance import versions

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([mhdw]?)", re.IGNORECASE)
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "": 86_400}
_MOST_DAMAGE = 20  # lines of what was set aside


def size_of(text: str) -> int:
    """Bytes, of a size such as 500M or 2G (powers of 1024)."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no size such as 500M or 2G")
    return int(float(found[1]) * 1024 ** " kmgt".index(found[2].lower() or " "))


def age_of(text: str) -> float:
    """Seconds, of an age such as 30d or 12h; a bare number is days."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no age such as 30d or 12h")
    return float(found[1]) * _SECONDS[found[2].lower()]


def show_cache(options: argparse.Namespace) -> int:
    """What the cache takes, after what was asked to go is gone."""
    bench = wire_workbench(read_settings())
    pruned: Document = {}
    if options.clear:
        bench.clear_cache()
    if options.older_than is not None or options.down_to is not None:
        n_files, n_bytes = bench.prune_cache(older_than=options.older_than, down_to=options.down_to)
        pruned = {"n_files": n_files, "n_bytes": n_bytes}
        print(f"deleted: {n_files} files, {n_bytes / 1e6:.1f} MB", file=sys.stderr)
    usage = bench.usage()
    if options.json:
        rows = [to_json(item, {}) for item in usage]
        return print_json({"folder": str(bench.settings.cache), "usage": rows, "deleted": pruned} if pruned else rows)
    print(bench.settings.cache)
    for item in usage:
        print(f"    {item.kind}: {item.n_files} files, {item.n_bytes / 1e6:.1f} MB")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """What this machine has, and whether all is well: 0 where it is, 2 where something must be done."""
    from backend.models.device import choose_device, choose_dtype

    settings = read_settings()
    device = choose_device(settings.device)
    facts: dict[str, Any] = {
        "embedscope": __version__,
        "python": sys.version.split()[0],
        "device": device,
        "dtype": choose_dtype(settings.dtype, device),
        "cores": os.cpu_count(),
        "cache": str(settings.cache),
        **versions(),
        "settings": _settings(settings),
        "disk": _disk(settings.cache),
        "service": _service(settings),
    }
    try:
        facts.update(_of_the_cache(wire_workbench(settings), options.check))
    except EmbedscopeError as error:
        facts["problem"] = f"{error.message} {error.hint}"
    if options.json:
        print_json(facts)
    else:
        for name, value in facts.items():
            _print(name, value)
    return 2 if "problem" in facts else 0


def _of_the_cache(bench: Workbench, check: bool) -> dict[str, Any]:
    """What is in the cache folder and what was found damaged; the sizes, the index of records, the built-in model."""
    usage = {item.kind: {"n_files": item.n_files, "n_bytes": item.n_bytes} for item in bench.usage()}
    facts: dict[str, Any] = {
        "cache_bytes": sum(item["n_bytes"] for item in usage.values()),
        "usage": usage,
        "index": bench.index_health(),
        "damage": bench.damage()[:_MOST_DAMAGE],
        "format": newer_form(bench.settings.cache) or "this version's",
        **bench.health(),
    }
    if check:
        n_read, n_damaged = bench.check_cache()
        facts["checked"] = {"n_files": n_read, "n_damaged": n_damaged}
        facts["damage"] = bench.damage()[:_MOST_DAMAGE]
    try:
        info = bench.model("minilm")
        facts["minilm"] = f"ok, {info.n_blocks} blocks x {info.n_dims} dimensions"
    except EmbedscopeError as error:
        facts["minilm"] = error.message
    return facts


def _settings(settings: Settings) -> dict[str, Any]:
    """The settings in force, without what is secret in them."""
    found = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    for name, value in found.items():
        if any(word in name for word in ("token", "secret", "password")):
            found[name] = "set" if value else ""
        elif isinstance(value, Path):
            found[name] = str(value)
        elif isinstance(value, tuple):
            found[name] = [str(one) for one in value]
    address = urllib.parse.urlsplit(settings.backend)
    if address.password or address.username:
        found["backend"] = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    return found


def _disk(cache: Path) -> dict[str, Any]:
    """How much room there is where the cache folder lies."""
    place = next((path for path in (cache, *cache.parents) if path.exists()), Path("/"))
    total, _, free = shutil.disk_usage(place)
    return {"total_bytes": total, "free_bytes": free, "writable": os.access(place, os.W_OK)}


def _service(settings: Settings) -> dict[str, Any]:
    """What the service of this cache folder says of itself and its workers, where one answers."""
    try:
        return {"answers": True, **service_health(settings)}
    except EmbedscopeError as error:
        return {"answers": False, "why": error.message}


def _print(name: str, value: Any) -> None:
    if isinstance(value, dict):
        for inner, one in value.items():
            print(f"{name + ' ' + inner:32} {one}")
    elif isinstance(value, list):
        for one in value:
            print(f"{name:32} {one}")
    else:
        print(f"{name:32} {value}")
