"""The figures and tables of Zhou & Srikumar: how fine-tuning moves the labels' clusters in BERT."""

from collections.abc import Mapping
from dataclasses import replace

from backend.papers.row import (
    AFTER,
    AFTER_BEFORE,
    BEFORE,
    BEFORE_AFTER,
    EVERY,
    MODEL,
    PAIR,
    SERIES,
    OwnInput,
    PaperRow,
    Step,
)
from backend.values.papers import ZHOU

_BASE = "google-bert/bert-base-uncased"
_SMALLER = (
    "google/bert_uncased_L-2_H-128_A-2",
    "google/bert_uncased_L-4_H-256_A-4",
    "google/bert_uncased_L-4_H-512_A-8",
    "google/bert_uncased_L-8_H-512_A-8",
)
_PUD = "UD English PUD (github.com/UniversalDependencies/UD_English-PUD): en_pud-ud-test.conllu, --task upos or deprel"
_STREUSLE = 'STREUSLE 4.2 (github.com/nert-nlp/streusle): .conllulex, --task "supersense role" or "supersense function"'
_TREC = "TREC-50 (cogcomp.seas.upenn.edu/Data/QA/QC): train_5500.label and TREC_10.label, which are read as they are, with --label fine"
_NOT_PUBLISHED = "The fine-tuned models are not published; the recipes make them (zhou: ten epochs; zhou-base: three, for BERT-base)."
_ROWS = "UD English PUD has 21,176 words in 1,000 sentences; STREUSLE about 4,500 prepositions; TREC 5,952 questions"
_MAX_ROWS = "splits of more than 20,000 rows are sampled"
_TABLE = "the numbers of the table itself stand in the paper; here are those that its text repeats"
_OTHER_TASKS = "a panel for the task of the chosen texts, and one for each other run of fine-tuning in the sidebar, of the texts that it learned from"
_ONE_TABLE = "rows of a table are of several tasks: here of the texts that are chosen, one set at a time"


def _own(
    models: tuple[str, ...] = (_BASE,), texts: tuple[str, ...] = (_PUD, _STREUSLE), *, series: str = ""
) -> OwnInput:
    saved = {_STREUSLE: "streusle", _TREC: "trec"}.get(texts[0], "pud")
    return OwnInput(
        models,
        texts,
        1_000 + 2_000,
        28,
        _ROWS,
        saved,
        recipe="zhou-base",
        series=series,
        note=_NOT_PUBLISHED,
        n_rows=21_176,
        n_classes=46,
        label="fine" if saved == "trec" else "label",
    )


_STEPS = _own(series="run:zhou-base-role")
_PROBES = (Step("probing"), Step("direct_probe"))
_PROBE_CHOICES: Mapping[str, str] = {"probes_other": EVERY}
_MOVED: Mapping[str, str] = {"movement_kind": "A panel a layer", "movement_frame": "raw"}


def _minimum(key: str, place: str, shows: str, differs: tuple[str, ...], tasks: tuple[str, ...]) -> PaperRow:
    return PaperRow(
        f"zhou-{key}",
        ZHOU,
        place,
        shows,
        "training/dynamics",
        replace(_STEPS, tasks=tasks),
        of=SERIES,
        steps=(Step("direct_probe", AFTER_BEFORE, against="first"),),
        choices={
            "dynamics_view": "Labels",
            "dynamics_labels": "Distances",
            "dynamics_distance_labels": "Those alone",
            "log_steps": "false",
        },
        switch="paper_dynamics_direct_probe",
        figures=("dynamics_least",),
        labels=True,
        tasks=True,
        claim="each label ends further from the label nearest to it than it began",
        said_at="section 4.3",
        rule="agrees where every label's distance to its nearest is larger at the last step than at the first",
        differs=(_OTHER_TASKS, *differs, _MAX_ROWS),
    )


def _differences(number: int, task: str) -> PaperRow:
    return PaperRow(
        f"zhou-figure-{number}",
        ZHOU,
        f"figure {number}",
        f"Difference vectors of the labels' centroids, fine-tuned minus original, layer by layer{task}.",
        "labels/movement",
        _own(),
        of=PAIR,
        steps=(Step("movement", BEFORE_AFTER),),
        choices={**_MOVED, "movement_every_second": "true"} if number == 5 else _MOVED,
        switch="paper_movement",
        figures=("movement_differences",),
        labels=True,
        printed=(
            ("layer 2, both axes", "−1 to 3 and −3 to 3"),
            ("layer 12, both axes", "−12 to 13 and −12 to 8"),
        )
        if number == 5
        else (),
        claim="labels move far less in lower layers than in higher ones",
        said_at="section 4.5",
        rule="agrees where the labels move less, on average, in the lower half of the layers than in the upper",
        differs=("here the labels move from the middle, of the chosen texts",),
    )


ROWS = (
    PaperRow(
        "zhou-2.1",
        ZHOU,
        "section 2.1",
        "Classifier probes: networks of two hidden layers, chosen by a grid search, trained five times.",
        "labels/probes",
        _own(),
        steps=(Step("probing"),),
        choices={"probes_model": MODEL, "probes_other": "(none)"},
        switch="paper_probes",
        figures=("probes_profile", "probes_table"),
        labels=True,
        printed=(
            ("hidden sizes", "32, 64, 128, 256, each with each"),
            ("trainings", "5"),
            ("iterations", "at most 1000"),
        ),
        claim="what a probe gets right tells how well a representation holds the labels, and so what fine-tuning did to it",
        said_at="section 2.1",
        rule="agrees where the network gets more right than with shuffled labels, beyond twice the spread of either",
        differs=(_MAX_ROWS,),
    ),
    PaperRow(
        "zhou-2.2",
        ZHOU,
        "section 2.2",
        "DirectProbe: the clusters of each label, the distances between them, and how alike two arrangements are.",
        "labels/clusters",
        _own(),
        steps=(Step("direct_probe"),),
        choices={"clusters_model": MODEL, "clusters_other": "(none)"},
        switch="paper_clusters",
        figures=(
            "clusters_count",
            "clusters_matrix",
        ),
        labels=True,
        claim="most representations that they looked at are linear for their labels: each label is one cluster",
        said_at="section 2.2",
        rule="the case is: as many clusters as labels. Agrees where it is so in the last layer",
        differs=(
            "with few rows in many dimensions it is so for any labels, shuffled ones too, as a note says",
            _MAX_ROWS,
        ),
    ),
    PaperRow(
        "zhou-3.2",
        ZHOU,
        "section 3.2",
        "The five tasks: parts of speech, dependency relations, roles and functions of prepositions, TREC-50.",
        "data/texts",
        _own(texts=(_PUD, _STREUSLE, _TREC)),
        printed=(("labels of TREC-50", "50"),),
        open=("which of a word's rows are for testing: words are split one by one unless a test file is given",),
        absent="It is about texts: the page Texts, under Add a text set, reads UD's CoNLL-U, STREUSLE's CoNLL-U-Lex and TREC's own two files as they are (coarse and fine labels are columns of their own), and shows the rows of a set.",
    ),
    PaperRow(
        "zhou-table-2",
        ZHOU,
        "table 2",
        "Accuracy of the probes before and after fine-tuning, and how alike training and test rows are arranged.",
        "labels/probes",
        _own((*_SMALLER, _BASE)),
        steps=_PROBES,
        mixed=True,
        together=True,
        tuned=True,
        choices=_PROBE_CHOICES,
        switch="paper_probes",
        figures=("probes_profile", "probes_models", "probes_table"),
        labels=True,
        printed=(("similarity of BERT-small on PS-fxn after fine-tuning", "0.44"),),
        claim="training and test rows are arranged less alike after fine-tuning than before, in every case",
        said_at="section 4.1",
        rule="agrees where the similarity of training and test rows in the last layer is lower in each model than in the one that it was tuned from",
        differs=(_TABLE, _ONE_TABLE),
    ),
    PaperRow(
        "zhou-table-3",
        ZHOU,
        "table 3",
        "Whether a representation is linear for the labels, in how many clusters, with which accuracy.",
        "labels/probes",
        _own((_SMALLER[0],)),
        steps=_PROBES,
        mixed=True,
        together=True,
        tuned=True,
        choices=_PROBE_CHOICES,
        switch="paper_probes",
        figures=("probes_profile", "probes_models", "probes_table"),
        labels=True,
        claim="fine-tuning leaves fewer clusters than there were before it",
        said_at="section 4.2",
        rule="agrees where each model has fewer clusters in the last layer than the one that it was tuned from, or both as many as labels",
        differs=(_TABLE, _ONE_TABLE),
    ),
    PaperRow(
        "zhou-table-4",
        ZHOU,
        "table 4",
        "The same on TREC-50, where even the fine-tuned representation need not be linear.",
        "labels/probes",
        _own((*_SMALLER, _BASE), (_TREC,)),
        steps=_PROBES,
        mixed=True,
        together=True,
        tuned=True,
        choices=_PROBE_CHOICES,
        switch="paper_probes",
        figures=("probes_profile", "probes_models", "probes_table"),
        labels=True,
        claim="on TREC-50, too, fine-tuning leaves fewer clusters, even where the labels are not linear after it",
        said_at="section 4.2",
        rule="agrees where each model has fewer clusters in the last layer than the one that it was tuned from, or both as many as labels",
        differs=(_TABLE,),
    ),
    _minimum(
        "figure-2",
        "figure 2",
        "Each label's distance to its nearest over the steps of fine-tuning, in the last layer.",
        (),
        ("run:zhou-base-pos",),
    ),
    PaperRow(
        "zhou-figure-3",
        ZHOU,
        "figure 3",
        "The paths of labels' centroids over the steps of fine-tuning, in a low and in the last layer.",
        "training/dynamics",
        _STEPS,
        of=SERIES,
        steps=(Step("movement"),),
        choices={
            "dynamics_view": "Labels",
            "dynamics_labels": "Movement",
            "dynamics_frame": "raw",
            "dynamics_movement_panels": "true",
            "dynamics_movement_ends": "true",
            "dynamics_movement_closest": "true",
            "log_steps": "false",
        },
        switch="paper_dynamics_movement",
        figures=("dynamics_path_panels",),
        labels=True,
        claim="in layer 1 the three labels take nearly one and the same way, in layer 12 they part",
        said_at="section 4.5",
        rule="agrees where a larger share of the movement is common to all labels in block 1 than in the last layer",
        differs=(
            "the three labels are closest in the full space of the last layer at the first step, where the paper does not say in which space; the planes are of all labels",
        ),
    ),
    PaperRow(
        "zhou-table-5",
        ZHOU,
        "table 5",
        "Models tuned on other tasks: how many labels of one task come apart or together, and what a probe gets right.",
        "training/report",
        _own(),
        of=PAIR,
        steps=(Step("direct_probe", AFTER_BEFORE, {"control": False}), Step("probing", params={"control": False})),
        choices={
            "report_view": "Across tasks",
            "report_base": BEFORE,
            "report_tuned_several": AFTER,
            "report_cross_grid": "full",
            "report_cross_max_rows": "20000",
        },
        labels=True,
        printed=(("average change on PS-fxn, tuned on POS", "−1.68"),),
        claim="tuned on PS-fxn itself, the labels of PS-fxn move apart; tuned on POS, they come 1.68 closer on average",
        said_at="section 4.4",
        rule="agrees where the least distances grow, on average over the labels, in the last layer",
        differs=(
            _TABLE,
            "of the models chosen, each that was tuned from the first is a row of the page's table",
        ),
    ),
    PaperRow(
        "zhou-figure-4",
        ZHOU,
        "figure 4",
        "How alike the labels' arrangement in each layer stays to the original one, over the steps of fine-tuning.",
        "training/dynamics",
        _STEPS,
        of=SERIES,
        steps=(Step("direct_probe", AFTER_BEFORE, against="first"),),
        choices={"dynamics_view": "Labels", "dynamics_labels": "Distances", "log_steps": "false"},
        switch="paper_dynamics_direct_probe",
        figures=("dynamics_direct_probe_direct_probe_across",),
        labels=True,
        every_layer=True,
        printed=(("correlation in higher layers", "more than 0.5"),),
        claim="even in the higher layers the distances between labels keep a correlation of more than 0.5 with the original ones",
        said_at="section 4.5",
        rule="agrees where it is above 0.5 in the last layer at every step; it needs three labels",
        differs=(_MAX_ROWS,),
    ),
    _differences(5, ", for parts of speech"),
    _minimum(
        "figure-6",
        "figure 6",
        "The same as figure 2 for all four tasks: each label's distance to its nearest over the steps.",
        ("the paper's text names the three labels that decrease most; here as in figure 2, those that grow least",),
        ("run:zhou-base-pos", "run:zhou-base-fxn", "run:zhou-base-dep"),
    ),
    _differences(7, ", all layers, first task of appendix E"),
    _differences(8, ", all layers, second task of appendix E"),
    _differences(9, ", all layers, third task of appendix E"),
    _differences(10, ", all layers, fourth task of appendix E"),
)
