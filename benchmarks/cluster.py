"""A forward pass on a Ray cluster of two nodes of this machine, beside the same in one process; and with a node that is killed.

``python -m benchmarks.cluster --texts 20000`` (as one of all benchmarks: 1,500 texts). The nodes are two raylets, each in a network
namespace of its own where this user may make those, else on ports of their own. Reported: seconds, and the largest
difference between the arrays of the cluster and those of one process. Needs the package ray.
"""

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from backend import open_workbench, read_settings
from backend.bench.wiring import open_store, wire_runner
from backend.bench.workbench import Workbench
from backend.forms.fingerprint import fingerprint
from backend.settings import PROJECT, Settings
from backend.textsets.builtin import BUILTIN, builtin_table
from backend.values.specs import POOLINGS, ActivationSpec

HEAD, OTHER, PORT = "10.77.0.1", "10.77.0.2", 6390
SPACES = {HEAD: "embedscope-a", OTHER: "embedscope-b"}
SHARD_TOKENS = 16_384  # a quarter of the default, so that one core has done a shard in less than a minute
_EXTRACTING = "Extracting activations"


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=1500)
    parser.add_argument("--ways", default="local,1,2,lost")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--one", choices=("local", "ray"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_pass(options.folder, options.one)))
        return
    if importlib.util.find_spec("ray") is None:
        print("cluster: skipped, the package ray is not installed (requirements-ray.txt)")
        return
    with tempfile.TemporaryDirectory() as name:
        _ways(options.folder or Path(name), options.texts, options.ways.split(","))


def _ways(folder: Path, n_texts: int, ways: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "texts.txt").write_text("\n".join(texts_of(n_texts)), "utf-8")
    apart = _may_make_spaces()
    print(
        f"{n_texts:,} texts, minilm, one thread a process, shards of {SHARD_TOKENS:,} tokens; {'network namespaces' if apart else 'one network'}"
    )
    for way in ways:
        began, load = time.monotonic(), os.getloadavg()[0]
        if way == "local":
            found = _one(folder / way, folder, "local", (), None)
        else:
            with _nodes(1 if way == "1" else 2, apart):
                found = _one(folder / way, folder, "ray", _in(HEAD, apart), OTHER if way == "lost" else None)
        worst = "" if way == "local" or "local" not in ways else f", off by {_worst(folder, way):.1e}"
        pace = n_texts / found["extracting"] if found["extracting"] else 0.0
        print(
            f"{way:6} whole {found['seconds']:7.1f} s, model running {found['extracting']:7.1f} s ({pace:5.1f} texts/s), "
            f"putting together {found['gathering']:5.1f} s{worst}; load {load:.1f} to {os.getloadavg()[0]:.1f}, "
            f"with start and end {time.monotonic() - began:.0f} s {found.get('lost', '')}",
            flush=True,
        )


def texts_of(n_texts: int) -> list[str]:
    """The built-in texts again and again, each time with another number, so that all are different."""
    plain = [text for name in BUILTIN for text in builtin_table(name).texts]
    return [f"{plain[number % len(plain)]} ({number // len(plain)})" for number in range(n_texts)]


def _one(cache: Path, folder: Path, executor: str, before: tuple[str, ...], kill: str | None) -> dict[str, Any]:
    """One pass in a process of its own; with ``kill`` the raylet of that node is killed when a third is done."""
    (cache / "cache").mkdir(parents=True)
    (cache / "texts.txt").symlink_to(folder / "texts.txt")
    command = [*before, sys.executable, "-m", "benchmarks.cluster", "--one", executor, "--folder", str(cache)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said, done = "", ""
    while process.poll() is None and kill is not None:
        with contextlib.suppress(OSError):
            said = (cache / "progress").read_text()
        if said and int(said.split()[0]) * 3 > int(said.split()[1]):
            done = f"(killed {_kill_raylet(kill)} at {said})"
            kill = None
        time.sleep(0.2)
    out, err = process.communicate()
    if process.returncode:
        raise RuntimeError(err[-2000:])
    answer = next(line for line in reversed(out.splitlines()) if line.startswith("{"))  # Ray says more, of a lost node
    return {**json.loads(answer), "lost": done}


def _pass(folder: Path, executor: str) -> dict[str, float]:
    """Bring the activations of the texts into the cache of ``folder``; seconds of all, and of its stages."""
    settings = _settings(folder, executor)
    bench = open_workbench(settings)
    inputs = _inputs(bench, folder)
    runner = wire_runner(open_store(settings), settings, roots=None)
    stages: dict[str, list[float]] = {}

    def report(done: int, total: int, stage: str) -> None:
        now = time.monotonic()
        stages.setdefault("putting" if "Putting" in stage else stage, [now, now])[1] = now
        if stage == _EXTRACTING and done:
            (folder / "progress").write_text(f"{done} {total}")

    began = time.monotonic()
    runner.bring(inputs, report)
    spans = {name: last - first for name, (first, last) in stages.items()}
    return {
        "seconds": time.monotonic() - began,
        "extracting": spans.get(_EXTRACTING, 0.0),
        "gathering": spans.get("putting", 0.0),
    }


def _settings(folder: Path, executor: str) -> Settings:
    own: dict[str, Any] = {"cache": folder / "cache", "runs": None, "backend": "", "device": "cpu", "threads": 1}
    cluster: dict[str, Any] = {"executor": executor, "ray_address": f"{HEAD}:{PORT}", "shard_tokens": SHARD_TOKENS}
    return dataclasses.replace(read_settings(), **own, **cluster)


def _inputs(bench: Workbench, folder: Path) -> tuple[ActivationSpec, ...]:
    texts = bench.read_texts(folder / "texts.txt", name="many")
    return bench.analysis("anisotropy", models=[bench.model("minilm")], texts=texts).inputs


def _worst(folder: Path, way: str) -> float:
    """The largest difference between any number of one way and of ``local``."""
    benches = [open_workbench(_settings(folder / name, "local")) for name in ("local", way)]
    found = [_inputs(bench, folder / name) for bench, name in zip(benches, ("local", way), strict=True)]
    worst = 0.0
    for one, other in zip(*found, strict=True):
        for pooling in POOLINGS:
            digest = fingerprint(dataclasses.replace(one, pooling=pooling))
            assert digest == fingerprint(dataclasses.replace(other, pooling=pooling))
            ours, theirs = (bench._store.open_array(digest) for bench in benches)
            assert ours is not None and theirs is not None and ours.shape == theirs.shape
            worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst


@contextlib.contextmanager
def _nodes(n_nodes: int, apart: bool) -> Iterator[None]:
    """One raylet or two, with one core each; they, and their networks, are gone afterwards."""
    common = ["--num-cpus", "1", "--object-store-memory", "100000000", "--disable-usage-stats"]
    try:
        if apart:
            _make_spaces()
        address = f"--node-ip-address={HEAD if apart else '127.0.0.1'}"
        _ray(HEAD, apart, "start", "--head", "--port", str(PORT), "--include-dashboard", "false", address, *common)
        if n_nodes == 2:
            own = [f"--node-ip-address={OTHER if apart else '127.0.0.1'}"]
            _ray(OTHER, apart, "start", f"--address={HEAD if apart else '127.0.0.1'}:{PORT}", *own, *common)
        yield
    finally:
        for process in _ray_processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        if apart:
            for space in SPACES.values():
                subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


def _ray(node: str, apart: bool, *arguments: str) -> None:
    command = [*_in(node, apart), sys.executable, "-m", "ray.scripts.scripts", *arguments]
    subprocess.run(
        command, check=True, capture_output=True, cwd=PROJECT, env={**os.environ, "EMBEDSCOPE_BENCH": str(PORT)}
    )


def _ray_processes() -> list[psutil.Process]:
    """The processes that ``_ray`` has started, told by their environment, and what they started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("EMBEDSCOPE_BENCH") == str(PORT):
                found.append(process)
    return found


def _kill_raylet(node: str) -> str:
    """kill -9 of the raylet of a node; returns what was killed."""
    for process in _ray_processes():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if process.name() == "raylet" and any(node in part for part in line):
                os.kill(process.pid, signal.SIGKILL)
                return f"the raylet of {node}"
    raise RuntimeError(f"there is no raylet of {node}")


def _in(node: str, apart: bool) -> tuple[str, ...]:
    return ("ip", "netns", "exec", SPACES[node]) if apart else ()


def _may_make_spaces() -> bool:
    done = subprocess.run(["ip", "netns", "add", "embedscope-try"], check=False, capture_output=True)
    subprocess.run(["ip", "netns", "del", "embedscope-try"], check=False, capture_output=True)
    return done.returncode == 0


def _make_spaces() -> None:
    """Two network namespaces with a cable between them."""
    for command in (
        *(f"ip netns add {space}" for space in SPACES.values()),
        f"ip link add es-a netns {SPACES[HEAD]} type veth peer name es-b netns {SPACES[OTHER]}",
        *(f"ip -n {space} link set lo up" for space in SPACES.values()),
        f"ip -n {SPACES[HEAD]} addr add {HEAD}/24 dev es-a",
        f"ip -n {SPACES[OTHER]} addr add {OTHER}/24 dev es-b",
        f"ip -n {SPACES[HEAD]} link set es-a up",
        f"ip -n {SPACES[OTHER]} link set es-b up",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)


if __name__ == "__main__":
    main()
