"""The lessons of the pages whose charts several pages share: figures from formulas, and the words that go with them."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pages._kit.charts.base import MUTED, Floats
from pages._kit.charts.depth import Series, profile_lines
from pages._kit.charts.layer_pairs import cka_heatmap
from pages._kit.charts.maps import projection_scatter
from pages._kit.charts.paths import paths_chart
from pages._kit.charts.spectrum import spectrum_chart
from pages._kit.charts.threshold import majority_line
from pages._kit.show.teaching import Example, Teaching

LAYERS = ("embedding", *(f"block {number}" for number in range(1, 7)))
DEPTH = np.linspace(0.0, 1.0, len(LAYERS))
_GOLDEN = np.pi * (3.0 - np.sqrt(5.0))  # the angle from one seed of a sunflower to the next


def lines(
    numbers: dict[str, Floats], y_title: str, *, top: float | None = 1.03, majority: float | None = None
) -> go.Figure:
    """Lines by name over the layers, with the accuracy of guessing the largest class where there is one."""
    series = [
        Series(name, LAYERS, values, place=place, style=place) for place, (name, values) in enumerate(numbers.items())
    ]
    figure = profile_lines(series, y_title=y_title, y_range=None if top is None else (0, top))
    if majority is not None:
        majority_line(figure, majority)
    return figure


def over_counts(numbers: dict[str, Floats], counts: Sequence[int], x_title: str) -> go.Figure:
    """Accuracies by name over how many dimensions there are."""
    names = [str(count) for count in counts]
    series = [
        Series(name, names, values, place=place, style=place) for place, (name, values) in enumerate(numbers.items())
    ]
    figure = profile_lines(series, y_title="Test accuracy", y_range=(0, 1.03))
    majority_line(figure, 0.5)
    return figure.update_xaxes(title={"text": x_title}, tickvals=list(range(len(names))), ticktext=names)


def _similarity(halves: bool) -> go.Figure:
    places = np.arange(len(LAYERS))
    apart = np.abs(places[:, None] - places[None, :])
    same = (places[:, None] < 4) == (places[None, :] < 4)
    matrix = np.where(same, np.exp(-apart / 14), 0.3 * np.exp(-apart / 14)) if halves else np.exp(-apart / 4)
    return cka_heatmap(matrix, LAYERS, LAYERS)


def _map(apart: float) -> go.Figure:
    seeds = np.arange(160)
    radius, angle, side = np.sqrt((seeds + 0.5) / 160), seeds * _GOLDEN, seeds % 2
    points = np.column_stack([radius * np.cos(angle) + apart * (2 * side - 1), radius * np.sin(angle)])
    labels = [("negative", "positive")[one] for one in side]
    return projection_scatter(points, hovers=[""] * len(seeds), labels=labels).figure


def _paths(apart: bool) -> go.Figure:
    steps, labels = np.linspace(0, 1, 7)[:, None], np.arange(4)[None, :] * np.pi / 2 + 0.4
    way = 0.15 + steps * (1.0 if apart else 0.05)
    drift = 0.0 if apart else 1.2 * steps
    coords = np.stack([way * np.cos(labels) + drift, way * np.sin(labels) + 0.4 * drift], axis=2)
    names = ["NOUN", "VERB", "ADJ", "ADV"]
    return paths_chart(coords, [f"step {step}" for step in range(7)], names, range(4), np.array([np.nan, np.nan]))


def _spectrum(quick: float) -> go.Figure:
    numbers = np.arange(48)
    shares = (1 - quick) * quick**numbers if quick < 1 else np.full(48, 1 / 48)
    return spectrum_chart(shares[None, :], ["last layer"])


def _clusters(end: float) -> go.Figure:
    numbers = np.round(14 - (14 - end) * DEPTH)
    figure = lines({"clusters of the training rows": numbers}, "Clusters (count)", top=15)
    return figure.add_hline(
        y=4, line={"color": MUTED, "dash": "dot", "width": 1}, annotation={"text": "4 labels", "font": {"color": MUTED}}
    )


def _bell(height: float) -> Floats:
    return np.asarray(0.12 + height * np.exp(-(((DEPTH - 0.5) / 0.22) ** 2)))


def _rising(end: float) -> Floats:
    return np.asarray(0.52 + (end - 0.52) / (1 + np.exp(-12 * (DEPTH - 0.55))))


_COUNTS = (1, 3, 10, 30, 100, 300, 768)


def _kept(pace: float) -> Floats:
    return np.asarray(0.5 + 0.42 * (1 - np.exp(-np.array(_COUNTS) / pace)))


SIMILARITY = Teaching(
    "Has training split the layers into groups that hold the texts in different ways?",
    Example(
        "two bright squares: early layers are alike, late ones are alike, and the two groups are not (GPTology's bow tie).",
        lambda: _similarity(True),
    ),
    Example(
        "a bright band along the diagonal that fades evenly: each layer changes the one before a little.",
        lambda: _similarity(False),
    ),
    "Few texts in many dimensions make unrelated layers look alike (choose Debiased). One dimension of huge values alone can make all "
    "layers look the same: compare with rogue dimensions removed. A high number says nothing of what the layers know.",
    height=270,
)
PROJECTION = Teaching(
    "Do texts of one class lie together?",
    Example("each class has a region of its own.", lambda: _map(1.3)),
    Example("the classes lie through each other.", lambda: _map(0.0)),
    "A map has two dimensions, the layer hundreds: classes can be apart in the layer and mixed on the map. t-SNE and UMAP draw groups "
    "even in noise, and distances between groups mean nothing: look at how far the map can be trusted, at its side.",
)
PROFILES = Teaching(
    "Is there a layer where the space is squeezed into few directions?",
    Example(
        "the line rises to a hump in the middle: the bell of decoders (Razzhigaev et al.).",
        lambda: lines({"a decoder": _bell(0.7)}, "Anisotropy"),
    ),
    Example(
        "the line stays low and flat: all layers use the space about alike.",
        lambda: lines({"an encoder": _bell(0.03)}, "Anisotropy"),
    ),
    "One dimension of huge values, or one odd token, can make the whole hump: look at Rogue dimensions. Few rows raise anisotropy and "
    "lower dimensions: compare with the dashed line, and models at the same number of rows only.",
)
COMPONENTS = Teaching(
    "Do few directions carry the layer?",
    Example("the line falls steeply: after a few components hardly any variance is left.", lambda: _spectrum(0.55)),
    Example("the line is flat: every component holds about as much.", lambda: _spectrum(1.0)),
    "A direction of large variance need not matter for any task. With fewer texts than dimensions the last components are zero whatever "
    "the model. After fine-tuning, few strong directions can mean few classes, and no more.",
)
THRESHOLD = Teaching(
    "Does a single dimension know the classes?",
    Example(
        "the accuracy of the one dimension climbs to that of all of them.",
        lambda: lines(
            {"all dimensions": _rising(0.93), "the one of highest variance": _rising(0.91)},
            "Test accuracy",
            majority=0.5,
        ),
    ),
    Example(
        "it stays near the dotted line of guessing, while all dimensions together know.",
        lambda: lines(
            {"all dimensions": _rising(0.93), "the one of highest variance": _rising(0.54)},
            "Test accuracy",
            majority=0.5,
        ),
    ),
    "A class that most texts have makes guessing look good: read the distance from the dotted line. The dimension of highest variance "
    "need not be the one that knows most (see Neurons). Texts that the model was trained on flatter it; the page says so where it knows.",
)
ABLATION = Teaching(
    "Do the dimensions of highest variance carry what the classifier needs?",
    Example(
        "removing a few of the highest is enough to fall to guessing; removing the lowest costs nothing.",
        lambda: over_counts(
            {
                "highest variance first": 1.42 - _kept(6),
                "lowest variance first": 0.92 - 0.42 * np.exp(-(768 - np.array(_COUNTS)) / 5),
            },
            _COUNTS,
            "Removed dimensions",
        ),
    ),
    Example(
        "it makes little difference which are removed: what is known is spread over many.",
        lambda: over_counts(
            {"highest variance first": 1.42 - _kept(300), "lowest variance first": 1.42 - _kept(330)},
            _COUNTS,
            "Removed dimensions",
        ),
    ),
    "A head is thrown off by any strange input: compare with random dimensions. A head that was fitted without them may do as well: what was "
    "removed was used, which is not the same as needed.",
)
COMPONENT_ACCURACY = Teaching(
    "Are a few directions enough to know the classes?",
    Example(
        "the line of the components is high from the start, far above random dimensions.",
        lambda: over_counts(
            {"components of these texts": _kept(2), "random dimensions": _kept(90)}, _COUNTS, "Components"
        ),
    ),
    Example(
        "it rises no sooner than that of random dimensions: the classes lie across many directions.",
        lambda: over_counts(
            {"components of these texts": _kept(80), "random dimensions": _kept(90)}, _COUNTS, "Components"
        ),
    ),
    "Components of the same texts see their topic too: those of general texts are the harder test. A simple task needs few dimensions "
    "of any kind: so read the gap to the random ones, not the height.",
)
CLUSTERS = Teaching(
    "Does the layer hold each label in one piece?",
    Example(
        "the clusters fall to the number of labels: a linear classifier can tell all labels apart.",
        lambda: _clusters(4),
    ),
    Example(
        "there are more clusters than labels: some lie in pieces, with others between them.", lambda: _clusters(13)
    ),
    "With few texts in many dimensions every labelling is in one piece, a shuffled one too: the page says where that is so. Distances "
    "are in units of the activations: longer vectors are further apart without being better separated.",
)
PROBES = Teaching(
    "Does this layer know the labels?",
    Example(
        "both classifiers climb far above the same classifiers on shuffled labels.",
        lambda: lines(
            {"network": _rising(0.94), "linear probe": _rising(0.86), "shuffled labels": _rising(0.52)},
            "Test accuracy",
            majority=0.5,
        ),
    ),
    Example(
        "they stay with the shuffled labels, near guessing.",
        lambda: lines(
            {"network": _rising(0.57), "linear probe": _rising(0.55), "shuffled labels": _rising(0.52)},
            "Test accuracy",
            majority=0.5,
        ),
    ),
    "A strong probe can learn the task itself instead of finding it in the layer: that is what shuffled labels are for. A probe shows what could be "
    "read, not what the model uses. Copies of a text among training and test rows make it look good.",
)
MOVEMENT = Teaching(
    "Does training move the labels away from each other?",
    Example("their paths part, each in a direction of its own.", lambda: _paths(True)),
    Example("all go the same way together, and keep their places to each other.", lambda: _paths(False)),
    "A plane keeps two directions of hundreds: read lengths in the table. A drift that all labels share hides how they part: show them to "
    "each other. A label of few texts moves by chance; its error stands in the table.",
)
DYNAMICS = Teaching(
    "Does the geometry take its shape during training?",
    Example(
        "the curves move from step to step, and then stay: the shape was learned, and you see when.",
        lambda: lines(
            {"step 0": _bell(0.02), "step 1,000": _bell(0.35), "step 10,000": _bell(0.65), "step 100,000": _bell(0.7)},
            "Anisotropy",
        ),
    ),
    Example(
        "all curves lie on each other: the shape was there from the start, or comes from the architecture.",
        lambda: lines(
            {
                f"step {step}": _bell(0.3 + 0.005 * place)
                for place, step in enumerate(("0", "1,000", "10,000", "100,000"))
            },
            "Anisotropy",
        ),
    ),
    "Few checkpoints hide what happens between them, and most happens early: look at logarithmic steps. The mean over the layers can be ruled "
    "by the embedding output. Between two runs also the seed differs.",
)
