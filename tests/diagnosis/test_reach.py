"""Dimensions and numbers of equations."""

from __future__ import annotations

import numpy as np
import pytest

from qgmutils.circuits import HardwareEfficient, Randomised
from qgmutils.circuits.circuit import Circuit
from qgmutils.diagnosis import reach
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.losses import hamiltonians
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.minimize import minimize


def jacobian_rank(surface: Landscape, angles: list[int], theta: np.ndarray) -> int:
    """Rank of the derivatives of states by some angles, orthogonal to the states, by central differences."""
    step = 1e-5
    state = surface.states(theta[None])[0]
    columns = []
    for k in angles:
        shift = np.zeros(len(theta))
        shift[k] = step
        change = (surface.states((theta + shift)[None]) - surface.states((theta - shift)[None]))[0] / (
            2 * step
        )
        change = change - state * np.vdot(state, change)
        columns.append(np.concatenate([change.real, change.imag]))
    return int(np.linalg.matrix_rank(np.array(columns), tol=1e-6)) if columns else 0


@pytest.mark.parametrize("seed", range(6))
def test_redundant_angles_are_those_that_add_no_direction(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_gates, n_params = 9, 8
    circuit = Circuit(
        2,
        n_params,
        rng.integers(0, 4, n_gates),
        rng.integers(1, 4, n_gates),
        rng.integers(0, n_params, n_gates),
        np.ones(n_gates),
        np.zeros(n_gates),
        np.eye(4)[0],
    )
    surface = landscape(circuit, hamiltonians.tfim(2))
    found = reach.named_rank(surface, rng)
    theta = rng.uniform(0, np.pi, n_params)
    ranks = [jacobian_rank(surface, list(range(k)), theta) for k in range(n_params + 1)]
    assert found.rank == ranks[-1]
    assert found.redundant == tuple(k for k in range(n_params) if ranks[k + 1] == ranks[k])
    assert set(found.unused) == {k for k in range(n_params) if jacobian_rank(surface, [k], theta) == 0}


def test_equations_by_theory_are_the_rank_of_the_hessian_at_zeros() -> None:
    rng = np.random.default_rng(5)
    target = rng.dirichlet(np.ones(8))
    sparse = np.array([0.2, 0.0, 0.5, 0.0, 0.0, 0.3, 0.0, 0.0])
    state = np.linalg.qr(rng.standard_normal((8, 8)))[0][0]
    degenerate = hamiltonians.projector(3, rank=5)
    for loss, count in (
        (hamiltonians.tfim(3), 14),
        (degenerate, 10),
        (Fidelity(state), 14),
        (BornMachine(target), 7),
        (BornMachine(target, divergence="l2"), 7),
        (BornMachine(sparse), 12),  # 2 for three outcomes that occur, 2 each for amplitudes of the other five
        (BornMachine(target[:4] / target[:4].sum(), n_others=1), 3),
        (BornMachine([0.0, 0.2, 0.5, 0.3], n_others=1), 6),
    ):
        surface = landscape(Randomised(3, 20).build(rng), loss)
        theory, reason = reach.counted_equations(loss, 14, is_real=False)
        assert theory == count, loss.name
        assert reason
        minima = minimize(surface, rng.uniform(0, np.pi, (12, 20)))
        assert reach.hessian_rank(surface, minima.theta[minima.solved]) == count, loss.name


def test_real_circuits_pose_half_as_many() -> None:
    rng = np.random.default_rng(6)
    surface = landscape(
        HardwareEfficient(3, 15, rotations="Y", entangler="ring", reference_state="zero").build(rng),
        hamiltonians.tfim(3),
    )
    assert reach.reaches_real_states(surface, rng)
    assert reach.counted_equations(surface.loss, 7, is_real=True)[0] == 7
    sparse = BornMachine([0.5, 0.2, 0.3, 0, 0, 0, 0, 0])
    assert reach.counted_equations(sparse, 7, is_real=True)[0] == 7
    born = landscape(surface.circuit, sparse)
    minima = minimize(born, rng.uniform(0, np.pi, (24, 15)))
    assert reach.hessian_rank(born, minima.theta[minima.solved]) == 7
    assert not reach.reaches_real_states(landscape(Randomised(3, 15).build(rng), hamiltonians.tfim(3)), rng)


def test_nothing_is_counted_where_theory_does_not_know() -> None:
    gue = hamiltonians.gue(2)
    several = LeastSquares(np.eye(4)[:2], gue.matrix, [0.1, 0.2])
    for loss, dimension, real in ((gue, 5, False), (gue, 3, True), (several, 6, False)):
        assert reach.counted_equations(loss, dimension, real) == (None, "")
    assert reach.most_equations(several) == 2
    assert reach.most_equations(BornMachine([0.5, 0.5, 0, 0])) == 5
    assert reach.most_equations(gue) == np.inf
