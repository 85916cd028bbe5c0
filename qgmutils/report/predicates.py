"""Predicates: what a claim says about numbers, answered with yes, no, or "the data cannot tell".

Every predicate takes numbers or arrays with one entry a case, and returns a `Finding`.  A claim about several cases
holds if it holds in all of them, and fails if one fails; no case at all, or a NaN among them, is no answer, whatever
the other cases say.

Multiples of standard errors are those of a normal law.  A standard error that was estimated from few values, such as
the means of 2 to 20 circuits, is itself uncertain: say from how many with `samples`, and a deviation of `sigmas` is
replaced by that quantile of Student's t with samples - 1 degrees of freedom which has the same tail.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Expected = float | tuple[float | None, float | None] | None


@dataclasses.dataclass(frozen=True)
class Finding:
    """The answer of a predicate, and the numbers that it rests on.

    Attributes
    ----------
    holds : bool or None
        None if the data cannot tell.
    value, uncertainty : float or None
        The number that decides, of the worst case where there are several, and its standard error or the half-width of
        its interval; an exact number has 0.  None without data.
    expected : float, (low, high) or None
        What `value` is compared with: a number, or an interval, of which None is the open end.
    tolerance : float or None
        By how much `value` may differ from `expected`.
    cases, failing : int
        How many cases were judged, and in how many of them the claim fails.
    worst : int or None
        Position of the case that `value` is of.

    Raises
    ------
    ValueError
        A yes or a no without a finite value.
    """

    holds: bool | None
    value: float | None
    uncertainty: float | None
    expected: Expected
    tolerance: float | None
    cases: int
    failing: int
    worst: int | None

    def __post_init__(self) -> None:
        if self.holds is not None and (self.cases < 1 or self.value is None or not math.isfinite(self.value)):
            raise ValueError(
                f"a claim cannot be {self.holds} of the value {self.value} from {self.cases} cases; "
                "without data it is None"
            )

    @property
    def text(self) -> str:
        """The value in words, with its uncertainty and the number of cases."""
        if self.value is None:
            return "no data"
        error = f" ± {self.uncertainty:.2g}" if self.uncertainty else ""
        several = f", worst of {self.cases}, of which {self.failing} fail" if self.cases > 1 else ""
        return f"{self.value:.3g}{error}{several}"

    def at(self, rows: pd.DataFrame, form: str) -> str:
        """`text`, with the case that the value is of.

        Parameters
        ----------
        rows : DataFrame
            One row a case, in the order that the predicate had them.
        form : str
            Filled with the row of that case, by name of its columns, for example "p = {n_params}".

        Returns
        -------
        str
        """
        if self.worst is None:
            return self.text
        return f"{self.text}: {form.format(**rows.iloc[[self.worst]].to_dict('records')[0])}"


def within(
    value: ArrayLike,
    expected: ArrayLike,
    *,
    tolerance: ArrayLike = 0.0,
    error: ArrayLike = 0.0,
    sigmas: float = 0.0,
    samples: ArrayLike | None = None,
    doubt: float | None = None,
    resolution: float | None = None,
) -> Finding:
    """Whether numbers are what is expected, up to a tolerance and a multiple of their standard errors.

    Parameters
    ----------
    value, expected, tolerance, error : array_like, shape () or (K,)
        |value - expected| <= tolerance + sigmas * error is inside.  Errors and tolerances are not negative.
    sigmas : float
        Standard errors that are allowed.
    samples : array_like, shape () or (K,), optional
        Numbers of independent values that the errors were estimated from: see the top of this module.
    doubt : float, optional
        A miss by less than `doubt` standard errors is not decided.
    resolution : float, optional
        A case of which sigmas * error, as `samples` widens it, exceeds this is not decided.

    Returns
    -------
    Finding
    """
    x, target, allowance, sigma = _cases(value, expected, tolerance, error)
    reach = _quantile(sigmas, samples) * sigma
    off, slack = np.abs(x - target), allowance + reach
    status = np.where(off <= slack, 1, -1)
    if doubt is not None:
        status[(status < 0) & (off < _quantile(doubt, samples) * sigma)] = 0
    if resolution is not None:
        status[reach > resolution] = 0
    return _finding(status, off - slack, x, sigma, target, slack)


def ratio(
    value: ArrayLike,
    expected: ArrayLike,
    *,
    error: ArrayLike,
    tolerance: ArrayLike = 0.0,
    sigmas: float = 3.0,
    samples: ArrayLike | None = None,
    doubt: float | None = None,
    resolution: float | None = 0.5,
) -> Finding:
    """Whether numbers are what is expected, as ratios to it: `within` of value / expected and 1.

    Parameters
    ----------
    value, expected, error : array_like, shape () or (K,)
        Numbers with their errors, and what they are divided by, above 0.
    tolerance, sigmas, samples, doubt, resolution
        As for `within`, of ratios.

    Returns
    -------
    Finding
    """
    x, target, sigma = _cases(value, expected, error)
    return within(
        x / target,
        1.0,
        tolerance=tolerance,
        error=sigma / target,
        sigmas=sigmas,
        samples=samples,
        doubt=doubt,
        resolution=resolution,
    )


def contains(
    low: ArrayLike,
    high: ArrayLike,
    expected: ArrayLike,
    *,
    margin: ArrayLike = 0.0,
    value: ArrayLike | None = None,
) -> Finding:
    """Whether intervals, widened by a margin at both ends, contain what is expected.

    Parameters
    ----------
    low, high, expected, margin : array_like, shape () or (K,)
        low - margin <= expected <= high + margin is inside.
    value : array_like, optional
        The estimates that the intervals are of; default is their middle.

    Returns
    -------
    Finding
        With the larger distance from the value to an end as uncertainty.
    """
    left, right, target, slack, x = _cases(
        low, high, expected, margin, (np.asarray(low) + np.asarray(high)) / 2 if value is None else value
    )
    gap = np.maximum(left - target, target - right) - slack
    return _finding(np.where(gap <= 0, 1, -1), gap, x, np.maximum(right - x, x - left), target, slack)


def critical_count(rows: pd.DataFrame, prediction: str) -> Finding:
    """Whether measured critical counts are those of a prediction: `contains`, of their intervals widened by 2.

    Two parameters are one complex amplitude, the step in which a count of dimensions is sharp.

    Parameters
    ----------
    rows : DataFrame
        One row a case, with the columns p_c, low, high (NaN where the scan has found none) and `prediction`.
    prediction : str
        Column of what is predicted.

    Returns
    -------
    Finding
    """
    return contains(rows["low"], rows["high"], rows[prediction], margin=2, value=rows["p_c"])


def above(
    value: ArrayLike,
    bound: ArrayLike,
    *,
    error: ArrayLike = 0.0,
    sigmas: float = 0.0,
    samples: ArrayLike | None = None,
    interval: tuple[ArrayLike, ArrayLike] | None = None,
) -> Finding:
    """Whether numbers are above a bound; not decided where the bound lies inside their interval.

    Parameters
    ----------
    value, bound, error : array_like, shape () or (K,)
        Estimates, the bound, and standard errors of the estimates.
    sigmas : float
        The interval is value ± sigmas * error.  A number without an error is above its bound or not.
    samples : array_like, shape () or (K,), optional
        As for `within`.
    interval : (low, high), optional
        The interval itself, in place of `error` and `sigmas`.

    Returns
    -------
    Finding
    """
    return _beyond(1, value, bound, error, sigmas, samples, interval)


def below(
    value: ArrayLike,
    bound: ArrayLike,
    *,
    error: ArrayLike = 0.0,
    sigmas: float = 0.0,
    samples: ArrayLike | None = None,
    interval: tuple[ArrayLike, ArrayLike] | None = None,
) -> Finding:
    """Whether numbers are below a bound; not decided where the bound lies inside their interval.

    Parameters
    ----------
    value, bound, error, sigmas, samples, interval
        As for `above`.

    Returns
    -------
    Finding
    """
    return _beyond(-1, value, bound, error, sigmas, samples, interval)


def share_at_least(count: int, total: int, bound: float, *, confidence: float | None = None) -> Finding:
    """Whether a share of a sample is at least a bound.

    Parameters
    ----------
    count, total : int
        0 <= count <= total.
    bound : float
        In [0, 1].
    confidence : float, optional
        Asks for the share of the population: not decided where the bound lies inside Wilson's interval of this level.
        Default: the sample itself is what the claim is about.

    Returns
    -------
    Finding
        The uncertainty is the half-width of Wilson's 95 % interval, or that of `confidence`.
    """
    return _share(count, total, bound, confidence, at_least=True)


def share_at_most(count: int, total: int, bound: float, *, confidence: float | None = None) -> Finding:
    """Whether a share of a sample is at most a bound.

    Parameters
    ----------
    count, total, bound, confidence
        As for `share_at_least`.

    Returns
    -------
    Finding
    """
    return _share(count, total, bound, confidence, at_least=False)


def none_below(values: ArrayLike, bound: float) -> Finding:
    """Whether no number of a sample is below a bound.

    Parameters
    ----------
    values : array_like, shape (K,)
        The sample.
    bound : float
        A number equal to it is not below it.

    Returns
    -------
    Finding
        The value is the share below; its uncertainty the distance to the upper end of the exact one-sided 95 % interval
        (Clopper and Pearson).
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if not x.size or np.isnan(x).any():
        return _nothing(0.0, x.size)
    low = int(np.count_nonzero(x < bound))
    most = 1.0 if low == x.size else float(special.betaincinv(low + 1, x.size - low, 0.95))
    return Finding(low == 0, low / x.size, most - low / x.size, 0.0, 0.0, x.size, low, int(np.argmin(x)))


def largest_z(
    z: ArrayLike, bound: float, *, reject: float | None = None, samples: ArrayLike | None = None
) -> Finding:
    """Whether no deviation, in standard errors, exceeds a bound.

    Parameters
    ----------
    z : array_like, shape (K,)
        Deviations divided by their standard errors.
    bound : float
        Largest |z| that agrees.
    reject : float, optional
        Largest |z| that is not decided; default is `bound`.
    samples : array_like, shape () or (K,), optional
        As for `within`; the value is then the |z| of a normal law with the same tail.

    Returns
    -------
    Finding
    """
    (x,) = _cases(z)
    off = np.abs(x)
    if samples is not None:
        off = -special.ndtri(special.stdtr(np.asarray(samples) - 1.0, -off))
    status = np.where(off <= bound, 1, np.where(off <= max(bound, reject or bound), 0, -1))
    one = np.ones_like(off)
    return _finding(status, off, off, one, 0.0 * one, bound * one)


def equal(value: ArrayLike, expected: ArrayLike) -> Finding:
    """Whether numbers, such as counts, are exactly what is expected.

    Parameters
    ----------
    value, expected : array_like, shape () or (K,)

    Returns
    -------
    Finding
    """
    return within(value, expected)


def all_of(*findings: Finding) -> Finding:
    """Whether several findings hold together: none may fail, and none may be open.

    Parameters
    ----------
    *findings : Finding
        At least one.

    Returns
    -------
    Finding
        The first that has no data, else the first that fails, else the first that is open, else the first.

    Raises
    ------
    ValueError
        Without any finding.
    """
    if not findings:
        raise ValueError("all_of needs at least one finding")
    empty = [found for found in findings if found.value is None]
    failed = [found for found in findings if found.holds is False]
    unsure = [found for found in findings if found.holds is None]
    return [*empty, *failed, *unsure, *findings][0]


def ends(rows: pd.DataFrame, name: str) -> tuple[pd.Series, pd.Series]:
    """The columns `name`_low and `name`_high of a table, as `above` and `below` take an interval."""
    return rows[f"{name}_low"], rows[f"{name}_high"]


def _cases(*arrays: ArrayLike) -> list[Floats]:
    """All of one length, as float64 vectors."""
    plain = [np.atleast_1d(np.asarray(array, dtype=np.float64)) for array in arrays]
    return [np.array(array) for array in np.broadcast_arrays(*plain)]


def _quantile(sigmas: float, samples: ArrayLike | None) -> float | Floats:
    """The multiple of an error from `samples` values that has the tail of `sigmas` exact ones; nan below 2 values."""
    if samples is None:
        return sigmas
    return -special.stdtrit(np.asarray(samples) - 1.0, special.ndtr(-sigmas))


def _nothing(expected: Expected, cases: int = 0) -> Finding:
    return Finding(None, None, None, expected, None, cases, 0, None)


def _beyond(
    side: Literal[1, -1],
    value: ArrayLike,
    bound: ArrayLike,
    error: ArrayLike,
    sigmas: float,
    samples: ArrayLike | None,
    interval: tuple[ArrayLike, ArrayLike] | None,
) -> Finding:
    """`above` for side 1, `below` for -1."""
    if interval is None:
        x, limit, sigma = _cases(value, bound, error)
        reach = _quantile(sigmas, samples) * sigma
        low, high = x - reach, x + reach
    else:
        x, limit, low, high = _cases(value, bound, *interval)
        sigma = np.maximum(high - x, x - low)
    nearest, farthest = (low - limit, high - limit) if side > 0 else (limit - high, limit - low)
    status = np.where(nearest > 0, 1, np.where(farthest <= 0, -1, 0))
    return _finding(status, -nearest, x, sigma, limit, np.zeros_like(x), side=side)


def _finding(
    status: NDArray[np.int64],
    excess: Floats,
    value: Floats,
    error: Floats,
    expected: Floats,
    tolerance: Floats,
    *,
    side: Literal[-1, 0, 1] = 0,
) -> Finding:
    """Of cases with the status 1, 0 or -1, the one with the largest excess among those of the lowest status.

    What is expected is a number, or for side 1 and -1 an interval with the number as its lower or upper end.
    """
    numbers = np.stack([value, error, expected, tolerance])
    if not value.size or not np.isfinite(numbers).all():
        return _nothing(None, value.size)
    if (error < 0).any() or (tolerance < 0).any():
        raise ValueError(
            f"errors and tolerances must not be negative, got {error.min()} and {tolerance.min()}"
        )
    lowest = int(status.min())
    worst = int(np.argmax(np.where(status == lowest, excess, -np.inf)))
    number = float(expected[worst])
    targets: dict[int, Expected] = {-1: (None, number), 0: number, 1: (number, None)}
    return Finding(
        {1: True, 0: None, -1: False}[lowest],
        float(value[worst]),
        float(error[worst]),
        targets[side],
        float(tolerance[worst]),
        int(value.size),
        int(np.count_nonzero(status < 0)),
        worst,
    )


def _share(count: int, total: int, bound: float, confidence: float | None, *, at_least: bool) -> Finding:
    if not (
        float(count).is_integer() and float(total).is_integer() and 0 <= count <= total and 0 <= bound <= 1
    ):
        raise ValueError(
            "a share needs whole numbers 0 <= count <= total and a bound in [0, 1], "
            f"got {count!r} of {total!r}, {bound!r}"
        )
    expected = (bound, None) if at_least else (None, bound)
    if total == 0:
        return _nothing(expected)
    test = stats.binomtest(int(count), int(total))
    interval = test.proportion_ci(
        confidence_level=0.95 if confidence is None else confidence, method="wilson"
    )
    share = count / total
    low, high = (share, share) if confidence is None else (interval.low, interval.high)
    inside, beyond = (low >= bound, high < bound) if at_least else (high <= bound, low > bound)
    holds = True if inside else False if beyond else None
    half = max(interval.high - share, share - interval.low)
    return Finding(holds, share, half, expected, 0.0, 1, int(holds is False), 0)
