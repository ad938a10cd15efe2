"""What Zhou & Srikumar look at: BERTs of five sizes, and the words and questions of five tasks."""

from backend.papers.row import OwnInput

BASE = "google-bert/bert-base-uncased"
SMALLER = (
    "google/bert_uncased_L-2_H-128_A-2",
    "google/bert_uncased_L-4_H-256_A-4",
    "google/bert_uncased_L-4_H-512_A-8",
    "google/bert_uncased_L-8_H-512_A-8",
)
PUD = "UD English PUD (github.com/UniversalDependencies/UD_English-PUD): en_pud-ud-test.conllu, --task upos or deprel"
STREUSLE = 'STREUSLE 4.2 (github.com/nert-nlp/streusle): .conllulex, --task "supersense role" or "supersense function"'
TREC = "TREC-50 (cogcomp.seas.upenn.edu/Data/QA/QC): train_5500.label and TREC_10.label, which are read as they are, with --label fine"
_NOT_PUBLISHED = "The fine-tuned models are not published; the recipes make them (zhou: ten epochs; zhou-base: three, for BERT-base)."
_ROWS = "UD English PUD has 21,176 words in 1,000 sentences; STREUSLE about 4,500 prepositions; TREC 5,952 questions"


def own(models: tuple[str, ...] = (BASE,), texts: tuple[str, ...] = (PUD, STREUSLE), *, series: str = "") -> OwnInput:
    """What a row of the paper looks at: ``models`` by their ids, ``texts`` of those above, and the ``series`` of a row over steps."""
    saved = {STREUSLE: "streusle", TREC: "trec"}.get(texts[0], "pud")
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
