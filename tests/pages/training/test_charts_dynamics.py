"""Charts over checkpoints: where steps lie, which layers a mean is of, what is undefined, and words of the user."""

import numpy as np
import pytest

from backend import complete_layers, mean_over_layers
from pages._kit.charts.base import tick_places
from pages.training.dynamics.charts import (
    Grid,
    label_lines,
    over_steps,
    places_of,
    shades,
    step_axis,
    step_heatmap,
    step_profiles,
)
from pages.training.dynamics.series import parse_steps

STEPS = (0, 32, 128, 2745)
LAYERS = ("embedding", "block 1", "<b>final</b>")


def grid(**changes):
    values = np.arange(12.0).reshape(4, 3)
    return Grid(**{"steps": STEPS, "layers": LAYERS, "values": values, **changes})


def holed():
    values = np.arange(12.0).reshape(4, 3)
    values[1, 2] = np.nan
    return grid(values=values, undefined={(1, 2): "all rows <are> identical"})


def test_a_step_has_a_place_on_both_axes_zero_too() -> None:
    np.testing.assert_allclose(places_of([0, 1, 3, 1023], logarithmic=True), [0, 1, 2, 10])
    np.testing.assert_array_equal(places_of([0, 1, 3, 1023], logarithmic=False), [0, 1, 3, 1023])
    axis = step_axis(STEPS, logarithmic=True)
    assert axis["ticktext"] == ["0", "32", "128", "2,745"] and "log(step + 1)" in axis["title"]["text"]
    assert axis["range"][0] < 0 < axis["tickvals"][-1] < axis["range"][1]
    linear = step_axis(STEPS, logarithmic=False)
    assert linear["ticktext"] == ["0", "2,745"], "32 and 128 would write over 0"
    assert linear["title"]["text"] == "Training step"


def test_profiles_have_a_line_for_every_checkpoint_and_crosses_with_reasons() -> None:
    drawn = step_profiles(holed(), y_title="Anisotropy")
    lines = [trace for trace in drawn.data if trace.mode == "lines+markers"]
    assert [line.name for line in lines] == ["step 0", "step 32", "step 128", "step 2,745"]
    for line, values in zip(lines, holed().values, strict=True):
        np.testing.assert_array_equal(line.y, values.astype(np.float32))
    assert len({line.line.color for line in lines}) == 4
    cross = next(trace for trace in drawn.data if trace.mode == "markers")
    assert cross.x.tolist() == [2]
    assert "step 32, &lt;b&gt;final&lt;/b&gt;" in cross.text[0] and "all rows &lt;are&gt;" in cross.text[0]


def test_many_checkpoints_get_a_colour_bar_in_the_place_of_a_legend() -> None:
    steps = tuple(range(0, 2000, 100))
    drawn = step_profiles(grid(steps=steps, values=np.ones((20, 3))), y_title="")
    assert not drawn.layout.showlegend
    bar = drawn.data[-1].marker.colorbar
    assert bar.ticktext[0] == "0" and bar.ticktext[-1] == "1,900"
    assert drawn.data[-1].marker.cmax == 19


def test_the_heatmap_has_a_column_for_every_checkpoint() -> None:
    drawn = step_heatmap(holed(), value_name="CKA", value_range=(0, 1))
    np.testing.assert_array_equal(drawn.data[0].z, holed().values.T.astype(np.float32))
    assert (drawn.data[0].zmin, drawn.data[0].zmax) == (0, 1)
    assert list(drawn.data[0].customdata[2][3]) == ["step 2,745", "&lt;b&gt;final&lt;/b&gt;"]
    grey = drawn.data[1]
    assert np.argwhere(np.isfinite(grey.z)).tolist() == [[2, 1]]
    assert "all rows &lt;are&gt;" in grey.customdata[2][1]
    assert list(drawn.layout.xaxis.ticktext) == ["0", "32", "128", "2,745"]


def test_a_mean_is_of_the_layers_that_are_defined_at_every_checkpoint() -> None:
    assert complete_layers(holed().values).tolist() == [0, 1]
    np.testing.assert_allclose(mean_over_layers(holed().values), holed().values[:, :2].mean(axis=1))
    assert np.isnan(mean_over_layers(np.full((4, 3), np.nan))).all()
    drawn = over_steps(holed(), y_title="", logarithmic=True)
    mean = drawn.data[-1]
    assert mean.name == "mean over 2 layers"
    np.testing.assert_allclose(mean.y, holed().values[:, :2].mean(axis=1))
    np.testing.assert_allclose(mean.x, np.log2(np.array(STEPS) + 1), rtol=1e-6)
    assert over_steps(grid(), y_title="", logarithmic=False).data[-1].name == "mean over the layers"


def test_without_a_mean_every_layer_is_a_full_line() -> None:
    drawn = over_steps(grid(), y_title="CKA", logarithmic=False, mean=False, y_range=(0, 1))
    assert [trace.opacity for trace in drawn.data] == [1, 1, 1]
    np.testing.assert_allclose(drawn.layout.yaxis.range, [-0.02, 1.02])


def test_every_second_layer_keeps_its_reasons() -> None:
    thin = holed().thinned(2)
    assert thin.layers == ("embedding", "<b>final</b>")
    np.testing.assert_array_equal(thin.values, holed().values[:, [0, 2]])
    assert thin.why(1, 1) == "all rows <are> identical"
    assert holed().thinned(1).layers == LAYERS
    for n_blocks, kept in ((4, (0, 2, 4, 5)), (5, (0, 2, 4, 5, 6))):  # the last block and the norm after it
        names = ("embedding", *(f"block {i}" for i in range(1, n_blocks + 1)), "final norm")
        whole = Grid((0, 1), names, np.arange(2 * len(names), dtype=float).reshape(2, -1), {(1, len(names) - 1): "odd"})
        thin = whole.thinned(2)
        assert thin.layers == tuple(names[i] for i in kept) and thin.why(1, len(kept) - 1) == "odd"
        np.testing.assert_array_equal(thin.values, whole.values[:, kept])
    even = Grid((0,), ("embedding", "block 1", "block 2", "block 3"), np.zeros((1, 4)), {})
    assert even.thinned(2).layers == ("embedding", "block 2", "block 3")


def test_of_many_layers_the_last_is_named() -> None:
    for n in (1, 2, 26, 27, 28, 30, 53, 79, 80, 200):
        places = tick_places(n)
        assert places[0] == 0 and places[-1] == n - 1 and len(places) <= 27
        assert min(np.diff(places), default=1) >= max(1, -(-n // 26)) / 2
    rest = holed().without_first()
    assert rest.layers == LAYERS[1:] and rest.why(1, 1) == "all rows <are> identical"
    np.testing.assert_array_equal(rest.values, holed().values[:, 1:])


def test_labels_that_grow_most_and_least_are_named() -> None:
    minimum = np.array([[1.0] * 9, [1] * 9, [1] * 9, [2, 9, 3, 0.5, 5, 6, 7, 8, 4]])
    minimum[1:, 8] = np.nan  # one distance alone does not grow
    drawn = label_lines(STEPS, minimum, [f"<i>{i}" for i in range(9)], logarithmic=True)
    named = [trace.name for trace in drawn.data if trace.showlegend]
    assert {name.split(" ")[0] for name in named} == {f"&lt;i&gt;{i}" for i in (1, 7, 6, 3, 0, 2)}
    assert sum("grows most" in name for name in named) == 3
    assert len(drawn.data) == 9


def test_colours_are_in_order_and_all_different() -> None:
    assert len(set(shades(12))) == 12 and len(shades(1)) == 1


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        (" 0, 512 ,2745", (0, 512, 2745)),
        ("3 1 3", (1, 3)),
        ("1,000", (0, 1)),
        ("-1", None),
        ("x", None),
        ("٣", None),
    ],
)
def test_steps_are_read_as_written(text: str, steps: tuple[int, ...] | None) -> None:
    assert parse_steps(text) == steps


def test_labels_are_chosen_by_hand_each_in_a_look_of_its_own_and_others_can_be_left_out() -> None:
    minimum = np.arange(1.0, 33).reshape(4, 8)
    classes = [f"c{place}" for place in range(8)]
    drawn = label_lines(STEPS, minimum, classes, logarithmic=True, named=[5, 0])
    shown = [trace for trace in drawn.data if trace.showlegend]
    assert {trace.name for trace in shown} == {"c0", "c5"} and len(drawn.data) == 8
    assert len({(trace.line.color, trace.line.dash) for trace in shown}) == 2
    alone = label_lines(STEPS, minimum, classes, logarithmic=True, named=[5, 0], others=False)
    assert {trace.name for trace in alone.data} == {"c0", "c5"}
    extremes = label_lines(STEPS, minimum * np.arange(1, 9), classes, logarithmic=True, others=False)
    assert [trace.name.split(" ")[0] for trace in extremes.data] == ["c0", "c1", "c2", "c5", "c6", "c7"]
