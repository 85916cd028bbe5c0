"""States of other ansatzes at random angles: how Haar-random they are, and the rank of the Fubini-Study metric.

Every circuit has its own random stream, from the seed, the sizes and its number, which draws the reference state, the
words if the ansatz has random ones, and the angles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qgmutils.beyond.ansatz.reachable import recipe
from qgmutils.computing.tasks import run_tasks
from qgmutils.engine import landscape
from qgmutils.ensembles.ensembles import Options, build_problem, circuit_stream

RANK_TOLERANCE = 1e-12
"""Eigenvalues of the metric up to this fraction of the largest, or of 1, count as zero.  Rounding leaves zeros of up to
1e-14; of the ansatzes at n = 2 ... 6 the lowest other eigenvalue was 1e-9 ("brickwork" on |0...0>, 150 angles)."""


@dataclass(frozen=True)
class StatesTask:
    """How far states at random angles are from Haar-random ones.  Attributes as in `Case`; n_states of each count."""

    ansatz: str
    reference_state: str
    hamiltonian: str
    n_qubits: int
    hamiltonian_options: Options
    n_params: int
    n_states: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row: n_params; frame_potential, its mean of |<psi|phi>|^4 over independent pairs relative to Haar states,
        2 / (N (N + 1)), or 3 / (N (N + 2)) for real ones; variance, that of E relative to Haar states'
        N / ((N + 1) m), or 2N / ((N + 2) m); and their standard errors, *_error (jackknife, and from the
        fourth moment; all derived).
        """
        problem = build_problem(self.hamiltonian, self.n_qubits, self.hamiltonian_options, self.seed)
        n, p, dim, size = self.n_qubits, self.n_params, problem.dim, self.n_states
        ansatz = recipe(self.ansatz, n, p, reference_state=self.reference_state)
        real = ansatz.is_real
        streams = [circuit_stream(self.seed, n, p, number) for number in range(size)]
        if ansatz.is_random:
            states = np.empty((size, dim), dtype=np.complex128)
            for number, rng in enumerate(streams):
                circuit = ansatz.build(rng)
                states[number] = landscape(circuit, problem).states(rng.uniform(0, np.pi, (1, p)))[0]
        else:
            circuit = ansatz.build(streams[0])
            angles = np.array([rng.uniform(0, np.pi, p) for rng in streams])
            states = landscape(circuit, problem).states(angles)
        haar = 3 / (dim * (dim + 2)) if real else 2 / (dim * (dim + 1))
        overlaps = np.abs(states @ states.conj().T) ** 4 / haar
        np.fill_diagonal(overlaps, 0)
        with_each = overlaps.sum(axis=1)
        frame = with_each.sum() / (size * (size - 1))
        without = (with_each.sum() - 2 * with_each) / ((size - 1) * (size - 2))
        energy = np.einsum("ka,ab,kb->k", states.conj(), problem.matrix, states).real
        scale = problem.degrees_of_freedom * ((dim + 2) / (2 * dim) if real else (dim + 1) / dim)
        square = (energy - energy.mean()) ** 2
        variance = scale * energy.var(ddof=1)
        return pd.DataFrame(
            {
                "n_params": [self.n_params],
                "frame_potential": frame,
                "frame_potential_error": np.sqrt((size - 1) * np.mean((without - without.mean()) ** 2)),
                "variance": variance,
                "variance_error": scale * square.std(ddof=1) / np.sqrt(size),
            }
        )


@dataclass(frozen=True)
class RankTask:
    """Largest rank of the Fubini-Study metric at random angles.  Attributes as in `Case`; n_draws of angles a count."""

    ansatz: str
    reference_state: str
    n_qubits: int
    n_params: int
    n_draws: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row for each count 1 ... n_params: n_params, rank.

        Where every angle sits in one gate, the metric of a shorter circuit is a corner of the whole one's: what comes
        behind turns all tangent vectors alike (derived).  Shared angles need a circuit for each count.
        """
        problem = build_problem("tfim", self.n_qubits, (), self.seed)  # the metric does not depend on H
        shared = "shared" in self.ansatz
        ranks = np.zeros(self.n_params, dtype=np.int64)
        for size in range(1, self.n_params + 1) if shared else [self.n_params]:
            ansatz = recipe(self.ansatz, self.n_qubits, size, reference_state=self.reference_state)
            for draw in range(self.n_draws):
                rng = circuit_stream(self.seed, self.n_qubits, size, draw)
                metric = landscape(ansatz.build(rng), problem).quantum_fisher(
                    rng.uniform(0, np.pi, (1, size))
                )[0]
                for p in [size] if shared else range(1, size + 1):
                    values = np.linalg.eigvalsh(metric[:p, :p])
                    rank = np.sum(
                        values > RANK_TOLERANCE * max(1.0, values[-1])
                    )  # RZ on |0...0> has a metric of 0
                    ranks[p - 1] = max(ranks[p - 1], rank)
        return pd.DataFrame({"n_params": np.arange(1, self.n_params + 1), "rank": ranks})


def ranks(
    names: Iterable[str],
    reference_states: Iterable[str],
    n_qubits: int,
    n_params: int,
    *,
    seed: int,
    workers: int | None = None,
) -> pd.DataFrame:
    """Largest rank of the metric against the number of angles.

    Returns
    -------
    DataFrame
        Columns ansatz, reference_state, n_qubits, n_params (1 ... `n_params`), rank.
    """
    found = [
        RankTask(name, state, n_qubits, n_params, 2, seed) for name in names for state in reference_states
    ]
    tables = run_tasks(found, workers=workers, label="ranks")
    return pd.concat(
        [
            table.assign(ansatz=task.ansatz, reference_state=task.reference_state, n_qubits=task.n_qubits)
            for task, table in zip(found, tables, strict=True)
        ],
        ignore_index=True,
    )


def of_ansatz(rank: pd.DataFrame, ansatz: str, reference_state: str, n_qubits: int) -> pd.DataFrame:
    """The rows of `ranks` that belong to one ansatz, reference state and size."""
    same = (rank["ansatz"] == ansatz) & (rank["reference_state"] == reference_state)
    return rank[same & (rank["n_qubits"] == n_qubits)]


def first_count(rank: pd.DataFrame, codimension: int | None) -> float:
    """The lowest number of angles at which the metric's rank reaches `codimension`; nan if it does not, or for None.

    Fewer angles than that cannot meet ground states of this codimension (docs/other_ansatz.md; derived).

    Parameters
    ----------
    rank : DataFrame
        Columns n_params and rank.
    """
    enough = rank.loc[rank["rank"] >= (np.inf if codimension is None else codimension), "n_params"]
    return float(enough.min())
