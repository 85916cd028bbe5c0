"""Limits of known laws."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statistical import alarm

from qgmutils.statistics.extrapolation import claimed, extrapolate, limits_table

DIMS = 2.0 ** np.arange(4, 10)


@pytest.mark.parametrize("power", [0.5, 0.65, 1.0, 1.5])
def test_interval_covers_the_limit_of_any_power(power, rng):
    covered, repeats = 0, 100
    for _ in range(repeats):
        errors = np.full(6, 0.003)
        means = 0.4 + 0.6 * DIMS**-power + errors * rng.standard_normal(6)
        limit = extrapolate(DIMS, means, errors)
        covered += limit.low <= 0.4 <= limit.high
        assert limit.low < limit.estimate < limit.high
        assert limit.degrees == 4
    # Two standard errors at every power within 4 of chi^2 cover 95 % at least.
    assert covered >= scipy.stats.binom.ppf(alarm(), repeats, 0.95)


def test_exact_laws_are_found():
    limit = extrapolate(DIMS, 0.2 + 0.5 * DIMS**-0.75, np.full(6, 1e-5))
    assert limit.power == 0.75
    assert limit.estimate == pytest.approx(0.2, abs=1e-6)
    assert limit.chi_square < 1e-6


def test_one_power_is_weighted_least_squares(rng):
    errors = rng.uniform(0.01, 0.05, 6)
    means = rng.normal(0.5, 0.05, 6)
    _, constant = np.polyfit(1 / DIMS, means, 1, w=1 / errors)
    limit = extrapolate(DIMS, means, errors, powers=[1.0])
    assert limit.estimate == pytest.approx(constant)
    assert limit.high - limit.low == pytest.approx(4 * limit.error)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="dims must be at least 3 different"):
        extrapolate([16, 16, 32], [1, 1, 1], [1, 1, 1])
    with pytest.raises(ValueError, match="positive"):
        extrapolate([16, 32, 64], [1, 1, 1], [1, 0, 1])
    with pytest.raises(ValueError, match=r"errors has .* 1 entries that are not finite"):
        extrapolate([16, 32, 64], [1, 1, 1], [1, np.nan, 1])
    with pytest.raises(ValueError, match="dims must be at least 3 different numbers that span"):
        extrapolate([16, 16.0001, 16.0002], [1, 1, 1], [1, 1, 1])
    with pytest.raises(ValueError, match="powers has the lowest value -1; all must be positive"):
        extrapolate([16, 32, 64], [1, 1, 1], [1, 1, 1], powers=[-1.0, 1.0])
    with pytest.raises(ValueError, match="means must be an array of real numbers"):
        extrapolate([16, 32, 64], ["1", "1", "1"], [1, 1, 1])


def test_tables_are_those_of_the_starts(rng):
    rows = [
        pd.DataFrame({"fraction": f, "n_qubits": n, "loss": rng.normal(f, 0.1, 30)})
        for f in (0.5, 1.0)
        for n in (4, 5, 6)
    ]
    trend, limits = limits_table(pd.concat(rows))
    assert trend["mean"].tolist() == pytest.approx([part["loss"].mean() for part in rows])
    assert trend["error"].tolist() == pytest.approx([part["loss"].std() / np.sqrt(30) for part in rows])
    half = trend[trend["fraction"] == 0.5]
    alone = extrapolate([16, 32, 64], half["mean"], half["error"])
    assert limits["estimate"].iloc[0] == pytest.approx(alone.estimate)
    assert limits["fraction"].tolist() == [0.5, 1.0]


def test_a_claim_rests_on_no_limit_that_fits_nothing():
    limits = pd.DataFrame({"fraction": [0.5, 1.0], "estimate": [0.4, 0.1], "low": [0.3, 0.05], "high": [0.5, 0.2],
                           "chi_square": [8.0, 8.1], "degrees": 2})  # fmt: skip
    found = claimed(limits, unit=[0.5, 0.2])
    assert found["value"].tolist() == pytest.approx([0.8, 0.5])
    assert found["value_low"].tolist() == pytest.approx([0.6, -4.75])
    assert found["value_high"].tolist() == pytest.approx([1.0, 6.0])
