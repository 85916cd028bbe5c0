import numpy as np
import pennylane as qml
import pytest

import qgmutils as qgm


def decided(w):
    qml.RX(w[0], 0)
    if w[1] > 0.5:
        qml.CNOT([0, 1])
    else:
        qml.CZ([0, 1])


def layers(w):
    for _ in range(int(w[1]) % 7):
        qml.RX(w[0], 0)


def prepared(w):
    qml.AmplitudeEmbedding(w, wires=[0], normalize=True)
    qml.RX(w[0], 0)


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        (
            decided,
            r"the circuit has .*(CNOT|CZ|rotations).*, as the trained arguments are: angles may depend",
        ),
        (
            layers,
            r"the circuit has \d+ or \d+ rotations, as the trained arguments are: .* one model for each case",
        ),
        (prepared, r"the prepared state depends on the trained arguments"),
        (
            lambda w: qml.RX(0.3, 0),
            r"no angle of a gate depends on the trained arguments; see which of them enter",
        ),
    ],
)
def test_nothing_but_angles_depends_on_what_is_trained(gates, message):
    qnode = qml.qnode(qml.device("default.qubit", wires=2))(lambda w: (gates(w), qml.expval(qml.Z(0)))[1])
    with pytest.raises(ValueError, match=message):
        qgm.from_qnode(qnode, np.array([0.4, 1.6]))


@pytest.mark.parametrize(
    "observable",
    [lambda w: w[0] * qml.Z(0), lambda w: qml.Hermitian(np.array([[1.0, 0], [0, float(w[1])]]), 0)],
)
def test_observables_do_not_depend_on_it(observable):
    @qml.qnode(qml.device("default.qubit", wires=1))
    def qnode(w):
        qml.RX(w[0], 0)
        return qml.expval(observable(w))

    with pytest.raises(ValueError, match=r"depends on the trained arguments: angles may"):
        qgm.from_qnode(qnode, np.array([0.4, 0.6]))


def rotated(w):
    qml.RX(w, 0)
    return qml.expval(qml.Z(0))


def on(**options):
    return qml.qnode(qml.device("default.qubit", **options))(rotated)


@pytest.mark.parametrize(
    ("qnode", "args", "message"),
    [
        (
            qml.set_shots(on(wires=1), 100),
            [0.3],
            r"takes 100 shots, and a landscape is exact; use qml\.set_shots",
        ),
        (on(wires=20), [0.3], r"has 20 wires, of which a matrix takes 2\^14 GiB; make the device with those"),
        (
            rotated,
            [0.3],
            r"must be a pennylane\.QNode, got function; decorate a function of gates with @qml\.qnode",
        ),
        (on(wires=1)(0.3), [0.3], r"must be a pennylane\.QNode, got \w+; .* pass it and not its result"),
        (
            on(wires=1),
            [0.3, 0.4],
            r"takes \(w\), .* too many positional arguments; give its arguments after it",
        ),
        (on(wires=1), [], r"takes \(w\), .* missing a required argument: 'w'"),
    ],
)
def test_what_is_no_exact_qnode(qnode, args, message):
    with pytest.raises(ValueError, match=message):
        qgm.from_qnode(qnode, *args)


def test_options_are_the_qnodes():
    with pytest.raises(ValueError, match=r"unexpected keyword argument 'tagret'"):
        qgm.from_qnode(on(wires=1), 0.3, tagret=1.0)
