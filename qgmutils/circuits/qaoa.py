"""The quantum approximate optimization algorithm for maximum cuts (Farhi, Goldstone and Gutmann, arXiv:1411.4028).

    |theta> = ... exp(-i theta_1 sum_k X_k) exp(-i theta_0 sum_(a,b) w_ab Z_a Z_b) |+...+>

Gates of one sum share its angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.circuit import Circuit
from qgmutils.losses.max_cut import Edges, require_graph


@dataclass(frozen=True, kw_only=True)
class Qaoa(Ansatz):
    """Weighted ZZ on all edges of a graph, then X on all qubits, by turns, on |+...+>: one angle for each of them.

    All states are even under X on all qubits, and have every symmetry of the graph.

    Attributes
    ----------
    n_qubits, n_params : int
        As of `Ansatz`; n is at least 2.
    edges : tuple of (int, int)
        As of `losses.max_cut.MaxCut`.
    weights : tuple of float
        As of `losses.max_cut.MaxCut`; the loss need not have the same.

    Raises
    ------
    ValueError
        For sizes out of range, or what `losses.max_cut.require_graph` refuses.

    Notes
    -----
    exp(-i theta sum ZZ) has the period pi if all weights are 1, up to a phase, and none in general.
    """

    edges: Edges
    weights: tuple[float, ...] = ()
    acts_on_neighbours = True
    is_random = False
    name = "QAOA"

    def __post_init__(self) -> None:
        super().__post_init__()
        edges, weights = require_graph(self.edges, self.weights, self.n_qubits)
        object.__setattr__(self, "edges", edges)  # the class is frozen
        object.__setattr__(self, "weights", weights)

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p, dim = self.n_qubits, self.n_params, 2**self.n_qubits
        bit = [1 << n - 1 - wire for wire in range(n)]  # wire 0 is the most significant bit
        cut = [(0, bit[a] | bit[b], weight) for (a, b), weight in zip(self.edges, self.weights, strict=True)]
        mixer = [(each, 0, 1.0) for each in bit]
        acting = [mixer if number % 2 else cut for number in range(p)]
        parameter = np.repeat(np.arange(p), [len(part) for part in acting])
        x, z = np.array([(x, z) for part in acting for x, z, _ in part], dtype=np.int64).T
        scale = np.array([weight for part in acting for _, _, weight in part])
        state = np.full(dim, 1 / np.sqrt(dim), dtype=np.complex128)
        return Circuit(n, p, x, z, parameter, scale, np.zeros(len(x)), state)
