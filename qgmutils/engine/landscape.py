"""One interface to the loss landscape of a circuit, and its two implementations."""

from __future__ import annotations

import functools
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from qgmutils.circuits import Circuit, make_device, require_pair, to_qnode
from qgmutils.computing.simd import LANES
from qgmutils.computing.threads import one_thread
from qgmutils.engine import curvature, sweep
from qgmutils.engine.gates import pack_circuit
from qgmutils.engine.observable import DIAGONAL, PAULI, SPARSE, factor, pack_problem
from qgmutils.engine.starts import any_angle
from qgmutils.losses.energy import Energy

Array = NDArray[np.float64]


class Landscape(Protocol):
    """Energy of a batch of B starts of one circuit and one problem.

    Every method takes theta, shape (B, p), in radians, B >= 0, and raises ValueError for another shape or for
    entries that are not finite.  Angles may be of any size: those of gates, scale * theta + offset in double precision,
    are reduced exactly.  Energies are the normalised ones of `Energy`: 0 in the ground state, 1 on
    average.
    """

    @property
    def circuit(self) -> Circuit:
        """The ansatz."""
        ...

    @property
    def problem(self) -> Energy:
        """The normalised Hamiltonian."""
        ...

    def value(self, theta: ArrayLike) -> Array:
        """E (B,)."""
        ...

    def value_and_gradient(self, theta: ArrayLike) -> tuple[Array, Array]:
        """E (B,) and dE/dtheta (B, p)."""
        ...

    def states(self, theta: ArrayLike) -> NDArray[np.complex128]:
        """|theta> (B, N), up to a global phase."""
        ...

    def hessian(self, theta: ArrayLike) -> Array:
        """d2E/dtheta2 (B, p, p)."""
        ...

    def quantum_fisher(self, theta: ArrayLike) -> Array:
        """Fubini-Study metric Re(<d_i|d_j> - <d_i|psi><psi|d_j>), 1/4 of the Fisher matrix (B, p, p)."""
        ...

    def hessian_and_quantum_fisher(self, theta: ArrayLike) -> tuple[Array, Array]:
        """Both, for the price of the first."""
        ...

    def hessian_vector_product(self, theta: ArrayLike, vectors: ArrayLike) -> Array:
        """sum_j d2E/dtheta_i dtheta_j v_j (B, p) for vectors v (B, p), one for each start."""
        ...


def _gate_angles(circuit: Circuit, theta: Array) -> Array:
    """Angles (q,) of the gates from one start's parameters (p,)."""
    return circuit.scale * theta[circuit.parameter] + circuit.offset


def _gate_to_parameter(circuit: Circuit) -> Array:
    """Chain rule from gate angles to parameters, (q, p)."""
    matrix = np.zeros((circuit.n_gates, circuit.n_params))
    matrix[np.arange(circuit.n_gates), circuit.parameter] = circuit.scale
    return matrix


def _metric(psi: NDArray[np.complex128], tangents: NDArray[Any]) -> Array:
    """Fubini-Study metric from a state (N,) and its tangents (N, p)."""
    overlap = psi.conj() @ tangents
    metric: Array = np.real(tangents.conj().T @ tangents) - np.real(np.outer(overlap.conj(), overlap))
    return metric


class NumbaLandscape:
    """Compiled kernels: several starts of one circuit in the lanes of the machine's registers.

    Methods as in `Landscape`.  A start's numbers do not depend on the other starts of its batch.  Energies and
    gradients need two states of 2^n amplitudes and four numbers a gate for each start under way, Hessians 6 q 2^n
    numbers for gates q, Hessian-vector products four states.
    """

    def __init__(self, circuit: Circuit, problem: Energy) -> None:
        require_pair(circuit, problem)
        self.circuit, self.loss = circuit, problem
        self.gates, self.observable = pack_circuit(circuit), pack_problem(problem)

    def with_circuit(self, circuit: Circuit) -> NumbaLandscape:
        """The same for another circuit of as many qubits."""
        return NumbaLandscape(circuit, self.loss)

    @any_angle
    def value(self, theta: Array) -> Array:
        energy, none = np.empty(len(theta)), np.empty((len(theta), 0))
        sweep.evaluate_batch(self.gates, self.observable, self.scratch(), theta, energy, none)
        return energy

    @any_angle
    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        energy, gradient = np.empty(len(theta)), np.empty_like(theta)
        sweep.evaluate_batch(self.gates, self.observable, self.scratch(), theta, energy, gradient)
        return energy, gradient

    @any_angle
    def states(self, theta: Array) -> NDArray[np.complex128]:
        states = np.empty((len(theta), self.loss.dim), dtype=np.complex128)
        sweep.final_states(self.gates, self.scratch(), theta, states)
        return states

    @any_angle
    def hessian(self, theta: Array) -> Array:
        return self._second_order(theta, hessian=True)[0]

    @any_angle
    def quantum_fisher(self, theta: Array) -> Array:
        return self._second_order(theta, metric=True)[1]

    @any_angle
    def hessian_and_quantum_fisher(self, theta: Array) -> tuple[Array, Array]:
        return self._second_order(theta, hessian=True, metric=True)

    @any_angle
    def hessian_vector_product(self, theta: Array, vectors: Array) -> Array:
        result, work, change = np.empty_like(theta), self.scratch(), self.scratch()
        product = np.empty(theta.shape[1] * LANES)
        for first in range(0, len(theta), LANES):
            chosen = np.minimum(np.arange(first, first + LANES), len(theta) - 1)
            angles, direction = (np.ascontiguousarray(a[chosen].T).ravel() for a in (theta, vectors))
            curvature.hessian_vector(self.gates, self.observable, work, change, angles, direction, product)
            used = result[first : first + LANES]
            used[:] = product.reshape(-1, LANES).T[: len(used)]
        return result

    def scratch(self) -> sweep.Work:
        """Memory for one evaluation at a time by the kernels."""
        return sweep.allocate(self.circuit)

    @cached_property
    def _chain(self) -> sp.csr_array | None:
        """From gate angles to parameters; None where they are the same."""
        q, p = self.circuit.n_gates, self.circuit.n_params
        chain = sp.csr_array((self.circuit.scale, (np.arange(q), self.circuit.parameter)), shape=(q, p))
        return None if q == p and (chain != sp.eye_array(q)).nnz == 0 else chain

    @cached_property
    def _root(self) -> Array | sp.csr_array:
        """A real matrix X with Re <v|H|w> = (X v) . (X w), or the real form of H where it is sparse."""
        if self.observable.kind in (SPARSE, PAULI):
            return _real_form(sp.csr_array(self.loss.matrix))
        if self.observable.kind == DIAGONAL:
            return np.repeat(np.sqrt(self.observable.real), 2)[:, None]
        return _real_root(self.loss)

    def _second_order(
        self, theta: Array, *, hessian: bool = False, metric: bool = False
    ) -> tuple[Array, Array]:
        starts, p = theta.shape
        hessians = np.empty((starts if hessian else 0, p, p))
        metrics = np.empty((starts if metric else 0, p, p))
        q, dim = self.circuit.n_gates, self.loss.dim
        padded = -(-q // LANES) * LANES
        psi, tangents, second = np.empty(2 * dim), np.empty((2 * dim, padded)), np.empty((q, padded))
        scratch = np.empty((q, 2 * dim)), np.empty((q, 2 * dim)), np.empty((padded, 2 * dim))
        work, chain = self.scratch(), self._chain
        with one_thread():  # the last digits of BLAS depend on its number of threads
            for k, start in enumerate(theta):
                angles = np.repeat(start, LANES)
                curvature.derivatives(
                    self.gates, self.observable, work, angles, psi, tangents, second, *scratch
                )
                t, s = tangents[:, :q], second[:, :q]
                if chain is not None:
                    t, s = t @ chain, chain.T @ (s @ chain)
                if hessian:
                    result = 2 * (self._gram(t) + s)
                    hessians[k] = (result + result.T) / 2
                if metric:
                    overlap = np.array([psi, _times_minus_i(psi)]) @ t
                    result = t.T @ t - overlap.T @ overlap
                    metrics[k] = (result + result.T) / 2
        return hessians, metrics

    def _gram(self, tangents: Array) -> Array:
        """Re <T_i|H|T_j> for tangents (2 N, p), real and imaginary parts in turn."""
        if self.observable.kind in (SPARSE, PAULI):
            return np.asarray(tangents.T @ (self._root @ tangents))
        image = self._root * tangents if self.observable.kind == DIAGONAL else self._root @ tangents
        return np.asarray(image.T @ image)


def _times_minus_i(psi: Array) -> Array:
    """-i psi for a state (2 N,), real and imaginary parts in turn."""
    return np.column_stack([psi[1::2], -psi[::2]]).ravel()


def _real_form(matrix: Any) -> Any:
    """A complex matrix (M, N) as a real one (2 M, 2 N) that acts on real and imaginary parts in turn."""
    one, i = np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]])
    if sp.issparse(matrix):
        return sp.csr_array(sp.kron(matrix.real, one) + sp.kron(matrix.imag, i))
    return np.kron(matrix.real, one) + np.kron(matrix.imag, i)


@functools.lru_cache(maxsize=4)
def _real_root(problem: Energy) -> Array:
    """F^dagger in real form, with H = F F^dagger."""
    return np.ascontiguousarray(_real_form(factor(problem).conj().T))


class PennylaneLandscape:
    """The same circuit as a PennyLane QNode on any device.

    Methods as in `Landscape`.  Slow: it is what the compiled kernels are tested and timed against, and the
    way to PennyLane's other devices.
    """

    def __init__(self, circuit: Circuit, problem: Energy, device: str = "default.qubit") -> None:
        require_pair(circuit, problem)
        self.circuit, self.loss, self.device = circuit, problem, device
        # One angle a gate: derivatives with respect to gate angles follow the plain shift rule.
        self._gates = Circuit(
            circuit.n_qubits,
            circuit.n_gates,
            circuit.x,
            circuit.z,
            np.arange(circuit.n_gates),
            np.ones(circuit.n_gates),
            np.zeros(circuit.n_gates),
            circuit.reference,
        )
        self._qnode = to_qnode(self._gates, problem, device=device)
        self._chain = _gate_to_parameter(circuit)

    def with_circuit(self, circuit: Circuit) -> PennylaneLandscape:
        """The same for another circuit of as many qubits."""
        return PennylaneLandscape(circuit, self.loss, self.device)

    @any_angle
    def value(self, theta: Array) -> Array:
        return np.array([float(self._qnode(_gate_angles(self.circuit, start))) for start in theta])

    def _value_and_gradient(self, angles: Array) -> tuple[float, Array]:
        import pennylane as qml

        gradient = qml.grad(self._qnode)
        slopes = np.asarray(gradient(qml.numpy.array(angles, requires_grad=True)))
        return float(gradient.forward), slopes

    @any_angle
    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        energy, gradient = np.empty(len(theta)), np.empty_like(theta)
        for i, start in enumerate(theta):
            energy[i], slopes = self._value_and_gradient(_gate_angles(self.circuit, start))
            gradient[i] = slopes @ self._chain
        return energy, gradient

    def _state(self, angles: Array) -> NDArray[np.complex128]:
        import pennylane as qml

        wires = range(self.circuit.n_qubits)

        @qml.qnode(make_device(self.device, self.circuit.n_qubits))
        def state() -> Any:
            qml.StatePrep(self.circuit.reference.copy(), wires=wires)  # some devices refuse read-only arrays
            for word, angle in zip(self._gates.words(), angles, strict=True):
                qml.PauliRot(2 * angle, word, wires=wires)
            return qml.state()

        return np.asarray(state())

    @any_angle
    def states(self, theta: Array) -> NDArray[np.complex128]:
        result = np.empty((len(theta), self.loss.dim), dtype=np.complex128)
        for out, start in zip(result, theta, strict=True):
            out[:] = self._state(_gate_angles(self.circuit, start))
        return result

    @any_angle
    def hessian(self, theta: Array) -> Array:
        """Shift rule on adjoint gradients: PennyLane's adjoint method is of first order only."""
        result = np.empty((*theta.shape, theta.shape[1]))
        for out, start in zip(result, theta, strict=True):
            angles = _gate_angles(self.circuit, start)
            shifts = np.pi / 4 * np.eye(len(angles))
            rows = [
                self._value_and_gradient(angles + s)[1] - self._value_and_gradient(angles - s)[1]
                for s in shifts
            ]
            out[:] = self._chain.T @ np.array(rows) @ self._chain
        return (result + result.transpose(0, 2, 1)) / 2

    @any_angle
    def quantum_fisher(self, theta: Array) -> Array:
        """From states alone: d psi / d angle = psi(angle + pi/2), exactly, for exp(-i angle P)."""
        result = np.empty((*theta.shape, theta.shape[1]))
        for out, start in zip(result, theta, strict=True):
            angles = _gate_angles(self.circuit, start)
            tangents = np.array([self._state(angles + s) for s in np.pi / 2 * np.eye(len(angles))]).T
            out[:] = _metric(self._state(angles), tangents @ self._chain)
        return result

    @any_angle
    def hessian_and_quantum_fisher(self, theta: Array) -> tuple[Array, Array]:
        return self.hessian(theta), self.quantum_fisher(theta)

    @any_angle
    def hessian_vector_product(self, theta: Array, vectors: Array) -> Array:
        hessian = self.hessian(theta)
        return np.einsum("bij,bj->bi", hessian, vectors)


ENGINES = ("numba", "cuda", "pennylane", "auto")


def landscape(
    circuit: Circuit, problem: Energy, *, engine: str = "numba", device: str = "default.qubit"
) -> Landscape:
    """The loss landscape of `circuit` for `problem`.

    Parameters
    ----------
    circuit : Circuit
    problem : Energy
        Of as many qubits.
    engine : {"numba", "cuda", "pennylane", "auto"}
        Compiled kernels on the CPU or on an NVIDIA GPU, or PennyLane on `device`.  "auto" takes the CPU kernels
        and says so.
    device : str
        PennyLane device, e.g. "default.qubit", "lightning.qubit" or "lightning.gpu"; for engine="pennylane"
        only.

    Returns
    -------
    Landscape

    Raises
    ------
    ValueError
        For an unknown engine, anything else than a circuit and a problem, sizes that differ, a device that PennyLane
        cannot create, or engine="cuda" without a GPU that numba can use.
    """
    require_pair(circuit, problem)
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}: choose one of {', '.join(ENGINES)}")
    if engine == "pennylane":
        return PennylaneLandscape(circuit, problem, device)
    if device != "default.qubit":
        raise ValueError(f"device={device!r} needs engine='pennylane', got engine={engine!r}")
    if engine == "cuda":
        from qgmutils.engine.cuda import CudaLandscape

        return CudaLandscape(circuit, problem)
    if engine == "auto":
        print("engine='auto': compiled CPU kernels (numba)")
    return NumbaLandscape(circuit, problem)
