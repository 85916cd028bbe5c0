"""All minima of circuits with few angles, each in several gates, against the random field with that many layers.

With r gates an angle the field's correlation is prod cos^r and its Hessian has a random diagonal (docs/theory.md,
section 3; derived).  The field holds for p and m far below 2^n, so H is a projector of low rank here, whose m is close
to its rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from qgmutils import circuits
from qgmutils.computing.tasks import run_tasks
from qgmutils.engine import landscape
from qgmutils.ensembles.ensembles import build_problem, circuit_streams
from qgmutils.field.densities import normalised
from qgmutils.field.kac_rice import whrf_log_density
from qgmutils.inputs import is_integer
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize

SAME_ANGLES = 1e-4
"""Minima whose angles differ by less than this, modulo pi, are one: searches end within 1e-6 of each other, and two
minima that lie closer together than 1e-2 are rare."""


def distinct(theta: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One index for each different point among `theta`, modulo pi, and how often it occurs.

    Parameters
    ----------
    theta : array_like, shape (B, p)

    Returns
    -------
    index : int array, shape (K,)
        Into `theta`, ascending: the first of each kind.
    hits : int array, shape (K,)
    """
    points = np.asarray(theta, dtype=np.float64)
    found: list[int] = []
    hits: list[int] = []
    for i, point in enumerate(points):
        gap = np.abs(np.sin(points[found] - point)).max(axis=1, initial=0.0)
        known = np.flatnonzero(gap < SAME_ANGLES)
        if found and len(known):
            hits[known[0]] += 1
        else:
            found.append(i)
            hits.append(1)
    return np.array(found, dtype=np.int64), np.array(hits, dtype=np.int64)


@dataclass(frozen=True)
class SharedMinimaTask:
    """The different minima of circuits first_circuit ... first_circuit + n_circuits - 1, from n_starts starts each.

    Attributes
    ----------
    layers : int
        Gates an angle r, at least 1; words and Haar-random reference states as in `circuits.random_circuit`.
    n_qubits, rank : int
        H is a projector of this rank.
    n_params, first_circuit, n_circuits, n_starts, seed : int
        Few angles: every minimum has to be found, and hits says how often it was.
    """

    layers: int
    n_qubits: int
    rank: int
    n_params: int
    first_circuit: int
    n_circuits: int
    n_starts: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row per certified minimum with a regular Hessian: layers, circuit, energy, hits."""
        if not is_integer(self.layers) or self.layers < 1:
            raise ValueError(f"layers must be an integer of at least 1, got {self.layers!r}")
        problem = build_problem("projector", self.n_qubits, (("rank", self.rank),), self.seed)
        tables = []
        for number, rng in circuit_streams(self):
            circuit = circuits.random_circuit(
                self.n_qubits, self.n_params, rng=rng, n_gates=self.layers * self.n_params
            )
            found = minimize(
                landscape(circuit, problem), rng.uniform(0, np.pi, (self.n_starts, self.n_params))
            )
            regular = np.flatnonzero(found.certified & (found.n_null == 0))
            index, hits = distinct(found.theta[regular])
            energy = found.loss[regular][index]
            tables.append(
                pd.DataFrame({"layers": self.layers, "circuit": number, "energy": energy, "hits": hits})
            )
        return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class SharedFieldTask:
    """Number and mean energy of the random field's minima with `layers` gates an angle, each counted once.

    Attributes
    ----------
    n_params, degrees_of_freedom, layers
        p, m (2m is rounded to an integer) and r; p < 2m - 2.
    n_samples : int
        Matrices at each of 60 energies.
    seed : int
    """

    n_params: int
    degrees_of_freedom: float
    layers: int
    n_samples: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row: n_params, layers, count, mean_energy."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.n_params, self.layers)))
        energies = np.linspace(0.02, 1.7, 60) ** 2
        density = whrf_log_density(
            energies,
            self.n_params,
            self.degrees_of_freedom,
            index=0,
            n_samples=self.n_samples,
            rng=rng,
            layers=self.layers,
            min_effective_samples=5,
        )
        weight = np.exp(normalised(density).log_density)
        return pd.DataFrame(
            {
                "n_params": [self.n_params],
                "layers": self.layers,
                "count": np.trapezoid(np.exp(density.log_density), energies),
                "mean_energy": np.trapezoid(weight * energies, energies),
            }
        )


def compare(
    layers: Sequence[int],
    *,
    n_qubits: int,
    rank: int,
    n_params: int,
    n_circuits: int,
    n_starts: int,
    n_samples: int,
    seed: int,
    workers: int | None = None,
) -> pd.DataFrame:
    """Minima of circuits and of the field, for several numbers of gates an angle.

    Parameters
    ----------
    layers : sequence of int
    n_qubits, rank, n_params, n_circuits, n_starts, seed
        As in `SharedMinimaTask`.
    n_samples : int
        As in `SharedFieldTask`, whose m is that of the projector.
    workers : int, optional
        As in `tasks.run_tasks`.

    Returns
    -------
    DataFrame
        Index layers; count and mean_energy of the field's minima; found, its standard error found_error, and energy of
        those of circuits, each counted once; seen_once, the share of them that a single start found: where it is not
        small, some were not found at all.
    """
    m = hamiltonians.projector(n_qubits, rank=rank, seed=seed).degrees_of_freedom
    field = run_tasks(
        [SharedFieldTask(n_params, m, r, n_samples, seed) for r in layers], workers=workers, label="field"
    )
    work = [SharedMinimaTask(r, n_qubits, rank, n_params, 0, n_circuits, n_starts, seed) for r in layers]
    table = pd.concat(field).set_index("layers").drop(columns="n_params")
    for r, minima in zip(layers, run_tasks(work, workers=workers, label="shared angles"), strict=True):
        number = minima.groupby("circuit").size().reindex(range(n_circuits), fill_value=0)
        table.loc[r, ["found", "found_error"]] = number.mean(), number.sem()
        table.loc[r, ["energy", "seen_once"]] = minima["energy"].mean(), (minima["hits"] == 1).mean()
    return table
