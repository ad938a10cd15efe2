"""What every row of METRICS promises: tried on each of them with the same small inputs."""

import dataclasses
import functools
import warnings

import numpy as np
import pytest

from backend.errors import Cancelled, EmbedscopeError, InvalidRequest
from backend.forms.codec import Codec
from backend.metrics import METRICS, metric, parse_params
from backend.metrics.probing import kernel as probing
from backend.store import Store
from backend.values.activations import Activations, Labels, LayerStack, no_report
from backend.values.results import Result
from tests.metrics.stacks import MatrixNetwork

N_ROWS, N_DIMS, N_LAYERS = 48, 12, 3
QUICK = {"probing": {"sizes": (32,), "exponents": (-4, 0), "n_seeds": 2}}  # its whole grid is 128 trainings a layer
ROWS = pytest.mark.parametrize("row", METRICS.values(), ids=list(METRICS))


def stack(model="model", *, degenerate=False, seed=0):
    """Read-only float32 layers, as the store gives them: two classes apart, one large dimension, a few copies."""
    rng = np.random.default_rng(seed)
    matrices = []
    for index in range(N_LAYERS):
        rows = rng.standard_normal((N_ROWS, N_DIMS)).astype(np.float32)
        rows[::2, 0] += 1.5 * index
        rows[:, 3] += 100
        rows[5] = rows[4]
        if degenerate:
            rows = [np.tile(rows[:1], (N_ROWS, 1)), np.where(rows > 2, np.nan, rows), rows][index].astype(np.float32)
        rows.setflags(write=False)
        matrices.append(Activations(rows, np.arange(N_ROWS)))
    numbers = tuple(range(N_LAYERS))
    network = MatrixNetwork([one.rows for one in matrices], seed=seed)
    names = tuple(f"layer {i}" for i in numbers)
    return LayerStack(model, "mean", numbers, names, tuple(matrices), "texts", network=network)


def inputs(row, *, degenerate=False):
    """All the inputs that a metric of this scope is given."""
    one, two = (stack(name, degenerate=degenerate, seed=seed) for seed, name in enumerate(("tuned", "base")))
    return {"stack": [[one]], "pair": [[one], [one, two]], "models": [[one], [one, two]]}[row.scope]


def labels(row):
    if row.labels == "no":
        return None
    split = tuple("test" if i % 4 == 3 or i % 8 == 0 else "train" for i in range(N_ROWS))
    return Labels(np.arange(N_ROWS) % 2, ("negative", "positive"), split)


@pytest.fixture(autouse=True)
def stopped_early(monkeypatch):
    """Networks end their training after 60 passes: what is promised here holds of them as well."""
    monkeypatch.setattr(probing, "MOST_ITERATIONS", 60)


def asked(row):
    """The default parameters; of a metric whose defaults take minutes, quick ones."""
    return row.params(**QUICK.get(row.name, {}))


def run(row, stacks, params=None, seed=0, report=no_report):
    """The outcome, or None where the metric refuses this number of stacks with a hint."""
    try:
        return row.run(stacks, labels(row), params or asked(row), seed, report)
    except InvalidRequest as refusal:
        assert refusal.message and refusal.hint
        return None


@functools.cache
def computed(name, degenerate=False):
    """Of every input: its stacks, their bytes before the run, and the outcome. Made once, for all tests that only look."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return tuple(
            (stacks, content(stacks), run(METRICS[name], stacks))
            for stacks in inputs(METRICS[name], degenerate=degenerate)
        )


def content(stacks):
    """The bytes of all rows."""
    return [rows.tobytes() for one in stacks for rows in one.rows]


def outcomes(row, degenerate=False):
    found = [outcome for _, _, outcome in computed(row.name, degenerate) if outcome is not None]
    assert found or degenerate, "the metric refused every input of its scope"
    return found


def leaves(value):
    """Everything in a result that is not a tuple."""
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b or (a != a and b != b)


@ROWS
def test_a_row_describes_itself(row):
    assert METRICS[row.name] is row
    assert row.scope in ("stack", "pair", "models")
    assert row.labels in ("no", "optional", "required")
    assert row.worker in ("models", "layouts")
    assert row.title and row.version >= 1
    for cls in (row.params, row.result):
        assert cls.__dataclass_params__.frozen and hasattr(cls, "__slots__") and cls.__doc__
    for field in dataclasses.fields(row.params):
        assert field.metadata["help"], field.name
        default = field.default
        assert parse_params(row.params, {field.name: default}) == row.params(), field.name
        assert field.metadata["choices"] is None or default in field.metadata["choices"]


def test_names_and_aliases_lead_to_one_row_each():
    names = [name for row in METRICS.values() for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))
    for row in METRICS.values():
        assert all(metric(name) is row for name in (row.name, *row.aliases))
    with pytest.raises(InvalidRequest, match="nonsense") as caught:
        metric("nonsense")
    assert all(name in caught.value.hint for name in METRICS)


@ROWS
def test_the_same_request_gives_the_same_bytes(row):
    again = [outcome for stacks in inputs(row) if (outcome := run(row, stacks)) is not None]
    for first, second in zip(outcomes(row), again, strict=True):
        assert first is not second
        for field in dataclasses.fields(first.values):
            pairs = zip(
                leaves(getattr(first.values, field.name)), leaves(getattr(second.values, field.name)), strict=True
            )
            assert all(same(a, b) for a, b in pairs), field.name
        assert (first.undefined, first.notes) == (second.undefined, second.notes)


@ROWS
def test_the_input_stays_as_it_is(row):
    for stacks, before, _ in computed(row.name):
        assert content(stacks) == before


@ROWS
def test_a_result_survives_the_store(row, tmp_path):
    codec = Codec({row.name: row.params}, {row.name: row.result})
    store = Store(tmp_path, budget=10**9)
    for number, outcome in enumerate((*outcomes(row), *outcomes(row, degenerate=True))):
        assert type(outcome.values) is row.result
        assert all(isinstance(note, str) and note for note in outcome.notes)
        digest = f"{number:040x}"
        result = Result(digest, row.name, row.version, outcome.values, outcome.undefined, outcome.notes)
        store.put_result(digest, *codec.result_to_parts(result), {})
        back = codec.result_from_parts(*store.get_result(digest))
        assert (back.undefined, back.notes) == (outcome.undefined, outcome.notes)
        for field in dataclasses.fields(row.result):
            kept, given = getattr(back.values, field.name), getattr(outcome.values, field.name)
            assert type(kept) is type(given) or not isinstance(given, np.ndarray | tuple), field.name
            assert all(same(a, b) for a, b in zip(leaves(kept), leaves(given), strict=True)), field.name
    store.close()


@ROWS
def test_stated_numbers_of_rows_and_dimensions_are_those_of_the_input(row):
    for outcome in outcomes(row):
        assert getattr(outcome.values, "n_rows", N_ROWS) == N_ROWS
        assert getattr(outcome.values, "n_dims", N_DIMS) == N_DIMS


@ROWS
def test_progress_is_reported_and_cancelling_ends_the_run(row):
    class Ended(Cancelled):
        pass

    for stacks, _, outcome in computed(row.name):
        calls = []

        def report(*progress, calls=calls):
            calls.append(progress)
            raise Ended

        if outcome is None:  # it refuses this number of stacks
            continue
        with pytest.raises(Ended):
            run(row, stacks, report=report)
        done, total, stage = calls[0]
        assert 0 <= done <= total and total > 0 and stage


def unexplained(outcome):
    """NaN entries that no entry of ``undefined`` covers: one covers all indices that begin with its own."""
    covered = {(entry.field, entry.index) for entry in outcome.undefined}
    for field in dataclasses.fields(outcome.values):
        for position, value in enumerate(leaves(getattr(outcome.values, field.name))):
            if isinstance(value, float) and np.isnan(value):
                indices = [(position,)] if isinstance(getattr(outcome.values, field.name), tuple) else [()]
            elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
                indices = [tuple(map(int, index)) for index in np.argwhere(np.isnan(value))]
            else:
                continue
            for index in indices:
                if not any((field.name, index[:size]) in covered for size in range(len(index) + 1)):
                    yield field.name, index


@ROWS
@pytest.mark.parametrize("degenerate", [False, True], ids=["usual", "degenerate"])
def test_every_nan_has_a_reason_and_nothing_crashes(row, degenerate):
    for outcome in outcomes(row, degenerate=degenerate):
        assert list(unexplained(outcome)) == []
        assert all(entry.reason and "None" not in entry.reason for entry in outcome.undefined)
        for field in dataclasses.fields(outcome.values):
            for value in leaves(getattr(outcome.values, field.name)):
                if isinstance(value, np.ndarray) and value.dtype.kind == "f" and field.name != "lines":
                    assert not np.isinf(value).any(), field.name


@ROWS
@pytest.mark.parametrize("n_rows", [1, 2, 3])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_very_few_rows_give_reasons_or_a_refusal(row, n_rows):
    def cut(whole):
        parts = (Activations(one.rows[:n_rows], one.text_index[:n_rows]) for one in whole.matrices)
        return dataclasses.replace(whole, matrices=tuple(parts))

    given = labels(row)
    if given is not None:
        given = Labels(given.values[:n_rows], given.classes, given.split[:n_rows])
    for stacks in inputs(row):
        try:
            outcome = row.run([cut(one) for one in stacks], given, asked(row), 0, no_report)
        except EmbedscopeError as refusal:
            assert isinstance(refusal, InvalidRequest) and refusal.hint
        else:
            assert list(unexplained(outcome)) == []


@ROWS
def test_every_choice_of_every_parameter_runs(row):
    for field in dataclasses.fields(row.params):
        for choice in field.metadata["choices"] or ():
            params = dataclasses.replace(asked(row), **{field.name: choice})
            if params == asked(row):
                continue  # looked at by the tests above
            found = [outcome for stacks in inputs(row) if (outcome := run(row, stacks, params)) is not None]
            assert found, (field.name, choice)
            assert all(list(unexplained(outcome)) == [] for outcome in found), (field.name, choice)
