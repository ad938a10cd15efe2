"""Ablation inside the network: overwrite dimensions after a block, run what follows, and see what is left.

The network is run again for every number of dimensions; accuracy is read from the last layer, and a causal language
model's loss per token from its own predictions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.ablation.again import Again, Reading, reading_of
from backend.metrics.ablation.orders import GIVEN, N_STEPS, ORDERS, grids_of, lines_of, n_sets, set_of, steps_of
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size
from backend.metrics.rogue.kernel import dimension_variance
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.head_classes import HeadParams
from backend.metrics.shared.linalg import Floats, Ints, Matrix
from backend.metrics.shared.progress import part_of
from backend.metrics.shared.splits import Split, SplitInfo, control_note, split_rows, why_no_control
from backend.values.activations import Labels, LayerStack, Network, Report


@dataclass(frozen=True, slots=True)
class InnerAblationParams(HeadParams):
    """Where, what and how much is overwritten, and what it is judged by."""

    layer: int = param(
        -1,
        "Layer after which dimensions are overwritten (0: the embedding output); -1 takes the middle one.",
        low=-1,
        high=1000,
    )
    mode: str = param(
        "zero",
        "The value that dimensions are overwritten with: 0, or their mean.",
        choices=("zero", "mean"),
        label="Overwrite with",
    )
    order: str = param(
        "all",
        "Which dimensions are overwritten first: highest variance, lowest variance, random, or all three orders.",
        choices=("all", *ORDERS),
    )
    dims: tuple[int, ...] = param(
        (),
        "Dimensions to overwrite, in this order, compared with as many random ones: 3, 17. Empty: use the order above.",
        low=0,
        n_items=(0, 10_000),
    )
    steps: tuple[int, ...] = param(
        (),
        "Numbers of dimensions to overwrite; empty: about eight, from none to all.",
        low=0,
        n_items=(0, 1_000),
    )
    n_texts: int = param(200, "Texts that are run again, drawn from the test rows.", low=1, high=100_000)
    n_draws: int = param(5, "Draws of random dimensions; their mean and standard deviation are shown.", low=2, high=50)


@dataclass(frozen=True, slots=True, eq=False)
class InnerAblation:
    """Accuracy and loss against the number of overwritten dimensions ``n_overwritten`` (n_k,), ascending from 0.

    ``accuracy`` (n_orders, n_k) is the share of right test texts, ``loss`` the mean cross-entropy (nats) of a predicted
    token; of random dimensions both are means over draws, with standard deviations in ``accuracy_std`` and ``loss_std``
    (0 for other orders). ``control`` is the accuracy with shuffled labels, a mean over shuffles whose standard deviation is
    ``control_std``. ``right`` (n_orders, n_k, n_texts) says which texts are right, for random dimensions the share of the
    draws; NaN where undefined. ``baseline`` is the accuracy of the stored
    activations, which 0 overwritten dimensions must give. ``ranking`` (n_dims,) are the dimensions by falling variance, -1
    where there is no order. ``n_tokens`` were predicted, 0 where the model predicts none.
    """

    n_overwritten: Ints
    orders: tuple[str, ...]
    accuracy: Floats
    accuracy_std: Floats
    control: Floats
    control_std: Floats
    right: npt.NDArray[np.float32]
    loss: Floats
    loss_std: Floats
    ranking: Ints
    baseline: float
    own_head: bool
    layer: int
    layer_name: str
    read_name: str
    mode: str
    n_texts: int
    n_tokens: int
    n_shuffles: int
    split: SplitInfo | None
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: InnerAblationParams, seed: int, report: Report
) -> Outcome[InnerAblation]:
    """Run the network again for every order and number of dimensions, each set of dimensions once.

    Raises InvalidRequest for a layer that is not in the stack, dimensions or steps that do not exist, and where there is
    nothing to judge by: neither labels nor a causal language model.
    """
    stack = stacks[0]
    network, place = _network(stack), _place(stack, params.layer)
    report(0, 1, "Loading the model")
    predicts = network.can_predict_tokens
    if labels is None and not predicts:
        raise InvalidRequest(
            f"{stack.model} predicts no tokens, and no labels were chosen, so there is nothing to measure.",
            "Choose a label column, or a causal language model with its head (GPT-2, Llama).",
        )
    split = None if labels is None else split_rows(labels, params, seed)
    n_rows, n_dims = stack.rows[0].shape
    pool = np.arange(n_rows) if split is None else split.test
    chosen = _sample(len(pool), params.n_texts, seed)
    reading = reading_of(stack, split, chosen, params, seed)
    ranking, no_order = _ranking(stack.rows[place] if split is None else stack.rows[place][split.train], stack.step)
    names = (GIVEN, "random") if params.dims else ORDERS if params.order == "all" else (params.order,)
    orders = lines_of(names, ranking, params.dims, n_dims, params.n_draws, seed)
    steps = steps_of(params.steps, len(set(params.dims)) or n_dims)
    wanted = dict.fromkeys([(), *(set_of(line, k) for lines in orders.values() for line in lines for k in steps)])
    texts = pool[chosen].astype(np.int64)
    if split is not None:  # the means, too, are not those of the test rows
        network.fill_from(split.train[_sample(len(split.train), params.n_texts, seed)].astype(np.int64))
    again = Again(network, texts, stack.layers[place], params.mode, reading, predicts)
    measured = {}
    for number, dims in enumerate(wanted):
        inner = part_of(report, number, len(wanted), f"{len(dims):,} of {n_dims:,} dimensions overwritten")
        inner(0, 1, "")
        measured[dims] = again.measure(dims, inner)
    report(1, 1, "")
    (right, right_std), (control, _), (control_std, _), (loss, loss_std) = grids_of(orders, steps, measured)
    values = InnerAblation(
        n_overwritten=np.array(steps, dtype=np.int64),
        orders=tuple(orders),
        accuracy=right,
        accuracy_std=right_std,
        control=control,
        control_std=control_std,
        right=_right(orders, steps, again),
        loss=loss,
        loss_std=loss_std,
        ranking=ranking,
        baseline=reading.baseline,
        own_head=reading.own,
        layer=again.layer,
        layer_name=stack.layer_names[place],
        read_name=stack.layer_names[-1],
        mode=params.mode,
        n_texts=len(texts),
        n_tokens=again.n_tokens,
        n_shuffles=len(reading.controls),
        split=None if split is None else split.info,
        n_rows=n_rows,
        n_dims=n_dims,
    )

    def why(name: str, index: tuple[int, ...]) -> str:
        if index and not orders[values.orders[index[0]]]:
            return named(stack, place, f"no order by variance: {no_order}")
        if name.startswith("loss"):
            return _why_no_loss(stack, predicts, values.n_tokens)
        if name.startswith("control") and reading.head is not None and not reading.why:
            return why_no_control(name, params)
        return reading.why

    notes = _notes(values, split, reading, params, len(pool), seed)
    return Outcome(values, undefined_entries(values, why), notes)


def network_runs(params: InnerAblationParams, n_dims: int) -> int:
    """How often about the network of a model of ``n_dims`` dimensions is run over the texts; steps that it cannot have are left out."""
    given = len(set(params.dims))
    named = 1 if given else {"all": 2, "random": 0}.get(params.order, 1)
    n_lines = named + (params.n_draws if given or params.order in ("all", "random") else 0)
    most = given or n_dims
    steps = steps_of([k for k in params.steps if k <= most], most)
    return n_sets(n_lines, steps, n_dims) + (params.mode == "mean")


def _right(orders: Mapping[str, Sequence[Ints]], steps: Sequence[int], again: Again) -> npt.NDArray[np.float32]:
    """Which texts are right, (n_orders, n_k, n_texts): the mean over the lines of an order, NaN of an order without one."""
    found = np.full((len(orders), len(steps), len(again.texts)), np.nan, dtype=np.float32)
    for row, lines in enumerate(orders.values()):
        for column, k in enumerate(steps if lines else ()):
            found[row, column] = np.mean([again.right[set_of(line, k)] for line in lines], axis=0)
    return found


def _ranking(rows: Matrix, step: float) -> tuple[Ints, str | None]:
    """Dimensions by falling variance (n_dims,), ties in their own order; -1 and the reason where there is no order."""
    reason = why_undefined(rows, step=step)
    if reason is not None:
        return np.full(rows.shape[1], -1, dtype=np.int64), reason
    return np.argsort(-dimension_variance(rows), kind="stable").astype(np.int64), None


def _network(stack: LayerStack) -> Network:
    if stack.network is None:
        raise InvalidRequest(
            "The model is not available to be run again.", "Ask for this analysis through a workbench."
        )
    if stack.matrices[0].token_index is not None:
        raise InvalidRequest(
            "Ablation inside the network needs one row per text.", "Choose the pooling cls, last or mean."
        )
    return stack.network


def _place(stack: LayerStack, layer: int) -> int:
    """The position in the stack of the layer to overwrite; -1 stands for the middle of the stack."""
    if layer == -1:
        return (len(stack) - 1) // 2
    if layer not in stack.layers:
        listed = ", ".join(map(str, stack.layers))
        raise InvalidRequest(
            f"Layer {layer} is not among the layers of this analysis ({listed}).",
            "Choose one of them, or all layers.",
        )
    return stack.layers.index(layer)


def _sample(n_rows: int, n_texts: int, seed: int) -> Ints:
    if n_rows <= n_texts:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng([seed, 2]).choice(n_rows, size=n_texts, replace=False))


def _why_no_loss(stack: LayerStack, predicts: bool, n_tokens: int) -> str:
    if not predicts:
        return f"{stack.model} predicts no tokens: it is not a causal language model, or its checkpoint lacks the head"
    return "the network gave values that are not finite" if n_tokens else "no text has a token after its first"


def _notes(
    values: InnerAblation,
    split: Split | None,
    reading: Reading,
    params: InnerAblationParams,
    n_pool: int,
    seed: int,
) -> tuple[str, ...]:
    rows = "rows" if split is None else "test rows"
    drawn = f", drawn by the seed ({seed})" if values.n_texts < n_pool else ""
    of = "these texts" if split is None else f"{min(len(split.train), params.n_texts):,} training texts"
    filled = "zero" if params.mode == "zero" else f"their mean over all tokens of {of}"
    notes = [] if split is None else list(split.notes)
    notes.append(f"The network was run again on {values.n_texts:,} of {n_pool:,} {rows}{drawn}.")
    notes.append(
        f"After {values.layer_name} the dimensions of every token are overwritten with {filled}; the rest of the network "
        "runs on the result."
    )
    if reading.note:
        notes.append(f"{reading.note} It reads {values.read_name}.")
        notes += control_note(params, "the same runs")
    if values.n_tokens:
        notes.append(f"The loss is over {values.n_tokens:,} predicted tokens, special ones included.")
    if "random" in values.orders:
        notes.append(f"Random dimensions: mean and standard deviation over {params.n_draws} draws.")
    if {"highest", "lowest"} & set(values.orders):
        of = "rows" if split is None else "training rows"
        notes.append(f"Dimensions are in the order of their variance over the {of} of {values.layer_name}.")
    return tuple(notes)


def _work(size: Size, params: InnerAblationParams) -> float:
    """Multiplications of the network over the texts that are run again, for each set of dimensions."""
    orders = 1 + params.n_draws if params.dims or params.order == "random" else 2 + params.n_draws
    tested = (params.test_share if size.n_classes else 1.0) * size.n_rows
    share = min(tested, params.n_texts) / max(1, size.n_rows)
    passes = 1.3e9 + float(size.n_parameters) * size.n_tokens * share  # a small network is all overhead
    return passes * orders * (len(params.steps) or N_STEPS)


INNER_ABLATION = Metric(
    name="inner_ablation",
    version=3,
    title="Ablation inside the network",
    scope="stack",
    params=InnerAblationParams,
    result=InnerAblation,
    run=run,
    labels="optional",
    head=True,
    network=True,
    effort=Effort(_work, rate=2e-11, start=0.2, each=0.0),
)
