"""What a saved figure is called and what its title says: metric, models, text set, layer, and how much was sampled."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from backend import Result, Source
from pages._kit.charts.base import short_model
from pages._kit.show.wording import count, pooled

if TYPE_CHECKING:
    from pages._kit.show.finding import Finding

MOST_NAMED = 2  # models in a file's name
MOST_TITLED = 4  # models in a title
_PART_CHARS = 48  # of a file's name
_DRAWN = re.compile(r"[0-9] of [0-9,]+ .*\b(drawn|kept)\b")


def slug(text: str) -> str:
    """Text that is safe in a file's name on every system; letters of all languages stay."""
    return re.sub(r"[^\w.+]+|_+", "-", text)[:_PART_CHARS].strip("-.")


def file_stem(finding: "Finding") -> str:
    """What the files of a figure are called: the figure, its models, the text set and the layer, where known."""
    sources = _sources(finding.results)
    models = list(dict.fromkeys(short_model(source.model) for source in sources))
    if finding.series is not None:
        models = [short_model(finding.series.name)]
    if len(models) > MOST_NAMED:
        models = [models[0], f"{len(models) - 1} more"]
    texts = dict.fromkeys(source.texts for source in sources)
    about = [models, list(texts)] if sources else [[short_model(part)] for part in finding.about]
    parts = [[finding.name or finding.key], *about, [finding.layer or _only_layer(sources)]]
    return "-".join(filter(None, ("+".join(map(slug, part)) for part in parts)))


def title_lines(finding: "Finding") -> list[str]:
    """The title inside a saved figure, in lines of plain text; a frame on show is named below them."""
    sources = _sources(finding.results)
    layer = finding.layer or _only_layer(sources)
    title = finding.title if not layer or layer in finding.title else f"{finding.title}, {layer}"
    metrics = dict.fromkeys(map(_metric, finding.results))
    stacks: dict[str, dict[str, None]] = {}
    for source in sources:
        where = f"{source.texts}, {count(source.n_rows, 'row')} · {pooled(source.pooling)}"
        steps = f" · {', '.join(source.postprocess)}" if source.postprocess else ""
        model = (
            source.model
            if finding.series is None
            else f"{finding.series.name} ({finding.series.steps[0]:,} to {finding.series.steps[-1]:,})"
        )
        stacks.setdefault(where + steps, {})[short_model(model)] = None
    lines = [f"{_listed(models)} · {where}" for where, models in stacks.items()]
    if metrics:
        lines.append(f"Metric: {', '.join(metrics)}")
    if not sources and finding.about:
        lines.append(" · ".join(finding.about))
    said = [without_paths(line, finding) for line in (title, *lines)]
    return [*said, *sampled(finding.results)]


def sampled(results: Sequence[Result]) -> list[str]:
    """How many of how many rows were drawn, as the results say it, each sentence once."""
    parts = [f"Sample: {source.sample}." for source in _sources(results) if source.sample]
    return list(dict.fromkeys([*parts, *(note for result in results for note in result.notes if _DRAWN.search(note))]))


def without_paths(text: str, finding: "Finding") -> str:
    """``text`` with the folder of each local model by its short name: what is saved names no path of this machine."""
    for path in model_paths(finding):
        text = text.replace(path, short_model(path).lstrip("/"))
    return text


def model_paths(finding: "Finding") -> list[str]:
    """The full paths among the models of a figure, its series and what it is about, the longest first."""
    names = {source.model for source in _sources(finding.results)} | set(finding.about)
    names |= {name for result in finding.results for name in _names(result.recipe)}
    if finding.series is not None:
        names.add(finding.series.name)
    return sorted(filter(is_path, names), key=lambda name: (-len(name), name))


def is_path(name: str) -> bool:
    """Whether a model is named by its place on this machine."""
    return PurePath(name).is_absolute() or name.startswith("~")


def _names(recipe: Any) -> Iterator[str]:  # Any: JSON
    """The names of the models in a recipe, wherever they stand in it."""
    if isinstance(recipe, dict):
        if "commit" in recipe and isinstance(recipe.get("name"), str):
            yield recipe["name"]
        for part in recipe.values():
            yield from _names(part)
    elif isinstance(recipe, list):
        for part in recipe:
            yield from _names(part)


def _sources(results: Sequence[Result]) -> list[Source]:
    return [source for result in results for source in result.sources]


def _only_layer(sources: Sequence[Source]) -> str:
    """The layer, where all stacks have that one alone."""
    layers = {source.layer_names for source in sources}
    return next(iter(layers))[0] if len(layers) == 1 and len(next(iter(layers))) == 1 else ""


def _metric(result: Result) -> str:
    """The metric as it is called on the command line, and the method where it has several."""
    method = getattr(result.values, "method", "")
    return f"{result.metric} ({method})" if isinstance(method, str) and method else result.metric


def _listed(models: Iterable[str]) -> str:
    names = list(models)
    return ", ".join(names if len(names) <= MOST_TITLED else [*names[:MOST_TITLED], f"{len(names) - MOST_TITLED} more"])
