"""Writing a matrix bit by bit and whole or not at all: a temporary file, a seal, fsync, then one rename."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import StoreError
from backend.store.access import open_new
from backend.store.seal import Seal, file_checksum

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
            with os.fdopen(open_new(temporary), "wb") as stream:
                header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                self._start = stream.tell()
                self._end = self._start + self._row_bytes * shape[0]
                stream.truncate(self._end)
            self._file = os.open(temporary, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            self.abandon()
            raise disk_error(error, temporary, self._row_bytes * shape[0]) from error

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
            raise disk_error(error, self._path, self._end) from error

    def _write_at(self, offset: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written

    def commit(self, noted: dict[str, Any] | None = None) -> None:
        """Make the array visible, whole and sealed; what is ``noted`` of it by now joins what was when it began."""
        self._meta = {**self._meta, **(noted or {})}
        try:
            crc = file_checksum(self._path, self._end)
            seal = Seal(self._kind, self._key, self._end, crc, self.shape, self.dtype.str, self._meta)
            self._write_at(self._end, seal.to_bytes())
            os.fsync(self._file)
            self._close()
            self._finish(self._path)
        except OSError as error:
            raise disk_error(error, self._path, self._end) from error
        finally:
            self._close()

    def abandon(self) -> None:
        """Leave nothing behind; harmless after ``commit``."""
        self._close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def scratch_map(
    blocks: Iterable[npt.NDArray[np.float32]], shape: tuple[int, ...], folder: Path
) -> npt.NDArray[np.float32]:
    """``blocks``, one after the other, as a read-only memory map of ``shape``; its file has no name and goes with it."""
    if 0 in shape:
        return np.zeros(shape, np.float32)
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            for block in blocks:
                stream.write(np.ascontiguousarray(block, dtype=np.float32).data)
            stream.flush()
            return np.memmap(stream, np.float32, "r", shape=shape)
    except OSError as error:
        raise disk_error(error, folder / "scratch", 4 * int(np.prod(shape))) from error


def write_whole(temporary: Path, content: bytes, place: Callable[[Path], object], *, durable: bool = True) -> None:
    """Write a small file whole or not at all, then ``place`` it; one that is not ``durable`` may be lost with the power."""
    try:
        with os.fdopen(open_new(temporary), "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        place(temporary)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise disk_error(error, temporary, len(content)) from error


def disk_error(error: OSError, path: Path, n_bytes: int = 0) -> StoreError:
    """What a failed write of ``n_bytes`` at ``path`` is to a reader: how much was to be written, and how much room there is."""
    return StoreError(f"The cache could not be written: {said(error, path, n_bytes)}.", remedy(error, path.parent))


def said(error: OSError, path: Path, n_bytes: int) -> str:
    """What kept ``n_bytes`` from being written at ``path``, in words."""
    what = error.strerror or str(error)
    if error.errno not in _FULL:
        return what
    needed = f"{n_bytes / 1e6:,.2f} MB were to be written, " if n_bytes else ""
    return f"{what}: {needed}{_free(path):,.2f} MB are free"


def remedy(error: OSError, folder: Path) -> str:
    """What to do about a write that failed."""
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"Make {folder} writable for this user, or point EMBEDSCOPE_CACHE at a folder that you may write to."
    return "Free some disk space, or point EMBEDSCOPE_CACHE at a folder with room that you may write to."


def _free(path: Path) -> float:
    """Megabytes that are free where ``path`` lies."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(path if path.is_dir() else path.parent).free / 1e6
    return 0.0
