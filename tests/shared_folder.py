"""Where the shared data, models and papers are, if they are here: EMBEDSCOPE_SHARED, else beside the project."""

import os
from pathlib import Path


def _find() -> Path | None:
    named = os.environ.get("EMBEDSCOPE_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[1].parent / "shared"
    return folder if folder.is_dir() else None


SHARED: Path | None = _find()
