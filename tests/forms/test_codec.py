"""Specs and results come back as they went, and nothing else gets in."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.forms.codec import Codec, from_json, to_json
from backend.values.jobs import JobStatus
from backend.values.results import Result, Source, Undefined
from backend.values.specs import ActivationSpec, AnalysisSpec, ModelSpec, PostProcess, TextSetSpec
from backend.values.tasks import ResolveTask
from backend.work.tasks import TASKS


@dataclass(frozen=True)
class Params:
    debiased: bool = True
    bandwidth: float = 0.5


@dataclass(frozen=True, eq=False)
class Values:
    matrix: np.ndarray
    worst: float
    names: tuple[str, ...]


CODEC = Codec({"cka": Params}, {"cka": Values}, {task.__name__: task for task in TASKS})
SPEC = AnalysisSpec(
    "cka",
    1,
    Params(bandwidth=2.0),
    (ActivationSpec(ModelSpec("m", "a" * 40), TextSetSpec("t", "b" * 40, 5), 3, postprocess=(PostProcess("centre"),)),),
    seed=7,
)


@pytest.mark.parametrize("task", [SPEC, ResolveTask("gpt2@main")])
def test_tasks_come_back_equal(task: object) -> None:
    assert CODEC.task_from_json(json.loads(json.dumps(CODEC.task_to_json(task)))) == task  # type: ignore[arg-type]


def test_results_come_back_with_arrays_and_nan() -> None:
    source = Source("m", "a" * 40, "t", "mean", (0, 1), ("embedding", "block 1"), 5, 3)
    values = Values(np.array([[1.0, np.nan]]), math.nan, ("x", "y"))
    result = Result(
        "f" * 40, "cka", 1, values, (Undefined("matrix", (0, 1), "all rows are identical"),), ("n = 5",), (source,)
    )
    data, arrays = CODEC.result_to_parts(result)
    back = CODEC.result_from_parts(json.loads(json.dumps(data, allow_nan=False)), arrays)
    np.testing.assert_array_equal(back.values.matrix, values.matrix)
    assert math.isnan(back.values.worst) and back.values.names == ("x", "y")
    assert (back.undefined, back.notes, back.sources) == (result.undefined, result.notes, result.sources)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "Popen"}, "not a task"),
        ({"metric": "os.system"}, "no metric"),
        ({"seed": "1"}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"inputs": {}}, "a list"),
        ({"inputs": [{"layer": 1}]}, "lacks: model, texts"),
        ({"params": {"debiased": 1}}, "true or false"),
        ({"params": {"shell": "x"}}, "no field 'shell'"),
        ({"extra": 1}, "no field 'extra'"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    data = {**CODEC.task_to_json(SPEC), **change}
    with pytest.raises(InvalidRequest, match=message):
        CODEC.task_from_json(data)


def test_infinities_and_job_records_survive() -> None:
    job = JobStatus("a", "t", "running", eta_seconds=math.inf)
    assert from_json(JobStatus, json.loads(json.dumps(to_json(job, {}), allow_nan=False))) == job
