"""The tables of the page Probes: every number of the probes, and the form of tables 2 to 4 of Zhou and Srikumar."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from backend import DirectProbeResult, ModelInfo, ProbingResult, Result, band_ends
from pages._kit.charts.base import short_model

OF_PROBES = {
    "training accuracy": "train_accuracy",
    "± std, training": "train_std",
    "accuracy": "accuracy",
    "± std": "accuracy_std",
}
LINEAR = {"yes": "yes", "no": "no", "random": "yes, but so are random labels", "": ""}


def setting(values: ProbingResult, layer: int) -> str:
    """The network that was used in one layer, in a few characters."""
    if not values.hidden[layer].all():
        return ""
    one, two = values.hidden[layer]
    return f"{one} x {two}, L2 {values.weight[layer]:.0e}"


def numbers_table(results: Sequence[Result[ProbingResult]]) -> pd.DataFrame:
    """One row for each layer of each model."""
    parts = []
    for result in results:
        values, source = result.values, result.sources[0]
        layers = range(len(source.layer_names))
        columns: dict[str, Any] = {"model": short_model(source.model)} if len(results) > 1 else {}
        columns |= {
            "layer": list(source.layer_names),
            "test accuracy": values.accuracy,
            "± std": values.accuracy_std,
            "training accuracy": values.train_accuracy,
            "± std, training": values.train_std,
            "network": [setting(values, layer) for layer in layers],
            "hidden 1": values.hidden[:, 0],
            "hidden 2": values.hidden[:, 1],
            "L2 weight": values.weight,
            "linear, test": values.linear_accuracy,
            "linear, training": values.linear_train,
            "selectivity": values.selectivity,
            "selectivity, linear": values.linear_selectivity,
            "shuffled labels": values.control_accuracy,
            "shuffled, ± std": values.control_std,
            "shuffled, linear": values.linear_control,
            "shuffled, linear, ± std": values.linear_control_std,
            "chosen at": values.held_accuracy,
            "trainings": values.n_fits,
            "not converged": values.n_unconverged,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def file_table(results: Sequence[Result[ProbingResult]]) -> pd.DataFrame:
    """The numbers with the ends of the band."""
    numbers = numbers_table(results).drop(columns="network")
    low, high = band_ends(numbers["test accuracy"], numbers["± std"].fillna(0))
    return numbers.assign(low=low, high=high)


def clusters_of(clusters: Result[DirectProbeResult] | None, layer: str) -> tuple[int | None, float, str, float]:
    """Labels and clusters of the training rows in a layer, whether it is linear, and how alike the labels lie in training
    and test rows; None, NaN and "" where unknown."""
    if clusters is None or layer not in clusters.sources[0].layer_names:
        return None, float("nan"), "", float("nan")
    values, at = clusters.values, clusters.sources[0].layer_names.index(layer)
    return values.n_labels, float(values.n_clusters[at]), LINEAR[values.linear(at)], float(values.train_test[at])


def paper_table(
    models: Sequence[ModelInfo],
    probes: Sequence[Result[ProbingResult]] | None,
    clusters: Sequence[Result[DirectProbeResult]] | None,
) -> pd.DataFrame:
    """Representation against linear?, clusters, accuracy and similarity: what is not there yet stays empty."""
    rows = []
    for place, info in enumerate(models):
        probed, clustered = probes[place] if probes else None, clusters[place] if clusters else None
        for layer in _layers(probed, clustered):
            n_labels, n_clusters, linear, alike = clusters_of(clustered, layer)
            rows.append(
                {
                    "representation": short_model(info.spec.name),
                    "layer": layer,
                    "linear?": linear,
                    "labels": n_labels,
                    "clusters": n_clusters,
                    **_accuracies(probed, layer),
                    "training against test (similarity)": alike,
                }
            )
    return pd.DataFrame(rows).astype({"labels": "Int64"})


def _accuracies(probed: Result[ProbingResult] | None, layer: str) -> Mapping[str, float]:
    """What the probes get right in a layer, by column."""
    if probed is None:
        return dict.fromkeys(OF_PROBES, float("nan"))
    at = probed.sources[0].layer_names.index(layer)
    return {name: float(getattr(probed.values, field)[at]) for name, field in OF_PROBES.items()}


def _layers(probed: Result[ProbingResult] | None, clustered: Result[DirectProbeResult] | None) -> Sequence[str]:
    found: Result | None = probed if probed is not None else clustered
    return found.sources[0].layer_names if found is not None else ()
