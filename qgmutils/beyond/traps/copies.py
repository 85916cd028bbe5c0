"""Copies of critical points: the symmetries that any circuit of Pauli rotations has in its angles.

Shifting an angle by pi/2 multiplies its rotation by the word, exp(-i (t + pi/2) P) = -i P exp(-i t P).  If the
words of a set S of gates multiply to the identity up to a phase, shifting all their angles leaves words that can be
moved through the earlier gates, where each flips the sign of the angles it anticommutes with, and that cancel in
front of the
reference state.  So::

    U(s t + (pi/2) 1_S) = phase U(t),    s_j = product of (-1) over i in S behind j whose words anticommute with P_j,

for every reference state and every observable.  Words are vectors of F_2^(2n), so p of them have at least p - 2n
independent relations, and the losses of a circuit repeat at least 2^(p - 2n) times over the torus [0, pi)^p.  No
point is its own copy: the last angle of S is shifted and not flipped (derived; docs/traps_and_basins.md, section
2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.circuits.circuit import Circuit

__all__ = ["copied", "relations"]


def _words(circuit: Circuit) -> list[int]:
    """Words of the gates as bits, x above z."""
    _require_one_gate_per_angle(circuit)
    return [(int(x) << circuit.n_qubits) | int(z) for x, z in zip(circuit.x, circuit.z, strict=True)]


def _require_one_gate_per_angle(circuit: Circuit) -> None:
    plain = np.array_equal(circuit.parameter, np.arange(circuit.n_params))
    if not (plain and np.all(circuit.scale == 1) and np.all(circuit.offset == 0)):
        raise ValueError(
            "copies need one gate per angle in the order of the angles, without scales and offsets; "
            f"got {len(circuit.x)} gates for {circuit.n_params} angles"
        )


def relations(circuit: Circuit) -> NDArray[np.bool_]:
    """Independent sets of gates whose words multiply to the identity up to a phase.

    Parameters
    ----------
    circuit : Circuit
        One gate per angle.

    Returns
    -------
    ndarray of bool, shape (K, p)
        A basis of the kernel over F_2; K = p - rank of the words, at least p - 2n.  Every critical point has 2^K
        copies, itself included.

    Raises
    ------
    ValueError
        If gates share angles, or angles are scaled or shifted.
    """
    pivots: dict[int, tuple[int, int]] = {}  # leading bit -> (word, set of gates that make it)
    kernel = []
    for gate, word in enumerate(_words(circuit)):
        members = 1 << gate
        while word:
            lead = word.bit_length()
            if lead not in pivots:
                pivots[lead] = (word, members)
                break
            word ^= pivots[lead][0]
            members ^= pivots[lead][1]
        else:
            kernel.append([bool(members >> i & 1) for i in range(circuit.n_params)])
    return np.array(kernel, dtype=np.bool_).reshape(-1, circuit.n_params)


def copied(theta: ArrayLike, circuit: Circuit, members: ArrayLike) -> NDArray[np.float64]:
    """The copies of angles under one relation: the same states up to a phase.

    Parameters
    ----------
    theta : array_like, shape (B, p)
        Radians.
    circuit : Circuit
        One gate per angle.
    members : array_like of bool, shape (p,)
        A row of :func:`relations`, or a sum of rows modulo 2.

    Returns
    -------
    ndarray, shape (B, p)
        In [0, pi).

    Raises
    ------
    ValueError
        If the words of the members do not multiply to the identity up to a phase, or as `relations`.
    """
    chosen = np.asarray(members, dtype=np.bool_)
    words, n = _words(circuit), circuit.n_qubits
    product = 0
    for word, inside in zip(words, chosen, strict=True):
        product ^= word if inside else 0
    if product:
        raise ValueError(f"the words of gates {np.flatnonzero(chosen)} do not multiply to the identity")
    signs = np.ones(len(words))
    behind = 0  # product of the members' words behind the gate
    low = (1 << n) - 1
    for gate in reversed(range(len(words))):
        x, z = words[gate] >> n, words[gate] & low
        if ((x & behind & low).bit_count() + (z & behind >> n).bit_count()) % 2:
            signs[gate] = -1
        behind ^= words[gate] if chosen[gate] else 0
    return np.mod(np.asarray(theta, dtype=np.float64) * signs + np.where(chosen, np.pi / 2, 0.0), np.pi)
