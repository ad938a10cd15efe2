"""Who may read a cache folder: its owner alone. Folders are 0700, files 0600, those of an older version too."""

import contextlib
import os
import stat
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OTHERS = 0o077


def make_folder(path: Path) -> None:
    """Make a folder, with those above it that lack, that its owner alone may read; one that is there stays as it is."""
    if not path.is_dir():
        make_folder(path.parent)
        try:
            path.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            if not path.is_dir():
                raise


def open_new(path: Path) -> int:
    """Open a new file to be written, which its owner alone may read; whatever lies there is emptied."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)


def tighten(path: Path) -> None:
    """Take from all others what they may do with a file or folder; harmless where it is somebody else's."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def tighten_all(folder: Path) -> None:
    """Take from all others what they may do with a folder and with all that is in it; links are not followed."""
    tighten(folder)
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            tighten(Path(above) / name)


def open_to_others(folder: Path) -> bool:
    """Whether others may read or enter a folder."""
    try:
        return bool(folder.stat().st_mode & _OTHERS)
    except OSError:
        return False


def may_write(folder: Path) -> bool:
    """Whether something can be written into a folder: not where the file system or the folder is read-only."""
    return os.access(folder, os.W_OK | os.X_OK)
