"""The head that reads a layer: the model's own where it fits, else one fitted on the training rows."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from backend.activations import Activations, Head, HeadStage, Labels, LayerStack
from backend.metrics.heads import accuracy, choose_head, fit_linear, predictions
from backend.metrics.splits import SplitParams, split_rows


def data(n=120, dims=6, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    x = rng.standard_normal((n, dims))
    x[:, 1] += 1.5 * y
    x[:, 3] += 200
    return x.astype(np.float32), y


def stack(x, head=None, pooling="cls"):
    rows = (Activations(x), Activations(x[:, ::-1].copy()))
    return LayerStack("model", pooling, (0, 1), ("layer 0", "layer 1"), rows, head=head)


def split(y, classes):
    return split_rows(Labels(y, classes), SplitParams(), 0)


OWN = Head(1, "cls", (HeadStage(np.eye(6)[:2], np.array([0.0, 1.0])),), ("negative", "positive"))


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_the_fitted_head_is_scikit_learns_in_the_units_of_the_rows(n_classes):
    x, y = data(n_classes=n_classes)
    head = fit_linear(x, y, n_classes)
    scaler = StandardScaler().fit(x.astype(np.float64))
    model = LogisticRegression(tol=1e-8, max_iter=10_000).fit(scaler.transform(x.astype(np.float64)), y)
    logits = head.logits(x)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, model.predict_proba(scaler.transform(x.astype(np.float64))), atol=1e-6)


def test_dimensions_that_vary_by_rounding_only_take_no_part():
    x, y = data()
    x[:, 3] = 1e-9 * y  # tells the classes apart, but no model could read it beside the others
    head = fit_linear(x, y, 2)
    assert (head.stages[0].weight[:, 3] == 0).all() and (head.stages[0].weight[:, 1] != 0).all()


def test_constant_dimensions_and_absent_classes_take_no_part(recwarn):
    x, y = data()
    x[:, 3] = 200
    head = fit_linear(x, y, 3)
    assert (head.stages[0].weight[:, 3] == 0).all()
    assert set(predictions(head, x)) == {0, 1}
    assert accuracy(head, x, y) > 0.7 and not recwarn.list


def test_the_models_own_head_is_taken_where_it_reads_this_layer():
    x, y = data()
    found = choose_head(stack(x, OWN), 1, split(y, ("negative", "positive")))
    assert found.own and found.head.stages[0].weight.tolist() == OWN.stages[0].weight.tolist()
    swapped = choose_head(stack(x, OWN), 1, split(y, ("Positive", "Negative")))
    np.testing.assert_array_equal(swapped.head.logits(x), OWN.logits(x)[:, ::-1])


def test_outputs_without_names_stand_for_the_classes_in_their_order():
    x, y = data()
    unnamed = dataclasses.replace(OWN, classes=("LABEL_0", "LABEL_1"))
    assert choose_head(stack(x, unnamed), 1, split(y, ("0", "1"))).own


@pytest.mark.parametrize(
    ("head", "index", "classes", "pooling", "wanted", "said"),
    [
        (None, 1, ("negative", "positive"), "cls", "auto", "none of its own"),
        (OWN, 0, ("negative", "positive"), "cls", "auto", "another layer"),
        (OWN, 1, ("negative", "positive"), "mean", "auto", "pooling cls"),
        (OWN, 1, ("spam", "ham"), "cls", "auto", "classes"),
        (OWN, 1, ("negative", "positive"), "cls", "fitted", "asked for"),
    ],
)
def test_elsewhere_a_head_is_fitted_and_the_figure_says_why(head, index, classes, pooling, wanted, said):
    x, y = data()
    found = choose_head(stack(x, head, pooling), index, split(y, classes), wanted=wanted)
    assert not found.own and "Fitted head" in found.note and said in found.note
    assert found.head.layer == index and found.head.classes == classes


def test_no_test_row_takes_part_in_the_fit():
    x, y = data()
    parts = split(y, ("a", "b"))
    changed = x.copy()
    changed[parts.test] = 1e6
    first, second = (choose_head(stack(rows), 0, parts).head.stages[0].weight for rows in (x, changed))
    np.testing.assert_array_equal(first, second)


def test_why_the_models_own_head_cannot_be_used_is_passed_on():
    x, y = data()
    given = dataclasses.replace(stack(x), why_no_head="the model's own is of a kind that cannot be read (OddModel)")
    found = choose_head(given, 1, split(y, ("a", "b")))
    assert not found.own and "cannot be read (OddModel)" in found.note


def test_a_deviation_beyond_rounding_in_32_bits_is_told():
    x, y = data()
    parts = split(y, ("negative", "positive"))
    assert choose_head(stack(x, OWN), 1, parts).note == "The model's own head."
    rough = dataclasses.replace(OWN, deviation=0.0123)
    assert "up to 0.01," in choose_head(stack(x, rough), 1, parts).note


def test_the_stages_of_a_head_are_those_of_torch():
    import torch

    rng = np.random.default_rng(0)
    x, weight, bias = rng.standard_normal((7, 5)), rng.standard_normal((4, 5)), rng.standard_normal(4)
    linear = torch.nn.functional.linear(*map(torch.from_numpy, (x, weight, bias)))
    for name, expected in (
        ("none", linear),
        ("tanh", linear.tanh()),
        ("relu", linear.relu()),
        ("gelu", torch.nn.functional.gelu(linear)),
    ):
        np.testing.assert_allclose(HeadStage(weight, bias, name)(x), expected.numpy(), rtol=1e-12, atol=1e-14)
