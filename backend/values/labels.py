"""The words of forms and results: what a parameter and a number are called where people read them, and what choices are."""

import csv
import io
from dataclasses import Field
from typing import Any

# By the parameter's name, for those that declare no label of their own and whose name is no plain word.
LABELS = {
    "align": "Align layers",
    "by": "Ranked by",
    "bands": "Error band",
    "batch_rows": "Rows per batch",
    "bins": "Bars of the histogram",
    "debiased": "Debiased",
    "dims": "Dimensions to overwrite",
    "discard_fraction": "TwoNN leaves out the largest (share of ratios)",
    "grid": "Search",
    "head": "Classification head",
    "k": "Neighbours",
    "k_moments": "Neighbours for the method of moments",
    "max_grad_norm": "Maximum gradient norm",
    "max_length": "Token limit",
    "max_rows": "Maximum rows",
    "max_steps": "Maximum steps",
    "metric": "Distance",
    "min_dist": "Minimum distance (UMAP)",
    "min_rows": "Minimum rows per label",
    "mode": "Removed dimensions are set to",
    "n_bins": "Bars of the histogram",
    "n_bootstrap": "Bootstrap resamples",
    "n_components": "Components",
    "n_draws": "Random draws",
    "n_folds": "Folds",
    "n_iter": "Iterations",
    "n_lines": "Texts drawn",
    "n_listed": "Texts listed",
    "n_neighbors": "Neighbours (UMAP)",
    "n_points": "Points of the curve",
    "n_select": "Dimensions chosen",
    "n_sizes": "Numbers of rows",
    "n_std": "Standard deviations",
    "n_texts": "Texts run again",
    "order": "Dimensions overwritten first",
    "preset": "TwoNN fitted as",
    "steps": "Numbers of dimensions",
    "test_share": "Share of test rows",
    "test_split": "Split of the test rows",
    "top": "Dimensions in the ranking",
}

# What a choice is in plain words, by the parameter's name; other choices are words already.
CHOICES: dict[str, dict[Any, str]] = {
    "bands": {"batches": "spread over batches", "bootstrap": "bootstrap interval", "jackknife": "jackknife interval"},
    "by": {"cosine": "share of the average cosine"},
    "estimator": {
        "two_nn": "TwoNN",
        "two_nn_mle": "TwoNN by maximum likelihood",
        "mle": "maximum likelihood (Levina and Bickel)",
        "mada": "MADA",
        "method_of_moments": "method of moments",
    },
    "estimators": {"all": "all", "two_nn": "TwoNN alone"},
    "grid": {"fixed": "no search", "full": "every setting on all rows", "halving": "successive halving"},
    "head": {"auto": "the model's own where it fits", "fitted": "fitted here"},
    "kernel": {"rbf": "Gaussian"},
    "method": {
        "exact": "fewest errors",
        "pca": "PCA",
        "svm": "support vector machine",
        "tsne": "t-SNE",
        "umap": "UMAP",
    },
    "mode": {"auto": "0 or the mean, by the head", "mean": "the mean", "zero": "0"},
    "preset": {"none": "set here", "paper notebook": "in the paper's notebook"},
}


def field_label(field: Field[Any]) -> str:
    """What a parameter is called in a form: its declared label, a plain name, or its own name where that is a word."""
    return field.metadata.get("label") or LABELS.get(field.name) or field.name.replace("_", " ").capitalize()


def value_words(name: str, value: object) -> str:
    """A parameter's value as people read it: "on", "20,000", "spread over batches"."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None else CHOICES.get(name, {}).get(value, str(value).replace("_", " "))


# By the field's name, for the numbers of results whose name is no plain word and follows none of the rules below.
NUMBERS = {
    "appearing": "rogue dimensions that appear here",
    "apart": "labels are apart",
    "base": "anisotropy of the base model",
    "by_chance": "expected by chance",
    "debiased": "debiased estimate",
    "discard_fraction": "share of ratios discarded",
    "gap": "gap between clusters",
    "isoscore": "IsoScore",
    "k": "neighbours",
    "mada": "MADA",
    "mle": "maximum likelihood (Levina and Bickel)",
    "n_for_90": "components for 90 % of the variance",
    "n_within_chance": "texts that share no more neighbours than by chance",
    "overlap_by_chance": "neighbour overlap expected by chance",
    "p": "p-value",
    "per_row": "neighbour overlap of each text",
    "ratios": "share of the variance",
    "std": "standard deviation",
    "summed": "share of the variance, summed",
    "tuned": "anisotropy of the fine-tuned model",
    "two_nn": "TwoNN",
    "two_nn_mle": "TwoNN by maximum likelihood",
    "within": "within one model",
}
_ENDINGS = {
    "low": "lower end of the band",
    "high": "upper end of the band",
    "std": "standard deviation",
    "isotropic": "of isotropic data",
    "corrected": "corrected for the number of rows",
    "p": "p-value",
}


def number_label(name: str) -> str:
    """What a number of a result is called, by the name of its field: "IsoScore, upper end of the band", "number of rows"."""
    if name in NUMBERS:
        return NUMBERS[name]
    start, _, end = name.rpartition("_")
    if start and end in _ENDINGS:
        return f"{number_label(start)}, {_ENDINGS[end]}"
    if name.startswith("n_"):
        return f"number of {number_label(name[2:])}"
    return "dimensions" if name == "dims" else name.replace("_", " ")


def command_word(value: object) -> str:
    """A parameter's value as the command line reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, tuple):
        return str(value)
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(value)
    return out.getvalue()
