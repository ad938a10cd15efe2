"""The report of a pair: which analyses it plans, and its numbers against closed cases and against the results."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

import backend
from backend import InvalidRequest, Undefined
from backend.metrics.shared.paired import mcnemar, paired_error
from backend.reports.words import READINGS, TITLES, Reading
from tests.conftest import entered, settings_over
from tests.models.tiny import SEGMENTS, TEXTS, WORDS, bert_config, save

LABELS = ("animals", "houses", "films")
QUICK = ["cka_base", "cka_tuned", "cka", "rogue_base", "rogue_tuned", "rogue_overlap", "variance_ratio", "neighbours"]
WITH_LABELS = [*QUICK, "threshold_base", "threshold_tuned", "ablation_base", "ablation_tuned"]
WITHOUT_HEADS = [key for key in TITLES if key not in ("accuracy_own", "ablation_own")]
SLOW = [*WITH_LABELS, "clusters", "neurons_base", "neurons_tuned"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny models, one of them twice, a narrower and a deeper one; 60 texts of three classes."""
    folder = tmp_path_factory.mktemp("reports")
    for name, seed in (("base", 0), ("same", 0), ("tuned", 1)):
        save(folder / name, bert_config(), seed=seed, model_input_names=SEGMENTS)
    save(folder / "narrow", bert_config(hidden_size=16), model_input_names=SEGMENTS)
    save(folder / "deep", bert_config(num_hidden_layers=4), model_input_names=SEGMENTS)
    rows = [f"{TEXTS[i % 7]} {WORDS[i % 25]} {WORDS[i // 3]}\t{LABELS[i % 3]}" for i in range(60)]
    (folder / "words.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def bench(folder: Path) -> Any:
    opened = backend.open_workbench(settings_over(folder / "cache"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def texts(bench: Any, folder: Path) -> Any:
    return bench.read_texts(folder / "words.tsv", text="text", label="label")


def planned(bench: Any, folder: Path, texts: Any, tuned: str = "tuned", **options: Any) -> Any:
    pair = [bench.model(str(folder / name)) for name in ("base", tuned)]
    return backend.plan_report(bench, *pair, texts=texts, **options)


def computed(bench: Any, plan: Any) -> dict[str, Any]:
    return plan.named(bench.wait(plan.task))


def test_the_parts_follow_the_labels_and_the_patience(bench: Any, folder: Path, texts: Any) -> None:
    assert list(planned(bench, folder, texts).parts) == QUICK
    assert list(planned(bench, folder, texts, heavy=True).parts) == QUICK, "without labels there is nothing slow"
    plan = planned(bench, folder, texts, label="label", heavy=True, layer="block 2", split={"test_share": 0.3})
    assert list(plan.parts) == SLOW and plan.layer == 2 and plan.layers == (0, 1, 2, 3)
    specs = dict(zip(plan.parts, plan.task.analyses, strict=True))
    assert [len(specs[name].inputs) for name in ("cka", "variance_ratio", "threshold_base")] == [8, 8, 4]
    assert [wanted.layer for wanted in specs["clusters"].inputs] == [2, 2]
    names = [Path(wanted.model.name).name for wanted in specs["variance_ratio"].inputs]
    assert names == ["tuned"] * 4 + ["base"] * 4, "tuned over base"
    assert specs["neurons_base"].params.test_share == specs["ablation_tuned"].params.test_share == 0.3


def test_a_pair_that_does_not_correspond_is_refused_with_both_sizes(bench: Any, folder: Path, texts: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"32 dimensions, .*narrow 16"):
        planned(bench, folder, texts, "narrow")
    with pytest.raises(InvalidRequest, match=r"4 layers .*deep 5"):
        planned(bench, folder, texts, "deep")
    with pytest.raises(InvalidRequest, match="block 1, which is not a layer"):
        planned(bench, folder, texts, layers=[2, 3], layer="block 1")


def test_identical_models_differ_in_nothing(bench: Any, folder: Path, texts: Any) -> None:
    plan = planned(bench, folder, texts, "same", label="label", heavy=True)
    found = computed(bench, plan)
    rows = {row.key: row for row in backend.summary_rows(found, plan.layer)}
    assert list(rows) == WITHOUT_HEADS
    for key, row in rows.items():
        assert row.reason == "" and row.meaning and row.reference
        if key == "components_gained":
            assert (row.before, row.after) == (None, 20), "every component that is compared is at 1"
        else:
            # Two loads of the same weights: the last bits of a forward pass in float32 depend on where memory lies.
            assert row.difference == pytest.approx(0, abs=1e-6), key
    for key in ("cka", "rogue_overlap", "neighbours", "spatial"):
        assert rows[key].after == pytest.approx(1), key
    assert "As before" in rows["cka_late"].meaning and "No layer changed" in rows["cka_lowest"].meaning
    assert "0 moved away from their nearest label, 0 moved closer, 3 stayed" in rows["least_distance"].meaning
    assert {one.verdict for one in backend.label_changes(found["clusters"])} == {"unchanged"}
    assert all(one.kept == 1 for one in backend.moved_rows(found["neighbours"], plan.layer))


def test_the_summary_is_the_results(bench: Any, folder: Path, texts: Any) -> None:
    plan = planned(bench, folder, texts, label="label", heavy=True, layer=2)
    found = computed(bench, plan)
    rows = {row.key: row for row in backend.summary_rows(found, 2)}
    assert rows["cka"].after == found["cka"].values.matrix[2, 2]
    assert rows["cka"].difference == found["cka"].values.matrix[2, 2] - 1
    along = np.diagonal(found["cka"].values.matrix)
    assert rows["cka_lowest"].after == along.min()
    assert found["cka"].sources[0].layer_names[int(along.argmin())] in rows["cka_lowest"].title
    within = [found[name].values.matrix[2, 3] for name in ("cka_base", "cka_tuned")]
    assert [rows["cka_late"].before, rows["cka_late"].after] == within, (
        "of three blocks, the last two are the later half"
    )
    halves = [found[name].values.matrix[1, 2:].mean() for name in ("cka_base", "cka_tuned")]
    assert [rows["cka_halves"].before, rows["cka_halves"].after] == pytest.approx(halves)
    for side, name in (("before", "base"), ("after", "tuned")):
        rogue, threshold = found[f"rogue_{name}"].values, found[f"threshold_{name}"].values
        ablation, neurons = found[f"ablation_{name}"].values, found[f"neurons_{name}"].values
        assert getattr(rows["principal"], side) == rogue.principal[2]
        share = rogue.variance[2].max() / rogue.variance[2].sum()
        assert getattr(rows["principal_share"], side) == pytest.approx(share)
        assert getattr(rows["accuracy"], side) == threshold.fitted_accuracy[2]
        assert getattr(rows["threshold"], side) == threshold.accuracy[2]
        assert getattr(rows["ablation"], side) == ablation.accuracy[0, 1, 32 - 3], "lowest variance first, 3 left"
        for key, place in (("neurons_1", 1), ("neurons_5", 2), ("neurons_classes", 3)):
            assert getattr(rows[key], side) == neurons.test_accuracy[0, place]
    clusters = found["clusters"].values
    assert (rows["clusters"].before, rows["clusters"].after) == (clusters.other_n_clusters[0], clusters.n_clusters[0])
    change = (clusters.minimum[0] - clusters.other_minimum[0]).mean()
    assert rows["least_distance"].difference == pytest.approx(change)
    assert rows["spatial"].after == clusters.across[0, 0]
    ratio = found["variance_ratio"].values
    assert rows["components_gained"].after == ratio.n_above_one[2]
    assert rows["first_component"].after / rows["first_component"].before == pytest.approx(ratio.ratio[2, 0])
    layers = backend.layer_rows(found)
    assert [one.cka for one in layers] == along.tolist()
    assert [one.threshold_after for one in layers] == found["threshold_tuned"].values.accuracy.tolist()


def test_what_grew_and_what_moved_comes_in_order(bench: Any, folder: Path, texts: Any) -> None:
    plan = planned(bench, folder, texts, label="label", heavy=True, layer=2)
    found = computed(bench, plan)
    changes = backend.label_changes(found["clusters"])
    assert sorted(one.label for one in changes) == sorted(LABELS)
    assert [one.change for one in changes] == sorted((one.change for one in changes), reverse=True)
    for one in changes:
        assert one.change == pytest.approx(one.after - one.before)
        assert one.verdict == ("grew" if one.change > 0 else "shrank")
    other_way = {one.label: one for one in backend.label_changes(found["clusters"], first_is_before=True)}
    assert all(other_way[one.label].change == -one.change for one in changes)
    assert all(other_way[one.label].before == one.after for one in changes)
    kept = found["neighbours"].values.per_row[2]
    moved = backend.moved_rows(found["neighbours"], 2, most=5)
    assert [one.kept for one in moved] == np.sort(kept)[:5].tolist()
    assert all(kept[one.row] == one.kept and one.text == one.row for one in moved)


def test_a_change_within_the_proven_bounds_is_none(bench: Any, folder: Path, texts: Any) -> None:
    plan = planned(bench, folder, texts, label="label", heavy=True, layer=2)
    result = computed(bench, plan)["clusters"]
    values = dataclasses.replace(
        result.values,
        gap=0.01,
        minimum=np.array([[1.005, 1.02, np.nan]]),
        other_minimum=np.array([[1.0, 1.0, 1.0]]),
    )
    why = (Undefined("minimum", (0, 2), "no row in use is of class 'films'"),)
    changes = {
        one.label: one for one in backend.label_changes(dataclasses.replace(result, values=values, undefined=why))
    }
    classes = values.split.classes
    assert [changes[name].verdict for name in classes] == ["unchanged", "grew", ""]
    assert changes[classes[2]].change is None and changes[classes[2]].before == 1.0


def test_own_heads_are_compared_with_own_heads_and_fitted_ones_with_fitted(
    bench: Any, folder: Path, texts: Any
) -> None:
    """Models whose heads have no names, read in the order that is given; the base as well, or the tuned model alone."""
    auto = transformers.AutoModelForSequenceClassification
    for name, seed in (("head base", 0), ("head tuned", 1)):
        save(folder / name, bert_config(num_labels=3), auto, seed=seed, model_input_names=SEGMENTS)
    order = ",".join(LABELS)

    def summary(base: str, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        pair = [bench.model(str(folder / name)) for name in (base, "head tuned")]
        plan = backend.plan_report(bench, *pair, texts=texts, label="label", pooling="cls", **options)
        found = computed(bench, plan)
        return found, {row.key: row for row in backend.summary_rows(found, plan.layer)}

    found, rows = summary("head base", classes=order)
    sides = [found[f"threshold_{name}"].values for name in ("base", "tuned")]
    assert [side.own_head.tolist() for side in sides] == [[False] * 3 + [True]] * 2
    own = rows["accuracy_own"]
    assert (own.before, own.after) == tuple(side.full_accuracy[3] for side in sides)
    assert own.p == mcnemar(sides[0].right[3, 3], sides[1].right[3, 3]).p and own.difference == own.after - own.before
    assert rows["accuracy"].after == sides[1].fitted_accuracy[3] and "heads fitted alike" in rows["accuracy"].meaning
    loss = 1 - sides[1].single_accuracy[3] / sides[1].fitted_accuracy[3]
    assert rows["threshold_loss"].after == pytest.approx(loss)
    assert rows["threshold_loss"].p == sides[1].single_p[3]
    for side in sides:
        read = f"{100 * side.fitted_accuracy[3]:.1f}\xa0% with all dimensions and {100 * side.single_accuracy[3]:.1f}\xa0% with this one."
        assert read in rows["threshold_loss"].meaning
    for key in ("threshold", "threshold_loss"):
        assert all(str(side.dimension[3]) in rows[key].title for side in sides)
        assert "highest variance over the training rows" in rows[key].title
    heads = [found[f"{kind}ablation_{name}"].values.own_head[0] for kind in ("", "own_") for name in ("base", "tuned")]
    assert heads == [False, False, True, True] and rows["ablation_own"].difference is not None
    right = [found[f"ablation_{name}"].values for name in ("base", "tuned")]
    right = [one.predictions[0, 1, 29] == one.sample_classes for one in right]
    assert rows["ablation"].p == mcnemar(*right).p

    found, rows = summary("base", classes=order)
    own = rows["accuracy_own"]
    assert own.before is None and own.difference is None and own.after is not None and "not compared" in own.meaning
    assert rows["ablation_own"].before is None and rows["ablation"].difference is not None
    assert "own_ablation_base" not in found

    found, rows = summary("head base")
    assert "accuracy_own" not in rows and "ablation_own" not in rows
    assert any("which is which cannot be told" in note for note in found["threshold_tuned"].notes)
    with pytest.raises(InvalidRequest, match=r"names 2; outputs of the heads: .* has 3 and .* has 3"):
        summary("head base", classes="animals,houses")


def test_accuracies_on_other_rows_are_not_compared(bench: Any, folder: Path, texts: Any) -> None:
    found = dict(computed(bench, planned(bench, folder, texts, label="label", heavy=True)))
    values = found["threshold_tuned"].values
    other = dataclasses.replace(
        found["threshold_tuned"], values=dataclasses.replace(values, test_rows=values.test_rows + 1)
    )
    rows = {row.key: row for row in backend.summary_rows({**found, "threshold_tuned": other}, 3)}
    for key in ("accuracy", "threshold"):
        assert rows[key].difference is None and rows[key].p is None and "different test rows" in rows[key].meaning
    bare = dataclasses.replace(found["threshold_tuned"], values=dataclasses.replace(values, right=values.right[:0]))
    rows = {row.key: row for row in backend.summary_rows({**found, "threshold_tuned": bare}, 3)}
    assert rows["accuracy"].p is None and "was not kept" in rows["accuracy"].meaning
    assert rows["neurons_5"].p is not None


def test_a_change_is_judged_by_the_rows_that_one_reader_alone_gets_right() -> None:
    first = np.array([True] * 70 + [False] * 30)
    few, many = first.copy(), first.copy()
    few[[0, 1, 71, 72, 73, 74, 75]] ^= True
    many[70:80] = True
    for second, said in (
        (few, "5 became right and 2 became wrong: not significant"),
        (many, "10 became right and 0 became wrong: significant"),
    ):
        found = mcnemar(first, second)
        said_of = READINGS["threshold"](Reading(0.7, second.mean(), second.mean() - 0.7, {"paired": found}))
        assert said in said_of and "McNemar's exact test" in said_of
    assert "the same of the 100 test rows" in READINGS["threshold"](
        Reading(0.7, 0.7, 0.0, {"paired": mcnemar(first, first)})
    )
    lost = READINGS["threshold_loss"](
        Reading(0.1, 0.05, -0.05, {"paired": mcnemar(few, many), "heads": [("after", 0.8, 0.76)]})
    )
    assert "After, 80.0\xa0% with all dimensions and 76.0\xa0% with this one." in lost
    assert "is right less often than one fitted alike on all" in lost and "knows all" not in lost


def test_labels_that_were_left_out_are_not_counted(bench: Any, folder: Path) -> None:
    rows = [f"{TEXTS[i % 7]} {WORDS[i % 25]} {WORDS[i // 3]}\tclass {i % 3 if i < 60 else i}" for i in range(64)]
    (folder / "single.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    single = bench.read_texts(folder / "single.tsv", text="text", label="label")
    pair = [bench.model(str(folder / name)) for name in ("base", "tuned")]
    params = {"grid": "fixed", "n_seeds": 2, "hidden": (8, 8), "drop_single": True}
    task = backend.plan_cross_task(bench, *pair, sets=[(single, "label")], layer=3, params=params, pooling="mean")
    (row,) = backend.cross_task_rows(bench.wait(task), ["label"])
    assert row.n_labels == 3 == row.n_grew + row.n_shrank + row.n_same, "four classes of one row take no part"
    plan = planned(bench, folder, single, label="label", heavy=True, split={"drop_single": True})
    found = computed(bench, plan)
    summary = {one.key: one for one in backend.summary_rows(found, plan.layer)}
    assert found["neurons_tuned"].values.split.n_used == 3 and len(found["neurons_tuned"].values.split.classes) == 7
    assert "classes (3)" in summary["neurons_classes"].title and "Of 3 labels" in summary["least_distance"].meaning


def test_a_layer_of_identical_rows_has_reasons_instead_of_numbers(bench: Any, folder: Path, texts: Any) -> None:
    """Before the first block, pooling cls gives every text one vector."""
    plan = planned(bench, folder, texts, label="label", heavy=True, layer=0, pooling="cls")
    found = computed(bench, plan)
    rows = backend.summary_rows(found, 0)
    assert [row.key for row in rows] == WITHOUT_HEADS
    for row in rows:
        if row.key in ("cka_lowest", "cka_late", "cka_halves"):
            assert row.after is not None, "the other layers are there"
        else:
            assert row.after is None and row.difference is None and row.reason, row.key
            assert "nan" not in f"{row}"
    assert backend.moved_rows(found["neighbours"], 0) == ()
    assert backend.layer_rows(found)[0].components_gained is None


def test_rows_that_are_words_are_compared_and_found_again(bench: Any, folder: Path) -> None:
    lines = [json.dumps({"words": text.split(), "labels": [word[0] for word in text.split()]}) for text in TEXTS]
    (folder / "words.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = bench.read_texts(folder / "words.jsonl", format="words")
    plan = planned(bench, folder, words, label=words.label, heavy=True, split={"drop_single": True})
    assert plan.pooling == "words"
    found = computed(bench, plan)
    rows = {row.key: row for row in backend.summary_rows(found, plan.layer)}
    assert rows["accuracy"].after == found["threshold_tuned"].values.full_accuracy[3]
    assert rows["clusters"].after is not None
    table = bench.text_set(words)
    moved = backend.moved_rows(found["neighbours"], plan.layer)
    assert moved and all(0 <= one.text < len(table.shown) for one in moved)
    assert len({one.row for one in moved}) == len(moved)


def test_five_classes_are_not_said_twice(bench: Any, folder: Path) -> None:
    rows = [f"{TEXTS[i % 7]} {WORDS[i % 25]} {WORDS[i // 3]}\tclass {i % 5}" for i in range(60)]
    (folder / "five.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    five = bench.read_texts(folder / "five.tsv", text="text", label="label")
    plan = planned(bench, folder, five, label="label", heavy=True)
    keys = [row.key for row in backend.summary_rows(computed(bench, plan), plan.layer)]
    assert "neurons_5" in keys and "neurons_classes" not in keys


def test_numbers_are_written_by_their_unit() -> None:
    written = [
        backend.number_text(0.9134, "accuracy"),
        backend.number_text(-0.0213, "accuracy", signed=True),
        backend.number_text(-0.00001, "correlation", signed=True),
        backend.number_text(3.0, "count"),
        backend.number_text(None, "share"),
    ]
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in written] == ["91.3 %", "−2.1 pt", "±0.000", "3", "–"]


@pytest.mark.parametrize(
    ("numbers", "unit", "written"),
    [
        ((0.0044, 0.0047), "distance", ("0.0044", "0.0047", "+0.0003")),
        ((0.00445, 0.00451), "distance", ("0.0044", "0.0045", "+0.0001")),
        ((0.01045, 0.01054), "distance", ("0.0104", "0.0105", "+0.0001")),
        ((0.4, 0.4), "correlation", ("0.400", "0.400", "±0.000")),
        ((0.5004, 0.5006), "accuracy", ("50.04 %", "50.06 %", "+0.02 pt")),
        ((3.0, 5.0), "count", ("3", "5", "+2")),
        ((None, 0.4), "share", ("–", "40.0 %", "–")),
    ],
)
def test_the_numbers_of_a_row_agree(numbers: Any, unit: str, written: tuple[str, str, str]) -> None:
    before, after = numbers
    found = backend.number_texts(before, after, None if before is None else after - before, unit)
    assert tuple(text.replace("\N{NO-BREAK SPACE}", " ") for text in found) == written


def test_one_rule_says_what_is_as_before() -> None:
    for key in ("cka_late", "cka_halves", "principal_share", "first_component"):
        for before, after, same in ((0.047, 0.048, True), (0.9, 0.902, True), (0.047, 0.06, False), (0.0, 0.0, True)):
            said = READINGS[key](Reading(before, after, after - before, {}))
            assert (said == "As before.") is same, (key, before, after)


def test_the_cross_task_table_counts_labels_and_takes_the_probes_accuracy(bench: Any, folder: Path, texts: Any) -> None:
    pair = [bench.model(str(folder / name)) for name in ("base", "tuned")]
    params = {"grid": "fixed", "n_seeds": 2, "hidden": (8, 8)}
    sentiment = bench.text_set_info("sentiment")
    task = backend.plan_cross_task(
        bench, *pair, sets=[(texts, "label"), (sentiment, "label")], layer=3, params=params, pooling="mean"
    )
    results = bench.wait(task)
    rows = backend.cross_task_rows(results, ["label", "label"])
    assert [row.texts for row in rows] == ["words.tsv", "sentiment"] and [row.n_labels for row in rows] == [3, 2]
    clusters, before, after = (result.values for result in results[:3])
    assert rows[0].n_grew + rows[0].n_shrank + rows[0].n_same == 3
    assert rows[0].n_grew == (clusters.minimum[0] > clusters.other_minimum[0]).sum()
    assert rows[0].average_change == pytest.approx((clusters.minimum[0] - clusters.other_minimum[0]).mean())
    assert (rows[0].accuracy_before, rows[0].accuracy_after) == (before.accuracy[0], after.accuracy[0])
    change = after.right[0].astype(float) - before.right[0]
    assert rows[0].accuracy_change == pytest.approx(after.accuracy[0] - before.accuracy[0], abs=1e-6)
    assert rows[0].accuracy_change_error == pytest.approx(paired_error(change))
    assert rows[0].accuracy_after_std == after.accuracy_std[0] and rows[0].layer == "block 3"
    document = backend.cross_task_document(rows, results)
    assert len(document["recipe"]) == 6 and document["rows"][1]["texts"] == "sentiment"
    json.dumps(document, allow_nan=False)
    with pytest.raises(InvalidRequest, match="No text set"):
        backend.plan_cross_task(bench, *pair, sets=[], layer=3)


def test_the_command_writes_a_report_whose_recipes_run(folder: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "report.json", tmp_path / "again.json"
    files = ("--texts", folder / "words.tsv", "--text", "text", "--label", "label")
    pair = ("--base", folder / "base", "--tuned", folder / "tuned")
    done = entered("report", *pair, *files, "--layer", "block 2", "--out", out, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    data = json.loads(out.read_text())
    assert data["report"]["layer"] == "block 2" and len(data["recipe"]) == len(WITH_LABELS)
    assert data["summary"][0]["key"] == "cka" and len(data["layers"]) == 4 and data["moved"]
    assert "Geometry kept in this layer (CKA with the base): 1.000 ->" in done.stdout
    done = entered("run", out, "--out", again, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert [one["fingerprint"] for one in json.loads(again.read_text())] == data["fingerprints"]
    done = entered("report", "--base", folder / "base", "--tuned", folder / "narrow", *files, cache=tmp_path / "cache")
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and [line.split(":")[0] for line in lines] == ["error", "hint"] and not done.stdout
