"""The address of the page that draws a row: the fields of the sidebar and of the page, as words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from backend.papers.asked import Part
from backend.papers.chosen import PaperChoice, preset_for
from backend.papers.estimates import SIZES
from backend.papers.row import AFTER, AFTERS, BEFORE, EACH, EVERY, MODEL, OTHERS, SERIES, OwnInput, PaperRow
from backend.values.presets import ALL, FIRST, LAST, LAST_OR_FIRST, TOKENS
from backend.values.specs import GIVEN

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

Words = Mapping[str, Sequence[str]]
MOST_MODELS = 6  # that the sidebar takes
TASKS = "dynamics_distance_tasks"  # the box of other runs' tasks
ALL_MODELS = "All models"  # what the boxes of models call all of them
_LEAST = {EVERY: 2, OTHERS: 3}  # models for which a box has that choice


@dataclass(frozen=True, slots=True)
class Address:
    """The folder of a page, and the words of its address, by field."""

    page: str
    words: Words

    @property
    def path(self) -> str:
        """The address below the dashboard's own."""
        query = urlencode(self.words, doseq=True, safe="/:@")
        return f"{self.page.rpartition('/')[2]}?{query}"


def address_of(bench: "Workbench", row: PaperRow, chosen: PaperChoice, part: Part | None) -> Address:
    """The address that draws a part of a row; without one, that of its page with what is chosen."""
    texts = chosen.texts_of(row)
    words: dict[str, Sequence[str]] = {"texts": [_shown(bench, texts.spec.table, texts.shown_name)]}
    if row.labels and chosen.label is not None:
        words["label"] = [chosen.label]
    if chosen.seed:
        words["seed"] = [str(chosen.seed)]
    names = [info.spec.name for info in (part.group.models if part is not None else chosen.models[:MOST_MODELS])]
    if row.of == SERIES:
        words["model"] = [info.spec.name for info in chosen.models[:1]]
        if chosen.series is not None:
            words |= {"series": [chosen.series.name], "at_most": [str(chosen.at_most)]}
        if row.tasks and chosen.tasks:
            words[TASKS] = [one.series.name for one in chosen.tasks]
    else:
        words["model"] = names
    if part is not None:
        words |= _rows(part.group.pooling, part.group.layers)
    return Address(row.page, {**words, **_fields(row, names)})


def own_address(row: PaperRow) -> Address:
    """The address with the paper's own models and texts, as they are called on the hub and here once they are fetched."""
    own, preset = row.own, preset_for(row)
    if row.page == "data/texts":
        return Address(row.page, {"texts": [own.saved_as], "model": own.models[:1], **_fields(row, own.models[:1])})
    names = list(own.models[:MOST_MODELS])
    words: dict[str, Sequence[str]] = {"texts": [own.saved_as]}
    if row.labels and row.steps:
        words["label"] = [own.label]
    if row.of == SERIES and own.series:
        words["series"] = [own.series]
        words |= {TASKS: list(own.tasks)} if row.tasks else {}
    if names:
        words["model"] = names
    if preset is not None:
        pooling = {FIRST: "cls", TOKENS: TOKENS, LAST_OR_FIRST: "last" if _decoder(own) else "cls"}[preset.pooling]
        words |= _rows("words" if own.n_rows else pooling, _own_layers(own, ALL if row.every_layer else preset.layers))
    return Address(row.page, {**words, **_fields(row, names)})


def _decoder(own: OwnInput) -> bool:
    return own.models[:1] == ("openai-community/gpt2",)


def _own_layers(own: OwnInput, layers: str) -> Sequence[int]:
    """The layer numbers of a paper's own models, where all have as many; none for all layers."""
    depths = {SIZES[name][2] for name in own.models}
    if len(depths) != 1 or layers == ALL:
        return ()
    (n_layers,) = depths
    return (n_layers - 1,) if layers == LAST else tuple(range(1, n_layers - _decoder(own)))


def turns_of(row: PaperRow, part: Part) -> list[dict[str, str]]:
    """The choices of a page that show a part in turn: each model of those that it shows one at a time."""
    names = [info.spec.name for info in part.group.models]
    keys = [key for key, value in row.choices.items() if value == MODEL]
    if row.of != EACH or not keys or len(names) < 2:
        return [{}]
    return [dict.fromkeys(keys, name) for name in names]


def _rows(pooling: str, layers: Sequence[int]) -> dict[str, Sequence[str]]:
    words: dict[str, Sequence[str]] = {"layers": [_ranges(layers)] if layers else ["all"]}
    if pooling not in ("words", GIVEN):
        words["pooling"] = [pooling]
    if pooling == TOKENS:
        words |= {"all_tokens": ["true"], "special": ["false"]}
    return words


def _ranges(layers: Sequence[int]) -> str:
    return f"{layers[0]}-{layers[-1]}" if len(layers) > 1 else str(layers[0])


def _fields(row: PaperRow, names: Sequence[str]) -> dict[str, Sequence[str]]:
    """The page's own fields; those of a box of models only where there is such a box."""
    found: dict[str, Sequence[str]] = {row.switch: ["true"]} if row.switch else {}
    named = {MODEL: names[-1:], BEFORE: names[:1], AFTER: names[-1:], AFTERS: names[1:]}
    for key, value in row.choices.items():
        if isinstance(value, tuple):
            found[key] = list(value)
        elif value in _LEAST:
            found |= {key: [ALL_MODELS]} if len(names) >= _LEAST[value] else {}
        elif value not in named:
            found[key] = [value]
        elif len(names) > 1:
            found[key] = list(named[value])
    return found


def _shown(bench: "Workbench", table: str, name: str) -> str:
    return name if not table else next((one.shown_name for one in bench.text_sets() if one.spec.table == table), name)
