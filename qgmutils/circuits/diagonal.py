"""Rotations that all commute: they turn the phases of amplitudes and leave their moduli alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.circuit import Circuit
from qgmutils.inputs import require_generator


@dataclass(frozen=True)
class Diagonal(Ansatz):
    """All words of Z, in a random order that is repeated, on |+...+>.

    The states are N^-1/2 sum_k e^(i phi_k) |k> with any phases: a torus of N - 1 dimensions up to a common phase,
    since the N - 1 words are linearly independent functions of k (derived).
    """

    @property
    def name(self) -> str:
        return "diagonal"

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p, dim = self.n_qubits, self.n_params, 2**self.n_qubits
        z = np.resize(1 + require_generator(rng).permutation(dim - 1), p)
        state = np.full(dim, 1 / np.sqrt(dim), dtype=np.complex128)
        return Circuit(n, p, np.zeros(p, dtype=np.int64), z, np.arange(p), np.ones(p), np.zeros(p), state)
