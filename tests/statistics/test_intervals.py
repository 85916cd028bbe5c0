from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from statistical import agree, alarm

from qgmutils.statistics import intervals
from qgmutils.statistics.intervals import UndeterminedError

REPEATS = 200


def test_mean_interval_covers_with_groups(rng: np.random.Generator) -> None:
    groups = np.repeat(np.arange(30), 8)
    covered = ignoring = 0
    for _ in range(REPEATS):
        values = 1.5 + rng.normal(size=30)[groups] + 0.5 * rng.normal(size=240)
        found = intervals.mean_interval(values, rng, groups=groups, n_resamples=500)
        assert found.estimate == pytest.approx(values.mean(), abs=1e-12)
        covered += found.low <= 1.5 <= found.high
        naive = intervals.mean_interval(values, rng, n_resamples=500)
        ignoring += naive.low <= 1.5 <= naive.high
    # Of 95 %, and the bootstrap with 30 groups has 2 % less.
    assert covered >= scipy.stats.binom.ppf(alarm(), REPEATS, 0.93)
    # Starts of one circuit taken for independent: the interval is too narrow by a factor of about 2.5.
    assert ignoring < 150


def test_mean_interval_is_that_of_the_normal_law(rng: np.random.Generator) -> None:
    values = rng.normal(size=2000)
    found = intervals.mean_interval(values, rng)
    half = 1.96 * values.std() / np.sqrt(values.size)
    # A quantile at 2.5 % from 2000 resamples has a relative error of about 3 %.
    assert found.high - found.low == pytest.approx(2 * half, rel=0.15)


def test_mean_interval_of_constant_values_has_no_width(rng: np.random.Generator) -> None:
    found = intervals.mean_interval(np.full(10, 0.1), rng)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1), abs=1e-15)


def test_mean_interval_refuses(rng: np.random.Generator) -> None:
    with pytest.raises(UndeterminedError, match="1 group"):
        intervals.mean_interval([1.0, 2.0], rng, groups=["a", "a"])
    with pytest.raises(ValueError, match="groups has the shape"):
        intervals.mean_interval([1.0, 2.0], rng, groups=[1])
    for values in ([], [1.0, np.nan], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="vector of finite numbers"):
            intervals.mean_interval(values, rng)


@pytest.mark.parametrize("successes", [0, 1, 7, 10])
def test_wilson_solves_its_equation(successes: int) -> None:
    found = intervals.wilson(successes, 10)
    assert found.estimate == successes / 10
    # |share - x| = z sqrt(x (1 - x) / n) at both ends.
    for x in (found.low, found.high):
        assert abs(found.estimate - x) == pytest.approx(1.959964 * np.sqrt(abs(x * (1 - x)) / 10), abs=1e-6)
    assert found.low <= found.estimate <= found.high


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_exponent_of_a_power_law(exponent: float, rng: np.random.Generator) -> None:
    # P(X < x) = x^a on [0, 1]; above the bound anything may follow.
    values = np.concatenate([rng.random(40_000) ** (1 / exponent), rng.uniform(0.1, 5, 500)])
    found, error = intervals.lower_exponent(values, 0.1)
    below = np.sum(values < 0.1)
    assert error == pytest.approx(found / np.sqrt(below))
    agree(found, exponent, error)


@pytest.mark.parametrize(
    ("values", "message"),
    [([1e-3, 1.0], "1 values are below 0.1"), ([0.0, 1e-3, 1.0], "the lowest is 0")],
)
def test_exponent_refuses(values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        intervals.lower_exponent(values, 0.1)


def test_distance_to_density(rng: np.random.Generator) -> None:
    grid = np.linspace(-9, 9, 2001)
    density = np.exp(-(grid**2) / 2)
    sample = rng.normal(size=1000) + 0.4
    ks, wasserstein = intervals.distance_to_density(sample, grid, density)
    assert ks == pytest.approx(scipy.stats.ks_1samp(sample, scipy.stats.norm.cdf).statistic, abs=1e-4)
    exact = np.sort(sample) - scipy.stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    # The cells of a sample of 1000 are wider than 1/1000 in the tails only.
    assert wasserstein == pytest.approx(np.abs(exact).mean(), abs=5e-3)
    with pytest.raises(ValueError, match="grid must increase"):
        intervals.distance_to_density(sample, grid[::-1], density)
