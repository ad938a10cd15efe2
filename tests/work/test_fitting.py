"""What measured times say of the next one: both factors, what is near, a busy machine, and times that were recorded."""

import json
import math
from pathlib import Path

import pytest

from backend.metrics import METRICS, parse_params
from backend.metrics.effort import Size
from backend.work.fitting import NOTHING, Measured, Pace, fitted
from backend.work.speed import machine_speed, speed_from

RECORDED = Path(__file__).with_name("recorded_times.json")


def test_with_nothing_measured_the_guess_stands_and_is_said_to_be_one() -> None:
    found = fitted(4.0, "a", [])
    assert found.seconds == pytest.approx(4.0) and not found.measured
    assert 4.0 / 5 < found.low < 4.0 / 2 and 4.0 * 2 < found.high < 4.0 * 5


def test_measurements_of_the_same_work_take_the_place_of_the_guess() -> None:
    found = fitted(1.0, "a", [Measured(8.0, 1.0, "a")] * 8)
    assert found.measured
    assert 6.5 < found.seconds < 8.0
    assert found.low < 8.0 < found.high < 2 * found.low


def test_one_odd_time_does_not_move_the_rest() -> None:
    times = [Measured(seconds, 1.0, "a") for seconds in (2.0, 2.1, 1.9, 600.0, 2.0, 2.05, 1.95)]
    found = fitted(1.0, "a", times)
    assert 1.6 < found.seconds < 2.2


def test_what_is_near_in_size_counts_more() -> None:
    times = [
        *[Measured(0.3, 0.1, "a")] * 5,
        *[Measured(10.0, 10.0, "a")] * 5,
    ]  # three times the guess where it is small
    assert fitted(0.1, "a", times).seconds == pytest.approx(0.3, rel=0.2)
    assert fitted(10.0, "a", times).seconds == pytest.approx(10.0, rel=0.2)


def test_what_was_asked_in_the_same_way_counts_more() -> None:
    times = [*[Measured(1.0, 1.0, "quick")] * 4, *[Measured(20.0, 1.0, "slow")] * 4]
    assert fitted(1.0, "quick", times).seconds == pytest.approx(1.0, rel=0.4)
    assert fitted(1.0, "slow", times).seconds > 10


def test_far_from_all_that_was_measured_it_is_a_guess_again() -> None:
    times = [Measured(1.0, 0.01, "a")] * 3
    near, far = fitted(0.01, "a", times), fitted(1e6, "a", times)
    assert near.measured and not far.measured
    assert far.high / far.low > near.high / near.low


def test_the_latest_times_count_most() -> None:
    times = [*[Measured(1.0, 1.0, "a")] * 20, *[Measured(5.0, 1.0, "a")] * 20]
    assert fitted(1.0, "a", times).seconds > 4


def test_the_spread_covers_times_that_vary() -> None:
    seconds = [1.0, 1.5, 2.0, 3.0, 4.0, 1.2, 2.5, 3.5]
    steady = fitted(1.0, "a", [Measured(2.0, 1.0, "a")] * 8)
    varied = fitted(1.0, "a", [Measured(one, 1.0, "a") for one in seconds])
    assert varied.high / varied.low > steady.high / steady.low
    assert sum(varied.low <= one <= varied.high for one in seconds) >= 6


def test_estimates_add_up() -> None:
    one = fitted(2.0, "a", [])
    both = one + (one + one + one)
    assert (both.seconds, both.low, both.high) == pytest.approx((8.0, 4 * one.low, 4 * one.high))
    assert NOTHING + one == one


def test_what_a_small_run_spends_on_beginning_is_not_made_large() -> None:
    """A run of 1 s of which 0.9 are the same for any size tells little of one with a hundred times the work."""
    small = [Measured(0.95 + 0.1, 1.0, "a", start=0.9)] * 6
    assert fitted(0.9 + 10.0, "a", small, start=0.9).seconds == pytest.approx(10.9, rel=0.35)
    slow_to_begin = [Measured(4 * 0.9 + 0.1, 1.0, "a", start=0.9)] * 4 + [
        Measured(4 * 0.9 + 10.0, 10.9, "a", start=0.9)
    ] * 4
    assert fitted(0.9 + 100.0, "a", slow_to_begin, start=0.9).seconds == pytest.approx(103.6, rel=0.35)


def test_a_time_of_a_busy_machine_counts_as_the_work_that_was_done() -> None:
    busy = [Measured(6.0, 1.0, "a", worked=1.0)] * 6
    assert fitted(1.0, "a", busy).seconds == pytest.approx(1.0, rel=0.1)
    slowed = fitted(1.0, "a", busy, pace=Pace(load=6.0))
    assert slowed.seconds == pytest.approx(6.0, rel=0.1)
    calm = fitted(1.0, "a", busy)
    assert slowed.high / slowed.low > calm.high / calm.low, "a busy machine is less sure"


def test_the_calm_time_is_no_longer_than_the_time_and_not_much_shorter() -> None:
    assert Measured(2.0, 1.0, worked=8.0).calm == 2.0, "several threads"
    assert Measured(2.0, 1.0, worked=0.5).calm == 0.5
    assert Measured(2.0, 1.0, worked=0.001).calm == 2.0 / 16, "it waited for something"
    assert Measured(2.0, 1.0).calm == 2.0 and Measured(2.0, 1.0).slowed == 0.0


def test_the_pace_is_that_of_the_latest_times_and_long_ones_say_more() -> None:
    assert Pace((), 0.2).of(1.0) == (0.0, 0.1)
    two = math.log(2.0)
    mixed, unsure = Pace(((two, 5.0, 1.0), (0.0, 5.0, 200.0)), 1.0).of(5.0)
    assert two / 2 < mixed < two and unsure > 0.35
    assert Pace(((two, 0.001, 1.0),), 1.0).of(0.001)[0] < 0.2 * two
    assert Pace(((two, 5.0, 1.0),) * 8, 2.0).of(5.0)[0] == pytest.approx(two)
    assert Pace((), 100.0).of(1.0)[0] == math.log(16.0)


def test_the_pace_of_a_short_run_is_that_of_short_runs() -> None:
    long, short = (math.log(4.0), 60.0, 2.0), (math.log(1.2), 0.05, 1.0)
    pace = Pace((short, long) * 6, 3.0)
    assert pace.of(0.05)[0] < pace.of(1.0)[0] < pace.of(60.0)[0]


def test_a_first_guess_is_scaled_by_the_speed_of_the_machine() -> None:
    assert fitted(2.0, "a", [], speed=math.log(3.0)).seconds == pytest.approx(6.0)
    measured = [Measured(2.0, 2.0, "a")] * 12
    assert fitted(2.0, "a", measured, speed=math.log(3.0)).seconds == pytest.approx(2.0, rel=0.1)
    assert speed_from([0.04, 0.02, 0.03]) == pytest.approx(0.0)
    assert speed_from([0.04, 0.05]) == pytest.approx(math.log(2.0)) and speed_from([0.0]) == 0.0
    assert speed_from([100.0]) == pytest.approx(math.log(4.0))
    assert machine_speed() == machine_speed() and abs(machine_speed()) <= math.log(4.0)


def test_recorded_times_are_foretold_within_a_factor_of_two() -> None:
    """Of every metric at four sizes, each by those before it: seconds and processor seconds of a machine at load 6 to 14."""
    known: dict[str, list[Measured]] = {}
    good, inside, first, n_known, n_first = 0, 0, 0, 0, 0
    for name, size, seconds, worked in json.loads(RECORDED.read_text()):
        row, measure = METRICS[name], Size(*size)
        params = parse_params(row.params, {"layer": 0} if name == "moved_texts" else {})
        guess, start = row.effort.guess(measure, params), row.effort.before(measure)
        now = Measured(seconds, guess, "a", start, worked)
        found, before = fitted(guess, "a", known.get(name, []), start=start), known.setdefault(name, [])
        off = math.exp(abs(math.log(found.seconds / now.calm)))
        if before:
            n_known, good, inside = n_known + 1, good + (off <= 2), inside + (found.low <= now.calm <= found.high)
        else:
            n_first, first = n_first + 1, first + (off <= 2)
        before.append(now)
    assert n_first == len(METRICS) and n_known > 70
    assert good >= 0.9 * n_known
    assert inside >= 0.75 * n_known, "about eight of ten are said to be in the range"
    assert first >= 0.8 * n_first, "the first guesses were measured on these times"
