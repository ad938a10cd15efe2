"""The contract of executors on a Ray cluster, and what only a cluster must survive: a node that is lost in the middle."""

import dataclasses
import os
import signal
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import Settings, open_workbench
from backend.bench.workbench import Workbench
from backend.forms.fingerprint import fingerprint
from backend.values.specs import AnalysisSpec
from backend.values.tasks import BatchTask
from tests.conftest import Service, free_port, review_lines, start_service, stop_service
from tests.jobs.following import follow, until_extracting
from tests.jobs.test_executors import (  # noqa: F401 - the contract
    test_a_batch_is_one_job_of_several_results,
    test_a_job_that_fails_says_why,
    test_bad_bytes_get_a_message_and_the_next_upload_works,
    test_nobody_knows_a_job_that_never_was,
    test_start_follow_read,
)
from tests.runs import tuned

pytest.importorskip("ray", reason="ray is not installed (requirements-ray.txt)")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
_MEMORY = 80 * 2**20  # of each node's store of objects; the least that Ray takes


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one node with one core, on this machine."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args=_node(include_dashboard=False))
    yield made
    made.shutdown()


def _node(**more: Any) -> dict[str, Any]:
    return {"num_cpus": 1, "num_gpus": 0, "object_store_memory": _MEMORY, **more}


@pytest.fixture(scope="module")
def ray_service(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose jobs run on the cluster."""
    own = {"EMBEDSCOPE_EXECUTOR": "ray", "EMBEDSCOPE_RAY_ADDRESS": cluster.address, "EMBEDSCOPE_THREADS": "1"}
    running = start_service(tmp_path_factory.mktemp("ray-cache"), **own, EMBEDSCOPE_SHARD_TOKENS="2048")
    yield running
    stop_service(running)


@pytest.fixture
def any_bench(ray_service: Service, settings: Settings, tmp_path: Path) -> Iterator[Workbench]:
    """A workbench in front of the cluster's service."""
    front = dataclasses.replace(
        settings, cache=tmp_path / "front", backend=ray_service.address, token=ray_service.token
    )
    bench = open_workbench(front)
    yield bench
    bench.close()


def _spec(bench: Workbench, folder: Path, n_rows: int) -> AnalysisSpec:
    path = folder / f"ray-{n_rows}.txt"
    path.write_text("\n".join(review_lines(n_rows)))
    return bench.analysis("cka", models=[bench.model("minilm")], texts=bench.read_texts(path))


def _same_arrays(bench: Workbench, spec: AnalysisSpec, ray_service: Service) -> None:
    """The activations in the service's store are those of ``bench``, which computes in this process."""
    there = open_workbench(dataclasses.replace(bench.settings, cache=ray_service.cache))
    for one in spec.inputs:
        for pooling in ("mean", "last", "cls"):
            digest = fingerprint(dataclasses.replace(one, pooling=pooling, postprocess=()))
            ours, theirs = (each._store.open_array(digest) for each in (bench, there))
            assert ours is not None and theirs is not None
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    there.close()


def test_a_node_that_is_killed_in_the_middle_costs_no_more_than_its_shards(
    any_bench: Workbench, bench: Workbench, ray_service: Service, cluster: Any, tmp_path: Path
) -> None:
    second = cluster.add_node(**_node())
    job = any_bench.start(spec := _spec(any_bench, tmp_path, 700))
    until_extracting(any_bench, job)
    assert _working_nodes(cluster) == 2, "both nodes work"
    os.kill(second.all_processes["raylet"][0].process.pid, signal.SIGKILL)
    ended = follow(any_bench, any_bench.status(job.id))
    cluster.remove_node(second, allow_graceful=False)
    assert (ended.state, ended.error) == ("done", "")
    assert fingerprint(_spec(bench, tmp_path, 700)) == fingerprint(spec)
    ours, theirs = bench.wait(spec), any_bench.peek(spec)
    np.testing.assert_allclose(ours.values.matrix, theirs.values.matrix, atol=1e-6)
    _same_arrays(bench, spec, ray_service)
    said = any_bench.health()["cluster"]
    assert f"Ray at {cluster.address}, which answers." in said and "of this instance there" in said
    assert ray_service.token not in said
    store = ray_service.cache
    assert len(list((store / "tmp").iterdir())) <= 22, "no more than the shard that was being written"


def _working_nodes(cluster: Any, seconds: float = 30.0) -> int:
    """On how many nodes processes of Embedscope have a core, once that are two or time is over."""
    from ray._private.state import GlobalState
    from ray._raylet import GcsClientOptions

    state, deadline = GlobalState(), time.monotonic() + seconds
    state._initialize_global_state(
        GcsClientOptions.create(cluster.address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False)
    )
    while True:
        free = state.available_resources_per_node()
        busy = sum(node.get("CPU", 0.0) == 0.0 for node in free.values())
        if busy >= 2 or time.monotonic() > deadline:
            return busy
        time.sleep(0.2)


def test_cancel_ends_a_job_on_the_cluster_and_the_next_one_goes_on(any_bench: Workbench, tmp_path: Path) -> None:
    job = any_bench.start(_spec(any_bench, tmp_path, 3000))
    until_extracting(any_bench, job)
    asked = time.monotonic()
    any_bench.cancel(job.id)
    assert follow(any_bench, any_bench.status(job.id)).state == "cancelled"
    assert time.monotonic() - asked < 15
    small = any_bench.start(_spec(any_bench, tmp_path, 50))
    assert follow(any_bench, small).state == "done"


def test_a_short_job_is_let_in_between_the_shards_of_a_long_one(any_bench: Workbench, tmp_path: Path) -> None:
    long = any_bench.start(_spec(any_bench, tmp_path, 4000))
    until_extracting(any_bench, long)
    short = follow(any_bench, any_bench.start(_spec(any_bench, tmp_path, 60)), seconds=60)
    status = any_bench.status(long.id)
    any_bench.cancel(long.id)
    assert short.state == "done" and status is not None and status.state == "running"
    follow(any_bench, any_bench.status(long.id))


@pytest.fixture
def own_settings(settings: Settings, cluster: Any, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an instance of one's own on the cluster, without a service."""
    import ray

    on_cluster: dict[str, Any] = {"executor": "ray", "ray_address": cluster.address, "shard_tokens": 2048}
    yield dataclasses.replace(settings, cache=tmp_path / "own", **on_cluster)
    ray.shutdown()  # this process's part in the cluster


def _assert_own_print() -> None:
    """numba, which compiles UMAP here, knows the interpreter's print alone; Ray puts its own there when the cluster tells of an error."""
    import ray
    from ray.experimental import tqdm_ray

    assert ray.is_initialized() and tqdm_ray.instance() is not None  # as Ray calls it then
    assert isinstance(print, types.BuiltinFunctionType)


def test_another_instance_gets_the_place_of_idle_processes_and_trains_there(
    own_settings: Settings, settings: Settings, tmp_path: Path
) -> None:
    """Its run of fine-tuning is trained in a process of the cluster, and the saved steps are compared as one job."""
    bench = open_workbench(own_settings)
    run = tuned(bench, tmp_path)
    _assert_own_print()
    assert run.state == "done" and run.steps[-1] == 12 and run.accuracy is not None
    assert [row["step"] for row in bench.run_log("a") if "loss" in row] == list(range(1, 13))
    texts = bench.text_set_info("t.csv")
    steps = tuple(
        bench.analysis("anisotropy", models=[bench.model(f"run:a@step-{step:05d}")], texts=texts) for step in run.steps
    )
    stages: list[str] = []
    results = bench.wait(BatchTask(steps, "a series"), lambda done, total, stage: stages.append(stage))
    n_models = len(
        {spec.inputs[0].model.commit for spec in steps}
    )  # the first step may have left the weights as they were
    assert len(results) == len(run.steps) and any(f"of {n_models} done" in stage for stage in stages)
    ours = open_workbench(dataclasses.replace(settings, cache=tmp_path / "own")).peek(steps[-1])
    np.testing.assert_array_equal(ours.values.anisotropy, results[-1].values.anisotropy)
    bench.close()


def test_a_cluster_without_room_is_said(own_settings: Settings, tmp_path: Path) -> None:
    bench = open_workbench(dataclasses.replace(own_settings, ray_cpus=64))
    job = bench.start(_spec(bench, tmp_path, 20))
    assert job.state == "failed" and "no node with 64 cores" in job.error and "EMBEDSCOPE_RAY_CPUS" in job.hint
    bench.close()


def test_no_cluster_is_said(settings: Settings, tmp_path: Path) -> None:
    bench = open_workbench(dataclasses.replace(settings, executor="ray", ray_address=f"127.0.0.1:{free_port()}"))
    job = bench.start(_spec(bench, tmp_path, 20))
    assert job.state == "failed" and "cannot be reached" in job.error and "ray start" in job.hint
    bench.close()
