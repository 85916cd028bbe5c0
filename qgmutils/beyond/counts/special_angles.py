"""Zeros with fewer angles than equations: where some angles are special, the others pose fewer equations.

A rotation by a multiple of pi/4 is a Clifford gate.  From |0...0>, with a sum of few Pauli words for H, angles of that
kind leave a circuit of fewer angles on a stabiliser state, whose words may have symmetries in common that those of the
whole circuit do not have: it reaches fewer states, and counts for itself (docs/one_law.md, section 7; derived).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.beyond.counts import equations
from qgmutils.beyond.counts.one_law import CASE, Posed, grid
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.clifford import applied, fixed_gates_first
from qgmutils.computing.threads import one_thread
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.ensembles import transitions
from qgmutils.ensembles.sampling import SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.minimize import minimize

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_STEP = np.pi / 4
_NEAR = 1e-5  # radians: where L < 1e-13, an angle with a curvature above 0.002 is known to this
_MOVES = 1e-6  # share of an angle in the flat directions, from which on it may be moved along them


def held_at(circuit: Circuit, theta: Array, held: Mask) -> Circuit:
    """The circuit of the other angles where some are held, in their order: the same states up to a phase.

    Parameters
    ----------
    circuit : Circuit
    theta : float array, shape (p,)
    held : bool array, shape (p,)
        Not all of them.
    """
    gates = held[circuit.parameter]
    angles = circuit.offset + circuit.scale * theta[circuit.parameter]
    first, rest = fixed_gates_first(
        dataclasses.replace(
            circuit,
            n_params=int(np.sum(~held)),
            parameter=np.where(gates, 0, np.cumsum(~held)[circuit.parameter] - 1),
            scale=np.where(gates, 0.0, circuit.scale),
            offset=np.where(gates, angles, circuit.offset),
        )
    )
    return dataclasses.replace(rest, reference=applied(first, rest.reference[None])[0])


def sub_family(surface: Landscape, zero: Array) -> tuple[Landscape, Array]:
    """Hold angles at multiples of pi/4 as long as a zero remains.

    Angles that are multiples already come first, then such along which the loss stays zero, one by one: each is moved
    to a multiple, and the others are trained again.  Other choices may lead to another sub-family.

    Parameters
    ----------
    surface : Landscape
    zero : float array, shape (p,)
        With a loss below `transitions.ZERO`.

    Returns
    -------
    surface : Landscape
        Of the angles that are left, at least one.
    zero : float array
    """
    while zero.size > 1:
        for held, values in _choices(surface, zero):
            theta = np.where(held, values, zero)
            smaller = landscape(held_at(surface.circuit, theta, held), surface.loss)
            found = minimize(smaller, theta[None, ~held])
            if found.loss[0] < transitions.ZERO:
                surface, zero = smaller, found.theta[0]
                break
        else:
            break
    return surface, zero


def _choices(surface: Landscape, zero: Array) -> Iterator[tuple[Mask, Array]]:
    """Which angles to hold, and where: not all of them."""
    turns = zero / _STEP
    special = np.abs(zero - np.rint(turns) * _STEP) < _NEAR
    if special.any() and not special.all():
        yield special, np.rint(turns) * _STEP
    flat = zero.size - equations.hessian_rank(surface, zero[None])
    with one_thread():
        directions = np.linalg.eigh(surface.hessian(zero[None])[0])[1][:, :flat]
    moves = np.sum(directions**2, axis=1)
    for k in np.argsort(-moves):
        if moves[k] < _MOVES:
            return
        multiples = np.floor(turns[k]) + np.arange(-1, 3)  # all of them: rotations by pi are the identity
        for multiple in multiples[np.argsort(np.abs(multiples - turns[k]))]:
            yield np.arange(zero.size) == k, np.full(zero.size, multiple * _STEP)


def dimension(surface: Landscape, rng: np.random.Generator) -> int:
    """Dimension of the states, up to a phase, that a circuit's gates reach if each may be repeated at will."""
    circuit = surface.circuit
    copies = -(-4 * 2**circuit.n_qubits // circuit.n_params)
    deep: dict[str, Any] = {
        name: np.tile(getattr(circuit, name), copies) for name in ("x", "z", "scale", "offset")
    }
    angles = (circuit.parameter + circuit.n_params * np.arange(copies)[:, None]).ravel()
    repeated = dataclasses.replace(circuit, n_params=circuit.n_params * copies, parameter=angles, **deep)
    return equations.metric_rank(landscape(repeated, surface.loss), rng)


@dataclass(frozen=True)
class SubFamilies:
    """Sub-families of the zeros that searches from random angles end in: a quantity of `SampleTask`.

    One row a start: start, loss, free (number of angles that are not held; -1 where the loss is above
    `transitions.ZERO`), dimension (of the states that their words reach; likewise).
    """

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        minima = minimize(surface, rng.uniform(0, np.pi, (n_points, surface.circuit.n_params)))
        free, reached = np.full(n_points, -1), np.full(n_points, -1)
        for start in np.flatnonzero(minima.loss < transitions.ZERO):
            smaller, zero = sub_family(surface, minima.theta[start])
            free[start], reached[start] = zero.size, dimension(smaller, rng)
        return {"start": np.arange(n_points), "loss": minima.loss, "free": free, "dimension": reached}

    def sweeps(self, n_params: int) -> float:
        return 200.0 + 200.0 * n_params


def fewest(n_qubits: int) -> int:
    """N/2 - 1 equations: those of the real and even states, N / 2 real amplitudes up to their norm.

    They are the fewest that symmetries by Pauli words and by complex conjugation leave for an Ising ring, whose H is
    real and whose only such word is X...X (derived).
    """
    return int(2 ** (n_qubits - 1) - 1)


def zeros_below(cases: Mapping[tuple[str, int], Posed], *, n_circuits: int, seed: int) -> pd.DataFrame:
    """Zeros of the classes that are not generic, with fewer angles than c, of two to four qubits.

    Parameters
    ----------
    cases : mapping
        As of `one_law.all_posed`.
    n_circuits : int
        Circuits, with one start each, at every count of `one_law.grid` below c.
    seed : int

    Returns
    -------
    DataFrame
        One row a zero: model, n_qubits, n_params, circuit, start, loss, free, dimension, fewest.
    """
    tasks = {
        (*key, p): SampleTask(
            model=case.model.with_params(p), quantity=SubFamilies(), n_circuits=n_circuits, seed=seed
        )
        for key, case in cases.items()
        if not case.generic and 2 <= key[1] <= 4
        for p in sorted(grid(case))
        if p < case.predicted
    }
    names = [*CASE, "n_params"]
    tables = run_ensembles(tasks, label="sub-families")
    parts = [table.assign(**dict(zip(names, key, strict=True))) for key, table in tables.items()]
    columns = [*names, "circuit", "start", "loss", "free", "dimension"]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    found = found.loc[found["free"] >= 0, columns].reset_index(drop=True)
    return found.assign(fewest=found["n_qubits"].map(fewest))
