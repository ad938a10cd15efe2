"""The View: every field of every page is in the address, and an address alone brings it back."""

import ast
from typing import Any, NoReturn

import pytest
from streamlit.testing.v1 import AppTest

from backend import ServiceLost
from pages._kit.state.view import MOST_CHARS, MOST_KEYS, MOST_WORDS, View, _clean
from tests.pages.conftest import ROOT
from tests.pages.kit.test_walk import WALKS

FIELDS = "selectbox segmented_control select_slider slider multiselect pills toggle checkbox number_input text_input radio tabs"
OWN_WORDS = {
    "pages/_kit/flow/ownership.py",  # with whom a thing is shared is of the thing, not of the view of it
    "pages/_kit/show/chosen_use.py",  # the menu "Select": its choices make files
    "pages/_kit/show/choosing.py",  # what is looked for ends as rows, which are in the address
    "pages/_kit/show/plot.py",  # the slider of a chart that has no script; its frame is noted like that of the others
    "pages/_kit/state/ask.py",
    "pages/_kit/state/model_field.py",  # the steps that are picked end as models
    "pages/data/models/add_vectors.py",
    "pages/data/texts/add_source.py",
    "pages/data/texts/adding.py",
    "pages/data/texts/renaming.py",
    "pages/data/texts/part.py",
    "pages/data/texts/preview.py",
    "pages/training/finetune/runs.py",
}
"""Files with fields of Streamlit's own: what people paste, upload and name is in no address."""


def test_every_field_of_every_page_is_part_of_the_view() -> None:
    found = set()
    for path in sorted((ROOT / "pages").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            field = isinstance(node, ast.Call) and getattr(node.func, "attr", "") in FIELDS.split()
            if field and getattr(getattr(node.func, "value", None), "id", "") != "ask":
                found.add(str(path.relative_to(ROOT)))
    assert found <= OWN_WORDS, "a field is asked by pages._kit.state.ask, so that links and Back have it"


def fields(at: AppTest) -> dict[str, Any]:
    """All fields that a page draws and that are in the address, by key, in the order of the page."""
    kinds = [at.selectbox, at.button_group, at.select_slider, at.multiselect, at.toggle, at.checkbox]
    kinds += [at.number_input, at.text_input]
    drawn = {one.key: one for kind in kinds for one in kind if not one.disabled}
    return {key: drawn[key] for key in at.session_state["_view"].drawn if key in drawn}


def others(field: Any) -> list[Any]:
    """Values that the field does not have now."""
    value = field.value
    if isinstance(value, bool):
        return [not value]
    if field.type == "number_input":
        step = field.step or 1
        near = [value + step, value - step] if value is not None else [1]
        return [
            one for one in near if (field.min is None or one >= field.min) and (field.max is None or one <= field.max)
        ]
    if field.type == "text_input":
        return {"layers": ["0-2"], "dims": ["1, 2"]}.get(field.key, [])
    if field.type == "select_slider":  # which AppTest sets by the place of an option, where those are numbers
        return [0 if value else 1]
    chosen = field.value if isinstance(field.value, list) else [field.value]
    now = {field.format_func(one) for one in chosen}
    options = [one for one in field.options if one not in now]
    return [[one] for one in options] if isinstance(field.value, list) else options


WALKED = {walk.page: walk for walk in reversed(WALKS)}
SHARED = ("model", "texts", "label", "before", "pooling")  # other models or texts are another page; see the last test


def words(at: AppTest) -> dict[str, list[str]]:
    """What the address has of the fields that are drawn."""
    assert not at.exception
    return dict(at.session_state["_view"].drawn)


@pytest.mark.parametrize("page", sorted(WALKED))
def test_every_field_set_away_from_its_default_is_found_again_by_the_address_alone(
    page: str, open_page, run_page
) -> None:
    walk = WALKED[page]
    at = open_page(page, *walk.places, **dict(walk.choice))
    for key in walk.runs or (page,):
        run_page(at, key)
    settings, changed = {}, set()
    for key in [key for key in fields(at) if key not in SHARED]:
        if key not in fields(at):
            continue  # it went with a choice before it
        before = fields(at)[key].value
        for value in others(fields(at)[key])[:1]:
            fields(at)[key].set_value(value).run()
            if any(str(button.key).endswith("_run") for button in at.button):
                settings[key] = value  # a setting of what is computed; the figure and its fields would be gone
                fields(at)[key].set_value(before).run()
            else:
                changed.add(key)
            assert not at.exception
    found_again(at, page, open_page, changed)
    for key, value in settings.items():
        if key in fields(at):
            fields(at)[key].set_value(value).run()
            changed.add(key)
    found_again(at, page, open_page, changed)
    assert changed, "there is nothing to set on this page"


def found_again(at: AppTest, page: str, open_page, changed: set[str]) -> None:
    """Open the page by the address of ``at`` in another session: every field that is drawn must stand where it stood."""
    wanted = words(at)
    address = {key: at.session_state["_view"].words[key] for key in wanted}
    models = address.pop("model")
    fresh = open_page(page, *models, **address)
    there = words(fresh)
    assert {key: there.get(key) for key in wanted if key != "texts"} == {
        key: value for key, value in wanted.items() if key != "texts"
    }
    assert not fresh.session_state["_view"].gone
    assert changed & set(wanted) or not changed


@pytest.mark.parametrize(
    ("key", "word", "instead"),
    [
        ("seed", "inf", "0"),
        ("seed", "1e999", "0"),
        ("seed", "-5", "0"),
        ("seed", "9" * 5000, "0"),
        ("pooling", "evil", "mean"),
        ("layers", "\x00", "all"),
        ("texts", "<img src=x>", "sentiment"),
        ("label", "__class__", "label"),
        ("rogue_view", "", "One layer"),
        ("projection_every", "perhaps", "true"),
    ],
)
def test_what_a_link_asks_for_in_vain_is_said_and_the_field_keeps_its_own(
    key: str, word: str, instead: str, open_page
) -> None:
    page = {"rogue_view": "rogue", "projection_every": "projection"}.get(key, "overview")
    at = open_page(page, 0, **{key: word})
    assert at.session_state["_view"].gone[key]
    if key != "texts":
        assert words(at)[key] == [instead]
    assert any(sentence.value.startswith("The link asks for") for sentence in at.warning)
    assert not at.error


def test_while_the_service_is_lost_nothing_goes_out_of_the_address(open_page, small_world, monkeypatch) -> None:
    at = open_page("rogue", 0, pooling="cls", rogue_view="All layers")
    before = words(at)
    assert before["pooling"] == ["cls"] and before["rogue_view"] == ["All layers"]
    with monkeypatch.context() as gone:
        gone.setattr(small_world.bench, "text_sets", _lost)
        at.run()
        assert any("cannot be reached" in one.value for one in at.error)
        assert at.session_state["_view"].words == before
        at.run()
        assert at.session_state["_view"].words == before, "however long it takes"
    at.run()
    assert not at.error and words(at) == before


def _lost() -> NoReturn:
    raise ServiceLost("The service cannot be reached.", "Wait.")


def test_an_address_is_no_place_to_store_things() -> None:
    kept = _clean({f"key{i}": ["x" * 10 * MOST_CHARS] * 100 for i in range(1000)} | {"no key!": ["x"], "": ["x"]})
    assert len(kept) == MOST_KEYS and all(len(words) == MOST_WORDS for words in kept.values())
    assert all(len(word) == MOST_CHARS for words in kept.values() for word in words)
    assert View(drawn={"a": ["1"]}, asked={"a": ["2"], "b": ["x y", "&"]}).query == "a=1&b=x+y&b=%26"
