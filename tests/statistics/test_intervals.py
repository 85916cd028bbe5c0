from __future__ import annotations

import collections
import dataclasses
import itertools

import numpy as np
import pytest
import scipy.stats
from statistical import ALARM, agree, alarm

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
    assert covered >= scipy.stats.binom.ppf(alarm(), REPEATS, 0.945)
    # Starts of one circuit taken for independent: the interval is too narrow by a factor of about 2.5.
    assert ignoring < 150


@pytest.mark.parametrize(("n_groups", "law"), [(5, 0.90), (12, 0.94), (26, 0.94)])
def test_ratio_interval_covers_with_few_groups(n_groups: int, law: float, rng: np.random.Generator) -> None:
    """Coverage of 95 % but for what the module says of 5 groups, as in 4000 samples."""
    covered, repeats = 0, 400
    for _ in range(repeats):
        below = rng.gamma(4, 0.1, n_groups)
        found = intervals.ratio_interval(below * rng.uniform(0.2, 0.8, n_groups), below, rng)
        assert found.low <= found.estimate <= found.high
        covered += found.low <= 0.5 <= found.high
    assert scipy.stats.binom.ppf(alarm(), repeats, law) <= covered


@pytest.mark.parametrize("n_groups", [2, 3, 5])
def test_errors_of_very_few_groups_make_intervals(n_groups: int, rng: np.random.Generator) -> None:
    covered, repeats = 0, 1000
    for values in rng.normal(size=(repeats, n_groups)):
        means = intervals.resampled_sums(values[:, None], rng, 500)[:, 0] / n_groups
        error = intervals.standard_error(means, n_groups)
        covered += abs(means[0]) <= intervals.student(n_groups) * error
    # Exact for a normal law but for the noise of 500 resamples (3 % of the error), which 0.2 % allow for.
    low, high = scipy.stats.binom.ppf([alarm() / 2, 1 - ALARM / 2], repeats, [0.948, 0.952])
    assert low <= covered <= high


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_student_of_two_and_three_groups_has_closed_forms(confidence: float) -> None:
    assert intervals.student(2, confidence) == pytest.approx(np.tan(np.pi * confidence / 2))
    assert intervals.student(3, confidence) == pytest.approx(confidence * np.sqrt(2 / (1 - confidence**2)))
    assert intervals.student(10**9, confidence) == pytest.approx(scipy.stats.norm.isf((1 - confidence) / 2))


def test_resamples_draw_every_group_alike(rng: np.random.Generator) -> None:
    """All 27 ways of drawing three groups are equally likely, so that there are ten weights with known chances."""
    size = 50_000
    drawn, times = np.unique(intervals.group_weights(3, rng, size), axis=0, return_counts=True)
    ways = collections.Counter(
        tuple(np.bincount(one, minlength=3)) for one in itertools.product(range(3), repeat=3)
    )
    chances = np.array([ways[tuple(one)] / 27 for one in drawn.astype(int)])
    assert len(drawn) == len(ways) == 10
    agree(times / size, chances, np.sqrt(chances * (1 - chances) / size))


def test_resamples_are_those_of_the_weights_whatever_the_batch(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums, seed = rng.normal(size=(7, 2)), int(rng.integers(2**31))
    found = intervals.resampled_sums(sums, np.random.default_rng(seed), 100)
    weights = intervals.group_weights(7, np.random.default_rng(seed), 100)
    assert weights.shape == (100, 7)
    np.testing.assert_allclose(found, [sums.sum(axis=0), *(weights @ sums)], atol=1e-14)
    monkeypatch.setattr(intervals, "BATCH", 20)
    again = intervals.resampled_sums(sums, np.random.default_rng(seed), 100)
    np.testing.assert_allclose(again, found, atol=1e-14)


def test_mean_is_the_ratio_of_sums_over_groups(rng: np.random.Generator) -> None:
    values, groups, seed = rng.normal(size=60), rng.integers(9, size=60), int(rng.integers(2**31))
    mean = intervals.mean_interval(values, np.random.default_rng(seed), groups=groups, confidence=0.8)
    labels, sizes = np.unique(groups, return_counts=True)
    sums = np.array([values[groups == label].sum() for label in labels])
    ratio = intervals.ratio_interval(sums, sizes, np.random.default_rng(seed), confidence=0.8)
    assert dataclasses.astuple(mean) == pytest.approx(dataclasses.astuple(ratio))
    assert mean.estimate == pytest.approx(values.mean())


def test_ratio_interval_refuses(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="denominator has the lowest value 0; all must be positive"):
        intervals.ratio_interval([1, 2], [1, 0], rng)
    with pytest.raises(ValueError, match=r"equally long, got \[2, 1\]"):
        intervals.ratio_interval([1, 2], [1], rng)


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
    for option, message in (
        ({"confidence": 2}, "confidence must lie between 0 and 1"),
        ({"confidence": True}, "confidence must be one finite number"),
        ({"n_resamples": 0}, "n_resamples must be an integer of at least 2, got 0"),
        ({"n_resamples": 500.0}, "n_resamples must be an integer"),
        ({"groups": [1, np.nan]}, "groups must be labels without gaps"),
    ):
        with pytest.raises(ValueError, match=message):
            intervals.mean_interval([1.0, 2.0], rng, **option)  # type: ignore[arg-type]
    for values, message in (
        (["1", "2"], "values must be an array of real numbers"),
        ([1 + 1e-12j, 2], "values must be an array of real numbers"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "masked entries"),
        ([10**400, 1], "values must be an array of numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            intervals.mean_interval(values, rng)


@pytest.mark.parametrize("successes", [0, 1, 7, 10])
def test_wilson_solves_its_equation(successes: int) -> None:
    found = intervals.wilson(successes, 10)
    assert found.estimate == successes / 10
    # |share - x| = z sqrt(x (1 - x) / n) at both ends.
    for x in (found.low, found.high):
        assert abs(found.estimate - x) == pytest.approx(1.959964 * np.sqrt(abs(x * (1 - x)) / 10), abs=1e-6)
    assert found.low <= found.estimate <= found.high


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_wilson_covers(share: float, rng: np.random.Generator) -> None:
    """Against all 31 outcomes: 95 % in the mean over shares, and not far off at any."""
    chances = scipy.stats.binom.pmf(np.arange(31), 30, share)
    found = [intervals.wilson(won, 30) for won in range(31)]
    covered = sum(chance for chance, x in zip(chances, found, strict=True) if x.low <= share <= x.high)
    assert covered == pytest.approx(0.95, abs=0.02)


def test_no_trials_have_no_share() -> None:
    assert np.isnan(dataclasses.astuple(intervals.wilson(0, 0))).all()


@pytest.mark.parametrize(
    ("successes", "trials", "message"),
    [
        (2.9, 10, r"successes must be an integer of at least 0, got 2\.9"),
        (np.nan, 10, "successes must be an integer"),
        (True, 10, "successes must be an integer"),
        (-1, 10, "successes must be an integer of at least 0, got -1"),
        (11, 10, "successes must be an integer of at most 10, got 11"),
        (0, -1, "trials must be an integer of at least 0, got -1"),
        (1, 10.0, r"trials must be an integer of at least 0, got 10\.0"),
    ],
)
def test_wilson_refuses(successes: int, trials: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        intervals.wilson(successes, trials)
