"""Layers that a QNode makes of arguments of another length."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as pnp

from qgmutils.diagnosis.layers import by_arguments, by_first_axis
from qgmutils.qnodes.model import from_qnode

N = 3


def qnode(gates):
    @qml.qnode(qml.device("default.qubit", wires=N))
    def circuit(*args):
        gates(*args)
        return qml.expval(qml.Z(0) @ qml.X(1))

    return circuit


def entangling(weights):
    qml.StronglyEntanglingLayers(weights, wires=range(N))


def two_design(initial, weights):
    qml.SimplifiedTwoDesign(initial, weights, wires=range(N))


def alternating(gammas, betas):
    for gamma, beta in zip(gammas, betas):
        for k in range(N - 1):
            qml.IsingZZ(gamma, [k, k + 1])
        for k in range(N):
            qml.RX(beta, k)


def over_wires(angles):
    for k in range(len(angles)):
        qml.RY(angles[k], k)


def last_apart(weights):
    for row in weights[:-1]:
        qml.RX(row[0], 0)
        qml.CNOT([0, 1])
    qml.RZ(weights[-1][0], 1)


def three_and_no_more(weights):
    for k in range(3):
        qml.RX(weights[k], k)


@pytest.mark.parametrize(
    ("gates", "arguments", "sizes"),
    [
        (entangling, (np.ones((2, N, 3)),), [9, 18, 45]),
        (two_design, (np.ones(N), np.ones((2, N - 1, 2))), [7, 11, 23]),
        (alternating, (np.ones(1), np.ones(1)), [2, 4, 10]),
    ],
)
def test_templates_and_loops(gates, arguments, sizes):
    circuit = qnode(gates)
    layers = by_first_axis(circuit, arguments, {}, from_qnode(circuit, *arguments))
    assert layers is not None
    assert [layers(count).n_params for count in (1, 2, 5)] == sizes


@pytest.mark.parametrize(
    ("gates", "arguments"),
    [
        (over_wires, (np.ones(2),)),  # a third angle would be on a third wire
        (last_apart, (np.ones((3, 1)),)),  # the last gate is another one in a longer circuit
        (three_and_no_more, (np.ones(3),)),  # a fourth angle would have no gate
        (two_design, (np.ones(N), np.ones((0, N - 1, 2)))),
        (alternating, (np.ones(2), np.ones(3))),
        (lambda angle: qml.RX(angle, 0), (0.3,)),
    ],
)
def test_other_lengths_that_are_no_layers(gates, arguments):
    circuit = qnode(gates)
    assert by_first_axis(circuit, arguments, {}, from_qnode(circuit, *arguments)) is None


def test_what_is_not_trained_keeps_its_length():
    circuit = qnode(lambda weights, data: (qml.AngleEmbedding(data, wires=range(N)), entangling(weights)))
    arguments = pnp.ones((2, N, 3)), pnp.array([0.1, 0.2, 0.3], requires_grad=False)
    layers = by_first_axis(circuit, arguments, {}, from_qnode(circuit, *arguments))
    assert layers is not None
    assert layers(4).n_params == 36


def test_data_behind_trained_gates():
    data = np.linspace(-1, 1, 5)

    @qml.qnode(qml.device("default.qubit", wires=1))
    def reuploading(weights):
        for row in weights:
            qml.RX(data, 0)
            qml.Rot(*row, 0)
        return qml.expval(qml.Z(0))

    options = {"target": np.zeros(5)}
    layers = by_first_axis(
        reuploading, (np.ones((2, 3)),), options, from_qnode(reuploading, np.ones((2, 3)), **options)
    )
    assert layers is not None
    assert [layers(count).n_params for count in (1, 3)] == [3, 9]


def test_a_function_of_the_user():
    layers = by_arguments(qnode(two_design), lambda count: (np.ones(N), np.ones((count, N - 1, 2))), {})
    assert layers(3).n_params == 15
