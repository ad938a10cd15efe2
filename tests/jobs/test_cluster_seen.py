"""What the service says of a Ray cluster, which it does not ask itself: where it is, whether it answers, what was seen last."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend import read_settings
from backend.bench.wiring import about_cluster, wire_runner, wire_workbench, wire_workers
from backend.errors import StoreError
from backend.jobs.cluster.seen import ClusterSeen, bare, leave, summary
from backend.jobs.inline import InlineExecutor
from backend.store import Store
from backend.work.library import Library
from tests.conftest import free_port

NODES: list[dict[str, Any]] = [
    {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 8.0, "memory": 1e9}},
    {"Alive": True, "Resources": {"CPU": 4.0}},
    {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    made = Store(tmp_path, budget=10**9)
    yield made
    made.close()


def test_the_address_of_the_settings_is_tried_and_said(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = f"127.0.0.1:{listening.getsockname()[1]}"
        said = ClusterSeen(store, f"ray://someone:secret@{where}")()
    assert said == {"cluster": f"Ray at {where}, which answers. No work was given to it yet."}
    gone = f"127.0.0.1:{free_port()}"
    assert "does not answer (Connection refused)" in ClusterSeen(store, gone)()["cluster"]
    assert ClusterSeen(store, "auto")() == {"cluster": "Ray at auto. No work was given to it yet."}
    assert ClusterSeen(store, "head:99999999")()["cluster"].startswith("Ray at head:99999999. ")


def test_what_a_worker_saw_is_said(store: Store) -> None:
    leave(store, summary("10.0.0.7:6379", NODES, 1))
    said = ClusterSeen(store, "auto")()["cluster"]
    assert said.startswith("Ray at auto, 10.0.0.7:6379, which")
    assert said.endswith("a worker saw 2 nodes with 20 cores and 8 GPUs, and 1 process of this instance there.")
    leave(store, {"address": "auto", "problem": "The Ray cluster gave no process in 120 seconds."})
    assert ClusterSeen(store, "auto")()["cluster"].endswith(
        "a worker found: The Ray cluster gave no process in 120 seconds."
    )
    store.set_record("cluster", {"time": "soon"})
    assert "cannot be read" in ClusterSeen(store, "auto")()["cluster"]
    store.set_record("cluster", [1])
    assert "No work" in ClusterSeen(store, "auto")()["cluster"]


def test_an_address_is_not_tried_at_each_question(store: Store) -> None:
    now = [0.0]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        seen = ClusterSeen(store, f"127.0.0.1:{listening.getsockname()[1]}", lambda: now[0])
        assert "which answers" in seen()["cluster"]
    assert "which answers" in seen()["cluster"], "a moment later it is not asked again"
    now[0] = 11.0
    assert "does not answer" in seen()["cluster"]


def test_a_full_disk_stops_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("No room.", "Make some.")

    monkeypatch.setattr(store, "set_record", full)
    leave(store, summary("a:1", NODES, 0))
    assert "No work" in ClusterSeen(store, "auto")()["cluster"]


@pytest.mark.parametrize("address", ["ray://u:p@head:10001", "u:p@head:10001", "head:10001"])
def test_no_password_is_said(address: str) -> None:
    assert bare(address) == "head:10001"


@pytest.mark.parametrize("cluster", ["", "127.0.0.1:1"])
def test_health_names_the_cluster_where_there_is_one(store: Store, cluster: str) -> None:
    executor = wire_workers(store, cluster=cluster)
    said = executor.health()
    executor.close()
    assert ("cluster" in said) == bool(cluster) and said["executor"] == "workers"


@pytest.mark.parametrize("cluster", ["", "127.0.0.1:1"])
def test_health_names_it_too_where_work_is_done_in_this_process(store: Store, cluster: str) -> None:
    runner = wire_runner(store, read_settings(), roots=())
    about = about_cluster(store, cluster)
    said = InlineExecutor(store, Library(store), runner, store.folder / "runs", (), about).health()
    assert ("cluster" in said) == bool(cluster) and said["executor"] == "inline"


def test_a_workbench_that_works_on_a_cluster_says_so(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    settings = replace(read_settings(), cache=tmp_path, backend="", executor="ray", ray_address="127.0.0.1:1")
    bench = wire_workbench(settings)
    assert "127.0.0.1:1, which does not answer" in bench.health()["cluster"]
    bench.close()
