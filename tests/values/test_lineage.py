"""Which model was before which: by runs, chains of runs, cards and steps, whatever the order in which they are given."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from backend.models.origin import read_origin
from backend.values.lineage import put_in_order
from backend.values.models import ModelInfo
from backend.values.recipes import RECIPES
from backend.values.runs import RunInfo
from backend.values.specs import ModelSpec


def model(name: str, commit: str = "", **known: Any) -> ModelInfo:
    return ModelInfo(
        ModelSpec(name, commit or f"commit of {name}"), "BertModel", "encoder", 2, 8, ("a", "b", "c"), 1, 4, 64, True, False,
        **known,
    )  # fmt: skip


def run(name: str, base: str, *, commit: str = "", steps: tuple[int, ...] = (3, 6), folder: str = "") -> RunInfo:
    return RunInfo(
        name, "task", base, commit or f"commit of {base}", "texts", "table", "text", "label", ("a", "b"), RECIPES["zhou"],
        state="done", steps=steps, accuracies=(0.5,) * len(steps), folder=folder,
    )  # fmt: skip


MINILM = model("minilm")
SST2 = run("sst2", "minilm", folder="/runs/sst2")
ON_TOP = run("more", "run:sst2@step-00003", folder="/runs/more")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("minilm", "run:sst2", "run:sst2 started from minilm"),
        ("minilm", "run:sst2@step-00003", "run:sst2 started from minilm"),
        ("minilm", "/runs/sst2/step-00006", "run:sst2 started from minilm"),
        ("minilm", "run:more", "run:more started from run:sst2@step-00003. run:sst2 started from minilm"),
        ("run:sst2@step-00003", "run:more", "run:more started from run:sst2@step-00003"),
        ("run:sst2@step-00003", "run:sst2", "Step 3 of run:sst2 comes before step 6"),
        ("run:sst2@step-00003", "/runs/sst2/step-00006", "Step 3 of run:sst2 comes before step 6"),
        ("a/b@step1", "a/b@step32", "Step 1 of a/b comes before step 32"),
        ("a/b@step512", "a/b", "presumably ended"),
        ("a/b@step512", "a/b@main", "presumably ended"),
        ("/m/out/checkpoint-9", "/m/out/checkpoint-10", "Step 9 of m/out comes before step 10"),
        ("/m/out/checkpoint-9", "/m/out", "presumably ended"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_two_models_are_put_in_order_whichever_is_given_first(before: str, after: str, said: str, turned: bool) -> None:
    pair = [model(before), model(after)]
    for wish in ("", before, after):
        found = put_in_order(pair[::-1] if turned else pair, [SST2, ON_TOP], before=wish)
        assert found.known and [info.spec.name for info in found.models] == [before, after]
        assert said in found.reason


@pytest.mark.parametrize(
    "names",
    [
        ("minilm", "gpt2"),
        ("run:sst2@step-00006", "run:more"),  # a later step than the one it started from
        ("run:sst2", "run:other"),  # two runs of one base
        ("a/b@step1", "a/c@step32"),
        ("a/b@1f3c", "a/b@step32"),
        ("/m/one/checkpoint-9", "/m/two/checkpoint-10"),
    ],
)
def test_where_nobody_knows_the_order_given_stays_and_a_wish_counts(names: tuple[str, str]) -> None:
    runs = [SST2, ON_TOP, run("other", "minilm")]
    for pair in permutations(names):
        models = [model(name) for name in pair]
        found = put_in_order(models, runs)
        assert not found.known and list(found.models) == models and "No run, card or step" in found.reason
        assert put_in_order(models, runs, before=pair[1]).before is models[1]
        assert put_in_order(models, runs, before="elsewhere").before is models[0]


def test_the_base_is_known_by_its_commit_under_another_name() -> None:
    copied = model("/copies/minilm", "commit of minilm")
    assert put_in_order([model("run:sst2"), copied], [SST2]).before is copied


def test_one_model_under_two_names_has_no_before() -> None:
    assert not put_in_order([MINILM, model("/copies/minilm", "commit of minilm")], [SST2]).known


def test_a_card_names_the_base_by_commit_or_by_name() -> None:
    tuned = model("/away/tuned", base="minilm", base_commit="commit of minilm")
    found = put_in_order([tuned, MINILM])
    assert found.known and found.before is MINILM and "card of away/tuned names minilm" in found.reason
    short = model("me/tuned", base="google-bert/bert-base-uncased")
    assert put_in_order([short, model("bert-base-uncased")]).after is short
    assert not put_in_order([short, model("you/bert-base-uncased")]).known


def test_many_models_are_sorted_over_what_follows() -> None:
    names = ("minilm", "run:sst2@step-00003", "run:more@step-00003", "run:more")
    for given in permutations(names):
        found = put_in_order([model(name) for name in given], [SST2, ON_TOP])
        assert found.known and tuple(info.spec.name for info in found.models) == names
    cards = [model("c", base="b"), model("a"), model("b", base="a")]
    assert [info.spec.name for info in put_in_order(cards).models] == ["a", "b", "c"]
    mixed = put_in_order([model("run:sst2"), model("gpt2"), MINILM], [SST2])
    assert not mixed.known and [info.spec.name for info in mixed.models] == ["gpt2", "minilm", "run:sst2"]


def test_cards_that_name_each_other_are_no_order() -> None:
    assert not put_in_order([model("a", base="b"), model("b", base="a")]).known


@pytest.mark.parametrize(
    ("card", "origin"),
    [
        ("| base model | `minilm` |\n| commit of the base | `abc` |\n", ("minilm", "abc")),
        ("---\nlicense: mit\nbase_model: bert-base-uncased\ntags:\n- x\n---\n# A", ("bert-base-uncased", "")),
        ("---\nbase_model:\n- 'google-bert/bert-base-cased'\n---\n", ("google-bert/bert-base-cased", "")),
        ("# Only words about a base_model: none\n", ("", "")),
        ("", ("", "")),
    ],
)
def test_an_origin_is_read_from_the_card(card: str, origin: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert read_origin(tmp_path) == origin


def test_an_adapters_origin_is_its_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "gpt2"}', encoding="utf-8")
    assert read_origin(tmp_path / "none", tmp_path) == ("gpt2", "")
