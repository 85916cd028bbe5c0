"""Ensembles of random circuits as tasks: frozen parameters in, a table out.

Every circuit has its own random stream, derived from the seed, the sizes and the circuit's number, so a table
does not depend on how an ensemble is cut into tasks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils import circuits
from qgmutils.beyond.finite_dimension import reflections
from qgmutils.engine import landscape
from qgmutils.field.critical_points import CriticalPoints, critical_points
from qgmutils.field.polynomials import TrigPolynomial, from_function
from qgmutils.inputs import MAX_SEED, is_integer, require_integer
from qgmutils.losses import hamiltonians
from qgmutils.losses.energy import Energy
from qgmutils.minimize import minimize

Options = tuple[tuple[str, Any], ...]


def options_of(mapping: dict[str, Any] | None) -> Options:
    """Hamiltonian options as a hashable, sorted tuple of pairs."""
    return tuple(sorted((mapping or {}).items()))


@functools.lru_cache(maxsize=4)
def build_problem(hamiltonian: str, n_qubits: int, options: Options, seed: int) -> Energy:
    """`hamiltonians.build`, once for all the tasks that a process runs in a row: ten qubits take half a second."""
    return hamiltonians.build(hamiltonian, n_qubits, dict(options), seed=seed)


def circuit_stream(seed: int, n_qubits: int, n_params: int, circuit: int) -> np.random.Generator:
    """The random stream of one circuit and its starts.

    It depends on these four numbers alone, not on what was drawn before.  The Hamiltonian does not enter:
    ensembles that differ in nothing else share their circuits and starts.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_qubits, n_params, circuit)))


class CircuitsTask(Protocol):
    """A task on circuits first_circuit ... first_circuit + n_circuits - 1 of an ensemble."""

    @property
    def n_qubits(self) -> int: ...
    @property
    def n_params(self) -> int: ...
    @property
    def first_circuit(self) -> int: ...
    @property
    def n_circuits(self) -> int: ...
    @property
    def seed(self) -> int: ...


def circuit_streams(task: CircuitsTask) -> Iterator[tuple[int, np.random.Generator]]:
    """Number and random stream of each of a task's circuits."""
    for number in range(task.first_circuit, task.first_circuit + task.n_circuits):
        yield number, circuit_stream(task.seed, task.n_qubits, task.n_params, number)


def enumerated_points(
    energy: Callable[[NDArray[np.float64]], NDArray[np.float64]], n_params: int, rng: np.random.Generator
) -> tuple[TrigPolynomial, CriticalPoints]:
    """The loss of a circuit of n_params angles as a polynomial, and all critical points that a long search finds."""
    polynomial = from_function(energy, n_params)
    # Commuting words make flat valleys, on which no search ends: the bound keeps them incomplete.
    most = 20_000 * 4 ** max(n_params - 5, 0)
    return polynomial, critical_points(polynomial, rng, n_starts=500, max_starts=most)


@dataclass(frozen=True)
class MinimaTask:
    """Certified minima of circuits first_circuit ... first_circuit + n_circuits - 1, n_starts starts each.

    Attributes
    ----------
    hamiltonian : str
    hamiltonian_options : tuple of pairs
        As `hamiltonians.build` takes them, from `options_of`.
    n_qubits, n_params : int
    reference_state : {"haar", "clifford", "zero"}
    first_circuit, n_circuits, n_starts : int
    seed : int
    """

    hamiltonian: str
    hamiltonian_options: Options
    n_qubits: int
    n_params: int
    reference_state: str
    first_circuit: int
    n_circuits: int
    n_starts: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row per start, whether certified or not.

        Columns: n_qubits, n_params, gamma = p / (2m), circuit, start, energy, grad_norm, hessian_min,
        certified, n_negative, n_null, iterations, reason; all but the first five as in `Minima`.
        """
        problem = build_problem(self.hamiltonian, self.n_qubits, self.hamiltonian_options, self.seed)
        gamma = self.n_params / (2 * problem.degrees_of_freedom)
        tables = []
        for number, rng in circuit_streams(self):
            circuit = circuits.random_circuit(
                self.n_qubits, self.n_params, rng=rng, reference_state=self.reference_state
            )
            starts = rng.uniform(0, np.pi, (self.n_starts, self.n_params))
            found = minimize(landscape(circuit, problem), starts)
            tables.append(
                pd.DataFrame(
                    {
                        "n_qubits": self.n_qubits,
                        "n_params": self.n_params,
                        "gamma": gamma,
                        "circuit": number,
                        "start": np.arange(self.n_starts),
                        "energy": found.loss,
                        "grad_norm": found.gradient_norm,
                        "hessian_min": found.hessian_min,
                        "certified": found.certified,
                        "n_negative": found.n_negative,
                        "n_null": found.n_null,
                        "iterations": found.iterations,
                        "reason": found.reason,
                    }
                )
            )
        return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class CircuitEnumeration:
    """Every critical point of circuits first_circuit ... first_circuit + n_circuits - 1, by exhaustive search.

    The circuits are those of `MinimaTask` with the same fields, or, with generators "haar" in place of "pauli", made of
    Haar-random reflections, which the theory of finite dimension describes exactly.  `run` returns one row a critical
    point: n_params, circuit, energy, index, complete.  A circuit of which no isolated critical point was found has one
    row with energy NaN and index -1, so that it is counted among the incomplete ones.  n_params is at most 10 (3^p
    coefficients).
    """

    hamiltonian: str
    hamiltonian_options: Options
    n_qubits: int
    n_params: int
    reference_state: str
    first_circuit: int
    n_circuits: int
    seed: int
    generators: str = "pauli"

    def run(self) -> pd.DataFrame:
        if self.generators not in ("pauli", "haar"):
            raise ValueError(f"unknown generators {self.generators!r}: choose 'pauli' or 'haar'")
        problem = build_problem(self.hamiltonian, self.n_qubits, self.hamiltonian_options, self.seed)
        tables = []
        for number, rng in circuit_streams(self):
            if self.generators == "haar":
                state = circuits.haar_state(problem.dim, rng)
                moves = reflections.random_reflections(self.n_params, problem.dim, rng)
                energy = reflections.reflection_energy(problem.levels, moves, state)
            else:
                circuit = circuits.random_circuit(
                    self.n_qubits, self.n_params, rng=rng, reference_state=self.reference_state
                )
                energy = landscape(circuit, problem).value
            _, points = enumerated_points(energy, self.n_params, rng)
            tables.append(
                pd.DataFrame(
                    {
                        "n_params": self.n_params,
                        "circuit": number,
                        "energy": points.value if len(points.value) else [np.nan],
                        "index": points.index if len(points.value) else [-1],
                        "complete": points.complete,
                    }
                )
            )
        return pd.concat(tables, ignore_index=True)


def minima_tasks(
    *,
    hamiltonian: str,
    hamiltonian_options: dict[str, Any] | None,
    n_qubits: int,
    param_counts: list[int],
    n_instances: int,
    n_starts: int,
    seed: int,
    reference_state: str = "haar",
    circuits_per_task: int = 13,
) -> list[MinimaTask]:
    """Tasks for `n_instances` circuits at every parameter count, the costliest counts first.

    Parameters
    ----------
    hamiltonian, hamiltonian_options, n_qubits, seed
        As in `hamiltonians.build`.
    param_counts : list of int
        Values of p, each at least 1; one that occurs twice counts once.
    n_instances, n_starts : int
        Circuits per value of p, and starts per circuit.
    reference_state : {"haar", "clifford", "zero"}
    circuits_per_task : int
        How finely the work is cut; the tables do not depend on it.

    Raises
    ------
    ValueError
        For sizes below 1, an unknown reference state, or what `hamiltonians.build` refuses.
    """
    n_instances = require_integer(n_instances, "n_instances")
    n_starts = require_integer(n_starts, "n_starts")
    circuits_per_task = require_integer(circuits_per_task, "circuits_per_task")
    seed = require_integer(seed, "seed", low=0, high=MAX_SEED)
    counts = list(param_counts) if np.ndim(param_counts) == 1 else []
    if not counts or not all(is_integer(p) and p >= 1 for p in counts):
        raise ValueError(f"param_counts must be a non-empty list of integers >= 1, got {param_counts}")
    if reference_state not in circuits.REFERENCE_STATES:
        raise ValueError(
            f"unknown reference state {reference_state!r}: "
            f"choose one of {', '.join(circuits.REFERENCE_STATES)}"
        )
    hamiltonians.build(hamiltonian, n_qubits, hamiltonian_options, seed=seed)  # fails here, not in a worker
    return [
        MinimaTask(
            hamiltonian,
            options_of(hamiltonian_options),
            n_qubits,
            p,
            reference_state,
            first,
            min(circuits_per_task, n_instances - first),
            n_starts,
            seed,
        )
        for p in sorted({int(p) for p in counts}, reverse=True)
        for first in range(0, n_instances, circuits_per_task)
    ]
