"""CoNLL-U and CoNLL-U-Lex: what becomes a row, where its word is, and what is refused with the line."""

import pytest

from backend.errors import TextSetError
from backend.forms.fingerprint import fingerprint, text_set_spec
from backend.textsets.codec import table_from_json, table_to_json
from backend.textsets.joining import join
from backend.textsets.limits import Limits
from backend.textsets.reading import preview, read, read_path
from backend.values.reading import ReadOptions, TextColumns
from backend.values.tasks import ReadTask
from backend.values.texts import TextTable
from tests.textsets.conllu_text import SMALL, bare, lexical, word

FIRST, SECOND = "The dog can't  bark.", "Dogs run!"


def table(text: str, name: str = "a.conllu", limits: Limits = Limits(), **options: object) -> TextTable:
    return read(text.encode(), name, "a", ReadOptions(**options), limits=limits)


def cut(rows: TextTable) -> list[tuple[str, ...]]:
    """The words of each row, as its spans cut them out of its sentence."""
    assert rows.spans is not None
    return [
        tuple(text[a:b] for a, b in zip(span[::2], span[1::2], strict=True))
        for text, span in zip(rows.texts, rows.spans, strict=True)
    ]


def test_every_word_is_a_row_with_its_place_and_part_of_speech():
    rows = table(SMALL)
    assert (rows.unit, rows.label) == ("word", "upos")
    assert rows.texts == (FIRST,) * 6 + (SECOND,) * 3
    assert cut(rows) == [(form,) for form in ("The", "dog", "ca", "n't", "bark", ".", "Dogs", "run", "!")]
    assert rows.columns["upos"] == ("DET", "NOUN", "AUX", "PART", "VERB", "PUNCT", "NOUN", "VERB", None)
    assert rows.columns["sentence"] == ("s1",) * 6 + ("2",) * 3
    assert rows.columns["line"] == ("4", "5", "7", "8", "9", "11", "14", "15", "16")
    assert rows.columns["deprel"][:3] == ("det", "nsubj", "aux") and rows.columns["lemma"][0] == "the"
    assert "2 sentences" in rows.notices[0]
    assert "1 multiword token " in rows.notices[0] and "1 empty node " in rows.notices[0]
    assert any("1 row without a label" in notice for notice in rows.notices)


def test_a_row_of_deprel_is_a_word_with_its_head_and_roots_are_counted():
    rows = table(SMALL, task="deprel")
    assert (rows.unit, rows.label) == ("word_pair", "deprel")
    assert cut(rows)[:3] == [("The", "dog"), ("dog", "bark"), ("ca", "bark")] and cut(rows)[-1] == ("!", "run")
    assert rows.columns["deprel"] == ("det", "nsubj", "aux", "advmod", "punct", "nsubj", "punct")
    assert rows.columns["head"][0] == "dog"
    assert any("2 roots" in notice for notice in rows.notices)
    assert rows.shown[0] == f"The → dog | {FIRST}"


def test_line_ends_and_a_missing_last_empty_line_change_nothing():
    whole = table(SMALL)
    for other in (SMALL.replace("\n", "\r\n"), SMALL.rstrip("\n"), "\ufeff" + SMALL, "\n\n" + SMALL + "# the end\n"):
        rows = table(other)
        assert (rows.texts, rows.spans, rows.columns["upos"]) == (whole.texts, whole.spans, whole.columns["upos"])


def test_a_text_that_the_words_are_not_in_is_not_used_and_said():
    rows = table(SMALL.replace("# text = The dog", "# text = The cat"))
    assert rows.texts[0] == "The dog can't bark." and cut(rows)[2] == ("ca",)
    assert any("1 sentence did not agree" in notice and "line 4" in notice for notice in rows.notices)
    more = table(SMALL.replace("bark.\n", "bark. Woof\n"))
    assert more.texts[0] == "The dog can't bark."


def test_a_multiword_token_that_is_not_made_of_its_words_is_the_place_of_each():
    text = "\n".join([word(1, "Loin", "ADV", 0), bare("2-3", "du"), word(2, "de", "ADP", 1), word(3, "le", "DET", 1)])
    rows = table(text)
    assert rows.texts[0] == "Loin du" and cut(rows) == [("Loin",), ("du",), ("du",)]
    assert any("2 words belong to a multiword token" in notice for notice in rows.notices)


def test_forms_with_blanks_and_underscores_are_forms():
    text = "\n".join(
        ["# text = a 10 000 _", word(1, "a", "X", 3), word(2, "10 000", "NUM", 3), word(3, "_", "SYM", 0, "root")]
    )
    rows = table(text)
    assert cut(rows) == [("a",), ("10 000",), ("_",)]
    assert rows.columns["lemma"][2] == "_"


def test_heads_may_be_absent_unless_they_are_the_task():
    text = "\n".join([word(1, "a", "X", "_", "_"), word(2, "b", "Y", "_", "_")])
    assert len(table(text)) == 2
    with pytest.raises(TextSetError, match="Line 1: the word 'a' has no head") as refused:
        table(text, task="deprel")
    assert "HEAD" in refused.value.hint


BROKEN = {
    "too few columns": ("1\ta\ta", "Line 1 has 3 columns, not the 10", "tab"),
    "blanks for tabs": (word(1, "a").replace("\t", "  "), "Line 1 has 1 column,", "spaces"),
    "the other format": (lexical(word(1, "a")), "Line 1 has 19 columns", "conllulex"),
    "no number": (word("x", "a"), "Line 1: the ID 'x' is not valid", "3-4"),
    "a gap": ("\n".join([word(1, "a"), word(3, "b", head=1)]), "Line 2: the word is number 3 where 2", "missing line"),
    "no empty line": ("\n".join([word(1, "a"), word(1, "b")]), "Line 2: the word is number 1 where 2", "empty line"),
    "no form": (word(1, ""), "Line 1: the column FORM is empty", "word"),
    "a head that is no number": (word(1, "a", head="x"), "Line 1: the HEAD 'x'", "HEAD"),
    "an empty node as head": (word(1, "a", head="1.1"), "Line 1: the HEAD '1.1'", "HEAD"),
    "a head beyond the sentence": (
        "\n".join(["# c", word(1, "a"), word(2, "b", head=7)]),
        "Line 3: the head is word 7, but the sentence has 2 words",
        "HEAD",
    ),
    "its own head": (
        "\n".join([word(1, "a"), word(2, "b", head=2)]),
        "Line 2: the heads go in a circle, 2 -> 2",
        "whose head is 0",
    ),
    "a circle": (
        "\n".join([word(1, "a"), word(2, "b", head=3), word(3, "c", head=4), word(4, "d", head=2)]),
        "Line 2: the heads go in a circle, 2 -> 3 -> 4 -> 2",
        "whose head is 0",
    ),
    "a range that ends late": (
        "\n".join([bare("1-3", "ab"), word(1, "a")]),
        "Line 1: the multiword token 1-3 ends",
        "ID",
    ),
    "a range in the wrong place": (
        "\n".join([word(1, "a"), bare("1-2", "ab")]),
        "Line 2: the multiword token 1-2",
        "2",
    ),
    "ranges that overlap": (
        "\n".join([bare("1-3", "abc"), word(1, "a"), bare("2-3", "bc"), word(2, "b"), word(3, "c")]),
        "Line 3: the multiword token 2-3",
        "overlap",
    ),
    "only empty nodes": (bare("0.1", "a"), "Line 1: the sentence has no words", "Remove"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("task", [None, "deprel"])
def test_what_is_broken_is_refused_with_its_line_and_what_to_do(case, task):
    text, message, hint = BROKEN[case]
    with pytest.raises(TextSetError) as refused:
        table(text, task=task)
    assert message in refused.value.message, refused.value.message
    assert hint in refused.value.hint, refused.value.hint


def test_a_long_chain_of_heads_is_followed_in_time():
    n_words = 8_000
    lines = [word(number, "a", "X", number - 1) for number in range(1, n_words + 1)]
    assert len(table("\n".join(lines))) == n_words
    lines[0] = word(1, "a", "X", n_words)
    with pytest.raises(TextSetError, match="circle"):
        table("\n".join(lines))


def test_the_limits_hold():
    with pytest.raises(TextSetError, match="more than 3 rows"):
        table(SMALL, limits=Limits(max_rows=3))
    with pytest.raises(TextSetError, match="Line 4: the sentence has 20 characters"):
        table(SMALL, limits=Limits(max_text_chars=10))


LEXICAL = "\n".join(
    [
        "# text = I left because of you in May",
        lexical(word(1, "I", "PRON", 2), lexcat="PRON"),
        lexical(word(2, "left", "VERB", 0), lexcat="V", role="v.motion"),
        lexical(word(3, "because", "ADP", 5), "1:1", "P", "p.Explanation", "p.Explanation"),
        lexical(word(4, "of", "ADP", 3), "1:2"),
        lexical(word(5, "you", "PRON", 2), lexcat="PRON"),
        lexical(word(6, "in", "ADP", 7), lexcat="P", role="p.Time", function="p.Locus"),
        lexical(word(7, "May", "PROPN", 2), lexcat="N", role="n.TIME"),
        "",
        lexical(word(1, "my", "PRON", 2), lexcat="PRON.POSS", role="p.SocialRel", function="p.Gestalt"),
        lexical(word(2, "way", "NOUN", 0), lexcat="N", role="n.ACT"),
        lexical(word(3, "at", "ADP", 2), lexcat="P", role="??"),
    ]
)


@pytest.mark.parametrize(
    ("kind", "labels"), [("role", ("p.Time", "p.SocialRel")), ("function", ("p.Locus", "p.Gestalt"))]
)
def test_supersenses_are_of_single_words_and_the_rest_is_counted(kind, labels):
    rows = table(LEXICAL, "a.conllulex", task=f"supersense {kind}")
    assert cut(rows) == [("in",), ("my",)] and rows.label == kind
    assert rows.columns[kind] == labels and rows.columns["lexcat"] == ("P", "PRON.POSS")
    assert any("3 labelled units: 2 are single words, 1 of several" in notice for notice in rows.notices)
    assert any("1 unit marked as unclear" in notice for notice in rows.notices)


def test_the_tasks_of_conllu_work_on_conllulex():
    assert len(table(LEXICAL, "a.conllulex")) == 10
    assert len(table(LEXICAL, "a.conllulex", task="deprel")) == 8


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.conllu", {"task": "supersense role"}, "no supersenses"),
        ("a.conllu", {"task": "ner"}, "'ner' is not a task"),
        ("a.conllu", {"columns": TextColumns(text="form")}, "no column is chosen"),
        ("a.conllu", {"columns": TextColumns(label="lemma")}, "no column is chosen"),
        ("a.conllu", {"columns": TextColumns(metadata=("colour",))}, 'no column "colour"'),
        ("a.conllu", {"clean_wikitext": True}, "not cleaned"),
        ("a.txt", {"task": "upos"}, "is for CoNLL-U files"),
    ],
)
def test_options_that_make_no_sense_are_refused(name, options, message):
    with pytest.raises(TextSetError, match=message):
        table(SMALL, name, **options)


def test_a_file_of_another_name_is_recognised_and_a_table_is_not_taken_for_one():
    assert table(SMALL, "upload").unit == "word"
    assert table(LEXICAL, "upload").unit == "word"
    tsv = "id\tb\tc\td\te\tf\tg\th\ti\tj\n" + "1\tx\ty\tz\tu\tv\tw\tq\tr\ts\n" * 3
    assert table(tsv, "upload").unit == "text"


def test_the_preview_shows_rows_as_they_will_be():
    shown = preview(SMALL.encode(), "a.conllu", ReadOptions(), limits=Limits(), n_rows=2)
    assert (shown.unit, shown.n_rows, len(shown.rows)) == ("word", 9, 2)
    assert shown.columns[:2] == ("text", "form") and shown.rows[1][:2] == (FIRST, "dog")
    assert shown.guess_label == "upos"


def test_the_store_keeps_words_and_each_sentence_once():
    rows = table(SMALL, task="deprel")
    text = table_to_json(rows)
    assert text.count("The dog") == 1
    again = table_from_json(text)
    assert all(getattr(again, name) == getattr(rows, name) for name in TextTable.__slots__)
    assert again.texts[0] is again.texts[1]


@pytest.mark.parametrize("spans", ["[[0,3]]", "[[3,1],[0,1]]", "[[0,99],[0,1]]", "[[0,1,2],[0,1]]", '[["0",1],[0,1]]'])
def test_spans_that_are_damaged_are_noticed(spans):
    rows = TextTable("n", ("ab c", "ab c"), unit="word", spans=((0, 2), (3, 4)))
    text = table_to_json(rows)
    assert table_from_json(text).spans == rows.spans
    with pytest.raises(TextSetError, match="damaged"):
        table_from_json(text.replace("[[0,2],[3,4]]", spans))


def test_other_words_of_the_same_sentences_are_another_text_set():
    texts = ("ab c", "ab c")
    one = TextTable("n", texts, unit="word", spans=((0, 2), (3, 4)))
    other = TextTable("n", texts, unit="word", spans=((3, 4), (0, 2)))
    assert text_set_spec(one).digest != text_set_spec(other).digest
    assert text_set_spec(one).unit == "word"


def test_a_task_is_in_the_key_of_a_request_and_its_absence_is_not():
    def key(options: ReadOptions) -> str:
        return fingerprint(ReadTask("a" * 40, "a.conllu", "a", options))

    assert len({key(ReadOptions(task=task)) for task in (None, "upos", "deprel")}) == 3
    assert key(ReadOptions()) == "4c09ccbc2890d3ab057fdb8bc5e0905515e6b82e"


def test_two_sets_of_words_can_be_joined_but_not_words_and_pairs():
    rows = table(SMALL)
    both = join(rows, rows, "both")
    assert both.unit == "word" and both.spans == rows.spans + rows.spans
    with pytest.raises(TextSetError, match="word pair"):
        join(rows, table(SMALL, task="deprel"), "both")


@pytest.mark.parametrize(("task", "n_rows", "n_classes"), [("upos", 21_180, 17), ("deprel", 20_180, 46)])
def test_english_pud(shared, task, n_rows, n_classes):
    path = shared / "data/ud_english_pud/en_pud-ud-test.conllu"
    rows = read_path(path, "pud", ReadOptions(task=task), limits=Limits())
    assert (len(rows), len(set(rows.columns[task]))) == (n_rows, n_classes)
    assert [words[0] for words in cut(rows)] == list(rows.columns["form"])
    assert not any("did not agree" in notice for notice in rows.notices)
    assert "1,000 sentences" in rows.notices[0] and "7 empty nodes" in rows.notices[0]


@pytest.mark.parametrize(
    ("name", "n_units", "n_single"),
    [("train.reconstructed", 4_553, 4_285), ("dev", 462, 433), ("test", 485, 457)],
)
def test_streusle(shared, name, n_units, n_single):
    path = shared / f"data/streusle/streusle.ud_{name}.conllulex"
    rows = read_path(path, "streusle", ReadOptions(task="supersense role"), limits=Limits())
    assert len(rows) == n_single
    assert f"{n_units:,} labelled units: {n_single:,} are single words" in rows.notices[1]
    flat = (shared / f"data/streusle/prepositions_{name.split('.')[0]}.tsv").read_text(encoding="utf-8").splitlines()
    single = [line.split("\t") for line in flat[1:] if "," not in line.split("\t")[1]]
    assert len(flat) - 1 == n_units
    columns = zip(*(rows.columns[name] for name in ("lexcat", "role", "function")), strict=True)
    assert list(columns) == [(row[3], row[4], row[5]) for row in single]
