"""A QNode of any number of layers: by the user's word, or by the first axis of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qgmutils.circuits.circuit import Circuit
from qgmutils.ensembles.model import Model
from qgmutils.losses.blocks import Blocks
from qgmutils.qnodes.arguments import leaves, rebuild
from qgmutils.qnodes.model import QNodeModel, from_qnode

Layers = Callable[[int], Model]


def by_arguments(qnode: Any, deepen: Callable[[int], Any], options: Mapping[str, Any]) -> Layers:
    """Number of layers -> the model at the arguments that `deepen` gives for it, a tuple if there are several."""

    def at(count: int) -> Model:
        arguments = deepen(count)
        return from_qnode(qnode, *(arguments if isinstance(arguments, tuple) else (arguments,)), **options)

    return at


def by_first_axis(
    qnode: Any, args: Sequence[Any], options: Mapping[str, Any], model: QNodeModel
) -> Layers | None:
    """Number of layers -> the model whose arguments are as long along their first axis.

    This is how PennyLane's templates count layers, and most circuits of users.  It is believed only if a single layer
    and more than twice as many give circuits of which the longer begins with the gates of the shorter.

    Parameters
    ----------
    qnode, args, options
        As of `from_qnode`.
    model : QNodeModel
        What that made of them.

    Returns
    -------
    callable or None
        None where another length gives no such circuit.
    """
    found = leaves(args, [str(number) for number in range(len(args))])
    most = max(len(shape) for shape in model.shapes if shape is not None)
    layered = [shape is not None and len(shape) == most for shape in model.shapes]
    lengths = {shape[:1] for shape in model.shapes if shape is not None and len(shape) == most}
    if most == 0 or len(lengths) > 1:
        return None
    ((length,),) = lengths

    def at(count: int) -> Model:
        values = [
            _resized(leaf.value, count) if is_layered else leaf.value
            for leaf, is_layered in zip(found, layered, strict=True)
        ]
        return from_qnode(qnode, *rebuild(tuple(args), iter(values)), **options)

    try:
        longer, shortest = at(2 * length + 1), at(1)
    except Exception:  # whatever the user's code raises for arguments of another length
        return None
    # With one layer, data may stand before all trained gates, and samples are no longer held in one state.
    apart = isinstance(model.loss, Blocks) and not isinstance(shortest.loss, Blocks)
    grows = _begins(longer, model) and (length == 1 or apart or _begins(model, shortest))
    return at if grows else None


def _resized(value: Any, count: int) -> Any:
    import pennylane as qml

    array = np.asarray(qml.math.toarray(value))
    longer = np.resize(array, (count, *array.shape[1:]))
    return qml.math.asarray(longer, like=qml.math.get_interface(value))


def _begins(longer: Model, shorter: Model) -> bool:
    """Whether the gates of a longer circuit, and what drives them, begin with all of a shorter one, and go on."""
    assert isinstance(longer, QNodeModel)
    assert isinstance(shorter, QNodeModel)
    a, b = longer.written.circuit, shorter.written.circuit
    assert isinstance(a, Circuit)
    assert isinstance(b, Circuit)
    q = b.n_gates
    if a.n_qubits != b.n_qubits or a.n_gates <= q:
        return False
    driven = b.scale != 0
    names = [
        np.array(model.names)[circuit.parameter[:q][driven]] for model, circuit in ((longer, a), (shorter, b))
    ]
    return (
        np.array_equal(a.x[:q], b.x)
        and np.array_equal(a.z[:q], b.z)
        and np.array_equal(a.scale[:q], b.scale)
        and np.allclose(a.offset[:q], b.offset, rtol=0, atol=1e-12)
        and np.array_equal(*names)
        and np.allclose(a.reference, b.reference, rtol=0, atol=1e-12)
    )
