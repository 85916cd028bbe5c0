"""Finding the critical parameter count of a model without being told where it is.

The share of starts that reach the ground state is measured on a coarse grid of parameter counts and then, by
subdividing the interval in which it crosses one half, on every count around the crossing.  No prediction enters.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from qgmutils.computing.tasks import run_tasks
from qgmutils.ensembles.ensembles import minima_tasks

SOLVED_ENERGY = 1e-8
"""A start has reached the ground state when E is below this.  Near the threshold true local minima have energies of
1e-10 ... 1e-4, so the critical count depends on it: docs/theory.md, section 4, says by how much (derived)."""

_COARSE = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1, 3 / 2, 2, 3, 4)
_SUBDIVISIONS = 3
_MARGIN = 3


def solved_share(minima: pd.DataFrame) -> pd.DataFrame:
    """Share of solved starts and mean energy by parameter count.

    Parameters
    ----------
    minima : DataFrame
        Columns n_params and energy, one row a start.

    Returns
    -------
    DataFrame
        Columns n_params (ascending), solved, energy, starts.
    """
    groups = minima.assign(solved=minima["energy"] < SOLVED_ENERGY).groupby("n_params")
    return groups.agg(
        solved=("solved", "mean"), energy=("energy", "mean"), starts=("energy", "size")
    ).reset_index()


def _bracket(shares: pd.DataFrame) -> tuple[int, int] | None:
    """Parameter counts measured just below and at the first share of at least one half; None without a crossing."""
    above = shares.loc[shares["solved"] >= 0.5, "n_params"]
    below = shares.loc[shares["n_params"] < above.min(), "n_params"] if len(above) else above
    return (int(below.max()), int(above.min())) if len(below) else None


def critical_scan(
    *,
    hamiltonian: str,
    hamiltonian_options: dict[str, Any] | None,
    n_qubits: int,
    n_instances: int,
    n_starts: int,
    seed: int,
    reference_state: str = "haar",
    workers: int | None = None,
) -> pd.DataFrame:
    """Minima on a coarse grid of parameter counts and on every count around the crossing.

    Parameters
    ----------
    hamiltonian, hamiltonian_options, n_qubits, seed, reference_state
        As in `ensembles.minima_tasks`.
    n_instances, n_starts : int
        Circuits at each parameter count and starts of each circuit, at least 1.
    workers : int, optional
        As in `tasks.run_tasks`.

    Returns
    -------
    DataFrame
        Rows of `ensembles.MinimaTask`, sorted by n_params, circuit and start.
    """
    tables: list[pd.DataFrame] = []

    def measure(counts: list[int]) -> pd.DataFrame:
        found = minima_tasks(
            hamiltonian=hamiltonian,
            hamiltonian_options=hamiltonian_options,
            n_qubits=n_qubits,
            param_counts=counts,
            n_instances=n_instances,
            n_starts=n_starts,
            seed=seed,
            reference_state=reference_state,
            circuits_per_task=max(1, math.ceil(n_instances / 4)),
        )
        tables.extend(run_tasks(found, workers=workers, label=f"{hamiltonian} n={n_qubits}"))
        return solved_share(pd.concat(tables))

    shares = measure(sorted({max(1, math.ceil(x * 2**n_qubits)) for x in _COARSE}))
    while (bracket := _bracket(shares)) and bracket[1] - bracket[0] > 1:
        low, high = bracket
        steps = min(_SUBDIVISIONS + 1, high - low)
        shares = measure(sorted({low + (high - low) * i // steps for i in range(1, steps)}))
    if bracket:
        known = set(shares["n_params"])
        window = range(max(1, bracket[0] - _MARGIN), bracket[1] + _MARGIN + 1)
        missing = [p for p in window if p not in known]
        if missing:
            measure(missing)
    return pd.concat(tables).sort_values(["n_params", "circuit", "start"], ignore_index=True)
