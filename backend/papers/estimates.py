"""What a row would take with the paper's own models on one GPU: reckoned from their sizes, before anything is fetched."""

from dataclasses import dataclass

from backend.metrics import METRICS
from backend.metrics.base import parse_params
from backend.metrics.effort import Size
from backend.papers.chosen import preset_for
from backend.papers.row import AFTER_BEFORE, BEFORE_AFTER, COUPLE, FAMILY, PAIR, SERIES, PaperRow
from backend.values.likeness import preset_of
from backend.values.presets import LAST, TOKENS
from backend.values.recipes import RECIPES

FLOPS = 312e12 * 0.3
"""Operations a second: 30 % of the 312 TFLOP/s of bfloat16 that NVIDIA states for an A100."""
FROM = (
    "Forward passes: two operations a weight and token; fine-tuning: six, over all epochs of the recipe; at 30 % of an A100's "
    "312 TFLOP/s in bfloat16. The computation after them: each metric's own first guess, of the machine of docs/benchmarks.md; where that "
    "is days, it is far beyond any size that was measured, and a sample of the rows is what one would take."
)
N_STEPS = 12  # of a series
_TRAINED = {
    "gptology": 67_349 + 104_743,
    "matton": 25_000 + 120_000 + 560_000,
    "zhou-base": 21_176,
}  # rows of the tasks

SIZES: dict[str, tuple[float, int, int]] = {
    "openai-community/gpt2": (124e6, 768, 14),
    "google-bert/bert-base-uncased": (110e6, 768, 13),
    "google/bert_uncased_L-2_H-128_A-2": (4.4e6, 128, 3),
    "google/bert_uncased_L-4_H-256_A-4": (11.2e6, 256, 5),
    "google/bert_uncased_L-4_H-512_A-8": (28.8e6, 512, 5),
    "google/bert_uncased_L-8_H-512_A-8": (41.4e6, 512, 9),
    "FacebookAI/roberta-base": (125e6, 768, 13),
    "albert/albert-base-v2": (12e6, 768, 13),
    "facebook/opt-125m": (125e6, 768, 14),
    "facebook/opt-13b": (13e9, 5120, 42),
    "meta-llama/Llama-2-7b-hf": (6.7e9, 4096, 34),
    "meta-llama/Llama-2-13b-hf": (13e9, 5120, 42),
    "EleutherAI/gpt-j-6b": (6e9, 4096, 30),
    "tiiuae/falcon-7b": (7.2e9, 4544, 34),
    "bigscience/bloom-560m": (0.56e9, 1024, 26),
    "bigscience/bloom-1b1": (1.1e9, 1536, 26),
    "bigscience/bloom-3b": (3e9, 2560, 32),
    "bigscience/bloom-7b1": (7.1e9, 4096, 32),
    "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T": (1.1e9, 2048, 24),
    "bigscience/bloom-3b-intermediate": (3e9, 2560, 32),
    "EleutherAI/pythia-2.8b": (2.8e9, 2560, 34),
}
"""Of the paper's own models, by their cards: weights, dimensions and layers (the embedding and a final norm count)."""


@dataclass(frozen=True, slots=True)
class OwnEstimate:
    """Seconds of a row with the paper's own input: ``passes`` on the GPU, ``metrics`` after them, ``tuning`` before them."""

    passes: float
    metrics: float
    tuning: float

    @property
    def whole(self) -> float:
        """All together."""
        return self.passes + self.metrics + self.tuning


def own_estimate(row: PaperRow) -> OwnEstimate:
    """What a row takes with the paper's own models and texts, in seconds; see FROM."""
    own, tuned = row.own, row.tuned or row.of in (PAIR, FAMILY, COUPLE)
    names = list(own.models) or ([own.series.partition("@")[0]] if own.series else [])
    if row.of == SERIES and own.series and not own.series.startswith("run:"):
        names = [own.series.partition("@")[0]]
    copies = N_STEPS if row.of == SERIES else 2 if tuned else 1
    tokens, preset = own.n_texts * own.n_tokens, preset_for(row)
    of_tokens = preset is not None and preset.pooling == TOKENS
    n_rows = own.n_rows or (tokens if of_tokens else own.n_texts)
    passes = metrics = tuning = 0.0
    for name in names:
        weights, n_dims, n_layers = SIZES[name]
        passes += 2 * weights * tokens * copies / FLOPS if row.steps else 0.0
        tuning += _tuning(row, weights) if tuned or (own.recipe and (row.of == SERIES or not row.steps)) else 0.0
        for step in row.steps:
            last = preset_of(step.metric).layers == LAST and not row.every_layer
            size = Size(
                n_rows, n_dims, 1 if last else n_layers, 2 if step.of in (AFTER_BEFORE, BEFORE_AFTER) else 1,
                own.n_classes, int(weights), tokens,
            )  # fmt: skip
            metric = METRICS[step.metric]
            params = parse_params(metric.params, {**preset_of(step.metric).params, **step.params})
            times = copies if row.of == SERIES or step.of not in (AFTER_BEFORE, BEFORE_AFTER) else 1
            metrics += times * metric.effort.guess(size, params)
    return OwnEstimate(passes, metrics, tuning)


def _tuning(row: PaperRow, weights: float) -> float:
    own = row.own
    rows = _TRAINED.get(own.recipe, 0)
    return 6 * weights * rows * own.n_tokens * RECIPES[own.recipe].epochs / FLOPS if rows else 0.0


def seconds_words(seconds: float) -> str:
    """Seconds as an estimate is said: "under 1 s", "40 s", "12 min", "3 h", "5 days"."""
    if seconds < 1:
        return "under 1 s"
    for unit, size, above in (("days", 86_400.0, 2 * 86_400.0), ("h", 3600.0, 7200.0), ("min", 60.0, 90.0)):
        if seconds >= above:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"
