"""Where the rows of a new text set come from: a file or pasted lines, and how they are to be read."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from backend import ReadOptions
from pages._kit.state.session import workbench

FORMATS = {
    "Detect": None,
    "CSV (comma-separated)": "csv",
    "TSV (tab-separated)": "tsv",
    "JSON lines": "jsonl",
    "JSON document": "json",
    "Parquet": "parquet",
    "Plain text, one text per line": "txt",
    "A label, then a text, on each line": "labelled",
    "CoNLL-U, a row for each word": "conllu",
    "CoNLL-U-Lex (STREUSLE)": "conllulex",
    "JSON lines of word lists": "words",
}
ENCODINGS = {
    "Detect": None,
    "UTF-8": "utf-8",
    "UTF-16": "utf-16",
    "UTF-16, little-endian": "utf-16-le",
    "UTF-16, big-endian": "utf-16-be",
    "Latin-1": "latin-1",
    "Windows-1252 (Western)": "windows-1252",
    "Windows-1250 (Central European)": "windows-1250",
    "Windows-1251 (Cyrillic)": "windows-1251",
    "KOI8-R (Cyrillic)": "koi8-r",
    "Mac Roman": "mac-roman",
    "GB 18030 (Chinese)": "gb18030",
    "Big5 (Chinese)": "big5",
    "Shift JIS (Japanese)": "shift-jis",
    "EUC-KR (Korean)": "euc-kr",
}
SEPARATORS = {
    "Detect": None,
    "Comma ,": "comma",
    "Semicolon ;": "semicolon",
    "Tab": "tab",
    "Pipe |": "pipe",
    "Caret ^": "caret",
    "Tilde ~": "tilde",
    "Space": "space",
    "None (one column)": "none",
}
TASKS = {
    "upos": "Part of speech of each word (UPOS)",
    "deprel": "Relation of each word to its head (DEPREL)",
    "supersense role": "Scene role of prepositions",
    "supersense function": "Function of prepositions",
}
FORMATS_READ = "CSV, TSV, JSON, JSON lines, Parquet, TXT, CoNLL-U"
_BLOBS = "_uploaded_blobs"
_NAMED = (  # in the drop zone, beside the largest size
    "<style>.st-key-add_file [data-testid=stFileUploaderDropzone]::after "
    f'{{content: "{FORMATS_READ}"; opacity: 0.7; align-self: center; font-size: 0.875rem; margin-left: auto; padding-left: 1rem}}</style>'
)


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes that the service holds already: their digest, and the name they came with."""

    blob: str
    file_name: str


def given_source(from_file: bool) -> tuple[Source, ReadOptions] | None:
    """The widgets for a file (or for pasted lines), and what they say; None while there is nothing to read."""
    source = _file() if from_file else _pasted()
    if source is None:
        return None
    options = _file_options(source) if from_file else ReadOptions(format=_pasted_format(), encoding="utf-8")
    if _of_words(source, options) is None:
        options = replace(options, clean_wikitext=_clean())
    return source, options


def _file() -> Source | None:
    limits = workbench().settings
    st.html(_NAMED)
    upload = st.file_uploader(
        "A file of texts",
        key="add_file",
        max_upload_size=max(1, limits.max_upload_bytes // 2**20),
        help="A table (CSV, TSV, JSON, JSON lines, Parquet), plain text with one text (or a label and a text) per line, or "
        "words: CoNLL-U, CoNLL-U-Lex, JSON lines with a list of words and a list of labels. At most "
        f"{limits.max_upload_bytes / 2**20:,.0f} MB, {limits.max_rows:,} rows and {limits.max_text_chars:,} characters in a "
        "text. Drop the file here, or choose it.",
    )
    if upload is None:
        return None
    return Source(_blob(upload.file_id, upload.getvalue), upload.name)


def _file_options(source: Source) -> ReadOptions:
    with st.container(horizontal=True):
        format_name = st.selectbox("Format", list(FORMATS), key="add_format", persist_state="session", width=240)
        encoding = st.selectbox("Encoding", list(ENCODINGS), key="add_encoding", persist_state="session", width=160)
        options = ReadOptions(format=FORMATS.get(format_name), encoding=ENCODINGS.get(encoding))
        if may_have_header(source, options):
            separator = st.selectbox(
                "Separator", list(SEPARATORS), key="add_separator", persist_state="session", width=150
            )
            options = replace(options, separator=SEPARATORS.get(separator))
        kind = _of_words(source, options)
        if kind not in ("conllu", "conllulex"):
            return options
        tasks = list(TASKS) if kind == "conllulex" else list(TASKS)[:2]
        task = st.selectbox(
            "Labels",
            tasks,
            format_func=lambda name: TASKS.get(name, str(name)),
            key=f"add_task_{kind}",
            persist_state="session",
            width=320,
            help="What a row is and what it is labelled with: a word with its part of speech, a word with its head, or the "
            "prepositions of STREUSLE with their supersenses.",
        )
    return replace(options, task=task if task in tasks else None)


def _of_words(source: Source, options: ReadOptions) -> str | None:
    """The format, where it is known to be one of words; other formats may still turn out to be."""
    named = source.file_name.lower().rpartition(".")[2] if options.format is None else options.format
    return named if named in ("conllu", "conllulex", "words") else None


def _clean() -> bool:
    return st.toggle(
        "Clean WikiText markup",
        value=False,
        key="add_clean",
        persist_state="session",
        help="For WikiText and files like it: leaves out the headings (= Title =), and undoes `<unk>` and the spaced "
        "`@-@`, `@,@` and `@.@`. Leave it off for other files.",
    )


def may_have_header(source: Source, options: ReadOptions) -> bool:
    """Whether it may be a table whose first row holds the names of its columns, as far as its name and format tell."""
    if options.format is not None:
        return options.format in ("csv", "tsv")
    return not source.file_name.lower().endswith((".jsonl", ".ndjson", ".json", ".parquet", ".conllu", ".conllulex"))


def _pasted() -> Source | None:
    text = st.text_area(
        "Texts",
        key="add_text",
        height=160,
        placeholder="One text per line",
        persist_state="session",
    )
    st.radio("The lines are", ["One text per line", "CSV", "TSV"], key="add_pasted_format", horizontal=True)
    if not text.strip():
        return None
    content = text.encode("utf-8", "surrogatepass")
    return Source(_blob(hashlib.sha256(content).hexdigest(), lambda: content), "pasted text")


def _pasted_format() -> str:
    return {"CSV": "csv", "TSV": "tsv"}.get(st.session_state.get("add_pasted_format", ""), "txt")


def _blob(identity: str, content: Callable[[], bytes]) -> str:
    """Hand the bytes over once; reruns of the page find the digest by ``identity``."""
    blobs: dict[str, str] = st.session_state.setdefault(_BLOBS, {})
    if identity not in blobs:
        blobs[identity] = workbench().upload(content())
    return blobs[identity]
