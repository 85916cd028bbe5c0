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


class Landscape:
    """Energy, gradient (p,), Hessian and Fubini-Study metric (p, p) of one start."""

    def __init__(self, circuit: Circuit, problem: Energy, theta: Array) -> None:
        q, p, dim = circuit.n_gates, circuit.n_params, problem.dim
        unitaries = gates(circuit, theta)
        generators = [-1j * pauli(word) for word in circuit.words()]
        first = np.zeros((p, dim), dtype=complex)
        second = np.zeros((p, p, dim), dtype=complex)
        for g in range(q):
            for h in range(g, q):
                psi = circuit.reference
                for k in range(q):
                    psi = unitaries[k] @ psi
                    psi = generators[k] @ psi if k == g else psi
                    psi = generators[k] @ psi if k == h else psi
                i, j = circuit.parameter[g], circuit.parameter[h]
                factor = circuit.scale[g] * circuit.scale[h]
                second[i, j] += factor * psi
                if g != h:
                    second[j, i] += factor * psi
            psi = circuit.reference
            for k in range(q):
                psi = unitaries[k] @ psi
                psi = generators[k] @ psi if k == g else psi
            first[circuit.parameter[g]] += circuit.scale[g] * psi
        self.state = state(circuit, theta)
        bra = self.state.conj() @ problem.matrix
        self.energy = float((bra @ self.state).real)
        self.gradient = 2 * (first @ bra).real
        self.hessian = 2 * (first.conj() @ problem.matrix @ first.T + second @ bra).real
        overlap = first @ self.state.conj()
        self.metric = (first.conj() @ first.T - np.outer(overlap.conj(), overlap)).real


def hamiltonian(problem: Energy) -> Complex:
    """H in its original units, from the normalised matrix."""
    width = problem.mean_energy - problem.ground_energy
    return width * problem.matrix + problem.ground_energy * np.eye(problem.dim)
