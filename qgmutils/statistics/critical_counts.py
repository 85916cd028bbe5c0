"""The critical count, comparisons of it with predictions, its growth with n, and the quality of a collapse.

A critical count is the number of parameters at which half of the starts reach the ground state.  Starts of one circuit
are not independent, so its interval comes from resampling whole circuits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

from qgmutils.inputs import (
    MOST,
    label_array,
    number_array,
    require_generator,
    require_integer,
    require_share,
)
from qgmutils.statistics.extrapolation import fitted_line, require_spread
from qgmutils.statistics.intervals import (
    FloatArray,
    Interval,
    UndeterminedError,
    finite_vector,
    finite_vectors,
    group_sums,
    interval,
    positive_vectors,
    resampled_sums,
    student,
)


@dataclasses.dataclass(frozen=True)
class CriticalCount(Interval):
    """Number of parameters at which half of the starts reach the ground state.

    Attributes
    ----------
    estimate, low, high : float
        The crossing and its confidence interval.
    slope : float
        Slope of the logit per parameter at the crossing; inf where at most one p has both solved and unsolved starts,
        so that the data give it no upper bound.
    """

    slope: float


@dataclasses.dataclass(frozen=True)
class Growth:
    """Two descriptions of how a count grows with n, fitted to its base-2 logarithm.

    Attributes
    ----------
    exponential : Interval
        Slope b of log2 p = a + b n: 1 is a doubling with every qubit.
    power : Interval
        Slope b of log p = a + b log n: the exponent of the power law.
    aic_difference : float
        AIC of the power law minus AIC of the exponential: positive where the exponential describes the data
        better; beyond about 6 the other has little support.
    """

    exponential: Interval
    power: Interval
    aic_difference: float


def critical_count(
    n_params: ArrayLike,
    solved: ArrayLike,
    groups: ArrayLike | None,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    n_resamples: int = 2000,
) -> CriticalCount:
    """Parameter count at which half of the starts are solved, by a logistic curve of maximum likelihood.

    The interval comes from resampling whole groups (circuits) at each count (`intervals`). Where at most
    one count has both solved and unsolved starts, the slope has no upper bound, and every crossing between the counts
    on either side of 50 % is taken to be equally likely; the estimate is then the middle of that gap.

    Parameters
    ----------
    n_params : array_like, shape (K,)
        Parameter count p of each start.
    solved : array_like of bool, shape (K,)
        Whether the start reached the ground state; 0 and 1 are taken as well.
    groups : array_like, shape (K,), optional
        Circuit of each start; circuits with different p count as different. None: every start by itself.
    rng : numpy.random.Generator
        Source of the resampling.
    confidence : float
        Level of the interval, in (0, 1).
    n_resamples : int
        Number of resamples, 2 to `intervals.MAX_RESAMPLES`.

    Returns
    -------
    CriticalCount
        The crossing.

    Raises
    ------
    UndeterminedError
        The counts do not bracket 50 %: no count with less, or none with more; or the fraction does not rise; or
        that happens to more than one in forty resamples; or a count with solved and unsolved starts has one group only.
    ValueError
        The lengths differ, a count is not finite, `solved` holds anything but truth values, a group has no label, or
        an option is out of range.
    """
    params, rng = finite_vector(n_params, "n_params"), require_generator(rng)
    confidence = require_share(confidence, "confidence")
    success = _truth_values(solved, "solved")
    labels = np.arange(params.size) if groups is None else label_array(groups, "groups")
    if not params.shape == success.shape == labels.shape:
        raise ValueError(
            f"n_params, solved and groups have the shapes {params.shape}, {success.shape} and {labels.shape}; "
            "they must be equal"
        )
    counts = np.unique(params)
    columns = np.stack([success, np.ones(success.size)], axis=1)
    by_count = [group_sums(columns[params == p], labels[params == p]) for p in counts]
    wins, total = np.array([sums.sum(axis=0) for sums in by_count]).T
    fraction = wins / total
    shown = f"the fractions solved, {np.round(fraction, 3).tolist()} at p = {counts.tolist()},"
    if not (fraction.min() < 0.5 < fraction.max()):
        raise UndeterminedError(f"{shown} do not bracket 50 %; add counts below and above the crossing")
    estimate, slope = (float(value[0]) for value in _crossings(counts, wins[None], total[None], None))
    if not np.isfinite(estimate):
        raise UndeterminedError(f"{shown} do not rise with p")
    # The interval is as wide as if the count with the fewest groups decided alone; a step needs no spread of groups.
    uncertain = {len(by_count[i]): counts[i] for i in np.flatnonzero((wins > 0) & (wins < total))}
    fewest = min(uncertain, default=MOST)
    if fewest < 2:
        raise UndeterminedError(
            f"all starts at p = {uncertain[fewest]:g} share one group, so no interval can be given; 2 are needed"
        )
    drawn = np.stack([resampled_sums(sums, rng, n_resamples)[1:] for sums in by_count], axis=1)
    crossings, _ = _crossings(counts, drawn[..., 0], drawn[..., 1], rng)
    kept = crossings[np.isfinite(crossings)]
    lost = len(crossings) - len(kept)
    if lost > n_resamples / 40:
        raise UndeterminedError(
            f"{lost} of {n_resamples} resamples have no crossing of 50 %; more circuits or more counts are needed"
        )
    found = interval(np.append(estimate, kept), fewest, confidence)
    return CriticalCount(**dataclasses.asdict(found), slope=slope)


def growth_rate(n: ArrayLike, count: ArrayLike, intervals: ArrayLike, *, confidence: float = 0.95) -> Growth:
    """Fit exponential growth and a power law to counts with intervals, and say which describes them better.

    Both are straight lines through log2(count), by weighted least squares. The errors are taken to be at least
    what the intervals say, and larger by a common factor where a line misses the points by more.

    Parameters
    ----------
    n : array_like, shape (K,)
        Positive sizes, at least three different ones.
    count : array_like, shape (K,)
        Positive counts.
    intervals : array_like, shape (K, 2)
        Their positive intervals, of the level `confidence`; one of no width gets a relative error of 1e-3.
    confidence : float
        Level of the intervals, in (0, 1).

    Returns
    -------
    Growth
        Slopes with intervals and the difference in AIC.

    Raises
    ------
    UndeterminedError
        There are fewer than three different sizes, or they span less than a thousandth of a factor 2, or 2^100.
    ValueError
        The lengths differ, a number is not positive, an interval ends before it begins, or the confidence is no share.
    """
    confidence, bounds = require_share(confidence, "confidence"), number_array(intervals, "intervals")
    if bounds.ndim != 2 or bounds.shape[1] != 2:
        raise ValueError(f"intervals must have the shape (K, 2), got {bounds.shape}")
    sizes, counts, low, high = positive_vectors(n=n, count=count, low=bounds[:, 0], high=bounds[:, 1])
    _require_order(low, high)
    require_spread(sizes, "n")
    quantile = scipy.special.ndtri((1 + confidence) / 2)
    sigma = np.maximum(np.log2(high / low) / (2 * quantile), np.log2(1.001))
    fits = []
    for x in (sizes, np.log2(sizes)):
        beta, covariance, chi2 = fitted_line(x, np.log2(counts), sigma)
        freedom = len(x) - 2
        error = np.sqrt(covariance[1, 1] * max(1.0, chi2 / freedom)) * student(freedom + 1, confidence)
        scale = max(1.0, chi2 / len(x))
        aic = len(x) * np.log(scale) + chi2 / scale
        fits.append((Interval(float(beta[1]), float(beta[1] - error), float(beta[1] + error)), aic))
    return Growth(fits[0][0], fits[1][0], float(fits[1][1] - fits[0][1]))


def collapse_spread(curves: Sequence[tuple[ArrayLike, ArrayLike]], *, n_levels: int = 9) -> float:
    """How far curves lie apart, as the typical standard deviation of ln x between them at equal heights.

    It does not depend on the unit of x, so the same curves can be compared before (x = p) and after a rescaling
    (x = p/p_c): a perfect collapse has 0, and 0.1 means that the curves agree to about 10 % in x.

    Parameters
    ----------
    curves : sequence of (x, y)
        At least two; x of shape (K,) positive and increasing, y of shape (K,) rising or falling through the
        heights that all curves share. At each height the first crossing counts.
    n_levels : int
        Number of heights, at least 1, evenly between the lowest and the highest that all curves reach.

    Returns
    -------
    float
        Root mean square over the heights, not negative.

    Raises
    ------
    UndeterminedError
        There are fewer than two curves, or they share no heights.
    ValueError
        An x is not positive and increasing, lengths differ, or there are no heights.
    """
    n_levels = require_integer(n_levels, "n_levels", high=10**6)
    if not isinstance(curves, Sequence) or not all(isinstance(c, Sequence) and len(c) == 2 for c in curves):
        raise ValueError("curves must be a list of pairs (x, y)")
    pairs = [finite_vectors(x=x, y=y) for x, y in curves]
    if len(pairs) < 2:
        raise UndeterminedError(f"{len(pairs)} curve(s) have no spread; at least 2 are needed")
    for x, _ in pairs:
        if x[0] <= 0 or np.any(np.diff(x) <= 0):
            raise ValueError(f"x must be positive and increase, got {x.tolist()}")
    bottom, top = max(y.min() for _, y in pairs), min(y.max() for _, y in pairs)
    if not bottom < top:
        raise UndeterminedError(
            f"the curves share no heights: {bottom:.4g} is reached by all, {top:.4g} also"
        )
    levels = bottom + (top - bottom) * np.arange(1, n_levels + 1) / (n_levels + 1)
    crossings = np.array([[_first_crossing(np.log(x), y, level) for level in levels] for x, y in pairs])
    return float(np.sqrt(np.mean(crossings.var(axis=0, ddof=1))))


def _crossings(
    counts: FloatArray, wins: FloatArray, total: FloatArray, rng: np.random.Generator | None
) -> tuple[FloatArray, FloatArray]:
    """Crossing and slope of the logistic fit for each row of `wins` and `total`; nan where nothing rises.

    `rng` draws the crossing where a row leaves a gap open; None takes the middle.
    """
    crossing, slope = np.full((2, len(wins)), np.nan)
    failed = np.where(wins < total, counts, -np.inf).max(axis=1)
    won = np.where(wins > 0, counts, np.inf).min(axis=1)
    # Where at most one count has both, the likelihood grows for ever with the slope.  Its limit has the crossing at
    # that count, even if hardly any start is solved there; what is known is between which counts 50 % are passed.
    left = np.where(2 * wins <= total, counts, -np.inf).max(axis=1)
    right = np.where(2 * wins >= total, counts, np.inf).min(axis=1)
    apart = (failed <= won) & np.isfinite(left) & np.isfinite(right)
    share = rng.random(len(wins)) if rng is not None else np.full(len(wins), 0.5)
    crossing[apart] = left[apart] + share[apart] * (right[apart] - left[apart])
    slope[apart] = np.inf
    mixed = np.flatnonzero((failed > won) & np.isfinite(failed) & np.isfinite(won))
    if mixed.size:
        center, scale = counts.mean(), counts.std()
        x = (counts - center) / scale
        k, m = wins[mixed], total[mixed]
        a, b = np.zeros((2, mixed.size))
        # Newton's method on a concave function; steps are limited, since far from the maximum it overshoots.
        for _ in range(200):
            p = scipy.special.expit(a[:, None] + b[:, None] * x)
            rest, weight = k - m * p, m * p * (1 - p) + 1e-300
            ga, gb = rest.sum(axis=1), (rest * x).sum(axis=1)
            haa, hab, hbb = weight.sum(axis=1), (weight * x).sum(axis=1), (weight * x * x).sum(axis=1)
            det = np.maximum(haa * hbb - hab**2, 1e-300)
            step = np.stack([hbb * ga - hab * gb, haa * gb - hab * ga]) / det
            step /= np.maximum(1.0, np.abs(step).max(axis=0) / 2)
            a, b = a + step[0], b + step[1]
            if np.abs(step).max() < 1e-10:
                break
        # A slope of rounding errors is none.
        rises = b > 1e-9
        crossing[mixed[rises]] = (center - scale * a / np.where(rises, b, 1.0))[rises]
        slope[mixed[rises]] = (b / scale)[rises]
    return crossing, slope


def _first_crossing(x: FloatArray, y: FloatArray, level: float) -> float:
    i = int(np.flatnonzero((y[:-1] - level) * (y[1:] - level) <= 0)[0])
    return float(x[i] + (x[i + 1] - x[i]) * (level - y[i]) / ((y[i + 1] - y[i]) or 1.0))


def _require_order(low: FloatArray, high: FloatArray) -> None:
    if np.any(low > high):
        raise ValueError(f"low must not lie above high, got {low.tolist()} and {high.tolist()}")


def _truth_values(values: ArrayLike, name: str) -> NDArray[np.bool_]:
    array = number_array(values, name)
    if not np.all((array == 0) | (array == 1)):
        raise ValueError(
            f"{name} must hold True and False, or 1 and 0, got {np.unique(array)[:5].tolist()} ..."
        )
    return array.astype(np.bool_)
