from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as pnp

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
        ([0.3, 0.4], 0.5, r"argnum must name arguments 0 \.\.\. 1, got 0\.5"),
        ([0.3, 0.4], "w", r"argnum must name arguments 0 \.\.\. 1, got 'w'"),
        (["w"], None, r"no argument is trained: none holds real numbers"),
        ([None], None, r"no argument is trained: none holds real numbers"),
        ([np.zeros((0, 3))], None, r"no argument is trained: none holds real numbers"),
        ([np.zeros((0, 3))], 0, r"no argument is trained: none holds real numbers"),
        (
            [pnp.array(0.3, requires_grad=False), pnp.array(0.3, requires_grad=False)],
            None,
            r"all real numbers are in tensors with requires_grad=False; name .* argnum=0",
        ),
        ([np.ma.masked_array([0.3], mask=True)], None, r"w has masked entries; fill them or leave them out"),
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
    for wrong, got in (
        (np.ones(3), r"float64 and \(3,\)"),
        (0.3 + 1j, r"complex128"),
        ("w", r"<U1 and \(\)"),
    ):
        with pytest.raises(
            ValueError, match=rf"argument 0 must hold real numbers .* shape \(\), .* got {got}"
        ):
            model.value(wrong, 0.4)


def test_tensors_without_gradient_are_not_trained():
    assert qgm.from_qnode(qnode, 0.3, pnp.array(0.4, requires_grad=False)).names == ("w",)
    assert qgm.from_qnode(qnode, 0.3, pnp.array(0.4, requires_grad=False), argnum=1).names == ("v",)


@qml.qnode(qml.device("default.qubit", wires=3))
def given_all(w, observable, gate, graph, *, wire):
    gate(w[0], wires=wire)
    for edge in graph.edges:
        qml.IsingXY(w[1], edge)
    return qml.expval(observable)


def test_constants_are_anything():
    graph = SimpleNamespace(edges=[(0, 1), (1, 2)])  # an object of a class that nobody has heard of
    given = (np.array([0.3, 0.4]), qml.Z(0) + qml.Z(2), qml.RX, graph)
    model = qgm.from_qnode(given_all, *given, wire=1)
    assert model.names == ("w[0]", "w[1]")
    assert model.value(*given) == pytest.approx(float(given_all(*given, wire=1)), abs=1e-12)
    with pytest.raises(
        ValueError, match=r"argument 1 is not trained and was Z\(0\) .* got X\(0\); make a model"
    ):
        model.value(given[0], qml.X(0), *given[2:])
