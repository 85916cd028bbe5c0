"""Estimates from clustered samples, against closed forms and designed data."""

import numpy as np
import pandas as pd
import pytest
from statistical import agree

from qgmutils.statistics import estimates


def test_standard_error_counts_circuits_not_copies(rng):
    values = rng.normal(size=200)
    copied, circuit = np.repeat(values, 50), np.repeat(np.arange(200), 50)
    mean, error = estimates.cluster_estimate(copied, circuit, rng=rng, n_resamples=4000)
    assert mean == pytest.approx(values.mean(), abs=1e-12)
    # A bootstrap standard error of 4000 resamples is known to 1/sqrt(8000) = 1.1 %.
    agree(error / (values.std() / np.sqrt(200)), 1, 1 / np.sqrt(8000))


def test_one_circuit_has_no_standard_error(rng):
    with pytest.raises(ValueError, match="at least 2"):
        estimates.cluster_estimate([1.0, 2.0], [3, 3], rng=rng)


def test_skewness_of_a_gamma_sample(rng):
    sample = rng.gamma(4, 0.25, 40000)
    value, error = estimates.skewness(sample, np.arange(40000) // 20, rng=rng)
    agree(value, 1, error)
    assert error < 0.08
    assert value == pytest.approx(float(pd.Series(sample).skew()), abs=1e-3)  # pandas corrects for bias, 1/M


def test_relative_slope_of_a_line(rng):
    x = rng.normal(1, 0.3, 500)
    value, error = estimates.relative_slope(x, 2 + 3 * (x - x.mean()), np.arange(500) // 5, rng=rng)
    assert value == pytest.approx(1.5, abs=1e-12)
    assert error > 0


def test_gap_of_a_sample_to_itself_and_to_a_shifted_one(rng):
    # Evenly spread: the largest gap between random samples would exceed that between their laws.
    x = rng.permutation((np.arange(4000) + 0.5) / 4000)
    circuit = np.arange(4000) // 10
    assert estimates.distribution_gap(x, circuit, x, rng=rng)[0] < 1e-12
    gap, _ = estimates.distribution_gap(x, circuit, x + 0.25, rng=rng)
    assert gap == pytest.approx(0.25, abs=1 / 400)  # the grid has 400 cells
    # Weight zero for the upper half of the reference leaves a uniform law on half of the interval.
    gap, error = estimates.distribution_gap(x, circuit, x, weights=x < 0.5, rng=rng)
    assert gap == pytest.approx(0.5, abs=1 / 400)
    # Of a share of one half; 400 circuits leave 4 % of uncertainty.
    assert error == pytest.approx(np.sqrt(0.25 / 4000), rel=0.25)


def test_binned_means_leave_out_thin_bins(rng):
    x = np.concatenate([np.full(100, 0.5), np.full(5, 1.5), np.full(40, 2.5)])
    circuit = np.concatenate([np.arange(100) % 7, np.zeros(5), np.zeros(40)])
    bins = estimates.binned_means(x, x**2, circuit, [0, 1, 2, 3], rng=rng)
    assert bins["bin"].tolist() == [0]  # the second has too few points, the third a single circuit
    assert bins["y"].tolist() == [0.25]
