"""What each theory predicts for the energies of a model's local minima, and how far it is from what was found.

A prediction is a set of energies with weights, whatever theory it comes from: nodes of a density, or a single energy.
None of the theories has a fitted parameter:

- ``field, m`` and ``field, r``: Kac-Rice density of the random field, with its degrees of freedom m or with
  the effective rank r in their place (field; counts derived);
- ``companion``: the curve of the paper's author's later code (field);
- ``finite dimension``: Kac-Rice density of circuits with Haar-rotated generators, for every 2^n (derived);
- ``edge``: where minima are most numerous for 2^n to infinity at fixed p/2^n, which is usually where the Hessian's left
  edge vanishes (derived);
- ``pushed edge``: its leading correction at finite 2^n (derived).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from qgmutils.beyond.finite_dimension.counts import MIN_EFFECTIVE_SAMPLES, FiniteMinimaDensity
from qgmutils.beyond.large_dimension.pushed import pushed_minima
from qgmutils.beyond.large_dimension.typical import typical_minima
from qgmutils.field.companion import companion_log_density
from qgmutils.field.counting import MinimaDensity
from qgmutils.losses.energy import Energy
from qgmutils.losses.hamiltonians import Hamiltonian

__all__ = ["THEORIES", "Prediction", "density_tasks", "named_hamiltonian", "predict", "score"]

Array = NDArray[np.float64]

THEORIES = ("field, m", "field, r", "companion", "finite dimension", "edge", "pushed edge")


def named_hamiltonian(name: str, n_qubits: int, *, seed: int) -> Hamiltonian:
    """A Hamiltonian by name; ``projector 1/k`` is the projector of rank 2^n / k.

    Raises
    ------
    ValueError
        For a fraction that leaves no integer rank of at least 1, and as `losses.hamiltonians.Hamiltonian`.
    """
    family, _, share = name.partition(" 1/")
    if not share:
        return Hamiltonian(family, n_qubits, seed=seed)
    if not share.isdigit() or int(share) < 1 or 2**n_qubits % int(share):
        raise ValueError(
            f"{name!r} has no integer rank at n_qubits = {n_qubits}; 1/2, 1/4 and 1/8 do from 3 on"
        )
    return Hamiltonian(family, n_qubits, (("rank", 2**n_qubits // int(share)),), seed=seed)


@dataclass(frozen=True)
class Prediction:
    """Energies of minima and their weights, arrays of one shape; the weights sum to 1.

    ``mean_stderr`` is the Monte Carlo error of the weighted mean; nan energies where the theory gives no answer.
    """

    energy: Array
    weight: Array
    mean_stderr: float

    @property
    def mean(self) -> float:
        """Mean energy."""
        return float(self.energy @ self.weight)


_NOTHING = Prediction(np.array([np.nan]), np.ones(1), np.nan)
_SOLVED = Prediction(np.zeros(1), np.ones(1), 0.0)


def density_tasks(problem: Energy, n_params: int, *, n_samples: int, seed: int) -> dict[str, Any]:
    """The tasks behind the predictions that need sampling, by theory.

    A theory whose critical count lies at or below p has none: its minima are ground states.

    Parameters
    ----------
    problem : Energy
    n_params : int
        p.
    n_samples : int
        Random matrices per energy, at least 16.
    seed : int
    """
    tasks: dict[str, Any] = {}
    for name, degrees in (("field, m", problem.degrees_of_freedom), ("field, r", problem.effective_rank)):
        if n_params < 2 * degrees - 2:
            tasks[name] = MinimaDensity(
                n_params, float(degrees), n_samples, seed, min_effective_samples=MIN_EFFECTIVE_SAMPLES
            )
    if n_params < 2 * problem.rank:
        levels = tuple(float(h) for h in problem.levels)
        tasks["finite dimension"] = FiniteMinimaDensity(levels, n_params, n_samples, seed)
    return tasks


def _from_table(table: pd.DataFrame) -> Prediction:
    """Weights of the trapezoidal rule on a density's nodes, if their sum has enough effective samples."""
    if len(table) < 3:
        return _NOTHING
    energy, log_density = table["energy"].to_numpy(), table["log_density"].to_numpy()
    mass = np.gradient(energy) * np.exp(log_density - log_density.max())
    error = mass * np.where(mass > 0, table["stderr"], 0.0)
    total = mass.sum()
    if not (total / np.linalg.norm(error)) ** 2 >= MIN_EFFECTIVE_SAMPLES:
        return _NOTHING
    weight = mass / total
    return Prediction(energy, weight, float(np.linalg.norm((energy - energy @ weight) * error) / total))


def predict(problem: Energy, n_params: int, tables: Mapping[str, pd.DataFrame]) -> dict[str, Prediction]:
    """Every theory's prediction; nan where it has none, or where fewer than 200 effective samples are behind it.

    Parameters
    ----------
    problem : Energy
    n_params : int
    tables : mapping
        Results of :func:`density_tasks`, by theory; a theory that needs a table and has none gives no answer.
    """
    p, m = n_params, problem.degrees_of_freedom
    result = {}
    for name, count in (
        ("field, m", 2 * m - 2),
        ("field, r", 2 * problem.effective_rank - 2),
        ("finite dimension", 2 * problem.rank),
    ):
        if p >= count:
            result[name] = _SOLVED
        else:
            result[name] = _from_table(tables[name]) if name in tables else _NOTHING
    result["companion"] = _SOLVED
    if p < 2 * m:
        # In x = sin^2 the curve is smooth at both ends, 0 and 1/2.
        angle = np.linspace(0, np.pi / 2, 4002)[1:-1]
        x = np.sin(angle) ** 2 / 2
        log_mass = companion_log_density(x, p, m) + np.log(np.sin(2 * angle))
        weight = np.exp(log_mass - log_mass.max())
        result["companion"] = Prediction(x, weight / weight.sum(), 0.0)
    for name, find in (("edge", typical_minima), ("pushed edge", pushed_minima)):
        most = [one.energy for one in find(problem.levels, p) if one.is_global]
        result[name] = Prediction(np.array(most), np.ones(1), 0.0) if most else _NOTHING
    return {name: result[name] for name in THEORIES}


def score(minima: pd.DataFrame, prediction: Prediction) -> dict[str, float]:
    """How far a prediction is from the minima that were found.

    Parameters
    ----------
    minima : DataFrame
        One row a minimum, with the columns circuit and loss; at least two circuits.  All minima count equally.
    prediction : Prediction

    Returns
    -------
    dict
        found, found_stderr (from the spread of circuits), predicted, predicted_stderr, error = predicted - found, z =
        error in combined standard errors, wasserstein: the Wasserstein distance between the two laws, in units of E.
    """
    grouped = minima.groupby("circuit")["loss"].agg(["sum", "size"])
    if len(grouped) < 2:
        raise ValueError(f"minima of at least 2 circuits are needed for a standard error, got {len(grouped)}")
    mean = grouped["sum"].sum() / grouped["size"].sum()
    residual = grouped["sum"] - mean * grouped["size"]
    stderr = residual.std(ddof=1) / grouped["size"].mean() / np.sqrt(len(grouped))
    error = prediction.mean - mean
    both = np.hypot(stderr, prediction.mean_stderr)
    distance = np.nan
    if np.isfinite(prediction.mean):
        distance = wasserstein_distance(minima["loss"], prediction.energy, None, prediction.weight)
    return {
        "found": float(mean),
        "found_stderr": float(stderr),
        "predicted": prediction.mean,
        "predicted_stderr": prediction.mean_stderr,
        "error": float(error),
        # Solved starts end at 1e-15: nothing to compare in units of their spread.
        "z": float(error / both) if both > 1e-8 else (0.0 if abs(error) < 1e-6 else np.nan),
        "wasserstein": float(distance),
    }
