"""Dimension of the Lie algebra that the rotations of a circuit generate, by closing it under commutators.

An element sum_w a_w (i P_w) with real a_w is a dict from Pauli words, bit masks (x, z), to a_w.  The algebra that some
elements generate is spanned by their nested commutators [g, [g', ... g'']], so that it suffices to commute what is
found with the generators (general knowledge).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from qgmutils.circuits.circuit import Circuit

Word = tuple[int, int]
Element = dict[Word, float]

_INDEPENDENT = 1e-8
"""What is left of a normalised element, outside of the span of those before it, from which on it counts as another one;
rounding leaves 1e-14."""


def generators(circuit: Circuit) -> list[Element]:
    """What the angles of a circuit turn about, each different one once.

    Raises
    ------
    ValueError
        If the gates of an angle do not commute, so that together they are no rotation, or have offsets.
    """
    found: list[Element] = []
    if np.any(circuit.offset):
        raise ValueError("gates with offsets generate no algebra of their own; give a circuit without")
    for angle in range(circuit.n_params):
        element: Element = {}
        words = [
            ((int(x), int(z)), float(scale))
            for x, z, scale in zip(
                *(part[circuit.parameter == angle] for part in (circuit.x, circuit.z, circuit.scale)),
                strict=True,
            )
        ]
        for word, scale in words:
            if any(_anticommute(word, other) for other in element):
                raise ValueError(f"the words of angle {angle} do not commute: together they are no rotation")
            element[word] = element.get(word, 0.0) + scale
        if element and element not in found:
            found.append(element)
    return found


def dimension(generated_by: Sequence[Element], *, most: int = 4096) -> int:
    """Dimension of the real Lie algebra that some elements generate.

    Parameters
    ----------
    generated_by : sequence of dict
        At least one, none of them 0.
    most : int
        Where to give up.

    Raises
    ------
    ValueError
        If there is no generator, one is 0, or the dimension exceeds `most`.
    """
    if not generated_by or not all(any(element.values()) for element in generated_by):
        raise ValueError("an algebra needs at least one generator, and none may be 0")
    places: dict[Word, int] = {}
    basis = np.zeros((0, 0))
    found: list[Element] = []
    waiting = deque(generated_by)  # short commutators first: rounding takes over what is left of long ones
    while waiting:
        element = waiting.popleft()
        for word in element:
            places.setdefault(word, len(places))
        row = np.zeros(len(places))
        for word, value in element.items():
            row[places[word]] = value
        row /= np.linalg.norm(row)
        basis = np.pad(basis, ((0, 0), (0, len(places) - basis.shape[1])))
        for _ in range(2):  # the second time takes away what rounding has left
            row -= (basis @ row) @ basis
        if np.linalg.norm(row) < _INDEPENDENT:
            continue
        row /= np.linalg.norm(row)
        basis = np.vstack([basis, row])
        if len(basis) > most:
            raise ValueError(f"the algebra has more than {most} dimensions")
        found.append({word: float(row[place]) for word, place in places.items() if abs(row[place]) > 1e-14})
        waiting += [new for other in generated_by if (new := commutator(other, found[-1]))]
    return len(basis)


def commutator(left: Element, right: Element) -> Element:
    """[A, B] of two elements; words whose factors cancel to 1e-12 are left out.

    [iP, iQ] = -2 P Q for words that anticommute, and P Q = s i R with the word R and s = 1 or -1.
    """
    result: Element = {}
    for (x, z), a in left.items():
        for (u, v), b in right.items():
            if _anticommute((x, z), (u, v)):
                word = (x ^ u, z ^ v)
                # P = i^|x & z| X^x Z^z, and Z^z X^u = (-1)^|z & u| X^u Z^z: the power of i in P Q = i^power R.
                power = (x & z).bit_count() + (u & v).bit_count() - (word[0] & word[1]).bit_count()
                power += 2 * (z & u).bit_count()
                sign = 1.0 if power % 4 == 1 else -1.0
                result[word] = result.get(word, 0.0) - 2 * sign * a * b
    return {word: value for word, value in result.items() if abs(value) > 1e-12}


def _anticommute(left: Word, right: Word) -> bool:
    return ((left[0] & right[1]).bit_count() + (left[1] & right[0]).bit_count()) % 2 == 1
