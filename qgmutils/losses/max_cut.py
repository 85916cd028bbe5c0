"""The weighted maximum cut of a graph as an energy: H = -sum_(a,b) w_ab (1 - Z_a Z_b) / 2, minus the weight cut.

A basis state cuts the edges whose qubits differ in it.  Flipping all qubits cuts the same edges, so that every level
has an even multiplicity, and the largest cut is a ground state at least twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qgmutils.inputs import require_integer, require_number, require_qubits
from qgmutils.losses.energy import Energy
from qgmutils.losses.hamiltonians import from_matrix

Edges = tuple[tuple[int, int], ...]
"""Pairs of qubits."""


def require_graph(edges: Any, weights: Any, n_qubits: int) -> tuple[Edges, tuple[float, ...]]:
    """Edges and one weight for each, as tuples of plain numbers; no weights at all are weights of 1.

    Raises
    ------
    ValueError
        If there is no edge, an edge is no pair of two different qubits or stands there twice, or the weights are no
        finite numbers other than 0, one for each edge.
    """
    try:
        pairs = [tuple(edge) for edge in edges]
        numbers = list(weights)
    except TypeError as error:
        raise ValueError(
            f"edges must be pairs of qubits, and weights numbers; got {edges!r}, {weights!r}"
        ) from error
    found: list[tuple[int, int]] = []
    for pair in pairs:
        ends = sorted(require_integer(wire, "an end of an edge", low=0, high=n_qubits - 1) for wire in pair)
        if len(ends) != 2 or ends[0] == ends[1]:
            raise ValueError(f"an edge joins two different qubits, got {pair}")
        found.append((ends[0], ends[1]))
    if not found or len(set(found)) < len(found):
        raise ValueError(f"a graph needs edges, each of them once; got {edges!r}")
    values = tuple(require_number(weight, "a weight") for weight in numbers) or (1.0,) * len(found)
    if len(values) != len(found) or 0 in values:
        raise ValueError(
            f"weights must be one number other than 0 for each of {len(found)} edges, got {weights!r}"
        )
    return tuple(found), values


@dataclass(frozen=True, kw_only=True)
class MaxCut:
    """Recipe of the energy of cuts: `build` normalises it, 0 for the largest cut and 1 for the mean over all of them.

    Attributes
    ----------
    n_qubits : int
        Vertices of the graph.
    edges : tuple of (int, int)
        Pairs of vertices, each once.
    weights : tuple of float
        One for each edge, other than 0; all are 1 if there are none.

    Raises
    ------
    ValueError
        For a number of qubits out of range, or what `require_graph` refuses.
    """

    n_qubits: int
    edges: Edges
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        put(self, "n_qubits", require_qubits(self.n_qubits))
        edges, weights = require_graph(self.edges, self.weights, self.n_qubits)
        put(self, "edges", edges)
        put(self, "weights", weights)

    def build(self) -> Energy:
        """The loss, a diagonal matrix."""
        states, energy = np.arange(2**self.n_qubits), np.zeros(2**self.n_qubits)
        for (one, two), weight in zip(self.edges, self.weights, strict=True):
            # Wire 0 is the most significant bit.
            differ = (states >> self.n_qubits - 1 - one ^ states >> self.n_qubits - 1 - two) & 1
            energy -= weight * differ
        return from_matrix(np.diag(energy), name="maximum cut")
