"""From the bytes of a file to its layers and, of a Parquet file, its texts; and what a preview shows of them."""

from pathlib import PurePath

from backend.errors import InvalidRequest, TextSetError
from backend.textsets.limits import Limits
from backend.textsets.reading import preview as preview_texts
from backend.textsets.reading import read as read_texts
from backend.values.activations import Report
from backend.values.reading import ReadOptions, TextColumns
from backend.values.texts import TextPreview, TextTable
from backend.values.vectors import FORMATS, FoundMatrix, VectorsPreview
from backend.vectors.columns import read_columns
from backend.vectors.limits import VectorLimits
from backend.vectors.matrices import Matrices, layers_of
from backend.vectors.numpyfiles import read_npy, read_npz
from backend.vectors.tensors import read_safetensors

_SUFFIXES = {".npy": "npy", ".npz": "npz", ".parquet": "parquet", ".pq": "parquet", ".safetensors": "safetensors"}
_PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".joblib", ".ckpt")
_SHOWN_ROWS, _SHOWN_DIMS = 5, 8


def read_vectors(
    content: bytes, file_name: str, limits: VectorLimits, *, take: tuple[str, ...] = (), format_name: str | None = None
) -> Matrices:
    """The layers in the bytes of a file; ``format_name`` None goes by the file's name.

    Raises InvalidRequest for a format that is not known, a damaged file, and what is over the limits.
    """
    limits.check_bytes(len(content))
    kind = format_name or format_of(file_name)
    if kind == "npy":
        return layers_of(kind, read_npy(content, file_name), (), limits, alone=True)
    if kind == "npz":
        return layers_of(kind, read_npz(content, file_name, limits), take, limits)
    if kind == "safetensors":
        return layers_of(kind, read_safetensors(content, file_name), take, limits)
    return layers_of(kind, read_columns(content, file_name, limits), take, limits)


def read_own_texts(content: bytes, file_name: str, name: str, columns: TextColumns, limits: Limits) -> TextTable:
    """The text set that a Parquet file of vectors brings along.

    Raises TextSetError as reading a text set does, and for rows without a text: their vectors would belong to nothing.
    """
    table = read_texts(content, file_name, name, ReadOptions(columns, "parquet"), limits=limits)
    dropped = next((notice for notice in table.notices if notice.startswith("Dropped ")), "")
    if dropped:
        raise TextSetError(f"Rows without a text have vectors all the same. {dropped}", "Leave out these rows.")
    return table


def preview_vectors(
    content: bytes, file_name: str, matrices: Matrices, limits: Limits, report: Report
) -> VectorsPreview:
    """What a file holds; all its numbers are looked at, so that what cannot be saved is refused here."""
    n_layers, first = len(matrices.layer_names), None
    for layer in range(n_layers):
        report(layer, n_layers, "Looking at the numbers")
        rows = matrices.load(layer)
        first = rows[:_SHOWN_ROWS, :_SHOWN_DIMS].copy() if first is None else first
    assert first is not None
    return VectorsPreview(
        format=matrices.format,
        dtype=matrices.sources[0][0].dtype,
        n_rows=matrices.n_rows,
        n_dims=matrices.n_dims,
        layer_names=matrices.layer_names,
        found=tuple(FoundMatrix(one.name, one.shape, one.dtype, one.problem) for one in matrices.found),
        first=tuple(tuple(float(value) for value in row) for row in first),
        notices=matrices.notices,
        texts=_own_texts(content, file_name, matrices, limits),
    )


def _own_texts(content: bytes, file_name: str, matrices: Matrices, limits: Limits) -> TextPreview | None:
    if matrices.format != "parquet":
        return None
    return preview_texts(content, file_name, ReadOptions(format="parquet"), limits=limits)


def format_of(file_name: str) -> str:
    """The format of a file by its name; raises InvalidRequest for one that is not read, pickles by name."""
    suffix = PurePath(file_name.lower()).suffix
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    listed = ", ".join(f".{name}" for name in FORMATS)
    if suffix in _PICKLED:
        raise InvalidRequest(
            f"'{file_name}' is read by unpickling, which can run code, so it is refused.",
            f"Save the vectors as one of {listed}: np.save, np.savez or safetensors.torch.save_file.",
        )
    raise InvalidRequest(f"'{file_name}' is no file of vectors by its name.", f"These are read: {listed}.")
