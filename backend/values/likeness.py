"""How far a choice is as in a paper: the preset of a metric, what differs from it, and what the paper leaves open."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from backend.errors import InvalidRequest
from backend.values.labels import field_label, value_words
from backend.values.models import ModelInfo
from backend.values.presets import ALL, BLOCKS, FIRST, LAST, LAST_OR_FIRST, PRESETS, TOKENS, Preset
from backend.values.specs import PostProcess


def preset_of(metric: str) -> Preset:
    """The preset of a metric; raises InvalidRequest that lists those that have one."""
    if metric not in PRESETS:
        raise InvalidRequest(
            f"No paper uses '{metric}', so there are no settings as in a paper.",
            f"There are settings for: {', '.join(PRESETS)}.",
        )
    return PRESETS[metric]


def deviations(
    preset: Preset,
    info: ModelInfo,
    params: Any,  # the parameters of any metric
    *,
    pooling: str,
    layers: Sequence[int],
    texts: str,
    unit: str = "text",
    all_tokens: bool = True,
    special: bool = False,
    postprocess: Sequence[PostProcess] = (),
    basis: str | None = None,
    n_rows: int | None = None,
) -> tuple[str, ...]:
    """What differs from the paper, one phrase each: "pooling mean (paper: cls)"; empty where nothing does.

    ``params`` is a value of the metric's parameter class, ``layers`` the layer numbers asked for (more than the paper's are no
    difference: they change no number), ``texts`` and ``basis`` are names of text sets, ``n_rows`` how many rows there are, where
    it is known: too few make one batch.
    """
    wanted = preset.pooling_for(info, unit)
    said = _FOR_ENCODERS if preset.pooling == LAST_OR_FIRST and wanted == "cls" else wanted
    found = [] if pooling == wanted else [f"pooling {pooling} (paper: {said})"]
    if info.is_given:
        found = [f"imported vectors (paper: {_POOLED.get(preset.pooling, preset.pooling)} of a model)"]
    if wanted == pooling == TOKENS:
        found += [] if all_tokens else ["a sample of the tokens (paper: all)"]
        found += ["special tokens too (paper: left out)"] if special else []
    missing = set(preset.layers_for(info)) - set(layers)
    if missing:
        found.append(f"layers without {info.layer_names[max(missing)]} (paper: {_LAYERS[preset.layers]})")
    if preset.texts and texts != preset.texts:
        found.append(f"texts {texts} (paper: general text, here the set {preset.texts})")
    if preset.basis and basis != preset.basis:
        found.append(f"general texts {basis or 'none'} (paper: general text, here the set {preset.basis})")
    if postprocess:
        found.append("post-processing (paper: none)")
    fields = {one.name: one for one in dataclasses.fields(params)}
    for name, value in preset.params.items():
        given = getattr(params, name)
        if given != value:
            label, *words = (field_label(fields[name]), value_words(name, given), value_words(name, value))
            found.append(
                f"{label if label.startswith('TwoNN') else label[0].lower() + label[1:]}: {words[0]} (paper: {words[1]})"
            )
    if getattr(params, "bands", "") == "batches" and n_rows is not None and n_rows < 2 * params.batch_rows:
        found.append(f"one batch of {n_rows:,} rows (paper: batches of at least {preset.params['batch_rows']:,})")
    return tuple(found)


_FOR_ENCODERS = "the last token, of decoders; for encoders here: cls"
_POOLED = {TOKENS: "all tokens", FIRST: "the token [CLS]"}
_LAYERS = {ALL: "all", BLOCKS: "the blocks", LAST: "the last"}


def preset_status(preset: Preset, changed: Sequence[str]) -> str:
    """One sentence: as in the paper, or what is changed."""
    return f"As in {preset.source}." if not changed else f"Unlike {preset.source}: {'; '.join(changed)}."


def left_open(preset: Preset) -> str:
    """What the paper leaves open, and what stays unlike it, as sentences; empty where neither is."""
    parts = [f"Left open by the paper: {'; '.join(preset.open)}."] if preset.open else []
    return " ".join([*parts, *([f"Unlike it all the same: {'; '.join(preset.unlike)}."] if preset.unlike else [])])


def preset_table() -> str:
    """The table as Markdown, one row a metric: what docs/metrics.md shows."""
    lines = ["| metric | paper | settings | left open by its text, and how it is settled | unlike it all the same |"]
    lines.append("|---|---|---|---|---|")
    for one in PRESETS.values():
        cells = [f"`{one.metric}`", one.source, _settings(one), "; ".join(one.open), "; ".join(one.unlike)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _settings(preset: Preset) -> str:
    pooling = {TOKENS: "pooling tokens, all of them", FIRST: "pooling cls"}.get(preset.pooling, preset.pooling)
    parts = [pooling, f"layers: {_LAYERS[preset.layers]}"]
    parts += [f"texts: {preset.texts}"] if preset.texts else []
    parts += [f"basis texts: {preset.basis}"] if preset.basis else []
    return "; ".join([*parts, *(f"`{name}` {_said(value)}" for name, value in preset.params.items())])


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)
