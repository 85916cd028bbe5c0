"""Angles of any size: reduced exactly, by all engines, for every method."""

import dataclasses
import math

import numpy as np
import pytest

from qgmutils import circuits, engine
from qgmutils.engine.starts import FAR, far_starts, reduced
from qgmutils.losses import hamiltonians

METHODS = (
    "value",
    "value_and_gradient",
    "states",
    "hessian",
    "quantum_fisher",
)


def some_circuit(n_qubits, n_params, rng):
    """Two gates an angle, with scales that are powers of two: products with them are exact."""
    circuit = circuits.random_circuit(n_qubits, n_params, rng=rng, n_gates=2 * n_params)
    q = circuit.n_gates
    scale = rng.choice([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0], q)
    return dataclasses.replace(circuit, scale=scale, offset=rng.choice([0.0, 0.25, 3.0], q))


def same(one, other):
    one, other = (each if isinstance(each, tuple) else (each,) for each in (one, other))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


def by_hand(circuit, start):
    """|theta> from cosines and sines of the gates' angles: those of the C library reduce exactly."""
    psi = np.array(circuit.reference)
    for x, z, k, scale, offset in zip(
        circuit.x, circuit.z, circuit.parameter, circuit.scale, circuit.offset, strict=True
    ):
        angle = float(scale * start[k] + offset)
        index = np.arange(len(psi))
        signs = np.array([(-1.0) ** int(j & z).bit_count() for j in index])
        image = np.empty_like(psi)
        image[index ^ x] = 1j ** int(x & z).bit_count() * signs * psi
        psi = math.cos(angle) * psi - 1j * math.sin(angle) * image
    return psi


@pytest.mark.parametrize("size", [1e5, 1e7, 1e17, 1e200, 1e300])
@pytest.mark.parametrize("name", ["numba", "pennylane"])
def test_against_the_exact_sine(name, size, rng):
    circuit, problem = some_circuit(3, 4, rng), hamiltonians.tfim(3)
    # The first start is near: it shares its batch with the far ones.
    starts = np.array([[1.0, 2.0, 3.0, 4.0], *(size * rng.uniform(-1, 1, (3, 4)))])
    expected = []
    for start in starts:
        psi = by_hand(circuit, start)
        expected.append((psi.conj() @ problem.matrix @ psi).real)
    # At 1e5, which is not far, the kernels round scale * theta + offset once: half a unit in the last place less.
    np.testing.assert_allclose(
        engine.landscape(circuit, problem, engine=name).value(starts),
        expected,
        rtol=0,
        atol=1e-12 + (8 * 1.9 * np.spacing(size) if size <= FAR else 0),
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["numba", "pennylane"])
def test_every_method(name, method, rng):
    circuit, problem = some_circuit(2, 3, rng), hamiltonians.tfim(2)
    starts = rng.uniform(-1, 1, (4, 3)) * np.array([[1.0], [1e9], [1e150], [3.0]])
    found = getattr(engine.landscape(circuit, problem, engine=name), method)(starts)
    for b, start in enumerate(starts):
        # Angles of a few radians, and derivatives with respect to theta as before.
        near = dataclasses.replace(
            circuit,
            offset=np.array(
                [
                    math.atan2(math.sin(a), math.cos(a))
                    for a in circuit.scale * start[circuit.parameter] + circuit.offset
                ]
            ),
        )
        landscape = engine.NumbaLandscape(near, problem)
        expected = getattr(landscape, method)(np.zeros((1, 3)))
        one = tuple(part[b] for part in found) if isinstance(found, tuple) else found[b]
        other = tuple(part[0] for part in expected) if isinstance(expected, tuple) else expected[0]
        if method == "states":  # up to a phase
            assert abs(abs(np.vdot(one, other)) - 1) < 1e-12
        else:
            same(one, other)


def test_near_starts_are_left_alone(rng):
    circuit = some_circuit(2, 3, rng)
    assert far_starts(circuit, np.full((2, 3), FAR / 4)).size == 0
    assert far_starts(circuit, np.array([[0.0] * 3, [4 * FAR] * 3])).tolist() == [1]
    assert far_starts(circuit, np.empty((0, 3))).size == 0


def test_angles_beyond_the_largest_double(rng):
    circuit = dataclasses.replace(some_circuit(2, 3, rng), scale=np.full(6, 4.0))
    start = np.full(3, 1e308)
    with pytest.raises(ValueError, match=r"must lie within \+-1.8e\+308; reduce theta by whole periods"):
        engine.landscape(circuit, hamiltonians.tfim(2)).value(start[None])
    with pytest.raises(ValueError, match="must lie within"):
        reduced(circuit, start)


def test_what_the_kernels_read_cannot_be_changed(rng):
    landscape = engine.landscape(some_circuit(2, 3, rng), hamiltonians.tfim(2))
    for array in (*landscape.gates, *landscape.observable[1:]):
        with pytest.raises(ValueError, match=r"read-only|cannot set WRITEABLE"):
            array.flags.writeable = True


@pytest.mark.parametrize(
    "theta",
    [[[0.1 + 0.2j, 0.3]], [["0.1", "0.3"]], np.ma.masked_array([[0.1, 0.3]], [[True, False]]), [[None, 0.3]]],
)
def test_starts_are_real_numbers(theta, rng):
    circuit = circuits.random_circuit(2, 2, rng=rng)
    landscape = engine.landscape(circuit, hamiltonians.tfim(2))
    with pytest.raises(ValueError, match=r"theta (must be an array of (real )?numbers|has masked entries)"):
        landscape.value(theta)


@pytest.mark.parametrize("make", [engine.landscape, engine.NumbaLandscape, engine.PennylaneLandscape])
def test_kernels_get_a_circuit_and_a_loss_of_one_size(make, rng):
    circuit, loss = circuits.random_circuit(2, 3, rng=rng), hamiltonians.tfim(2)
    for pair, message in (
        ((circuit, hamiltonians.tfim(9)), "the circuit has 2 qubits, the loss 9"),
        ((loss, circuit), "circuit must be a circuits.Circuit, got Energy"),
        ((circuit, np.eye(4)), "loss must be a losses.loss.Loss, got ndarray; hamiltonians.from_observable"),
        ((circuit, hamiltonians.Hamiltonian("tfim", 2)), r"got Hamiltonian; call its build\(\)"),
    ):
        with pytest.raises(ValueError, match=message):
            make(*pair)
    with pytest.raises(ValueError, match="the circuit has 5 qubits, the loss 2"):
        make(circuit, loss).with_circuit(circuits.random_circuit(5, 3, rng=rng))
