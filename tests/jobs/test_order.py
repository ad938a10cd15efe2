"""Who is next, who passes whom, and who has the turn: of times and names alone."""

from itertools import pairwise

import pytest

from backend.jobs.order import BRIEF, Waiting, in_turn, is_brief, may_pass, seconds_left
from backend.jobs.turns import LONGEST_TURN, Turns


def names(waiting: list[Waiting], **busy_until: float) -> list[str]:
    return [job.id for job in in_turn(waiting, busy_until)]


def test_short_jobs_pass_long_ones_of_the_same_person() -> None:
    queue = [Waiting(f"long{place}", "ann", place, 60.0) for place in range(29)]
    assert names([*queue, Waiting("short", "ann", 29.0, 1.0)])[0] == "short"


def test_no_job_waits_for_ever_behind_shorter_ones() -> None:
    """One second of work is asked for every second: who asks later than a long job would have ended comes after it."""
    later = [Waiting(f"{place}", "ann", float(place), 1.0) for place in range(1, 2000)]
    order = names([Waiting("long", "ann", 0.0, 780.0), *later])
    assert order.index("long") <= 780


def test_persons_take_turns_however_much_each_has_asked_for() -> None:
    many = [Waiting(f"a{place}", "ann", place / 10, 10.0) for place in range(29)]
    few = [Waiting("b0", "bob", 5.0, 10.0), Waiting("b1", "bob", 5.1, 10.0)]
    order = names([*many, *few])
    assert order.index("b0") <= 1 and order.index("b1") <= 3
    assert names([Waiting("mine", "ann", 2.0, 10.0), Waiting("yours", "bob", 3.0, 10.0)], ann=60.0) == ["yours", "mine"]


def test_who_has_work_done_all_the_time_is_passed_by_whoever_waits() -> None:
    """Every long job of one person has its time, and a person with one more waits for no more than that."""
    order = names(
        [Waiting("a1", "ann", 0.0, 100.0), Waiting("a2", "ann", 0.0, 100.0), Waiting("b", "bob", 50.0, 100.0)],
        ann=100.0,
    )
    assert order == ["b", "a1", "a2"]


@pytest.mark.parametrize(
    ("seconds", "person", "left", "passes"),
    [
        (4.0, "ann", 780.0, True),
        (500.0, "ann", 780.0, False),  # not much shorter
        (500.0, "bob", 780.0, True),  # another person's
        (1.0, "ann", 4.0, False),  # over before another process has started
    ],
)
def test_what_passes_a_job_that_is_being_done(seconds: float, person: str, left: float, passes: bool) -> None:
    assert may_pass(Waiting("x", person, 0.0, seconds), [("ann", left)]) is passes


@pytest.mark.parametrize(
    ("seconds", "left", "brief"),
    [
        (4.0, [780.0, 60.0], True),
        (BRIEF, [780.0, 500.0], True),
        (BRIEF + 1.0, [780.0, 500.0], False),  # others would wait for it
        (4.0, [780.0, 7.0], False),  # not much shorter than the second
        (1.0, [780.0, 4.0], False),  # over before another process has started
    ],
)
def test_what_the_process_for_short_jobs_takes(seconds: float, left: list[float], brief: bool) -> None:
    assert is_brief(Waiting("x", "ann", 0.0, seconds), [(f"p{place}", one) for place, one in enumerate(left)]) is brief


def test_a_job_that_is_late_may_take_as_long_again() -> None:
    assert seconds_left(10.0, 2.0, None) == 8.0
    assert seconds_left(4.0, 60.0, None) == 60.0
    assert seconds_left(4.0, 60.0, 2.5) == 2.5, "it says so itself"


class Trial:
    """Jobs by name with so many seconds of work, on a clock of its own."""

    def __init__(self) -> None:
        self.now, self.left = 0.0, dict[str, float]()
        self.ended: dict[str, float] = {}
        self.turns: Turns[str] = Turns(lambda: self.now)

    def ask(self, name: str, seconds: float) -> None:
        self.left[name] = seconds
        self.turns.join(name, lambda: self.left[name])

    def run(self, seconds: float, step: float = 0.1) -> None:
        until = self.now + seconds
        while self.now < until:
            working = [name for name in self.left if self.turns.before(name) is None]
            assert len(working) <= 1, "one at a time"
            self.now += step
            for name in working:
                self.left[name] -= step
                if self.left[name] <= 0:
                    del self.left[name]
                    self.ended[name] = self.now
                    self.turns.leave(name)


def test_a_short_job_takes_the_turn_at_once_and_the_long_one_goes_on() -> None:
    trial = Trial()
    trial.ask("long", 780.0)
    trial.run(100.0)
    trial.ask("short", 4.0)
    trial.run(10.0)
    assert trial.ended["short"] == pytest.approx(104.0, abs=0.3)
    assert trial.turns.before("long") is None
    trial.run(700.0)
    assert trial.ended["long"] == pytest.approx(784.0, abs=0.5)


def test_a_stream_of_short_jobs_leaves_half_of_the_time_to_a_long_one() -> None:
    trial = Trial()
    trial.ask("long", 100.0)
    for number in range(100):
        trial.ask(f"short{number}", 4.0)
        while f"short{number}" in trial.left:
            trial.run(1.0)
    assert trial.ended["long"] < 230.0
    waits = [trial.ended[f"short{number}"] for number in range(100)]
    assert max(after - before for before, after in pairwise(waits)) < 4.5 + LONGEST_TURN


def test_two_long_jobs_take_turns() -> None:
    trial = Trial()
    trial.ask("one", 100.0)
    trial.ask("other", 100.0)
    trial.run(60.0)
    assert abs(trial.left["one"] - trial.left["other"]) <= LONGEST_TURN + 0.2
    trial.turns.leave("one")
    assert trial.turns.before("other") is None
