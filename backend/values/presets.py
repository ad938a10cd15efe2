"""As in the paper: for each metric that a paper has, the settings that give what its text describes, and what it leaves open.

One table for everybody: the pages, ``analyse --as-in-the-paper``, ``compute(..., as_in_the_paper=True)`` and docs/metrics.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.values.models import ModelInfo
from backend.values.papers import GPTOLOGY, MATTON, PAPERS, RAZZHIGAEV, ZHOU, Publication
from backend.values.specs import GIVEN

TOKENS, FIRST, LAST_OR_FIRST = "tokens", "cls", "last token of decoders, [CLS] of encoders"
ALL, BLOCKS, LAST = "all", "blocks", "last"
GENERAL = "general"  # the built-in set of general text


@dataclass(frozen=True, slots=True)
class Preset:
    """The settings with which a metric is what a paper's text describes.

    ``place`` is where the paper has it. ``pooling`` is TOKENS (all of them, no special ones), FIRST or LAST_OR_FIRST; rows that
    are words stay words. ``layers`` are ALL, BLOCKS or LAST; ``params`` those of the metric that the paper settles; ``texts`` and
    ``basis`` are GENERAL where the paper reads general text (for a basis: beside the task's own). ``open`` is what the text leaves
    open and how it is settled here, ``unlike`` what stays different all the same. Post-processing is none.
    """

    metric: str
    paper: str
    place: str
    pooling: str
    layers: str = LAST
    params: Mapping[str, Any] = field(default_factory=dict)
    texts: str = ""
    basis: str = ""
    open: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Paper and place."""
        return f"{self.paper}, {self.place}"

    @property
    def publication(self) -> Publication:
        """The paper itself."""
        return PAPERS[self.paper]

    def pooling_for(self, info: ModelInfo, unit: str = "text") -> str:
        """The pooling for one model; a model without [CLS], of which the papers say nothing, keeps its own."""
        if info.is_given:
            return GIVEN
        if unit != "text":
            return "words"
        if self.pooling == TOKENS:
            return TOKENS
        if self.pooling == LAST_OR_FIRST and info.family == "decoder":
            return "last"
        return "cls" if info.has_cls else info.default_pooling

    def layers_for(self, info: ModelInfo) -> tuple[int, ...]:
        """The layer numbers for one model."""
        n_layers = len(info.layer_names)
        if self.layers == BLOCKS and not info.is_given:  # nobody knows which imported layer is an embedding
            return tuple(range(1, info.n_blocks + 1))
        return (n_layers - 1,) if self.layers == LAST else tuple(range(n_layers))


_LAST_TOKEN = (
    "the pooling: the last token is named for figures 2 and 3 only, and nothing for BERT, whose classifier reads [CLS]"
)
_WHICH_LAST = 'what "decoder block 12" is: we use the last layer, which in GPT-2 is the final norm after block 12, as the head reads it'
_ONE_MILLION = (
    "the paper's PCA uses 1,000,000 Wikipedia sentences (32,000 were enough); the built-in general set has 328 texts"
)
_TEST_PART = "the paper tests on each data set's own test split: name it if the texts have a validation split too"
_BATCH = "the batches for the anisotropy: the paper says only of those for the dimension that they are shuffled; here all are"
_SPECIAL = "whether special tokens count: here they are left out"
_ENWIK8 = "the paper uses cleaned enwik8 and does not say how many tokens; here: all tokens of the chosen texts"
_PROJECT_OUT = (
    "what the last layer of OPT-350m is: the library's list of hidden states ends after its last projection (512 dimensions), the layers "
    "here end with the last block before it (1,024), and the figure says so"
)
_PROBE_LAYER = "the layer of the tables: we use the last one"

PRESETS: dict[str, Preset] = {
    preset.metric: preset
    for preset in (
        Preset(
            "cka",
            GPTOLOGY,
            "section 2.1, figure 1",
            LAST_OR_FIRST,
            BLOCKS,
            {"kernel": "linear", "debiased": False},
            open=(
                'kernel and bias: "dot-product-based" and the squared norm of the cross-covariance are read as linear and biased',
                _LAST_TOKEN,
            ),
        ),
        Preset(
            "rogue",
            GPTOLOGY,
            "section 2.2.2, figures 3 and 4",
            LAST_OR_FIRST,
            BLOCKS,
            {"by": "variance"},
            open=("how far out a dimension must lie to be rogue, and how many texts are drawn",),
        ),
        Preset(
            "rogue_overlap",
            GPTOLOGY,
            "section 2.2.2",
            LAST_OR_FIRST,
            LAST,
            {"by": "variance", "top": 10},
            open=(_WHICH_LAST,),
        ),
        Preset(
            "shared_rogue",
            GPTOLOGY,
            "section 2.2.2",
            LAST_OR_FIRST,
            LAST,
            {"by": "variance", "top": 10},
            open=(_WHICH_LAST,),
        ),
        Preset(
            "class_spikes",
            GPTOLOGY,
            "section 2.2.2, figure 5",
            LAST_OR_FIRST,
            LAST,
            {"split": ""},
            open=(_WHICH_LAST, "what a line is: we draw the mean of each class"),
        ),
        Preset(
            "projection",
            GPTOLOGY,
            "section 2.1, figure 2",
            LAST_OR_FIRST,
            BLOCKS,
            {"method": "tsne"},
            open=("perplexity and iterations",),
            unlike=("the blocks are aligned to each other here, which the paper does not mention",),
        ),
        Preset(
            "threshold",
            GPTOLOGY,
            "sections 3.1 and 3.2",
            LAST_OR_FIRST,
            LAST,
            {"dimension": -1, "method": "svm", "head": "auto"},
            open=(_WHICH_LAST, "whether the dimension is standardised before the SVM: here it is"),
        ),
        Preset(
            "ablation",
            GPTOLOGY,
            "section 3, figure 6",
            LAST_OR_FIRST,
            LAST,
            {"mode": "zero", "head": "auto"},
            open=(_WHICH_LAST, "over which rows the variance is computed: here the training rows"),
        ),
        Preset(
            "spectrum",
            MATTON,
            "section 3.1.3",
            FIRST,
            LAST,
            texts=GENERAL,
            unlike=(_ONE_MILLION,),
        ),
        Preset(
            "variance_ratio",
            MATTON,
            "section 3.1.3, figure 4",
            FIRST,
            LAST,
            {"n_components": 20},
            texts=GENERAL,
            open=("whether both models share one basis: here each has its own",),
            unlike=(_ONE_MILLION,),
        ),
        Preset(
            "component_accuracy",
            MATTON,
            "section 3.1, figures 1 to 3",
            FIRST,
            LAST,
            {"head": "fitted"},
            basis=GENERAL,
            open=("the linear classifier's penalty: C = 1", "how often random dimensions are drawn"),
            unlike=(_ONE_MILLION, _TEST_PART),
        ),
        Preset(
            "neurons",
            MATTON,
            "section 3.2, table 3, figures 5 and 6",
            FIRST,
            LAST,
            {"n_folds": 5, "score": "mean over folds", "n_select": 0, "max_rows": 200_000},
            open=(
                "the softmax classifier's penalty (C = 1) and standardising",
                "whether folds are stratified: here they are",
            ),
            unlike=(
                _TEST_PART,
                "more than 200,000 training rows are sampled; with many classes only the 16 most promising candidates of a step are cross-validated, as a note says",
            ),
        ),
        Preset(
            "direct_probe",
            ZHOU,
            "section 2.2, tables 2 to 4, figures 2 and 4",
            FIRST,
            LAST,
            {"max_rows": 20_000},
            open=(_PROBE_LAYER,),
            unlike=("splits of more than 20,000 rows are sampled",),
        ),
        Preset(
            "probing",
            ZHOU,
            "section 2.1, tables 2 to 4",
            FIRST,
            LAST,
            {
                "grid": "full",
                "sizes": (32, 64, 128, 256),
                "exponents": (-7, -6, -5, -4, -3, -2, -1, 0),
                "n_seeds": 5,
                "max_rows": 20_000,
            },
            open=(
                _PROBE_LAYER,
                "which rows the grid is searched on: here a held-out part of the training rows",
                "the steps of the L2 weight between 1e-7 and 1: powers of ten",
            ),
            unlike=("splits of more than 20,000 rows are sampled",),
        ),
        Preset(
            "movement",
            ZHOU,
            "sections 4.3 and 4.5, figures 3 and 5",
            FIRST,
            ALL,
            {"min_rows": 1},
            open=("which rows the centroids are computed from: here all rows with a label",),
            unlike=("by default the maps leave out the drift that all labels share",),
        ),
        Preset(
            "anisotropy",
            RAZZHIGAEV,
            "sections 2.2 and 2.3, figures 1 to 3",
            TOKENS,
            ALL,
            {"bands": "batches", "batch_rows": 4096},
            texts=GENERAL,
            open=(_BATCH, _SPECIAL, _PROJECT_OUT),
            unlike=(_ENWIK8,),
        ),
        Preset(
            "average_cosine",
            RAZZHIGAEV,
            "sections 2.2 and 2.3",
            TOKENS,
            ALL,
            {"bands": "batches", "batch_rows": 4096},
            texts=GENERAL,
            open=(_SPECIAL, _PROJECT_OUT),
            unlike=(_ENWIK8,),
        ),
        Preset(
            "intrinsic_dimension",
            RAZZHIGAEV,
            "sections 2.2 and 2.4, figures 4 and 5",
            TOKENS,
            ALL,
            {"estimators": "all", "preset": "paper notebook", "bands": "batches", "batch_rows": 4096},
            texts=GENERAL,
            open=(
                "which ratios the line is fitted to: the text drops none, the paper's notebook the largest 80 %; we follow the notebook",
                "the neighbours of the other two estimators",
                _SPECIAL,
                _PROJECT_OUT,
            ),
            unlike=(_ENWIK8,),
        ),
    )
}
