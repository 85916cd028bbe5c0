"""Slow reference without bit masks, lanes or adjoint sweeps: Kronecker products and matrix exponentials.

A circuit is read through its Pauli words as text, and every derivative is the product of whole gate matrices
with -i P inserted once or twice.
"""

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from qgmutils.circuits import Circuit
from qgmutils.losses.energy import Energy

Complex = NDArray[np.complex128]
Array = NDArray[np.float64]

LETTERS = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]).astype(complex),
}


def pauli(word: str) -> Complex:
    """Matrix of a Pauli word, first letter on the most significant bit."""
    return reduce(np.kron, [LETTERS[letter] for letter in word])


def fermion(mode: int, n_modes: int) -> Complex:
    """Annihilation operator by counting: (-1)^(occupied modes before), mode 0 on the most significant bit."""
    dim = 2**n_modes
    matrix = np.zeros((dim, dim), dtype=complex)
    for k in range(dim):
        occupied = [int(bit) for bit in format(k, f"0{n_modes}b")]
        if occupied[mode]:
            target = k - 2 ** (n_modes - 1 - mode)
            matrix[target, k] = (-1.0) ** sum(occupied[:mode])
    return matrix


def gates(circuit: Circuit, theta: Array) -> list[Complex]:
    """The gates' matrices exp(-i angle P), in the order in which they act."""
    angles = [
        scale * theta[parameter] + offset
        for parameter, scale, offset in zip(circuit.parameter, circuit.scale, circuit.offset, strict=True)
    ]
    return [expm(-1j * a * pauli(word)) for a, word in zip(angles, circuit.words(), strict=True)]


def state(circuit: Circuit, theta: Array) -> Complex:
    """|theta>, shape (N,)."""
    return reduce(lambda psi, gate: gate @ psi, gates(circuit, theta), circuit.reference)


def derivatives(circuit: Circuit, theta: Array, start: Complex) -> tuple[Complex, Complex, Complex]:
    """What the circuit makes of a state (N,), with first (p, N) and second (p, p, N) derivatives."""
    q, p, dim = circuit.n_gates, circuit.n_params, len(start)
    unitaries = gates(circuit, theta)
    generators = [-1j * pauli(word) for word in circuit.words()]

    def with_generators(*places: int) -> Complex:
        psi = start
        for k in range(q):
            psi = unitaries[k] @ psi
            for _ in range(places.count(k)):
                psi = generators[k] @ psi
        return psi

    first = np.zeros((p, dim), dtype=complex)
    second = np.zeros((p, p, dim), dtype=complex)
    for g in range(q):
        first[circuit.parameter[g]] += circuit.scale[g] * with_generators(g)
        for h in range(g, q):
            i, j = circuit.parameter[g], circuit.parameter[h]
            psi = circuit.scale[g] * circuit.scale[h] * with_generators(g, h)
            second[i, j] += psi
            if g != h:
                second[j, i] += psi
    return with_generators(), first, second


def metric(psi: Complex, first: Complex) -> Array:
    """Fubini-Study metric (p, p) of a state (N,) with first derivatives (p, N)."""
    overlap = first @ psi.conj()
    return (first.conj() @ first.T - np.outer(overlap.conj(), overlap)).real


class Landscape:
    """Energy, gradient (p,), Hessian and Fubini-Study metric (p, p) of one start."""

    def __init__(self, circuit: Circuit, problem: Energy, theta: Array) -> None:
        self.state, first, second = derivatives(circuit, theta, circuit.reference)
        bra = self.state.conj() @ problem.matrix
        self.energy = float((bra @ self.state).real)
        self.gradient = 2 * (first @ bra).real
        self.hessian = 2 * (first.conj() @ problem.matrix @ first.T + second @ bra).real
        self.metric = metric(self.state, first)


def hamiltonian(problem: Energy) -> Complex:
    """H in its original units, from the normalised matrix."""
    width = problem.mean_energy - problem.ground_energy
    return width * problem.matrix + problem.ground_energy * np.eye(problem.dim)
