"""Estimates with intervals: one bootstrap over groups, and Wilson's interval of a share.

Starts of one circuit are not independent, circuits are: whole groups are drawn with replacement, as many as there are
(cluster bootstrap, textbook).  Every estimate here is a function of sums over groups, or takes the number of times that
each group was drawn; its interval and its standard error come from its values in the resamples.

A bootstrap of G groups is too narrow by sqrt((G - 1)/G), and takes the spread between groups for known.  Standard
errors are therefore larger by sqrt(G/(G - 1)), and intervals end at the percentiles Phi(+-t sqrt(G/(G - 1))), t being
Student's quantile with G - 1 degrees of freedom: the expanded percentile interval of Hesterberg (2015, The American
Statistician 69, 371).  In 4000 samples of 12 groups, intervals of 95 % covered the mean of a normal law in 95 %, of an
exponential law in 91 %, and a ratio of means in 95 %; plain percentiles did in 91, 87 and 91 %, BCa in 91, 89 and
92 %.  With 26 groups the expanded ones reach 94 to 95 % in all of these.  Below five groups the percentiles are the
ends of the resamples, and cover less often than they say: there, take estimate +- `student` standard errors.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from qgmutils.inputs import label_array, real_array, require_generator, require_integer, require_share

FloatArray = NDArray[np.float64]

MAX_RESAMPLES = 10**6
"""Most resamples: percentiles of that many are known to three digits more than any sample."""

BATCH = 2**23
"""Most drawn groups held at a time: 64 MiB of weights."""


class UndeterminedError(ValueError):
    """The data do not determine what was asked for; the message says what is missing."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval, `low` ≤ `estimate` ≤ `high`."""

    estimate: float
    low: float
    high: float


def group_sums(columns: ArrayLike, groups: ArrayLike | None, name: str = "groups") -> FloatArray:
    """Sums of observations over groups.

    Parameters
    ----------
    columns : array_like, shape (K,) or (K, C)
        Finite numbers.
    groups : array_like, shape (K,), optional
        Label of each observation's group.  None: every observation by itself.
    name : str
        What the message of an error calls the groups.

    Returns
    -------
    ndarray, shape (G, C)
        In the order of the labels.

    Raises
    ------
    ValueError
        The lengths differ, or a group has no label.
    """
    values = real_array(columns, "columns")
    labels = np.arange(len(values)) if groups is None else label_array(groups, name)
    if labels.shape != values.shape[:1]:
        raise ValueError(
            f"{name} has the shape {labels.shape}; it must be {values.shape[:1]}, one label for each observation"
        )
    _, index = np.unique(labels, return_inverse=True)
    return np.column_stack(
        [np.bincount(index, weights=column) for column in values.reshape(len(values), -1).T]
    )


def group_weights(n_groups: int, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """How often each group is drawn in each resample, shape (n_resamples, n_groups); each row adds up to n_groups."""
    drawn = rng.integers(n_groups, size=(n_resamples, n_groups))
    drawn += n_groups * np.arange(n_resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)


def resampled_sums(sums: FloatArray, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """Sums over all groups, of the sample and of its resamples.

    Parameters
    ----------
    sums : ndarray, shape (G, C)
        Sums over each group.
    rng : numpy.random.Generator
        Draws the groups of one resample after another.
    n_resamples : int
        Number R of resamples, 2 to `MAX_RESAMPLES`.

    Returns
    -------
    ndarray, shape (1 + R, C)
        The first row is the sample's own.

    Raises
    ------
    ValueError
        `rng` is no generator, or the number is out of range.
    """
    rng, rows = require_generator(rng), [sums.sum(axis=0, keepdims=True)]
    left = require_integer(n_resamples, "n_resamples", low=2, high=MAX_RESAMPLES)
    while left:
        size = min(left, max(1, BATCH // len(sums)))
        rows.append(group_weights(len(sums), rng, size) @ sums)
        left -= size
    return np.concatenate(rows)


def student(n_groups: int, confidence: float = 0.95) -> float:
    """Half width of an interval in standard errors that come from G = `n_groups` groups.

    It is the quantile of Student's law with G - 1 degrees of freedom (textbook): at 95 %, 12.7, 4.3, 3.2 and 2.8 for 2
    to 5 groups, and 1.96 for many.

    Raises
    ------
    UndeterminedError
        There are fewer than two groups.
    ValueError
        The confidence is not in (0, 1).
    """
    if n_groups < 2:
        raise UndeterminedError(
            f"{n_groups} group(s) give neither an interval nor a standard error; at least 2 are needed"
        )
    return float(scipy.special.stdtrit(n_groups - 1, (1 + require_share(confidence, "confidence")) / 2))


def standard_error(values: FloatArray, n_groups: int) -> float:
    """Standard error of an estimate from its values in resamples of groups.

    Parameters
    ----------
    values : ndarray, shape (1 + R,)
        The estimate, and what it is in each resample.
    n_groups : int
        Number of groups, at least 2; with fewer an `UndeterminedError` is raised.
    """
    student(n_groups)
    return float(np.std(values[1:], ddof=1) * np.sqrt(n_groups / (n_groups - 1)))


def interval(values: FloatArray, n_groups: int, confidence: float = 0.95) -> Interval:
    """Interval of an estimate from its values in resamples of groups (expanded percentiles, see the module).

    Parameters
    ----------
    values : ndarray, shape (1 + R,)
        The estimate, and what it is in each resample.
    n_groups : int
        Number of groups.
    confidence : float
        Level, in (0, 1).

    Returns
    -------
    Interval
        With the estimate, also where that lies outside of the percentiles.

    Raises
    ------
    UndeterminedError
        There are fewer than two groups.
    ValueError
        The confidence is not in (0, 1).
    """
    z = student(n_groups, confidence) * np.sqrt(n_groups / (n_groups - 1))
    low, high = np.quantile(values[1:], scipy.special.ndtr([-z, z]))
    estimate = float(values[0])
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate))


def ratio_interval(
    numerator: ArrayLike,
    denominator: ArrayLike,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
) -> Interval:
    """Ratio of two means with its bootstrap interval; numerators and denominators are resampled together.

    Parameters
    ----------
    numerator, denominator : array_like, shape (K,)
        Finite numbers; the denominators are positive.
    rng : numpy.random.Generator
        Source of the resampling.
    confidence : float
        Level of the interval, in (0, 1).
    groups : array_like, shape (K,), optional
        Which numbers belong together, for example the circuit of each start.  Default: every one by itself.
    n_resamples : int
        Number of resamples, 2 to `MAX_RESAMPLES`.

    Returns
    -------
    Interval

    Raises
    ------
    UndeterminedError
        There are fewer than two groups.
    ValueError
        A number is not finite, a denominator not positive, the lengths differ, a group has no label, or an option is
        out of range.
    """
    (below,) = positive_vectors(denominator=denominator)
    above, below = finite_vectors(numerator=numerator, denominator=below)
    sums = group_sums(np.column_stack([above, below]), groups)
    top, bottom = resampled_sums(sums, rng, n_resamples).T
    return interval(top / bottom, len(sums), confidence)


def mean_interval(
    values: ArrayLike,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
) -> Interval:
    """Mean of `values` with its bootstrap interval: parameters, results and errors as for `ratio_interval`."""
    data = finite_vector(values, "values")
    return ratio_interval(
        data, np.ones(data.size), rng, confidence=confidence, groups=groups, n_resamples=n_resamples
    )


def wilson(successes: int, trials: int) -> Interval:
    """Share of successes in independent trials, with Wilson's interval (95 %).

    It has a width where all trials succeed or none does, and it stays within 0 and 1.

    Parameters
    ----------
    successes, trials : int
        0 to `trials`, and at least 0.

    Returns
    -------
    Interval
        All nan without trials.

    Raises
    ------
    ValueError
        If they are no integers in these ranges.
    """
    trials = require_integer(trials, "trials", low=0)
    successes = require_integer(successes, "successes", low=0, high=trials)
    if trials == 0:
        return Interval(np.nan, np.nan, np.nan)
    found = scipy.stats.binomtest(successes, trials).proportion_ci(method="wilson")
    return Interval(successes / trials, float(found.low), float(found.high))


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


def finite_vectors(**values: ArrayLike) -> list[FloatArray]:
    """Each of `values` as by `finite_vector`; also ValueError where they are not equally long."""
    found = [finite_vector(value, name) for name, value in values.items()]
    sizes = [vector.size for vector in found]
    if len(set(sizes)) > 1:
        raise ValueError(f"{', '.join(values)} must be equally long, got {sizes} numbers")
    return found


def positive_vectors(**values: ArrayLike) -> list[FloatArray]:
    """As `finite_vectors`; also ValueError for numbers that are not positive."""
    found = finite_vectors(**values)
    for name, vector in zip(values, found, strict=True):
        if vector.min() <= 0:
            raise ValueError(f"{name} has the lowest value {vector.min():g}; all must be positive")
    return found
