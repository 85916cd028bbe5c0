"""Six theories of the energies of local minima, and how far they are from minima that were enumerated or trained.

None of them has a fitted parameter, and each counts every minimum once:

- ``field, m`` and ``field, r``: Kac-Rice density of the random field, with its degrees of freedom m or with
  the effective rank r in their place (field; counts derived);
- ``companion``: the curve of the paper's author's later code (field);
- ``finite dimension``: Kac-Rice density of circuits with Haar-rotated generators, for every 2^n (derived);
- ``edge``: where minima are most numerous for 2^n to infinity at fixed p/2^n, which is usually where the Hessian's left
  edge vanishes (derived);
- ``finite-size edge``: its leading correction at finite 2^n (derived).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from qgmutils.beyond.finite_dimension.counts import MIN_EFFECTIVE_SAMPLES, FiniteMinimaDensity
from qgmutils.beyond.finite_dimension.reflections import ReflectionModel
from qgmutils.beyond.large_dimension.pushed import pushed_minima
from qgmutils.beyond.large_dimension.typical import typical_minima
from qgmutils.circuits.randomised import Randomised
from qgmutils.computing.tasks import Task
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.training import TrainTask
from qgmutils.field.bulk import integrate
from qgmutils.field.companion import companion_log_density
from qgmutils.field.counting import MinimaDensity
from qgmutils.field.densities import LogDensity
from qgmutils.losses.energy import Energy
from qgmutils.losses.hamiltonians import Hamiltonian

Array = NDArray[np.float64]

THEORIES = ("field, m", "field, r", "companion", "finite dimension", "edge", "finite-size edge")
CASE = ["hamiltonian", "n_qubits", "n_params"]
GROUND_STATE, SEVERAL = "ground state", "several alike"
SOLVED = 1e-3
"""Mean energy of trained minima below which they count as ground states: ratios to it mean nothing."""

_SAME = 1e-9  # between Wasserstein distances


@dataclass(frozen=True)
class Prediction:
    """Energies of minima and their weights: nodes of a density, or a single energy.

    Attributes
    ----------
    energy, weight : array, shape (K,)
        Weights sum to 1; energies are nan where a theory gives no answer.
    mean_stderr : float
        Monte Carlo error of the weighted mean.
    """

    energy: Array
    weight: Array
    mean_stderr: float

    @property
    def mean(self) -> float:
        """Mean energy."""
        return float(self.energy @ self.weight)


_NOTHING = Prediction(np.array([np.nan]), np.ones(1), np.nan)


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


def solved_from(theory: str, energy: Energy) -> float:
    """Number of angles from which on all minima of a theory are ground states."""
    return {
        "field, m": 2 * energy.degrees_of_freedom - 2,
        "field, r": 2 * energy.effective_rank - 2,
        "companion": 2 * energy.degrees_of_freedom,
    }.get(theory, 2 * energy.rank)


def density_task(theory: str, energy: Energy, n_params: int, *, n_samples: int, seed: int) -> Task | None:
    """The task that samples a theory's density of minima, None if the theory needs none for these circuits.

    Parameters
    ----------
    theory : str
        One of `THEORIES`.
    energy : Energy
    n_params : int
        p.
    n_samples : int
        Random matrices per energy, at least 16.
    seed : int
    """
    if n_params >= solved_from(theory, energy):
        return None
    if theory == "finite dimension":
        return FiniteMinimaDensity(tuple(map(float, energy.levels)), n_params, n_samples, seed)
    if theory in ("field, m", "field, r"):
        degrees = energy.degrees_of_freedom if theory == "field, m" else energy.effective_rank
        least = MIN_EFFECTIVE_SAMPLES
        return MinimaDensity(n_params, float(degrees), n_samples, seed, min_effective_samples=least)
    return None


def predict(theory: str, energy: Energy, n_params: int, density: pd.DataFrame | None = None) -> Prediction:
    """What a theory says of the minima of circuits of p angles.

    Parameters
    ----------
    theory : str
        One of `THEORIES`.
    energy : Energy
    n_params : int
        p.
    density : DataFrame, optional
        Result of :func:`density_task`.

    Returns
    -------
    Prediction
        Nan where the theory says nothing: a density that was not sampled, or that has fewer than 200 effective samples;
        an edge that has ceased to exist.
    """
    p, m = n_params, energy.degrees_of_freedom
    if p >= solved_from(theory, energy):
        return Prediction(np.zeros(1), np.ones(1), 0.0)
    if theory == "companion":
        # In x = sin^2 the curve is smooth at both ends, 0 and 1/2.
        angle = np.linspace(0, np.pi / 2, 4002)[1:-1]
        x = np.sin(angle) ** 2 / 2
        log_mass = companion_log_density(x, p, m) + np.log(np.sin(2 * angle))
        weight = np.exp(log_mass - log_mass.max())
        return Prediction(x, weight / weight.sum(), 0.0)
    if theory in ("edge", "finite-size edge"):
        found = (typical_minima if theory == "edge" else pushed_minima)(energy.levels, p)
        most = [one.energy for one in found if one.is_global]
        return Prediction(np.array(most), np.ones(1), 0.0) if most else _NOTHING
    return _NOTHING if density is None else _from_density(density)


def _from_density(table: pd.DataFrame) -> Prediction:
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


def _mean(sums: pd.Series, sizes: pd.Series) -> tuple[float, float]:
    """Mean energy of all minima, and its error from the spread of circuits with such sums and numbers of minima."""
    if len(sizes) < 2:
        raise ValueError(f"minima of at least 2 circuits are needed for a standard error, got {len(sizes)}")
    mean = sums.sum() / sizes.sum()
    return float(mean), float((sums - mean * sizes).sem() / sizes.mean())


def _ratio(theory: float, theory_error: float, found: float, found_error: float) -> tuple[float, float]:
    """theory / found with its standard error, to first order."""
    ratio = theory / found
    return ratio, float(np.hypot(theory_error, ratio * found_error) / found)


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
        found, found_stderr (from the spread of circuits), predicted, predicted_stderr; error = predicted - found, and
        z, the same in combined standard errors; ratio = predicted / found with ratio_stderr, nan where found is
        below `SOLVED`; wasserstein: the Wasserstein distance between the two laws, in units of E.
    """
    circuits = minima["loss"].groupby(minima["circuit"])
    mean, stderr = _mean(circuits.sum(), circuits.count())
    error, both = prediction.mean - mean, np.hypot(stderr, prediction.mean_stderr)
    ratio = np.nan, np.nan
    if mean >= SOLVED:
        ratio = _ratio(prediction.mean, prediction.mean_stderr, mean, stderr)
    distance = np.nan
    if np.isfinite(prediction.mean):
        distance = wasserstein_distance(minima["loss"], prediction.energy, None, prediction.weight)
    return {
        "found": mean,
        "found_stderr": stderr,
        "predicted": prediction.mean,
        "predicted_stderr": prediction.mean_stderr,
        "error": error,
        # Solved starts end at 1e-15: nothing to compare in units of their spread.
        "z": float(error / both) if both > 1e-8 else (0.0 if abs(error) < 1e-6 else np.nan),
        "ratio": ratio[0],
        "ratio_stderr": ratio[1],
        "wasserstein": float(distance),
    }


def trained_minima(
    hamiltonians: Sequence[str],
    param_counts: Mapping[str, Sequence[int]],
    *,
    theories: Sequence[str] = THEORIES,
    n_circuits: int,
    n_starts: int,
    density_limit: Mapping[str, int],
    n_samples: int,
    seed: int,
) -> pd.DataFrame:
    """Scores of theories against trained minima of circuits on Haar-random references.

    Parameters
    ----------
    hamiltonians : sequence of str
        As :func:`named_hamiltonian` takes them.
    param_counts : mapping of str to sequence of int
        Values of p for each number of qubits.
    theories : sequence of str
        Of `THEORIES`.
    n_circuits, n_starts : int
        Circuits, at least 2, and starts of each.
    density_limit : mapping of str to int
        Largest p, for a number of qubits, up to which densities are sampled; all are where there is none.
    n_samples : int
        Random matrices per energy.
    seed : int

    Returns
    -------
    DataFrame
        One row per Hamiltonian, size, p and theory: hamiltonian, n_qubits, n_params, theory, and those of
        :func:`score`.

    Raises
    ------
    ValueError
        For what :func:`named_hamiltonian` or the recipes refuse.
    """
    cases = [(name, int(n), p) for n, counts in param_counts.items() for name in hamiltonians for p in counts]
    tasks: dict[tuple[Any, ...], Task] = {}
    for name, n, p in cases:
        loss = named_hamiltonian(name, n, seed=seed)
        for theory in theories if p <= density_limit.get(str(n), math.inf) else ():
            if task := density_task(theory, loss.build(), p, n_samples=n_samples, seed=seed):
                tasks[name, n, p, theory] = task
        model = Model(Randomised(n, p), loss)
        tasks[name, n, p] = TrainTask(model=model, n_circuits=n_circuits, n_starts=n_starts, seed=seed)
    tables = run_ensembles(tasks, label="trained minima and densities")
    rows = []
    for name, n, p in cases:
        energy = named_hamiltonian(name, n, seed=seed).build()
        for theory in theories:
            prediction = predict(theory, energy, p, tables.get((name, n, p, theory)))
            case = {"hamiltonian": name, "n_qubits": n, "n_params": p, "theory": theory}
            rows.append(case | score(tables[name, n, p], prediction))
    return pd.DataFrame(rows)


def enumerated_minima(
    hamiltonians: Sequence[str],
    n_qubits: Sequence[int],
    circuits: Mapping[str, int],
    *,
    n_samples: int,
    seed: int,
) -> pd.DataFrame:
    """Numbers and mean energies of all minima of enumerated circuits against the theory of finite dimension.

    Parameters
    ----------
    hamiltonians, n_qubits : sequences
        Names as :func:`named_hamiltonian` takes them, and sizes.
    circuits : mapping of str to int
        Number of circuits for each p.
    n_samples : int
        Random matrices per energy and round.
    seed : int

    Returns
    -------
    DataFrame
        One row per Hamiltonian, size, p and kind of generators ("pauli" or "haar"): complete (share of circuits whose
        list is complete; the others are left out), minima (number per circuit) and mean (energy over all minima),
        theory_minima and theory_mean, ratio_minima and ratio_mean (theory to enumeration), all with _stderr; z_minima
        and z_mean (difference in combined standard errors).
    """
    cases = [(name, n, int(p)) for name in hamiltonians for n in n_qubits for p in circuits]
    tasks: dict[tuple[Any, ...], Task] = {}
    for name, n, p in cases:
        loss = named_hamiltonian(name, n, seed=seed)
        levels = tuple(map(float, loss.build().levels))
        tasks[name, n, p, "theory"] = FiniteMinimaDensity(levels, p, n_samples, seed)
        model: Any
        for kind, model in (("pauli", Model(Randomised(n, p), loss)), ("haar", ReflectionModel(loss, p))):
            tasks[name, n, p, kind] = EnumerateTask(model=model, n_circuits=circuits[str(p)], seed=seed)
    tables = run_ensembles(tasks, label="enumerated minima")
    rows = []
    for name, n, p in cases:
        span = named_hamiltonian(name, n, seed=seed).build().levels[[0, -1]]
        density = tables[name, n, p, "theory"]
        columns = ("energy", "log_density", "stderr", "effective_samples", "resolved")
        expected = integrate(LogDensity(*(density[column].to_numpy() for column in columns)), *span)
        for kind in ("pauli", "haar"):
            points = tables[name, n, p, kind]
            whole = points[points["complete"]]
            per_circuit = whole[whole["index"] == 0].groupby("circuit")["loss"]
            every = whole["circuit"].unique()
            sums, sizes = (
                found.reindex(every, fill_value=0) for found in (per_circuit.sum(), per_circuit.count())
            )
            number, mean = (float(sizes.mean()), float(sizes.sem())), _mean(sums, sizes)
            row: dict[str, Any] = {"hamiltonian": name, "n_qubits": n, "n_params": p, "generators": kind}
            row["complete"] = len(sizes) / points["circuit"].nunique()
            for what, found, theory in (("minima", number, expected[:2]), ("mean", mean, expected[2:])):
                ratio = _ratio(*theory, *found)
                for label, numbers in ((what, found), (f"theory_{what}", theory), (f"ratio_{what}", ratio)):
                    row[label], row[f"{label}_stderr"] = numbers
                row[f"z_{what}"] = (theory[0] - found[0]) / np.hypot(found[1], theory[1])
            rows.append(row)
    return pd.DataFrame(rows)


def closer(scores: pd.DataFrame, theory: str, other: str, *, differ_by: float = 0.1) -> pd.DataFrame:
    """Cases in which two theories differ, and which of them is closer to the mean of the trained minima.

    Parameters
    ----------
    scores : DataFrame
        As :func:`trained_minima` returns.
    theory, other : str
        Two of `THEORIES`.
    differ_by : float
        Cases count in which the two differ by more than this fraction of the larger one.

    Returns
    -------
    DataFrame
        One row per case: hamiltonian, n_qubits, n_params, found, the two predictions, and closer (bool).
    """
    wide = scores.pivot_table(index=CASE, columns="theory", values="predicted", sort=False, dropna=False)
    found = scores.groupby(CASE, sort=False)["found"].first()
    table = wide.reindex(columns=[theory, other]).assign(found=found).dropna()
    gap = (table[theory] - table[other]).abs()
    table = table[gap > differ_by * table[[theory, other]].max(axis=1)]
    nearer = (table[theory] - table["found"]).abs() < (table[other] - table["found"]).abs()
    return table.assign(closer=nearer).reset_index()


def closest(scores: pd.DataFrame) -> pd.DataFrame:
    """The theory that is closest to the trained minima, case by case.

    Parameters
    ----------
    scores : DataFrame
        As :func:`trained_minima` returns.

    Returns
    -------
    DataFrame
        hamiltonian, n_qubits, n_params, theory (of the smallest Wasserstein distance) and ratio (of its mean to the
        trained one).  theory is `SEVERAL` where distances are equal, as between theories that say 0, and
        `GROUND_STATE` where the trained mean is below `SOLVED`.
    """
    rows = []
    for _, group in scores.groupby(CASE, sort=False):
        best = group.loc[group["wasserstein"].idxmin()]
        alike = (group["wasserstein"] <= best["wasserstein"] + _SAME).sum() > 1
        name = GROUND_STATE if best["found"] < SOLVED else SEVERAL if alike else best["theory"]
        rows.append({key: best[key] for key in CASE} | {"theory": name, "ratio": best["ratio"]})
    return pd.DataFrame(rows)
