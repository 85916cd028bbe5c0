import numpy as np
import pennylane as qml
import pytest
from agreement import EXACT, agree
from pennylane import numpy as pnp

import qgmutils as qgm
from qgmutils.losses.born_machine import BornMachine


def returning(*measurements):
    """A QNode on three wires that returns what functions make."""

    @qml.qnode(qml.device("default.qubit", wires=3), diff_method="backprop")
    def qnode(w):
        qml.StronglyEntanglingLayers(w, wires=range(3))
        made = [measurement() for measurement in measurements]
        return made if len(made) > 1 else made[0]

    return qnode


def weights(rng):
    return pnp.array(rng.uniform(-3, 3, (2, 3, 3)), requires_grad=True)


@pytest.mark.parametrize("wires", [[0, 1, 2], [2, 0, 1], [1], [2, 0]])
def test_distributions_over_some_wires(wires, rng):
    qnode, w = returning(lambda: qml.probs(wires=wires)), weights(rng)
    target = rng.dirichlet(np.ones(2 ** len(wires)))
    model = qgm.from_qnode(qnode, w, target=target, divergence="l2")
    assert isinstance(model.loss, BornMachine)
    agree(model, lambda w: qml.math.sum((qnode(w) - target) ** 2), w, hessian=len(wires) < 3)


def test_several_expectation_values(rng):
    observables = [qml.Z(0), qml.X(1) @ qml.Y(2), qml.Projector([0, 1], [2, 0])]
    qnode, w = returning(*(lambda o=o: qml.expval(o) for o in observables)), weights(rng)
    target = rng.uniform(-1, 1, 3)
    model = qgm.from_qnode(qnode, w, target=target)
    agree(model, lambda w: qml.math.mean((qml.math.stack(qnode(w)) - target) ** 2), w)
    one = qgm.from_qnode(returning(lambda: qml.expval(qml.Z(0))), w, target=0.3)
    assert one.value(w) == pytest.approx((float(qnode(w)[0]) - 0.3) ** 2, abs=EXACT)


def test_structures_of_measurements(rng):
    def measured():
        return {"z": qml.expval(qml.Z(0)), "others": [qml.expval(qml.X(1)), (qml.expval(qml.Y(2)),)]}

    @qml.qnode(qml.device("default.qubit", wires=3))
    def qnode(w):
        qml.StronglyEntanglingLayers(w, wires=range(3))
        return measured()

    w, target = weights(rng), rng.uniform(-1, 1, 3)
    found = qnode(w)
    values = np.array([found["z"], found["others"][0], found["others"][1][0]])
    model = qgm.from_qnode(qnode, w, target=target)
    assert model.value(w) == pytest.approx(np.mean((values - target) ** 2), abs=EXACT)


ONES = np.ones(8) / 8


@pytest.mark.parametrize(
    ("measurements", "target", "message"),
    [
        (
            [lambda: qml.var(qml.Z(0))],
            None,
            r"returns var\(Z\(0\)\), of which no loss can be made; return expval",
        ),
        ([lambda: qml.sample(wires=0)], None, r"returns sample.*, of which no loss can be made"),
        ([lambda: qml.counts(wires=0)], None, r"of which no loss can be made"),
        ([lambda: qml.density_matrix(0)], np.eye(2), r"of which no loss can be made"),
        ([lambda: qml.purity(0)], None, r"returns purity.*, of which no loss can be made"),
        ([lambda: qml.probs(op=qml.Z(0))], ONES, r"returns probs.* of an observable; return probs of wires"),
        ([lambda: qml.expval(qml.Z(0)), lambda: qml.probs(wires=0)], ONES, r"of which no loss can be made"),
        (
            [lambda: qml.expval(qml.Z(0)), lambda: qml.expval(qml.Z(1))],
            None,
            r"2 expectation values; give target=",
        ),
        (
            [lambda: qml.expval(qml.Z(0))],
            [1, 2],
            r"one finite target for each of 1 inputs and 1 obs.* shape \(2,\)",
        ),
        ([lambda: 3], None, r"the QNode returns no measurement, of which no loss can be made; return expval"),
        ([lambda: qml.expval(qml.Z(0))], "up", r"the target must be an array of complex numbers, got 'up'"),
        (
            [lambda: qml.probs(wires=[0, 1])],
            [[1], [2, 3]],
            r"the target must be an array of numbers, got",
        ),
        ([qml.state], np.inf * ONES, r"the target must hold finite numbers, got inf or nan"),
        ([lambda: qml.expval(qml.Z(0))], np.nan, r"the target must hold finite numbers, got inf or nan"),
        (
            [lambda: qml.probs(wires=[0, 1])],
            None,
            r"loss needs target=\.\.\., the distribution .* learnt: 4 numbers",
        ),
        (
            [lambda: qml.probs(wires=[0, 1])],
            ONES,
            r"must hold 4 numbers, one for each outcome, got shape \(8,\)",
        ),
        ([lambda: qml.probs(wires=range(3))], 2 * ONES, r"must be a distribution: .* the sum 2"),
        ([qml.state], None, r"the loss needs target=\.\.\., the state to be reached: 8 numbers"),
        ([qml.state], ONES[:4], r"must hold 8 numbers, one for each outcome, got shape \(4,\)"),
        ([qml.state], ONES, r"the target must be normalised, but number 0 has the norm 0\.353553"),
    ],
)
def test_what_makes_no_loss(measurements, target, message, rng):
    with pytest.raises(ValueError, match=message):
        qgm.from_qnode(returning(*measurements), weights(rng), target=target)


@pytest.mark.parametrize("measurement", [lambda: qml.probs(wires=range(3)), lambda: qml.expval(qml.Z(0))])
def test_unknown_divergence(measurement, rng):
    with pytest.raises(ValueError, match=r"unknown divergence 'kll': choose one of .*; did you mean 'kl'"):
        qgm.from_qnode(returning(measurement), weights(rng), target=ONES, divergence="kll")
