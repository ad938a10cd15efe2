"""The shell without a backend: the table of pages, the widgets' small grammars, and how a user's words are shown."""

import csv
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from backend import ActivationSpec, AnalysisSpec, Cost, ModelSpec, TextSetSpec, TokenSample
from backend.metrics.base import param, parse_params
from pages._kit.flow.costs import cost_sentence, work_left
from pages._kit.show import wording
from pages._kit.show.typeset import csv_text
from pages._kit.state.selection import parse_layers
from pages._kit.state.session import plain

ROOT = Path(__file__).resolve().parents[3]


def test_no_script_lies_directly_in_pages():
    """Streamlit would serve it on a cold server without app.py, and so without the sidebar or a login."""
    assert list((ROOT / "pages").glob("*.py")) == []


def test_every_page_file_is_in_the_table_and_every_row_has_a_file():
    source = (ROOT / "app.py").read_text(encoding="utf-8")
    files = {path.parent.relative_to(ROOT / "pages").as_posix() for path in (ROOT / "pages").glob("[a-z]*/*/page.py")}
    assert files
    rows = re.findall(r'"([a-z]+/[a-z_]+)"', source)
    assert set(rows) == files
    assert len(rows) == len(files)


def test_the_front_end_imports_no_model_stack():
    code = """
import sys
import pages._kit.flow.progress, pages._kit.state.selection, pages._kit.flow.controls, pages.data.texts.adding
heavy = {"torch", "transformers", "sklearn", "umap", "openTSNE", "numba"} & set(sys.modules)
sys.exit(f"loaded: {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("all", "all"),
        ("", "all"),
        (" ALL ", "all"),
        ("0", (0,)),
        ("6, 0,3", (0, 3, 6)),
        ("2-4", (2, 3, 4)),
        ("0, 3 - 5, 4", (0, 3, 4, 5)),
        ("1 2", (1, 2)),
        ("4-2", None),
        ("-1", None),
        ("1.5", None),
        ("one", None),
        ("٣", None),
        ("99999", None),
        ("1,,2", (1, 2)),
        ("<script>", None),
    ],
)
def test_layers_are_read_as_written(text, layers):
    assert parse_layers(text) == layers


def test_words_of_a_user_never_become_markdown():
    hostile = "*a* _b_ [c](http://x) <b> `d` $e$ :red[f] # g ~~h~~ | i\n- j"

    def script(text):
        import streamlit as st

        from pages._kit.state.session import show_problem

        st.markdown(text)
        show_problem(text, text)

    shown = AppTest.from_function(script, args=(plain(hostile),)).run().markdown[0].value
    for mark in "*_[]()<>`$:#~|":
        assert f"\\{mark}" in shown
        assert shown.count(mark) == shown.count(f"\\{mark}")
    assert "\n" not in shown


@dataclass(frozen=True, slots=True)
class Everything:
    """One parameter of each kind."""

    method: str = param("pca", "How the map is made.", choices=("pca", "tsne"))
    debiased: bool = param(True, "Whether to correct for few rows.")
    k: int = param(20, "How many neighbours.", low=1, high=100, label="Neighbours")
    fraction: float = param(0.1, "How much to drop.", low=0.0, high=1.0)
    dims: tuple[int, ...] = param((), "Which dimensions.")


def form_script():
    import streamlit as st

    from pages._kit.flow.controls import params_form
    from pages._kit.state.session import problems_shown
    from tests.pages.kit.test_shell import Everything

    with problems_shown():
        st.session_state["made"] = params_form(Everything, "cka")
        st.session_state["some"] = params_form(Everything, "other", only=("k",))


def test_a_form_gives_the_defaults_that_the_class_gives():
    at = AppTest.from_function(form_script).run()
    assert not at.exception
    assert parse_params(Everything, at.session_state["made"]) == Everything()
    assert at.session_state["some"] == {"k": 20}


def test_a_form_takes_labels_help_and_limits_from_the_fields():
    at = AppTest.from_function(form_script).run()
    number = at.number_input(key="cka_k")
    assert (number.label, number.help, number.min, number.max) == ("Neighbours", "How many neighbours.", 1, 100)
    assert at.selectbox(key="cka_method").options == ["PCA", "t-SNE"]
    at.number_input(key="cka_k").set_value(7)
    at.toggle(key="cka_debiased").set_value(False)
    at.selectbox(key="cka_method").set_value("tsne")
    at.text_input(key="cka_dims").set_value("3, 1")
    at.run()
    made = parse_params(Everything, at.session_state["made"])
    assert made == Everything(method="tsne", debiased=False, k=7, dims=(3, 1))


def test_a_list_that_cannot_be_read_is_said_and_not_raised():
    at = AppTest.from_function(form_script).run()
    at.text_input(key="cka_dims").set_value("3, x").run()
    assert not at.exception
    assert "3\\, x" in at.error[0].value


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "under 1 s"),
        (9.4, "9 s"),
        (61, "1 min 1 s"),
        (119.7, "2 min 0 s"),
        (59.7, "1 min 0 s"),
        (700, "11 min"),
        (7300, "2 h 1 min"),
    ],
)
def test_durations_read_as_one_says_them(seconds, words):
    assert wording.duration(seconds) == words


def test_sizes_and_counts_read_as_one_says_them():
    assert [wording.size(n) for n in (0, 999, 1500, 15_000, 3_800_000, 2_500_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "15 kB",
        "3.8 MB",
        "2.5 GB",
    ]
    assert wording.count(1, "text") == "1 text"
    assert wording.count(12_000, "token") == "12,000 tokens"
    assert wording.parameters(22_713_216) == "22.7 M"


def test_the_cost_names_texts_tokens_disk_and_time():
    line = cost_sentence(Cost(412, 6120, 3, 3_800_000, 9.3))
    for part in ("412 texts", "6,120 tokens", "3.8 MB", "about 9 s for the forward pass", "3 longer than the limit"):
        assert part in line
    assert "no forward pass" in cost_sentence(Cost(0, 0, 0, 0, 0.0))
    both = cost_sentence(Cost(412, 6120, 0, 3_800_000, 9.3, metric_seconds=3.0, low=9.0, high=100.0))
    assert "about 3 s for the computation · in all about 12 s (9 s to 1 min 40 s)" in both


def test_what_is_left_without_a_forward_pass_is_said_with_its_time():
    model, texts = ModelSpec("m", "c" * 40), TextSetSpec("set", "d" * 64, 440)
    inputs = tuple(ActivationSpec(model, texts, layer) for layer in range(7))
    specs = [AnalysisSpec(metric, 1, None, inputs) for metric in ("cka", "anisotropy")]
    line = cost_sentence(Cost(0, 0, 0, 0, 0.0, metric_seconds=12.0, low=8.0, high=20.0), specs)
    assert "What is left is the computation: 2 metrics, 7 layers of 440 rows; about 12 s (8 to 20 s)." in line
    guessed = cost_sentence(Cost(0, 0, 0, 0, 0.0, metric_seconds=40.0, low=0.4, high=125.0, measured=False), specs)
    assert "about 40 s (up to 2 min 5 s), a first guess" in guessed
    assert "under 1 s." in cost_sentence(Cost(0, 0, 0, 0, 0.0, metric_seconds=0.2, low=0.1, high=0.4), specs)
    tokens = [replace(one, pooling="tokens", tokens=TokenSample(10_000)) for one in inputs]
    assert work_left([AnalysisSpec("cka", 1, None, tuple(tokens))]) == (
        "1 metric, 7 layers of up to 10,000 token vectors"
    )
    every = replace(tokens[0], tokens=TokenSample(None))
    assert work_left([AnalysisSpec("cka", 1, None, (every,))]).endswith("1 layer of all token vectors of 440 texts")


def test_no_table_offers_a_file_with_formulas_as_they_are() -> None:
    """Streamlit's own button, by the words and the mark that the installed Streamlit gives it, is hidden on every page."""
    own = next((Path(st.__file__).parent / "static" / "static" / "js").glob("DataFrame.*.js")).read_text("utf-8")
    toolbar = next((Path(st.__file__).parent / "static" / "static" / "js").glob("Toolbar.*.js")).read_text("utf-8")
    assert "label:`Download as CSV`" in own and '"data-testid":`stElementToolbarButton`' in toolbar
    style = (ROOT / "pages" / "_kit" / "state" / "sidebar.css").read_text("utf-8")
    rule = style.partition('[data-testid="stElementToolbarButton"]:has([aria-label^="Download as CSV"]) {')[2]
    assert rule.partition("}")[0].strip() == "display: none;"
    table = csv_text(["=1+1"], [['=HYPERLINK("http://127.0.0.1:9/?"&A1,"open")'], ["+plain"], ["-1.5"]])
    assert [line[0] for line in csv.reader(table.splitlines())] == [
        "'=1+1",
        '\'=HYPERLINK("http://127.0.0.1:9/?"&A1,"open")',
        "'+plain",
        "-1.5",
    ]
