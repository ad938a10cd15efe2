"""Which rows the accuracies of a report are over, and what makes them doubtful."""

from collections.abc import Mapping

from backend.values.results import Result


def tested_on(found: Mapping[str, Result]) -> str:
    """Number and origin of the test rows, and every doubt about them, as sentences; empty where nothing has test rows."""
    splits = [split for result in found.values() if (split := getattr(result.values, "split", None)) is not None]
    if not splits:
        return ""
    first = splits[0]
    rows = f"The {first.n_test:,} test rows"
    if first.held_out:
        origin = f"{rows} are those that {' and '.join(repr(run) for run in first.runs)} held out from training."
    elif first.seeded:
        origin = f"{rows} are drawn by the seed."
    else:
        origin = f"{rows} are the texts' own split '{first.test_name}'."
    doubts = dict.fromkeys(doubt for split in splits for doubt in split.warnings)
    return " ".join([origin, *doubts])
