"""The figures and tables of Matton & de Oliveira: how few directions of BERT's [CLS] vector know the labels."""

from backend.papers.row import AFTER, AFTER_BEFORE, BEFORE, MODEL, OTHERS, PAIR, OwnInput, PaperRow, Step
from backend.values.papers import MATTON

_BERT = "google-bert/bert-base-uncased"
_SETS = {"IMDB": ("stanfordnlp/imdb", 25_000, 300), "AG-news": ("fancyzhx/ag_news", 7_600, 55), "DBpedia": ("fancyzhx/dbpedia_14", 70_000, 70)}  # fmt: skip


def _own(*names: str, note: str = "") -> OwnInput:
    chosen = names or tuple(_SETS)
    n_texts = sum(_SETS[name][1] for name in chosen)
    n_tokens = round(sum(_SETS[name][1] * _SETS[name][2] for name in chosen) / n_texts)
    tuned = "The fine-tuned models are not published; the recipe makes them. Whether BERT is cased is not said: uncased is taken."
    return OwnInput(
        (_BERT,),
        tuple(_SETS[name][0] for name in chosen),
        n_texts,
        n_tokens,
        "the test splits of table 1, with the usual lengths of their texts",
        _SETS[chosen[0]][0].rpartition("/")[2],
        recipe="matton",
        note=" ".join(filter(None, (tuned, note))),
        n_classes=14 if "DBpedia" in chosen else 4 if "AG-news" in chosen else 2,
    )


_WIKIPEDIA = "The general basis is of 1,000,000 sentences of Wikipedia (wikimedia/wikipedia), of which 32,000 suffice."
_GENERAL = "the built-in general set has 328 texts, so that its basis has at most 327 components; name a larger one"
_TUNED = "a model that was tuned for other labels, or whose [CLS] vector was never trained, has its knowledge elsewhere"


def _accuracy(number: int, name: str) -> PaperRow:
    return PaperRow(
        f"matton-figure-{number}",
        MATTON,
        f"figure {number}",
        f"Accuracy of pretrained BERT on {name} by the number of principal components: of the task, of general text, and random dimensions.",
        "labels/component_accuracy",
        _own(name, note=_WIKIPEDIA),
        steps=(Step("component_accuracy"),),
        choices={"component_other": OTHERS},
        switch="paper_component_accuracy",
        figures=("component_accuracy_chart",),
        labels=True,
        claim="components fitted on general text lose less against those of the task's own than dimensions drawn at random do",
        said_at="section 3.1.1",
        rule="agrees where, near 25 components, the task's basis gains less over the general one than over random dimensions",
        differs=("the paper has one model in the figure; here each chosen model has a panel", _GENERAL),
    )


ROWS = (
    PaperRow(
        "matton-section-2",
        MATTON,
        "section 2",
        "How BERT was fine-tuned: batches of 32, four epochs, a rate that decays by layer.",
        "training/finetune",
        _own(),
        choices={"finetune_new_run": "true", "finetune_recipe": "matton"},
        labels=True,
        printed=(("learning rate of the last layer", "2e-5"), ("decay by layer", "0.95"), ("epochs", "4")),
        absent="It is a recipe: the page Fine-tune opens with its form, and the run it starts is looked at in the other rows.",
    ),
    PaperRow(
        "matton-table-2",
        MATTON,
        "table 2",
        "Test accuracy of a linear classifier on frozen BERT and of fine-tuned BERT.",
        "training/finetune",
        _own(),
        of=PAIR,
        steps=(Step("neurons"),),
        choices={"finetune_all_runs": "true"},
        tables=("finetune_accuracies",),
        labels=True,
        printed=(
            ("IMDB: pretrained, finetuned", "88.0%, 93.7%"),
            ("AG-news: pretrained, finetuned", "90.4%, 94.7%"),
            ("DBpedia: pretrained, finetuned", "99.02%, 99.33%"),
        ),
        claim="on all three sets the tuned BERT gets more test texts right than a linear head on the frozen one: 93.7% against 88.0% on IMDB",
        said_at="table 2",
        rule="agrees where all dimensions know more after fine-tuning than before",
        differs=(
            "both numbers here are of a linear classifier on the vectors; the second of the paper, and of the table of all runs on the page Fine-tune, is of the tuned head",
        ),
    ),
    _accuracy(1, "IMDB"),
    _accuracy(2, "AG-news"),
    _accuracy(3, "DBpedia"),
    PaperRow(
        "matton-3.1.1",
        MATTON,
        "section 3.1.1",
        "How many rows a basis needs before more of them bring nothing.",
        "labels/component_accuracy",
        _own(note=_WIKIPEDIA),
        steps=(Step("component_accuracy"),),
        choices={"component_other": OTHERS},
        switch="paper_component_accuracy",
        figures=("component_sample_chart",),
        labels=True,
        printed=(("rows of general text that suffice", "around 32,000 of 1,000,000"),),
        claim="a basis from about 32,000 vectors does as well as one from all 1M",
        said_at="section 3.1.1",
        rule="agrees where less than half of the rows of the task's basis are on par with all, within what chance may do",
        differs=("here of 10 components, of as many rows as the texts have", _GENERAL),
    ),
    PaperRow(
        "matton-figure-4",
        MATTON,
        "figure 4",
        "Variance explained by each of the first 20 components, fine-tuned over pretrained.",
        "geometry/components",
        _own(note=_WIKIPEDIA),
        of=PAIR,
        steps=(Step("variance_ratio", AFTER_BEFORE),),
        choices={"components_view": "Tuned against base"},
        switch="paper_components_variance_ratio",
        figures=("components_ratio_chart",),
        printed=(
            ("AG-news, components at or above 1", "4, ratios 1.3 to 3.7, the fifth 0.76"),
            ("DBpedia", "13"),
            ("IMDB", "1, ratio 1.25"),
        ),
        claim="about as many components gain variance through fine-tuning as the task has classes",
        said_at="section 3.1.3",
        rule="agrees where as many components gain as there are classes, one more or one fewer",
        differs=(_GENERAL, _TUNED),
    ),
    PaperRow(
        "matton-table-3",
        MATTON,
        "table 3",
        "Accuracy with all dimensions, the best one, the best five, and as many as there are classes.",
        "labels/neurons",
        _own(),
        of=PAIR,
        steps=(Step("neurons"),),
        choices={"neurons_model": AFTER, "neurons_other": BEFORE},
        switch="paper_neurons",
        tables=("neurons_accuracies",),
        labels=True,
        printed=(
            ("IMDB, pretrained: all, 1, 5", "88.0%, 67.0%, 77.4%"),
            ("IMDB, finetuned: all, 1, 5, natural", "93.7%, 93.7%, 93.8%, 93.7%"),
            ("AG-news, pretrained: all, 1, 5", "90.4%, 43.5%, 70.3%"),
            ("AG-news, finetuned: all, 1, 5, natural", "94.7%, 83.6%, 94.3%, 94.3%"),
            ("DBpedia, pretrained: all, 1, 5", "99.02%, 17.67%, 53.67%"),
            ("DBpedia, finetuned: all, 1, 5, natural", "99.33%, 60.9%, 99.0%, 99.2%"),
        ),
        claim="as many neurons as there are classes do nearly as well as the whole vector",
        said_at="section 3.2.2",
        rule="agrees where, after fine-tuning, as many dimensions as classes lose no more than chance may do",
        differs=("the table is called Accuracy with few dimensions and stands below the page's first figures", _TUNED),
    ),
    PaperRow(
        "matton-figure-5",
        MATTON,
        "figure 5",
        "The values of the best dimension by class, for BERT fine-tuned on AG-news.",
        "labels/neurons",
        _own("AG-news"),
        steps=(Step("neurons"),),
        choices={"neurons_model": MODEL, "neurons_other": "(none)"},
        switch="paper_neurons",
        figures=("neurons_values_",),
        labels=True,
        claim="the best neuron by itself sets several classes apart, and not merely one from the rest",
        said_at="section 3.2.2",
        rule="agrees where one dimension gets more right than the two largest classes together; with two classes nothing is said",
        differs=(_TUNED,),
    ),
    PaperRow(
        "matton-figure-6",
        MATTON,
        "figure 6",
        "How many dimensions reach which accuracy alone, in the fine-tuned models.",
        "labels/neurons",
        _own(),
        steps=(Step("neurons"),),
        choices={"neurons_other": OTHERS},
        switch="paper_neurons",
        figures=("neurons_singles_",),
        labels=True,
        printed=(("IMDB: dimensions above 93%", "around 7%"), ("IMDB: dimensions above 93.6%", "1")),
        claim="few neurons do very well alone: on IMDB about 7% get above 0.93",
        said_at="section 3.2.2",
        rule="agrees where fewer than a tenth of the dimensions come within 0.7 points of all of them (IMDB: around 7%)",
        differs=(
            "the paper has a histogram for each of three text sets, each of its own fine-tuned model; here a panel for each model, on the chosen texts",
            _TUNED,
        ),
    ),
)
