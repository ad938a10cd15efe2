"""What root may do whatever the modes say, and a person may not: the tests of files that may not be read or written, as others run them."""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guards import modes_bind

ROOT = Path(__file__).resolve().parents[2]
RIGHTS = (1, 2, 21)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, and CAP_SYS_ADMIN, which mounts small disks
PR_CAPBSET_DROP = 24
FILES = ("tests/textsets/test_reading.py", "tests/store/test_damaged_database.py", "tests/store/test_full_disk.py")
WORDS = "may_not_be_read or (new_database and (read-only or unreadable)) or leaves_nothing_half"


def _without_rights() -> None:
    """In the new process: root, whom modes bind like everybody else."""
    for right in RIGHTS:
        assert ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, right, 0, 0, 0) == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="rights of root are given up by themselves on Linux alone")
def test_the_same_holds_for_whom_modes_bind(tmp_path: Path) -> None:
    if modes_bind():
        pytest.skip("the tests themselves run as somebody whom modes bind")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-rs",
        *FILES,
        "-k",
        WORDS,
    ]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'files'}"],
        cwd=ROOT,
        env=environment,
        preexec_fn=_without_rights,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) > 20 and "root may" not in done.stdout, done.stdout[-6000:]
