"""Fixed gates moved out of the way: Clifford gates in a circuit are words of its other gates, and its reference state.

exp(-i pi/4 P) turns a word Q that anticommutes with P into -i P Q and leaves the others (general knowledge).  So a
Clifford gate can be moved to the beginning, past rotations whose words it changes, and be applied to the reference
state once and for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit

_TOLERANCE = 1e-12  # radians, within which a fixed angle is a multiple of pi/4


Rotation = tuple[int, int, float]
"""exp(-i angle P): the masks x and z of P, and the angle."""


def fixed_gates_first(circuit: Circuit) -> tuple[list[Rotation], Circuit]:
    """Fixed gates in front, and what follows on them: together the same circuit, up to a global phase.

    Parameters
    ----------
    circuit : Circuit
        With a gate that an angle drives.

    Returns
    -------
    first : list of (x, z, angle)
        In the order in which they act.
    rest : Circuit
        With the same n_params and reference state.  Its fixed gates are rotations by other angles than multiples of
        pi/4, behind the first gate that is driven.

    Raises
    ------
    ValueError
        If no gate is driven by an angle.
    """
    fixed = circuit.scale == 0
    if np.all(fixed):
        raise ValueError("no gate of the circuit is driven by an angle")
    quarters = np.rint(circuit.offset / (np.pi / 4))
    clifford = fixed & (np.abs(circuit.offset - quarters * np.pi / 4) < _TOLERANCE)
    x, z = circuit.x.copy(), circuit.z.copy()
    sign = np.ones(circuit.n_gates)
    first: list[Rotation] = []
    for gate in np.flatnonzero(clifford):  # in order: words before it have been changed by those before it
        word = int(circuit.x[gate]), int(circuit.z[gate])
        _conjugate(x, z, sign, slice(0, gate), *word, int(quarters[gate]) % 4)
        first.append((*word, float(quarters[gate] % 8) * np.pi / 4))
    kept = np.flatnonzero(~clifford)
    head, kept = np.split(kept, [int(np.argmax(circuit.scale[kept] != 0))])
    first += [(int(x[gate]), int(z[gate]), float(sign[gate] * circuit.offset[gate])) for gate in head]
    rest = dataclasses.replace(
        circuit,
        x=x[kept],
        z=z[kept],
        parameter=circuit.parameter[kept],
        scale=sign[kept] * circuit.scale[kept],
        offset=sign[kept] * circuit.offset[kept],
    )
    return first, rest


def applied(rotations: Sequence[Rotation], states: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Fixed rotations on normalised states (..., 2^n), which are normalised again."""
    for x, z, angle in rotations:
        states = rotated(states, x, z, angle)
    normalised: NDArray[np.complex128] = states / np.linalg.norm(states, axis=-1, keepdims=True)
    return normalised


def rotated(
    states: NDArray[np.complex128], x: int, z: int, angle: float | NDArray[np.float64]
) -> NDArray[np.complex128]:
    """exp(-i angle P) on states (..., 2^n), with the masks of P; one angle, or angles that go with the states."""
    index = np.arange(states.shape[-1])
    # P|k> = i^ny (-1)^popcount(k & z) |k xor x>
    signs = 1.0 - 2.0 * (np.bitwise_count(index & z) % 2)
    applied = np.empty(states.shape, dtype=np.complex128)
    applied[..., index ^ x] = 1j ** (x & z).bit_count() * signs * states
    return np.cos(angle) * states - 1j * np.sin(angle) * applied


def _conjugate(
    x: NDArray[np.int64],
    z: NDArray[np.int64],
    sign: NDArray[np.float64],
    some: slice,
    px: int,
    pz: int,
    quarters: int,
) -> None:
    """Words Q, with their signs, become exp(-i a P) Q exp(i a P) with a = quarters * pi/4, in place."""
    qx, qz = x[some], z[some]
    anticommute = np.bitwise_count((qx & pz) ^ (qz & px)) % 2 == 1
    if quarters % 2 == 0:  # exp(-i pi/2 P) is P up to a phase
        if quarters == 2:
            sign[some][anticommute] *= -1
        return
    # P Q = i^(ny_P + ny_Q) X.. Z.. with a sign for Z of P moved past X of Q; -i P Q is a word with the sign below.
    rx, rz = qx ^ px, qz ^ pz
    power = (
        (px & pz).bit_count()
        + np.bitwise_count(qx & qz).astype(np.int64)
        + 2 * np.bitwise_count(pz & qx).astype(np.int64)
        - np.bitwise_count(rx & rz).astype(np.int64)
        - 1
    ) % 4
    turn = np.where(power == 0, 1.0, -1.0) * (1 if quarters == 1 else -1)
    sign[some] = np.where(anticommute, sign[some] * turn, sign[some])
    x[some] = np.where(anticommute, rx, qx)
    z[some] = np.where(anticommute, rz, qz)
