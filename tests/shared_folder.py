"""Where the shared folder with small real models and data is, for the tests that need it."""

import os
from pathlib import Path

_FOUND = Path(os.environ.get("EMBEDSCOPE_SHARED") or Path(__file__).resolve().parents[2] / "shared")
SHARED: Path | None = _FOUND if _FOUND.is_dir() else None
