"""The head that reads a layer: the model's own where it fits, else one fitted on the training rows."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from backend.errors import InvalidRequest
from backend.metrics import METRICS, parse_params
from backend.metrics.shared.heads import accuracy, choose_head, fit_linear, head_notes, predictions
from backend.metrics.shared.splits import SplitParams, split_rows
from backend.values.activations import Activations, Head, HeadStage, Labels, LayerStack, no_report
from tests.metrics.stacks import MatrixNetwork


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
    x[:, 3] = np.float32(14.62) + np.spacing(np.float32(14.62)) * y  # tells the classes apart, but by one step
    head = fit_linear(x, y, 2)
    assert (head.stages[0].weight[:, 3] == 0).all() and (head.stages[0].weight[:, 1] != 0).all()
    x[:, 3] = 1e-9 * y  # small, but no rounding of anything
    assert accuracy(fit_linear(x, y, 2), x, y) == 1.0


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


def test_outputs_without_names_stand_for_the_labels_numbers():
    x, y = data()
    unnamed = dataclasses.replace(OWN, classes=("LABEL_0", "LABEL_1"))
    found = choose_head(stack(x, unnamed), 1, split(y, ("0", "1")))
    assert found.own and "they are the labels' numbers 0 to 1" in found.note
    turned = choose_head(stack(x, unnamed), 1, split(y, ("1.0", "0.0")))
    np.testing.assert_array_equal(turned.head.logits(x), OWN.logits(x)[:, ::-1])


def four_outputs(*names, n=400):
    """Rows whose class is their highest dimension, a head that reads it off, and labels in alphabetical order."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((n, 6)).astype(np.float32)
    x[:, 4:] = 0.1
    return x, x[:, :4].argmax(axis=1), Head(1, "cls", (HeadStage(np.eye(6)[:4], np.zeros(4)),), names)


def in_words(numbers, words):
    """The labels ``words[number]`` as class numbers, their classes in alphabetical order as a text set has them."""
    classes = tuple(sorted(set(words)))
    return Labels(np.array([classes.index(words[number]) for number in numbers]), classes)


UNNAMED = tuple(f"LABEL_{number}" for number in range(4))
TOPICS = (
    "World",
    "Sports",
    "Business",
    "Sci-Tech",
)  # as that checkpoint was trained; alphabetically Business comes first


def test_outputs_without_names_are_never_matched_with_labels_by_their_place():
    x, numbers, head = four_outputs(*UNNAMED)
    parts = split_rows(in_words(numbers, TOPICS), SplitParams(), 0)
    found = choose_head(stack(x, head), 1, parts)
    assert not found.own and "have no names" in found.note and "give the order of the classes" in found.note
    given = choose_head(stack(x, head), 1, parts, classes=TOPICS)
    assert given.own and accuracy(given.head, x[parts.test], parts.y_test) == 1.0
    assert "in the order that was given: 'World', 'Sports', 'Business', 'Sci-Tech'" in given.note


@pytest.mark.parametrize(
    ("outputs", "words", "given", "contradicts"),
    [
        (("negative", "positive"), ("negative", "positive"), ("positive", "negative"), True),
        (("negative", "positive"), ("negative", "positive"), ("Negative", "Positive"), False),
        (("NEGATIVE", "other"), ("negative", "good"), ("good", "negative"), True),
        (("bad", "good"), ("negative", "positive"), ("positive", "negative"), False),
        (("LABEL_0", "LABEL_1"), ("0", "1"), ("1", "0"), True),
        (("LABEL_0", "LABEL_1"), ("0", "1"), ("0", "1"), False),
        (("LABEL_0", "LABEL_1"), ("negative", "positive"), ("positive", "negative"), False),
    ],
)
def test_an_order_against_the_models_own_names_is_said(outputs, words, given, contradicts):
    x, y = data()
    found = choose_head(
        stack(x, dataclasses.replace(OWN, classes=outputs)), 1, split_rows(in_words(y, words), SplitParams(), 0),
        classes=given,
    )  # fmt: skip
    wanted = f"The model names its outputs '{outputs[0]}', '{outputs[1]}': the order that was given contradicts it."
    assert found.own and (wanted in found.note) is contradicts


@pytest.mark.parametrize(
    ("outputs", "words", "known"),
    [
        (TOPICS, TOPICS, "names"),
        (("world ", "SPORTS", "business", "sci-tech"), TOPICS, "names"),
        (("stock  market", "b", "c", "d"), ("Stock Market", "B", "C", "D"), "names"),
        (("World", "LABEL_1", "LABEL_2", "LABEL_3"), TOPICS, None),
        (("a", "a", "b", "c"), ("a", "a", "b", "c"), None),
        (TOPICS, ("World", "world", "Sports", "Business"), None),
        (UNNAMED, ("0", "1", "2", "3"), "numbers"),
        (UNNAMED, ("0.0", "1.0", "2.0", "3.0"), "numbers"),
        (UNNAMED, ("3", "2", "1", "0"), "turned"),
        (UNNAMED, ("1", "2", "3", "4"), None),
        (UNNAMED, ("0", "1", "2", "4"), None),
        (UNNAMED, ("0", "1", "2", "two"), None),
        (UNNAMED, ("-1", "0", "1", "2"), None),
        (UNNAMED, ("0.5", "1", "2", "3"), None),
        (("1", "2", "3", "4"), ("1", "2", "3", "4"), "names"),
        (("1 star", "2 stars", "3 stars", "4 stars"), ("1", "2", "3", "4"), None),
    ],
)
def test_a_head_is_the_models_own_only_where_its_classes_are_known(outputs, words, known):
    x, numbers, head = four_outputs(*outputs)
    parts = split_rows(in_words(numbers, words), SplitParams(), 0)
    found = choose_head(stack(x, head), 1, parts)
    assert found.own == (known is not None), found.note
    if known is not None:
        assert accuracy(found.head, x[parts.test], parts.y_test) == (
            1.0 if known != "turned" else pytest.approx(0, abs=0.01)
        )


def test_labels_of_eleven_numbers_are_read_by_number_not_in_alphabetical_order():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 12)).astype(np.float32)
    numbers = x.argmax(axis=1)
    head = Head(1, "cls", (HeadStage(np.eye(12), np.zeros(12)),), tuple(f"LABEL_{i}" for i in range(12)))
    parts = split_rows(in_words(numbers, tuple(map(str, range(12)))), SplitParams(), 0)
    assert parts.info.classes[:3] == ("0", "1", "10")
    found = choose_head(stack(x, head), 1, parts)
    assert found.own and accuracy(found.head, x[parts.test], parts.y_test) == 1.0


def test_outputs_of_no_class_stay_and_rows_given_to_them_are_wrong():
    x, numbers, head = four_outputs(*TOPICS)
    kept = numbers < 3
    labels = in_words(
        np.where(kept, numbers, 0), TOPICS[:3]
    )  # the fourth class has no label: its rows are called World
    parts = split_rows(labels, SplitParams(), 0)
    found = choose_head(stack(x, head), 1, parts)
    assert found.own and found.head.classes == ("Business", "Sports", "World", "Sci-Tech")
    assert accuracy(found.head, x[parts.test], parts.y_test) == pytest.approx(np.mean(kept[parts.test]))
    assert "stand for no label ('Sci-Tech')" in found.note
    assert not choose_head(stack(x, dataclasses.replace(head, classes=UNNAMED)), 1, parts).own
    given = choose_head(stack(x, dataclasses.replace(head, classes=UNNAMED)), 1, parts, classes=TOPICS)
    np.testing.assert_array_equal(given.head.logits(x), found.head.logits(x))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("World", "Sports", "Business", "Business"), "'Business' twice"),
        (("World", "Sports", "Business", "Tech"), "lacks 'Sci-Tech'"),
        (("World", "Sports", "Business"), "lacks 'Sci-Tech'"),
        ((*TOPICS, "Weather"), "names 5, and the model's own head has 4 outputs"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(given, said):
    x, numbers, head = four_outputs(*UNNAMED)
    parts = split_rows(in_words(numbers, TOPICS), SplitParams(), 0)
    with pytest.raises(InvalidRequest, match=said) as caught:
        choose_head(stack(x, head), 1, parts, classes=given)
    assert caught.value.hint


def test_a_head_of_one_output_is_no_classifier():
    x, y = data()
    one = Head(1, "cls", (HeadStage(np.eye(6)[:1], np.zeros(1)),), ("LABEL_0",))
    found = choose_head(stack(x, one), 1, split(y, ("0", "1")))
    assert not found.own and "regression" in found.note


@pytest.mark.parametrize("name", ["threshold", "ablation", "inner_ablation", "component_accuracy"])
def test_every_metric_with_a_head_takes_the_order(name):
    params = parse_params(METRICS[name].params, {"classes": 'World, Sports,"Business, Money"'})
    assert params.classes == ("World", "Sports", "Business, Money")
    assert parse_params(METRICS[name].params, {"classes": ["a", "b"]}).classes == ("a", "b")
    x, numbers, head = four_outputs(*UNNAMED)
    labels = in_words(numbers, TOPICS)
    given = dataclasses.replace(stack(x, head), network=MatrixNetwork([one.rows for one in stack(x).matrices]))
    for classes, own in (((), False), (TOPICS, True)):
        params = METRICS[name].params(classes=classes, control=False)
        outcome = METRICS[name].run([given], labels, params, 0, no_report)
        assert np.atleast_1d(outcome.values.own_head)[-1] == own
        assert any(
            ("order that was given" if own else "give the order of the classes") in note for note in outcome.notes
        )


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


def test_an_own_head_beside_all_dimensions_is_not_called_the_full_representation():
    said = [("block 1", "Fitted head (asked for)."), ("block 2", "The model's own head.")]
    assert head_notes(said, beside=True) == [
        "Full representation, block 1: fitted head (asked for).",
        "All dimensions, read by a fitted head, block 2: the model's own head.",
    ]
    assert head_notes(said[1:]) == ["Full representation: the model's own head."]
