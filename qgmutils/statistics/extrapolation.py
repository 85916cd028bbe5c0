"""Extrapolation of means to large dimension with the uncertainty of the law that is assumed.

A few sizes cannot tell the power with which a mean approaches its limit.  The fit E = E_inf + a N^-b is therefore
made at every power b of a range, and what is reported is the range of limits over all powers that describe the
data.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from qgmutils.statistics.intervals import FloatArray, UndeterminedError, finite_vectors, positive_vectors

__all__ = ["POWERS", "Limit", "claimed", "extrapolate", "fitted_line", "limits_table", "require_spread"]

POWERS = tuple(np.round(np.arange(0.25, 2.01, 0.05), 2).tolist())
"""Powers b tried: 2/3 is that of the edge of a random matrix's spectrum, 1 that of most corrections to means; below
1/4 the limit would be determined by the power alone."""


@dataclasses.dataclass(frozen=True)
class Limit:
    """A limit with its uncertainties.

    Attributes
    ----------
    estimate, error : float
        At the power of least chi^2, and the standard error there.
    low, high : float
        Over all powers whose chi^2 is within 4 of the least: the lowest limit minus, and the highest plus, two
        standard errors.
    power, power_low, power_high : float
        The power of least chi^2 and the range of powers within 4 of it; ends of the range tried say that it is open.
    chi_square : float
        The least one.
    degrees : int
        Sizes minus 2: the power is scanned, not counted.
    """

    estimate: float
    error: float
    low: float
    high: float
    power: float
    power_low: float
    power_high: float
    chi_square: float
    degrees: int


def fitted_line(x: FloatArray, y: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Straight line y = a + b x by weighted least squares (textbook).

    Parameters
    ----------
    x, y, error : ndarray, shape (K,)
        Points, not all at one x, with the standard errors of y, positive.

    Returns
    -------
    coefficients : ndarray, shape (2,)
        a and b.
    covariance : ndarray, shape (2, 2)
        That of the coefficients, if the errors are right.
    chi_square : float
        Sum of the squared residuals in units of the errors.
    """
    design = np.column_stack([np.ones_like(x), x]) / error[:, None]
    covariance = np.asarray(np.linalg.inv(design.T @ design), dtype=np.float64)
    coefficients = covariance @ design.T @ (y / error)
    return coefficients, covariance, float(np.sum((y / error - design @ coefficients) ** 2))


def require_spread(sizes: FloatArray, name: str) -> None:
    """Raise an `UndeterminedError` if positive sizes, called `name`, cannot tell how something goes with them."""
    if len(np.unique(sizes)) < 3 or not 1e-3 < np.ptp(np.log2(sizes)) < 100:
        raise UndeterminedError(
            f"{name} must be at least 3 different numbers that span a factor between 2^0.001 and 2^100, "
            f"got {sizes.tolist()}"
        )


def extrapolate(dims: ArrayLike, means: ArrayLike, errors: ArrayLike, *, powers: ArrayLike = POWERS) -> Limit:
    """Fit E_inf + a N^-b by weighted least squares at every power b.

    Parameters
    ----------
    dims : array_like, shape (S,)
        Dimensions N, at least three different ones.
    means, errors : array_like, shape (S,)
        Means with their standard errors, positive.
    powers : array_like
        Powers to try, positive.

    Returns
    -------
    Limit

    Raises
    ------
    UndeterminedError
        The dims are fewer than three, or too close or too far apart to be fitted.
    ValueError
        The lengths differ, a number is not finite, or a dim, an error or a power is not positive.
    """
    (tried,) = positive_vectors(powers=powers)
    n, s = positive_vectors(dims=dims, errors=errors)
    n, y, s = finite_vectors(dims=n, means=means, errors=s)
    require_spread(n, "dims")
    limits, spreads, chi = [], [], []
    for b in tried:
        coefficients, covariance, square = fitted_line((n / n.min()) ** -b, y, s)
        limits.append(coefficients[0])
        spreads.append(np.sqrt(covariance[0, 0]))
        chi.append(square)
    limit, spread, chi_square = np.array(limits), np.array(spreads), np.array(chi)
    best = int(np.argmin(chi_square))
    near = chi_square <= chi_square[best] + 4
    return Limit(
        estimate=float(limit[best]),
        error=float(spread[best]),
        low=float((limit - 2 * spread)[near].min()),
        high=float((limit + 2 * spread)[near].max()),
        power=float(tried[best]),
        power_low=float(tried[near].min()),
        power_high=float(tried[near].max()),
        chi_square=float(chi_square[best]),
        degrees=len(n) - 2,
    )


def limits_table(trained: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means at every fraction p/N and size, and their limits.

    Parameters
    ----------
    trained : DataFrame
        Columns fraction, n_qubits and loss; independent starts, one per circuit.

    Returns
    -------
    trend : DataFrame
        fraction, n_qubits, circuits, mean, error (standard error).
    limits : DataFrame
        fraction and the fields of `Limit`.
    """
    grouped = trained.groupby(["fraction", "n_qubits"])["loss"]
    trend = grouped.agg(circuits="size", mean="mean", error="sem").reset_index()
    limits = [
        {"fraction": f}
        | dataclasses.asdict(extrapolate(2.0 ** rows["n_qubits"], rows["mean"], rows["error"]))
        for f, rows in trend.groupby("fraction")
    ]
    return trend, pd.DataFrame(limits)


def claimed(limits: pd.DataFrame, *, unit: ArrayLike = 1.0, misfit: float = 1.0) -> pd.DataFrame:
    """Intervals of limits that a claim may rest on: wide enough to decide nothing where no power fits.

    Parameters
    ----------
    limits : DataFrame
        As `limits_table` returns.
    unit : array_like, shape () or one entry a row
        What the limits are expressed in, positive.
    misfit : float
        By how much an interval is widened at both ends where chi^2 exceeds 4 per degree of freedom; for losses that is
        1, the mean over all states.

    Returns
    -------
    DataFrame
        fraction, value, value_low and value_high, in the unit.
    """
    wide = misfit * (limits["chi_square"] > 4 * limits["degrees"])
    ends = {
        "value": limits["estimate"],
        "value_low": limits["low"] - wide,
        "value_high": limits["high"] + wide,
    }
    return pd.DataFrame({"fraction": limits["fraction"], **{name: x / unit for name, x in ends.items()}})
