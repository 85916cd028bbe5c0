"""Losses that no kernel knows: asked between the sweep there and the sweep back, for any number of inputs."""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import dense
import numpy as np
import pytest

from qgmutils import circuits
from qgmutils.computing.simd import LANES
from qgmutils.engine import CudaLandscape, compiled, landscape
from qgmutils.losses import hamiltonians
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.loss import Loss
from qgmutils.losses.unitary import UnitaryDistance

EXACT = 1e-10
"""As between the engines.  Rounding leaves about 1e-13 here."""


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=EXACT)


@dataclass(frozen=True)
class Purity(Loss):
    """A user's loss: the purity of wire 0 after the circuit, in plain NumPy."""

    n_qubits: int
    name: str = "purity of wire 0"

    def value_and_cotangent(self, states):
        psi = states.reshape(len(states), 2, -1)  # wire 0, the others
        rho = psi @ psi.conj().transpose(0, 2, 1)
        return np.sum(np.abs(rho) ** 2, axis=(1, 2)), (2 * rho @ psi).reshape(states.shape)


@dataclass(frozen=True, eq=False)
class Quadratic(Loss):
    """Re of (psi^dagger A psi + 2 b^dagger psi) for all final states in a row: it sees every phase."""

    n_qubits: int
    inputs: np.ndarray = field()
    a: np.ndarray
    b: np.ndarray
    name: str = "quadratic"
    phase_sensitive = True

    def value_and_cotangent(self, states):
        rows = states.reshape(len(states), 1, -1)
        applied = rows @ self.a.T
        values = np.sum((rows.conj() * applied).real + 2 * (rows * self.b.conj()).real, axis=(1, 2))
        return values, (applied + self.b).reshape(states.shape)


def some_quadratic(n_qubits, n_inputs, rng):
    size = n_inputs * 2**n_qubits
    a = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    b = rng.normal(size=size) + 1j * rng.normal(size=size)
    inputs = np.array([circuits.haar_state(2**n_qubits, rng) for _ in range(n_inputs)])
    return Quadratic(n_qubits, inputs, a + a.conj().T, b)


def some_circuit(n_qubits, n_params, n_gates, rng):
    """Words of any kind, the identity too."""
    dim = 2**n_qubits
    return circuits.Circuit(
        n_qubits,
        n_params,
        rng.integers(0, dim, n_gates),
        rng.integers(0, dim, n_gates),
        np.arange(n_gates) % n_params,
        rng.normal(size=n_gates),
        rng.uniform(-4, 4, n_gates),
        circuits.haar_state(dim, rng),
    )


def test_a_users_loss(rng):
    circuit, loss = some_circuit(3, 4, 9, rng), Purity(3)
    assert loss.floor is None  # nobody said so
    theta = rng.uniform(-4, 4, (5, 4))
    fast = landscape(circuit, loss)
    values, gradient = fast.value_and_gradient(theta)
    for k, start in enumerate(theta):
        psi = dense.state(circuit, start).reshape(2, 4)
        same(values[k], np.sum(np.linalg.svd(psi, compute_uv=False) ** 4))
    pennylane = landscape(circuit, loss, engine="pennylane")
    for ours, theirs in zip((values, gradient), pennylane.value_and_gradient(theta), strict=True):
        same(theirs, ours)
    # The Hessian is worked out without the user's help, from differences of cotangents.
    h, shifts = 1e-4, 1e-4 * np.eye(4)
    hessian = fast.hessian(theta)
    for k, start in enumerate(theta):
        rows = (fast.value_and_gradient(start + shifts)[1] - fast.value_and_gradient(start - shifts)[1]) / (
            2 * h
        )
        # h^2/6 times a third derivative, of products of four amplitudes with frequencies of up to some 10.
        np.testing.assert_allclose(hessian[k], rows, rtol=0, atol=1e-4)
    np.testing.assert_allclose(pennylane.hessian(theta[:1]), hessian[:1], rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("n_qubits", "n_inputs", "n_gates"), [(1, 1, 3), (1, 7, 70), (2, 3, 130), (4, 5, 12)]
)
def test_final_states_with_their_phases(n_qubits, n_inputs, n_gates, rng):
    circuit, loss = some_circuit(n_qubits, 3, n_gates, rng), some_quadratic(n_qubits, n_inputs, rng)
    theta = rng.uniform(-50, 50, (2 * LANES + 1, 3))
    theta[0] = 1e9 * rng.normal(size=3)  # reduced on a landscape of its own
    fast = landscape(circuit, loss)
    states = fast.states(theta)
    assert states.shape == (len(theta), n_inputs, 2**n_qubits)
    values, gradient = fast.value_and_gradient(theta)
    for k in (1, LANES, 2 * LANES):
        unitary = reduce(lambda before, gate: gate @ before, dense.gates(circuit, theta[k]))
        same(states[k], loss.inputs @ unitary.T)
        expected, (cotangent,) = loss.value_and_cotangent(states[k : k + 1])
        same(values[k], expected[0])
        if n_gates < 20:
            first = np.stack([dense.derivatives(circuit, theta[k], each)[1] for each in loss.inputs], axis=1)
            same(gradient[k], 2 * np.real(np.sum(cotangent.conj() * first, axis=(1, 2))))
    far = landscape(circuit, loss, engine="pennylane").states(theta[:1])
    same(states[:1], far)


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
def test_second_derivatives_with_phases(engine, rng):
    circuit, loss = some_circuit(2, 3, 6, rng), some_quadratic(2, 3, rng)
    theta = rng.uniform(-9, 9, (2, 3))
    found = landscape(circuit, loss, engine=engine)
    for k, (hessian, metric) in enumerate(
        zip(found.hessian(theta), found.quantum_fisher(theta), strict=True)
    ):
        states, first, second = (
            np.stack(each, axis=-2)
            for each in zip(*(dense.derivatives(circuit, theta[k], each) for each in loss.inputs))
        )
        flat = first.reshape(3, -1)
        _, (cotangent,) = loss.value_and_cotangent(states[None])
        expected = np.real(flat.conj() @ loss.a @ flat.T + np.sum(cotangent.conj() * second, axis=(2, 3)))
        same(hessian, 2 * expected)
        same(metric, sum(dense.metric(states[m], first[:, m]) for m in range(3)))


@dataclass(frozen=True, eq=False)
class AskedEnergy(Loss):
    """An energy that is asked as any other loss."""

    energy: object
    n_qubits: int = 3
    name: str = "energy"

    def value_and_cotangent(self, states):
        return self.energy.value_and_cotangent(states)

    def curvature(self, states, tangents):
        return self.energy.curvature(states, tangents)


@pytest.mark.parametrize("problem", [hamiltonians.gue(3), hamiltonians.tfim(3)])
def test_an_energy_is_the_same_either_way(problem, rng):
    circuit, theta = some_circuit(3, 5, 11, rng), rng.uniform(-4, 4, (2 * LANES + 3, 5))
    asked, fused = landscape(circuit, AskedEnergy(problem)), landscape(circuit, problem)
    assert asked.observable is None
    for ours, theirs in zip(asked.value_and_gradient(theta), fused.value_and_gradient(theta), strict=True):
        same(ours, theirs)
    np.testing.assert_array_equal(asked.states(theta), fused.states(theta))
    same(asked.hessian(theta[:2]), fused.hessian(theta[:2]))
    np.testing.assert_array_equal(asked.quantum_fisher(theta[:2]), fused.quantum_fisher(theta[:2]))


def losses_of_two_qubits(rng):
    q = rng.dirichlet(np.ones(4))
    return [
        *(BornMachine(q, name) for name in ("kl", "l2", "tv", "mmd")),
        LeastSquares(np.eye(4)[:3], hamiltonians.gue(2), [0.1, 0.2, 0.3]),
        LeastSquares(np.eye(4)[:1], np.diag([1.0, 0, 0, 0]), [0.4]),  # applied as a sparse matrix
        UnitaryDistance(np.eye(4)),
        some_quadratic(2, 5, rng),
        Purity(2),
    ]


@pytest.mark.parametrize("number", range(9))
def test_batches_equal_single_starts(number, rng, monkeypatch):
    circuit, loss = some_circuit(2, 3, 8, rng), losses_of_two_qubits(rng)[number]
    fast = landscape(circuit, loss)
    theta = rng.uniform(-9, 9, (3 * LANES + 1, 3))
    values, gradient = fast.value_and_gradient(theta)
    hessian, metric = fast.hessian(theta), fast.quantum_fisher(theta)
    np.testing.assert_array_equal(fast.value(theta), values)
    for k in range(len(theta)):
        start = theta[k : k + 1]
        np.testing.assert_array_equal(fast.value_and_gradient(start)[0], values[k : k + 1])
        np.testing.assert_array_equal(fast.value_and_gradient(start)[1], gradient[k : k + 1])
        np.testing.assert_array_equal(fast.hessian(start)[0], hessian[k])
        np.testing.assert_array_equal(fast.quantum_fisher(start)[0], metric[k])
    monkeypatch.setattr(compiled, "ROWS_BYTES", 1)  # one start at a time
    assert len(fast._parts(len(theta))) == len(theta)
    np.testing.assert_array_equal(fast.value(theta), values)
    np.testing.assert_array_equal(fast.value_and_gradient(theta)[1], gradient)


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
def test_no_starts(engine, rng):
    circuit, theta = some_circuit(2, 3, 4, rng), np.zeros((0, 3))
    for loss, shape in ((Purity(2), (0, 4)), (some_quadratic(2, 5, rng), (0, 5, 4))):
        empty = landscape(circuit, loss, engine=engine)
        values, gradient = empty.value_and_gradient(theta)
        assert (values.shape, gradient.shape, empty.value(theta).shape) == ((0,), (0, 3), (0,))
        assert empty.states(theta).shape == shape
        assert empty.hessian(theta).shape == empty.quantum_fisher(theta).shape == (0, 3, 3)


def digest():
    """Of all numbers that general losses give; rounding and all."""
    rng, found = np.random.default_rng(5), hashlib.sha256()
    circuit = some_circuit(2, 7, 150, rng)
    for loss in losses_of_two_qubits(rng):
        fast, theta = landscape(circuit, loss), rng.uniform(-9, 9, (5, 7))
        for array in (
            *fast.value_and_gradient(theta),
            fast.hessian(theta),
            fast.quantum_fisher(theta),
            fast.states(theta),
        ):
            found.update(array.tobytes())
    return found.hexdigest()


def test_no_number_depends_on_the_width_of_registers(tmp_path):
    here, found = Path(__file__).parent, set()
    for lanes in ("2", "4", "8"):
        done = subprocess.run(
            [sys.executable, "-c", "import test_any_loss; print(test_any_loss.digest())"],
            env={
                **os.environ,
                "QGMUTILS_LANES": lanes,
                "NUMBA_CACHE_DIR": str(tmp_path),
                "PYTHONPATH": os.pathsep.join(map(str, [here, here.parent, here.parent.parent])),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert found == {digest() + "\n"}


@dataclass(frozen=True)
class Wrong(Loss):
    """What a user may get wrong."""

    n_qubits: int = 2
    name: str = "wrong"
    inputs: object = None
    shape: tuple = (1,)

    def value_and_cotangent(self, states):
        return np.zeros(len(states)), np.zeros((len(states), *self.shape))

    def curvature(self, states, tangents):
        return np.zeros(3)


def test_losses_that_say_the_wrong_thing(rng):
    circuit, theta = some_circuit(2, 3, 4, rng), np.zeros((2, 3))
    for engine in ("numba", "pennylane"):
        with pytest.raises(
            ValueError,
            match=r"Wrong.value_and_cotangent must return .* \(., 1, 4\) .* got \(.,\) and \(., 1\)",
        ):
            landscape(circuit, Wrong(), engine=engine).value_and_gradient(theta)
        with pytest.raises(
            ValueError, match=r"Wrong.curvature must return an array of shape \(3, 3\) .* \(3,\)"
        ):
            landscape(circuit, Wrong(shape=(1, 4)), engine=engine).hessian(theta)
        with pytest.raises(
            ValueError, match="the loss's inputs must be normalised, but number 1 has the norm 2"
        ):
            landscape(circuit, Wrong(inputs=np.diag([1, 2, 1, 1])), engine=engine)
        with pytest.raises(ValueError, match=r"the loss's inputs must have the shape \(M, 4\)"):
            landscape(circuit, Wrong(inputs=np.eye(2)), engine=engine)
    with pytest.raises(NotImplementedError, match="Silent needs the method value_and_cotangent"):
        landscape(circuit, Silent()).value(theta)


@dataclass(frozen=True)
class Silent(Loss):
    n_qubits: int = 2
    name: str = "silent"


def test_cuda_takes_energies_only(rng):
    circuit = some_circuit(2, 3, 4, rng)
    for make in (CudaLandscape, lambda *pair: landscape(*pair, engine="cuda")):
        with pytest.raises(
            ValueError,
            match=r"serves losses\.energy\.Energy without inputs only, got Purity; engine='numba' serves any loss",
        ):
            make(circuit, Purity(2))
