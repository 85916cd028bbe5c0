"""Layers of single-qubit rotations with CZ gates between them, as Pauli rotations on a reference state.

A Clifford gate V passes an earlier rotation by changing its word, V exp(-i a P) = exp(-i a V P V+) V, until it reaches
the reference state: what remains is a `circuits.Circuit`, exactly (docs/other_ansatz.md; derived).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.ansatz import OnReference, Pairs, bricks, chain
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.reference_states import reference
from qgmutils.inputs import require_choice

ROTATIONS = ("YZ", "Y")
ENTANGLERS = ("chain", "ring", "bricks")

Bits = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class HardwareEfficient(OnReference):
    """Layers of rotations on every qubit, all angles independent, with CZ gates between one layer and the next.

    RY and a chain of CZ is a model of free fermions, "matchgate"; a ring with RY and RZ has a time-reversal symmetry on
    an even number of qubits (docs/other_ansatz.md; derived).

    Attributes
    ----------
    n_qubits, n_params : int
        As of `Ansatz`; n is at least 2.
    reference_state : {"haar", "clifford", "zero"}
        As of `OnReference`; with RY alone "haar" is uniform over real unit vectors.
    rotations : {"YZ", "Y"}
        RY, then RZ, on every qubit in each layer, or RY alone: states are real then.
    entangler : {"chain", "ring", "bricks"}
        CZ on all neighbours, on a ring of them, or on alternating pairs of neighbours of a ring.

    Raises
    ------
    ValueError
        For sizes out of range, unknown names, or RY alone on stabilizer states, which are not real.
    """

    rotations: str = "YZ"
    entangler: str = "chain"
    acts_on_neighbours = True

    def __post_init__(self) -> None:
        require_choice(self.rotations, "rotations", ROTATIONS)
        require_choice(self.entangler, "entangler", ENTANGLERS)
        super().__post_init__()
        if self.is_real and self.reference_state == "clifford":
            raise ValueError(
                f"the ansatz {self.name!r} needs a real reference state, haar or zero, got 'clifford'"
            )

    @property
    def name(self) -> str:
        real = {"bricks": "real", "chain": "matchgate", "ring": "real ring"}
        return real[self.entangler] if self.is_real else f"hardware {self.entangler}"

    @property
    def is_real(self) -> bool:
        return self.rotations == "Y"

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p = self.n_qubits, self.n_params
        state = reference(self.reference_state, n, rng)
        if self.is_real:
            state = state.real / np.linalg.norm(state.real) + 0j
        layers = [chain(n, closed=self.entangler == "ring")]
        if self.entangler == "bricks":
            layers = [bricks(n, 0), bricks(n, 1)]
        bits = 1 << np.arange(n - 1, -1, -1)
        layer_x = np.concatenate([bits * (letter == "Y") for letter in self.rotations])
        layer_z = np.tile(bits, len(self.rotations))
        size = len(layer_x)
        x, z, sign = np.resize(layer_x, p), np.resize(layer_z, p), np.ones(p)
        for number, end in enumerate(range(size, p, size)):  # that layer of CZ has `end` rotations before it
            pairs = layers[number % len(layers)]
            z[:end], turned = conjugate_by_cz(x[:end], z[:end], pairs, n)
            sign[:end] *= turned
            state = cz_layer(state, pairs, n)
        return Circuit(n, p, x, z, np.arange(p), sign, np.zeros(p), state)


def conjugate_by_cz(x: Bits, z: Bits, pairs: Pairs, n_qubits: int) -> tuple[Bits, NDArray[np.float64]]:
    """Pauli words behind a layer of CZ gates: V P V+ = sign * P', where x stays.

    CZ puts a Z on either wire if there is an X or Y on the other.  XX becomes YY and XY becomes -YX: the sign turns if
    the two wires hold an X and a Y (the rule of stabilizer tableaus; general knowledge).

    Parameters
    ----------
    x, z : int64 array, shape (q,)
        Bit masks, as in `circuits.Circuit`.
    pairs : list of (int, int)
        Wires of the CZ gates; a pair given twice cancels.
    n_qubits : int

    Returns
    -------
    z : int64 array, shape (q,)
    sign : float array, shape (q,)
        +1 or -1.
    """
    turned = np.zeros_like(z)
    for a, b in pairs:
        at_a, at_b = n_qubits - 1 - a, n_qubits - 1 - b  # wire 0 is the most significant bit
        turned ^= x >> at_a & x >> at_b & (z >> at_a ^ z >> at_b) & 1
        z = z ^ (x >> at_b & 1) << at_a ^ (x >> at_a & 1) << at_b
    return z, np.where(turned, -1.0, 1.0)


def cz_layer(state: NDArray[np.complex128], pairs: Pairs, n_qubits: int) -> NDArray[np.complex128]:
    """The state, shape (2^n,), after CZ gates on these pairs of wires."""
    k, parity = np.arange(len(state)), np.zeros(len(state), dtype=np.int64)
    for a, b in pairs:
        parity ^= k >> n_qubits - 1 - a & k >> n_qubits - 1 - b & 1
    return state * np.where(parity, -1.0, 1.0)
