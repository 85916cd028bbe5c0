"""The randomised model within a symmetry of its words and reference states, a known or a hidden one.

Its states form a manifold of some dimension D, its ground states one of dimension D0.  The randomised model has
D = 2N - 2 and D0 = 2g - 2 for a g-fold lowest level of N = 2^n; a symmetry of the words and of the reference state
lowers both (docs/theory.md, section 4; derived).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.reference_states import haar_state
from qgmutils.inputs import require_choice, require_integer

SYMMETRIES = ("real", "even", "even real")
"""Words with an odd number of Y, whose rotations are real; those that commute with X on all qubits; both."""


@dataclass(frozen=True, kw_only=True)
class Restricted(Ansatz):
    """Random Pauli rotations on a random reference state, both within a symmetry.

    The reference state is uniform over the unit vectors that have the symmetry and the words are uniform over those
    that keep it, except the identity and, where states are even, X on every qubit: both act as a phase only.

    Attributes
    ----------
    n_qubits, n_params : int
        As of `Ansatz`; even states need two qubits.
    symmetry : {"real", "even", "even real"}

    Raises
    ------
    ValueError
        For an unknown symmetry or sizes out of range.
    """

    symmetry: str = "real"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self.symmetry, "symmetry", SYMMETRIES)
        if self.is_even and self.n_qubits < 2:
            raise ValueError(f"{self.symmetry!r} has a single state for n_qubits = 1; choose n_qubits >= 2")

    @property
    def name(self) -> str:
        return f"randomised, {self.symmetry}"

    @property
    def is_real(self) -> bool:
        return "real" in self.symmetry

    @property
    def is_even(self) -> bool:
        """Whether all states are even under X on all qubits."""
        return "even" in self.symmetry

    @property
    def manifold_dimension(self) -> int:
        """Real dimension of its states up to a phase.

        With d = 2^n, or d = 2^(n-1) for even states, it is 2d - 2 for complex and d - 1 for real amplitudes (derived).
        """
        size = 2**self.n_qubits // (2 if self.is_even else 1)
        return size - 1 if self.is_real else 2 * size - 2

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p, dim = self.n_qubits, self.n_params, 2**self.n_qubits
        state = haar_state(dim, rng)
        x, z = np.divmod(np.arange(1, dim * dim), dim)
        allowed = np.ones(len(x), dtype=bool)
        if self.is_real:
            state = state.real.astype(np.complex128)
            allowed &= np.bitwise_count(x & z) % 2 == 1
        if self.is_even:
            state = state + state[::-1]  # X on every qubit reverses the order of the amplitudes
            allowed &= (np.bitwise_count(z) % 2 == 0) & ((x != dim - 1) | (z != 0))
        words = np.flatnonzero(allowed)
        words = words[rng.integers(0, len(words), p)]
        reference = state / np.linalg.norm(state)
        return Circuit(n, p, x[words], z[words], np.arange(p), np.ones(p), np.zeros(p), reference)


@dataclass(frozen=True, kw_only=True)
class Commutant(Ansatz):
    """Random Pauli rotations that commute with one Pauli word, on a random state of its eigenvalue 1.

    Nobody sees that symmetry in the circuit, whose words act on all qubits and look random.  Its states have N / 2
    dimensions, as even ones, and so a manifold of dimension N - 2 (derived); `Restricted` has it for the word X...X.

    Attributes
    ----------
    n_qubits, n_params : int
        As of `Ansatz`; at least two qubits.
    x, z : int
        Bit masks of the word, not both 0.

    Raises
    ------
    ValueError
        For sizes or masks out of range, or the identity.
    """

    x: int
    z: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_qubits < 2:
            raise ValueError("a word of one qubit leaves a single state; choose n_qubits >= 2, got 1")
        for mask in ("x", "z"):
            value = require_integer(getattr(self, mask), mask, low=0, high=2**self.n_qubits - 1)
            object.__setattr__(self, mask, value)  # the class is frozen
        if not self.x | self.z:
            raise ValueError(
                "x and z are 0, the identity, with which every word commutes; choose another word"
            )

    @property
    def name(self) -> str:
        return "randomised, one word conserved"

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p, dim = self.n_qubits, self.n_params, 2**self.n_qubits
        state = self.projected(haar_state(dim, rng))
        x, z = np.divmod(np.arange(1, dim * dim), dim)
        commutes = (np.bitwise_count(x & self.z) + np.bitwise_count(z & self.x)) % 2 == 0
        words = np.flatnonzero(commutes & ((x != self.x) | (z != self.z)))
        words = words[rng.integers(0, len(words), p)]
        return Circuit(n, p, x[words], z[words], np.arange(p), np.ones(p), np.zeros(p), state)

    def projected(self, state: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """The part of a state (2^n,) that the word leaves as it is, normalised."""
        k = np.arange(len(state))
        phases = 1j ** (np.bitwise_count(self.x & self.z) % 4) * (-1.0) ** np.bitwise_count(k & self.z)
        turned = np.empty_like(state)
        turned[k ^ self.x] = phases * state
        kept = state + turned
        result: NDArray[np.complex128] = kept / np.linalg.norm(kept)
        return result
