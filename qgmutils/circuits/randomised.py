"""The randomised model of the paper: random Pauli words on a random reference state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgmutils.circuits.ansatz import OnReference
from qgmutils.circuits.circuit import MAX_GATES, Circuit
from qgmutils.circuits.reference_states import reference
from qgmutils.inputs import require_integer, require_qubits


def random_circuit(
    n_qubits: int,
    n_params: int,
    *,
    rng: np.random.Generator,
    n_gates: int | None = None,
    reference_state: str = "haar",
) -> Circuit:
    """The randomised model: words uniform over the non-identity Paulis, so nothing in the circuit knows H.

    Source: general knowledge of the paper's construction (Clifford-randomised generators), not read in its
    text (field).  A Clifford frame is a 3-design only and the optimiser can reach stabilizer states; the
    Haar-random reference state is the default because it is what the theory describes (derived).

    Parameters
    ----------
    n_qubits, n_params : int
        n and p, both at least 1.
    rng : numpy.random.Generator
        Draws the reference state first, then the words.
    n_gates : int, optional
        q >= p; gate i is driven by angle i mod p, so each angle sits in q/p gates, rounded up or down.
        Default q = p.
    reference_state : {"haar", "clifford", "zero"}
        Initial state.

    Returns
    -------
    Circuit
        With scale 1 and offset 0 in every gate.

    Raises
    ------
    ValueError
        For sizes out of range, an unknown reference state, or if `rng` is no generator.
    """
    dim = 2 ** require_qubits(n_qubits)
    n_params = require_integer(n_params, "n_params", high=MAX_GATES)
    q = require_integer(n_params if n_gates is None else n_gates, "n_gates", high=MAX_GATES)
    if q < n_params:
        raise ValueError(f"n_gates must be at least n_params = {n_params} (or None), got {n_gates}")
    state = reference(reference_state, n_qubits, rng)
    x, z = np.divmod(rng.integers(1, dim * dim, q), dim)
    return Circuit(n_qubits, n_params, x, z, np.arange(q) % n_params, np.ones(q), np.zeros(q), state)


@dataclass(frozen=True, kw_only=True)
class Randomised(OnReference):
    """Recipe of `random_circuit`.

    Attributes
    ----------
    n_qubits, n_params, reference_state
        As of `OnReference`.
    gates_per_angle : int
        Layers r of p gates: gate i is driven by angle i mod p, and all words are independent.

    Raises
    ------
    ValueError
        As of `OnReference`, or for more gates than a circuit may have.
    """

    gates_per_angle: int = 1
    is_random = True  # in its words

    def __post_init__(self) -> None:
        super().__post_init__()
        most = MAX_GATES // self.n_params
        gates_per_angle = require_integer(self.gates_per_angle, "gates_per_angle", high=most)
        object.__setattr__(self, "gates_per_angle", gates_per_angle)

    @property
    def name(self) -> str:
        return "randomised" if self.gates_per_angle == 1 else f"shared {self.gates_per_angle}"

    @property
    def manifold_dimension(self) -> int:
        """Real dimension 2N - 2 of its states up to a phase."""
        return 2 * 2**self.n_qubits - 2

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p, q = self.n_qubits, self.n_params, self.n_params * self.gates_per_angle
        return random_circuit(n, p, rng=rng, n_gates=q, reference_state=self.reference_state)
