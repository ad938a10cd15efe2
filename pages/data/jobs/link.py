"""From a job to the page that draws what was chosen, and to what it waits for."""

import re
from dataclasses import dataclass
from pathlib import Path

from backend import GIVEN, Choice, JobStatus
from pages._kit.charts.base import short_model
from pages._kit.show.links import page_file
from pages._kit.state.model_field import MOST_MODELS
from pages._kit.state.rows import COUNTS, DEFAULT_TOKENS, STEPS
from pages._kit.state.view import ANEW

# By metric: the page, what the keys of its form of settings begin with, and what else its address needs.
PAGES: dict[str, tuple[str, str, dict[str, str]]] = {
    "cka": ("geometry/similarity", "similarity", {}),
    "projection": ("geometry/projection", "projection", {}),
    "anisotropy": ("geometry/profiles", "profiles_anisotropy", {}),
    "average_cosine": ("geometry/profiles", "profiles_average_cosine", {}),
    "intrinsic_dimension": ("geometry/profiles", "profiles_intrinsic_dimension", {}),
    "dimension_scale": ("geometry/profiles", "scale", {}),
    "spectrum": ("geometry/components", "components_spectrum", {}),
    "variance_ratio": ("geometry/components", "components_variance_ratio", {}),
    "rogue": ("geometry/rogue", "rogue", {}),
    "rogue_overlap": ("geometry/rogue", "rogue_overlap", {"rogue_view": "Overlap"}),
    "shared_rogue": ("geometry/rogue", "rogue_overlap", {"rogue_view": "Overlap"}),
    "class_spikes": ("geometry/rogue", "rogue_class", {"rogue_view": "By class"}),
    "norm_outliers": ("geometry/rogue", "norms", {"rogue_view": "Norm weights"}),
    "neighbours": ("geometry/neighbours", "neighbours", {}),
    "neighbours_of_text": ("geometry/neighbours", "neighbours", {"neighbours_view": "typed"}),
    "text_on_map": ("geometry/neighbours", "neighbours", {"neighbours_view": "typed", "neighbours_on_map": "true"}),
    "moved_texts": ("geometry/neighbours", "neighbours", {"neighbours_view": "moved"}),
    "threshold": ("labels/threshold", "threshold", {}),
    "ablation": ("labels/ablation", "ablation", {}),
    "inner_ablation": ("labels/ablation", "inner", {}),
    "neurons": ("labels/neurons", "neurons", {}),
    "component_accuracy": ("labels/component_accuracy", "component_accuracy", {}),
    "direct_probe": ("labels/clusters", "clusters", {}),
    "probing": ("labels/probes", "probes", {}),
    "movement": ("labels/movement", "movement", {}),
    "neighbour_overlap": ("labels/movement", "movement", {}),
}
OVERVIEW = {"cka", "projection", "anisotropy"}
VIEWS = {  # of Dynamics, by metric
    "anisotropy": "Anisotropy",
    "intrinsic_dimension": "Intrinsic dimension",
    "cka": "CKA",
    "rogue": "Rogue",
    "rogue_overlap": "Rogue",
    "projection_series": "Map",
    "direct_probe": "Labels",
    "movement": "Labels",
    "threshold": "Labels",
    "probing": "Labels",
}
_STEP = re.compile(r"(.+)([@/])([a-z_]*[-_]?)(\d+)")


@dataclass(frozen=True, slots=True)
class Link:
    """The file of a page, and the parameters of its address."""

    file: Path
    query: dict[str, str | list[str]]


def link_of(choice: Choice) -> Link | None:
    """The page that draws what was chosen, all else at its default; None where none does."""
    found = _link(choice)
    return found and Link(found.file, {**found.query, ANEW: "true"})


def _link(choice: Choice) -> Link | None:
    if choice.run:
        return Link(page_file("training/finetune"), {"run": choice.run})
    if not choice.metrics:
        return None
    series = _series(choice.models)
    query = _shared(choice)
    if "projection_series" in choice.metrics or (series and len(choice.models) > 2):
        query.pop("model")
        view = next((VIEWS[name] for name in choice.metrics if name in VIEWS), "Any metric")
        return Link(page_file("training/dynamics"), {**query, **series, "dynamics_view": view})
    if len(choice.metrics) > 1:
        of_start = set(choice.metrics) == OVERVIEW and len(choice.models) == 1
        return Link(page_file("data/overview" if of_start else "training/report"), query)
    (metric,) = choice.metrics
    page, prefix, more = PAGES.get(metric, ("geometry/explorer", f"explorer_{metric}", {"metric": metric}))
    settings = {f"{prefix}_{name}": value for name, value in choice.params}
    return Link(page_file(page), {**query, **settings, **more})


def _shared(choice: Choice) -> dict[str, str | list[str]]:
    """What the sidebar takes from an address."""
    query: dict[str, str | list[str]] = {"model": list(choice.models[:MOST_MODELS])}
    if choice.texts:
        query["texts"] = choice.texts
    if choice.pooling and choice.pooling not in ("words", GIVEN):
        query["pooling"] = choice.pooling
    if choice.layers:
        first, last = choice.layers[0], choice.layers[-1]
        whole = len(choice.layers) > 1 and choice.layers == tuple(range(first, last + 1))
        query["layers"] = f"{first}-{last}" if whole else ", ".join(map(str, choice.layers))
    if choice.label:
        query["label"] = choice.label
    if choice.seed:
        query["seed"] = str(choice.seed)
    if choice.tokens is not None:
        if choice.tokens.limit is None:
            query["all_tokens"] = "true"
        elif choice.tokens.limit != DEFAULT_TOKENS:
            query["tokens"] = str(choice.tokens.limit)
        if choice.tokens.special:
            query["special"] = "true"
    if choice.postprocess:
        query["post"] = [STEPS[step.kind] for step in choice.postprocess]  # as the field writes them
    for step in choice.postprocess:
        if step.kind in COUNTS:
            query[COUNTS[step.kind][1]] = str(step.k)
        elif step.dims:
            query["dims"] = ", ".join(map(str, step.dims))
    return query


def _series(models: tuple[str, ...]) -> dict[str, str]:
    """The run, folder or repository that all models are checkpoints of, and their steps; nothing where they are not of one."""
    found = [match for name in models if (match := _STEP.fullmatch(name)) is not None]
    origins = {match[1] for match in found}
    if len(models) < 2 or len(found) < len(models) or len(origins) != 1:
        return {}
    (origin,) = origins
    of_hub = found[0][2] == "@" and not origin.startswith("run:")
    steps = ", ".join(str(int(match[4])) for match in found)
    return {"series": f"{origin}@{found[0][3]}*" if of_hub else origin, "steps": steps}


def titled(status: JobStatus) -> str:
    """What the job is called, with local models by the end of their folders."""
    title = status.title
    for name in status.choice.models if status.choice is not None else ():
        title = title.replace(name, short_model(name))
    return title
