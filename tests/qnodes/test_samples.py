"""Data that PennyLane broadcasts, against the mean of squares of the QNode's own outputs."""

import numpy as np
import pennylane as qml
import pytest
from agreement import EXACT, agree, metric_of_states
from pennylane import numpy as pnp

import qgmutils as qgm
from qgmutils.losses.blocks import Blocks
from qgmutils.qnodes.model import HybridModel


def embedded(w, X):
    qml.AngleEmbedding(X, wires=range(2))
    qml.BasicEntanglerLayers(w, wires=range(2))


def fixed_behind(w, X):
    embedded(w, X)
    qml.Hadamard(0)
    qml.CNOT([0, 1])


def amplitudes(w, X):
    qml.AmplitudeEmbedding(X, wires=range(2), normalize=True, pad_with=0.1)
    qml.BasicEntanglerLayers(w, wires=range(2))


def again_and_again(w, X):
    for row in w:
        qml.RY(row[0], 0)
        qml.Rot(row[1], X[:, 0], 0.3, wires=1)
        qml.CRX(X[:, 1] * 2, [0, 1])


def weighted(w, X):
    for row in w:
        qml.RX(row[0] * X[:, 0] + row[1], 0)
        qml.CNOT([0, 1])
        qml.RY(X[:, 1] - row[1], 1)


def broadcast_template(w, X):
    qml.RX(w[0, 0], 0)
    qml.BasicEntanglerLayers(qml.math.reshape(X, (-1, 1, 2)), wires=range(2))
    qml.BasicEntanglerLayers(w, wires=range(2))


def curved(w, X):
    for row in w:
        qml.RX(pnp.sin(row[0]) * X[:, 0] + row[1], 0)
        qml.CNOT([0, 1])
        qml.RY(row[0], 1)


@pytest.mark.parametrize("count", [1, 4, 5])
@pytest.mark.parametrize(
    ("gates", "joint"),
    [
        (embedded, False),
        (fixed_behind, False),
        (amplitudes, False),
        (again_and_again, True),
        (weighted, True),
        (broadcast_template, True),
        (curved, True),
    ],
)
def test_mean_of_squares(gates, joint, count, rng):
    observables = [qml.Z(0) @ qml.X(1), qml.Y(1)][: 1 + count % 2]

    @qml.qnode(qml.device("default.qubit", wires=2), diff_method="backprop")
    def qnode(w, X):
        gates(w, X)
        values = [qml.expval(observable) for observable in observables]
        return values if len(values) > 1 else values[0]

    X = rng.normal(size=(count, 2))
    target = rng.uniform(-1, 1, (count, len(observables)))

    def loss(w, X):
        out = qnode(w, X)
        columns = out if isinstance(out, (list, tuple)) else [out]
        squares = [(qml.math.reshape(c, (-1,)) - y) ** 2 for c, y in zip(columns, target.T)]
        return qml.math.mean(qml.math.stack(squares))

    w = pnp.array(rng.uniform(-3, 3, (3, 2)), requires_grad=True)  # CNOTs that do not cancel
    X = pnp.array(X, requires_grad=False)
    model = qgm.from_qnode(qnode, w, X, target=target)
    assert isinstance(model, HybridModel) == (gates is curved)
    assert isinstance(model.loss, Blocks) == (joint and count > 1)
    agree(model, loss, w, X)
    np.testing.assert_allclose(model.hessian(w, X), qml.jacobian(qml.grad(loss))(w, X), rtol=0, atol=EXACT)

    @qml.qnode(qml.device("default.qubit", wires=2), diff_method="backprop")
    def state(w, x):
        gates(w, x)
        return qml.state()

    each = [metric_of_states(lambda w, x=x: qml.math.reshape(state(w, x[None]), (-1,)), w) for x in X]
    np.testing.assert_allclose(model.metric(w, X), sum(each), rtol=0, atol=EXACT)


def test_a_sample_is_named_by_a_loss_without_target(rng):
    qnode = qml.qnode(qml.device("default.qubit", wires=2))(
        lambda w, X: (again_and_again(w, X), qml.expval(qml.Z(0)))[1]
    )
    w, X = np.ones((1, 2)), np.ones((3, 2))
    with pytest.raises(ValueError, match=r"an expectation value for each of 3 samples; give target=\.\.\."):
        qgm.from_qnode(qnode, w, X, argnum=0)
    with pytest.raises(
        ValueError, match=r"one finite target for each of 3 inputs and 1 observables, got shape \(2,\)"
    ):
        qgm.from_qnode(qnode, w, X, argnum=0, target=[0, 1])
    many = np.ones((4096, 2))
    with pytest.raises(
        ValueError, match=r"4096 samples .* take 12 qubits beside the circuit's 2, .* at most 2048 of"
    ):
        qgm.from_qnode(qnode, w, many, argnum=0, target=np.ones(4096))
