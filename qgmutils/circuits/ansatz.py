"""Recipes of circuits: an ansatz is a kind of circuit and its size, from which circuits are built.

To write one, derive a frozen dataclass from `Ansatz` with its own options as keywords, a `name` and the method `build`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qgmutils.circuits.circuit import MAX_GATES, Circuit
from qgmutils.circuits.reference_states import REFERENCE_STATES
from qgmutils.inputs import require_choice, require_integer, require_qubits

Pairs = list[tuple[int, int]]
"""Pairs of wires."""


@dataclass(frozen=True)
class Ansatz:
    """What a circuit is built from: hashable, so that it can stand in a task.

    Attributes
    ----------
    n_qubits, n_params : int
        Number of qubits n and of independent angles p: the first p of a circuit of endless depth.

    Raises
    ------
    ValueError
        For sizes out of range, or one qubit where the gates act on neighbours.
    """

    n_qubits: int
    n_params: int
    acts_on_neighbours: ClassVar[bool] = False

    def __post_init__(self) -> None:
        n = require_qubits(self.n_qubits)
        if self.acts_on_neighbours and n < 2:
            raise ValueError(f"the ansatz {self.name!r} acts on neighbours; choose n_qubits >= 2, got {n}")
        put = object.__setattr__  # the class is frozen
        put(self, "n_qubits", n)
        put(self, "n_params", require_integer(self.n_params, "n_params", high=MAX_GATES))

    @property
    def name(self) -> str:
        """What it is called in tables and legends."""
        raise NotImplementedError(f"{type(self).__name__} needs a name")

    @property
    def is_real(self) -> bool:
        """Whether all of its states are real on a real reference state."""
        return False

    @property
    def is_random(self) -> bool:
        """Whether its circuits differ, in their words or in their reference states."""
        return True

    def build(self, rng: np.random.Generator) -> Circuit:
        """A circuit; `rng` draws its reference state first, then its words, where these are random."""
        raise NotImplementedError(f"{type(self).__name__} needs the method build")


@dataclass(frozen=True, kw_only=True)
class OnReference(Ansatz):
    """An ansatz that acts on any reference state.

    Attributes
    ----------
    n_qubits, n_params : int
        As of `Ansatz`.
    reference_state : {"haar", "clifford", "zero"}
        As `reference_states.reference`.

    Raises
    ------
    ValueError
        As of `Ansatz`, or for an unknown reference state.
    """

    reference_state: str = "haar"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self.reference_state, "reference state", REFERENCE_STATES)

    @property
    def is_random(self) -> bool:
        return self.reference_state != "zero"


def chain(n_qubits: int, *, closed: bool = False) -> Pairs:
    """Neighbours (0, 1), (1, 2) ...; a closed chain of more than two wires ends with (n - 1, 0)."""
    open_chain = [(wire, wire + 1) for wire in range(n_qubits - 1)]
    return [*open_chain, (n_qubits - 1, 0)] if closed and n_qubits > 2 else open_chain


def bricks(n_qubits: int, start: int) -> Pairs:
    """Disjoint neighbours (start, start + 1), (start + 2, start + 3) ..., n // 2 pairs, counted modulo n."""
    return [((start + 2 * k) % n_qubits, (start + 2 * k + 1) % n_qubits) for k in range(n_qubits // 2)]
