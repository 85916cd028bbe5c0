"""All minima of circuits with few angles, each in several gates, against the random field with that many layers.

With r gates an angle the field's correlation is prod cos^r and its Hessian has a random diagonal (docs/theory.md,
section 3; derived).  The field holds for p and m far below 2^n, so H is a projector of low rank here, whose m is close
to its rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.training import TrainTask
from qgmutils.field.densities import normalised
from qgmutils.field.kac_rice import whrf_log_density
from qgmutils.losses.hamiltonians import Hamiltonian

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


def found_minima(starts: pd.DataFrame) -> pd.DataFrame:
    """The different minima among the ends of a `TrainTask` that keeps angles, circuit by circuit.

    Parameters
    ----------
    starts : DataFrame
        Only certified ends with a regular Hessian count.

    Returns
    -------
    DataFrame
        circuit, loss, hits (how many starts ended there).
    """
    angles = [name for name in starts.columns if name.startswith("theta_")]
    tables = []
    for number, ends in starts[starts["certified"] & (starts["n_null"] == 0)].groupby("circuit"):
        index, number_of = distinct(ends[angles])
        losses = ends["loss"].to_numpy()[index]
        tables.append(pd.DataFrame({"circuit": number, "loss": losses, "hits": number_of}))
    return pd.concat(tables, ignore_index=True)


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
) -> pd.DataFrame:
    """Minima of circuits and of the field, for several numbers of gates an angle.

    Parameters
    ----------
    layers : sequence of int
    n_qubits, rank : int
        H is a projector of this rank.
    n_params, n_circuits, n_starts, seed : int
        Few angles: every minimum has to be found.
    n_samples : int
        As in `SharedFieldTask`, whose m is that of the projector.

    Returns
    -------
    DataFrame
        Index layers; count and mean_energy of the field's minima; found, its standard error found_error, and loss of
        those of circuits, each counted once; seen_once, the share of them that a single start found: where it is not
        small, some were not found at all.
    """
    loss = Hamiltonian("projector", n_qubits, (("rank", rank),), seed=seed)
    m = loss.build().degrees_of_freedom
    tasks: dict[Any, Any] = {("field", r): SharedFieldTask(n_params, m, r, n_samples, seed) for r in layers}
    for r in layers:
        model = Model(Randomised(n_qubits, n_params, gates_per_angle=r), loss)
        tasks["circuits", r] = TrainTask(
            model=model, n_circuits=n_circuits, n_starts=n_starts, seed=seed, keep_angles=True
        )
    tables = run_ensembles(tasks, label="shared angles")
    rows = []
    for r in layers:
        field, minima = tables["field", r].iloc[0], found_minima(tables["circuits", r])
        number = minima.groupby("circuit").size().reindex(range(n_circuits), fill_value=0)
        row = {"layers": r, "count": field["count"], "mean_energy": field["mean_energy"]}
        row |= {"found": number.mean(), "found_error": number.sem(), "loss": minima["loss"].mean()}
        rows.append(row | {"seen_once": (minima["hits"] == 1).mean()})
    return pd.DataFrame(rows).set_index("layers")
