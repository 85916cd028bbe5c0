"""Estimates with intervals or errors: means, shares and exponents; and the distance of a sample to a density.

Starts of one circuit are not independent, so a mean over values that have groups is resampled by groups.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from qgmutils.inputs import (
    label_array,
    real_array,
    require_generator,
    require_integer,
    require_positive,
    require_share,
)

FloatArray = NDArray[np.float64]

MAX_RESAMPLES = 10**6
"""Most resamples: percentiles of that many are known to three digits more than any sample."""


class UndeterminedError(ValueError):
    """The data do not determine what was asked for; the message says what is missing."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval, `low` ≤ `high`."""

    estimate: float
    low: float
    high: float


def mean_interval(
    values: ArrayLike,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
) -> Interval:
    """Mean with its bootstrap interval (BCa); with groups, whole groups are resampled.

    Parameters
    ----------
    values : array_like, shape (K,)
        Finite numbers.
    rng : numpy.random.Generator
        Source of the resampling.
    confidence : float
        Level of the interval, in (0, 1).
    groups : array_like, shape (K,), optional
        Which values belong together, for example the circuit of each start. Default: every value by itself.
    n_resamples : int
        Number of resamples, 2 to `MAX_RESAMPLES`.

    Returns
    -------
    Interval
        Of no width if all groups have the same mean.

    Raises
    ------
    UndeterminedError
        There are fewer than two groups.
    ValueError
        A value is not finite, the lengths differ, a group has no label, or an option is out of range.
    """
    data, rng = finite_vector(values, "values"), require_generator(rng)
    confidence = require_share(confidence, "confidence")
    n_resamples = require_resamples(n_resamples)
    labels = np.arange(data.size) if groups is None else label_array(groups, "groups")
    if labels.shape != data.shape:
        raise ValueError(f"groups has the shape {labels.shape}; it must be that of values, {data.shape}")
    _, index = np.unique(labels, return_inverse=True)
    sizes = np.bincount(index).astype(float)
    sums = np.bincount(index, weights=data)
    if sizes.size < 2:
        raise UndeterminedError(f"{sizes.size} group(s) of values give no interval; at least 2 are needed")
    mean = float(data.mean())
    # BCa divides by the variation between the groups.
    if np.ptp(sums / sizes) <= 1e-14 * np.abs(data).max():
        return Interval(mean, mean, mean)

    def ratio(numerator: FloatArray, denominator: FloatArray, axis: int) -> FloatArray:
        return numerator.sum(axis=axis) / denominator.sum(axis=axis)

    found = scipy.stats.bootstrap(
        (sums, sizes),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=n_resamples,
        batch=500,
        confidence_level=confidence,
        rng=rng,
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high))


def wilson(successes: int, trials: int) -> Interval:
    """Share of successes in independent trials, with Wilson's interval (95 %).

    It has a width where all trials succeed or none does, and it stays within 0 and 1.

    Parameters
    ----------
    successes, trials : int
        0 to `trials`, and at least 1.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If they are no integers in these ranges.
    """
    trials = require_integer(trials, "trials")
    successes = require_integer(successes, "successes", low=0, high=trials)
    found = scipy.stats.binomtest(successes, trials).proportion_ci(method="wilson")
    return Interval(successes / trials, float(found.low), float(found.high))


def lower_exponent(values: ArrayLike, bound: float) -> tuple[float, float]:
    """Exponent a of P(X < x) proportional to x^a for small x, by maximum likelihood from the values below `bound`.

    Parameters
    ----------
    values : array_like, shape (K,)
        Independent, positive.
    bound : float
        Where the power law is taken to begin, positive.

    Returns
    -------
    exponent, standard_error : float

    Raises
    ------
    ValueError
        A value is not finite, the bound is not positive, fewer than two values are below it, or one of these is not
        positive.
    """
    low, bound = finite_vector(values, "values"), require_positive(bound, "bound")
    low = low[low < bound]
    if len(low) < 2 or not low.min() > 0:
        raise ValueError(
            f"{len(low)} values are below {bound:g}, the lowest is {low.min(initial=np.inf):.3g}; "
            "an exponent needs at least 2, all positive"
        )
    exponent = len(low) / float(np.sum(np.log(bound / low)))
    return exponent, exponent / np.sqrt(len(low))


def distance_to_density(sample: ArrayLike, grid: ArrayLike, density: ArrayLike) -> tuple[float, float]:
    """Distances between a sample and a density that is known on a grid.

    Parameters
    ----------
    sample : array_like, shape (K,)
        Finite numbers.
    grid : array_like, shape (G,)
        Increasing; nothing of the density lies outside.
    density : array_like, shape (G,)
        Not negative; linear between the grid points; it is normalised here.

    Returns
    -------
    kolmogorov_smirnov : float
        Greatest difference between the distribution functions, 0 … 1.
    wasserstein : float
        Area between them, in units of the sample.

    Raises
    ------
    ValueError
        The grid does not increase, or the density is negative or zero everywhere.
    """
    data, x, weight = (
        finite_vector(sample, "sample"),
        finite_vector(grid, "grid"),
        finite_vector(density, "density"),
    )
    if x.shape != weight.shape or np.any(np.diff(x) <= 0) or np.any(weight < 0) or not weight.any():
        raise ValueError(
            "grid must increase, and density must be as long, not negative, and not zero everywhere"
        )
    cells = np.diff(x) * (weight[1:] + weight[:-1]) / 2
    cumulative = np.concatenate([[0.0], np.cumsum(cells)]) / cells.sum()
    ks = scipy.stats.ks_1samp(data, lambda t: np.interp(t, x, cumulative)).statistic
    # The quantile function at many levels is a sample of the density without noise.
    levels = (np.arange(20_000) + 0.5) / 20_000
    quantiles = np.interp(levels, cumulative, x)
    return float(ks), float(scipy.stats.wasserstein_distance(data, quantiles))


def finite_vector(values: ArrayLike, name: str) -> FloatArray:
    """Values as a vector of floats.

    Parameters
    ----------
    values : array_like, shape (K,)
        Finite numbers, at least one.
    name : str
        What the message of an error calls them.

    Returns
    -------
    ndarray, shape (K,)

    Raises
    ------
    ValueError
        The values are no vector, none, or not finite.
    """
    array = real_array(values, name)
    if array.ndim != 1 or array.size == 0 or not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} has the shape {array.shape} and {np.sum(~np.isfinite(array))} entries that are not finite; "
            "it must be a vector of finite numbers, not empty"
        )
    return array


def require_resamples(value: int) -> int:
    """Return `value` as an int; ValueError if it is no integer from 2, which have a spread, to `MAX_RESAMPLES`."""
    return require_integer(value, "n_resamples", low=2, high=MAX_RESAMPLES)
