"""The loss landscape by PennyLane, on any of its devices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit, require_pair
from qgmutils.circuits.qnode import make_device, to_qnode
from qgmutils.engine.starts import any_angle, curvature_of, is_energy, value_and_cotangent
from qgmutils.losses.loss import Loss, States

Array = NDArray[np.float64]


class PennylaneLandscape:
    """The same circuit in PennyLane, on any device.

    Methods as in `Landscape`.  Slow: it is what the compiled kernels are tested and timed against, and the way to
    PennyLane's other devices.  An energy is a QNode, differentiated by PennyLane; any other loss is worked out from
    states, and derivatives of states are states: d psi / da = psi(a + pi/2), exactly, for a gate exp(-i a P).
    """

    def __init__(self, circuit: Circuit, loss: Loss, device: str = "default.qubit") -> None:
        require_pair(circuit, loss)
        self.circuit, self.loss, self.device = circuit, loss, device
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
        self._machine = make_device(device, circuit.n_qubits)
        self._energy = to_qnode(self._gates, loss, device=device) if is_energy(loss) else None
        # Chain rule from gate angles to parameters, (q, p).
        self._chain = np.zeros((circuit.n_gates, circuit.n_params))
        self._chain[np.arange(circuit.n_gates), circuit.parameter] = circuit.scale

    def with_circuit(self, circuit: Circuit) -> PennylaneLandscape:
        """The same for another circuit of as many qubits."""
        return PennylaneLandscape(circuit, self.loss, self.device)

    @any_angle
    def value(self, theta: Array) -> Array:
        return np.array([self._value(self._angles(start)) for start in theta])

    @any_angle
    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        values, gradient = np.empty(len(theta)), np.empty_like(theta)
        for k, start in enumerate(theta):
            values[k], slopes = self._value_and_slopes(self._angles(start))
            gradient[k] = slopes @ self._chain
        return values, gradient

    @any_angle
    def states(self, theta: Array) -> States:
        n_inputs = 1 if self.loss.inputs is None else len(self.loss.inputs)
        states = np.empty((len(theta), n_inputs, self.loss.dim), dtype=np.complex128)
        for out, start in zip(states, theta, strict=True):
            out[:] = self._states(self._angles(start))
        return states[:, 0] if self.loss.inputs is None else states

    @any_angle
    def hessian(self, theta: Array) -> Array:
        result = np.empty((*theta.shape, theta.shape[1]))
        second = self._from_gradients if self._energy is not None else self._from_states
        for k, start in enumerate(theta):
            result[k] = second(self._angles(start))
        return (result + result.transpose(0, 2, 1)) / 2

    @any_angle
    def quantum_fisher(self, theta: Array) -> Array:
        result = np.empty((*theta.shape, theta.shape[1]))
        for k, start in enumerate(theta):
            angles = self._angles(start)
            tangents = np.tensordot(self._chain.T, self._tangents(angles), axes=1)
            overlaps = np.sum(self._states(angles).conj() * tangents, axis=2)
            flat = tangents.reshape(len(tangents), -1)
            result[k] = np.real(flat.conj() @ flat.T - overlaps.conj() @ overlaps.T)
        return result

    def _angles(self, theta: Array) -> Array:
        """Angles (q,) of the gates from one start's parameters (p,)."""
        return self.circuit.scale * theta[self.circuit.parameter] + self.circuit.offset

    def _states(self, angles: Array) -> States:
        """Final states (M, N)."""
        import pennylane as qml

        wires = range(self.circuit.n_qubits)

        @qml.qnode(self._machine)
        def state(start: States) -> Any:
            qml.StatePrep(start, wires=wires)
            for word, angle in zip(self._gates.words(), angles, strict=True):
                qml.PauliRot(2 * angle, word, wires=wires)
            return qml.state()

        inputs = self.loss.inputs
        starts = self.circuit.reference[None] if inputs is None else inputs
        return np.array([state(start.copy()) for start in starts])  # some devices refuse read-only arrays

    def _value(self, angles: Array) -> float:
        if self._energy is not None:
            return float(self._energy(angles))
        return float(value_and_cotangent(self.loss, self._states(angles)[None])[0][0])

    def _tangents(self, angles: Array) -> States:
        """Derivatives of the final states with respect to gate angles, (q, M, N)."""
        return np.array([self._states(angles + shift) for shift in np.pi / 2 * np.eye(len(angles))])

    def _value_and_slopes(self, angles: Array) -> tuple[float, Array]:
        """The loss of one start and its derivatives with respect to gate angles (q,)."""
        if self._energy is not None:
            import pennylane as qml

            gradient = qml.grad(self._energy)
            slopes = np.asarray(gradient(qml.numpy.array(angles, requires_grad=True)))
            return float(gradient.forward), slopes
        values, cotangents = value_and_cotangent(self.loss, self._states(angles)[None])
        return float(values[0]), 2 * np.real(np.sum(cotangents.conj() * self._tangents(angles), axis=(1, 2)))

    def _from_gradients(self, angles: Array) -> Array:
        """Hessian by the shift rule on adjoint gradients: PennyLane's adjoint method is of first order only."""
        rows = [
            self._value_and_slopes(angles + shift)[1] - self._value_and_slopes(angles - shift)[1]
            for shift in np.pi / 4 * np.eye(len(angles))
        ]
        return self._chain.T @ np.array(rows) @ self._chain

    def _from_states(self, angles: Array) -> Array:
        """Hessian from states whose angles are shifted twice."""
        states, tangents = self._states(angles), self._tangents(angles)
        _, (cotangent,) = value_and_cotangent(self.loss, states[None])
        second = np.empty((len(angles), len(angles)))
        for row, shift in zip(second, np.pi / 2 * np.eye(len(angles)), strict=True):
            row[:] = 2 * np.real(np.sum(cotangent.conj() * self._tangents(angles + shift), axis=(1, 2)))
        in_parameters = np.tensordot(self._chain.T, tangents, axes=1)
        return self._chain.T @ second @ self._chain + curvature_of(self.loss, states, in_parameters)
