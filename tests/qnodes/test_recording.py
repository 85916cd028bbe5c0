import math

import numpy as np
import pennylane as qml
import pytest
from agreement import EXACT, agree
from pennylane import numpy as pnp

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


def angle(function):
    return qml.qnode(qml.device("default.qubit", wires=1))(
        lambda w: (qml.RX(function(w), 0), qml.expval(qml.Z(0)))[1]
    )


def noise(w):
    return w + np.random.default_rng().normal()


@qml.qnode(qml.device("default.qubit", wires=2))
def elsewhere(w):
    qml.RX(w, 2)
    return qml.expval(qml.Z("a"))


@qml.qnode(qml.device("default.qubit", wires=2))
def both(w):
    qml.RX(w, 0)
    return qml.expval(qml.Z(0) + qml.X(0))


def extrapolated(qnode):
    return qml.noise.mitigate_with_zne(
        qnode, [1, 3], qml.noise.fold_global, qml.noise.poly_extrapolate, extrapolate_kwargs={"order": 1}
    )


@pytest.mark.parametrize(
    ("qnode", "args", "options", "message"),
    [
        (
            angle(lambda w: {}[w]),
            [0.3],
            {},
            r"the QNode raises KeyError: .*0\.3.*; call it by itself, with arguments",
        ),
        (angle(math.asin), [0.3], {}, r"the QNode raises ValueError: math domain error; .* and any numbers"),
        (
            angle(math.sin),
            [0.3],
            {},
            r"which autograd cannot differentiate: must be real number, .*; write them with",
        ),
        (
            angle(lambda w: w),
            ["up"],
            {"argnum": 0},
            r"w cannot be trained: it holds <U2 and not real numbers",
        ),
        (
            angle(pnp.log),
            [-0.3],
            {},
            r"RX cannot be translated: the angle nan in it is no finite real number",
        ),
        (angle(noise), [0.3], {}, r"another circuit whenever it is called, .*; draw random numbers before"),
        (
            elsewhere,
            [0.3],
            {},
            r"acts on the wires \[2, 'a'\], while its device has \[0, 1\]; make the device with",
        ),
        (
            qml.transforms.split_non_commuting(both),
            [0.3],
            {},
            r"transforms make 2 circuits of the QNode; apply none",
        ),
        (extrapolated(both), [0.3], {}, r"transforms make 2 circuits of the QNode; apply none"),
        (
            qml.transforms.split_to_single_terms(both),
            [0.3],
            {"target": [0, 0]},
            r"returns 1 values of 2 measurements; apply no transform that puts results together",
        ),
    ],
)
def test_what_is_no_single_circuit(qnode, args, options, message):
    with pytest.raises(ValueError, match=message), np.errstate(invalid="ignore"):
        qgm.from_qnode(qnode, *args, **options)


@pytest.mark.parametrize("function", [pnp.log, pnp.sqrt, pnp.arccos, lambda w: 1 / w])
def test_angles_that_are_not_defined_everywhere(function):
    qnode = angle(lambda w: function(w[0]) + function(w[1]))
    w = pnp.array([0.2, 0.7], requires_grad=True)
    agree(qgm.from_qnode(qnode, w), qnode, w, hessian=True)


@pytest.mark.parametrize("labels", [[2, 0, 1], ["c", "a", "b"], [5, 1, 0]])
@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
def test_states_of_devices_without_wires(labels, device, rng):
    @qml.qnode(qml.device(device))
    def qnode(w):
        qml.CNOT(labels[1:])
        qml.StronglyEntanglingLayers(w, wires=labels)
        return qml.state()

    w, target = rng.uniform(-3, 3, (1, 3, 3)), qgm.circuits.haar_state(8, rng)
    expected = 1 - abs(np.vdot(target, qnode(w))) ** 2
    assert qgm.from_qnode(qnode, w, target=target).value(w) == pytest.approx(expected, abs=EXACT)


def test_options_are_the_qnodes():
    with pytest.raises(ValueError, match=r"unexpected keyword argument 'tagret'"):
        qgm.from_qnode(on(wires=1), 0.3, tagret=1.0)
