"""Papers: the table of rows with their links, a row opened to its numbers and commands, and every link drawn."""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import backend
from pages._kit.show.files import json_file
from pages._kit.show.finding import Finding
from pages._kit.show.saving import File, Group
from pages.training.report import files as report_files
from tests.conftest import entered
from tests.pages.conftest import ROOT, SmallWorld, settled
from tests.pages.figures import said

pytestmark = pytest.mark.usefixtures("few_passes")
DISTINCT = {
    (row.page, *row.choices.items(), row.switch): row for row in backend.PAPER_ROWS
}  # rows of one page may have one link


# fields that are there only where they decide something: the last two of more than three labels (test_dynamics_labels.py)
WHERE_THEY_DIFFER = {"rogue_own_pooling", "dynamics_distance_labels", "dynamics_movement_closest"}


def choice_of(world: SmallWorld, run: Path) -> backend.PaperChoice:
    """Two models of the small world as a pair, its texts, and its series."""
    bench = world.bench
    series = bench.series(str(run), at_most=12)
    return backend.PaperChoice(tuple(world.infos(0, 1)), world.texts, bench.text_set_info("general"), "label", series)


def opened(address: backend.Address) -> tuple[AppTest, list[str]]:
    """A page as a session that follows a link sees it, and what the link asked for in vain."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240)
    for key, words in address.words.items():
        at.query_params[key] = list(words)
    at.run()
    said_first = [one.value.replace("\\", "") for one in at.warning]
    at.switch_page(f"pages/{address.page}/page.py").run()
    return settled(at), said_first + [one.value.replace("\\", "") for one in at.warning]


def answers(world: SmallWorld, commands: Sequence[str]) -> dict[str, Any]:
    """What the commands of a row print, by the fingerprints of the results."""
    found = {}
    for command in commands:
        words = shlex.split(command)
        assert words[:3] == ["python", "-m", "backend"]
        done = entered(*words[3:], "--quiet", cache=world.folder / "cache", EMBEDSCOPE_MODEL_ROOTS=str(world.folder))
        assert done.returncode == 0, f"{command}: {done.stderr}"
        found |= {one["fingerprint"]: one["result"] for one in results_in(json.loads(done.stdout))}
    return found


def results_in(part: Any) -> Iterator[dict[str, Any]]:  # JSON
    """The results in a document, wherever they stand in it."""
    if isinstance(part, list):
        for item in part:
            yield from results_in(item)
    elif isinstance(part, dict) and "result" in part and "fingerprint" in part:
        yield part
    elif isinstance(part, dict):
        for item in part.values():
            yield from results_in(item)


@pytest.fixture
def exported_report(monkeypatch: pytest.MonkeyPatch) -> list[File]:
    """The files of the reports that pages have offered in this test, as they would be made on opening the menu."""
    offered: list[File] = []
    menu = report_files.save_menu

    def seeing(key: str, groups: Callable[[], Sequence[Group]]) -> None:
        offered[:] = [file for group in groups() for file in group.files]
        menu(key, groups)

    monkeypatch.setattr(report_files, "save_menu", seeing)
    return offered


def agree_across_tasks(at: AppTest, files: Sequence[File], said_by_commands: dict[str, Any]) -> None:
    """Table 5 of Zhou and Srikumar: the table on the page, its files and what the commands print have the same numbers."""
    (table,) = (one.value for one in at.dataframe if "grew" in one.value)
    before, after = (row for _, row in table.iterrows())
    clusters = next(one for one in said_by_commands.values() if "other_minimum" in one)
    probes = [one for one in said_by_commands.values() if "accuracy" in one]
    change = np.subtract(clusters["minimum"][-1], clusters["other_minimum"][-1])
    assert (after["grew"], after["shrank"]) == ((change > 0).sum(), (change < 0).sum())
    np.testing.assert_allclose(after["mean change"], change.mean())
    assert sorted([before["accuracy"], after["accuracy"]]) == sorted(one["accuracy"][-1] for one in probes)
    document = json.loads(next(file for file in files if file.name.endswith(".json")).make())
    (exported,) = (document[0] if isinstance(document, list) else document)["rows"]
    assert (exported["n_grew"], exported["n_shrank"]) == (after["grew"], after["shrank"])
    assert exported["average_change"] == after["mean change"] and exported["accuracy_after"] == after["accuracy"]


def test_a_line_for_each_row_with_its_link(open_page) -> None:
    at = open_page("papers", 0, 1)
    words = said(at)
    for row in backend.rows_of("GPTology"):
        assert row.shows in words
        assert any(button.key == f"papers_open_{row.key}" for button in at.button)
    at.segmented_control(key="papers_paper").set_value("Matton & de Oliveira").run()
    assert not at.exception and not at.error
    assert "How BERT was fine-tuned" in said(at) and "CKA of all pairs" not in said(at)
    assert at.session_state["_view"].words["papers_paper"] == ["Matton & de Oliveira"]


def test_a_row_opens_to_its_numbers_and_commands(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("papers", 0, 1)
    at.button(key="papers_open_gptology-3.2").click().run()
    assert at.session_state["_view"].words["papers_row"] == ["gptology-3.2"]
    words = said(at)
    assert "a cut through one rogue dimension loses 1.6% against all" in words and "On one GPU" in words
    assert "91.3%" in at.table[0].value.to_string()
    (code,) = at.code
    assert code.value.count("python -m backend analyse --metric threshold --model") == 2
    at = run_page(at, "papers_gptology-3.2_0")
    spec = small_world.bench.from_recipe
    assert spec and "one dimension, last layer" in at.table[1].value.to_string()
    assert "agrees" in said(at), "or disagrees"
    at.button(key="papers_open_gptology-3.2").click().run()
    assert at.session_state["_view"].words["papers_row"] == [""] and not at.code
    again = open_page("papers", 0, 1, papers_row="gptology-3.2")
    assert again.code, "the address opens it"


def test_what_a_row_lacks_is_said(open_page, small_world: SmallWorld, run: Path) -> None:
    at = open_page("papers", 0, label="(none)", papers_row="gptology-3.2")
    assert "has no label column, or none is chosen" in said(at) and "--model MODEL" in at.code[0].value
    at = open_page("papers", 0, papers_paper="Zhou & Srikumar (2022)", papers_row="zhou-figure-2")
    assert "This needs a series of checkpoints" in said(at)
    assert "To have figure 2, figure 3, figure 4, figure 6, choose a series of checkpoints here." in said(at)
    at = open_page("papers", 0, papers_paper="Zhou & Srikumar (2022)", papers_row="zhou-figure-2", series=str(run))
    at = settled(at)
    assert "choose a series of checkpoints here" not in said(at)
    assert "--series" in at.code[0].value and "--against first" in at.code[0].value
    at = open_page("papers", 0, 2, papers_row="gptology-figure-4")
    assert "None of these models was made from another of them" in said(at), "one is narrower"


def test_a_line_without_a_link_leads_to_the_reason(open_page) -> None:
    at = open_page("papers", 0, label="(none)")
    assert "see details" not in said(at)
    button = at.button(key="papers_why_gptology-3.2")
    assert button.label == "Why not?" and "has no label column" in button.help
    button.click().run()
    assert at.session_state["_view"].words["papers_row"] == ["gptology-3.2"]
    assert "has no label column" in said(at) and at.code, "the details are open"
    at.button(key="papers_why_gptology-3.2").click().run()
    assert not at.code, "and closed again"


def test_a_link_for_a_row_that_no_paper_has_is_answered(open_page) -> None:
    at = open_page("papers", 0, papers_row="nothing")
    assert not at.exception and any("which is not there" in one.value for one in at.warning)


def test_a_link_to_a_row_alone_opens_the_paper_that_has_it(open_page) -> None:
    at = open_page("papers", 0, papers_row="zhou-table-5")
    assert not any("which is not there" in one.value for one in at.warning)
    words = at.session_state["_view"].words
    assert words["papers_paper"] == ["Zhou & Srikumar (2022)"] and words["papers_row"] == ["zhou-table-5"]
    assert at.code and "1.68" in at.table[0].value.to_string(), "its details are open"
    at.segmented_control(key="papers_paper").set_value("GPTology").run()
    assert at.session_state["_view"].words["papers_paper"] == ["GPTology"], "another paper can be chosen after it"
    at = open_page("papers", 0, papers_paper="GPTology", papers_row="zhou-table-5")
    assert any("which is not there" in one.value for one in at.warning), "a paper that is named stays"


def test_with_the_hub_out_of_reach_that_is_said(open_page) -> None:
    at = open_page("papers", 0, papers_row="gptology-figure-1")
    assert "openai-community/gpt2" in said(at)
    at.run()
    assert any("hub" in caption.value.lower() for caption in at.caption)


@pytest.mark.parametrize("row", DISTINCT.values(), ids=lambda row: row.key)
def test_every_link_draws_its_figure(
    row: backend.PaperRow,
    small_world: SmallWorld,
    run: Path,
    open_page,
    shown: dict[str, Finding],
    exported_report: list[File],
) -> None:
    chosen = choice_of(small_world, run)
    open_page("papers", 0)  # so that the pages have this workbench
    bench = small_world.bench
    assert not row.steps or not backend.lacking(row, chosen)
    parts = backend.parts_of(bench, row, chosen)
    assert bool(parts) == bool(row.steps)
    for part in parts or (None,):
        said_by_commands = {} if part is None else answers(small_world, backend.commands_of(bench, row, chosen, part))
        shown.clear()
        at, warned = opened(backend.address_of(bench, row, chosen, part))
        assert not at.exception and not at.error
        assert not any("link asks" in one for one in warned), warned
        left = set(at.session_state["_view"].asked) & {*row.choices, row.switch, "pooling", "layers", "texts", "model"}
        assert left <= WHERE_THEY_DIFFER, f"no field has taken {left}"
        if part is None:
            assert said(at)
            continue
        drawn = [one for key, one in shown.items() if key.startswith((*row.figures, *row.tables))]
        wanted = {backend.fingerprint(spec) for spec in part.specs}
        if row.key == "zhou-table-5":
            agree_across_tasks(at, exported_report, said_by_commands)
            continue
        if (
            row.page_name == "finetune"
        ):  # the table of runs, where another test has left any: test_finetune_page.py reads it
            assert drawn or "No run yet." in said(at)
            continue
        assert any(one.figure is not None or one.tabular for one in drawn), (
            f"shown were {sorted(shown)}; {said(at)[-600:]}"
        )
        behind = {result.fingerprint for one in shown.values() for result in one.results}
        turned = row.of == "each" and len(part.group.models) > 1
        assert behind & wanted, "the figure is of the very results that the command computes"
        assert turned or row.page_name in ("probes", "rogue") or wanted <= behind
        assert wanted <= set(said_by_commands), "the commands compute what the link draws"
        exported = [one for finding in drawn for one in results_in(json.loads(json_file(finding)))]
        same = [one for one in exported if one["fingerprint"] in said_by_commands]
        assert same
        for one in same:
            assert one["result"] == said_by_commands[one["fingerprint"]], "page, command and export agree to the digit"


OWN = {backend.own_address(row).path: row for row in backend.PAPER_ROWS}  # rows of one page may have one link


@pytest.mark.parametrize("row", OWN.values(), ids=lambda row: row.key)
def test_every_link_with_the_papers_own_says_that_the_hub_is_out_of_reach(
    row: backend.PaperRow, small_world: SmallWorld, open_page
) -> None:
    open_page("papers", 0)
    at, warned = opened(backend.own_address(row))
    assert not at.exception
    assert any(f"the text set '{row.own.saved_as}'" in one for one in warned)
    assert at.error or not row.own.models or row.of == "series", "its models cannot be had without the hub"
