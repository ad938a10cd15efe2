"""Two readers on the same rows: McNemar's exact test in closed form, and how often equal readers are called different."""

import numpy as np
import pytest
from scipy.stats import binomtest

from backend.errors import InvalidRequest
from backend.metrics import METRICS
from backend.metrics.shared.paired import mcnemar, paired_error
from backend.values.activations import Labels, no_report
from tests.metrics.stacks import MatrixNetwork, stack_of


def readers(gained, lost, both=30, neither=20):
    """Which rows each of two readers gets right, with so many rows that one alone does."""
    first = np.repeat([False, True, True, False], [gained, lost, both, neither])
    second = np.repeat([True, False, True, False], [gained, lost, both, neither])
    return first, second


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 0.0625),
        (6, 0, 0.03125),
        (0, 6, 0.03125),
        (3, 3, 1.0),
        (8, 2, 0.109375),
        (10, 1, 24 / 2048),
    ],
)
def test_the_exact_tail_is_the_closed_form(gained, lost, p):
    found = mcnemar(*readers(gained, lost))
    assert found.p == pytest.approx(p) and (found.n_gained, found.n_lost) == (gained, lost)
    assert found.difference == pytest.approx((gained - lost) / (50 + gained + lost))
    assert found.differ == (p < 0.05)


def test_it_is_scipys_binomial_test_of_the_discordant_rows():
    for gained, lost in ((17, 4), (40, 60), (500, 430), (1, 30)):
        assert mcnemar(*readers(gained, lost)).p == pytest.approx(binomtest(gained, gained + lost).pvalue)


def test_rows_that_do_not_correspond_are_refused():
    with pytest.raises(InvalidRequest, match="cannot be compared"):
        mcnemar([True], [True, False])


@pytest.mark.parametrize("n", [40, 265, 872])
@pytest.mark.parametrize("shared", [0.0, 0.5, 0.8])
def test_two_equal_readers_are_called_different_in_at_most_five_percent(n, shared):
    """Readers that are right on 80 % of the rows each, some of them together: the error of one accuracy is exceeded far oftener."""
    rng = np.random.default_rng(n)
    alarms, widths, single = [], [], []
    for _ in range(1500):
        together, both = rng.random(n) < shared, rng.random(n) < 0.8
        first, second = (np.where(together, both, rng.random(n) < 0.8) for _ in range(2))
        alarms.append(mcnemar(first, second).differ)
        change = second.astype(float) - first
        widths.append(abs(change.mean()) > paired_error(change))
        single.append(abs(change.mean()) > 1.96 * np.sqrt(0.8 * 0.2 / n))
    assert np.mean(alarms) <= 0.06 and np.mean(widths) <= 0.06
    if shared == 0:
        assert np.mean(single) > 0.1, "what was done before"


def test_a_real_difference_is_found():
    rng = np.random.default_rng(0)
    found = [mcnemar(rng.random(872) < 0.8, rng.random(872) < 0.9).differ for _ in range(200)]
    assert np.mean(found) > 0.95


def test_the_widest_of_many_looks_needs_more():
    change = np.random.default_rng(0).standard_normal(200)
    one = 1.959964 * change.std(ddof=1) / np.sqrt(200) + 1 / 200
    assert paired_error(change) == pytest.approx(one, rel=1e-6) and paired_error(change, n_looks=8) > 1.3 * one
    assert np.isnan(paired_error([1.0]))


# What the metrics say of themselves


def noise(n=120, n_dims=8, seed=0):
    """Rows that know nothing of the two classes, of which there are equally many."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, n_dims)).astype(np.float32)
    return x, Labels(np.arange(n) % 2, ("no", "yes"))


CONTROLS = {
    "threshold": ("control_accuracy", "control_std", {}),
    "ablation": ("control", "control_std", {"n_shuffles": 10, "n_draws": 10}),
    "inner_ablation": ("control", "control_std", {"n_texts": 24}),
    "component_accuracy": ("control", "control_std", {"n_shuffles": 10, "n_points": 3}),
    "neurons": ("control_accuracy", "control_accuracy_std", {"n_shuffles": 6}),
    "probing": ("control_accuracy", "control_std", {"n_shuffles": 6, "grid": "fixed", "hidden": (8, 8), "n_seeds": 2}),
    "direct_probe": ("control_apart", "control_apart_std", {}),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_a_mean_over_shuffles_with_its_spread(name, monkeypatch):
    monkeypatch.setattr("backend.metrics.probing.kernel.MOST_ITERATIONS", 50)  # noise takes long to learn by heart
    x, labels = noise()
    stack = stack_of([x, x[:, ::-1].copy()])
    object.__setattr__(stack, "network", MatrixNetwork([x, x[:, ::-1]]))
    row, (mean, std, params) = METRICS[name], CONTROLS[name]

    def run(**changes):
        return row.run([stack], labels, row.params(**{**params, **changes}), 0, no_report)

    several = run()
    values = several.values
    found, spread = np.asarray(getattr(values, mean)), np.asarray(getattr(values, std))
    known = np.isfinite(found)
    assert found.shape == spread.shape and known.any() and (spread[known] >= 0).all()
    assert any("shuffle" in note.lower() and "standard deviation" in note for note in several.notes)
    if name != "direct_probe":
        assert abs(np.mean(found[known]) - 0.5) < 0.1 and spread[known].max() > 0
    one = run(n_shuffles=1, **({"n_draws": 1} if name == "ablation" else {}))
    assert np.isnan(np.asarray(getattr(one.values, std))[known]).all()
    assert "one shuffle has no spread" in {gap.reason.rpartition(": ")[2] for gap in one.undefined}
    none = run(control=False)
    assert not np.isfinite(np.asarray(getattr(none.values, mean))).any()


def test_one_shuffle_may_be_far_off_and_ten_are_not():
    """The mean over ten shuffles lies three times nearer to one half than a single one does, over many seeds."""
    x, labels = noise(60)
    off = {}
    for n in (1, 10):
        row = METRICS["threshold"]
        found = [row.run([stack_of([x])], labels, row.params(n_shuffles=n), seed, no_report) for seed in range(30)]
        off[n] = np.mean([abs(one.values.control_accuracy[0] - 0.5) for one in found])
    assert off[10] < 0.6 * off[1]


@pytest.mark.parametrize("name", ["threshold", "neurons", "component_accuracy"])
def test_few_dimensions_are_compared_with_all_by_the_same_kind_of_reader(name):
    x, labels = noise(400)
    x[:, 3] += 4 * labels.values
    row = METRICS[name]
    values = row.run([stack_of([x])], labels, row.params(control=False), 0, no_report).values
    if name == "threshold":
        assert values.dimension[0] == 3 and values.right.shape == (1, 4, 80)
        np.testing.assert_array_equal(
            values.right[0].mean(axis=1)[:3], [values.accuracy[0], values.single_accuracy[0], values.fitted_accuracy[0]]
        )
        assert values.single_p[0] == mcnemar(values.right[0, 1], values.right[0, 2]).p and not values.right[0, 3].any()
    elif name == "neurons":
        np.testing.assert_array_equal(values.right[0].mean(axis=1), values.test_accuracy[0])
        assert values.against_all[0].tolist() == [mcnemar(values.right[0, 0], few).p for few in values.right[0]]
    else:
        assert values.fitted[0] == values.in_domain[0, -1] and values.in_domain_p[0, -1] == 1.0, (
            "all components are all dimensions"
        )
        assert values.in_domain_p[0, 0] <= 1
