"""CoNLL-U files written in a test: words separated by blanks, the columns that nobody looks at filled in."""


def word(number: object, form: str, upos: str = "X", head: object = 0, deprel: str = "root", misc: str = "_") -> str:
    """One line of CoNLL-U; the lemma is the form in lower case."""
    return "\t".join([str(number), form, form.lower(), upos, "_", "_", str(head), deprel, "_", misc])


def lexical(line: str, smwe: str = "_", lexcat: str = "_", role: str = "_", function: str = "_") -> str:
    """The line with the nine columns more of CoNLL-U-Lex."""
    return "\t".join([line, smwe, lexcat, "_", role, function, "_", "_", "_", "_"])


def bare(identity: str, form: str, misc: str = "_") -> str:
    """A multiword token or an empty node."""
    return "\t".join([identity, form, *["_"] * 7, misc])


SMALL = "\n".join(
    [
        "# newdoc id = d",
        "# sent_id = s1",
        "# text = The dog can't  bark.",
        word(1, "The", "DET", 2, "det"),
        word(2, "dog", "NOUN", 5, "nsubj"),
        bare("3-4", "can't"),
        word(3, "ca", "AUX", 5, "aux"),
        word(4, "n't", "PART", 5, "advmod"),
        word(5, "bark", "VERB", 0, "root", "SpaceAfter=No"),
        bare("5.1", "loudly"),
        word(6, ".", "PUNCT", 5, "punct"),
        "",
        "# text_en = no text of this sentence",
        word(1, "Dogs", "NOUN", 2, "nsubj"),
        word(2, "run", "VERB", 0, "root", "Gloss=go|SpaceAfter=No"),
        word(3, "!", "_", 2, "punct", "SpaceAfter=No"),
        "",
        "",
    ]
)
