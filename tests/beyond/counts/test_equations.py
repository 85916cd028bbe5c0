"""Dimensions and numbers of equations."""

from __future__ import annotations

import numpy as np
import pytest

from qgmutils.beyond.counts import equations
from qgmutils.circuits import HardwareEfficient, Randomised
from qgmutils.circuits.circuit import Circuit
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.losses import hamiltonians
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.error_probability import ErrorProbability
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.unitary import UnitaryDistance
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
    found = equations.named_rank(surface, rng)
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
        theory, reason = equations.counted_equations(loss, 14, is_real=False)
        assert theory == count, loss.name
        assert reason
        minima = minimize(surface, rng.uniform(0, np.pi, (12, 20)))
        assert equations.hessian_rank(surface, minima.theta[minima.solved]) == count, loss.name


def test_real_circuits_pose_half_as_many() -> None:
    rng = np.random.default_rng(6)
    surface = landscape(
        HardwareEfficient(3, 15, rotations="Y", entangler="ring", reference_state="zero").build(rng),
        hamiltonians.tfim(3),
    )
    assert equations.reaches_real_states(surface, rng)
    assert equations.counted_equations(surface.loss, 7, is_real=True)[0] == 7
    sparse = BornMachine([0.5, 0.2, 0.3, 0, 0, 0, 0, 0])
    assert equations.counted_equations(sparse, 7, is_real=True)[0] == 7
    born = landscape(surface.circuit, sparse)
    minima = minimize(born, rng.uniform(0, np.pi, (24, 15)))
    assert equations.hessian_rank(born, minima.theta[minima.solved]) == 7
    assert not equations.reaches_real_states(
        landscape(Randomised(3, 15).build(rng), hamiltonians.tfim(3)), rng
    )


def test_nothing_is_counted_where_theory_does_not_know() -> None:
    gue = hamiltonians.gue(2)
    several = LeastSquares(np.eye(4)[:2], gue.matrix, [0.1, 0.2])
    for loss, dimension, real in ((gue, 5, False), (gue, 3, True), (several, 6, False)):
        assert equations.counted_equations(loss, dimension, real) == (None, "")
    complex_state = np.exp(1j * np.arange(8)) / np.sqrt(8)
    edge = LeastSquares(np.eye(4)[:2], np.diag([1.0, 2, 3, 4]), [4.0, 2.5])
    unmatched = LeastSquares(np.full((2, 4), 0.5), np.diag([1.0, 1, -1, -1]), [1.0, -1.0])
    for loss, dimension, real in (
        (Fidelity(complex_state), 7, True),  # no real state is the target
        (UnitaryDistance(np.diag([1, 1, 1, 1j])), 15, False),  # rotations have the determinant 1
        (edge, equations.most_dimensions(edge), False),
        (unmatched, equations.most_dimensions(unmatched), False),
    ):
        assert equations.counted_equations(loss, dimension, real)[0] is None
    assert equations.counted_equations(Fidelity(1j * np.eye(8)[0]), 7, True)[0] == 7
    assert (
        equations.counted_equations(UnitaryDistance(np.diag([1, 1, 1, 1j]), phase=False), 15, False)[0] == 15
    )
    assert equations.most_equations(edge) == np.inf
    assert equations.most_equations(several) == 2
    assert equations.most_equations(BornMachine([0.5, 0.5, 0, 0])) == 5
    assert equations.most_equations(gue) == np.inf


def test_dimensions_are_those_of_the_tangents_of_all_generators() -> None:
    """Against the rank of G psi_m, up to a phase of each input, over all Hermitian G."""
    rng = np.random.default_rng(11)
    dim = 4
    basis = np.eye(dim)
    generic = rng.standard_normal((5, dim)) + 1j * rng.standard_normal((5, dim))
    generic /= np.linalg.norm(generic, axis=1, keepdims=True)
    two_sets = np.array([basis[0], (basis[0] + basis[1]) / np.sqrt(2), basis[2]])
    generators = []
    for j in range(dim):
        for k in range(dim):
            unit = np.outer(basis[j], basis[k])
            generators += [unit + unit.T, 1j * (unit - unit.T)]
    for inputs in (generic[:1], generic[:2], generic, basis, basis[:3], two_sets):
        tangents = []
        for generator in generators:
            moved = 1j * inputs @ generator.T
            moved = moved - inputs * np.sum(inputs.conj() * moved, axis=1, keepdims=True)
            tangents.append(np.concatenate([moved.real.ravel(), moved.imag.ravel()]))
        loss = LeastSquares(inputs, np.diag([1.0, 2, 3, 4]), np.zeros(len(inputs)))
        assert equations.most_dimensions(loss) == np.linalg.matrix_rank(np.array(tangents), tol=1e-9)


@pytest.mark.parametrize(("right", "wrong"), [(1, 0), (1, 1), (2, 1), (4, 3), (0, 2)])
def test_labels_pose_the_equations_of_amplitudes_in_either_loss(right: int, wrong: int) -> None:
    """Against the rank of the amplitudes on wrong labels, where all labels are right, over all Hermitian G."""
    basis, dim = np.eye(8), 8
    inputs = np.concatenate([basis[:right], basis[4 : 4 + wrong]])
    labels, observable = np.repeat([1.0, -1.0], [right, wrong]), np.diag(np.repeat([1.0, -1.0], 4))
    rows = []
    for j in range(dim):
        for k in range(dim):
            unit = np.outer(basis[j], basis[k])
            for generator in (unit + unit.T, 1j * (unit - unit.T)):
                moved = inputs @ (1j * generator).T
                off = np.concatenate([moved[:right, 4:].ravel(), moved[right:, :4].ravel()])
                rows.append(np.concatenate([off.real, off.imag]))
    count = np.linalg.matrix_rank(np.array(rows))
    for loss in (LeastSquares(inputs, observable, labels), ErrorProbability(inputs, observable, labels)):
        found, reason = equations.counted_equations(loss, equations.most_dimensions(loss), is_real=False)
        assert found == count == (right + wrong) * dim - 2 * right * wrong
        assert "wrong label" in reason


@pytest.mark.parametrize(
    ("inputs", "count"), [(3, 3), (8, 7), (4, 4)], ids=["three", "a basis", "four that are dependent"]
)
def test_data_pose_as_many_equations_as_are_independent(inputs: int, count: int) -> None:
    rng = np.random.default_rng(3)
    states = np.eye(8, dtype=complex)[:inputs]
    if inputs == 4:
        states[3] = (states[0] + 1j * states[1]) / np.sqrt(2)
    observable = np.diag([1.0, -1] * 4)
    teacher = landscape(Randomised(3, 70).build(rng), LeastSquares(states, observable, np.zeros(inputs)))
    finals = teacher.states(rng.uniform(0, np.pi, (1, 70)))[0].reshape(inputs, 8)
    targets = np.real(np.sum(finals.conj() * (finals @ observable), axis=1))
    loss = LeastSquares(states, observable, targets)
    assert equations.counted_equations(loss, equations.most_dimensions(loss), is_real=False)[0] == count
    surface = landscape(Randomised(3, 30).build(rng), loss)
    minima = minimize(surface, rng.uniform(0, np.pi, (8, 30)))
    assert equations.hessian_rank(surface, minima.theta[minima.loss < 1e-13]) == count


def test_unitaries_have_a_dimension_that_knows_the_phases_between_columns() -> None:
    rng = np.random.default_rng(4)
    for phase in (True, False):
        teacher = Randomised(2, 40).build(rng)
        columns = landscape(teacher, UnitaryDistance(np.eye(4))).states(rng.uniform(0, np.pi, (1, 40)))
        loss = UnitaryDistance(columns[0].reshape(4, 4).T, phase=phase)
        surface = landscape(Randomised(2, 30).build(rng), loss)
        assert equations.metric_rank(surface, rng) == 15 == equations.most_dimensions(loss)
        assert equations.counted_equations(loss, 15, is_real=False)[0] == 15
        minima = minimize(surface, rng.uniform(0, np.pi, (8, 30)))
        assert equations.hessian_rank(surface, minima.theta[minima.loss < 1e-13]) == 15
