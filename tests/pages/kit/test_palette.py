"""The colours of charts: enough contrast on both pages, and different for colour-blind readers."""

import tomllib
from pathlib import Path

import numpy as np

from pages._kit.charts import base as charts
from pages._kit.charts.maps import OPACITY

ROOT = Path(__file__).resolve().parents[3]


def test_points_have_contrast_on_a_white_and_on_a_dark_page() -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    pages = {name: theme[name]["backgroundColor"] for name in ("light", "dark")}
    for colour in (*charts.PALETTE, *charts.SCALE, charts.MUTED):
        shown = {"light": colour, "dark": charts.ON_DARK.get(colour, colour)}
        for name, page in pages.items():
            assert contrast(shown[name], page, OPACITY) >= 3, (name, shown[name])
    for colour in charts.ORDERED:  # of lines, which are the same on both
        assert all(contrast(colour, page, 1.0) >= 3 for page in pages.values()), colour


def contrast(colour: str, page: str, opacity: float) -> float:
    """WCAG's contrast of a colour, let through so far, with the page behind it."""
    behind, own = (np.array([int(one[i : i + 2], 16) for i in (1, 3, 5)]) / 255 for one in (page, colour))
    light = [
        np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)
        for rgb in (opacity * own + (1 - opacity) * behind, behind)
    ]
    return float((max(light) + 0.05) / (min(light) + 0.05))


def test_the_colours_of_classes_differ_for_colour_blind_readers() -> None:
    """By the simulations of Machado et al. (2009), in the distance of OKLab, where 0.02 is just seen."""
    blind = {
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
        "usual": np.eye(3),
    }
    lms = [
        [0.41222147, 0.53633254, 0.05144599],
        [0.2119035, 0.6806995, 0.10739696],
        [0.08830246, 0.28171884, 0.6299787],
    ]
    lab = [
        [0.21045426, 0.79361779, -0.00407205],
        [1.97799850, -2.42859221, 0.4505937],
        [0.02590404, 0.78277177, -0.80867577],
    ]
    for palette in (charts.PALETTE[:7], [charts.ON_DARK[one] for one in charts.PALETTE[:7]]):
        rgb = np.array([[int(one[i : i + 2], 16) / 255 for i in (1, 3, 5)] for one in palette])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        for name, seen in blind.items():
            colours = np.cbrt(np.clip(linear @ np.array(seen).T, 0, 1) @ np.array(lms).T) @ np.array(lab).T
            gaps = np.linalg.norm(colours[:, None] - colours[None], axis=2)[np.triu_indices(7, 1)]
            assert gaps.min() > 0.06, (name, palette)
