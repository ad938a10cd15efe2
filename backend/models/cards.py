"""The model card of a saved step: what it is, what it was made from, and how to make it again."""

import dataclasses

from backend.values.history import ROWS_FILE
from backend.values.runs import RunInfo

MADE_HERE = "fine-tuned with Embedscope"


def model_card(info: RunInfo, step: int) -> str:
    """The text of README.md for one saved step of a run."""
    place = info.steps.index(step)
    rows = [
        ("base model", f"`{info.base}`"),
        ("commit of the base", f"`{info.commit}`"),
        ("texts", f"{_plain(info.texts)}, digest `{info.table}`"),
        ("labels", f"column {_plain(info.label)}: {_plain(', '.join(info.classes[:20]))}"),
        ("step", f"{step:,} of {info.total_steps:,} (epoch {info.epochs[place]:g})"),
        ("accuracy", f"{info.accuracies[place]:.4f} on {info.n_test:,} rows ({_plain(info.judged_on)})"),
        ("majority class", f"{info.majority:.4f}"),
        ("frozen base, linear head", f"{info.frozen:.4f} (pooling {info.frozen_pooling})"),
        ("training rows", f"{info.n_train:,}; which, by digests of their texts: `{ROWS_FILE}`"),
        ("device", f"{info.device}, {info.threads} threads"),
        *((f"{package}", version) for package, version in info.versions.items()),
    ]
    recipe = [(f.name, str(getattr(info.recipe, f.name))) for f in dataclasses.fields(info.recipe)]
    kind = (
        "A sequence classifier"
        if info.unit == "text"
        else "The backbone of a word classifier (its head: word_head.safetensors)"
    )
    parts = [
        f"# {info.name}, step {step:,}",
        f"{kind}, {MADE_HERE}. It is meant for studying its geometry, not for use.",
        _table(("what", "value"), rows),
        "## Recipe",
        _table(("field", "value"), recipe),
        *(f"- {note}" for note in info.notes),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"| {a} | {b} |" for a, b in [head, ("---", "---"), *rows])


def _plain(text: str) -> str:
    """Text of a user in a table of Markdown: no line ends, no bars, no markup."""
    kept = " ".join(text.split())[:500]
    return "".join(f"\\{char}" if char in "|<>`*_[]\\#" else char for char in kept)
