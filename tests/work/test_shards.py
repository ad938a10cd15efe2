"""A pass in shards gives what one pass gives, bit for bit, and what was done is not done again."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend import EstimateTask, Settings, open_workbench
from backend.bench.workbench import Workbench
from backend.errors import Cancelled, EmbedscopeError
from backend.forms.fingerprint import fingerprint
from backend.values.specs import Ablation, ActivationSpec, AnalysisSpec, TokenSample
from backend.values.tasks import BatchTask, NormTask
from backend.work.parts import Part
from backend.work.shards import Shard, slot_digest
from backend.work.stacks import rows_digest
from tests.conftest import review_lines
from tests.models import tiny
from tests.work.crew_here import spread_bench
from tests.work.test_preparing import task_of
from tests.work.word_rows import conllu

SHARD = 256


@pytest.fixture
def elsewhere_too(settings: Settings, tmp_path: Path) -> Settings:
    """Settings over another empty cache, whose models may lie in the test's folder."""
    return dataclasses.replace(settings, cache=tmp_path / "other", model_roots=(tmp_path,), batch_tokens=64)


@pytest.fixture
def here(settings: Settings) -> Workbench:
    """A workbench that computes in this process, in batches of the same size."""
    return open_workbench(dataclasses.replace(settings, batch_tokens=64))


def _lines(n_rows: int) -> list[str]:
    """Texts of many lengths, some of them more than once, far apart."""
    lines = review_lines(n_rows)
    return [line if number % 9 else lines[number // 9] for number, line in enumerate(lines)]


def _plain(bench: Workbench, folder: Path, **choice: object) -> AnalysisSpec:
    path = folder / "plain.txt"
    path.write_text("\n".join(_lines(120)))
    texts = bench.read_texts(path)
    return bench.analysis("anisotropy", models=[bench.model("minilm")], texts=texts, **choice)  # type: ignore[arg-type]


def _pairs(bench: Workbench, folder: Path, **choice: object) -> AnalysisSpec:
    path, lines = folder / "pairs.csv", _lines(90)
    path.write_text("one,two\n" + "\n".join(f'"{a}","{b}"' for a, b in zip(lines, reversed(lines), strict=True)))
    texts = bench.read_texts(path, text="one", pair="two")
    return bench.analysis("anisotropy", models=[bench.model("minilm")], texts=texts, **choice)  # type: ignore[arg-type]


def _words(bench: Workbench, folder: Path, **choice: object) -> AnalysisSpec:
    path, model = folder / "words.conllu", folder / "bert"
    if not model.is_dir():
        tiny.save_family(model, "bert")
    path.write_text(conllu(n_sentences=24, n_long=6))
    texts = bench.read_texts(path, **choice)
    return bench.analysis("anisotropy", models=[bench.model(str(model))], texts=texts, max_length=8)


def _tokens(bench: Workbench, folder: Path, limit: int | None = 200) -> AnalysisSpec:
    return _plain(bench, folder, pooling="tokens", tokens=TokenSample(limit=limit))


def _ablated(bench: Workbench, folder: Path, mode: str) -> AnalysisSpec:
    spec = _plain(bench, folder)
    ablation = Ablation(2, (3, 17), mode)
    return dataclasses.replace(spec, inputs=tuple(dataclasses.replace(one, ablation=ablation) for one in spec.inputs))


CASES: dict[str, Callable[[Workbench, Path], AnalysisSpec]] = {
    "texts": _plain,
    "pairs of texts": _pairs,
    "tokens": _tokens,
    "few tokens, so that a shard may have none": lambda bench, folder: _tokens(bench, folder, 2),
    "words": _words,
    "pairs of words": lambda bench, folder: _words(bench, folder, task="deprel"),
    "dimensions set to zero": lambda bench, folder: _ablated(bench, folder, "zero"),
    "dimensions set to their mean": lambda bench, folder: _ablated(bench, folder, "mean"),
}


@pytest.mark.parametrize("case", CASES)
def test_shards_give_the_arrays_of_one_pass(
    case: str, here: Workbench, elsewhere_too: Settings, tmp_path: Path
) -> None:
    there, crew = spread_bench(elsewhere_too, shard_tokens=SHARD if "words" not in case else 60)
    ours, theirs = (CASES[case](bench, tmp_path) for bench in (here, there))
    assert fingerprint(ours) == fingerprint(theirs)
    first, second = here.wait(ours), there.wait(theirs)
    assert crew.kinds.count("shard") >= (1 if "few" in case else 2) and crew.kinds[-1] == "measure", crew.kinds
    assert (crew.kinds.count("mean") > 0) == ("mean" in case)
    for spec in ours.inputs:
        _same(here, there, spec, exactly="mean" not in case)
    np.testing.assert_allclose(first.values.anisotropy, second.values.anisotropy, rtol=1e-6)
    kept = {path.stem for path in (elsewhere_too.cache / "arrays").glob("??/*")}
    assert kept == {path.stem for path in (here.settings.cache / "arrays").glob("??/*")}, "no shard is left"


def _same(here: Workbench, there: Workbench, spec: ActivationSpec, *, exactly: bool) -> None:
    plain = dataclasses.replace(spec, postprocess=())
    digests = [fingerprint(plain)] + ([rows_digest(spec)] if spec.pooling in ("tokens", "words") else [])
    for digest in digests:
        ours, theirs = (bench._store.open_array(digest) for bench in (here, there))
        assert ours is not None and theirs is not None
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.0 if exactly else 1e-5)
        assert here._store.array_meta(digest) == there._store.array_meta(digest)


def test_a_shard_that_is_there_is_not_run_again(elsewhere_too: Settings, tmp_path: Path) -> None:
    done: list[str] = []

    def stop(part: Part) -> None:
        if isinstance(part.what, Shard):
            if len(done) == 3:
                raise Cancelled()
            done.append(part.what.key)

    bench, _ = spread_bench(elsewhere_too, shard_tokens=SHARD, before=stop)
    spec = _plain(bench, tmp_path)
    assert bench.start(spec).state == "cancelled" and len(done) == 3
    before = {path: path.stat().st_mtime_ns for path in (elsewhere_too.cache / "arrays").glob("??/*")}
    assert len(before) == 3 * 22, "21 arrays of each, and which rows they have"
    when: dict[Path, int] = {}

    def look(part: Part) -> None:
        if part.kind == "gather" and not when:
            when.update({path: path.stat().st_mtime_ns for path in before if path.exists()})

    again, crew = spread_bench(elsewhere_too, shard_tokens=SHARD, before=look)
    assert again.wait(spec) is not None and crew.kinds.count("shard") > 3
    assert when == before, "the three were found, and not written again"


def test_what_is_lost_before_it_is_put_together_is_done_again(elsewhere_too: Settings, tmp_path: Path) -> None:
    keys: list[str] = []

    def lose(part: Part) -> None:
        if isinstance(part.what, Shard):
            keys.append(part.what.key)
        if part.kind == "gather" and crew.kinds.count("gather") == 0:
            path = elsewhere_too.cache / "arrays"
            digest = slot_digest(keys[0], 3, "mean")
            (path / digest[:2] / f"{digest}.npy").unlink()
            digest = slot_digest(keys[1], 3, "mean")
            with (path / digest[:2] / f"{digest}.npy").open("r+b") as file:
                file.seek(300)
                file.write(b"damaged!")

    bench, crew = spread_bench(elsewhere_too, shard_tokens=SHARD, before=lose)
    assert bench.wait(_plain(bench, tmp_path)) is not None
    assert sorted(keys[-2:]) == sorted(keys[:2]) and len(keys) == len(set(keys)) + 2


def test_a_small_set_is_one_part_and_a_batch_is_spread(elsewhere_too: Settings, tmp_path: Path) -> None:
    bench, crew = spread_bench(elsewhere_too, shard_tokens=10**6)
    model = tmp_path / "bert"
    tiny.save_family(model, "bert")
    path = tmp_path / "few.csv"
    path.write_text("text,label\n" + "\n".join(f'"{line}",{n % 2}' for n, line in enumerate(review_lines(40))))
    texts = bench.read_texts(path, text="text", label="label")
    names = ["minilm", str(model)]
    asked = tuple(bench.analysis("anisotropy", models=[bench.model(name)], texts=texts) for name in names)
    assert bench.start(BatchTask(asked, "two")).state == "done"
    assert crew.kinds == ["begin", "begin", "measure", "measure"]
    assert all(bench.peek(spec) is not None for spec in asked)
    twin = bench.model(str(shutil.copytree(model, tmp_path / "twin")))
    assert twin.spec.commit == asked[1].inputs[0].model.commit
    same = tuple(bench.analysis("cka", models=[one], texts=texts) for one in (bench.model(str(model)), twin))
    shutil.rmtree(elsewhere_too.cache / "arrays")
    assert bench.start(BatchTask(same, "twice the same weights")).state == "done"
    assert crew.kinds[4:] == ["begin", "measure"]
    crew.kinds.clear()
    shutil.rmtree(elsewhere_too.cache / "arrays")
    task, _ = task_of(bench, tmp_path)
    prepared = bench.wait(task)
    assert prepared.n_done == 3 and [one.metric for one in prepared.failed] == ["threshold"]
    assert crew.kinds == ["begin", *["measure"] * 4]


def test_what_is_noted_elsewhere_is_known_here(elsewhere_too: Settings, tmp_path: Path) -> None:
    bench, crew = spread_bench(elsewhere_too, shard_tokens=SHARD)
    spec = _plain(bench, tmp_path)
    cost = bench.wait(EstimateTask(spec.inputs))
    assert cost.n_texts < 120 and cost.seconds > 0
    assert bench.peek(EstimateTask(spec.inputs)) == cost
    assert bench.wait(NormTask(spec.inputs[0].model)).norm
    assert crew.kinds == ["run", "run"]
    bench.wait(spec)
    assert bench.cost([dataclasses.replace(spec, seed=9)]).measured, "the time of the metric came back with it"


def test_an_error_of_a_part_is_the_job_s(elsewhere_too: Settings, tmp_path: Path) -> None:
    bench, _ = spread_bench(elsewhere_too, shard_tokens=SHARD)
    spec = _plain(bench, tmp_path)
    bench.delete_text_set(spec.inputs[0].texts.table)
    with pytest.raises(EmbedscopeError, match="not in the store"):
        bench.wait(spec)
