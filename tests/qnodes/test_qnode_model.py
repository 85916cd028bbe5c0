"""QNodes as models, against the QNodes themselves, which PennyLane differentiates by backpropagation."""

import re
from pathlib import Path

import numpy as np
import pennylane as qml
import pytest
import scipy.sparse
from agreement import EXACT, agree, metric_of_states
from pennylane import numpy as pnp
from pennylane_circuits import CASES, Case, spread, unitary

import qgmutils as qgm
from qgmutils.losses.fidelity import Fidelity
from qgmutils.qnodes.model import HybridModel


def tensors(shapes, rng):
    return [pnp.array(rng.uniform(-6, 6, shape), requires_grad=True) for shape in shapes]


def measured(case, rng):
    """The QNode of a case with a generic observable."""
    n = case.n_qubits
    matrix = rng.normal(size=(2**n, 2**n, 2)) @ [1, 1j]

    @qml.qnode(qml.device("default.qubit", wires=n), diff_method="backprop")
    def qnode(*args):
        case.gates(*args)
        return qml.expval(qml.Hermitian(matrix + matrix.conj().T, wires=range(n)))

    return qnode


@pytest.mark.parametrize("name", CASES)
def test_circuits_of_pennylane(name, rng):
    case = CASES[name]
    qnode = measured(case, rng)
    model = qgm.from_qnode(qnode, *(rng.uniform(-6, 6, shape) for shape in case.shapes))
    starts = [tensors(case.shapes, rng) for _ in range(3)]
    agree(model, qnode, *starts[0], starts=starts[1:])


def estimated(w):
    qml.X(2)
    qml.QuantumPhaseEstimation(qml.PhaseShift(w[0], wires=2), estimation_wires=[0, 1])


def estimated_by_gates(w):
    qml.X(2)
    qml.H(0)
    qml.H(1)
    qml.ControlledPhaseShift(2 * w[0], [0, 2])
    qml.ControlledPhaseShift(w[0], [1, 2])
    qml.adjoint(qml.QFT)(wires=[0, 1])


def tilted(w):
    spread(3)
    qml.evolve(3 * qml.X(0) + 4 * qml.Z(0), w[0])
    qml.evolve(qml.dot(w[1:], [qml.Z(1), qml.X(2)]), 0.8)
    qml.ctrl(qml.pow(qml.RY(w[1], 0), 2), control=[1])


def tilted_by_gates(w):
    spread(3)
    turn = np.arctan2(3, 4)
    qml.RY(-turn, 0)
    qml.RZ(10 * w[0], 0)
    qml.RY(turn, 0)
    qml.RZ(1.6 * w[1], 1)
    qml.RX(1.6 * w[2], 2)
    qml.CRY(2 * w[1], [1, 0])


def sparse(w):
    spread(3)
    qml.RX(w[0], 0)
    qml.QubitUnitary(scipy.sparse.csr_matrix(unitary(4, 8)), wires=[0, 2])
    qml.RY(w[1] + w[2], 2)


def dense(w):
    spread(3)
    qml.RX(w[0], 0)
    qml.QubitUnitary(unitary(4, 8), wires=[0, 2])
    qml.RY(w[1] + w[2], 2)


@pytest.mark.parametrize(
    ("gates", "written"), [(estimated, estimated_by_gates), (tilted, tilted_by_gates), (sparse, dense)]
)
def test_what_backpropagation_does_not_know_is_written_in_gates(gates, written, rng):
    cases = [Case(function, 3, ((3,),)) for function in (gates, written)]
    state = rng.bit_generator.state
    qnode = measured(cases[0], rng)
    rng.bit_generator.state = state  # the same observable
    by_gates = measured(cases[1], rng)
    (w,) = tensors([(3,)], rng)
    agree(qgm.from_qnode(qnode, w), by_gates, w, hessian=True)


@pytest.mark.parametrize("name", ["simplified_two_design", "trained_matrix", "commuting_evolution"])
def test_second_derivatives_of_several_arguments(name, rng):
    case = CASES[name]
    qnode = measured(case, rng)
    args = tensors(case.shapes, rng)
    rows = qgm.from_qnode(qnode, *args).hessian(*args)
    if len(args) == 1:
        rows = ((rows,),)
    for i, row in enumerate(rows):
        for j, block in enumerate(row):
            expected = qml.jacobian(qml.grad(qnode, argnums=i), argnums=j)(*args)
            np.testing.assert_allclose(block, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", ["strongly_entangling", "gate_fabric", "ising_gates", "trained_matrix"])
def test_metric(name, rng):
    case = CASES[name]

    @qml.qnode(qml.device("default.qubit", wires=case.n_qubits))
    def state(w):
        case.gates(w)
        return qml.state()

    (theta,) = tensors(case.shapes, rng)
    model = qgm.from_qnode(measured(case, rng), theta)
    np.testing.assert_allclose(model.metric(theta), metric_of_states(state, theta), rtol=0, atol=EXACT)


@pytest.mark.parametrize("labels", [["a", "b", "c"], [2, 1, 0], ["ancilla", 7, 0], ["c", "unused", "a", "b"]])
@pytest.mark.parametrize("what", ["expval", "probs", "state"])
def test_wires_of_any_labels(labels, what, rng):
    used = [label for label in labels if label != "unused"]
    measurement = {
        "expval": lambda: qml.expval(qml.Z(used[1]) @ qml.X(used[2])),
        "probs": lambda: qml.probs(wires=[used[2], used[0]]),
        "state": qml.state,
    }[what]

    @qml.qnode(qml.device("default.qubit", wires=labels))
    def qnode(w):
        qml.StronglyEntanglingLayers(w, wires=used)
        return measurement()

    (w,) = tensors([(2, 3, 3)], rng)
    target = {
        "expval": None,
        "probs": rng.dirichlet(np.ones(4)),
        "state": qgm.circuits.haar_state(2 ** len(labels), rng),
    }[what]

    def loss(w):
        out = qnode(w)
        if what == "probs":
            return qml.math.sum(target * (np.log(target) - qml.math.log(out)))
        return out if what == "expval" else 1 - qml.math.abs(qml.math.sum(target.conj() * out)) ** 2

    agree(qgm.from_qnode(qnode, w, target=target), loss, w, hessian=True)


def test_arguments_of_any_structure(rng):
    @qml.qnode(qml.device("default.qubit", wires=2))
    def qnode(parts, single, depth, axis, *more, twist=0.0):
        for _ in range(depth):
            getattr(qml, axis)(single, wires=0)
            qml.RY(parts["first"][0], wires=1)
            qml.CRX(parts["rest"][0][1] + twist, wires=[0, 1])
            qml.CNOT([0, 1])
            for angle in more:
                qml.RZ(angle, wires=1)
                qml.RX(angle, wires=1)
        return qml.expval(qml.Z(1))

    parts = {"first": [0.3], "rest": ([0.1, 0.7], np.array([0.2, 0.4, 0.5]))}
    model = qgm.from_qnode(qnode, parts, np.float64(0.6), 2, "RX", 0.8, 1.1, twist=0.5)
    first = ["parts['first'][0]", "parts['rest'][0][0]", "parts['rest'][0][1]"]
    second = [f"parts['rest'][1][{k}]" for k in range(3)]
    assert list(model.names) == [*first, *second, "single", "more[0]", "more[1]"]

    def value(flat):
        parts = {"first": [flat[0]], "rest": ([flat[1], flat[2]], flat[3:6])}
        return qnode(parts, flat[6], 2, "RX", flat[7], flat[8], twist=0.5)

    flat = pnp.array(rng.uniform(-3, 3, 9), requires_grad=True)
    given = {"first": [flat[0]], "rest": ([flat[1], flat[2]], flat[3:6])}
    args = (given, flat[6], 2, "RX", flat[7], flat[8])
    found, gradient = model.value_and_grad(*args)
    assert found == pytest.approx(float(value(flat)), abs=EXACT)
    expected = qml.grad(value)(flat)
    assert gradient[0]["first"][0] == pytest.approx(expected[0], abs=EXACT)
    assert gradient[0]["rest"][0][1] == pytest.approx(expected[2], abs=EXACT)
    np.testing.assert_allclose(gradient[0]["rest"][1], expected[3:6], rtol=0, atol=EXACT)
    np.testing.assert_allclose(gradient[1:], expected[6:], rtol=0, atol=EXACT)
    np.testing.assert_array_equal(model.numbers(*args), flat)


@pytest.mark.parametrize("how", ["argnum", "requires_grad"])
def test_what_is_trained(how, rng):
    @qml.qnode(qml.device("default.qubit", wires=1))
    def qnode(x, w):
        qml.RX(x * 0.5, 0)
        qml.RY(w, 0)
        return qml.expval(qml.X(0))

    if how == "argnum":
        x, model = 0.4, qgm.from_qnode(qnode, 0.4, 0.7, argnum=1)
    else:
        x = pnp.array(0.4, requires_grad=False)
        model = qgm.from_qnode(qnode, x, pnp.array(0.7, requires_grad=True))
    assert model.names == ("w",)
    w = pnp.array(rng.uniform(-3, 3), requires_grad=True)
    value, gradient = model.value_and_grad(x, w)
    assert value == pytest.approx(float(qnode(x, w)), abs=EXACT)
    assert gradient == pytest.approx(float(qml.grad(qnode, argnums=1)(x, w)), abs=EXACT)
    with pytest.raises(ValueError, match=r"argument 0 is not trained and was 0\.4 .* got 0\.5; make a model"):
        model.value(0.5, w)


def test_angles_that_share_numbers(rng):
    @qml.qnode(qml.device("default.qubit", wires=2))
    def qnode(w):
        qml.RX(w[0], 0)
        qml.RY(2.5 * w[0] - 0.3, 1)
        qml.CNOT([0, 1])
        qml.RX(w[0] + w[1] - 0.7 * w[2], 1)
        qml.IsingXY(w[2] / 3, [0, 1])
        qml.RY(0.2, 0)
        return qml.expval(qml.Z(0) + 0.4 * qml.Y(1) @ qml.X(0))

    (w,) = tensors([(5,)], rng)
    model = qgm.from_qnode(qnode, w)
    assert not isinstance(model, HybridModel)
    agree(model, qnode, w, hessian=True)
    np.testing.assert_array_equal(model.value_and_grad(w)[1][3:], 0)  # nothing depends on them


def curved_gates(w, math):
    qml.RX(math.sin(w[0]) * w[1], 0)
    qml.RY(w[1] ** 2, 1)
    qml.CNOT([0, 1])
    qml.Rot(w[0], 0.3, math.exp(-w[2]), 1)


def curved(w, math):
    curved_gates(w, math)
    return qml.expval(qml.Z(0) @ qml.Y(1))


def test_curved_angles_by_autograd(rng):
    qnode = qml.qnode(qml.device("default.qubit", wires=2))(lambda w: curved(w, pnp))
    w = pnp.array(rng.uniform(-2, 2, 3), requires_grad=True)
    model = qgm.from_qnode(qnode, w)
    assert isinstance(model, HybridModel)
    agree(model, qnode, w, hessian=True)
    state = qml.qnode(qml.device("default.qubit", wires=2))(lambda w: (curved_gates(w, pnp), qml.state())[1])
    np.testing.assert_allclose(model.metric(w), metric_of_states(state, w), rtol=0, atol=EXACT)
    for ask in (lambda: qgm.train(model, starts=2, seed=0), lambda: qgm.diagnose(qnode, w)):
        with pytest.raises(ValueError, match="make the angles themselves the arguments"):
            ask()


def test_arguments_of_any_kind_do_not_hinder_training():
    @qml.qnode(qml.device("default.qubit", wires=1))
    def qnode(w, nothing, word):
        qml.PauliRot(w[0], word["P"], 0)
        if nothing is None:
            qml.RY(w[1], 0)
        return qml.expval(qml.Z(0))

    model = qgm.from_qnode(qnode, np.array([0.3, 0.4]), None, {"P": "X"})
    assert qgm.train(model, starts=2, seed=0).solved.estimate == 1


def test_curved_angles_by_jax(rng):
    jax = pytest.importorskip("jax", reason="JAX is in the extra `bench`")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        qnode = qml.qnode(qml.device("default.qubit", wires=2))(lambda w: curved(w, jax.numpy))
        w = jax.numpy.array(rng.uniform(-2, 2, 3))
        model = qgm.from_qnode(qnode, w)
        assert isinstance(model, HybridModel)
        value, gradient = model.value_and_grad(w)
        assert value == pytest.approx(float(qnode(w)), abs=EXACT)
        np.testing.assert_allclose(gradient, jax.grad(qnode)(w), rtol=0, atol=EXACT)
        np.testing.assert_allclose(model.hessian(w), jax.hessian(qnode)(w), rtol=0, atol=EXACT)
        jax.config.update("jax_enable_x64", False)
        with pytest.raises(ValueError, match=r"w is an array of JAX, .* single precision; set jax\.config"):
            qgm.from_qnode(qnode, w)
    finally:
        jax.config.update("jax_enable_x64", before)


def test_lightning(rng):
    @qml.qnode(qml.device("lightning.qubit", wires=3), diff_method="adjoint")
    def qnode(w):
        qml.StronglyEntanglingLayers(w, wires=range(3))
        return qml.expval(qml.Z(0) @ qml.Y(2))

    (w,) = tensors([(2, 3, 3)], rng)
    agree(qgm.from_qnode(qnode, w), qnode, w)


def test_transforms_of_the_qnode_are_applied(rng):
    @qml.defer_measurements
    @qml.qnode(qml.device("default.qubit", wires=3), diff_method="backprop")
    def teleported(w):
        qml.RY(w[0], 0)
        qml.H(1)
        qml.CNOT([1, 2])
        qml.CNOT([0, 1])
        qml.cond(qml.measure(1), qml.X)(2)
        qml.RX(w[1], 2)
        return qml.expval(qml.Z(2))

    (w,) = tensors([(2,)], rng)
    agree(qgm.from_qnode(teleported, w), teleported, w)


def test_whatever_takes_a_model_takes_it(seed):
    @qml.qnode(qml.device("default.qubit", wires=2))
    def qnode(w):
        qml.StronglyEntanglingLayers(w, wires=range(2))
        return qml.expval(2 * qml.Z(0) @ qml.Z(1) + qml.X(0))

    model = qgm.from_qnode(qnode, np.full((3, 2, 3), 0.1))
    assert repr(model).startswith(
        "QNodeModel: 2 qubits; 18 numbers, weights[0, 0, 0] ...".replace("weights", "w")
    )
    minima = qgm.train(model, starts=4, seed=seed).table
    lowest = np.linalg.eigvalsh(qml.matrix(2 * qml.Z(0) @ qml.Z(1) + qml.X(0)))[0]
    # 18 angles solve two qubits from every start, to the loss that counts as solved.
    np.testing.assert_allclose(model.in_units(minima["loss"]), lowest, rtol=0, atol=1e-7)
    moved = qgm.landscape(model.circuit, Fidelity(model.circuit.reference))
    theta = np.linspace(0, 1, 18)
    whole = qgm.landscape(model.written.circuit, Fidelity(model.circuit.reference))
    assert abs(abs(np.vdot(moved.states(theta[None])[0], whole.states(theta[None])[0])) - 1) < EXACT
    assert model.shaped(theta, np.zeros((3, 2, 3))).shape == (3, 2, 3)


MADE_OF_OTHERS = {"ctrl", "adjoint", "pow", "prod", "exp", "evolve", "layer", "cost_layer", "mixer_layer"}


def test_documented_gates_are_those_that_are_compared():
    text = Path(__file__).with_name("pennylane_circuits.py").read_text(encoding="utf-8")
    names = set(re.findall(r"qml\.(?:qaoa\.)?(\w+)", text))
    names.add("QuantumPhaseEstimation")  # compared here
    observables = {"Hamiltonian", "Projector"}
    operations = {name for name in names if isinstance(getattr(qml, name, None), type)} - observables
    page = Path(__file__).parents[2] / "docs" / "your_model.md"
    table = page.read_text(encoding="utf-8").partition("| kind | `qml.` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == operations | (names & MADE_OF_OTHERS)
    assert names >= MADE_OF_OTHERS
