"""Files of vectors: what is read of each format equals what was written, and each broken file has its own message."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors

from backend.errors import EmbedscopeError
from backend.textsets.limits import Limits
from backend.values.activations import no_report
from backend.values.reading import TextColumns
from backend.vectors.limits import VectorLimits
from backend.vectors.matrices import Matrices
from backend.vectors.reading import preview_vectors, read_own_texts, read_vectors

LIMITS = VectorLimits(2**20, 1_000)
ROWS = np.random.default_rng(0).normal(size=(3, 7, 4)).astype(np.float32)  # layers, rows, dimensions


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(compressed: bool = False, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def parquet(**columns: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def lists(rows: Any, kind: Any = None) -> Any:
    return pa.array(np.asarray(rows).tolist(), kind or pa.list_(pa.float32()))


def numbers(found: Matrices) -> np.ndarray[Any, Any]:
    return np.stack([found.load(layer) for layer in range(len(found.layer_names))])


def read(content: bytes, name: str, **options: Any) -> Matrices:
    return read_vectors(content, name, LIMITS, **options)


FILES: dict[str, Callable[[], bytes]] = {
    "a.npy": lambda: npy(ROWS),
    "fortran.npy": lambda: npy(np.asfortranarray(ROWS)),
    "big-endian.npy": lambda: npy(ROWS.astype(">f4")),
    "one.npz": lambda: npz(everything=ROWS),
    "positional.npz": lambda: npz(arr_0=ROWS[0], arr_1=ROWS[1], arr_2=ROWS[2]),
    "compressed.npz": lambda: npz(True, arr_0=ROWS[0], arr_1=ROWS[1], arr_2=ROWS[2]),
    "one.safetensors": lambda: save_arrays({"x": ROWS}),
}


@pytest.mark.parametrize("name", FILES)
def test_three_layers_are_read_as_they_were_written(name: str) -> None:
    found = read(FILES[name](), name)
    np.testing.assert_array_equal(numbers(found), ROWS)
    assert found.layer_names == ("layer 0", "layer 1", "layer 2") and found.dtype == "float32"


def test_layers_come_in_the_natural_order_of_their_names() -> None:
    named = {f"layer_{place}": ROWS[place % 3] + place for place in (10, 2, 0)}
    for content, name in ((npz(**named), "a.npz"), (save_arrays(named), "a.safetensors")):
        found = read(content, name)
        assert found.layer_names == ("layer_0", "layer_2", "layer_10")
        np.testing.assert_array_equal(found.load(2), named["layer_10"])
        chosen = read(content, name, take=("layer_10", "layer_0"))
        assert chosen.layer_names == ("layer_10", "layer_0"), "as they were asked for"


@pytest.mark.parametrize(("dtype", "kept"), [("float16", "float16"), ("float64", "float32")])
def test_the_number_format_is_kept_where_it_says_how_much_is_rounding(dtype: str, kept: str) -> None:
    found = read(npy(ROWS[0].astype(dtype)), "a.npy")
    assert found.dtype == kept and found.layer_names == ("layer 0",)
    np.testing.assert_array_equal(found.load(0), ROWS[0].astype(dtype).astype(np.float32))
    assert any("float64" in notice for notice in found.notices) == (dtype == "float64")


def test_bfloat16_of_safetensors_is_read_exactly() -> None:
    tensor = torch.from_numpy(ROWS.copy()).to(torch.bfloat16)
    found = read(save_tensors({"x": tensor}), "a.safetensors")
    assert found.dtype == "bfloat16"
    np.testing.assert_array_equal(numbers(found), tensor.float().numpy())


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float16(), 4)], ids=str
)
def test_columns_of_lists_are_layers_and_the_others_are_texts(kind: Any) -> None:
    texts = [f"a text of number {place}" for place in range(7)]
    labels = ["one", "two", "one", "two", "one", "two", "one"]
    half = np.asarray(ROWS, np.float16).astype(np.float32)
    content = parquet(first=lists(half[0], kind), text=texts, label=labels, second=lists(half[1], kind))
    found = read(content, "a.parquet")
    assert found.layer_names == ("first", "second")
    np.testing.assert_array_equal(numbers(found), half[:2])
    limits = Limits(2**20, 1_000, 1_000)
    table = read_own_texts(content, "a.parquet", "mine", TextColumns(label="label", metadata=None), limits)
    assert table.texts == tuple(texts) and table.columns["label"] == tuple(labels)
    shown = preview_vectors(content, "a.parquet", found, limits, no_report)
    assert shown.texts is not None and shown.texts.guess_text == "text" and shown.texts.guess_label == "label"
    assert (shown.n_rows, shown.n_dims, shown.layer_names) == (7, 4, ("first", "second"))
    np.testing.assert_array_equal(np.array(shown.first, np.float32), half[0, :5])


def test_a_sliced_table_with_a_fixed_length_keeps_its_rows() -> None:
    whole = pa.table({"x": lists(np.repeat(ROWS[0], 2, axis=0), pa.list_(pa.float32(), 4))})
    stream = io.BytesIO()
    pq.write_table(whole.slice(3, 7), stream, row_group_size=2)
    np.testing.assert_array_equal(read(stream.getvalue(), "a.parquet").load(0), np.repeat(ROWS[0], 2, axis=0)[3:10])


def objects() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([[1.0], [1.0, 2.0]], dtype=object), allow_pickle=True)
    return stream.getvalue()


def bomb() -> bytes:
    """An archive of some hundred bytes whose header promises a matrix of four terabytes."""
    stream, header = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (1_000_000, 1_000_000)}
    )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(1000))
    return stream.getvalue()


def honest_bomb() -> bytes:
    """An archive of a few thousand bytes that unpacks, as it says, to more than is kept."""
    return npz(True, x=np.zeros((1_000, 1_000), np.float32))


def bad_row(value: float, row: int) -> np.ndarray[Any, Any]:
    rows = ROWS[0].copy()
    rows[row, 2] = value
    return rows


BROKEN: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "objects": ("a.npy", objects, "holds Python objects"),
    "objects in an archive": ("a.npz", lambda: npz(x=np.array([[1.0], [1.0, 2.0]], dtype=object)), "holds Python"),
    "one dimension": ("a.npy", lambda: npy(ROWS[0, :, 0]), "its shape is 7"),
    "four dimensions": ("a.safetensors", lambda: save_arrays({"x": ROWS[None]}), "its shape is 1 x 3 x 7 x 4"),
    "a single number": ("a.npy", lambda: npy(np.float32(1.0)), "its shape is that of a single number"),
    "integers": ("a.npy", lambda: npy(np.ones((7, 4), np.int64)), "it holds int64"),
    "not a number": ("a.npy", lambda: npy(bad_row(np.nan, 4)), "in row 5 of 'layer 0' is not finite"),
    "infinite": ("a.safetensors", lambda: save_arrays({"x": bad_row(-np.inf, 0)}), "in row 1 of 'x' is not finite"),
    "beyond float32": ("a.npy", lambda: npy(bad_row(2.0, 3).astype(np.float64) * 1e300), "is too large for float32"),
    "truncated": ("a.npy", lambda: npy(ROWS)[:-5], "is cut off"),
    "half a header": ("a.npy", lambda: npy(ROWS)[:20], "has no header of numpy that can be read"),
    "truncated archive": ("a.npz", lambda: npz(x=ROWS[0], y=ROWS[1])[:-40], "is damaged or cut off"),
    "a damaged member": ("a.npz", lambda: npz(x=ROWS[0]).replace(ROWS[0].tobytes()[:8], b"12345678"), "is damaged"),
    "another thing": ("a.npz", lambda: npy(ROWS), "is no .npz file"),
    "a text": ("a.npy", lambda: b"0.1 0.2", "is no .npy file"),
    "a promise of terabytes": ("a.npz", bomb, "is not what its header promises"),
    "a bomb": ("a.npz", honest_bomb, "take 4,000,000 bytes as float32"),
    "a large file": ("a.npy", lambda: npy(np.zeros((600, 600), np.float32)), "the limit is 1,048,576"),
    "many rows": ("a.npy", lambda: npy(np.zeros((1_001, 2), np.float16)), "have 1,001 rows; the limit is 1,000"),
    "many dimensions": ("a.npy", lambda: npy(np.zeros((1, 70_000), np.float16)), "have 70,000 dimensions"),
    "many layers": ("a.npy", lambda: npy(np.zeros((1_001, 1, 1), np.float16)), "have 1,001 layers"),
    "no row": ("a.npy", lambda: npy(np.zeros((0, 4), np.float32)), "there is nothing in them"),
    "different shapes": ("a.npz", lambda: npz(x=ROWS[0], y=ROWS[1, :6]), "'x' is 7 x 4, 'y' 6 x 4"),
    "all and one": ("a.npz", lambda: npz(x=ROWS, y=ROWS[1]), "'x' has three dimensions"),
    "no tensors": ("a.safetensors", lambda: save_arrays({}), "There are no vectors in the file"),
    "a cut tensor": ("a.safetensors", lambda: save_arrays({"x": ROWS})[:-4], "or is cut off"),
    "a pickle": ("a.pt", lambda: b"PK", "is read by unpickling"),
    "a table": ("a.csv", lambda: b"a,b", "is no file of vectors by its name"),
    "ragged": ("a.parquet", lambda: parquet(x=pa.array([[1.0, 2.0], [1.0]])), "Row 2 of column 'x' has a vector of 1"),
    "a missing vector": ("a.parquet", lambda: parquet(x=pa.array([[1.0], None])), "Row 2 of column 'x' has no vector"),
    "a missing number": ("a.parquet", lambda: parquet(x=pa.array([[1.0], [None]])), "A number is missing in row 2"),
    "lists of words": ("a.parquet", lambda: parquet(x=pa.array([["a"], ["b"]])), "it holds lists of string"),
    "no lists": ("a.parquet", lambda: parquet(x=[1.0, 2.0]), "There are no vectors in the file"),
    "cut Parquet": ("a.parquet", lambda: parquet(x=lists(ROWS[0]))[:-9], "cannot be read as Parquet"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_each_broken_file_has_its_message_and_a_hint(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, made, said = BROKEN[what]
    content = made()
    monkeypatch.setattr("pickle.loads", lambda *_: pytest.fail("unpickled"))
    monkeypatch.setattr("pickle.load", lambda *_: pytest.fail("unpickled"))
    with pytest.raises(EmbedscopeError) as error:
        numbers(read(content, name))
    assert said in error.value.message and error.value.hint


def test_a_header_of_objects_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A pickle in place of the numbers, which would write a file."""
    proof = tmp_path / "proof"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (2, 2)})
    bad = b"cos\nsystem\n(S'touch " + str(proof).encode() + b"'\ntR."
    with pytest.raises(EmbedscopeError, match="Python objects"):
        read(header.getvalue() + bad, "a.npy")
    assert not proof.exists()


def test_what_is_no_matrix_beside_some_is_left_out_and_said() -> None:
    found = read(npz(labels=np.arange(7), x=ROWS[0]), "a.npz")
    assert found.layer_names == ("x",) and found.notices[0].startswith("Left out 'labels': it holds int64")
    with pytest.raises(EmbedscopeError, match="'labels' cannot be a layer"):
        read(npz(labels=np.arange(7), x=ROWS[0]), "a.npz", take=("labels",))
    with pytest.raises(EmbedscopeError, match="has no 'y'"):
        read(npz(x=ROWS[0]), "a.npz", take=("y",))


def test_rows_without_a_text_have_no_place() -> None:
    content = parquet(x=lists(ROWS[0, :3]), text=["one text", "", "another"])
    with pytest.raises(EmbedscopeError, match="Dropped 1 row with an empty text"):
        read_own_texts(content, "a.parquet", "mine", TextColumns("text"), Limits())


def test_a_header_that_claims_a_length_of_its_own_is_no_reason_to_take_memory() -> None:
    huge = (
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"
    )
    with pytest.raises(EmbedscopeError, match="has no header"):
        read(huge, "a.npy")
