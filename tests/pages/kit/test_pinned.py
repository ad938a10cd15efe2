"""Links that say the very weights: other weights in the folder, or in a series, are said above the page that a link opens."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from backend import ResolveTask, SeriesTask, fingerprint
from pages._kit.state.pinned import parted, pinned
from tests.models.tiny import SEGMENTS, bert_config, save
from tests.pages.conftest import SmallWorld

NAMES = st.text(min_size=1, max_size=40) | st.sampled_from(
    ["gpt2@abcdef123456", "a@", "o/n@step*", "a@main@abcdef123456"]
)


@given(NAMES, st.sampled_from(["", "0123456789abcdef" * 2 + "01234567"]))
def test_a_name_and_its_digits_are_read_back(name: str, commit: str) -> None:
    assert parted(pinned(name, commit)) == (name, commit[:12])


def test_an_address_stays_readable() -> None:
    assert pinned("minilm", "53aa51172d142c89d9012cce15ae4d6cc0ca6895") == "minilm@53aa51172d14"
    assert parted("EleutherAI/pythia-160m@step1000") == ("EleutherAI/pythia-160m@step1000", "")


def changed(folder: Path) -> None:
    """Other weights in a folder of a model."""
    weights = load_file(folder / "model.safetensors")
    save_file({name: 2 * values for name, values in weights.items()}, folder / "model.safetensors", {"format": "pt"})


def forget(small_world: SmallWorld, *tasks: object) -> None:
    """What was looked up holds for some minutes; let them pass."""
    for task in tasks:
        small_world.bench._store.delete_record(f"task/{fingerprint(task)}")


def test_a_link_says_the_weights_and_the_next_reader_is_told_of_other_ones(open_page, small_world: SmallWorld) -> None:
    folder = save(small_world.folder / "changing", bert_config(), seed=11, model_input_names=SEGMENTS)
    name = str(folder)
    at = open_page("similarity", name, 1)
    (info,) = [small_world.bench.model(name)]
    link = at.session_state["_view"].words["model"]
    assert link == [
        f"{name}@{info.spec.commit[:12]}",
        pinned(small_world.models[1], small_world.infos(1)[0].spec.commit),
    ]
    assert at.session_state["_view"].query.startswith(f"model={name}@{info.spec.commit[:12]}&model=/")
    assert at.multiselect(key="model").value == [name, small_world.models[1]], "the field has the names"
    same = open_page("similarity", *link)
    assert not same.session_state["_view"].gone and same.session_state["_view"].words["model"] == link
    changed(folder)
    forget(small_world, ResolveTask(name))
    other = open_page("overview", *link)
    said = [warning.value.replace("\\", "") for warning in other.warning]
    now = small_world.bench.model(name).spec.commit[:12]
    wanted = f"{name} now has other weights than the link's ({info.spec.commit[:12]} then, {now} now)"
    assert any(sentence.startswith(wanted) for sentence in said) and now != info.spec.commit[:12]
    assert other.session_state["_view"].words["model"] == [f"{name}@{now}", link[1]], (
        "the next link has the present ones"
    )
    other.multiselect(key="model").set_value([small_world.models[1]]).run()
    assert not other.session_state["_view"].gone, "it is no longer chosen"


def test_a_series_is_told_by_the_weights_of_its_steps(open_page, small_world: SmallWorld, run: Path) -> None:
    series = shutil.copytree(run, small_world.folder / "changing-run")
    at = open_page("dynamics", 0, series=str(series))
    (word,) = at.session_state["_view"].words["series"]
    identity = small_world.bench.series(str(series), at_most=12).identity
    assert word == f"{series}@{identity[:12]}"
    assert not open_page("dynamics", 0, series=word).session_state["_view"].gone
    changed(series / "step-00100")
    forget(small_world, SeriesTask(str(series), at_most=12), ResolveTask(str(series / "step-00100")))
    again = open_page("dynamics", 0, series=word)
    assert "has other checkpoints, or other weights in them" in again.session_state["_view"].gone[f"series {series}"]


@pytest.mark.parametrize("word", ["minilm@", "minilm@ffffffffffff", "@53aa51172d14", "a@b@0123456789ab"])
def test_no_word_of_an_address_raises(open_page, word: str) -> None:
    at = open_page("overview", word)
    assert not at.exception
