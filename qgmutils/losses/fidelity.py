"""State preparation: how much a state misses a target."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from qgmutils.losses.loss import Array, Loss, States, qubits_of, require_states


@dataclass(frozen=True, eq=False)
class Fidelity(Loss):
    """L = 1 - |<t|psi>|^2, the infidelity with a target state |t> (general knowledge).

    It is the energy of the projector 1 - |t><t|, whose levels are 0 and 1: the floor is 0, reached by the target alone,
    and the values of stationary states are 0 or 1 where the circuit can turn the state into any direction.

    Attributes
    ----------
    target : complex array, shape (N,)
        Normalised; N = 2^n.
    name : str
    n_qubits : int
        n, from the size of the target.

    Raises
    ------
    ValueError
        If the target is no normalised vector of 2^n entries.
    """

    target: States
    name: str = "infidelity"
    n_qubits: int = dataclasses.field(init=False)

    floor = 0.0
    first_gap = 1.0

    def __post_init__(self) -> None:
        n_qubits = qubits_of(self.target, "the target", 1)
        (target,) = require_states(np.asarray(self.target)[None], 2**n_qubits, "the target")
        object.__setattr__(self, "target", target)  # the class is frozen
        object.__setattr__(self, "n_qubits", n_qubits)

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """1 - |<t|psi>|^2 (B,) and -|t><t|psi> (B, 1, N)."""
        overlap = np.sum(self.target.conj() * states, axis=2)
        return 1 - np.abs(overlap[:, 0]) ** 2, -overlap[:, :, None] * self.target

    def curvature(self, states: States, tangents: States) -> Array:
        """-2 Re <T_i|t><t|T_j>."""
        overlaps = tangents[:, 0] @ self.target.conj()
        result: Array = -2 * np.real(np.outer(overlaps.conj(), overlaps))
        return result
