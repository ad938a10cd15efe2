"""Files that nobody would write: made by a grammar for each format, then changed at random. One seed gives one file."""

import io
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save

Made = tuple[str, bytes]  # a file's name and its bytes

WORDS = (
    *(
        "",
        " ",
        "a",
        "text",
        "label",
        "split",
        "train",
        "id",
        "The film was good.",
        "naïve",
        "深い",
        "😀",
        "-1",
        "1e999",
    ),
    *(
        "nan",
        "inf",
        "null",
        "=1+1",
        "＝A1",
        "@x",
        "\t",
        "\r",
        "\n",
        "\r\n",
        '"',
        '""',
        "'",
        "\\",
        '\\"',
        ",",
        ";",
        "|",
        "::",
    ),
    *(
        "\x00",
        "\x07",
        "\x1a",
        "\x1f",
        "\ufeff",
        "\u202e",
        "\u200b",
        "\u2028",
        "\x85",
        "\ud800",
        "<script>alert(1)</script>",
    ),
    *(
        "../../etc/passwd",
        "__label__a",
        "__label__",
        "DESC:manner",
        "NUM:",
        "#",
        "# text = x",
        "sep=;",
        "1 1:2 2:3",
        "---",
    ),
    *(
        "{}",
        "[]",
        "[[",
        "{{",
        '{"a":',
        "true",
        "0x1F",
        "9" * 400,
        "a" * 3000,
        "$x^2$",
        "[l](http://x.y)",
        "{0}",
        "%s",
        "%{x}",
    ),
)
TAME = ("a good film", "dull", "1", "2.5", "pos", "neg", "naïve", "深い", "It was not good.", "train")
MARKS = (",", "\t", ";", "|", "^", " ", "::", "|||", "~")
ENDS = ("\n", "\r\n", "\r", "\n\n", "\x0b", "\u2028")


def _word(draw: random.Random) -> str:
    if draw.random() < 0.8:
        return draw.choice(TAME)
    return draw.choice(WORDS) if draw.random() < 0.7 else "".join(draw.choices("ab \t,\"'1.é", k=draw.randrange(12)))


def _encoded(draw: random.Random, text: str) -> bytes:
    encoding = draw.choice(
        ("utf-8",) * 30 + ("utf-16", "utf-16-le", "latin-1", "utf-32", "windows-1252", "utf-7", "cp037")
    )
    return (b"\xef\xbb\xbf" * (draw.random() < 0.05)) + text.encode(encoding, draw.choice(("replace", "ignore")))


def table(draw: random.Random) -> Made:
    """Cells between separators, some quoted, rows of one width or not."""
    mark, end, width = draw.choice(MARKS), draw.choice(ENDS), draw.randrange(1, 6)
    rows = []
    for _ in range(draw.randrange(1, 30)):
        cells = [_word(draw) for _ in range(width + (draw.random() < 0.03) * draw.choice((-1, 1, 40)))]
        rows.append(mark.join(f'"{cell}"' if draw.random() < 0.2 else cell for cell in cells))
    return f"a.{draw.choice(('csv', 'tsv', 'tab', 'psv', 'txt', 'dat'))}", _encoded(draw, end.join(rows))


def _value(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(9 if depth < 4 else 5)
    if kind < 3:
        return _word(draw)
    if kind == 3:
        return draw.choice((0, -1, 1.5, 10**40, True, False, None))
    if kind == 4:
        return draw.choice(("a text", "another"))
    if kind < 7:
        return [_value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {_word(draw): _value(draw, depth + 1) for _ in range(draw.randrange(4))}


def document(draw: random.Random) -> Made:
    """A JSON document of any form, or one of the forms that hold rows."""
    rows = [{"text": _word(draw), "label": _word(draw)} for _ in range(draw.randrange(6))]
    forms: tuple[Callable[[], Any], ...] = (
        lambda: _value(draw),
        lambda: rows,
        lambda: {_word(draw): rows, "train": rows},
        lambda: {"columns": ["text", _word(draw)], "data": [[_word(draw), _value(draw, 3)] for _ in range(3)]},
        lambda: {_word(draw): {str(i): _value(draw, 3) for i in range(3)} for _ in range(3)},
        lambda: [_value(draw, 2) for _ in range(4)],
    )
    values = [json.dumps(draw.choice(forms)(), ensure_ascii=draw.random() < 0.5) for _ in range(draw.choice((1, 1, 2)))]
    return f"a.{draw.choice(('json', 'dat'))}", _encoded(draw, draw.choice((" ", ",", "\n")).join(values))


def lines(draw: random.Random) -> Made:
    """JSON lines, of texts or of words with labels, some with a key twice or another number of labels."""
    out, of_words = [], draw.random() < 0.4
    for _ in range(draw.randrange(1, 12)):
        n = draw.randrange(4)
        row: dict[str, Any] = {"text": _word(draw), _word(draw): _value(draw, 3)}
        if of_words:
            labels = [_word(draw) for _ in range(n + (draw.random() < 0.1))]
            row = {"words": [_word(draw) for _ in range(n)], "labels": labels, "text": _word(draw)}
        line = json.dumps(row, ensure_ascii=draw.random() < 0.5)
        out.append(line[:-1] + ',"text":1}' if draw.random() < 0.02 else line)
    return f"a.{draw.choice(('jsonl', 'ndjson', 'dat'))}", _encoded(draw, draw.choice(ENDS).join(out))


def plain(draw: random.Random) -> Made:
    """Lines, some of which begin with a label."""
    start = draw.choice(("", "", "1 ", "__label__a ", "DESC:x ", "(0 (1 a) ", "# "))
    body = [start * (draw.random() < 0.9) + _word(draw) + " " + _word(draw) for _ in range(draw.randrange(1, 30))]
    return f"a.{draw.choice(('txt', 'text', 'md', 'csv', ''))}", _encoded(draw, draw.choice(ENDS).join(body))


def conllu(draw: random.Random) -> Made:
    """Sentences of words with 10 or 19 columns, heads that may lead anywhere, ranges, empty nodes, comments."""
    width, out = draw.choice((10, 10, 19)), []
    for _ in range(draw.randrange(1, 5)):
        out += draw.choice(([], [f"# text = {_word(draw)}"], ["# sent_id = 1"]))
        for number in range(1, draw.randrange(1, 7) + 1):
            name = draw.choice((str(number),) * 60 + (f"{number}-{number + 1}", f"{number}.1", "x", "0"))
            cells = [name, _word(draw).strip("\t") or "a", "_", draw.choice(("X", "_", "NOUN")), "_", "_"]
            cells += [str(draw.choice((*(number - 1,) * 60, "_", number, 99))), "dep", "_", "SpaceAfter=No"]
            cells += [draw.choice(("_", "p.Locus", "1:1", "??")) for _ in range(width - 10)]
            out.append("\t".join(cells[: draw.choice((width,) * 90 + (3,))]))
        out.append("")
    return f"a.{'conllu' if width == 10 else 'conllulex'}", _encoded(draw, "\n".join(out))


def _numbers(draw: random.Random, n_rows: int) -> Any:
    shape = draw.choice(((n_rows, 3), (n_rows, 3), (n_rows, 3), (2, n_rows, 3), (n_rows,), (), (0, 3), (n_rows, 0)))
    kind = draw.choice(("<f4", "<f4", "<f2", "<f4", ">f4", "<f8", "<i4", "<c8", "<U2", "?", "<M8[s]"))
    values = np.zeros(shape, dtype=kind)
    if values.size and values.dtype.kind == "f":
        values.flat[0] = draw.choice((np.nan, np.inf, np.finfo(kind).max, 1.0, 1.0, 1.0))
    return values


def array(draw: random.Random) -> Made:
    """numpy's own file of one array."""
    out = io.BytesIO()
    np.save(out, _numbers(draw, draw.randrange(1, 5)))
    return "a.npy", out.getvalue()


def arrays(draw: random.Random) -> Made:
    """numpy's archive of several arrays."""
    out, names = io.BytesIO(), ("layer 0", "layer10", "../x", "a/b", "\u202e", "x" * 90)
    make = np.savez_compressed if draw.random() < 0.5 else np.savez
    n_rows = draw.randrange(1, 5)
    make(out, **{draw.choice(names): _numbers(draw, n_rows) for _ in range(draw.randrange(1, 4))})
    return "a.npz", out.getvalue()


def tensors(draw: random.Random) -> Made:
    """A safetensors file."""
    kinds, n_rows = ("float16", "float32", "float64", "float32", "int32"), draw.randrange(1, 4)
    shapes = ((n_rows, 3), (n_rows, 3), (n_rows, 3), (n_rows, 3), (n_rows,), (0, 3))
    found = {f"l{i}": np.zeros(draw.choice(shapes), draw.choice(kinds)) for i in range(draw.randrange(4))}
    return "a.safetensors", save(found)


def _column(draw: random.Random, n_rows: int) -> pa.Array:
    texts = [draw.choice((None, draw.choice(WORDS).encode("utf-8", "replace").decode())) for _ in range(n_rows)]
    vectors = [[0.5] * draw.choice((*(2,) * 40, 3)) for _ in range(n_rows)]
    kinds: tuple[Callable[[], pa.Array], ...] = (
        lambda: pa.array(texts),
        lambda: pa.array([text or "x" for text in texts]).dictionary_encode(),
        lambda: pa.array([draw.choice((None, 1, -1, 2**40)) for _ in range(n_rows)]),
        lambda: pa.array([draw.choice((None, 1.5, float("nan"), float("inf"))) for _ in range(n_rows)]),
        lambda: pa.array([draw.choice((None, True)) for _ in range(n_rows)]),
        lambda: pa.array([draw.choice((None, 0, 2**62, -1)) for _ in range(n_rows)], pa.timestamp("us")),
        lambda: pa.array([draw.choice((None, b"\xff")) for _ in range(n_rows)]),
        lambda: pa.array(vectors, pa.list_(pa.float32())),
        lambda: pa.array([[1.0, None]] * n_rows, pa.list_(pa.float64(), 2)),
        lambda: pa.array([{"a": 1}] * n_rows),
        lambda: pa.array([1] * n_rows, pa.decimal128(5, 2)),
    )
    return draw.choice(kinds)()


def parquet(draw: random.Random) -> Made:
    """A Parquet file of columns of any kind, compressed in any way."""
    n_rows = draw.randrange(12)
    names = [draw.choice(("text", "label", "v", "", "a" * 90, "\u202e", "x")) for _ in range(draw.randrange(1, 5))]
    out = io.BytesIO()
    compression = draw.choice(("none", "snappy", "zstd", "gzip"))
    made = pa.Table.from_arrays([_column(draw, n_rows) for _ in names], names=names)
    pq.write_table(made, out, compression=compression, use_dictionary=draw.random() < 0.7)
    return "a.parquet", out.getvalue()


KINDS: dict[str, Callable[[random.Random], Made]] = {
    **{"table": table, "document": document, "lines": lines, "plain": plain, "conllu": conllu, "parquet": parquet},
    **{"array": array, "arrays": arrays, "tensors": tensors},
}
OF_VECTORS = ("array", "arrays", "tensors", "parquet")


def made(kind: str, seed: int) -> Made:
    """The file of a seed: as its grammar makes it (one of two), or changed in up to five places."""
    draw = random.Random(f"{kind} {seed}")
    name, content = KINDS[kind](draw)
    if draw.random() < 0.5:
        content = changed(content, draw)
    return name, content


def changed(content: bytes, draw: random.Random) -> bytes:
    """``content`` cut, flipped, doubled, or with other bytes in it."""
    out = bytearray(content)
    for _ in range(draw.randrange(1, 6)):
        at, n = draw.randrange(len(out) + 1), draw.choice((1, 1, 2, 4, 30))
        how = draw.randrange(7)
        if how == 0:
            del out[at:]
        elif how == 1:
            del out[at : at + n]
        elif how == 2:
            out[at:at] = out[at : at + n]
        elif how == 3:
            out[at:at] = draw.choice(WORDS).encode("utf-8", "surrogatepass")
        elif how == 4:
            out[at : at + n] = draw.randbytes(n)
        elif how == 5 and at < len(out):
            out[at] ^= 1 << draw.randrange(8)
        elif at < len(out):
            out[at : at + 8] = draw.choice((0, 1, 2**31 - 1, 2**63 - 1, 2**64 - 1)).to_bytes(8, "little")
    return bytes(out)
