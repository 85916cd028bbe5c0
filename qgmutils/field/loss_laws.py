"""Losses at random angles against their laws: those of the random field, and the exact ones of Haar-random states."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from scipy.interpolate import PchipInterpolator

from qgmutils.field import haar
from qgmutils.losses.energy import Energy
from qgmutils.statistics.estimates import cluster_estimate, relative_slope, skewness

__all__ = ["loss_laws", "ray_correlations"]


def loss_laws(
    table: pd.DataFrame, problem: Energy, n_params: int, *, rng: np.random.Generator
) -> dict[str, float]:
    """Compare the table of a `SampleTask` of losses with the WHRF and with the exact laws of Haar-random states.

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
    energy, circuit = table["loss"].to_numpy(), table["circuit"].to_numpy()
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


def ray_correlations(table: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Correlation of the loss against distance from the table of a `SampleTask` of rays, one row a distance.

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
