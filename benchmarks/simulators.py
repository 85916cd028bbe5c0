"""The simulators that are compared, each used in the strongest way that its package offers.

Every circuit here starts in |0...0> and has one gate exp(-i angle P) an angle, so that no package pays for preparing
a state or for a chain rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.circuits import Circuit, to_qnode
from qgmutils.engine import landscape
from qgmutils.losses.energy import Energy

Array = NDArray[np.float64]
SPARSE = 0.1
"""Up to this share of entries that are not zero, H acts as a sparse matrix."""


@dataclass(frozen=True)
class Simulator:
    """A package that evaluates circuits.

    Attributes
    ----------
    name : str
        As it stands in the records.
    package : str
        What has to be installed.
    starts : int
        How many starts of one circuit one call evaluates.
    build : callable
        From a circuit and a loss to an object with `value_and_gradient`, as a landscape has it.
    compiles : bool
        Whether building compiles anew for every circuit.
    """

    name: str
    package: str
    starts: int
    build: Callable[[Circuit, Any], Any]
    compiles: bool = False


def plain(circuit: Circuit) -> Circuit:
    """The circuit, if it starts in |0...0> and gate i turns by angle i.

    Raises
    ------
    ValueError
        For any other circuit: the simulators below would evaluate something else.
    """
    if not (
        np.array_equal(circuit.parameter, np.arange(circuit.n_params))
        and np.all(circuit.scale == 1)
        and np.all(circuit.offset == 0)
        and circuit.reference[0] == 1
    ):
        raise ValueError(
            "these simulators take circuits on |0...0> with one gate an angle, scale 1 and offset 0"
        )
    return circuit


def _matrix(loss: Energy) -> Any:
    """H as the kind of matrix whose product with a vector is fastest."""
    sparse = sp.csr_array(loss.matrix)
    return sparse if sparse.nnz <= SPARSE * loss.dim**2 else loss.matrix


class Qulacs:
    """Rotations by multi-qubit Pauli words, and `backprop_inner_product` with <psi|H.

    qulacs' own observables are sums of Pauli words, of which a dense H has 4^n.  H|psi> is a product of a matrix and
    a vector instead, by BLAS or by scipy's sparse rows, and qulacs differentiates the overlap with it; that repeats
    the forward sweep, which its interface offers no way around.
    """

    def __init__(self, circuit: Circuit, loss: Energy) -> None:
        import qulacs

        n = plain(circuit).n_qubits
        self._matrix = _matrix(loss)
        self._state, self._bra = qulacs.QuantumState(n), qulacs.QuantumState(n)
        self._circuit = qulacs.ParametricQuantumCircuit(n)
        for word in circuit.words():
            # qulacs counts qubits from the least significant bit.
            letters = [(n - 1 - wire, "IXYZ".index(letter)) for wire, letter in enumerate(word)]
            qubits, paulis = zip(*[pair for pair in letters if pair[1]], strict=True)
            self._circuit.add_parametric_multi_Pauli_rotation_gate(list(qubits), list(paulis), 0.0)

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        energy, gradient = np.empty(len(theta)), np.empty_like(theta)
        for i, start in enumerate(theta):
            for gate, angle in enumerate(start):
                self._circuit.set_parameter(gate, -2 * angle)  # its gate is exp(+i angle / 2 P)
            self._state.set_zero_state()
            self._circuit.update_quantum_state(self._state)
            psi = self._state.get_vector()
            image = self._matrix @ psi
            self._bra.load(image)
            energy[i] = np.vdot(psi, image).real
            gradient[i] = self._circuit.backprop_inner_product(self._bra)
        return energy, -4 * gradient  # -2 from the angle, 2 because <psi| depends on it as |psi> does


def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return jax


class JaxScan:
    """A hand-written simulator in JAX: a scan over the gates, each a gather of the indices k xor x and a sign.

    The gradient is the reversible adjoint, written out as a second scan that undoes the gates: two states of memory,
    where differentiating through the scan would keep one a gate.  `vmap` runs over the starts.
    """

    def __init__(self, circuit: Circuit, loss: Energy) -> None:
        jax = _jax()
        np_ = jax.numpy
        index = np.arange(loss.dim)
        ny = np.array([int(v).bit_count() for v in plain(circuit).x & circuit.z])
        words = tuple(map(np_.asarray, (circuit.x, circuit.z, 1j ** (ny % 4))))
        sign = np_.asarray([1.0 - 2 * (int(k).bit_count() & 1) for k in index])
        reference = np_.asarray(circuit.reference)

        def pauli(psi: Any, word: Any) -> Any:
            x, z, phase = word
            source = index ^ x
            return phase * sign[source & z] * psi[source]

        def rotate(psi: Any, gate: Any) -> tuple[Any, None]:
            angle, word = gate
            return np_.cos(angle) * psi - 1j * np_.sin(angle) * pauli(psi, word), None

        def undo(states: Any, gate: Any) -> tuple[Any, Any]:
            (psi, lam), (angle, word) = states, gate
            turned_psi, turned_lam = pauli(psi, word), pauli(lam, word)
            slope = 2 * np_.imag(np_.vdot(lam, turned_psi))
            c, s = np_.cos(angle), 1j * np_.sin(angle)
            return (c * psi + s * turned_psi, c * lam + s * turned_lam), slope

        if isinstance(_matrix(loss), np.ndarray):
            dense = np_.asarray(loss.matrix)

            def apply(psi: Any) -> Any:
                return dense @ psi
        else:
            # JAX's sparse products are slow; a local H is a few diagonals <k|H|k xor x>.
            entries = {x: loss.matrix[index, index ^ x] for x in range(loss.dim)}
            diagonals = {x: np_.asarray(row) for x, row in entries.items() if np.any(row)}

            def apply(psi: Any) -> Any:
                return sum(row * psi[index ^ x] for x, row in diagonals.items())

        def final(theta: Any) -> tuple[Any, Any]:
            psi, _ = jax.lax.scan(rotate, reference, (theta, words))
            return psi, apply(psi)

        def energy(theta: Any) -> Any:
            return np_.real(np_.vdot(*final(theta)))

        def value_and_gradient(theta: Any) -> Any:
            states = final(theta)
            _, gradient = jax.lax.scan(undo, states, (theta, words), reverse=True)
            return np_.real(np_.vdot(*states)), gradient

        self._evaluate = jax.jit(jax.vmap(value_and_gradient))
        self._hessian = jax.jit(jax.hessian(jax.jit(energy)))  # forward over reverse

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        energy, gradient = self._evaluate(theta)
        return np.asarray(energy), np.asarray(gradient)

    def hessian(self, theta: Array) -> Array:
        return np.array([self._hessian(start) for start in theta])


class JittedDefaultQubit:
    """PennyLane's default.qubit, differentiated and compiled by JAX gate by gate: compiling takes longest."""

    def __init__(self, circuit: Circuit, loss: Energy) -> None:
        jax = _jax()
        self._array = jax.numpy.asarray
        self._evaluate = jax.jit(jax.value_and_grad(to_qnode(circuit, loss, diff_method="backprop")))

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        found = [self._evaluate(self._array(start)) for start in theta]
        return np.array([e for e, _ in found], dtype=float), np.array([g for _, g in found], dtype=float)


def _lightning(circuit: Circuit, loss: Energy) -> Any:
    # H as a dense qml.Hermitian: its Pauli sum and qml.SparseHamiltonian are slower even for an H of 20 words.
    return landscape(circuit, loss, engine="pennylane", device="lightning.qubit")


THIS = "this engine"
ONE_START = "this engine, one start"
LIGHTNING = "lightning.qubit"
QULACS = "qulacs"
JAX_SCAN = "JAX scan"
JITTED = "default.qubit, jax.jit"

SIMULATORS = {
    simulator.name: simulator
    for simulator in (
        Simulator(THIS, "qgmutils", 256, landscape),
        Simulator(ONE_START, "qgmutils", 1, landscape),
        Simulator(JAX_SCAN, "jax", 32, JaxScan, compiles=True),
        Simulator(QULACS, "qulacs", 1, Qulacs),
        Simulator(LIGHTNING, "pennylane-lightning", 1, _lightning),
        Simulator(JITTED, "jax", 1, JittedDefaultQubit, compiles=True),
    )
}
"""By name, in the order in which they are timed."""
