"""Tables of counts: sampled fields against the Kac-Rice formula, and minima as angles are added at fixed gamma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from qgmutils.computing.tasks import run_tasks
from qgmutils.field import counting, spectra
from qgmutils.field.critical_points import FieldEnumeration

__all__ = ["approach", "count_fields", "densities_of_minima", "mean_energies_of_minima"]


def count_fields(
    fields: Mapping[tuple[int, float], int], *, n_starts: int, n_samples: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List all critical points of sampled fields, and compare their numbers with the Kac-Rice formula.

    Parameters
    ----------
    fields : mapping of (p, m) to int
        How many fields to sample, at least 2 each.
    n_starts : int
        Newton starts of the first round, per field.
    n_samples : int
        Matrices per (p, m) in the formula.
    seed : int

    Returns
    -------
    counts : DataFrame
        One row an index, in the order of `fields`: p, m, the columns of `counting.compare_counts`, and mean_energy (of
        the formula).
    ensembles : DataFrame
        One row a (p, m): p, m, fields, complete (fields of which the enumeration is), points and points_kac_rice
        (critical points per field), largest_z (over indices), and joint_p of `counting.compare_counts`.
    """
    # The largest fields first, in small tasks, so that no worker is left with them at the end.
    pieces = [
        FieldEnumeration(p, m, first, min(block, number - first), n_starts, seed)
        for (p, m), number in sorted(fields.items(), reverse=True)
        for block in [max(1, 50 // 4 ** max(p - 3, 0))]
        for first in range(0, number, block)
    ]
    formula = [counting.CountTask(p, m, n_samples, seed) for p, m in fields]
    results = run_tasks([*pieces, *formula], label="fields")
    tables, rows = [], []
    for (p, m), theory in zip(fields, results[len(pieces) :], strict=True):
        parts = zip(pieces, results, strict=False)  # the results of the pieces come first
        found = pd.concat(
            [part for piece, part in parts if (piece.n_params, piece.degrees_of_freedom) == (p, m)]
        )
        compared, joint_p = counting.compare_counts(found, theory)
        complete = found.groupby("field")["complete"].first()
        compared.insert(0, "m", m)
        compared.insert(0, "p", p)
        tables.append(compared.assign(mean_energy=theory["mean_energy"]))
        row = {"p": p, "m": m, "fields": len(complete), "complete": complete.sum()}
        row |= {"points": compared["enumerated"].sum(), "points_kac_rice": compared["kac_rice"].sum()}
        rows.append(row | {"largest_z": compared["z"].abs().max(), "joint_p": joint_p})
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows)


def densities_of_minima(gamma: float, sizes: Mapping[int, int], *, seed: int) -> pd.DataFrame:
    """Complexity of minima at 31 energies from 0.3 to 2.1 threshold energies.

    Parameters
    ----------
    gamma : float
        Between 0 and 1.
    sizes : mapping of int to int
        Number of angles p -> matrices.
    seed : int

    Returns
    -------
    DataFrame
        gamma, p, complexity ((1/p) ln rho_0(E) - (1/2) ln p, which has a limit for many angles; nan where fewer than
        100 effective samples are positive definite), and the columns of `densities.density_table`.
    """
    grid = tuple(np.round(np.linspace(0.3, 2.1, 31) * float(spectra.threshold_energy(gamma)), 6))
    tasks = [counting.MinimaDensity(p, p / (2 * gamma), number, seed, grid) for p, number in sizes.items()]
    tables = []
    for p, table in zip(sizes, run_tasks(tasks, label="densities of minima"), strict=True):
        complexity = (table["log_density"] / p - np.log(p) / 2).where(table["resolved"])
        labels = pd.DataFrame({"gamma": gamma, "p": p, "complexity": complexity})
        tables.append(pd.concat([labels, table], axis=1))
    return pd.concat(tables, ignore_index=True)


def mean_energies_of_minima(gammas: Sequence[float], sizes: Mapping[int, int], *, seed: int) -> pd.DataFrame:
    """Number and mean energy of the field's minima, as angles are added at fixed gamma.

    Parameters
    ----------
    gammas : sequence of float
        Between 0 and 1.
    sizes : mapping of int to int
        Number of angles p -> matrices.
    seed : int

    Returns
    -------
    DataFrame
        One row a gamma and p: gamma, p, threshold (the limit E_th of the mean energy), and the columns of
        `counting.CountTask`, of which the numbers are nan where too few samples are minima.
    """
    rows, tasks = [], []
    for gamma in gammas:
        threshold = float(spectra.threshold_energy(gamma))
        for p, number in sizes.items():
            # Minima lie within some p^-1/2 of the threshold.
            window = max(0.0, threshold - 0.8 / p**0.5), threshold + 2 / p**0.5
            rows.append({"gamma": gamma, "p": p, "threshold": threshold})
            tasks.append(counting.CountTask(p, p / (2 * gamma), number, seed, 0, window))
    found = pd.concat(run_tasks(tasks, label="mean energies of minima"), ignore_index=True)
    return pd.concat([pd.DataFrame(rows), found.drop(columns="index")], axis=1)


def approach(minima: pd.DataFrame, *, smallest: int = 8) -> pd.DataFrame:
    """Power of p with which the mean energy of minima goes to the threshold, by least squares of the logarithms.

    Parameters
    ----------
    minima : DataFrame
        As `mean_energies_of_minima` returns it.
    smallest : int
        Fewer angles are left out.

    Returns
    -------
    DataFrame
        One row a gamma: gamma, above (the least mean energy above the threshold, inf without any), exponent and error;
        these are nan with fewer than two resolved p.
    """
    rows = []
    for gamma, group in minima.groupby("gamma", sort=False):
        good = group[group["resolved"] & (group["p"] >= smallest)]
        above = (good["mean_energy"] - good["threshold"]).to_numpy()
        row = {"gamma": gamma, "above": above.min(initial=np.inf), "exponent": np.nan, "error": np.nan}
        if len(set(good["p"])) > 1:
            x = np.log(good["p"]) - np.log(good["p"]).mean()
            weights = (x / np.sum(x**2)).to_numpy()
            relative = good["mean_energy_stderr"] / np.abs(above)
            row["exponent"] = weights @ np.log(np.abs(above))
            row["error"] = np.sqrt(weights**2 @ relative**2)
        rows.append(row)
    return pd.DataFrame(rows)
