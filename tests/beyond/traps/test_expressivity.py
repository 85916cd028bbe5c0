from __future__ import annotations

import math

import pandas as pd
import pytest

from qgmutils.beyond.traps import expressivity


def test_exact_interval_of_a_share() -> None:
    # None of 20: 1 - 0.025^(1/20), Clopper and Pearson.
    found = expressivity.proportion(0, 20)
    assert (found.estimate, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_no_trials_have_no_share() -> None:
    found = expressivity.proportion(0, 0)
    assert all(map(math.isnan, (found.estimate, found.low, found.high)))


def test_no_densities_have_no_forecasts() -> None:
    table = expressivity.forecasts({}, pd.DataFrame())
    gaps = pd.DataFrame({"n_qubits": [4], "n_params": [6]})
    merged = gaps.merge(table, on=["n_qubits", "n_params"], how="left")
    assert merged[["one", "least", "volume"]].isna().all(axis=None)
