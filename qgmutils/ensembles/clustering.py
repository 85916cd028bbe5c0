"""Minima of circuits beside those of the random field: densities that a sample resolves, and means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.field.counting import MinimaDensity
from qgmutils.field.spectra import threshold_energy
from qgmutils.statistics.estimates import cluster_estimate

ZERO = 1e-6
"""Minima with a lower loss are at the global minimum.  It is wider than what counts as solved: near the critical count
true local minima have losses between the two."""


def field_densities(
    param_counts: Iterable[int], degrees_of_freedom: float, *, n_samples: int, seed: int
) -> dict[int, pd.DataFrame]:
    """Kac-Rice densities of the field's minima, those that the sample resolves.

    Parameters
    ----------
    param_counts : iterable of int
        Numbers of angles p.
    degrees_of_freedom : float
        m of the field.
    n_samples : int
        Matrices an energy, at least 16.
    seed : int

    Returns
    -------
    dict of int to DataFrame
        p -> a table of `field.counting.MinimaDensity`; without those p of which the bulk is not resolved, or the
        density does not exist (p >= 2m - 2).
    """
    # Ten effective samples are enough to draw a curve with its band.
    fields = {
        p: MinimaDensity(p, degrees_of_freedom, n_samples, seed, min_effective_samples=10.0)
        for p in param_counts
    }
    found = run_ensembles(fields, label="Kac-Rice")
    return {p: curve for p, curve in found.items() if curve["density"].notna().any()}


def enumerate_counts(
    model: Model, param_counts: Iterable[int], *, n_circuits: int, seed: int
) -> pd.DataFrame:
    """Every critical point of circuits of a model at several numbers of angles: rows of `EnumerateTask`."""
    circuits = {
        p: EnumerateTask(model=model.with_params(p), n_circuits=n_circuits, seed=seed) for p in param_counts
    }
    return pd.concat(run_ensembles(circuits, label="enumeration").values(), ignore_index=True)


def mean_losses(
    trained: pd.DataFrame,
    enumerated: pd.DataFrame,
    densities: Mapping[int, pd.DataFrame],
    degrees_of_freedom: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Mean losses of minima at every number of angles, measured and predicted.

    Parameters
    ----------
    trained : DataFrame
        Rows of `TrainTask`, whose mean weights a minimum by its basin.
    enumerated : DataFrame
        Rows of `EnumerateTask`, in whose mean every minimum (index 0) counts once.
    densities : mapping
        As of `field_densities`.
    degrees_of_freedom : float
        m of the field.
    rng : numpy.random.Generator
        Source of the resampling of circuits.

    Returns
    -------
    DataFrame
        p (ascending), gamma = p/2m, E_th; trained and enumerated, each with its standard error in "<name> s.e.";
        Kac-Rice, the mean of the density; incomplete, enumerated circuits of which minima may be missing; "E < 1e-6",
        the share of trained minima below `ZERO`.  NaN where there is nothing.

    Raises
    ------
    UndeterminedError
        There is one circuit only at some number of angles.
    """
    minima = {"trained": trained, "enumerated": enumerated[enumerated["index"] == 0]}
    columns: dict[str, dict[int, float]] = {}
    for name, rows in minima.items():
        found = {
            p: cluster_estimate(part["loss"], part["circuit"], rng=rng)
            for p, part in rows.groupby("n_params")
        }
        columns[name] = {p: mean for p, (mean, _) in found.items()}
        columns[f"{name} s.e."] = {p: error for p, (_, error) in found.items()}
    columns["Kac-Rice"] = {
        p: float(np.trapezoid(curve["density"] * curve["energy"], curve["energy"]))
        for p, curve in densities.items()
    }
    complete = enumerated.groupby(["n_params", "circuit"])["complete"].first()
    columns["incomplete"] = (~complete).groupby("n_params").sum().to_dict()
    columns["E < 1e-6"] = (trained["loss"] < ZERO).groupby(trained["n_params"]).mean().to_dict()
    table = pd.DataFrame(columns, dtype=float).sort_index()
    gamma = table.index.to_numpy() / (2 * degrees_of_freedom)
    table.insert(0, "gamma", gamma)
    table.insert(1, "E_th", threshold_energy(gamma))
    return table.rename_axis("p").reset_index()
