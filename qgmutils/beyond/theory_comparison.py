"""Theories of minima against minima that were trained or enumerated: the tables behind one notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qgmutils.beyond.finite_dimension.counts import FiniteMinimaDensity
from qgmutils.beyond.finite_dimension.reflections import ReflectionModel
from qgmutils.beyond.predictions import density_tasks, named_hamiltonian, predict, score
from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.training import TrainTask
from qgmutils.field.bulk import integrate
from qgmutils.field.densities import LogDensity

__all__ = ["closer_share", "enumerated_minima", "mean_ratios", "trained_minima"]


def trained_minima(
    hamiltonians: Sequence[str],
    param_counts: Mapping[str, Sequence[int]],
    *,
    n_circuits: int,
    n_starts: int,
    density_limit: Mapping[str, int],
    n_samples: int,
    seed: int,
) -> tuple[pd.DataFrame, dict[tuple[str, int, int], pd.DataFrame], dict[tuple[str, int, int], Any]]:
    """Trained minima of circuits on Haar-random references, and the score of every theory against them.

    Parameters
    ----------
    hamiltonians : sequence of str
        As :func:`qgmutils.beyond.predictions.named_hamiltonian` takes them.
    param_counts : mapping of str to sequence of int
        Values of p for each number of qubits.
    n_circuits, n_starts : int
        Circuits, at least 2, and starts of each.
    density_limit : mapping of str to int
        Largest p, for each number of qubits, up to which densities are sampled.
    n_samples : int
        Random matrices per energy.
    seed : int

    Returns
    -------
    scores : DataFrame
        One row per Hamiltonian, size, p and theory: hamiltonian, n_qubits, n_params, theory, and those of
        :func:`qgmutils.beyond.predictions.score`.
    minima : dict
        (hamiltonian, n_qubits, n_params) -> table of the trained minima.
    predicted : dict
        The same keys -> theory -> Prediction.

    Raises
    ------
    ValueError
        For what :func:`named_hamiltonian` or the recipes refuse.
    """
    cases = [(name, int(n), p) for n, counts in param_counts.items() for name in hamiltonians for p in counts]
    tasks: dict[tuple[Any, ...], Any] = {}
    for name, n, p in cases:
        loss = named_hamiltonian(name, n, seed=seed)
        if p <= density_limit[str(n)]:
            densities = density_tasks(loss.build(), p, n_samples=n_samples, seed=seed)
            tasks |= {(name, n, p, theory): task for theory, task in densities.items()}
        model = Model(Randomised(n, p), loss)
        tasks[name, n, p] = TrainTask(model=model, n_circuits=n_circuits, n_starts=n_starts, seed=seed)
    tables = run_ensembles(tasks, label="trained minima and densities")
    rows, predicted = [], {}
    for case in cases:
        name, n, p = case
        found = {key[3]: table for key, table in tables.items() if key[:3] == case and len(key) == 4}
        predicted[case] = predict(named_hamiltonian(name, n, seed=seed).build(), p, found)
        for theory, prediction in predicted[case].items():
            row = {"hamiltonian": name, "n_qubits": n, "n_params": p, "theory": theory}
            rows.append(row | score(tables[case], prediction))
    return pd.DataFrame(rows), {case: tables[case] for case in cases}, predicted


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
        Names as :func:`qgmutils.beyond.predictions.named_hamiltonian` takes them.
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
        theory_minima and theory_mean, all with _stderr; ratio_minima and ratio_mean (theory to enumeration), z_minima
        and z_mean (difference in combined standard errors).
    """
    cases = [(name, n, int(p)) for name in hamiltonians for n in n_qubits for p in circuits]
    tasks: dict[tuple[Any, ...], Any] = {}
    for name, n, p in cases:
        loss = named_hamiltonian(name, n, seed=seed)
        spectrum = tuple(map(float, loss.build().levels))
        tasks[name, n, p, "theory"] = FiniteMinimaDensity(spectrum, p, n_samples, seed)
        model: Any
        for kind, model in (("pauli", Model(Randomised(n, p), loss)), ("haar", ReflectionModel(loss, p))):
            tasks[name, n, p, kind] = EnumerateTask(model=model, n_circuits=circuits[str(p)], seed=seed)
    tables = run_ensembles(tasks, label="enumerated minima")
    rows = []
    for name, n, p in cases:
        levels = named_hamiltonian(name, n, seed=seed).build().levels
        density = tables[name, n, p, "theory"]
        columns = ("energy", "log_density", "stderr", "effective_samples", "resolved")
        curve = LogDensity(*(density[column].to_numpy() for column in columns))
        theory = integrate(curve, levels.min(), levels.max())
        for generators in ("pauli", "haar"):
            points = tables[name, n, p, generators]
            whole = points[points["complete"]]
            minima = whole[whole["index"] == 0].groupby("circuit")["loss"].agg(["sum", "size"])
            minima = minima.reindex(whole["circuit"].unique(), fill_value=0)
            total, size = minima["size"].sum(), len(minima)
            mean = minima["sum"].sum() / total
            count_error = minima["size"].std(ddof=1) / np.sqrt(size)
            residual = minima["sum"] - mean * minima["size"]
            mean_error = residual.std(ddof=1) / np.sqrt(size) / (total / size)
            rows.append(
                {
                    "hamiltonian": name,
                    "n_qubits": n,
                    "n_params": p,
                    "generators": generators,
                    "complete": size / points["circuit"].nunique(),
                    "minima": total / size,
                    "minima_stderr": count_error,
                    "mean": mean,
                    "mean_stderr": mean_error,
                    "theory_minima": theory[0],
                    "theory_minima_stderr": theory[1],
                    "theory_mean": theory[2],
                    "theory_mean_stderr": theory[3],
                    "ratio_minima": theory[0] / (total / size),
                    "ratio_mean": theory[2] / mean,
                    "z_minima": (theory[0] - total / size) / np.hypot(count_error, theory[1]),
                    "z_mean": (theory[2] - mean) / np.hypot(mean_error, theory[3]),
                }
            )
    return pd.DataFrame(rows)


def closer_share(scores: pd.DataFrame, theory: str, other: str, *, differ_by: float = 0.1) -> pd.DataFrame:
    """Cases in which two theories differ, and which of them is closer to the mean of the trained minima.

    Parameters
    ----------
    scores : DataFrame
        As :func:`trained_minima` returns.
    theory, other : str
        Two of `qgmutils.beyond.predictions.THEORIES`.
    differ_by : float
        Cases count in which the two differ by more than this fraction of the larger one.

    Returns
    -------
    DataFrame
        One row per case: hamiltonian, n_qubits, n_params, found, the two predictions, and closer (bool).
    """
    keys = ["hamiltonian", "n_qubits", "n_params"]
    wide = scores.pivot_table(index=keys, columns="theory", values="predicted", sort=False, dropna=False)
    table = (
        wide.reindex(columns=[theory, other])
        .assign(found=scores.groupby(keys, sort=False)["found"].first())
        .dropna()
    )
    gap = (table[theory] - table[other]).abs()
    table = table[gap > differ_by * table[[theory, other]].max(axis=1)]
    closer = (table[theory] - table["found"]).abs() < (table[other] - table["found"]).abs()
    return table.assign(closer=closer).reset_index()


def mean_ratios(scores: pd.DataFrame, theory: str) -> pd.DataFrame:
    """The mean energy of a theory relative to that of the trained minima, where the theory gives an answer.

    Parameters
    ----------
    scores : DataFrame
        As :func:`trained_minima` returns.
    theory : str
        One of `qgmutils.beyond.predictions.THEORIES`.

    Returns
    -------
    DataFrame
        The rows of that theory, with ratio and its standard error, ratio_error (to first order).
    """
    rows = scores[scores["theory"] == theory].dropna(subset="predicted")
    ratio = rows["predicted"] / rows["found"]
    error = np.hypot(rows["predicted_stderr"], ratio * rows["found_stderr"]) / rows["found"]
    return rows.assign(ratio=ratio, ratio_error=error)
