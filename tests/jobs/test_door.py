"""Who is let in to a process of a cluster, and a setting that needs a package that is not there."""

import importlib.util
from itertools import count

import pytest

from backend import InvalidRequest, read_settings
from backend.jobs.cluster.door import Door


def test_one_is_inside_and_who_came_first_comes_next() -> None:
    door = Door()
    assert door.enter("long") and not door.enter("short") and not door.enter("third")
    assert door.idle_seconds == 0.0
    door.leave()
    assert not door.enter("long"), "the others were sent away before"
    assert not door.enter("third") and door.enter("short")
    door.leave()
    assert door.enter("third")
    door.leave()
    assert door.enter("long")


def test_who_does_not_come_again_is_not_waited_for() -> None:
    now = count(0.0, 1.0)
    door = Door(clock=lambda: next(now))
    assert door.enter("long") and not door.enter("gone")
    door.leave()
    next(now), next(now)
    assert door.enter("long")


def test_the_executor_has_to_be_one_and_its_package_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDSCOPE_EXECUTOR", "slurm")
    with pytest.raises(InvalidRequest, match="slurm") as caught:
        read_settings()
    assert "local or ray" in caught.value.hint
    monkeypatch.setenv("EMBEDSCOPE_EXECUTOR", "ray")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidRequest, match="not installed") as caught:
        read_settings()
    assert "requirements-ray.txt" in caught.value.hint
