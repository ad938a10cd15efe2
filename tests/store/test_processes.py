"""Which process is which: ids are used again, and a lock is free once its process is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.models.runfolder import RunFolder
from backend.store.processes import held_alone, is_held, process_alive, process_name
from backend.work.runlock import is_trained_by, training
from tests.conftest import ROOT

NODE, _, NUMBER = process_name().rpartition(".")


def test_a_process_is_told_by_its_id_and_when_it_began() -> None:
    pid, began, boot = NUMBER.split("-")
    assert int(pid) == os.getpid() and process_alive(process_name())
    assert not process_alive(f"{NODE}.{pid}-{int(began) + 1}-{boot}"), "another process has the id now"
    assert not process_alive(f"{NODE}.{pid}-{began}-{'0' * len(boot)}"), "the machine was started anew"
    assert process_alive(f"{NODE}.{pid}"), "written by a version that did not say when"
    assert not process_alive(f"{NODE}.4194304-{began}-{boot}") and not process_alive(f"{NODE}.{10**30}")
    assert process_alive(f"another-machine.{NUMBER}"), "nobody here can know"


def test_a_process_that_ended_and_that_nobody_has_asked_after_is_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not process_alive(f"{NODE}.{ended.pid}")
    ended.wait()


def test_a_lock_is_held_by_one_and_free_when_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = "import sys, time; from pathlib import Path; from backend.store.processes import held_alone; "
    code += f"kept = held_alone(Path({str(path)!r}), 'the first'); print('held', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdout.readline() == b"held\n"
    said = held_alone(path, "the second")
    assert isinstance(said, str) and said.endswith("the first") and f".{other.pid}-" in said
    assert is_held(path)
    other.kill()
    other.wait()
    assert is_held(path) is False
    lock = held_alone(path, "the second")
    assert not isinstance(lock, str)
    lock.close()
    assert is_held(tmp_path / "nothing") is None


def test_a_run_of_another_container_that_is_gone_is_not_being_trained(tmp_path: Path) -> None:
    """Its name says nothing here, but nobody holds its lock."""
    folder = RunFolder(tmp_path, "a")
    folder.path.mkdir()
    assert is_trained_by(folder, "a-container.7-100-abc"), "of a version without locks: nobody can know"
    (folder.path / ".training").touch()
    assert not is_trained_by(folder, "a-container.7-100-abc")
    with training(folder):
        assert is_trained_by(folder, "a-container.7-100-abc")
        with pytest.raises(Exception, match="being trained by another process"), training(folder):
            raise AssertionError
    assert not folder.path.exists(), "it came to nothing"
