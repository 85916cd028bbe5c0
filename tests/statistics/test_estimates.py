"""Estimates from clustered samples, against closed forms and designed data."""

import numpy as np
import pandas as pd
import pytest
from statistical import agree

from qgmutils.statistics import estimates
from qgmutils.statistics.intervals import UndeterminedError


def test_standard_error_counts_circuits_not_copies(rng):
    values = rng.normal(size=200)
    copied, circuit = np.repeat(values, 50), np.repeat(np.arange(200), 50)
    mean, error = estimates.cluster_estimate(copied, circuit, rng=rng, n_resamples=4000)
    assert mean == pytest.approx(values.mean(), abs=1e-12)
    # A bootstrap standard error of 4000 resamples is known to 1/sqrt(8000) = 1.1 %.
    agree(error / (values.std(ddof=1) / np.sqrt(200)), 1, 1 / np.sqrt(8000))


def test_one_circuit_has_no_standard_error(rng):
    with pytest.raises(UndeterminedError, match="at least 2"):
        estimates.cluster_estimate([1.0, 2.0], [3, 3], rng=rng)


def test_skewness_of_a_gamma_sample(rng):
    sample = rng.gamma(4, 0.25, 40000)
    value, error = estimates.skewness(sample, np.arange(40000) // 20, rng=rng)
    agree(value, 1, error)
    assert error < 0.08
    assert value == pytest.approx(float(pd.Series(sample).skew()), abs=1e-3)  # pandas corrects for bias, 1/M


def test_skewness_of_equal_energies_is_none(rng):
    with np.errstate(invalid="ignore"):
        assert np.isnan(estimates.skewness(np.ones(40), np.arange(40) // 10, rng=rng)).all()


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x, c, rng: estimates.cluster_estimate(x * np.nan, c, rng=rng),
            "columns has .* 40 entries that are not",
        ),
        (
            lambda x, c, rng: estimates.cluster_estimate(x, c[:-1], rng=rng),
            r"circuit has the shape \(39,\); it must be \(40,\)",
        ),
        (
            lambda x, c, rng: estimates.cluster_estimate(x, c, rng=rng, n_resamples=1),
            "n_resamples must be .* least 2",
        ),
        (lambda x, c, rng: estimates.cluster_estimate(x, c, rng=3), "rng must be"),
        (
            lambda x, c, rng: estimates.cluster_estimate(x, np.where(c > 1, c, np.nan), rng=rng),
            "labels without gaps",
        ),
        (lambda x, c, rng: estimates.cluster_estimate([], [], rng=rng), r"shape \(0,\)"),
        (lambda x, c, rng: estimates.skewness([*x[1:], np.inf], c, rng=rng), "energy has .* 1 entries"),
        (lambda x, c, rng: estimates.relative_slope(x, x[1:], c, rng=rng), r"equally long, got \[40, 39\]"),
        (
            lambda x, c, rng: estimates.distribution_gap(x, c, x, weights=-x, rng=rng),
            "weights must not be negative",
        ),
        (lambda x, c, rng: estimates.distribution_gap(x, c, [np.nan], rng=rng), "reference has"),
        (
            lambda x, c, rng: estimates.distribution_gap(x, c, x, weights=x[1:], rng=rng),
            r"equally long, got \[40, 39\]",
        ),
        (lambda x, c, rng: estimates.binned_means(x, x, c, [1, 0], rng=rng), "edges must not decrease"),
        (
            lambda x, c, rng: estimates.binned_means([*x[1:], np.nan], x, c, [0, 1], rng=rng),
            "x has .* 1 entries",
        ),
        (
            lambda x, c, rng: estimates.binned_means(x, x, c[1:], [0, 1], rng=rng),
            "circuit must be as long as x",
        ),
    ],
)
def test_samples_without_meaning_are_refused(call, message, rng):
    with pytest.raises(ValueError, match=message):
        call(rng.uniform(0.1, 1, 40), np.arange(40) // 10, rng)


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_exponent_of_a_power_law(exponent, rng):
    # P(X < x) = x^a on [0, 1]; above the bound anything may follow.
    values = np.concatenate([rng.random(40_000) ** (1 / exponent), rng.uniform(0.1, 5, 500)])
    found, error = estimates.lower_exponent(values, 0.1)
    below = np.sum(values < 0.1)
    assert error == pytest.approx(found / np.sqrt(below))
    agree(found, exponent, error)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1e-3, 1.0], "1 values are below 0.1"),
        ([0.0, 1e-3, 1.0], "the lowest is 0"),
        ([-0.0, 1e-3, 1.0], "the lowest is -0"),
        ([1e-3, 1e-2, np.nan], "1 entries that are not finite"),
    ],
)
def test_exponent_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        estimates.lower_exponent(values, 0.1)
