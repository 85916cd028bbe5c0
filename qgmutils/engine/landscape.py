"""One interface to the loss landscape of a circuit, and its two implementations."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from qgmutils.circuits import Circuit, make_device, to_qnode
from qgmutils.engine import kernels
from qgmutils.problems import Problem

Array = NDArray[np.float64]


class Landscape(Protocol):
    """Energy of a batch of B starts of one circuit and one problem.

    Every method takes theta, shape (B, p), in radians, B >= 0, and raises ValueError for another shape or for
    entries that are not finite.  Energies are the normalised ones of `Problem`: 0 in the ground state, 1 on
    average.
    """

    @property
    def circuit(self) -> Circuit:
        """The ansatz."""
        ...

    @property
    def problem(self) -> Problem:
        """The normalised Hamiltonian."""
        ...

    def energy(self, theta: ArrayLike) -> Array:
        """E (B,)."""
        ...

    def energy_and_gradient(self, theta: ArrayLike) -> tuple[Array, Array]:
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


def _batch(theta: ArrayLike, n_params: int) -> Array:
    """`theta` as a new (B, p) array; ValueError for another shape or values that are not finite."""
    array = np.array(theta, dtype=np.float64, order="C")  # a copy: read-only arrays would compile anew
    if array.ndim != 2 or array.shape[1] != n_params:
        raise ValueError(f"theta must have shape (starts, {n_params}), got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError("theta has entries that are not finite numbers")
    return array


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
    """Compiled kernels: eight starts of one circuit in the lanes of one SIMD register.

    Methods as in `Landscape`.  A start's numbers do not depend on the other starts of its batch.
    """

    def __init__(self, circuit: Circuit, problem: Problem) -> None:
        self.circuit, self.problem = circuit, problem
        self.gates, self.rows = kernels.pack_circuit(circuit), kernels.pack_problem(problem)

    def energy(self, theta: ArrayLike) -> Array:
        theta = _batch(theta, self.circuit.n_params)
        energy, none = np.empty(len(theta)), np.empty((len(theta), 0))
        kernels.evaluate_batch(self.gates, self.rows, kernels.allocate(self.circuit), theta, energy, none)
        return energy

    def energy_and_gradient(self, theta: ArrayLike) -> tuple[Array, Array]:
        theta = _batch(theta, self.circuit.n_params)
        energy, gradient = np.empty(len(theta)), np.empty_like(theta)
        kernels.evaluate_batch(self.gates, self.rows, kernels.allocate(self.circuit), theta, energy, gradient)
        return energy, gradient

    @cached_property
    def _chain(self) -> Array:
        return _gate_to_parameter(self.circuit)

    def _derivatives(self, theta: Array) -> tuple[NDArray[np.complex128], NDArray[np.complex128], Array]:
        angles = _gate_angles(self.circuit, theta)
        psi_re, psi_im, tan_re, tan_im, second = kernels.derivatives(self.gates, self.rows, angles)
        return (psi_re + 1j * psi_im)[:, 0], (tan_re + 1j * tan_im) @ self._chain, second

    def states(self, theta: ArrayLike) -> NDArray[np.complex128]:
        theta = _batch(theta, self.circuit.n_params)
        result = np.empty((len(theta), self.problem.dim), dtype=np.complex128)
        for out, start in zip(result, theta, strict=True):
            re, im = kernels.final_state(self.gates, _gate_angles(self.circuit, start))
            out.real, out.imag = re[:, 0], im[:, 0]
        return result

    def hessian(self, theta: ArrayLike) -> Array:
        theta = _batch(theta, self.circuit.n_params)
        result = np.empty((*theta.shape, theta.shape[1]))
        with threadpool_limits(1):
            for out, start in zip(result, theta, strict=True):
                _, tangents, second = self._derivatives(start)
                curvature = np.real(tangents.conj().T @ (self.problem.matrix @ tangents))
                out[:] = 2 * (curvature + self._chain.T @ second @ self._chain)
        return (result + result.transpose(0, 2, 1)) / 2

    def quantum_fisher(self, theta: ArrayLike) -> Array:
        theta = _batch(theta, self.circuit.n_params)
        result = np.empty((*theta.shape, theta.shape[1]))
        with threadpool_limits(1):
            for out, start in zip(result, theta, strict=True):
                psi, tangents, _ = self._derivatives(start)
                out[:] = _metric(psi, tangents)
        return result


class PennylaneLandscape:
    """The same circuit as a PennyLane QNode on any device.

    Methods as in `Landscape`.  Slow: it is what the compiled kernels are tested and timed against, and the
    way to PennyLane's other devices.
    """

    def __init__(self, circuit: Circuit, problem: Problem, device: str = "default.qubit") -> None:
        self.circuit, self.problem, self.device = circuit, problem, device
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

    def energy(self, theta: ArrayLike) -> Array:
        theta = _batch(theta, self.circuit.n_params)
        return np.array([float(self._qnode(_gate_angles(self.circuit, start))) for start in theta])

    def _value_and_gradient(self, angles: Array) -> tuple[float, Array]:
        import pennylane as qml

        gradient = qml.grad(self._qnode)
        slopes = np.asarray(gradient(qml.numpy.array(angles, requires_grad=True)))
        return float(gradient.forward), slopes

    def energy_and_gradient(self, theta: ArrayLike) -> tuple[Array, Array]:
        theta = _batch(theta, self.circuit.n_params)
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
            qml.StatePrep(self.circuit.reference, wires=wires)
            for word, angle in zip(self._gates.words(), angles, strict=True):
                qml.PauliRot(2 * angle, word, wires=wires)
            return qml.state()

        return np.asarray(state())

    def states(self, theta: ArrayLike) -> NDArray[np.complex128]:
        theta = _batch(theta, self.circuit.n_params)
        result = np.empty((len(theta), self.problem.dim), dtype=np.complex128)
        for out, start in zip(result, theta, strict=True):
            out[:] = self._state(_gate_angles(self.circuit, start))
        return result

    def hessian(self, theta: ArrayLike) -> Array:
        """Shift rule on adjoint gradients: PennyLane's adjoint method is of first order only."""
        theta = _batch(theta, self.circuit.n_params)
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

    def quantum_fisher(self, theta: ArrayLike) -> Array:
        """From states alone: d psi / d angle = psi(angle + pi/2), exactly, for exp(-i angle P)."""
        theta = _batch(theta, self.circuit.n_params)
        result = np.empty((*theta.shape, theta.shape[1]))
        for out, start in zip(result, theta, strict=True):
            angles = _gate_angles(self.circuit, start)
            tangents = np.array([self._state(angles + s) for s in np.pi / 2 * np.eye(len(angles))]).T
            out[:] = _metric(self._state(angles), tangents @ self._chain)
        return result


ENGINES = ("numba", "pennylane", "auto")


def landscape(
    circuit: Circuit, problem: Problem, *, engine: str = "numba", device: str = "default.qubit"
) -> Landscape:
    """The loss landscape of `circuit` for `problem`.

    Parameters
    ----------
    circuit : Circuit
    problem : Problem
        Of as many qubits.
    engine : {"numba", "pennylane", "auto"}
        Compiled kernels, or PennyLane on `device`.  "auto" takes the compiled kernels and says so.
    device : str
        PennyLane device, e.g. "default.qubit", "lightning.qubit" or "lightning.gpu"; for engine="pennylane"
        only.

    Returns
    -------
    Landscape

    Raises
    ------
    ValueError
        For an unknown engine, sizes that differ, or a device that PennyLane cannot create.
    """
    if circuit.n_qubits != problem.n_qubits:
        raise ValueError(f"the circuit has {circuit.n_qubits} qubits, the problem {problem.n_qubits}")
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}: choose one of {', '.join(ENGINES)}")
    if engine == "pennylane":
        return PennylaneLandscape(circuit, problem, device)
    if device != "default.qubit":
        raise ValueError(f"device={device!r} needs engine='pennylane', got engine={engine!r}")
    if engine == "auto":
        print("engine='auto': compiled CPU kernels (numba)")
    return NumbaLandscape(circuit, problem)
