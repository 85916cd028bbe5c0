"""The lowest energy that a circuit itself can reach, searched for with a stopping rule and a bound on what was
missed.

Below p = 2 (2^n - g) no angles reach the ground state (docs/theory.md, section 4), so the energy of a minimum is
what the circuit cannot express plus the trap it sits in.  The two are told apart by the circuit's own optimum: the
lowest energy of many starts.  What many starts cannot show, a minimum without a basin worth the name, is bounded by
the theory of `qgmutils.beyond.traps.lowest_minima`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils import circuits
from qgmutils.beyond.traps.copies import relations
from qgmutils.engine import landscape
from qgmutils.ensembles.ensembles import Options, build_problem, circuit_streams, options_of
from qgmutils.inputs import is_integer
from qgmutils.minimize import minimize

__all__ = ["SAME_ENERGY", "SETTLED_HITS", "SearchTask", "hits", "missed_mass", "round_sizes", "search_tasks"]

Array = NDArray[np.float64]

SAME_ENERGY = 1e-9
"""Minima whose energies are that close count as one: a search that ends with a gradient of 1e-8 knows its energy to
1e-10 where no eigenvalue of the Hessian is below 1e-6."""

SETTLED_HITS = 8
"""A search stops when so many starts have ended in the lowest minimum found."""

FIRST_ROUND = 64
"""Starts of the first round; each later round doubles the total."""


def round_sizes(max_starts: int) -> list[int]:
    """Totals of starts at which a search looks whether it is settled: 64, 128, ... up to `max_starts`.

    Raises
    ------
    ValueError
        If `max_starts` is not 64 times a power of two.
    """
    totals = [FIRST_ROUND]
    while is_integer(max_starts) and totals[-1] < max_starts:
        totals.append(2 * totals[-1])
    if totals[-1] != max_starts:
        raise ValueError(f"max_starts must be {FIRST_ROUND} times a power of two, got {max_starts!r}")
    return totals


def hits(energy: Array) -> int:
    """How many of these energies are the lowest one, within `SAME_ENERGY`; 0 for none."""
    return int(np.sum(energy <= energy.min() + SAME_ENERGY)) if len(energy) else 0


@dataclass(frozen=True)
class SearchTask:
    """Starts of circuits first_circuit ... first_circuit + n_circuits - 1, until the lowest minimum is settled.

    The circuits are those of `ensembles.MinimaTask` and `ensembles.CircuitEnumeration` with the same fields, and the
    starts are the former's.

    Attributes
    ----------
    hamiltonian, hamiltonian_options, n_qubits, n_params, reference_state, first_circuit, n_circuits, seed
        As there.
    max_starts : int
        64 times a power of two: starts of a circuit whose lowest minimum has not been hit `SETTLED_HITS` times.
    """

    hamiltonian: str
    hamiltonian_options: Options
    n_qubits: int
    n_params: int
    reference_state: str
    first_circuit: int
    n_circuits: int
    max_starts: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row per start: n_qubits, n_params, circuit, relations, start, energy, certified.

        `relations` is the number of independent relations of the circuit's words (`copies.relations`).
        """
        problem = build_problem(self.hamiltonian, self.n_qubits, self.hamiltonian_options, self.seed)
        totals = round_sizes(self.max_starts)
        tables = []
        for number, rng in circuit_streams(self):
            circuit = circuits.random_circuit(
                self.n_qubits, self.n_params, rng=rng, reference_state=self.reference_state
            )
            loss = landscape(circuit, problem)
            energy, certified = np.empty(0), np.empty(0, dtype=np.bool_)
            for total in totals:
                found = minimize(loss, rng.uniform(0, np.pi, (total - len(energy), self.n_params)))
                energy = np.concatenate([energy, found.loss])
                certified = np.concatenate([certified, found.certified])
                if hits(energy[certified]) >= SETTLED_HITS:
                    break
            tables.append(
                pd.DataFrame(
                    {
                        "n_qubits": self.n_qubits,
                        "n_params": self.n_params,
                        "circuit": number,
                        "relations": len(relations(circuit)),
                        "start": np.arange(len(energy)),
                        "energy": energy,
                        "certified": certified,
                    }
                )
            )
        return pd.concat(tables, ignore_index=True)


def search_tasks(
    *,
    hamiltonian: str,
    hamiltonian_options: dict[str, object] | None,
    n_qubits: int,
    param_counts: Sequence[int],
    n_circuits: int,
    max_starts: int,
    seed: int,
    reference_state: str = "haar",
    circuits_per_task: int = 4,
) -> list[SearchTask]:
    """Tasks for `n_circuits` circuits at every parameter count, the costliest counts first; arguments as the fields.

    Raises
    ------
    ValueError
        For counts below 1 or `max_starts` that `round_sizes` refuses.
    """
    round_sizes(max_starts)
    for name, values in {"n_circuits": [n_circuits], "param_counts": list(param_counts)}.items():
        if not values or not all(is_integer(v) and v >= 1 for v in values):
            raise ValueError(f"{name} must hold integers of at least 1, got {values}")
    return [
        SearchTask(
            hamiltonian,
            options_of(hamiltonian_options),
            n_qubits,
            p,
            reference_state,
            first,
            min(circuits_per_task, n_circuits - first),
            max_starts,
            seed,
        )
        for p in sorted(param_counts, reverse=True)
        for first in range(0, n_circuits, circuits_per_task)
    ]


def missed_mass(starts: int, *, looks: int = 1, circuits: int = 1, confidence: float = 0.95) -> float:
    """Upper bound on the share of starts that lead below the lowest of `starts` independent ones.

    Parameters
    ----------
    starts : int
        At least 1.
    looks : int
        At how many totals, fixed in advance, the search could have stopped.
    circuits : int
        For how many circuits the bound is to hold together.
    confidence : float
        In (0, 1).

    Returns
    -------
    float
        1 - (alpha / (looks circuits))^(1 / starts), alpha = 1 - confidence.

    Notes
    -----
    F is the distribution function of the energy at which a random start ends.  If more than q of the
    starts lead below the lowest energy found, all those drawn have missed a set of probability above q, which has a
    chance of at most (1 - q)^starts: Clopper and Pearson's bound for no success, for any F.  A search that may stop
    at several totals needs it at each of them (Bonferroni) (derived from textbook inequalities).
    """
    for name, value in {"starts": starts, "looks": looks, "circuits": circuits}.items():
        if not is_integer(value) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence!r}")
    return float(-np.expm1(np.log((1 - confidence) / (looks * circuits)) / starts))
