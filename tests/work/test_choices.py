"""What a job says of the choice that it was made by: in its title, and for the page that draws it."""

from pathlib import Path

from backend import Choice, PostProcess, fingerprint
from backend.bench.workbench import Workbench
from backend.jobs.base import new_job
from backend.jobs.book import JobBook
from backend.values.tasks import BatchTask
from backend.work.tasks import kind_of


def test_the_title_names_layers_rows_seed_and_what_was_set(bench: Workbench, reviews: Path) -> None:
    texts = bench.read_texts(reviews, text="text", label="label")
    model = bench.model("minilm")
    usual = bench.analysis("cka", models=[model], texts=texts)
    assert (
        kind_of(usual).title(usual)
        == f"Similarity of layers (CKA) of minilm on {texts.spec.name} (mean; layers 0 to 6)"
    )
    spec = bench.analysis(
        "cka",
        models=[model],
        texts=texts,
        layers=[0, 2],
        seed=3,
        params={"kernel": "rbf", "debiased": False},
        postprocess=[PostProcess("centre")],
    )
    said = kind_of(spec).title(spec)
    assert said.endswith("(mean; layers 0, 2; centre; seed 3; Kernel: Gaussian; Debiased: off)")
    assert kind_of(spec).title(spec) != kind_of(usual).title(usual)
    long = {"text": "a very long text that somebody typed " * 20}
    typed = bench.analysis("neighbours_of_text", models=[bench.model("minilm")], texts=texts, params=long)
    written = kind_of(typed).title(typed).partition("Text: ")[2]
    assert written.startswith("a very long text that somebody typed") and written.endswith("…)") and len(written) <= 61


def test_a_job_keeps_its_choice_through_its_record(bench: Workbench, reviews: Path) -> None:
    texts = bench.read_texts(reviews, text="text", label="label")
    spec = bench.analysis(
        "threshold", models=[bench.model("minilm")], texts=texts, layers=[5, 6], label="label", params={"n_shuffles": 3}
    )
    choice = Choice(
        ("threshold",), ("minilm",), texts.spec.table, "mean", (5, 6), "label", params=(("n_shuffles", "3"),)
    )
    book = JobBook(bench._store)
    book.put(new_job(spec))
    kept = book.get(fingerprint(spec))
    assert kept is not None and kept.choice == choice
    other = bench.analysis("cka", models=[bench.model("minilm")], texts=texts, layers=[1])
    both = kind_of(BatchTask((spec, other))).choice(BatchTask((spec, other)))
    assert both is not None and both.metrics == ("threshold", "cka") and both.layers == (1, 5, 6) and both.params == ()
