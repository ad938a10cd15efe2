"""Writing a matrix bit by bit and whole or not at all: a temporary file, a seal, fsync, then one rename."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import StoreError
from backend.store.seal import Seal, file_checksum


class ArrayWriter:
    """Takes the rows of one array in any order; nobody sees the array before ``commit``.

    Rows go to the file by ``pwrite``, never through a memory map, so that a writer's resident memory does not grow
    with the array. Rows that are never written are zero: the caller writes every one.
    """

    def __init__(
        self,
        temporary: Path,
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        *,
        key: str,
        meta: dict[str, Any],
        finish: Callable[[Path], None],
        kind: str = "arrays",
    ) -> None:
        self._path, self._key, self._meta, self._finish = temporary, key, meta, finish
        self._kind = kind
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * self.dtype.itemsize
        self._file = -1
        try:
            with temporary.open("wb") as stream:
                header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                self._start = stream.tell()
                self._end = self._start + self._row_bytes * shape[0]
                stream.truncate(self._end)
            self._file = os.open(temporary, os.O_WRONLY)
        except OSError as error:
            raise disk_error(error) from error

    def write(self, rows: npt.NDArray[np.int64], block: npt.NDArray[Any]) -> None:
        """Put ``block`` (len(rows), ...) at the row numbers ``rows``; runs of neighbours are written together."""
        block = np.ascontiguousarray(block, dtype=self.dtype)
        order = np.argsort(rows, kind="stable")
        ordered = np.asarray(rows)[order]
        breaks = np.flatnonzero(np.diff(ordered) != 1) + 1
        try:
            for first, last in zip([0, *breaks], [*breaks, len(ordered)], strict=True):
                if last > first:
                    self._write_at(
                        self._start + int(ordered[first]) * self._row_bytes, block[order[first:last]].tobytes()
                    )
        except OSError as error:
            raise disk_error(error) from error

    def _write_at(self, offset: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written

    def commit(self) -> None:
        """Make the array visible, whole and sealed."""
        try:
            crc = file_checksum(self._path, self._end)
            seal = Seal(self._kind, self._key, self._end, crc, self.shape, self.dtype.str, self._meta)
            self._write_at(self._end, seal.to_bytes())
            os.fsync(self._file)
        except OSError as error:
            raise disk_error(error) from error
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


def write_whole(temporary: Path, target: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a small file whole or not at all; one that is not ``durable`` may be lost with the power."""
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(error) from error


def disk_error(error: OSError) -> StoreError:
    """What a failed write is to a reader."""
    return StoreError(
        f"The cache could not be written: {error.strerror}.",
        "Free some disk space, or point EMBEDSCOPE_CACHE at a folder with room that you may write to.",
    )
