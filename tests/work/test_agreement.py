"""An edited recipe: what it says twice must agree, or it is refused, and nobody gets another set's numbers."""

import copy
import dataclasses
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import EmbedscopeError, InvalidRequest
from backend.bench.wiring import CODEC
from backend.bench.workbench import Workbench
from backend.forms.codec import to_json
from backend.forms.fingerprint import fingerprint
from backend.values.specs import AnalysisSpec
from backend.values.tasks import BatchTask, EstimateTask, FinetuneTask, NormTask
from tests.conftest import Service, review_lines
from tests.models import tiny

OTHER = [f"{line} indeed, twice over" for line in review_lines(40)]


def write(folder: Path, name: str, lines: list[str], classes: int) -> Path:
    path = folder / name
    path.write_text("text,label,other\n" + "".join(f'"{line}",{i % classes},{i % 3}\n' for i, line in enumerate(lines)))
    return path


class Edited:
    """Two text sets and two models in one store, and the recipe of the first with things of the second in it."""

    def __init__(self, bench: Workbench, folder: Path, metric: str = "average_cosine", **asked: Any) -> None:
        self.bench = bench
        read = {"text": "text", "label": "label", "metadata": ("other",)}
        self.one = bench.read_texts(write(folder, "one.csv", review_lines(60), 2), **read)  # type: ignore[arg-type]
        self.two = bench.read_texts(write(folder, "two.csv", OTHER, 4), **read)  # type: ignore[arg-type]
        self.model = bench.model("minilm")
        self.spec, self.spec_two = (
            bench.analysis(metric, models=[self.model], texts=texts, layers="6", **asked)
            for texts in (self.one, self.two)
        )
        self.recipe = CODEC.task_to_json(self.spec)

    def changed(self, **changes: Any) -> dict[str, Any]:
        """The recipe with fields of its texts, labels, model or itself set: texts__table=..., version=..."""
        data = copy.deepcopy(self.recipe)
        for place, value in changes.items():
            part, _, name = place.partition("__")
            if part in ("texts", "model"):
                for item in data["inputs"]:
                    item[part][name] = value
            elif name:
                data[part][name] = value
            else:
                data[part] = value
        return data


def edits(edited: Edited, other_model: str) -> dict[str, dict[str, Any]]:
    two, labels_two = edited.two.spec, to_json(edited.spec_two.labels, {})
    found: dict[str, dict[str, Any]] = {
        "the other's table": {"texts__table": two.table},
        "the other's name": {"texts__name": two.name},
        "the other's table and name": {"texts__table": two.table, "texts__name": two.name},
        "the other's digest": {"texts__digest": two.digest},
        "the other's rows": {"texts__n_rows": two.n_rows},
        "all of the other but the rows": {
            "texts__table": two.table,
            "texts__name": two.name,
            "texts__digest": two.digest,
        },
        "another unit": {"texts__unit": "word"},
        "a table that is not there": {"texts__table": "f" * 40},
        "another version": {"version": edited.spec.version + 1},
        "another model's name": {"model__name": other_model},
        "another model's commit": {"model__commit": "e" * 40},
        "a model that is not there": {"model__name": "/no/such/folder"},
        "a layer that is not there": {"inputs": [{**edited.recipe["inputs"][0], "layer": 7}]},
        "more tokens than the model takes": {"inputs": [{**edited.recipe["inputs"][0], "max_length": 100_000}]},
        "a wider space": {
            "inputs": [{**edited.recipe["inputs"][0], "postprocess": [{"kind": "remove_dims", "k": 0, "dims": [384]}]}]
        },
    }
    if labels_two is not None:
        found |= {
            "another column": {"labels__column": "other"},
            "no such column": {"labels__column": "nothing"},
            "the other's labels": {"labels": labels_two},
            "other classes": {"labels__n_classes": 7},
        }
    return found


@pytest.fixture(params=["average_cosine", "neurons"])
def edited(request: pytest.FixtureRequest, bench: Workbench, tmp_path: Path) -> Edited:
    return Edited(bench, tmp_path, request.param)


@pytest.mark.parametrize("computed", [False, True], ids=["before", "after it was computed"])
def test_no_edited_recipe_gives_numbers_and_no_key_is_poisoned(edited: Edited, tmp_path: Path, computed: bool) -> None:
    bench = edited.bench
    other_model = str(tiny.save_family(tmp_path / "other", "bert"))
    bench.model(other_model)
    before = bench.wait(edited.spec) if computed else None
    for what, change in edits(edited, other_model).items():
        data = edited.changed(**change)
        with pytest.raises(EmbedscopeError) as caught:
            found = bench.compute(bench.from_recipe(data))
            pytest.fail(f"{what}: {found.sources}")
        assert caught.value.message and caught.value.hint, what
        assert "unexpected" not in caught.value.message.lower(), caught.value.message
    found, other = bench.wait(edited.spec), bench.wait(edited.spec_two)
    assert [result.sources[0].texts for result in (found, other)] == ["one.csv", "two.csv"]
    assert [result.sources[0].n_rows for result in (found, other)] == [60, 40]
    if before is not None:
        assert found.seconds == before.seconds, "what was there stays"


def test_a_refusal_says_what_to_write(edited: Edited) -> None:
    with pytest.raises(EmbedscopeError) as caught:
        edited.bench.wait(edited.bench.from_recipe(edited.changed(texts__table=edited.two.spec.table)))
    text = caught.value.hint
    said = json.loads(text[text.index("{") :])
    assert said == to_json(edited.two.spec, {})
    data = edited.changed(**{f"texts__{name}": value for name, value in said.items()})
    if edited.spec.labels is not None:
        with pytest.raises(EmbedscopeError) as caught:
            edited.bench.wait(edited.bench.from_recipe(data))
        text = caught.value.hint
        data["labels"] = json.loads(text[text.index("{") :])
    result = edited.bench.wait(edited.bench.from_recipe(data))
    assert result.fingerprint == fingerprint(edited.spec_two) and result.sources[0].texts == "two.csv"


def test_all_tasks_over_texts_are_compared(bench: Workbench, tmp_path: Path) -> None:
    edited = Edited(bench, tmp_path, "neurons")
    spec = edited.spec
    wrong_texts = dataclasses.replace(edited.one.spec, table=edited.two.spec.table)
    wrong_model = dataclasses.replace(edited.model.spec, name=str(tiny.save_family(tmp_path / "other", "bert")))
    mixed = dataclasses.replace(spec, inputs=(dataclasses.replace(spec.inputs[0], texts=wrong_texts),))
    assert spec.labels is not None
    from backend.values.recipes import RECIPES

    tuned = FinetuneTask(edited.model.spec, edited.one.spec, spec.labels, RECIPES["gptology"], "mixed")
    for task in (
        BatchTask((spec, mixed)),
        EstimateTask(mixed.inputs),
        EstimateTask((dataclasses.replace(spec.inputs[0], model=wrong_model),)),
        NormTask(wrong_model),
        dataclasses.replace(tuned, texts=wrong_texts),
        dataclasses.replace(tuned, base=wrong_model),
        dataclasses.replace(tuned, labels=dataclasses.replace(spec.labels, column="other")),
    ):
        with pytest.raises(EmbedscopeError, match=r"is inconsistent|is not the one with the commit"):
            bench.wait(task)
    assert not list(bench.settings.runs_folder.glob("*")), "no run is begun"


def test_the_service_refuses_them_too(service: Service, service_bench: Workbench, tmp_path: Path) -> None:
    edited = Edited(service_bench, tmp_path)

    def post(data: Any) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(
            service.address + "/jobs",
            data=json.dumps(data).encode(),
            headers={"Authorization": f"Bearer {service.token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    for what, change in edits(edited, "/no/such/folder").items():
        status, answer = post(edited.changed(**change))
        if status == 200:  # what only the model can tell is said by the job
            with pytest.raises(EmbedscopeError):
                service_bench.wait(service_bench.from_recipe(edited.changed(**change)))
        else:
            assert status == 400 and answer["message"] and answer["hint"], (what, answer)
    found = service_bench.wait(edited.spec)
    other = service_bench.wait(edited.spec_two)
    assert found.sources[0].texts == "one.csv" and other.sources[0].texts == "two.csv"
    status, answer = post(edited.changed(texts__table=edited.two.spec.table))
    assert status == 400 and "two.csv" in answer["message"], "nor are they handed out once they are there"

    def recipe(**change: Any) -> dict[str, Any]:
        return {**copy.deepcopy(edited.recipe), **change}

    for number, data in enumerate(
        [
            {"type": []},
            {"type": {}},
            {"type": "EstimateTask", "inputs": []},
            {"type": "BatchTask", "analyses": [{"type": "ResolveTask", "name": "minilm"}]},
            {"type": "BatchTask", "analyses": [None]},
            recipe(inputs=[]),
            recipe(inputs=[None]),
            recipe(inputs={}),
            recipe(params={"bands": []}),
            recipe(params=None),
            recipe(metric=[]),
            recipe(metric=None),
            recipe(seed=10**400),
            recipe(params={"n_bootstrap": 1e400}),
            recipe(params={"n_bootstrap": math_nan()}),
            recipe(labels=[]),
            recipe(inputs=[{**edited.recipe["inputs"][0], "postprocess": [[]]}]),
            recipe(inputs=[{**edited.recipe["inputs"][0], "tokens": {"limit": "x"}}]),
            {"type": "ResolveTask", "name": "\ud800"},
            {"type": "ResolveTask", "name": {}},
            {"type": "NormTask", "model": None},
            {"type": "NormTask", "model": to_json(edited.model.spec, {}), "n_std": 10**400},
            {"type": "FinetuneTask"},
            {"type": "SeriesTask", "name": "x", "steps": [[]]},
            {"type": "ReadTask", "blob": 5},
        ]
    ):
        status, answer = post(data)
        assert status == 400 and answer["message"] and answer["hint"], (number, status, answer)


def math_nan() -> float:
    return float("nan")


def test_the_numbers_of_two_sets_stay_apart(bench: Workbench, tmp_path: Path) -> None:
    """The fault itself: one set's recipe with the other's table gave everybody the other's numbers."""
    edited = Edited(bench, tmp_path)
    with pytest.raises(InvalidRequest):
        bench.wait(bench.from_recipe(edited.changed(texts__table=edited.two.spec.table)))
    first, second = (bench.wait(spec).values for spec in (edited.spec, edited.spec_two))
    assert isinstance(edited.spec, AnalysisSpec)
    assert not np.allclose(first.average_cosine, second.average_cosine)
