"""The page Neighbours in a real browser, its model in a process of its own: what it draws is what a search by hand finds."""

from typing import Any
from urllib.parse import urlencode

import numpy as np
import transformers

from backend.textsets.builtin import builtin_table
from tests.e2e.looking import RUN_MS, opened, run_if_asked, settled
from tests.models.sinks import plain_loop, pooled

TYPED = "the dog sat on a very old mat and it was good"
ROW = 25
LINES = (
    "() => document.querySelector('.st-key-neighbours_ranks .embedscope-canvas')._fullData"
    ".map(line => [line.name, Array.from(line.y)])"
)


def drawn(tab: Any) -> list[tuple[int, list[float]]]:
    """The rows that are drawn, from 0, and their ranks in every layer."""
    tab.locator(".st-key-neighbours_ranks .embedscope-plot[data-drawn]").wait_for(timeout=RUN_MS)
    settled(tab)
    return [(int(name.partition(":")[0].replace(",", "")) - 1, ranks) for name, ranks in tab.evaluate(LINES)]


def check(lines: list[tuple[int, list[float]]], layers: list[Any], points: Any, own: int | None) -> None:
    """The distance of each drawn row is that of its rank among all; rounding may turn two that are equally far."""
    assert len(lines) == 10 and [ranks[-1] for _, ranks in lines] == list(range(1, 11)), "the nearest of the last layer"
    for layer, (rows, point) in enumerate(zip(layers, points, strict=True)):
        distances = np.linalg.norm(rows - point, axis=1)
        ordered = np.sort(distances if own is None else np.delete(distances, own))
        for row, ranks in lines:
            assert row != own
            np.testing.assert_allclose(ordered[int(ranks[layer]) - 1], distances[row], rtol=1e-4, atol=1e-4)


def test_neighbours_of_a_typed_and_of_a_chosen_text(tab: Any, address: str, local_models: list[str]) -> None:
    query = {"model": local_models[0], "neighbours_view": "typed"}
    tab.goto(f"{address}/neighbours?{urlencode(query)}")
    opened(tab, "Neighbours")
    field = tab.locator(".st-key-neighbours_text input")
    field.fill(TYPED)
    field.press("Enter")
    run_if_asked(tab)
    typed = drawn(tab)
    tab.goto(f"{address}/neighbours?{urlencode({'model': local_models[0], 'neighbours_row': ROW + 1})}")
    run_if_asked(tab)
    tab.get_by_text(f"Row {ROW + 1}", exact=True).wait_for()
    chosen = drawn(tab)
    model = transformers.AutoModel.from_pretrained(local_models[0]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(local_models[0])
    texts = [*builtin_table("sentiment").texts, TYPED]
    hidden = [[pooled(layer, "mean") for layer in plain_loop(model, tokenizer, text)] for text in texts]
    layers = [np.array([rows[layer] for rows in hidden]) for layer in range(len(hidden[0]))]
    check(typed, [rows[:-1] for rows in layers], [rows[-1] for rows in layers], None)
    check(chosen, [rows[:-1] for rows in layers], [rows[ROW] for rows in layers], ROW)
