"""The cache of the trials of damage, made once; each trial has a copy of its own."""

from pathlib import Path

import pytest

from tests.store.trial import Cache, copied, made


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """The cache as it should be."""
    return made(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def cache(whole: Cache, tmp_path: Path) -> Cache:
    """A copy of it to damage."""
    return copied(whole, tmp_path / "cache")
