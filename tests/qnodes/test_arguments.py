from typing import NamedTuple

import numpy as np
import pennylane as qml
import pytest

import qgmutils as qgm
from qgmutils.qnodes.arguments import leaves, rebuild


class Pair(NamedTuple):
    left: float
    right: list


class Tensor:
    """What PennyLane takes for a tensor of PyTorch, by its module."""

    __module__ = "torch"


@qml.qnode(qml.device("default.qubit", wires=1))
def qnode(w, v=0.1):
    qml.RX(w, 0)
    qml.RY(v, 0)
    return qml.expval(qml.Z(0))


@pytest.mark.parametrize(
    ("args", "argnum", "message"),
    [
        ([1], None, r"no argument is trained: none holds real numbers; give the angles as floats"),
        ([2, 3], None, r"no argument is trained"),
        ([0.3 + 0.1j], None, r"no argument is trained"),
        ([0.3 + 0.1j], 0, r"w cannot be trained: it holds complex128 and not real numbers; give floats"),
        ([np.array(2), 0.3], 0, r"w cannot be trained: it holds int64"),
        ([0.3, 0.4], 2, r"argnum must name arguments 0 \.\.\. 1, got 2"),
        ([0.3, 0.4], [], r"argnum must name arguments 0 \.\.\. 1, got \[\]"),
        ([0.3, float("nan")], None, r"v must hold finite numbers, got inf or nan"),
        ([np.inf], None, r"w must hold finite numbers"),
        ([Tensor()], None, r"w is a tensor of torch, which cannot be translated; give a NumPy array"),
    ],
)
def test_what_cannot_be_trained(args, argnum, message):
    with pytest.raises(ValueError, match=message):
        qgm.from_qnode(qnode, *args, argnum=argnum)


def test_structures_are_put_together_again():
    given = {"a": Pair(1.0, [2.0, np.arange(2.0)]), "b": (3.0,)}
    found = leaves([given], ["w"])
    assert [leaf.path for leaf in found] == ["w['a'][0]", "w['a'][1][0]", "w['a'][1][1]", "w['b'][0]"]
    again = rebuild(given, iter([leaf.value for leaf in found]))
    assert type(again["a"]) is Pair
    assert again["b"] == (3.0,)
    np.testing.assert_array_equal(again["a"].right[1], [0, 1])


def test_other_arguments_do_not_fit_the_model():
    model = qgm.from_qnode(qnode, 0.3, 0.4)
    with pytest.raises(
        ValueError, match=r"hold 1 numbers and arrays, while the model was made from 2; give all"
    ):
        model.value(0.3)
    with pytest.raises(
        ValueError,
        match=r"argument 0 must hold real numbers and have the shape \(\), .* got float64 and \(3,\)",
    ):
        model.value(np.ones(3), 0.4)
