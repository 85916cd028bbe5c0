"""Estimates with standard errors, most of them from samples that come in circuits (`intervals`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from qgmutils.inputs import label_array, real_array, require_positive
from qgmutils.statistics.intervals import (
    finite_vector,
    finite_vectors,
    group_sums,
    resampled_sums,
    standard_error,
)

Array = NDArray[np.float64]


def cluster_estimate(
    columns: ArrayLike,
    circuit: ArrayLike,
    statistic: Callable[[Array], Array] | None = None,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
) -> tuple[float, float]:
    """A function of means, with the standard error from resampling whole circuits (cluster bootstrap).

    Parameters
    ----------
    columns : array, shape (M,) or (M, K)
        Observations whose means the statistic takes, finite.
    circuit : array, shape (M,)
        Circuit of each observation.
    statistic : callable, optional
        Maps means (..., K) to numbers (...); by default the mean of the first column.
    rng : numpy.random.Generator
        Source of the resampling.
    n_resamples : int
        Number of resamples, 2 to `intervals.MAX_RESAMPLES`.

    Returns
    -------
    estimate, standard_error : float
        The interval of few circuits is wider than 1.96 standard errors: `intervals.student`.

    Raises
    ------
    UndeterminedError
        There are fewer than two circuits.
    ValueError
        The lengths differ, an observation is not finite, a circuit has no label, or an option is out of range.
    """
    values = real_array(columns, "columns")
    if values.ndim not in (1, 2) or values.size == 0 or not np.all(np.isfinite(values)):
        raise ValueError(
            f"columns has the shape {values.shape} and {np.sum(~np.isfinite(values))} entries that are not finite; "
            "it must have the shape (M,) or (M, K), and finite numbers"
        )
    sums = group_sums(np.column_stack([values, np.ones(len(values))]), circuit, "circuit")
    totals = resampled_sums(sums, rng, n_resamples)
    means = totals[:, :-1] / totals[:, -1:]
    found = means[:, 0] if statistic is None else statistic(means)
    return float(found[0]), standard_error(found, len(sums))


def skewness(energy: ArrayLike, circuit: ArrayLike, *, rng: np.random.Generator) -> tuple[float, float]:
    """Skewness of a sample of energies, with its cluster standard error; both nan where all energies are equal.

    Raises
    ------
    ValueError
        As `cluster_estimate`.
    """
    x = finite_vector(energy, "energy")
    x = x - x.mean()

    def of(mean: Array) -> Array:
        first, second, third = np.moveaxis(mean, -1, 0)
        return np.asarray((third - 3 * first * second + 2 * first**3) / (second - first**2) ** 1.5)

    return cluster_estimate(np.column_stack([x, x**2, x**3]), circuit, of, rng=rng)


def relative_slope(
    energy: ArrayLike, square: ArrayLike, circuit: ArrayLike, *, rng: np.random.Generator
) -> tuple[float, float]:
    """Least-squares slope of `square` on the energy over the mean of `square`, with its cluster standard error.

    Raises
    ------
    ValueError
        As `cluster_estimate`.
    """
    x, y = finite_vectors(energy=energy, square=square)
    x = x - x.mean()

    def of(mean: Array) -> Array:
        first, second, level, cross = np.moveaxis(mean, -1, 0)
        return np.asarray((cross - first * level) / ((second - first**2) * level))

    return cluster_estimate(np.column_stack([x, x**2, y, x * y]), circuit, of, rng=rng)


def distribution_gap(
    values: ArrayLike,
    circuit: ArrayLike,
    reference: ArrayLike,
    *,
    rng: np.random.Generator,
    weights: ArrayLike | None = None,
) -> tuple[float, float]:
    """Largest distance between the distribution functions of a sample and of a reference sample.

    Parameters
    ----------
    values, circuit : array, shape (M,)
        The sample, in circuits.
    reference, weights : array, shape (R,)
        The reference sample and its weights (default: equal).

    Returns
    -------
    gap, standard_error : float
        The distance, and the cluster standard error of the sample's distribution function where it is reached.

    Raises
    ------
    ValueError
        As `cluster_estimate`, and for weights that are negative or all zero.
    """
    x = finite_vector(values, "values")
    y = finite_vector(reference, "reference")
    w = np.ones(len(y)) if weights is None else finite_vectors(reference=y, weights=weights)[1]
    if np.any(w < 0) or not w.any():
        raise ValueError(f"weights must not be negative, and not all zero, got {w.min():g} ... {w.max():g}")
    order = np.argsort(y)
    cumulated = np.concatenate([[0.0], np.cumsum(w[order])]) / w.sum()
    grid = np.quantile(np.concatenate([x, y]), np.linspace(0, 1, 401))
    sample = np.searchsorted(np.sort(x), grid, side="right") / len(x)
    gaps = np.abs(sample - cumulated[np.searchsorted(y[order], grid, side="right")])
    worst = int(np.argmax(gaps))
    _, error = cluster_estimate(x <= grid[worst], circuit, rng=rng)
    return float(gaps[worst]), error


def binned_means(
    x: ArrayLike, y: ArrayLike, circuit: ArrayLike, edges: ArrayLike, *, rng: np.random.Generator
) -> pd.DataFrame:
    """Means of y in bins of x with cluster standard errors: columns bin, x (mean), y, se, count.

    Bins with fewer than 20 observations or with fewer than 2 circuits are left out.

    Raises
    ------
    ValueError
        As `cluster_estimate`, and for edges that decrease.
    """
    ends = finite_vector(edges, "edges")
    if np.any(np.diff(ends) < 0):
        raise ValueError(f"edges must not decrease, got {ends.tolist()}")
    labels = label_array(circuit, "circuit")
    x, y = finite_vectors(x=x, y=y)
    if labels.shape != x.shape:
        raise ValueError(f"circuit must be as long as x, {x.size}, got the shape {labels.shape}")
    frame = pd.DataFrame({"x": x, "y": y, "circuit": labels})
    frame["bin"] = np.digitize(frame["x"], ends) - 1
    rows = []
    for number in range(len(ends) - 1):
        group = frame[frame["bin"] == number]
        if len(group) >= 20 and len(set(group["circuit"])) > 1:
            mean, se = cluster_estimate(group["y"], group["circuit"], rng=rng)
            row = {"bin": number, "x": group["x"].mean(), "y": mean, "se": se, "count": len(group)}
            rows.append(row)
    return pd.DataFrame(rows, columns=["bin", "x", "y", "se", "count"])


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
