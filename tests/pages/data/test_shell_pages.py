"""The shell's pages over a real workbench that computes in this process, with the model that comes along."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import backend
from backend import ResolveTask, fingerprint
from pages._kit.flow import progress
from pages._kit.state import session
from tests.models.tiny import bert_config, save

ROOT = Path(__file__).resolve().parents[3]
APP = "app.py"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDSCOPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("EMBEDSCOPE_BACKEND", raising=False)
        opened = backend.open_workbench()
        yield opened
        opened.close()


@pytest.fixture
def app(bench: Any, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The whole app, not yet run; it computes where it is asked, so that no test has to wait for a worker."""
    monkeypatch.setattr(session, "_open", lambda: bench)
    return AppTest.from_file(str(ROOT / APP), default_timeout=240)


def words(at: AppTest) -> str:
    """Everything that the page says in Markdown, captions and alerts, with the escapes taken out."""
    kinds = (at.markdown, at.caption, at.info, at.error, at.warning, at.success, at.title)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def test_without_a_service_the_dashboard_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBEDSCOPE_BACKEND", raising=False)
    session._open.clear()
    at = AppTest.from_file(str(ROOT / APP), default_timeout=60).run()
    assert not at.exception
    assert "make run" in words(at)


def test_an_unreachable_service_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path))
    monkeypatch.setenv("EMBEDSCOPE_BACKEND", "http://127.0.0.1:9")
    monkeypatch.setenv("EMBEDSCOPE_TOKEN", "none")
    session._open.clear()
    at = AppTest.from_file(str(ROOT / APP), default_timeout=60).run()
    session._open.clear()
    assert not at.exception
    assert "cannot be reached" in words(at)
    assert "goes on by itself as soon as the service answers" in words(at)


def test_the_overview_costs_runs_and_then_comes_from_the_store(app: AppTest, bench: Any) -> None:
    at = app.run()
    assert not at.exception
    assert "This run:" in words(at)
    at.button(key="overview_run").click().run()
    assert not at.exception
    assert len(at.get("plotly_chart")) == 3
    jobs = bench.jobs()
    again = AppTest.from_file(str(ROOT / APP), default_timeout=60).run()
    assert len(again.get("plotly_chart")) == 3
    assert not [button for button in again.button if button.label.startswith("Run")]
    assert bench.jobs() == jobs


HELD: dict[str, Any] = {}


def panel_script() -> None:
    import streamlit as st

    from pages._kit.flow.progress import run_panel
    from tests.pages.data.test_shell_pages import HELD

    st.session_state["found"] = run_panel([HELD["spec"]], "panel")


def test_a_failed_job_gives_its_reason_and_run_again(
    bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(session, "_open", lambda: bench)
    lines = tmp_path / "gone.txt"
    lines.write_text("\n".join(f"Line {i} of a set that will be gone." for i in range(12)))
    texts = bench.read_texts(lines)
    HELD["spec"] = bench.analysis("cka", models=[bench.model("minilm")], texts=texts, pooling="mean")
    bench.delete_text_set(texts.spec.table)
    at = AppTest.from_function(panel_script, default_timeout=120).run()
    at.button(key="panel_run").click().run()
    assert not at.exception
    failed = bench.status(fingerprint(HELD["spec"]))
    assert failed.state == "failed"
    assert failed.error in words(at)
    assert failed.hint in words(at)
    assert at.session_state["found"] is None
    assert at.button(key="panel_run").label == "Run again"
    bench.read_texts(lines)
    at.button(key="panel_run").click().run()
    assert [result.fingerprint for result in at.session_state["found"]] == [fingerprint(HELD["spec"])]
    assert not at.button


def test_an_evicted_result_offers_run_again(app: AppTest, bench: Any) -> None:
    app.query_params["texts"] = "general"
    at = app.run()
    at.button(key="overview_run").click().run()
    assert len(at.get("plotly_chart")) == 3
    bench.clear_cache()
    at.run()
    assert "no longer in the cache" in words(at)
    assert at.button(key="overview_run").label == "Run again"


def lookup_script() -> None:
    import streamlit as st

    from pages._kit.flow.progress import obtain
    from tests.pages.data.test_shell_pages import HELD

    st.session_state["found"] = obtain(HELD["task"], "look", what="Looking up the model")


def test_an_answer_that_no_longer_holds_is_looked_up_again_by_itself(
    bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a local folder stands for holds for ten minutes; whoever works on for longer is not told of a loss."""
    monkeypatch.setattr(session, "_open", lambda: bench)
    HELD["task"] = ResolveTask(str(save(tmp_path / "small", bert_config())))
    at = AppTest.from_function(lookup_script, default_timeout=120).run()
    assert at.session_state["found"].spec.name == HELD["task"].name
    started: list[Any] = []
    start, peek = bench.start, bench.peek
    monkeypatch.setattr(bench, "start", lambda task: (started.append(task), start(task))[1])
    monkeypatch.setattr(bench, "peek", lambda task: peek(task) if started else None)
    at.run()
    assert "no longer in the cache" in words(at) and at.button, "gone at once: asking again and again would not help"
    assert not started
    monkeypatch.setattr(progress, "LAPSED_SECONDS", -1.0)
    at.run()
    assert started == [HELD["task"]]
    assert not at.exception and not at.error and not at.button
    assert at.session_state["found"].spec.name == HELD["task"].name


def test_a_model_that_cannot_be_had_is_said_beside_its_field(app: AppTest) -> None:
    app.query_params["model"] = ["minilm", "nobody/*no*-such-model"]
    at = app.run()
    assert not at.exception
    assert "nobody/*no*-such-model" in at.sidebar.error[0].value.replace("\\", "")
    assert "-such-model" in at.main.error[0].value.replace("\\", ""), "said in the main area too, not as waiting"
    assert at.button(key="model_1_retry")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers", "0-99"),
        ("layers", "<b>"),
        ("texts", "[x](http://evil)"),
        ("pooling", "__class__"),
        ("seed", "1e99"),
        ("label", "\x00"),
        ("model", "a\nb"),
        ("model", "x" * 5000),
        ("model", "../../../etc"),
    ],
)
def test_no_value_in_the_url_raises(app: AppTest, name: str, value: str) -> None:
    app.query_params[name] = value
    at = app.run()
    assert not at.exception
    assert not at.error or "Traceback" not in words(at)


def test_the_selection_is_what_the_url_says(app: AppTest, bench: Any) -> None:
    app.query_params.update({"texts": "topics", "pooling": "cls", "layers": "0-2", "seed": "11", "label": "(none)"})
    at = app.run()
    found = at.session_state["_selection"]
    assert [info.spec.name for info in found.models] == ["minilm"]
    assert (found.texts.spec.name, found.pooling, found.layers, found.label, found.seed, found.problem) == (
        "topics",
        "cls",
        (0, 1, 2),
        None,
        11,
        "",
    )
    assert bench.status(fingerprint(ResolveTask("minilm"))).state == "done"


def test_a_file_is_previewed_saved_and_chosen(app: AppTest, bench: Any) -> None:
    at = app.run()
    at.switch_page("pages/data/texts/page.py").run()
    content = b'id,sentence,mood\n1,A fine day,up\n2,A *bad* day,down\n3,"Rain, again",down\n'
    at.file_uploader(key="add_file").upload("moods.csv", content).run()
    assert not at.exception
    assert "3 rows" in words(at)
    picks = {(box.key or "").rpartition("_")[0]: box for box in at.selectbox}
    picks["add_column_text"].select("sentence")
    picks["add_column_label"].select("mood")
    at.run()
    at.button(key="add_save").click().run()
    assert not at.exception
    assert "Saved 'moods' with 3 texts. Every page uses it now." in words(at)
    assert not at.get("file_uploader"), "the form is closed"
    chosen = at.session_state["_selection"]
    assert at.selectbox(key="texts").value == chosen.texts.shown_name
    assert (chosen.texts.spec.name, chosen.label) == ("moods", "mood")
    assert bench.text_set(chosen.texts).texts == ("A fine day", "A *bad* day", "Rain, again")
    at.selectbox(key="texts").select("topics").run()
    assert "Saved 'moods' with 3 texts." in words(at)
    assert "Every page uses it now" not in words(at)
    at.button(key="add_another").click().run()
    assert not at.exception
    assert "Saved" not in words(at)
    assert at.get("file_uploader")
    assert not [button for button in at.button if button.key == "add_save"], "nothing of the last file is left"
    assert at.selectbox(key="texts").value == "topics"


def test_pasted_lines_are_chosen_once_saved_and_leave_the_form(app: AppTest) -> None:
    at = app.run()
    at.switch_page("pages/data/texts/page.py").run()
    at.segmented_control(key="add_way").set_value("Pasted text").run()
    at.text_area(key="add_text").set_value("One line.\nAnother line.").run()
    at.button(key="add_save").click().run()
    assert not at.exception
    assert at.session_state["_selection"].texts.spec.name == "pasted text"
    at.button(key="add_another").click().run()
    at.segmented_control(key="add_way").set_value("Pasted text").run()
    assert at.text_area(key="add_text").value == ""


def test_two_labelled_sets_are_joined_into_one_with_a_split(app: AppTest, bench: Any, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("text,mood\nA good one,positive\nA bad one,negative\n")
    more = bench.read_texts(file, text="text", label="mood", name="more reviews")
    at = app.run()
    at.switch_page("pages/data/texts/page.py").run()
    at.segmented_control(key="add_way").set_value("Two sets joined").run()
    names = {info.spec.name: info.spec.table for info in bench.text_sets()}
    at.selectbox(key="join_train").set_value(names["sentiment"]).run()
    at.selectbox(key="join_test").set_value(names["sentiment"]).run()
    assert "the same text set" in words(at)
    at.selectbox(key="join_test").set_value(names["topics"]).run()
    assert "no class in common" in words(at)
    at.selectbox(key="join_test").set_value(more.spec.table).run()
    at.button(key="join_save").click().run()
    assert not at.exception
    table = bench.text_set("sentiment + more reviews")
    assert table.split == "split" and table.columns["split"] == ("train",) * 440 + ("test",) * 2
    assert "Saved" in words(at)


def test_every_data_page_is_drawn_without_an_error(app: AppTest) -> None:
    at = app.run()
    for page in ("texts", "models", "jobs"):
        at.switch_page(f"pages/data/{page}/page.py").run()
        assert not at.exception, page
        assert at.title[0].value == page.capitalize()


def test_the_label_follows_the_text_set(app: AppTest, bench: Any, tmp_path: Path) -> None:
    """A set that has a column of the same name beside its label column takes its own label column all the same."""
    file = tmp_path / "words.csv"
    file.write_text("text,label,role\n" + "".join(f"Row {i},{i},{'ab'[i % 2]}\n" for i in range(6)))
    roles = bench.read_texts(file, text="text", label="role", metadata=("label",), name="roles")
    app.query_params["texts"] = "sentiment"
    at = app.run()
    assert at.selectbox(key="label").value == "label"
    at.selectbox(key="texts").set_value(roles.shown_name).run()
    assert not at.exception
    assert at.selectbox(key="label").value == "role" and at.session_state["_selection"].label == "role"
    at.selectbox(key="label").set_value("(none)").run()
    at.selectbox(key="texts").set_value("sentiment").run()
    assert at.selectbox(key="label").value == "(none)", "without labels stays without labels"


def test_a_link_keeps_its_label(app: AppTest, bench: Any, tmp_path: Path) -> None:
    file = tmp_path / "words.csv"
    file.write_text("text,label,role\n" + "".join(f"Row {i},{i % 3},{'ab'[i % 2]}\n" for i in range(6)))
    bench.read_texts(file, text="text", label="role", metadata=("label",), name="roles")
    app.query_params["texts"] = "roles"
    app.query_params["label"] = "label"
    at = app.run()
    assert at.selectbox(key="label").value == "label"


def saved(bench: Any, folder: Path, word: str, name: str = "reviews") -> Any:
    """A set of somebody's, called as another's may be."""
    file = folder / f"{word}.csv"
    rows = "".join(f"The {word} row {i},{'ab'[i % 2]},{'cd'[i // 3]}\n" for i in range(6))
    file.write_text(f"text,label,second label\n{rows}")
    return bench.read_texts(file, text="text", label="label", metadata=("second label",), name=name)


def test_a_choice_stays_when_somebody_saves_a_set_of_that_name(app: AppTest, bench: Any, tmp_path: Path) -> None:
    mine = saved(bench, tmp_path, "first")
    app.query_params["texts"] = mine.shown_name
    at = app.run()
    assert at.session_state["_selection"].texts == mine
    other = saved(bench, tmp_path, "second")
    at.run()
    at.switch_page("pages/data/texts/page.py").run()
    assert at.session_state["_selection"].texts == mine and at.selectbox(key="texts").value == mine.shown_name
    assert {mine.shown_name, other.shown_name} <= set(at.selectbox(key="texts").options)


def test_a_set_goes_by_its_name_alone_until_another_has_it(app: AppTest, bench: Any, tmp_path: Path) -> None:
    mine = saved(bench, tmp_path, "first", "mine alone")
    at = app.run()
    assert "mine alone" in at.selectbox(key="texts").options
    at.selectbox(key="texts").set_value(mine.shown_name).run()
    at.run()
    assert mine.spec.table[:8] in at.selectbox(key="texts").help
    other = saved(bench, tmp_path, "second", "mine alone")
    at.run()
    at.run()
    assert at.session_state["_selection"].texts == mine and not at.session_state["_view"].gone
    assert {mine.shown_name, other.shown_name} <= set(at.selectbox(key="texts").options)
    bench.delete_text_set(other.spec.table)
    at.run()
    at.run()
    assert at.session_state["_selection"].texts == mine and not at.session_state["_view"].gone


@pytest.mark.parametrize("whole", [True, False])
def test_a_link_by_the_name_alone_opens_the_only_set_of_it(
    app: AppTest, bench: Any, tmp_path: Path, whole: bool
) -> None:
    mine = saved(bench, tmp_path, "first", f"only {whole}")
    app.query_params["texts"] = mine.spec.table if whole else mine.spec.name
    app.query_params["label"] = "second label"
    at = app.run()
    assert at.session_state["_selection"].texts == mine and not at.session_state["_view"].gone
    assert at.session_state["_selection"].label == "second label", "the rest of the link is kept"


def test_a_link_by_a_name_that_two_have_lists_both(app: AppTest, bench: Any, tmp_path: Path) -> None:
    both = [saved(bench, tmp_path, word) for word in ("first", "second")]
    app.query_params["texts"] = "reviews"
    at = app.run()
    assert at.session_state["_selection"].texts.builtin
    assert all(info.shown_name in at.session_state["_view"].gone["texts"] for info in both)
    at.selectbox(key="texts").set_value(both[0].shown_name).run()
    assert at.session_state["_selection"].texts == both[0] and not at.session_state["_view"].gone


def test_a_choice_that_somebody_deletes_is_said_to_be_gone(app: AppTest, bench: Any, tmp_path: Path) -> None:
    mine = saved(bench, tmp_path, "first")
    at = app.run()
    at.selectbox(key="texts").set_value(mine.shown_name).run()
    bench.delete_text_set(mine.spec.table)
    at.run()
    assert f"'{mine.shown_name}', which was chosen here, no longer exists" in at.session_state["_view"].gone["texts"]
    at.selectbox(key="texts").set_value("topics").run()
    assert not at.session_state["_view"].gone
