"""Samples of the landscape as tasks: the loss at random angles and along random directions, Hessian spectra.

Circuits have the random streams of `ensembles`, so the circuits of a seed are the same in every task; they are the
independent unit of all samples here, and standard errors come from resampling circuits (`estimates`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils import circuits
from qgmutils.computing.tasks import run_tasks
from qgmutils.engine import Landscape, landscape
from qgmutils.ensembles.ensembles import Options, build_problem, circuit_streams, options_of
from qgmutils.field import haar
from qgmutils.field.polynomials import sample_whrf
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize

Array = NDArray[np.float64]

POINTS = ("random", "minimum")


def _stack(tables: list[dict[str, Any]]) -> pd.DataFrame:
    """One table out of many small ones, each a dict of columns or constants; a DataFrame for each would take longer."""
    sizes = [len(columns["start"]) for columns in tables]
    return pd.DataFrame(
        {
            name: np.concatenate(
                [np.broadcast_to(t[name], size) for t, size in zip(tables, sizes, strict=True)]
            )
            for name in tables[0]
        }
    )


@dataclass(frozen=True)
class _CircuitsTask:
    """Circuits first_circuit ... first_circuit + n_circuits - 1 of the randomised model, Haar-random reference."""

    hamiltonian: str
    hamiltonian_options: Options
    n_qubits: int
    n_params: int
    first_circuit: int
    n_circuits: int
    n_starts: int
    seed: int

    def landscapes(self) -> Iterator[tuple[int, Landscape, np.random.Generator]]:
        """Number, landscape and random stream of each circuit."""
        problem = build_problem(self.hamiltonian, self.n_qubits, self.hamiltonian_options, self.seed)
        for number, rng in circuit_streams(self):
            yield (
                number,
                landscape(circuits.random_circuit(self.n_qubits, self.n_params, rng=rng), problem),
                rng,
            )


@dataclass(frozen=True)
class LossTask(_CircuitsTask):
    """Loss and gradient at `n_starts` uniform sets of angles of each circuit.

    `run` returns one row a start: circuit, start, energy, gradient (one component, another one at each start) and
    gradient_square (mean over the p components).
    """

    def run(self) -> pd.DataFrame:
        tables = []
        for number, surface, rng in self.landscapes():
            start = np.arange(self.n_starts)
            energy, gradient = surface.value_and_gradient(
                rng.uniform(0, np.pi, (self.n_starts, self.n_params))
            )
            columns: dict[str, Any] = {"circuit": number, "start": start, "energy": energy}
            columns["gradient"] = gradient[start, start % self.n_params]
            columns["gradient_square"] = np.mean(gradient**2, axis=1)
            tables.append(columns)
        return _stack(tables)


@dataclass(frozen=True)
class RayTask(_CircuitsTask):
    """Loss along `n_starts` random directions of each circuit, at the given distances from a random point.

    `run` returns one row a ray and distance: circuit, start, distance, product (of E - 1 at the two ends, divided by
    the exact variance N / ((N + 1) m): its mean is the correlation), field and exact (the correlations of the WHRF
    and of the circuits for this difference of angles).
    """

    distances: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5)

    def run(self) -> pd.DataFrame:
        tables = []
        distance = np.array(self.distances)
        for number, surface, rng in self.landscapes():
            dim = surface.loss.dim
            variance = dim / ((dim + 1) * surface.loss.degrees_of_freedom)
            origin = rng.uniform(0, np.pi, (self.n_starts, 1, self.n_params))
            direction = rng.standard_normal(origin.shape)
            step = distance[:, None] * direction / np.linalg.norm(direction, axis=-1, keepdims=True)
            angles = np.concatenate([origin, origin + step], axis=1)
            energy = surface.value(angles.reshape(-1, self.n_params)) - 1
            energy = energy.reshape(self.n_starts, -1)
            columns: dict[str, Any] = {
                "circuit": number,
                "start": np.repeat(np.arange(self.n_starts), len(distance)),
            }
            columns["distance"] = np.tile(distance, self.n_starts)
            columns["product"] = (energy[:, :1] * energy[:, 1:] / variance).ravel()
            columns["field"] = haar.field_correlation(step).ravel()
            columns["exact"] = haar.circuit_correlation(step, dim).ravel()
            tables.append(columns)
        return _stack(tables)


@dataclass(frozen=True)
class HessianTask(_CircuitsTask):
    """Spectra of A = Hessian / 2 at points of each circuit.

    `points` is "random" (uniform angles) or "minimum" (what the search finds from them).  With n_candidates > 1 each
    random point is the one of so many whose energy is nearest to a target drawn uniformly over their range.  The choice
    sees energies only, so the law of a point given its energy is untouched, while rare energies are sampled well.

    `run` returns one row an eigenvalue: circuit, start, energy, variance (sigma^2 = <h^2> - E^2), along_gradient
    (g.A.g / g.g), certified (True at random points), position (0 for the lowest eigenvalue), eigenvalue.
    """

    points: str = "random"
    n_candidates: int = 1

    def __post_init__(self) -> None:
        if self.points not in POINTS:
            raise ValueError(f"unknown points {self.points!r}: choose one of {', '.join(POINTS)}")
        if self.n_candidates < 1:
            raise ValueError(f"n_candidates must be at least 1, got {self.n_candidates}")

    def _points(self, surface: Landscape, rng: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
        theta = rng.uniform(0, np.pi, (self.n_starts * self.n_candidates, self.n_params))
        if self.points == "minimum":
            minima = minimize(surface, theta[: self.n_starts])
            return minima.theta, minima.certified
        if self.n_candidates > 1:
            energy = surface.value(theta).reshape(self.n_starts, self.n_candidates)
            target = rng.uniform(energy.min(axis=1), energy.max(axis=1))
            nearest = np.argmin(np.abs(energy - target[:, None]), axis=1)
            theta = theta[np.arange(self.n_starts) * self.n_candidates + nearest]
        return theta, np.ones(self.n_starts, dtype=bool)

    def run(self) -> pd.DataFrame:
        tables = []
        for number, surface, rng in self.landscapes():
            theta, certified = self._points(surface, rng)
            energy, gradient = surface.value_and_gradient(theta)
            applied = surface.states(theta) @ surface.loss.matrix.T
            halves = surface.hessian(theta) / 2
            spectra = np.linalg.eigvalsh(halves)
            along = np.einsum("bi,bij,bj->b", gradient, halves, gradient) / np.sum(gradient**2, axis=1)
            columns: dict[str, Any] = {"circuit": number}
            per_point = {
                "start": np.arange(self.n_starts),
                "energy": energy,
                "variance": np.sum(np.abs(applied) ** 2, axis=1) - energy**2,
                "along_gradient": along,
                "certified": certified,
            }
            columns |= {name: np.repeat(values, self.n_params) for name, values in per_point.items()}
            columns["position"] = np.tile(np.arange(self.n_params), self.n_starts)
            columns["eigenvalue"] = spectra.ravel()
            tables.append(columns)
        return _stack(tables)


@dataclass(frozen=True)
class FieldTask:
    """Points of sampled WHRFs, to test what holds for the field itself; at most 10 angles.

    `run` returns one row a point: circuit (number of the field), start, energy, gradient_square (sum), curvature (mean
    diagonal of A = Hessian / 2), along_gradient (g.A.g / g.g).
    """

    n_params: int
    degrees_of_freedom: float
    n_fields: int
    n_starts: int
    seed: int

    def run(self) -> pd.DataFrame:
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(0, self.n_params)))
        tables = []
        for number in range(self.n_fields):
            field = sample_whrf(self.n_params, self.degrees_of_freedom, rng)
            theta = rng.uniform(0, np.pi, (self.n_starts, self.n_params))
            gradient, halves = field.gradient(theta), field.hessian(theta) / 2
            square = np.sum(gradient**2, axis=1)
            columns: dict[str, Any] = {"circuit": number, "start": np.arange(self.n_starts)}
            columns |= {"energy": field.value(theta), "gradient_square": square}
            columns["curvature"] = np.trace(halves, axis1=1, axis2=2) / self.n_params
            columns["along_gradient"] = np.einsum("bi,bij,bj->b", gradient, halves, gradient) / square
            tables.append(columns)
        return _stack(tables)


def split(
    task: type[_CircuitsTask],
    *,
    hamiltonian: str,
    hamiltonian_options: dict[str, Any] | None,
    n_qubits: int,
    n_params: int,
    n_instances: int,
    n_starts: int,
    seed: int,
    circuits_per_task: int = 128,
    **fields: Any,
) -> list[Any]:
    """Cut an ensemble of `n_instances` circuits into tasks of that class; its table does not depend on the cut.

    Raises
    ------
    ValueError
        For sizes below 1, or a Hamiltonian that cannot be built.
    """
    sizes = {"n_params": n_params, "n_instances": n_instances, "n_starts": n_starts}
    for name, value in {**sizes, "circuits_per_task": circuits_per_task}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    hamiltonians.build(hamiltonian, n_qubits, hamiltonian_options, seed=seed)  # fails here, not in a worker
    common = (hamiltonian, options_of(hamiltonian_options), n_qubits, n_params)
    return [
        task(*common, first, min(circuits_per_task, n_instances - first), n_starts, seed, **fields)
        for first in range(0, n_instances, circuits_per_task)
    ]


def run_ensembles(ensembles: Mapping[Hashable, list[Any]], *, label: str = "") -> dict[Any, pd.DataFrame]:
    """Run several ensembles as one list of tasks, so that all of them share one pool: their names -> their tables."""
    tables = iter(run_tasks([task for tasks in ensembles.values() for task in tasks], label=label))
    return {
        name: pd.concat([next(tables) for _ in tasks], ignore_index=True) for name, tasks in ensembles.items()
    }
