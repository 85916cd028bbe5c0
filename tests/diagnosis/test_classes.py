"""A diagnosis finds the counts that theory gives the classes of `beyond.counts.one_law`."""

from __future__ import annotations

import warnings

import pytest

from qgmutils.beyond.counts import one_law
from qgmutils.diagnosis import diagnose


@pytest.mark.parametrize("name", one_law.CLASSES)
def test_the_count_is_that_of_the_class(name: str) -> None:
    n = max(2, one_law.FEWEST.get(name, 1))
    case = one_law.posed(name, n, seed=2022)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few starts
        found = diagnose(case.model.with_params(case.predicted), starts=8, seconds=10).reach
    assert found.count == case.predicted
    assert found.dimension == case.dimension
    assert found.measured in (None, case.predicted)
