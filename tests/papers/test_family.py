"""A row of a model and all that were tuned from it: one table of all, as its page plans it, and a verdict for each."""

from pathlib import Path

import backend
from backend.bench.workbench import Workbench
from backend.papers.number import MIXED
from backend.papers.row import AFTERS, FAMILY
from backend.papers.table import row_called
from tests import runs
from tests.models import tiny


def test_all_that_were_tuned_from_one_model_stand_in_one_table(bench: Workbench, tmp_path: Path) -> None:
    tuned = [
        runs.tuned(bench, tmp_path, "a", changes={"max_steps": 2}),
        runs.tuned(bench, tmp_path, "b", changes={"max_steps": 4}),
    ]
    apart = str(
        tiny.save(tmp_path / "apart", tiny.bert_config(num_hidden_layers=2), seed=7, model_input_names=tiny.SEGMENTS)
    )
    base, first, other, second = (bench.model(name) for name in (tuned[0].base, "run:a", apart, "run:b"))
    texts, row = bench.text_set_info("topics"), row_called("zhou-table-5")
    assert row.of == FAMILY and row.choices["report_tuned_several"] == AFTERS
    chosen = backend.PaperChoice((first, other, base, second), texts, bench.text_set_info("general"), "label")
    (part,) = backend.parts_of(bench, row, chosen)
    assert part.group.models == (base, first, second), "of the fourth nobody knows what it was made from"
    words = backend.address_of(bench, row, chosen, part).words
    names = [info.spec.name for info in part.group.models]
    assert words["report_base"] == names[:1] and words["report_tuned_several"] == names[1:] and words["model"] == names

    n_layers = len(base.layer_names)
    plan = backend.plan_cross_task(
        bench, base, [first, second], sets=[(texts, "label")], layer=n_layers - 1, pooling=part.group.pooling,
        params={"grid": words["report_cross_grid"][0], "max_rows": int(words["report_cross_max_rows"][0])},
    )  # fmt: skip
    assert {backend.fingerprint(spec) for spec in plan.analyses} == {backend.fingerprint(spec) for spec in part.specs}
    assert len(part.specs) == 5, "clusters of two pairs, and probes of three models"

    clusters = [one for one in part.asked if one.spec.metric == "direct_probe"]
    results = [bench.wait(one.spec) for one in clusters]
    ours = backend.ours_of(row, backend.Part(part.group, tuple(clusters)), results)
    assert [name for name, _ in ours.by_model] == names[1:]
    verdicts = {verdict for _, verdict in ours.by_model}
    assert ours.verdict == (MIXED if len(verdicts) > 1 else next(iter(verdicts)))
    changes = {one.model: one.value for one in ours.numbers if one.name == "average change"}
    for name, verdict in ours.by_model:
        assert verdict == ("agrees" if changes[name] > 0 else "disagrees")


def test_of_two_models_the_row_is_of_the_pair(bench: Workbench, tmp_path: Path) -> None:
    tuned = runs.tuned(bench, tmp_path, "alone", changes={"max_steps": 2})
    base, after = bench.model(tuned.base), bench.model("run:alone")
    chosen = backend.PaperChoice((after, base), bench.text_set_info("topics"), bench.text_set_info("general"), "label")
    (part,) = backend.parts_of(bench, row_called("zhou-table-5"), chosen)
    assert part.group.models == (base, after) and len(part.specs) == 3
