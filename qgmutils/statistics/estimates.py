"""Estimates from samples that come in circuits: the starts of one circuit are not independent, the circuits are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.interpolate import PchipInterpolator

from qgmutils.problems import Problem
from qgmutils.theory import haar

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
        Observations whose means the statistic takes.
    circuit : array, shape (M,)
        Circuit of each observation.
    statistic : callable, optional
        Maps means (..., K) to numbers (...); by default the mean of the first column.

    Returns
    -------
    estimate, standard_error : float

    Raises
    ------
    ValueError
        For fewer than two circuits.
    """
    values = np.asarray(columns, dtype=np.float64)
    values = values.reshape(len(values), -1)
    apply = statistic if statistic is not None else (lambda mean: mean[..., 0])
    _, label = np.unique(np.asarray(circuit), return_inverse=True)
    count = np.bincount(label).astype(np.float64)
    if len(count) < 2:
        raise ValueError("a standard error over circuits needs at least 2 of them, got 1: raise n_instances")
    sums = np.column_stack([np.bincount(label, weights=column) for column in values.T])
    # How often each circuit is drawn in each resample.
    drawn = rng.integers(len(count), size=(n_resamples, len(count)))
    drawn += len(count) * np.arange(n_resamples)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
    resampled = apply((weights @ sums) / (weights @ count)[:, None])
    return float(apply(sums.sum(axis=0) / count.sum())), float(np.std(resampled, ddof=1))


def skewness(energy: ArrayLike, circuit: ArrayLike, *, rng: np.random.Generator) -> tuple[float, float]:
    """Skewness of a sample of energies, with its cluster standard error."""
    x = np.array(energy, dtype=np.float64)
    x -= x.mean()

    def of(mean: Array) -> Array:
        first, second, third = np.moveaxis(mean, -1, 0)
        return np.asarray((third - 3 * first * second + 2 * first**3) / (second - first**2) ** 1.5)

    return cluster_estimate(np.column_stack([x, x**2, x**3]), circuit, of, rng=rng)


def relative_slope(
    energy: ArrayLike, square: ArrayLike, circuit: ArrayLike, *, rng: np.random.Generator
) -> tuple[float, float]:
    """Least-squares slope of `square` on the energy over the mean of `square`, with its cluster standard error."""
    x = np.array(energy, dtype=np.float64)
    x -= x.mean()
    y = np.asarray(square, dtype=np.float64)

    def of(mean: Array) -> Array:
        first, second, level, cross = np.moveaxis(mean, -1, 0)
        return np.asarray((cross - first * level) / ((second - first**2) * level))

    return cluster_estimate(np.column_stack([x, x**2, y, x * y]), circuit, of, rng=rng)


def loss_laws(
    table: pd.DataFrame, problem: Problem, n_params: int, *, rng: np.random.Generator
) -> dict[str, float]:
    """Compare the table of a `LossTask` with the WHRF and with the exact laws of Haar-random states.

    Returns
    -------
    dict
        n_qubits, n_params, m, rank_ratio (effective rank r over N), samples;
        skewness, skewness_se, skewness_exact: skewness of E over that of Gamma(m), which is 1 for the WHRF;
        slope, slope_se, slope_exact: relative slope of (dE/dtheta)^2 on E, which is 1 for the WHRF;
        ks_gamma, ks_gamma_exact: KS distance to Gamma(m), and that of the exact law;
        haar_p: p-value of the KS test against the exact law;
        ks_gradient: KS distance of dE/dtheta / sqrt(2E/m) to N(0, 1);
        same_circuit, same_circuit_se, same_circuit_exact: correlation of E at two starts of one circuit.
    """
    m = problem.degrees_of_freedom
    energy, circuit = table["energy"].to_numpy(), table["circuit"].to_numpy()
    field = stats.gamma(m, scale=1 / m)  # type: ignore[attr-defined]
    grid = np.linspace(energy.min(), energy.max(), 129)
    law = PchipInterpolator(grid, haar.energy_cdf(grid, problem.levels))
    skew = np.array(skewness(energy, circuit, rng=rng)) * np.sqrt(m) / 2
    slope = relative_slope(energy, table["gradient_square"], circuit, rng=rng)
    deviation = (energy - 1) / np.sqrt(problem.dim / ((problem.dim + 1) * m))
    grouped = pd.DataFrame({"x": deviation, "y": deviation**2}).groupby(circuit)
    total, square, size = grouped["x"].sum(), grouped["y"].sum(), grouped["x"].count()
    same = cluster_estimate((total**2 - square) / np.maximum(size * (size - 1), 1), total.index, rng=rng)
    return {
        "n_qubits": problem.n_qubits,
        "n_params": n_params,
        "m": m,
        "rank_ratio": problem.effective_rank / problem.dim,
        "samples": len(table),
        "skewness": skew[0],
        "skewness_se": skew[1],
        "skewness_exact": haar.skewness_ratio(problem.levels),
        "slope": slope[0],
        "slope_se": slope[1],
        "slope_exact": haar.gradient_slope(problem.levels),
        # The asymptotic p-value, which is not used, takes no time.
        "ks_gamma": stats.kstest(energy, field.cdf, method="asymp").statistic,
        "ks_gamma_exact": float(np.max(np.abs(law(grid) - field.cdf(grid)))),
        "haar_p": stats.kstest(energy, law).pvalue,
        "ks_gradient": stats.kstest(
            table["gradient"] / np.sqrt(2 * energy / m), "norm", method="asymp"
        ).statistic,
        "same_circuit": same[0],
        "same_circuit_se": same[1],
        "same_circuit_exact": haar.intraclass_correlation(n_params, problem.dim),
    }


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
    """
    x = np.asarray(values, dtype=np.float64)
    y = np.asarray(reference, dtype=np.float64)
    order = np.argsort(y)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    cumulated = np.concatenate([[0.0], np.cumsum(w[order])]) / w.sum()
    grid = np.quantile(np.concatenate([x, y]), np.linspace(0, 1, 401))
    sample = np.searchsorted(np.sort(x), grid, side="right") / len(x)
    gaps = np.abs(sample - cumulated[np.searchsorted(y[order], grid, side="right")])
    worst = int(np.argmax(gaps))
    _, error = cluster_estimate(x <= grid[worst], circuit, rng=rng)
    return float(gaps[worst]), error


def ray_correlations(table: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Correlation of the loss against distance from the table of a `RayTask`, one row a distance.

    Columns: distance, observed, se (cluster standard error of observed - exact), field and exact (means over the same
    rays), z = (observed - exact) / se.
    """
    rows = []
    for distance, group in table.groupby("distance"):
        means = group[["product", "field", "exact"]].mean()
        gap, se = cluster_estimate(group["product"] - group["exact"], group["circuit"], rng=rng)
        row = {"distance": distance, "observed": means["product"], "se": se}
        rows.append(row | {"field": means["field"], "exact": means["exact"], "z": gap / se})
    return pd.DataFrame(rows)


def binned_means(
    x: ArrayLike, y: ArrayLike, circuit: ArrayLike, edges: ArrayLike, *, rng: np.random.Generator
) -> pd.DataFrame:
    """Means of y in bins of x with cluster standard errors: columns bin, x (mean), y, se, count.

    Bins with fewer than 20 observations or with fewer than 2 circuits are left out.
    """
    frame = pd.DataFrame({"x": np.asarray(x), "y": np.asarray(y), "circuit": np.asarray(circuit)})
    frame["bin"] = np.digitize(frame["x"], np.asarray(edges)) - 1
    rows = []
    for number in range(len(np.asarray(edges)) - 1):
        group = frame[frame["bin"] == number]
        if len(group) >= 20 and len(set(group["circuit"])) > 1:
            mean, se = cluster_estimate(group["y"], group["circuit"], rng=rng)
            row = {"bin": number, "x": group["x"].mean(), "y": mean, "se": se, "count": len(group)}
            rows.append(row)
    return pd.DataFrame(rows, columns=["bin", "x", "y", "se", "count"])
