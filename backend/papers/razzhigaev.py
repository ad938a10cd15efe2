"""The figures and sections of Razzhigaev et al.: anisotropy and intrinsic dimension over depth and over training."""

from backend.papers.row import EACH, SERIES, OwnInput, PaperRow, Step
from backend.values.papers import RAZZHIGAEV

_ENCODERS = ("google-bert/bert-base-uncased", "FacebookAI/roberta-base", "albert/albert-base-v2")
_DECODERS = (
    "openai-community/gpt2",
    "facebook/opt-125m",
    "facebook/opt-13b",
    "meta-llama/Llama-2-7b-hf",
    "meta-llama/Llama-2-13b-hf",
    "EleutherAI/gpt-j-6b",
    "tiiuae/falcon-7b",
)
_SERIES = (
    "bigscience/bloom-560m-intermediate@global_step*",
    "bigscience/bloom-1b1-intermediate@global_step*",
    "bigscience/bloom-3b-intermediate@global_step*",
    "bigscience/bloom-7b1-intermediate@global_step*",
    "EleutherAI/pythia-2.8b@step*",
)
_OF_TABLE_1 = (
    "bigscience/bloom-560m",
    "bigscience/bloom-1b1",
    "bigscience/bloom-3b",
    "bigscience/bloom-7b1",
    "EleutherAI/pythia-2.8b",
    "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T",
)
_ENWIK8 = "enwik8 (prize.hutter1.net), cleaned of code, media and tags"
_GATED = (
    "Llama-2 asks for a token (HF_TOKEN); TinyLlama's checkpoints are repositories of their own and no series here."
)
_TOKENS = (
    "the paper does not say how many tokens it reads: here 1,000 texts of 128 tokens are counted, 31 batches of 4,096"
)


def _own(models: tuple[str, ...], *, series: str = "", note: str = "") -> OwnInput:
    return OwnInput(models, (_ENWIK8,), 1_000, 128, _TOKENS, "enwik8", series=series, note=note)


_ALL = _own((*_ENCODERS, *_DECODERS), note=_GATED)
_SMALL = "the built-in general set has too few tokens for two batches of 4,096, so that a band may be missing"
_BOUND = "estimates above about 2 log10 n dimensions of n rows are lower bounds, the more so of short texts"
_DEPTH = "models of few blocks have no middle to speak of"


def _over_steps(number: int, model: str) -> PaperRow:
    pattern = _SERIES[2] if number == 2 else _SERIES[4]
    return PaperRow(
        f"razzhigaev-figure-{number}",
        RAZZHIGAEV,
        f"figure {number}",
        f"Anisotropy over depth at the steps of pretraining, {model}.",
        "training/dynamics",
        _own((), series=pattern),
        of=SERIES,
        steps=(Step("anisotropy"),),
        choices={"dynamics_view": "Anisotropy"},
        switch="paper_dynamics_anisotropy",
        figures=("dynamics_anisotropy_anisotropy_profiles", "dynamics_anisotropy_"),
        claim="in all models anisotropy grows during the training and then settles",
        said_at="section 4.2",
        rule="agrees where the mean anisotropy over the layers is higher at the last step than at the first",
        differs=("a short training need not have reached where it would be stable", _SMALL),
    )


ROWS = (
    PaperRow(
        "razzhigaev-figure-1",
        RAZZHIGAEV,
        "figure 1",
        "Anisotropy over depth, of encoders and of decoders.",
        "geometry/profiles",
        _ALL,
        of=EACH,
        together=True,
        steps=(Step("anisotropy"),),
        choices={"profiles_measures": ("Anisotropy",)},
        switch="paper_profiles",
        figures=("profiles_anisotropy",),
        claim="in decoders anisotropy is highest in the middle layers, which gives a bell; in encoders there is none",
        said_at="section 4.1",
        rule="agrees where the most anisotropic layer of every decoder lies in the middle half of its depth, and of no encoder; of one family alone only that half is judged",
        differs=(_DEPTH, _SMALL),
    ),
    _over_steps(2, "Bloom-3B"),
    _over_steps(3, "Pythia-2.8B"),
    PaperRow(
        "razzhigaev-table-1",
        RAZZHIGAEV,
        "table 1",
        "How the six models of figure 4 are built, and how they were trained.",
        "data/models",
        _own(_OF_TABLE_1),
        printed=(
            ("Bloom-560M: layers, hidden dim., heads, learning rate, tokens", "24, 1024, 16, 3.0e-4, 341B"),
            ("Bloom-1.1B", "24, 1536, 16, 2.5e-4, 341B"),
            ("Bloom-3B", "30, 2560, 32, 1.6e-4, 341B"),
            ("Bloom-7B", "30, 4096, 32, 1.2e-4, 341B"),
            ("Pythia-2.8B", "32, 2560, 32, 1.6e-4, 300B"),
            ("TinyLlama-1.1B", "22, 2048, 16, 4.0e-4, 3T"),
        ),
        absent="It is about models: the page Models has the blocks, dimensions, heads, activation, vocabulary, positions, parameters and longest text of each chosen one; how it was trained is on its card.",
    ),
    PaperRow(
        "razzhigaev-figure-4",
        RAZZHIGAEV,
        "figure 4",
        "Intrinsic dimension, averaged over the layers, at the steps of pretraining.",
        "training/dynamics",
        _own((), series=_SERIES[4], note=f"Five of the six series: {', '.join(_SERIES)}. {_GATED}"),
        of=SERIES,
        steps=(Step("intrinsic_dimension"),),
        choices={"dynamics_view": "Averages", "averages_measures": ("Intrinsic dimension (TwoNN)",)},
        switch="paper_dynamics_intrinsic_dimension",
        figures=("dynamics_averages",),
        claim="the intrinsic dimension rises steeply at the beginning of the training and falls later",
        said_at="section 4.3",
        rule="agrees where the mean over the layers is highest at a step that is neither the first nor the last",
        differs=("other series are added on the page", "a short training may end before the decline", _BOUND, _SMALL),
    ),
    PaperRow(
        "razzhigaev-figure-5",
        RAZZHIGAEV,
        "figure 5",
        "The same by three estimators: TwoNN, MADA and the method of moments.",
        "training/dynamics",
        _own((), series=_SERIES[4]),
        of=SERIES,
        steps=(Step("intrinsic_dimension"),),
        choices={
            "dynamics_view": "Averages",
            "averages_measures": (
                "Intrinsic dimension (TwoNN)",
                "Intrinsic dimension (MADA)",
                "Intrinsic dimension (moments)",
            ),
        },
        switch="paper_dynamics_intrinsic_dimension",
        figures=("dynamics_averages",),
        claim="TwoNN, MADA and the method of moments rise and fall together",
        said_at="section 2.4",
        rule="agrees where each two of the three, averaged over the layers, correlate above 0.5 over the steps",
        differs=(_BOUND, _SMALL),
    ),
    PaperRow(
        "razzhigaev-2.3",
        RAZZHIGAEV,
        "section 2.3",
        "Anisotropy by the largest singular value, beside the average cosine, both with and without centring.",
        "geometry/profiles",
        _ALL,
        steps=(Step("anisotropy"), Step("average_cosine")),
        choices={
            "profiles_measures": (
                "Anisotropy",
                "Average cosine",
                "Anisotropy, uncentred",
                "Average cosine, centred",
            )
        },
        switch="paper_profiles",
        figures=("profiles_",),
        claim="both measures of anisotropy are looked at with the mean vector subtracted and without",
        said_at="section 2.3",
        rule="no result is stated; here are both numbers of the layer that is most anisotropic, without and with centring",
        differs=(_SMALL,),
    ),
    PaperRow(
        "razzhigaev-2.4",
        RAZZHIGAEV,
        "section 2.4",
        "Intrinsic dimension from the distances to the two nearest neighbours, and by two other local methods.",
        "geometry/profiles",
        _ALL,
        steps=(Step("intrinsic_dimension"),),
        choices={
            "profiles_measures": (
                "Intrinsic dimension (TwoNN)",
                "Intrinsic dimension (MADA)",
                "Intrinsic dimension (moments)",
            )
        },
        switch="paper_profiles",
        figures=("profiles_",),
        claim="TwoNN, MADA and the method of moments rise and fall together",
        said_at="section 2.4",
        rule="agrees where each two of the three correlate above 0.5 over the layers of a model",
        differs=(_BOUND, _SMALL),
    ),
    PaperRow(
        "razzhigaev-appendix-A",
        RAZZHIGAEV,
        "appendix A",
        "The averages of figure 5 by each estimator at every step, with the table of all estimates.",
        "training/dynamics",
        _own((), series=_SERIES[4]),
        of=SERIES,
        steps=(Step("intrinsic_dimension"),),
        choices={
            "dynamics_view": "Averages",
            "averages_measures": (
                "Intrinsic dimension (TwoNN)",
                "Intrinsic dimension (MADA)",
                "Intrinsic dimension (moments)",
            ),
        },
        switch="paper_dynamics_intrinsic_dimension",
        figures=("dynamics_averages",),
        claim="TwoNN, MADA and the method of moments rise and fall together",
        said_at="section 2.4",
        rule="agrees where each two of the three, averaged over the layers, correlate above 0.5 over the steps",
        differs=(_BOUND, _SMALL),
    ),
)
