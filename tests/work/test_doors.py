"""The door: every parameter of every task just outside its limits, of a wrong type, NaN. All refused, none accepted."""

import dataclasses
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from backend.bench.wiring import CODEC
from backend.errors import InvalidRequest
from backend.forms.codec import from_json, to_json
from backend.metrics import METRICS, parse_params
from backend.metrics.base import check_params
from backend.values.reading import ReadOptions, TextColumns
from backend.values.recipes import RECIPES, Recipe, checked
from backend.values.specs import (
    Ablation,
    ActivationSpec,
    AnalysisSpec,
    LabelSpec,
    ModelSpec,
    PostProcess,
    TextSetSpec,
    TokenSample,
)
from backend.values.tasks import (
    BatchTask,
    EstimateTask,
    FinetuneTask,
    HubReadTask,
    JoinTask,
    NormTask,
    ReadTask,
    ResolveTask,
    SeriesTask,
)
from backend.work.checks import MOST_SEED
from backend.work.doors import check_task

A, B = "a" * 40, "b" * 40
MODEL = ModelSpec("minilm", A)
TEXTS = TextSetSpec("reviews", A, 60, "text", B)
LABELS = LabelSpec("label", A, 2)
ROWS = pytest.mark.parametrize("row", METRICS.values(), ids=list(METRICS))


def spec(name: str, **changes: Any) -> AnalysisSpec:
    """A sound analysis of one model."""
    row = METRICS[name]
    inputs = tuple(ActivationSpec(MODEL, TEXTS, layer) for layer in range(2))
    labels = None if row.labels == "no" else LABELS
    return dataclasses.replace(AnalysisSpec(name, row.version, row.params(), inputs, labels), **changes)


def outside(field: Any) -> Iterator[Any]:
    """Values of a parameter that no form would let through."""
    meta, default = field.metadata, field.default
    wrong: list[Any] = [None, "bogus", [1], {}, b"1", 1j]
    if isinstance(default, bool):
        yield from [*wrong, 2, -1, 0.5, math.nan]
    elif isinstance(default, int | float):
        yield from [*wrong, True, math.nan, math.inf, -math.inf, "", "1e999"]
        step = 1 if isinstance(default, int) else 1e-9
        yield from [meta[name] + sign * step for name, sign in (("low", -1), ("high", 1)) if meta[name] is not None]
        yield from [0.5, 10**400] if isinstance(default, int) else [10**400]
    elif isinstance(default, tuple):
        yield from [None, 1.5, (0.5,), (True,), (None,), (math.nan,), (math.inf,), ((1,),)]
        if field.type == tuple[str, ...]:
            yield from [(1,), (b"x",), ("x",) * (meta["n_items"][1] + 1)]
            return
        yield from [("x",), "1,x"]
        fits = default or (3,)
        yield from [
            (*fits[:-1], meta[name] + sign) for name, sign in (("low", -1), ("high", 1)) if meta[name] is not None
        ]
        least, most = meta["n_items"]
        yield from [fits[:1] * n for n in (least - 1, most + 1) if n >= 0]
    elif meta["choices"] is not None:
        yield from [None, "bogus", "", str(default).upper() + " ", 1, 1.5, True, ("x",)]
    else:
        yield from [None, 1, 1.5, True, ("x",), b"x"]


@ROWS
def test_every_parameter_of_every_metric_has_limits_that_hold(row: Any) -> None:
    check_task(spec(row.name))
    n_tried = 0
    for field in dataclasses.fields(row.params):
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert field.metadata["low"] is not None and field.metadata["high"] is not None, field.name
        for value in outside(field):
            n_tried += 1
            params = dataclasses.replace(row.params(), **{field.name: value})
            for attempt in (
                lambda params=params: check_task(spec(row.name, params=params)),
                lambda params=params: check_params(params),
                lambda field=field, value=value: parse_params(row.params, {field.name: value}),
            ):
                if value in ([1], {}) and isinstance(field.default, tuple):
                    continue
                with pytest.raises(InvalidRequest) as caught:
                    attempt()
                    pytest.fail(f"{row.name}.{field.name} = {value!r} was accepted")
                assert caught.value.message and caught.value.hint
    assert n_tried or not dataclasses.fields(row.params)


@ROWS
def test_wrong_parameters_are_refused_as_json_too(row: Any) -> None:
    """What the service reads: `json.loads` takes NaN and 1e999, so they arrive."""
    body = json.dumps(CODEC.task_to_json(spec(row.name)))
    for field in dataclasses.fields(row.params):
        for value in outside(field):
            try:
                data = json.loads(body)
                data["params"][field.name] = json.loads(json.dumps(value))
            except (TypeError, ValueError):
                continue
            if data["params"][field.name] == to_json(field.default, {}):
                continue
            with pytest.raises(InvalidRequest) as caught:
                check_task(CODEC.task_from_json(data))
                pytest.fail(f"{row.name}.{field.name} = {value!r} was accepted")
            assert caught.value.message and caught.value.hint


def test_limits_themselves_are_accepted() -> None:
    for row in METRICS.values():
        for field in dataclasses.fields(row.params):
            for name in ("low", "high"):
                limit = field.metadata[name]
                if limit is None or isinstance(field.default, tuple):
                    continue
                value = type(field.default)(limit)
                check_task(spec(row.name, params=dataclasses.replace(row.params(), **{field.name: value})))


def first(**changes: Any) -> tuple[ActivationSpec, ...]:
    return tuple(dataclasses.replace(item, **changes) for item in spec("cka").inputs)


SPECS = {
    "older version": {"version": 0},
    "newer version": {"version": 99},
    "version as text": {"version": "1"},
    "seed below 0": {"seed": -1},
    "seed above": {"seed": MOST_SEED + 1},
    "seed with a fraction": {"seed": 0.5},
    "no inputs": {"inputs": ()},
    "inputs as a list": {"inputs": list(first())},
    "labels that are not used": {"labels": LABELS},
    "parameters of another metric": {"params": METRICS["neurons"].params()},
    "negative layer": {"inputs": first(layer=-1)},
    "layer as text": {"inputs": first(layer="0")},
    "unknown pooling": {"inputs": first(pooling="max")},
    "words of texts": {"inputs": first(pooling="words")},
    "tokens without saying which": {"inputs": first(pooling="tokens")},
    "token sample without tokens": {"inputs": first(tokens=TokenSample())},
    "empty token sample": {"inputs": first(pooling="tokens", tokens=TokenSample(0))},
    "seed of the tokens": {"inputs": first(pooling="tokens", tokens=TokenSample(5, -1))},
    "no tokens": {"inputs": first(max_length=0)},
    "too many tokens": {"inputs": first(max_length=2**40)},
    "unknown step": {"inputs": first(postprocess=(PostProcess("bogus"),))},
    "removes none": {"inputs": first(postprocess=(PostProcess("remove_rogue", 0),))},
    "removes -1": {"inputs": first(postprocess=(PostProcess("remove_components", -1),))},
    "count for none": {"inputs": first(postprocess=(PostProcess("centre", 2),))},
    "negative dimension": {"inputs": first(postprocess=(PostProcess("remove_dims", 0, (-1,)),))},
    "dimension twice": {"inputs": first(postprocess=(PostProcess("remove_dims", 0, (1, 1)),))},
    "no dimension": {"inputs": first(postprocess=(PostProcess("remove_dims"),))},
    "ablation of none": {"inputs": first(ablation=Ablation(1, ()))},
    "ablation of -1": {"inputs": first(ablation=Ablation(1, (-1,)))},
    "ablation twice": {"inputs": first(ablation=Ablation(1, (2, 2)))},
    "ablation mode": {"inputs": first(ablation=Ablation(1, (2,), "noise"))},
    "ablation layer": {"inputs": first(ablation=Ablation(-1, (2,)))},
    "commit": {"inputs": first(model=ModelSpec("minilm", "main"))},
    "number format": {"inputs": first(model=ModelSpec("minilm", A, "int8"))},
    "nameless model": {"inputs": first(model=ModelSpec(" ", A))},
    "model with a line break": {"inputs": first(model=ModelSpec("a\nb", A))},
    "model with half a character": {"inputs": first(model=ModelSpec("\ud800", A))},
    "table": {"inputs": first(texts=dataclasses.replace(TEXTS, table=""))},
    "digest": {"inputs": first(texts=dataclasses.replace(TEXTS, digest="../x"))},
    "rows": {"inputs": first(texts=dataclasses.replace(TEXTS, n_rows=-1))},
    "one row": {"inputs": first(texts=dataclasses.replace(TEXTS, n_rows=1))},
    "unit": {"inputs": first(texts=dataclasses.replace(TEXTS, unit="line"))},
    "two text sets": {"inputs": (*first()[:1], *first(texts=dataclasses.replace(TEXTS, digest=B))[1:])},
    "two names of one text set": {"inputs": (*first()[:1], *first(texts=dataclasses.replace(TEXTS, name="b"))[1:])},
    "two poolings": {"inputs": (*first()[:1], *first(pooling="last")[1:])},
    "three models": {"inputs": tuple(x for c in "abc" for x in first(model=ModelSpec(c, c * 40)))},
}


@pytest.mark.parametrize("change", SPECS.values(), ids=list(SPECS))
def test_an_analysis_that_no_form_would_make_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_task(spec("cka", **change))
    assert caught.value.message and caught.value.hint
    with pytest.raises(InvalidRequest):
        check_task(BatchTask((spec("cka"), spec("cka", **change))))


def test_labels_that_are_missing_are_asked_for() -> None:
    with pytest.raises(InvalidRequest, match="needs labels"):
        check_task(spec("neurons", labels=None))
    with pytest.raises(InvalidRequest, match="not a digest"):
        check_task(spec("neurons", labels=LabelSpec("label", "x", 2)))
    with pytest.raises(InvalidRequest, match="one row for each label"):
        tokens = tuple(
            dataclasses.replace(item, pooling="tokens", tokens=TokenSample()) for item in spec("neurons").inputs
        )
        check_task(spec("neurons", inputs=tokens))


TUNED = FinetuneTask(MODEL, TEXTS, LABELS, RECIPES["gptology"], "run-1")


def recipes_outside() -> Iterator[Any]:
    for field in dataclasses.fields(Recipe):
        meta = field.metadata
        values: list[Any] = ["bogus", (1,), [1], b"1", math.nan, math.inf]
        values += [] if field.default is None else [None]
        values += [] if isinstance(field.default, bool) else [True]
        values += [0.5] if isinstance(field.default, int) else []
        if meta["choices"] is None and not isinstance(field.default, bool):
            step = 1 if isinstance(field.default, int) else 1e-9
            values += [meta[name] + sign * step for name, sign in (("low", -1), ("high", 1)) if meta[name] is not None]
        yield from (pytest.param({field.name: value}, id=f"{field.name}={value!r}") for value in values)


@pytest.mark.parametrize("change", list(recipes_outside()))
def test_a_recipe_of_fine_tuning_outside_its_limits_is_refused(change: dict[str, Any]) -> None:
    check_task(TUNED)
    for attempt in (
        lambda: checked(dataclasses.replace(TUNED.recipe, **change)),
        lambda: check_task(dataclasses.replace(TUNED, recipe=dataclasses.replace(TUNED.recipe, **change))),
    ):
        with pytest.raises(InvalidRequest) as caught:
            attempt()
        assert caught.value.message and caught.value.hint


BATCH_OF_OTHERS = BatchTask((ResolveTask("minilm"),), "")  # type: ignore[arg-type]
TASKS = [
    dataclasses.replace(TUNED, name="../x"),
    dataclasses.replace(TUNED, name=""),
    dataclasses.replace(TUNED, base=ModelSpec("minilm", "main")),
    ResolveTask(""),
    ResolveTask("minilm", "int8"),
    ResolveTask("a\x00b"),
    ResolveTask(5),  # type: ignore[arg-type]
    SeriesTask("", "auto"),
    SeriesTask("x", "int8"),
    SeriesTask("x", steps=(-1,)),
    SeriesTask("x", at_most=-1),
    NormTask(MODEL, n_std=math.nan),
    NormTask(MODEL, n_std=0.0),
    NormTask(MODEL, n_std=math.inf),
    NormTask(MODEL, more_than=-1),
    NormTask(ModelSpec("minilm", "")),
    EstimateTask(()),
    EstimateTask(first(layer=-1)),
    BatchTask(()),
    BATCH_OF_OTHERS,
    ReadTask("x", "a.csv", "a"),
    ReadTask(A, "", "a"),
    ReadTask(A, "a.csv", " ", save=True),
    ReadTask(A, "a.csv", "a", ReadOptions(format="exe")),
    ReadTask(A, "a.csv", "a", ReadOptions(task="bogus")),
    ReadTask(A, "a.csv", "a", ReadOptions(TextColumns(text=-1))),
    ReadTask(A, "a.csv", "a", ReadOptions(TextColumns(text=True))),
    HubReadTask("", "x"),
    HubReadTask("x", ""),
    JoinTask("reviews", A, "both"),
    JoinTask(A, A, ""),
    None,
    {"type": "AnalysisSpec"},
    from_json(LabelSpec, to_json(LABELS, {})),
]


@pytest.mark.parametrize("task", TASKS, ids=[str(number) for number in range(len(TASKS))])
def test_other_tasks_are_checked_at_the_same_door(task: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_task(task)
    assert caught.value.message and caught.value.hint


def test_sound_tasks_pass() -> None:
    for task in (
        TUNED,
        ResolveTask("minilm"),
        SeriesTask("run:a", steps=(0, 128)),
        NormTask(MODEL),
        EstimateTask(first()),
        BatchTask((spec("cka"), spec("neurons"))),
        ReadTask(A, "a.csv", ""),
        ReadTask(A, "a.csv", "a", ReadOptions(TextColumns(text=0, label="x"), "csv"), save=True),
        HubReadTask("owner/name", "name"),
        JoinTask(A, B, "a + b"),
        spec("component_accuracy", inputs=(*first(), *first(texts=dataclasses.replace(TEXTS, digest=B)))),
        spec("cka", inputs=(*first(), *first(model=ModelSpec("other", B)))),
    ):
        check_task(task)  # type: ignore[arg-type]
