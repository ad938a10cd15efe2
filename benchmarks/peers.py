"""The packages that are only compared with: pinned in requirements-bench.txt, installed into an environment of their own when first asked for.

The environment lies below the folder for temporary files and is named after the pins. Its packages come after the project's own on the
path of the benchmark's process alone, so that what both need is there once and the project's environment stays as it is.
"""

import hashlib
import site
import subprocess
import sys
import tempfile
import venv
from importlib.util import find_spec
from pathlib import Path

from backend.settings import PROJECT

PINS = PROJECT / "requirements-bench.txt"


def beside(name: str) -> str:
    """Make package ``name`` importable; returns why it is not, or nothing."""
    if find_spec(name) is not None:
        return ""
    folder = Path(tempfile.gettempdir()) / f"embedscope-peers-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps", "-r", str(PINS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"not installed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'pip failed'}"
        (folder / "installed").touch()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site.addsitedir(str(folder / "lib" / version / "site-packages"))
    return "" if find_spec(name) is not None else f"{name} is not in {PINS.name}"
