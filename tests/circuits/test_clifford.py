"""Circuits without their fixed gates, against products of matrix exponentials."""

import dataclasses

import dense
import numpy as np
import pytest

from qgmutils import circuits
from qgmutils.circuits.clifford import applied, fixed_gates_first, rotated


def some_circuit(n_qubits, n_gates, clifford, rng):
    """Gates of any words: driven ones between fixed ones by multiples of pi/4 or, some of them, by any angle."""
    dim = 2**n_qubits
    fixed = rng.random(n_gates) < 0.6
    fixed[rng.integers(n_gates)] = False
    quarters = np.pi / 4 * rng.integers(-9, 10, n_gates)
    other = rng.uniform(-4, 4, n_gates)
    return circuits.Circuit(
        n_qubits,
        3,
        rng.integers(0, dim, n_gates),
        rng.integers(0, dim, n_gates),
        rng.integers(0, 3, n_gates),
        np.where(fixed, 0.0, rng.normal(size=n_gates)),
        np.where(fixed & (rng.random(n_gates) < clifford), quarters, other),
        circuits.haar_state(dim, rng),
    )


@pytest.mark.parametrize("clifford", [1.0, 0.6, 0.0])
@pytest.mark.parametrize("n_qubits", [1, 2, 3])
def test_same_states_up_to_a_phase(n_qubits, clifford, rng):
    for _ in range(8):
        circuit = some_circuit(n_qubits, 14, clifford, rng)
        first, rest = fixed_gates_first(circuit)
        found = dataclasses.replace(rest, reference=applied(first, circuit.reference))
        assert (found.n_params, found.scale[0] != 0) == (3, True)
        left = found.scale == 0
        assert found.n_gates - left.sum() == np.sum(circuit.scale != 0)
        if clifford == 1.0:
            assert not left.any()
        quarters = found.offset[left] / (np.pi / 4)
        assert np.all(np.abs(quarters - np.rint(quarters)) > 1e-9)
        phases = []
        for theta in rng.uniform(-4, 4, (2, 3)):
            overlap = np.vdot(dense.state(found, theta), dense.state(circuit, theta))
            assert abs(abs(overlap) - 1) < 1e-12
            phases.append(overlap)
        # One phase for all angles: derivatives are the same, too.
        assert abs(phases[0] - phases[1]) < 1e-12


def test_nothing_but_fixed_gates(rng):
    circuit = circuits.Circuit(1, 1, [1], [0], [0], [0.0], [0.3], [1, 0])
    with pytest.raises(ValueError, match="no gate of the circuit is driven by an angle"):
        fixed_gates_first(circuit)


def test_rotations_of_several_states(rng):
    states = np.array([circuits.haar_state(8, rng) for _ in range(3)])
    angles = rng.uniform(-4, 4, 3)
    found = rotated(states, 0b101, 0b110, angles[:, None])  # Y on the first, Z on the second, X on the third
    for state, angle, result in zip(states, angles, found, strict=True):
        word = dense.pauli("YZX")
        expected = np.cos(angle) * state - 1j * np.sin(angle) * word @ state
        np.testing.assert_allclose(result, expected, atol=1e-14)
        np.testing.assert_allclose(rotated(state, 0b101, 0b110, float(angle)), expected, atol=1e-14)
