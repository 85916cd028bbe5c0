"""The Hamiltonian variational ansatz: rotations by commuting parts of the Hamiltonian, one angle for each part.

The part G = sum_b P_b, a sum of commuting Pauli words, acts as exp(-i theta G) = prod_b exp(-i theta P_b): gates that
share an angle.  (Wecker, Hastings and Troyer, arXiv:1507.08969; its Fisher ranks: Larocca et al., arXiv:2109.11676;
general knowledge of both.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgmutils.circuits.ansatz import Ansatz, chain
from qgmutils.circuits.circuit import Circuit
from qgmutils.inputs import require_choice, require_flag

MODELS = ("tfim", "xxz")

Word = tuple[int, int]
"""Bit masks x and z."""


@dataclass(frozen=True, kw_only=True)
class HamiltonianVariational(Ansatz):
    """Layers of the parts of a spin chain's Hamiltonian, by turns, on a product state.

    "tfim": ZZ on all bonds, then X on all sites, on |+...+>.  "xxz": XX + YY on bonds (0, 1), (2, 3) ..., then ZZ on
    them, then the same on bonds (1, 2), (3, 4) ..., on the Néel state |0101...>.  Couplings are part of the angles.

    Attributes
    ----------
    n_qubits, n_params : int
        As of `Ansatz`; n is at least 2, and even for "xxz" on a ring: its bonds fall into two disjoint sets only then.
    model : {"tfim", "xxz"}
    periodic : bool
        Whether a bond joins the ends; two qubits have one bond either way.

    Raises
    ------
    ValueError
        For sizes out of range or an unknown model.
    """

    model: str = "tfim"
    periodic: bool = False
    acts_on_neighbours = True
    is_random = False

    def __post_init__(self) -> None:
        require_choice(self.model, "model", MODELS)
        object.__setattr__(self, "periodic", require_flag(self.periodic, "periodic"))
        super().__post_init__()
        if self.model == "xxz" and self.periodic and self.n_qubits % 2:
            raise ValueError(
                f"the bonds of an xxz ring need an even n_qubits, got {self.n_qubits}; choose periodic=False"
            )

    @property
    def name(self) -> str:
        return f"HVA {self.model} {'ring' if self.periodic else 'chain'}"

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p, dim = self.n_qubits, self.n_params, 2**self.n_qubits
        parts = self._parts()
        acting = [parts[number % len(parts)] for number in range(p)]
        parameter = np.repeat(np.arange(p), [len(part) for part in acting])
        x, z = np.concatenate(acting).T
        if self.model == "tfim":
            state = np.full(dim, 1 / np.sqrt(dim), dtype=np.complex128)
        else:
            state = np.eye(1, dim, int("01" * n, 2) >> n, dtype=np.complex128)[0]
        return Circuit(n, p, x, z, parameter, np.ones(len(x)), np.zeros(len(x)), state)

    def _parts(self) -> list[list[Word]]:
        """Words of each part of the Hamiltonian, in the order in which they act."""
        n = self.n_qubits
        bonds = [1 << n - 1 - a | 1 << n - 1 - b for a, b in chain(n, closed=self.periodic)]
        if self.model == "tfim":
            return [[(0, bond) for bond in bonds], [(1 << wire, 0) for wire in range(n)]]
        parts = []
        for disjoint in filter(None, (bonds[::2], bonds[1::2])):  # two qubits have a single bond
            parts.append([word for bond in disjoint for word in ((bond, 0), (bond, bond))])
            parts.append([(0, bond) for bond in disjoint])
        return parts
