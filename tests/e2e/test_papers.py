"""Papers in a browser: its links lead to pages that draw the figures of rows whose results are stored."""

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from backend import PAPER_ROWS, row_called
from tests.conftest import entered, review_lines
from tests.e2e import looking
from tests.e2e.stack import running
from tests.models.tiny import SEGMENTS, bert_config, save

N_ROWS = 47
Known = tuple[str, dict[str, Any], list[str], str]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    """A dashboard over the results of all rows for two small models, a series and texts: its address, papers.json, models, series."""
    folder = tmp_path_factory.mktemp("papers")
    models = [
        str(save(folder / "models" / name, bert_config(), seed=seed, model_input_names=SEGMENTS))
        for seed, name in enumerate(("base-of-papers", "tuned-of-papers"))
    ]
    series = folder / "models" / "series-of-papers"
    for step, source in enumerate(models):
        shutil.copytree(source, series / f"checkpoint-{step}")
    texts = folder / "papers47.tsv"
    rows = [f"{text}\t{'xyz'[i % 3]}" for i, text in enumerate(review_lines(N_ROWS))]
    texts.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    words = ["papers", "--models", *models, "--texts", texts, "--text", "text", "--label", "label"]
    words += ["--series", series, "--without-figures", "--out", folder / "out", "--quiet"]
    roots = str(folder / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.metrics.probing.kernel.MOST_ITERATIONS", 5)
        done = entered(*words, cache=folder / "cache", EMBEDSCOPE_MODEL_ROOTS=roots)
    assert done.returncode == 0, done.stderr
    words = ["finetune", "--name", "run-of-papers", "--model", models[0], "--texts", texts, "--text", "text"]
    words += ["--label", "label", "--epochs", "1", "--quiet"]  # for the table of runs
    tuned = entered(*words, cache=folder / "cache", EMBEDSCOPE_MODEL_ROOTS=roots)
    assert tuned.returncode == 0, tuned.stderr
    data = json.loads((folder / "out" / "papers.json").read_text("utf-8"))
    assert len(data["rows"]) > 35, data["missing"]
    with running(folder, EMBEDSCOPE_MODEL_ROOTS=roots) as address:
        yield address, data, models, str(series)


def test_every_link_of_the_table_draws_the_figure_of_its_row(known: Known, tab: Any) -> None:
    address, data, *_ = known
    links: dict[str, tuple[list[str], str]] = {}
    for key, parts in data["rows"].items():
        for part in parts:
            link = f"{part['page'].rpartition('/')[2]}?{urlencode(part['address'], doseq=True)}"
            links.setdefault(link, ([], part["page"]))[0].append(key)
    assert len({page for _, page in links.values()}) == 15 and len(links) >= 28, "some rows share a link"
    for link, (keys, page) in links.items():
        tab.goto(f"{address}/{link}")
        if page == "training/report":
            tab.get_by_text("Grew and shrank count the labels").wait_for()  # below the table across tasks
        for key in keys:
            row = row_called(key)
            drawn = [f"[class*='st-key-{_word(figure)}'] .js-plotly-plot .main-svg" for figure in row.figures]
            tab.locator(", ".join(drawn) or "[data-testid=stDataFrame]").first.wait_for()
            for table in row.tables:
                tab.locator(f".st-key-{_word(table)}_menus").wait_for()  # its files, below it
        assert tab.locator("[data-testid=stException]").count() == 0, keys
        assert tab.get_by_text("The link asks for").count() == 0, keys


def _word(key: str) -> str:
    """A key as Streamlit has it in the class of an element."""
    return re.sub(r"[^\w-]", "-", key)


SHOWS = {  # what stands on the page that a row without analyses leads to
    "gptology-appendix-A": "[class*='st-key-finetune_gptology_epochs']",
    "matton-section-2": "[class*='st-key-finetune_matton_epochs']",
    "zhou-3.2": "[data-testid=stFileUploader]",
    "razzhigaev-table-1": "[data-testid=stDataFrame]",
}


def test_every_row_without_analyses_is_one_of_these() -> None:
    assert set(SHOWS) == {row.key for row in PAPER_ROWS if not row.steps}


@pytest.mark.parametrize("key", SHOWS)
def test_the_link_of_a_row_without_analyses_opens_its_form_or_table(known: Known, tab: Any, key: str) -> None:
    address, _, models, _ = known
    asked = {"model": models, "texts": "papers47.tsv", "label": "label", "papers_row": key}
    tab.goto(f"{address}/papers?{urlencode(asked, doseq=True)}")
    looking.settled(tab)
    tab.locator(f".st-key-papers_link_{_word(key)}_0_3 a").first.click()
    tab.locator(f"{SHOWS[key]} >> visible=true").first.wait_for()
    assert tab.get_by_text("The link asks for").count() == 0


def test_a_row_opens_and_its_link_draws(known: Known, tab: Any) -> None:
    address, _, models, _ = known
    tab.goto(f"{address}/papers?{urlencode({'model': models, 'texts': 'papers47.tsv'}, doseq=True)}")
    looking.settled(tab)  # while the models are looked up, what was drawn before stays for a moment
    tab.locator(".st-key-papers_open_gptology-figure-1 button").first.click()
    tab.get_by_text("blocks 1 to 6 of GPT-2 resemble each other").wait_for()
    tab.get_by_text("python -m backend analyse --metric cka").first.wait_for()
    assert "papers_row=gptology-figure-1" in tab.url
    tab.locator(".st-key-papers_link_gptology-figure-1_0_3 a").first.click()
    looking.figures(tab).first.wait_for()
    assert looking.heading(tab).inner_text() == "Similarity"
    assert "paper_similarity=true" in tab.url and "layers=1-3" in tab.url
    tab.go_back()
    tab.locator(".st-key-papers_open_gptology-figure-1 button").first.wait_for()
