"""Files that hold no table of texts, known by their first bytes or their form, and what to do with each."""

import re

from backend.errors import TextSetError

ADVICE = "Save it as UTF-8 text (CSV, TSV, JSONL or TXT), or give a Parquet file."
_UNPACK = "Unpack it, and give the file inside."
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive (an Excel or Word file is one)", "Unpack it, or export the sheet as CSV (UTF-8)."),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "Export the sheet as CSV (UTF-8)."),
    (b"%PDF", "a PDF file", ADVICE),
    (b"{\\rtf", "an RTF document", ADVICE),
    (b"\x89PNG", "a PNG image", ADVICE),
    (b"\xff\xd8\xff", "a JPEG image", ADVICE),
    (b"GIF8", "a GIF image", ADVICE),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ", "an xz archive", _UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (b"\x04\x22\x4d\x18", "an LZ4 archive", _UNPACK),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV."),
    (b"\x93NUMPY", "a NumPy array", ADVICE),
    (b"\x89HDF", "an HDF5 file", ADVICE),
    (b"ARROW1", "an Arrow file", "Write it as Parquet: pyarrow.parquet.write_table(table, path)."),
    (b"FEA1", "a Feather file", "Write it as Parquet: DataFrame.to_parquet(path)."),
    (b"ORC", "an ORC file", "Write it as Parquet."),
    (b"Obj\x01", "an Avro file", "Write it as Parquet or JSON lines."),
    (b"RDX", "an R data file", "Write it in R with write.csv(table, path, row.names = FALSE)."),
    (b"\x80\x04\x95", "a Python pickle, which is never opened", "Write it as Parquet: DataFrame.to_parquet(path)."),
    (b"PAR1", "a Parquet file", "Choose the format Parquet."),
    (b"\x7fELF", "a program", ADVICE),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer",
        "Fetch the file itself: git lfs pull.",
    ),
)
_PAGE = re.compile(r"\s*(?:<!doctype\s+html|<html\b|<table\b|<head\b)", re.IGNORECASE)
_XML = re.compile(r"\s*<\?xml\b", re.IGNORECASE)
_YAML = re.compile(r"(?:%YAML[^\n]*\n|---[ \t]*\n|- )?(?:[\w -]+:(?: [^\n]*)?\n[ \t]*)+(?:- |[\w -]+:)")
_FEATURES = re.compile(r"[+-]?[0-9.]+(?:,[0-9.]+)*+(?: (?:qid:)?[0-9]+:[+-]?[0-9.eE+-]+)++\s*(?:#.*)?")


def refuse_bytes(content: bytes) -> None:
    """Raise TextSetError where the first bytes are those of a file that is no text."""
    for magic, what, remedy in _MAGIC:
        if content.startswith(magic):
            also = "" if remedy == ADVICE else f" {ADVICE}"
            raise TextSetError(f"The file is {what}, not text.", remedy + also)
    if content[257:262] == b"ustar":
        raise TextSetError("The file is a tar archive, not text.", f"{_UNPACK} {ADVICE}")


def refuse_markup(text: str, suffix: str) -> None:
    """Raise TextSetError for a web page, XML or YAML under another name: their lines are neither rows nor texts."""
    start = text[:2_000]
    if _PAGE.match(start):
        raise TextSetError(
            "The file is a web page (HTML), not a table: the download may be an error page or a preview.",
            "Download the data itself, or export the table as CSV. To take its lines as texts, choose the format TXT.",
        )
    if _XML.match(start):
        raise TextSetError(
            "The file is XML, not a table.",
            "Export it as CSV or JSON lines. To take its lines as texts, choose the format TXT.",
        )
    if suffix in (".yaml", ".yml") and _YAML.match(start):
        raise TextSetError(
            "The file is YAML, which cannot be read here.",
            "Write it as JSON lines: one object per line, with text and label.",
        )


def refuse_features(lines: list[str]) -> None:
    """Raise TextSetError where all lines are a label and numbered features (SVMlight), which hold no text."""
    if lines and all(_FEATURES.fullmatch(line) for line in lines):
        raise TextSetError(
            "The lines are a label and numbered features (SVMlight or LIBSVM): there is no text in them.",
            "Give the texts that the features were made from. To take the lines as texts, choose the format TXT.",
        )
