"""The page Jobs: each job leads to the page that draws it, as it was chosen; look-ups and files read are folded away."""

import dataclasses
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from backend import Choice, JobStatus, PostProcess, ReadOptions, ReadTask, TokenSample, fingerprint
from pages._kit.flow.progress import course, waiting
from pages._kit.state import session
from pages._kit.state.view import ANEW
from pages.data.jobs.link import PAGES, link_of, titled
from tests.pages.conftest import SmallWorld
from tests.pages.data.test_shell_pages import words

ROOT = Path(__file__).resolve().parents[3]


def query(choice: Choice) -> dict[str, object]:
    link = link_of(choice)
    assert link is not None and link.file.is_file()
    assert link.query[ANEW] == "true"
    return {"page": link.file.parent.name, **{key: value for key, value in link.query.items() if key != ANEW}}


def test_every_page_that_a_job_leads_to_is_there(small_world: SmallWorld) -> None:
    for metric in {**small_world.bench.metrics(), **PAGES}:
        link = link_of(Choice((metric,), ("minilm",)))
        assert link is not None and link.file.is_file(), metric


def test_the_address_says_what_was_chosen() -> None:
    choice = Choice(
        ("cka",),
        ("gpt2", "minilm"),
        "d" * 40,
        "tokens",
        (0, 1, 2),
        "label",
        7,
        TokenSample(500, 7, True),
        (PostProcess("remove_rogue", 4), PostProcess("remove_dims", dims=(3, 9))),
        (("kernel", "rbf"),),
    )
    assert query(choice) == {
        "page": "similarity",
        "model": ["gpt2", "minilm"],
        "texts": "d" * 40,
        "pooling": "tokens",
        "layers": "0-2",
        "label": "label",
        "seed": "7",
        "tokens": "500",
        "special": "true",
        "post": ["remove rogue dimensions", "remove named dimensions"],
        "rogue_k": "4",
        "dims": "3, 9",
        "similarity_kernel": "rbf",
    }
    assert query(Choice(run="mine")) == {"page": "finetune", "run": "mine"}
    assert link_of(Choice()) is None


@pytest.mark.parametrize(
    ("names", "series"),
    [
        (("run:a@step-00000", "run:a@step-00004", "run:a@step-00032"), "run:a"),
        (("/m/b/step-00000", "/m/b/step-00004", "/m/b/step-00032"), "/m/b"),
        (("o/n@step0", "o/n@step4", "o/n@step32"), "o/n@step*"),
    ],
)
def test_checkpoints_lead_to_dynamics_with_their_steps(names: tuple[str, ...], series: str) -> None:
    found = query(Choice(("cka",), names, "d" * 40, "mean", (1,)))
    assert (found["page"], found["series"], found["steps"]) == ("dynamics", series, "0, 4, 32")
    assert found["dynamics_view"] == "CKA" and "model" not in found


def opened(small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(session, "_open", lambda: small_world.bench)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=240)


def test_a_job_s_link_draws_its_figure_without_a_run(small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = small_world.bench
    spec = bench.analysis("cka", models=small_world.infos(1), texts=small_world.texts, layers=(0, 1), seed=5)
    bench.wait(spec)
    job = next(job for job in bench.jobs() if job.id == fingerprint(spec))
    assert job.choice is not None
    link = link_of(job.choice)
    assert link is not None
    at = opened(small_world, monkeypatch)
    for name, value in link.query.items():
        at.query_params[name] = value
    at.run()
    at.switch_page(str(link.file.relative_to(ROOT))).run()
    assert not at.exception
    assert not [button for button in at.button if button.key == "similarity_run"], "it is there: nothing to run"
    assert at.session_state["_selection"].layers == (0, 1) and at.session_state["_selection"].seed == 5


def test_a_job_s_link_is_opened_in_place_whatever_the_session_had_chosen(
    small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = small_world.bench
    spec = bench.analysis("cka", models=small_world.infos(1), texts=small_world.texts, seed=6)
    bench.wait(spec)
    link = link_of(next(job for job in bench.jobs() if job.id == fingerprint(spec)).choice)
    at = opened(small_world, monkeypatch)
    at.query_params.update({"model": small_world.models[2], "pooling": "last", "layers": "1", "post": "whiten"})
    at.run()
    at.switch_page("pages/geometry/similarity/page.py").run()
    at.toggle(key="similarity_debiased").set_value(False).run()
    at.switch_page("pages/data/jobs/page.py").run()
    at.toggle(key="jobs_small").set_value(True).run()
    at.query_params.clear()
    at.query_params.update(link.query)
    at.switch_page("pages/geometry/similarity/page.py").run()
    assert not at.exception and not at.session_state["_view"].gone
    assert not [button for button in at.button if button.key == "similarity_run"], "it is there: nothing to run"
    here = at.session_state["_selection"]
    assert [info.spec.name for info in here.models] == [small_world.models[1]]
    assert (here.pooling, here.layers, here.seed, here.postprocess) == ("mean", (0, 1, 2, 3), 6, ())
    assert at.toggle(key="similarity_debiased").value is True
    assert ANEW not in at.session_state["_view"].words
    at.switch_page("pages/data/jobs/page.py").run()
    assert at.toggle(key="jobs_small").value is True, "what other pages show stays"


def test_look_ups_and_files_read_are_folded_away(small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = small_world.bench
    blob = bench.upload(b"text\na line that was only looked at\n")
    bench.wait(ReadTask(blob, "looked-at.csv", "preview", ReadOptions()))
    at = opened(small_world, monkeypatch).run()
    at.switch_page("pages/data/jobs/page.py").run()
    assert not at.exception and "looked-at.csv" not in words(at)
    at.toggle(key="jobs_small").set_value(True).run()
    assert "Read looked-at.csv" in words(at)


def test_a_waiting_job_says_its_place_and_what_it_waits_for() -> None:
    job = JobStatus("a" * 40, "mine", "queued", place=1, waits_for="a long one")
    assert waiting(job) == "Place 1 in the queue; after: a long one."
    second = JobStatus("b" * 40, "mine", "queued", place=2, waits_for="a long one")
    assert waiting(second) == "Place 2 in the queue; now running: a long one."


def test_a_job_that_stands_still_says_for_which_and_promises_no_time() -> None:
    job = JobStatus("a" * 40, "mine", "running", done=3, total=12, stage="Extracting activations", eta_seconds=40.0)
    assert course(job) == "Extracting activations, 3 of 12, 40 s left"
    still = dataclasses.replace(job, waits_for="a short one")
    assert course(still) == "Extracting activations, 3 of 12, stands still while this has its turn: a short one"


def test_a_title_names_a_local_model_by_the_end_of_its_folder() -> None:
    name = "/somewhere/deep/below/models/encoder"
    status = JobStatus("1", f"Projection of {name} on sentiment", "done", choice=Choice(("projection",), (name,)))
    assert titled(status) == "Projection of models/encoder on sentiment"
