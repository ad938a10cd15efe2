"""Writing a matrix bit by bit and whole or not at all: a temporary file, fsync, then one rename."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import StoreError


class ArrayWriter:
    """Takes the rows of one array in any order; nobody sees the array before ``commit``.

    Rows go to the file by ``pwrite``, never through a memory map, so that a writer's resident memory does not grow
    with the array. Rows that are never written are zero: the caller writes every one.
    """

    def __init__(self, temporary: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, finish: Callable[[Path], None]):
        self._path, self._finish = temporary, finish
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * self.dtype.itemsize
        with temporary.open("wb") as stream:
            header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            self._start = stream.tell()
            stream.truncate(self._start + self._row_bytes * shape[0])
        self._file = os.open(temporary, os.O_WRONLY)

    def write(self, rows: npt.NDArray[np.int64], block: npt.NDArray[Any]) -> None:
        """Put ``block`` (len(rows), ...) at the row numbers ``rows``; runs of neighbours are written together."""
        block = np.ascontiguousarray(block, dtype=self.dtype)
        order = np.argsort(rows, kind="stable")
        ordered = np.asarray(rows)[order]
        breaks = np.flatnonzero(np.diff(ordered) != 1) + 1
        try:
            for first, last in zip([0, *breaks], [*breaks, len(ordered)], strict=True):
                if last > first:
                    self._write_at(int(ordered[first]), block[order[first:last]].tobytes())
        except OSError as error:
            raise _disk_error(error) from error

    def _write_at(self, row: int, data: bytes) -> None:
        offset = self._start + row * self._row_bytes
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written

    def commit(self) -> None:
        """Make the array visible, whole."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise _disk_error(error) from error
        finally:
            self._close()
        self._finish(self._path)

    def abandon(self) -> None:
        """Leave nothing behind; harmless after ``commit``."""
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def write_whole(temporary: Path, target: Path, content: bytes) -> None:
    """Write a small file whole or not at all."""
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _disk_error(error) from error


def _disk_error(error: OSError) -> StoreError:
    return StoreError(
        f"The cache could not be written: {error.strerror}.",
        "Free some disk space, or point EMBEDSCOPE_CACHE at a folder with room that you may write to.",
    )
