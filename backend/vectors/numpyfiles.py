"""numpy's own files, ``.npy`` and ``.npz``: headers are read first, and no array is made that the file cannot fill."""

import io
import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from backend.errors import InvalidRequest
from backend.vectors.limits import MOST_LAYERS, VectorLimits
from backend.vectors.matrices import Found, judged

_NPY, _ZIP = b"\x93NUMPY", b"PK"
_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
    (3, 0): npy.read_array_header_2_0,  # the same, with a header in UTF-8: for names of fields, which are refused
}
# What numpy raises for a header, which is Python's notation.
_NO_HEADER = (
    ValueError,
    LookupError,
    EOFError,
    SyntaxError,
    tokenize.TokenError,
    TypeError,
    RecursionError,
    OverflowError,
)
_DAMAGED = (*_NO_HEADER, zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError)
_OBJECTS = "Save it as floating-point numbers: np.save(path, np.stack(rows).astype('float32'))."


def read_npy(content: bytes, file_name: str) -> list[Found]:
    """The one array of a ``.npy`` file; its numbers are looked at in place.

    Raises InvalidRequest for a file that is none, is cut off, or holds objects, which would have to be unpickled.
    """
    if not content.startswith(_NPY):
        raise InvalidRequest(f"'{file_name}' is no .npy file: it does not begin like one.", "Write it with np.save.")
    stream = io.BytesIO(content)
    shape, fortran, dtype = _header(stream, file_name)
    at = stream.tell()
    if len(content) - at != _bytes(shape, dtype):
        raise InvalidRequest(
            f"'{file_name}' is cut off or has something after its end: its header promises {_bytes(shape, dtype):,} bytes "
            f"of numbers, and there are {len(content) - at:,}.",
            "Save it again.",
        )

    def load() -> npt.NDArray[np.generic]:
        flat = np.frombuffer(content, dtype=dtype, offset=at)
        return flat.reshape(shape, order="F" if fortran else "C")

    return [judged(file_name, shape, dtype.name, load)]


def read_npz(content: bytes, file_name: str, limits: VectorLimits) -> list[Found]:
    """The arrays of a ``.npz`` file by their names; none is unpacked before its numbers are wanted.

    Raises InvalidRequest as read_npy does, and for a file that would unpack to more than its header says or may be kept.
    """
    if not content.startswith(_ZIP):
        raise InvalidRequest(f"'{file_name}' is no .npz file: it does not begin like one.", "Write it with np.savez.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = [info for info in archive.infolist() if not info.is_dir()]
        if len(members) > MOST_LAYERS:
            raise InvalidRequest(
                f"'{file_name}' holds {len(members):,} arrays; the limit is {MOST_LAYERS:,}.", "Save fewer layers."
            )
        names = [info.filename.removesuffix(".npy") for info in members]
        if len(set(names)) < len(names):
            raise InvalidRequest(f"'{file_name}' holds two arrays of one name.", "Save it again with np.savez.")
        return [_member(archive, info, name, limits) for info, name in zip(members, names, strict=True)]
    except _DAMAGED as error:
        raise _damaged(file_name, error) from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, limits: VectorLimits) -> Found:
    with archive.open(info) as stream:
        shape, fortran, dtype = _header(stream, name)
        at = stream.tell()
    n_bytes = _bytes(shape, dtype)
    if info.file_size - at != n_bytes:
        raise InvalidRequest(
            f"'{name}' is not what its header promises: {n_bytes:,} bytes of numbers, where the file has {info.file_size - at:,}.",
            "Save the file again.",
        )
    found = judged(name, shape, dtype.name, partial(_unpacked, archive, info, at, shape, fortran, dtype))
    if not found.problem:
        limits.check_shape(shape[0] if len(shape) == 3 else 1, *shape[-2:])
    return found


def _unpacked(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    at: int,
    shape: tuple[int, ...],
    fortran: bool,
    dtype: np.dtype[Any],
) -> npt.NDArray[np.generic]:
    try:
        content = archive.read(info)  # no more than its size, which the header agrees with
    except _DAMAGED as error:
        raise _damaged(info.filename, error) from None
    if len(content) != info.file_size:
        raise _damaged(info.filename, EOFError("it ends too early"))
    return np.frombuffer(content, dtype=dtype, offset=at).reshape(shape, order="F" if fortran else "C")


def _header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and number format; nothing behind the header is read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = npy.read_magic(stream)
            shape, fortran, dtype = _HEADERS[version](stream)
    except (*_NO_HEADER, MemoryError) as error:  # Python has too little for notation that is nested very deep
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise InvalidRequest(f"'{name}' has no header of numpy that can be read: {said}.", "Save it again.") from None
    if dtype.hasobject:
        raise InvalidRequest(
            f"'{name}' holds Python objects (rows of different lengths make such an array). Reading it could run code, so "
            "it is refused.",
            _OBJECTS,
        )
    return tuple(shape), bool(fortran), dtype


def _bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return math.prod(shape) * dtype.itemsize


def _damaged(name: str, error: Exception) -> InvalidRequest:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
    return InvalidRequest(f"'{name}' is damaged or cut off: {said}.", "Save it again with np.savez.")
