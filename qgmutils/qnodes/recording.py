"""What a QNode does at given arguments: a reference state, Pauli rotations, and a measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from qgmutils.inputs import MAX_QUBITS
from qgmutils.losses.loss import States
from qgmutils.qnodes.rotations import Rotation, rotations


class Recording(NamedTuple):
    """A QNode at given arguments.

    Attributes
    ----------
    wires : list
        Labels, the most significant bit first.
    reference : complex array, shape (1, 2^n) or (M, 2^n)
    rotations : list of Rotation
    measurements : list
        PennyLane's.
    samples : int or None
        M, where arguments hold data of several samples, which PennyLane broadcasts.
    """

    wires: list[Any]
    reference: States
    rotations: list[Rotation]
    measurements: list[Any]
    samples: int | None

    def require_same_as(self, other: Recording) -> None:
        """Raise ValueError unless the other recording differs in angles alone."""
        import pennylane as qml

        remedy = "angles may depend on the trained arguments, and nothing else; make one model for each case"
        if len(self.rotations) != len(other.rotations):
            raise ValueError(
                f"the circuit has {len(self.rotations)} or {len(other.rotations)} rotations, as the trained arguments "
                f"are: {remedy}"
            )
        for mine, others in zip(self.rotations, other.rotations, strict=True):
            if (mine.x, mine.z, mine.source) != (others.x, others.z, others.source):
                raise ValueError(
                    f"the circuit has {mine.source} or {others.source}, or one on other wires, as the trained "
                    f"arguments are: {remedy}"
                )
        if not np.allclose(self.reference, other.reference, rtol=0, atol=1e-12):
            raise ValueError(f"the prepared state depends on the trained arguments: {remedy}")
        same = [qml.equal(a, b) for a, b in zip(self.measurements, other.measurements, strict=True)]
        if not all(same):
            raise ValueError(
                f"{self.measurements[same.index(False)]} depends on the trained arguments: {remedy}"
            )

    def require_repeatable(self, again: Recording) -> None:
        """Raise ValueError unless all is the same again and real and finite, at the same arguments."""
        mine, others = (
            [(turn.x, turn.z, np.array(turn.angle).tobytes()) for turn in recording.rotations]
            for recording in (self, again)
        )
        if mine != others or not np.array_equal(self.reference, again.reference):
            raise ValueError(
                "the QNode has another circuit whenever it is called, with the same arguments; draw random numbers "
                "before, and give them to it as arguments, or fix their seed"
            )
        for turn in self.rotations:
            if np.any(np.imag(turn.angle)) or not np.all(np.isfinite(turn.angle)):
                raise ValueError(
                    f"{turn.source} cannot be translated: the angle {turn.angle} in it is no finite real number"
                )


def record(qnode: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Recording:
    """Record a QNode.

    Parameters
    ----------
    qnode : pennylane.QNode
    arguments : sequence
    options : mapping
        Keyword arguments.

    Raises
    ------
    ValueError
        If the QNode raises an error or is no single circuit; for shots, no wires, too many, or some that the device
        does not have; and for an operation that cannot be translated.
    """
    import pennylane as qml

    tape = _tape(qnode, arguments, options)
    if tape.shots:
        raise ValueError(
            f"the QNode takes {tape.shots.total_shots} shots, and a landscape is exact; "
            "use qml.set_shots(qnode, shots=None)"
        )
    wires = _wires(qnode, tape)
    if not wires:
        raise ValueError("the circuit has no wires; apply gates, or give the device wires")
    if len(wires) > MAX_QUBITS:
        raise ValueError(
            f"the circuit or its device has {len(wires)} wires, of which a matrix takes "
            f"2^{2 * len(wires) + 4 - 30} GiB; make the device with those that the circuit needs, at most {MAX_QUBITS}"
        )
    strange = [wire for wire in tape.wires if wire not in wires]
    if strange:
        raise ValueError(
            f"the circuit acts on the wires {strange}, while its device has {wires}; make the device with all of them"
        )
    positions = {wire: number for number, wire in enumerate(wires)}
    reference, rest = _reference(tape.operations, positions)
    turns = rotations(rest, positions, len(wires))
    # Templates do not say that they are broadcast; their gates are.
    counts = (len(turn.angle) for turn in turns if qml.math.ndim(turn.angle))
    samples = tape.batch_size or next(counts, None)
    return Recording(wires, reference, turns, list(tape.measurements), samples)


def _tape(qnode: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Operations and measurements, after the transforms that the user has applied."""
    import pennylane as qml

    try:
        tapes, _ = qml.workflow.construct_batch(qnode, level="user")(*arguments, **options)
    except Exception as error:  # whatever the user's function raises, at these arguments or at others
        raise ValueError(
            f"the QNode raises {type(error).__name__}: {error}; call it by itself, with arguments of the same shapes "
            "and any numbers"
        ) from error
    if len(tapes) != 1:
        raise ValueError(
            f"transforms make {len(tapes)} circuits of the QNode; apply none but those that make one of it"
        )
    return tapes[0]


def _wires(qnode: Any, tape: Any) -> list[Any]:
    """Wires in the order of a state's indices: those of the device, which no gate need touch, or of the circuit.

    Wires whose probabilities are measured come first, in their order.
    """
    wires = list(qnode.device.wires or tape.wires)
    if not qnode.device.wires and set(wires) == set(range(len(wires))):
        wires.sort()  # as PennyLane does with these, while it leaves other labels as they come
    first: list[Any] = []
    if len(tape.measurements) == 1 and type(tape.measurements[0]).__name__ == "ProbabilityMP":
        first = list(tape.measurements[0].wires)
    return first + [wire for wire in wires if wire not in first]


def _reference(operations: Sequence[Any], positions: Mapping[Any, int]) -> tuple[States, list[Any]]:
    """States (1, 2^n) or (M, 2^n) that preparations at the beginning give, and the operations after them."""
    import pennylane as qml

    n_qubits = len(positions)
    states: States = np.ones((1, 1), dtype=complex)
    prepared: list[int] = []
    first = 0
    for operation in operations:
        axes = [positions[wire] for wire in operation.wires]
        if not isinstance(operation, qml.operation.StatePrepBase) or set(axes) & set(prepared):
            break
        part = np.asarray(qml.math.unwrap([operation.state_vector()])[0], dtype=complex)
        part = part.reshape(-1, 2 ** len(axes))
        states = (states[:, :, None] * part[:, None, :]).reshape(max(len(states), len(part)), -1)
        prepared, first = prepared + axes, first + 1
    rest = [axis for axis in range(n_qubits) if axis not in prepared]
    whole = np.zeros((len(states), states.shape[1], 2 ** len(rest)), dtype=complex)
    whole[:, :, 0] = states
    order = 1 + np.argsort(prepared + rest)
    states = whole.reshape(len(states), *(2,) * n_qubits).transpose(0, *order).reshape(len(states), -1)
    return states / np.linalg.norm(states, axis=1, keepdims=True), list(operations[first:])
