"""What tests of rows that are words share."""

from pathlib import Path

import pytest

from tests.models import tiny


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A tiny encoder in a folder."""
    return str(tiny.save_family(tmp_path / "bert", "bert"))
