"""One figure of several models, a panel each on the same axes, made of the findings that show one of them alone."""

from collections.abc import Sequence

import pandas as pd

from pages._kit.charts.base import short_model
from pages._kit.charts.panels import in_panels, panels_height
from pages._kit.show.finding import Finding
from pages._kit.show.shared_axes import on_shared_axes

NOT_DRAWN = "Nothing can be drawn of"


def model_panels(findings: Sequence[Finding], *, key: str, title: str, caption: str) -> Finding:
    """The ``findings`` of one result each as one of ``key``: what they draw as panels, their numbers in one table.

    ``title`` says what they show, and is followed by the models; to ``caption`` is added what the axes are and which model
    has no panel.
    """
    drawn = [one for one in findings if one.figure is not None]
    names = [short_model(one.results[0].sources[0].model) for one in findings]
    words, figure = "", None
    if drawn:
        figures, words = on_shared_axes([one.figure for one in drawn])
        words = words if len(drawn) > 1 else ""
        figure = in_panels([one.update_layout(title=None) for one in figures], [_panel(one) for one in drawn])
    empty = [name for name, one in zip(names, findings, strict=True) if one.figure is None]
    none = f"{NOT_DRAWN} {', '.join(empty)}." if empty and drawn else ""
    first = findings[0]
    return Finding(
        key=key,
        title=f"{title}, {', '.join(names)}",
        figure=figure,
        caption=" ".join(filter(None, (caption, words, none))),
        table=lambda: pd.concat([_named(one) for one in findings], ignore_index=True),
        results=[result for one in findings for result in one.results],
        fields=first.fields,
        expected=first.expected,
        empty=first.empty,
        name=f"{first.name or first.key}-models",
        alt=f"{title}, a panel for each of {len(drawn)} models: {', '.join(names)}",
        height=panels_height(len(drawn)),
        view=f"{names} {[one.view for one in findings]}",
    )


def _panel(finding: Finding) -> str:
    """The model and its layer, which need not be the same in all."""
    source = finding.results[0].sources[0]
    return f"{short_model(source.model)}, {source.layer_names[0]}"


def _named(finding: Finding) -> pd.DataFrame:
    """The numbers of one model with its name and its layer before them."""
    table, source = finding.table() if callable(finding.table) else finding.table, finding.results[0].sources[0]
    columns = {"model": short_model(source.model), "layer": source.layer_names[0]}
    rest = table.drop(columns=[name for name in columns if name in table])
    for place, (name, value) in enumerate(columns.items()):
        rest.insert(place, name, value)
    return rest
