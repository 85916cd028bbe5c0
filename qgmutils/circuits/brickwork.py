"""Two-qubit rotations on alternating neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgmutils.circuits.ansatz import OnReference, bricks
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.reference_states import reference


@dataclass(frozen=True)
class Brickwork(OnReference):
    """Bricks on pairs (0, 1), (2, 3) ... and (1, 2), (3, 4) ... by turns, closed to a ring where n is even.

    A brick is RZ RY RZ on either qubit, then XX, YY and ZZ: 9 angles.  Together with the rotations of its neighbours
    that is any gate of SU(4), and no angle repeats what another does.  Attributes and errors as of `OnReference`.
    """

    name = "brickwork"
    acts_on_neighbours = True

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p = self.n_qubits, self.n_params
        state = reference(self.reference_state, n, rng)
        n_layers = -(-p // (9 * (n // 2)))  # the last one is cut
        pairs = [pair for layer in range(n_layers) for pair in bricks(n, layer % 2)]
        words = [word for a, b in pairs for word in _brick(1 << n - 1 - a, 1 << n - 1 - b)]
        x, z = np.array(words[:p], dtype=np.int64).T
        return Circuit(n, p, x, z, np.arange(p), np.ones(p), np.zeros(p), state)


def _brick(one: int, two: int) -> list[tuple[int, int]]:
    """Masks x and z of its words, on the qubits of these bits."""
    single = [word for bit in (one, two) for word in ((0, bit), (bit, bit), (0, bit))]
    both = one | two
    return [*single, (both, 0), (both, both), (0, both)]
