"""A disk that is really full: a small file system of its own where one may be mounted, else a limit on the size of files."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path


class SmallDisk:
    """A folder with ``n_bytes`` of room, which `fill` takes away and `free` gives back."""

    def __init__(self, folder: Path, mounted: bool) -> None:
        self.folder, self.mounted = folder, mounted
        self._limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self, left: int = 0) -> None:
        """Leave ``left`` bytes."""
        if not self.mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max(1, left), self._limit[1]))
            return
        free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
        with (self.folder / "ballast").open("ab") as file, contextlib.suppress(OSError):
            file.write(bytes(max(0, free - left)))
            file.flush()
        if not left:
            with contextlib.suppress(OSError), (self.folder / "ballast").open("ab", buffering=0) as file:
                while file.write(bytes(512)):
                    pass

    def free(self) -> None:
        """Make room again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limit)
        if self.mounted:
            (self.folder / "ballast").unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, n_bytes: int) -> Iterator[SmallDisk]:
    """A SmallDisk at ``folder``."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    disk = SmallDisk(folder, mounted)
    try:
        yield disk
    finally:
        disk.free()
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
