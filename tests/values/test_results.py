"""Results say of which class their values are, to the type checker and at run time."""

import dataclasses

import numpy as np
import pytest

import backend
from backend import CkaResult, InvalidRequest, Result, RogueResult, result_of, results_of, values_of
from backend.metrics import METRICS

VALUES = CkaResult(np.eye(2), np.zeros((2, 2)), "linear", True, 0.5, True, 9, 3, 3)
RESULT = Result("0" * 40, "cka", 1, VALUES)


def test_the_values_come_back_as_what_they_are() -> None:
    assert values_of(RESULT, CkaResult) is VALUES
    assert result_of(RESULT, CkaResult) is RESULT
    assert results_of([RESULT, RESULT], CkaResult) == [RESULT, RESULT]


def test_another_class_is_refused_by_name() -> None:
    for refused in (
        lambda: values_of(RESULT, RogueResult),
        lambda: result_of(RESULT, RogueResult),
        lambda: results_of([RESULT], RogueResult),
    ):
        with pytest.raises(InvalidRequest, match="'cka' \\(CkaResult\\), not a RogueResult"):
            refused()


def test_every_metric_has_its_classes_in_the_public_api_and_its_entry_is_called_run() -> None:
    for row in METRICS.values():
        for cls in (row.params, row.result):
            assert getattr(backend, cls.__name__) is cls and cls.__name__ in backend.__all__
            assert dataclasses.is_dataclass(cls)
        assert row.run.__name__ == "run", row.name
