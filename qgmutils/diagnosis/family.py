"""The same model at other depths: more parameters by a recipe, or more copies of the block that a circuit repeats."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qgmutils.circuits.circuit import Circuit
from qgmutils.ensembles.model import Model
from qgmutils.qnodes.model import QNodeModel, without_fixed_gates


class Block(NamedTuple):
    """Gates that a circuit repeats.

    Attributes
    ----------
    first, last : int
        Gates first ... last - 1 are the last copy.
    n_params : int
        Angles of one copy.
    copies : int
        How often it stands in the circuit; 1 where nothing is repeated and the whole circuit is taken.
    """

    first: int
    last: int
    n_params: int
    copies: int


def repeated_block(circuit: Circuit) -> Block:
    """The block of gates of which a circuit has the most in a row; the whole circuit if none stands there twice.

    Two copies have the same words, scales and offsets, and angles of their own in the same order.
    """
    q = circuit.n_gates
    driven = circuit.scale != 0
    best, covered = Block(0, q, circuit.n_params, 1), 0
    for size in range(1, q // 2 + 1):
        same = (
            (circuit.x[size:] == circuit.x[:-size])
            & (circuit.z[size:] == circuit.z[:-size])
            & (circuit.scale[size:] == circuit.scale[:-size])
            & (np.abs(circuit.offset[size:] - circuit.offset[:-size]) < 1e-12)
        )
        step = np.where(driven[size:], circuit.parameter[size:] - circuit.parameter[:-size], 0)
        for first, last in _runs(same):
            copies = (last - first) // size + 1
            if copies < 2 or copies * size <= covered:
                continue
            # The last copies: what comes before them is a beginning.
            first = last + size - copies * size
            steps = step[first:last][driven[first + size : last + size]]
            own = np.unique(circuit.parameter[last : last + size][driven[last : last + size]])
            if len(steps) and np.all(steps == len(own)) and own[-1] - own[0] == len(own) - 1:
                best, covered = Block(last, last + size, len(own), copies), copies * size
    return best


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Begins and ends of runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def deepened(circuit: Circuit, block: Block, copies: int) -> Circuit:
    """The circuit with so many more copies of the block behind its last one, each with angles of its own.

    Angles that the circuit has after the block keep their order behind those of the copies.
    """
    gates = slice(block.first, block.last)
    driven = circuit.scale[gates] != 0
    mine = circuit.parameter[gates]
    added = copies * block.n_params
    later = circuit.parameter[block.last :]
    parts = [np.where(driven, mine + k * block.n_params, 0) for k in range(1, copies + 1)]

    def extended(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values[: block.last], *[values[gates]] * copies, values[block.last :]])

    return dataclasses.replace(
        circuit,
        n_params=circuit.n_params + added,
        x=extended(circuit.x),
        z=extended(circuit.z),
        scale=extended(circuit.scale),
        offset=extended(circuit.offset),
        parameter=np.concatenate(
            [
                circuit.parameter[: block.last],
                *parts,
                np.where(later >= _end(circuit, block), later + added, later),
            ]
        ),
    )


def shortened(circuit: Circuit, block: Block, copies: int) -> Circuit:
    """The circuit without so many of its last copies of the block, at least one of which stays."""
    copies = min(copies, block.copies - 1)
    size, removed = block.last - block.first, copies * block.n_params
    kept = np.ones(circuit.n_gates, dtype=bool)
    kept[block.last - copies * size : block.last] = False
    behind = circuit.parameter >= _end(circuit, block)
    parameter = np.where(behind, circuit.parameter - removed, circuit.parameter)
    return dataclasses.replace(
        circuit,
        n_params=circuit.n_params - removed,
        x=circuit.x[kept],
        z=circuit.z[kept],
        scale=circuit.scale[kept],
        offset=circuit.offset[kept],
        parameter=parameter[kept],
    )


def _end(circuit: Circuit, block: Block) -> int:
    """First angle behind those of the block; gates that no angle drives name angle 0, which is not."""
    return int(circuit.parameter[block.first : block.last].max()) + 1


@dataclass(frozen=True)
class Family:
    """A model and its deeper or shallower versions.

    Attributes
    ----------
    model : Model
    unit : int
        Parameters of one step in depth, about.
    least : int
        Fewest parameters.
    what : str
        What is repeated, for people.
    sized : callable
        Number of parameters -> the member with as many, or the next larger one.
    """

    model: Model
    unit: int
    least: int
    what: str
    sized: Callable[[float], Model]


def family_of(model: Model, layers: Callable[[int], Model] | None = None) -> Family:
    """The family of a model.

    Parameters
    ----------
    model : Model
    layers : callable, optional
        Number of layers, from 1 -> the model with as many.  By default the model's recipe takes any number of
        parameters, and of a single circuit the block that it repeats is copied.

    Raises
    ------
    ValueError
        If more layers do not have more parameters.
    """
    if layers is not None:
        return _by_layers(model, layers)
    if isinstance(model.circuit, Circuit):
        return _by_copies(model)

    def sized(n_params: float) -> Model:
        return model.with_params(max(1, math.ceil(n_params)))

    return Family(model, 1, 1, "a recipe, of any number of parameters", sized)


def _by_copies(model: Model) -> Family:
    written = model.written if isinstance(model, QNodeModel) else model
    circuit = written.circuit
    assert isinstance(circuit, Circuit)
    block = repeated_block(circuit)

    def sized(n_params: float) -> Model:
        steps = math.ceil((n_params - circuit.n_params) / block.n_params - 1e-9)
        if steps == 0:
            return model
        changed = deepened(circuit, block, steps) if steps > 0 else shortened(circuit, block, -steps)
        return Model(*without_fixed_gates(changed, written.loss.build()))

    least = circuit.n_params - (block.copies - 1) * block.n_params
    if block.copies > 1:
        what = f"{block.copies} copies of a block of {block.n_params} parameters"
    else:
        what = f"no block that repeats: the whole circuit of {block.n_params} parameters is taken for one"
    return Family(model, block.n_params, least, what, sized)


def _by_layers(model: Model, layers: Callable[[int], Model]) -> Family:
    members = {1: layers(1), 2: layers(2)}
    unit = members[2].n_params - members[1].n_params
    if unit < 1:
        raise ValueError(
            f"deepen must give more parameters for more layers, got {members[1].n_params} for 1 and "
            f"{members[2].n_params} for 2"
        )

    def sized(n_params: float) -> Model:
        count = max(1, 1 + math.ceil((n_params - members[1].n_params) / unit - 1e-9))
        if count not in members:
            members[count] = layers(count)
        return members[count]

    return Family(model, unit, members[1].n_params, f"layers of {unit} parameters", sized)
