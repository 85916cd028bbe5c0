"""Deeper and shallower versions of a model."""

from __future__ import annotations

import numpy as np
import pytest

from qgmutils.circuits import Randomised
from qgmutils.circuits.circuit import Circuit
from qgmutils.diagnosis.family import deepened, family_of, repeated_block, shortened
from qgmutils.ensembles.model import Model
from qgmutils.losses import hamiltonians

X, Z, ZZ = (0b10, 0), (0, 0b01), (0, 0b11)
FIRST = [(X, None, 0.3)]
BLOCK = [(ZZ, 0, 0.0), (X, None, np.pi / 4), (Z, 1, 0.1), (X, 0, 0.0)]
LAST = [(Z, 0, 0.0), (X, None, 0.2), (X, 1, 0.0)]


def stacked(copies: int, *, first: list = FIRST, last: list = LAST) -> Circuit:
    """A beginning, copies of a block with two angles each, of which one is shared by two gates, and an end."""
    gates = list(first)
    for copy in range(copies):
        gates += [(word, None if k is None else k + 2 * copy, offset) for word, k, offset in BLOCK]
    gates += [(word, None if k is None else k + 2 * copies, offset) for word, k, offset in last]
    words, which, offsets = zip(*gates, strict=True)
    driven = np.array([k is not None for k in which])
    return Circuit(
        2,
        2 * copies + 2 * bool(last),
        *np.array(words).T,
        np.array([k or 0 for k in which]),
        np.where(driven, 0.5, 0.0),
        np.array(offsets),
        np.eye(4)[0],
    )


def same(a: Circuit, b: Circuit) -> bool:
    return a.n_params == b.n_params and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("x", "z", "parameter", "scale", "offset")
    )


@pytest.mark.parametrize("last", [LAST, []])
@pytest.mark.parametrize("copies", [2, 3, 5])
def test_block_is_found_and_copied(copies: int, last: list) -> None:
    circuit = stacked(copies, last=last)
    block = repeated_block(circuit)
    assert (block.copies, block.n_params, block.last - block.first) == (copies, 2, len(BLOCK))
    assert same(deepened(circuit, block, 2), stacked(copies + 2, last=last))
    assert same(shortened(circuit, block, 1), stacked(copies - 1, last=last))
    assert same(shortened(circuit, block, 99), stacked(1, last=last))


def test_whole_circuit_is_the_block_where_nothing_repeats() -> None:
    circuit = stacked(1, first=[], last=[])
    assert repeated_block(circuit) == (0, len(BLOCK), 2, 1)
    assert same(deepened(circuit, repeated_block(circuit), 2), stacked(3, first=[], last=[]))


def test_gates_that_share_angles_across_copies_are_no_block() -> None:
    circuit = Circuit(1, 1, [1, 1], [0, 0], [0, 0], [1.0, 1.0], [0.0, 0.0], np.array([1, 0]))
    assert repeated_block(circuit).copies == 1


def test_members_have_the_size_asked_for_or_the_next() -> None:
    loss = hamiltonians.tfim(2)
    family = family_of(Model(stacked(3), loss))
    sizes = [family.sized(p).n_params for p in (1, 4, 5, 8, 8.5, 12)]
    assert sizes == [4, 4, 6, 8, 10, 12]
    assert family.sized(8) is family.model
    recipe = family_of(Model(Randomised(2, 5), loss))
    assert [recipe.sized(p).n_params for p in (0.2, 4.5, 9)] == [1, 5, 9]


def test_layers_by_a_function_of_the_user() -> None:
    loss = hamiltonians.tfim(2)
    family = family_of(Model(stacked(3), loss), lambda count: Model(stacked(count), loss))
    assert (family.unit, family.least) == (2, 4)
    assert [family.sized(p).n_params for p in (1, 5, 12)] == [4, 6, 12]
    with pytest.raises(ValueError, match="more parameters for more layers, got 8 for 1 and 8 for 2"):
        family_of(Model(stacked(3), loss), lambda count: Model(stacked(3), loss))
