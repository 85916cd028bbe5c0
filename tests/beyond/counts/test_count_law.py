"""Cases with a predicted count against their dense spectra, and estimates from known numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statistical import sigmas

from qgmutils.beyond.counts import count_law
from qgmutils.circuits import Randomised, Restricted


@pytest.mark.parametrize(("n", "g"), [(2, 1), (3, 2), (3, 7)])
@pytest.mark.parametrize("spectrum", count_law.SPECTRA)
def test_designs_have_their_rank_and_field(spectrum, n, g):
    case, model = count_law.designed(spectrum, n, g, seed=3)
    levels = np.linalg.eigvalsh(model.loss.build().matrix)
    excited = levels - levels[0] > 1e-9 * levels[-1]
    assert (case.rank, case.dimension_count) == (excited.sum(), 2 * excited.sum())
    assert excited.sum() == 2**n - g
    # m from the levels; eigenvalues are known to 1e-14 of the largest.
    m = levels.sum() ** 2 / np.sum((levels - levels.mean()) ** 2)
    assert case.field_count == pytest.approx(2 * m, rel=1e-10)
    assert isinstance(model.circuit, Randomised)
    assert (case.model, case.spectrum, case.n_qubits, case.degeneracy) == ("complex", spectrum, n, g)


@pytest.mark.parametrize(
    ("model", "count"), [("complex", 14), ("real", 7), ("even", 6), ("even real", 3)]
)  # of 8 amplitudes: 2 * 8 - 2, 8 - 1, 2 * 4 - 2, 4 - 1
def test_the_ring_needs_all_dimensions_of_a_model(model, count):
    case, made = count_law.ising(model, 3)
    assert case.dimension_count == count
    assert isinstance(made.circuit, Randomised if model == "complex" else Restricted)
    ranks = count_law.metric_ranks({case: made}, n_circuits=2, seed=1)
    assert (ranks["max"] <= ranks["n_params"].clip(upper=count)).all()
    assert ranks["mean"].iloc[-1] == ranks["dimension"].iloc[-1] == count
    assert ranks["n_params"].tolist() == list(range(1, 23))


def test_counts_around_the_prediction_and_on_a_grid():
    case, model = count_law.designed("flat", 2, 3, seed=1)  # rank 1, so 2 angles
    assert list(count_law.window(case)) == [0, 1, 2, 3, 4, 5, 6]
    assert count_law.grid(case) == {1, 2, 3, 4, 6, 8, 10, 12, 14}
    found = count_law.minima({case: model}, count_law.window, n_circuits=3, seed=1)
    assert found["n_params"].unique().tolist() == [1, 2, 3, 4, 5, 6]  # no circuit has no angle
    assert (found["offset"] == found["n_params"] - 2).all()
    assert len(found) == 18
    assert not found.loc[found["offset"] < 0, "solved"].any()
    assert (found[list(count_law.Case._fields)] == list(case)).all(axis=None)


def test_near_misses_have_the_exponent_of_their_law(rng):
    losses = pd.Series(rng.uniform(size=4000) ** 2)  # the square of one number of finite density
    exponent, error, number = count_law.near_misses(losses, bound=0.01)
    assert number == np.sum(losses < 0.01)
    assert error == pytest.approx(exponent / np.sqrt(number))
    assert abs(exponent - 0.5) < sigmas() * error
    alone = count_law.near_misses(pd.Series([0.5, 1e-5, 1e-15, 0.0]))  # zeros are no near misses
    assert np.isnan(alone[:2]).all()
    assert alone[2] == 1


def test_levels_are_paired_by_size_and_multiplicity():
    counts = pd.DataFrame(
        {
            "spectrum": ["flat", "pareto", "pareto", "flat"],
            "n_qubits": 4,
            "degeneracy": [1, 2, 1, 2],
            "p_c": [30.0, 27.0, 30.5, 28.0],
            "low": [29.0, 26.0, 30.5, 28.0],
            "high": [31.0, 30.0, 30.5, 31.0],
        }
    )
    pairs = count_law.level_pairs(counts)
    assert pairs["gap"].tolist() == [0.5, 1.0]
    assert pairs["error"].tolist() == [0.5, 1.25]  # widths 2 and 0; 3 and 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: count_law.designed("tfim", 3, 1, seed=1), "spectrum"),
        (lambda: count_law.designed("pareto", 3, 8, seed=1), "degeneracy"),
        (lambda: count_law.ising("odd", 3), "model"),
        (lambda: count_law.ising("even", 1), "n_qubits"),
    ],
)
def test_cases_that_mean_nothing_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
