"""What a workbench does with any task: it reads what is there, follows a job to its end, and says why there is nothing."""

from dataclasses import replace

import pytest

from backend import EmbedscopeError, JobStatus, ResolveTask, Settings, open_workbench
from backend.bench.following import Follower
from backend.bench.wiring import CODEC, open_store
from backend.bench.workbench import Workbench
from backend.work.library import Library

TASK = ResolveTask("minilm")
QUEUED = JobStatus("id", "Look up minilm", "queued")


class Jobs:
    """An executor of which only the states of one job are known, one a look."""

    def __init__(self, *states: JobStatus | None) -> None:
        self.states, self.started = list(states), 0

    def start(self, task: object) -> JobStatus:
        self.started += 1
        return QUEUED

    def fetch(self, task: object) -> bool:
        return False

    def status(self, job_id: str) -> JobStatus | None:
        return self.states.pop(0)


@pytest.fixture
def followed(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """A follower of such jobs that does not sleep, with nothing in its store."""
    monkeypatch.setattr("backend.bench.following.time.sleep", lambda seconds: None)
    store = open_store(settings)

    def following(jobs: Jobs) -> Follower:
        return Follower(store, jobs, CODEC, Library(store), settings)  # type: ignore[arg-type]

    return following


def test_a_job_is_followed_to_its_end_with_its_progress(followed) -> None:
    jobs = Jobs(
        replace(QUEUED, state="running", done=1, total=4, stage="Reading"), replace(QUEUED, state="failed", error="No.")
    )
    seen = []
    with pytest.raises(EmbedscopeError, match=r"No\."):
        followed(jobs).wait(TASK, lambda *progress: seen.append(progress))
    assert seen == [(1, 4, "Reading"), (0, 0, "")]


def test_a_job_that_failed_says_its_own_reason_and_hint(followed) -> None:
    with pytest.raises(EmbedscopeError, match="It broke") as caught:
        followed(Jobs(replace(QUEUED, state="failed", error="It broke.", hint="Mend it."))).wait(TASK)
    assert caught.value.hint == "Mend it."


def test_a_job_that_is_gone_is_said_to_be(followed) -> None:
    with pytest.raises(EmbedscopeError, match="no longer exists"):
        followed(Jobs(None)).wait(TASK)


def test_a_result_that_is_gone_again_is_asked_for_twice_and_then_said(followed) -> None:
    done = replace(QUEUED, state="done")
    jobs = Jobs(done, done)
    with pytest.raises(EmbedscopeError, match="removed from the cache") as caught:
        followed(jobs).wait(TASK)
    assert jobs.started == 2 and "EMBEDSCOPE_CACHE_BYTES" in caught.value.hint


def test_what_is_there_is_read_without_a_job(bench: Workbench, settings: Settings) -> None:
    found = bench.wait(TASK)
    other = open_workbench(settings)
    assert bench.peek(TASK) == other.peek(TASK) == found
    other.close()
