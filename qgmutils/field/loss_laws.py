"""Losses at random angles against their laws: those of the random field, and the exact ones of Haar-random states.

The table of an ensemble is that of a `SampleTask`.  Functions of several ensembles take `samples`, which maps
(model, n, p), a model's name with its numbers of qubits and angles, to such a table, and `energies`, which maps
(model, n) to the loss; what they return begins with the columns model, hamiltonian, n_qubits, n_params and m.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy import stats
from scipy.interpolate import PchipInterpolator

from qgmutils.field import haar
from qgmutils.losses.energy import Energy
from qgmutils.statistics.estimates import binned_means, cluster_estimate, relative_slope, skewness

__all__ = [
    "gradient_table",
    "histogram_table",
    "law_table",
    "loss_laws",
    "ray_correlations",
    "ray_table",
]

Samples = Mapping[tuple[str, int, int], pd.DataFrame]
Energies = Mapping[tuple[str, int], Energy]

EDGES = np.linspace(-4, 5, 55)
"""Edges of the bins of scaled losses (E - 1) sqrt(m), whose standard deviation is close to 1."""


def law_table(samples: Samples, energies: Energies, *, rng: np.random.Generator) -> pd.DataFrame:
    """`loss_laws` of every ensemble, one row each."""
    return _labelled(samples, energies, lambda table, energy, p: loss_laws(table, energy, p, rng=rng))


def ray_table(samples: Samples, energies: Energies, *, rng: np.random.Generator) -> pd.DataFrame:
    """`ray_correlations` of every ensemble, one row a distance."""
    return _labelled(samples, energies, lambda table, energy, p: ray_correlations(table, rng=rng))


def histogram_table(samples: Samples, energies: Energies) -> pd.DataFrame:
    """Histogram of the scaled losses (E - 1) sqrt(m) of every ensemble, one row a bin of `EDGES`.

    Columns: left, right (ends of the bin), density (of all losses of the ensemble), field (mean density of
    Gamma(m, rate m) in the bin) and samples (losses of the ensemble).
    """

    def histogram(table: pd.DataFrame, energy: Energy, n_params: int) -> pd.DataFrame:
        m = energy.degrees_of_freedom
        losses = 1 + EDGES / np.sqrt(m)
        count = np.histogram(table["loss"], losses)[0]
        share = np.diff(stats.gamma.cdf(losses, m, scale=1 / m))  # type: ignore[attr-defined]
        width = np.diff(EDGES)
        return pd.DataFrame(
            {
                "left": EDGES[:-1],
                "right": EDGES[1:],
                "density": count / (len(table) * width),
                "field": share / width,
                "samples": len(table),
            }
        )

    return _labelled(samples, energies, histogram)


def gradient_table(
    samples: Samples, energies: Energies, *, rng: np.random.Generator, n_bins: int = 12
) -> pd.DataFrame:
    """Size of the gradient given the loss in every ensemble, one row a quantile bin of the loss.

    Columns, in units in which the field's law is y = x: x (mean of (E - 1) sqrt(m) in the bin), y (mean of
    ((m/2) (dE/dtheta)^2 - 1) sqrt(m)), se (cluster standard error of y), count, and exact (y at x on the regression
    line of circuits, `haar.gradient_slope` and `haar.gradient_level`).
    """

    def bins(table: pd.DataFrame, energy: Energy, n_params: int) -> pd.DataFrame:
        m = energy.degrees_of_freedom
        x = (table["loss"] - 1) * np.sqrt(m)
        y = (table["gradient_square"] * m / 2 - 1) * np.sqrt(m)
        edges = np.quantile(x, np.linspace(0, 1, n_bins + 1))
        found = binned_means(x, y, table["circuit"], edges, rng=rng)
        relative = 1 + haar.gradient_slope(energy.levels) * found["x"] / np.sqrt(m)
        return found.assign(exact=(haar.gradient_level(energy.dim) * relative - 1) * np.sqrt(m))

    return _labelled(samples, energies, bins)


def loss_laws(
    table: pd.DataFrame, energy: Energy, n_params: int, *, rng: np.random.Generator
) -> pd.DataFrame:
    """Compare the losses of an ensemble with the WHRF and with the exact laws of Haar-random states.

    Returns
    -------
    DataFrame, one row
        rank_ratio (effective rank r over N), samples;
        skewness, skewness_se, skewness_exact: skewness of E over that of Gamma(m), which is 1 for the WHRF;
        slope, slope_se, slope_exact: relative slope of (dE/dtheta)^2 on E, which is 1 for the WHRF;
        ks_gamma, ks_gamma_exact: KS distance to Gamma(m), and that of the exact law;
        haar_p: p-value of the KS test against the exact law;
        ks_gradient: KS distance of dE/dtheta / sqrt(2E/m) to N(0, 1);
        same_circuit, same_circuit_se, same_circuit_exact: correlation of E at two starts of one circuit.
    """
    m = energy.degrees_of_freedom
    loss, circuit = table["loss"].to_numpy(), table["circuit"].to_numpy()
    field = stats.gamma(m, scale=1 / m)  # type: ignore[attr-defined]
    grid = np.linspace(loss.min(), loss.max(), 129)
    law = PchipInterpolator(grid, haar.energy_cdf(grid, energy.levels))
    skew = np.array(skewness(loss, circuit, rng=rng)) * np.sqrt(m) / 2
    slope = relative_slope(loss, table["gradient_square"], circuit, rng=rng)
    deviation = (loss - 1) / np.sqrt(energy.dim / ((energy.dim + 1) * m))
    grouped = pd.DataFrame({"x": deviation, "y": deviation**2}).groupby(circuit)
    total, square, size = grouped["x"].sum(), grouped["y"].sum(), grouped["x"].count()
    same = cluster_estimate((total**2 - square) / np.maximum(size * (size - 1), 1), total.index, rng=rng)
    # Rounding of the levels leaves 1e-14 where the moment of a symmetric spectrum is 0.
    exact = np.round([haar.skewness_ratio(energy.levels), haar.gradient_slope(energy.levels)], 10) + 0.0
    row = {
        "rank_ratio": energy.effective_rank / energy.dim,
        "samples": len(table),
        "skewness": skew[0],
        "skewness_se": skew[1],
        "skewness_exact": exact[0],
        "slope": slope[0],
        "slope_se": slope[1],
        "slope_exact": exact[1],
        # The asymptotic p-value, which is not used, takes no time.
        "ks_gamma": stats.kstest(loss, field.cdf, method="asymp").statistic,
        "ks_gamma_exact": float(np.max(np.abs(law(grid) - field.cdf(grid)))),
        "haar_p": stats.kstest(loss, law).pvalue,
        "ks_gradient": stats.kstest(
            table["gradient"] / np.sqrt(2 * loss / m), "norm", method="asymp"
        ).statistic,
        "same_circuit": same[0],
        "same_circuit_se": same[1],
        "same_circuit_exact": haar.intraclass_correlation(n_params, energy.dim),
    }
    return pd.DataFrame([row])


def ray_correlations(table: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Correlation of the loss against distance in an ensemble of rays, one row a distance.

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


def _labelled(
    samples: Samples, energies: Energies, measure: Callable[[pd.DataFrame, Energy, int], pd.DataFrame]
) -> pd.DataFrame:
    """What is measured in every ensemble, with the ensemble's columns in front."""
    parts = []
    for (model, n, p), table in samples.items():
        energy = energies[model, n]
        of = {"model": model, "hamiltonian": energy.name, "n_qubits": n, "n_params": p}
        of["m"] = energy.degrees_of_freedom
        found = measure(table, energy, p)
        labels = pd.DataFrame({name: [value] * len(found) for name, value in of.items()})
        parts.append(pd.concat([labels, found], axis=1))
    return pd.concat(parts, ignore_index=True)
