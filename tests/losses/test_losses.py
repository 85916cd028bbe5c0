"""Every loss against dense matrices, against PennyLane with autograd, and by hand."""

import copy
import dataclasses
import itertools
import pickle

import autograd
import autograd.numpy as anp
import dense
import numpy as np
import pennylane as qml
import pytest
import scipy.stats

from qgmutils import circuits
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians
from qgmutils.losses.born_machine import DIVERGENCES, BornMachine, hamming_kernel
from qgmutils.losses.error_probability import ErrorProbability
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.unitary import UnitaryDistance

EXACT = 1e-9
"""Against references in double precision: derivatives of "kl" and "tv" reach 10^4, of which 1e-13 is rounding."""

KINDS = (
    "fidelity",
    *DIVERGENCES,
    "sparse target",
    "fewer kl",
    "fewer mmd",
    "least squares",
    "diagonal",
    "sparse",
    "labels",
    "unitary",
    "up to phase",
)


def some_states(count, n_qubits, rng):
    return np.array([circuits.haar_state(2**n_qubits, rng) for _ in range(count)])


def some_circuit(n_qubits, n_params, n_gates, rng):
    """Words of any kind, the identity too, with shared angles, scales, offsets and gates in any order."""
    circuit = circuits.random_circuit(n_qubits, n_params, rng=rng, n_gates=n_gates)
    q, dim = circuit.n_gates, 2**n_qubits
    return dataclasses.replace(
        circuit,
        x=rng.integers(0, dim, q),
        z=rng.integers(0, dim, q),
        parameter=rng.permutation(circuit.parameter),
        scale=rng.normal(size=q),
        offset=rng.uniform(-4, 4, q),
    )


def some_loss(kind, n_qubits, rng):
    """A loss, and its definition as a function of the real and imaginary parts (M, N) of the final states."""
    dim = 2**n_qubits
    if kind == "fidelity":
        target = circuits.haar_state(dim, rng)

        def infidelity(re, im):
            real = anp.sum(re * target.real + im * target.imag)
            imaginary = anp.sum(im * target.real - re * target.imag)
            return 1 - real**2 - imaginary**2

        return Fidelity(target), infidelity
    if kind == "labels":
        inputs, labels = some_states(3, n_qubits, rng), np.array([1.0, -1.0, 1.0])
        turn = scipy.stats.unitary_group.rvs(dim, random_state=rng)
        observable = turn @ np.diag(np.resize([1.0, -1.0], dim)) @ turn.conj().T

        def errors(re, im):
            image_re = re @ observable.real.T - im @ observable.imag.T
            image_im = re @ observable.imag.T + im @ observable.real.T
            return anp.mean((1 - labels * anp.sum(re * image_re + im * image_im, axis=1)) / 2)

        return ErrorProbability(inputs, observable, labels), errors
    if kind in ("unitary", "up to phase"):
        target = scipy.stats.unitary_group.rvs(dim, random_state=rng)

        def distance(re, im):
            if kind == "unitary":
                return anp.sum((re - target.real.T) ** 2 + (im - target.imag.T) ** 2) / (2 * dim)
            real = anp.sum(re * target.real.T + im * target.imag.T)
            imaginary = anp.sum(im * target.real.T - re * target.imag.T)
            return 1 - (real**2 + imaginary**2) / dim**2

        return UnitaryDistance(target, phase=kind == "unitary"), distance
    if kind in ("least squares", "diagonal", "sparse"):
        inputs, targets = some_states(3, n_qubits, rng), rng.normal(size=3)
        matrix = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
        if kind == "diagonal":
            matrix = np.diag(rng.normal(size=dim))
        if kind == "sparse":
            matrix = np.zeros((dim, dim), complex)
            matrix[0, -1], matrix[1, 1] = 2 - 1j, 0.5
        observable = matrix + matrix.conj().T

        def squares(re, im):
            image_re = re @ observable.real.T - im @ observable.imag.T
            image_im = re @ observable.imag.T + im @ observable.real.T
            return anp.mean((anp.sum(re * image_re + im * image_im, axis=1) - targets) ** 2)

        return LeastSquares(inputs, observable, targets), squares
    others = int(kind.startswith("fewer") and n_qubits > 1)
    kind, measured = kind.removeprefix("fewer "), n_qubits - others
    target = rng.dirichlet(np.ones(2**measured))
    if kind == "sparse target":
        target[0] = 0.0
        target /= target.sum()
        kind = "kl"
    bits = np.array(list(itertools.product([0, 1], repeat=measured)))
    distances = np.sum((bits[:, None] - bits) ** 2, axis=2)

    def divergence(re, im):
        p = anp.sum(anp.reshape((re**2 + im**2)[0], (2**measured, -1)), axis=1)
        off = p - target
        if kind == "kl":
            inside = target > 0
            return anp.sum(target[inside] * (np.log(target[inside]) - anp.log(p[inside])))
        if kind == "l2":
            return anp.sum(off**2)
        if kind == "tv":
            return anp.sum(anp.sqrt(off**2 + 0.05**2) - 0.05) / 2
        kernel = (np.exp(-distances / 0.5) + np.exp(-distances / 8)) / 2
        return anp.dot(off, anp.dot(kernel, off))

    return BornMachine(target, kind, epsilon=0.05, n_others=others), divergence


def inputs_of(circuit, loss):
    return circuit.reference[None] if loss.inputs is None else loss.inputs


def by_matrices(circuit, loss, definition, theta):
    """Value, gradient, Hessian and metric of one start."""
    states, first, second = (
        np.stack(parts, axis=-2)
        for parts in zip(*(dense.derivatives(circuit, theta, each) for each in inputs_of(circuit, loss)))
    )
    size = states.size

    def of_parts(parts):
        return definition(parts[:size].reshape(states.shape), parts[size:].reshape(states.shape))

    def in_parts(array):
        flat = array.reshape(*array.shape[:-2], size)
        return np.concatenate([flat.real, flat.imag], axis=-1)

    at, along, curved = (in_parts(each) for each in (states, first, second))
    slopes, second_slopes = autograd.grad(of_parts)(at), autograd.hessian(of_parts)(at)
    hessian = along @ second_slopes @ along.T + curved @ slopes
    metric = sum(dense.metric(states[m], first[:, m]) for m in range(len(states)))
    return of_parts(at), along @ slopes, hessian, metric


def by_pennylane(circuit, loss, definition, theta):
    """Value, gradient and Hessian of one start: states differentiated by autograd through default.qubit."""
    gates = list(zip(circuit.words(), circuit.parameter, circuit.scale, circuit.offset, strict=True))
    wires = range(circuit.n_qubits)

    @qml.qnode(qml.device("default.qubit", wires=circuit.n_qubits), diff_method="backprop")
    def state(angles, start):
        qml.StatePrep(start, wires=wires)
        for word, parameter, scale, offset in gates:
            qml.PauliRot(2 * (scale * angles[parameter] + offset), word, wires=wires)
        return qml.state()

    def value(angles):
        states = [state(angles, each.copy()) for each in inputs_of(circuit, loss)]
        return definition(anp.real(anp.stack(states)), anp.imag(anp.stack(states)))

    angles = qml.numpy.array(theta, requires_grad=True)
    return value(angles), qml.grad(value)(angles), qml.jacobian(qml.grad(value))(angles)


def same(actual, expected):
    expected = np.asarray(expected, dtype=float)
    np.testing.assert_allclose(actual, expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("n_qubits", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_against_dense_matrices(kind, n_qubits, rng):
    circuit = some_circuit(n_qubits, 3, 7, rng)
    loss, definition = some_loss(kind, n_qubits, rng)
    theta = rng.uniform(-4, 4, (3, 3))
    fast = landscape(circuit, loss)
    values, gradient = fast.value_and_gradient(theta)
    hessian, metric = fast.hessian(theta), fast.quantum_fisher(theta)
    np.testing.assert_array_equal(fast.value(theta), values)
    for k, start in enumerate(theta):
        expected = by_matrices(circuit, loss, definition, start)
        for ours, reference in zip((values[k], gradient[k], hessian[k], metric[k]), expected, strict=True):
            same(ours, reference)


@pytest.mark.parametrize("kind", KINDS)
def test_against_pennylane(kind, rng):
    circuit = some_circuit(2, 2, 5, rng)
    loss, definition = some_loss(kind, 2, rng)
    theta = rng.uniform(-4, 4, (1, 2))
    fast, slow = landscape(circuit, loss), landscape(circuit, loss, engine="pennylane")
    expected = by_pennylane(circuit, loss, definition, theta[0])
    for engine in (fast, slow):
        values, gradient = engine.value_and_gradient(theta)
        for ours, reference in zip((values, gradient, engine.hessian(theta)), expected, strict=True):
            same(ours[0], reference)
    same(slow.value(theta), values)
    same(slow.quantum_fisher(theta), fast.quantum_fisher(theta))
    overlaps = np.sum(slow.states(theta).conj() * fast.states(theta), axis=-1)
    if loss.phase_sensitive:
        same(overlaps.real, 1)
    else:  # one phase for all inputs
        same(np.abs(np.sum(overlaps)), overlaps.size)


@pytest.mark.parametrize("kind", KINDS)
def test_curvature_is_that_of_the_cotangents(kind, rng):
    loss, _ = some_loss(kind, 2, rng)
    if kind == "tv":  # whose corners would need a smaller step
        loss = dataclasses.replace(loss, epsilon=1.0)
    shape = (1 if loss.inputs is None else len(loss.inputs), 4)
    states, *tangents = rng.normal(size=(4, *shape)) + 1j * rng.normal(size=(4, *shape))
    differences = super(type(loss), loss).curvature(states, np.array(tangents))
    # Of fourth order in a step of 1e-3, which leaves 1e-12 of fifth derivatives, and rounding of 1e-13 of a slope.
    np.testing.assert_allclose(
        loss.curvature(states, np.array(tangents)),
        differences,
        rtol=0,
        atol=1e-8 * max(1, np.abs(differences).max()),
    )


def reached(kind, circuit, theta, rng):
    """A loss that is 0 for the circuit at theta."""
    dim = 2**circuit.n_qubits
    if kind == "labels":
        inputs = some_states(2, circuit.n_qubits, rng)
        finals = np.array([dense.derivatives(circuit, theta, each)[0] for each in inputs])
        inside = np.linalg.qr(finals.T)[0]
        return ErrorProbability(inputs, 2 * inside @ inside.conj().T - np.eye(dim), [1, 1])
    if kind in ("unitary", "up to phase"):
        target = np.linalg.multi_dot([np.eye(dim), *reversed(dense.gates(circuit, theta))])
        return UnitaryDistance(target if kind == "unitary" else 1j * target, phase=kind == "unitary")
    psi = dense.state(circuit, theta)
    if kind == "fidelity":
        return Fidelity(1j * psi)
    if kind in DIVERGENCES:
        return BornMachine(np.abs(psi) ** 2 / np.sum(np.abs(psi) ** 2), kind)
    inputs, teacher = some_states(4, circuit.n_qubits, rng), hamiltonians.gue(circuit.n_qubits)
    finals = [dense.derivatives(circuit, theta, each)[0] for each in inputs]
    return LeastSquares(inputs, teacher, [np.vdot(each, teacher.matrix @ each).real for each in finals])


@pytest.mark.parametrize(
    "kind", ["fidelity", *DIVERGENCES, "least squares", "labels", "unitary", "up to phase"]
)
def test_the_floor_is_reached_and_never_passed(kind, rng):
    circuit = some_circuit(2, 4, 6, rng)
    theta = rng.uniform(-4, 4, 4)
    loss = reached(kind, circuit, theta, rng)
    fast = landscape(circuit, loss)
    value, gradient = fast.value_and_gradient(theta[None])
    assert loss.floor == 0
    assert abs(value[0]) < 1e-12
    assert np.abs(gradient).max() < 1e-9
    assert np.linalg.eigvalsh(fast.hessian(theta[None])[0]).min() > -1e-9
    others = fast.value(rng.uniform(-4, 4, (100, 4)))
    assert others.min() > -1e-12
    assert others.max() > 1e-3  # or nothing has been shown
    if kind != "kl":  # unbounded
        assert others.max() <= loss.scale


def test_first_gaps_of_unitaries(rng):
    # Stationary where T^dagger U has the eigenvalues 1 and -1: the next values after 0 have one -1.
    for phase, n_qubits in itertools.product([True, False], [1, 2, 3]):
        dim = 2**n_qubits
        flip = np.ones(dim)
        flip[0] = -1
        loss = UnitaryDistance(np.eye(dim), phase)
        values, cotangents = loss.value_and_cotangent(np.diag(flip).astype(complex)[None])
        same(values[0], loss.first_gap)
        # Along i A U, for any Hermitian A, the derivative is 2 Re tr(cotangent^dagger i A U) = 0.
        a = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
        along = 1j * (a + a.conj().T) @ np.diag(flip)
        same(2 * np.real(np.vdot(cotangents[0], along.T)), 0)


def test_divergences_by_hand():
    psi = np.array([np.sqrt(0.5), 0.5, 0.5j, 0.0])
    q = np.array([0.25, 0.25, 0.5, 0.0])
    off = np.array([0.25, 0.0, -0.25, 0.0])
    expected = {
        "kl": 0.25 * np.log(0.5) + 0.5 * np.log(2),
        "l2": 0.125,
        "tv": 0.25 + np.sqrt(1e-12 + 0.0625) - 0.25 - 1e-6,
        "mmd": off @ hamming_kernel(2) @ off,
    }
    for name, value in expected.items():
        found, _ = BornMachine(q, name, epsilon=1e-6).value_and_cotangent(psi[None, None])
        np.testing.assert_allclose(found, [value], rtol=1e-14)


def test_an_impossible_outcome_that_is_wanted():
    # At p_x = 0 < q_x the logarithm has no slope.
    loss = BornMachine([0.5, 0.5])
    values, cotangents = loss.value_and_cotangent(np.array([[[1.0 + 0j, 0]], [[np.sqrt(0.5), np.sqrt(0.5)]]]))
    assert values[0] == np.inf
    assert np.isnan(cotangents[0, 0, 1])
    same(values[1], 0)
    # What is not wanted may have any probability.
    values, cotangents = BornMachine([0.0, 1.0]).value_and_cotangent(np.array([[[0.6 + 0j, 0.8]]]))
    same(values[0], -np.log(0.64))
    same(np.abs(cotangents[0, 0]), [0, 1 / 0.8])


def test_kernels(rng):
    kernel = hamming_kernel(4)
    assert np.linalg.eigvalsh(kernel).min() > 0.01
    np.testing.assert_allclose(np.diagonal(kernel), 1, rtol=1e-15)
    # Qubits are alike: any order of them gives the same kernel.
    order = np.arange(16).reshape(2, 2, 2, 2).transpose(rng.permutation(4)).ravel()
    np.testing.assert_allclose(kernel[np.ix_(order, order)], kernel, rtol=1e-15)
    q = rng.dirichlet(np.ones(4))
    states = some_states(2, 2, rng)[:, None]
    given, plain = (
        BornMachine(q, name, kernel=np.eye(4)).value_and_cotangent(states) for name in ("mmd", "l2")
    )
    for ours, theirs in zip(given, plain, strict=True):
        same(np.abs(ours), np.abs(theirs))


def test_an_energy_as_an_observable(rng):
    inputs, targets = some_states(2, 3, rng), rng.normal(size=2)
    energy = hamiltonians.gue(3)
    one, other = (LeastSquares(inputs, each, targets) for each in (energy, energy.matrix))
    np.testing.assert_array_equal(one.observable, other.observable)
    assert one.n_qubits == 3


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_read_only(kind, rng):
    loss, _ = some_loss(kind, 2, rng)
    states = some_states(len(inputs_of(circuits.random_circuit(2, 1, rng=rng), loss)), 2, rng)[None]
    for again in (loss, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), loss.build()):
        np.testing.assert_array_equal(
            again.value_and_cotangent(states)[1], loss.value_and_cotangent(states)[1]
        )
        assert again.name == loss.name
        for field in dataclasses.fields(again):
            value = getattr(again, field.name)
            if isinstance(value, np.ndarray):
                with pytest.raises(ValueError, match=r"read-only|cannot set WRITEABLE"):
                    value.flags.writeable = True


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_distribution_are_equal_to_the_last_bit(seed):
    # Draws of samples differ where a probability does, by however little.
    values = np.random.default_rng(seed).random(8)
    for target in (values / values.sum(), (values / values.sum()).astype(np.float32)):
        loss = BornMachine(target)
        for again in (loss, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), BornMachine(loss.target)):
            assert again.target.tobytes() == loss.target.tobytes()
        assert loss.target.sum() == pytest.approx(1, abs=1e-15)


HALF = [0.5, 0.5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fidelity([1, 1]), r"the target must be normalised, but number 0 has the norm 1\.41421"),
        (lambda: Fidelity([1, 0, 0]), r"the target must have 2\^n entries .* got the shape \(3,\)"),
        (lambda: Fidelity(np.eye(2)), r"the target must have 2\^n entries .* got the shape \(2, 2\)"),
        (lambda: Fidelity("zero"), "the target must be an array of complex numbers"),
        (lambda: BornMachine([0.5, 0.6]), r"must be a distribution: .* the sum 1\.1"),
        (lambda: BornMachine([1.5, -0.5]), r"must be a distribution: .* a least one of -0\.5"),
        (lambda: BornMachine([np.nan, 0.5]), "the target has 1 entries that are nan"),
        (lambda: BornMachine([1.0]), r"must have 2\^n entries for n >= 1 qubits, got the shape \(1,\)"),
        (
            lambda: BornMachine(HALF, "kl2"),
            "unknown divergence 'kl2': choose one of kl, l2, tv, mmd; did you mean",
        ),
        (lambda: BornMachine(HALF, "tv", epsilon=0), "epsilon must be positive, got 0"),
        (
            lambda: BornMachine(HALF, "mmd", kernel=np.eye(4)),
            r"matrix of shape \(2, 2\), got the shape \(4, 4\)",
        ),
        (lambda: BornMachine(HALF, "mmd", kernel=[[1, 2], [2, 1]]), "without negative eigenvalues, .* -1"),
        (lambda: BornMachine(HALF, "mmd", kernel=[[1, 0.5], [0, 1]]), r"largest \|K - K\^T\| is 0.5"),
        (lambda: hamming_kernel(2, [0.0]), "a bandwidth must be positive"),
        (
            lambda: LeastSquares(np.eye(2), [[0, 1], [2, 0]], [0, 0]),
            r"not Hermitian: max \|O - O\^dagger\| = 1",
        ),
        (lambda: LeastSquares(np.eye(2), np.eye(3), [0, 0]), r"the observable must have 2\^n x 2\^n entries"),
        (lambda: LeastSquares(np.eye(4), np.eye(2), [0, 0]), r"the inputs must have the shape \(M, 2\)"),
        (
            lambda: LeastSquares(2 * np.eye(2), np.eye(2), [0, 0]),
            "the inputs must be normalised, .* norm 2; divide",
        ),
        (
            lambda: LeastSquares(np.eye(2), np.eye(2), [0, 0, 0]),
            r"target for each of 2 inputs and 1 observables, got shape \(3,\)",
        ),
        (lambda: LeastSquares(np.eye(2), np.eye(2), [0, np.inf]), "one finite target"),
        (lambda: ErrorProbability(np.eye(2), [[1, 1], [0, 1]], [1, 1]), "an entry of O - O.dagger is 1"),
        (lambda: ErrorProbability(np.eye(2), np.diag([2, 1]), [1, 1]), r"an entry of O\^2 - 1 is 3"),
        (lambda: ErrorProbability(np.eye(2), -np.eye(2), [1, 1]), "has the eigenvalue -1 alone"),
        (lambda: ErrorProbability(np.eye(2), np.diag([1, -1]), [1, 0]), r"of 2 inputs, got \[1. 0.\]; other"),
        (
            lambda: ErrorProbability(np.eye(2), np.diag([1, -1]), [1]),
            "one label of -1 or 1 for each of 2 inputs",
        ),
        (
            lambda: UnitaryDistance(2 * np.eye(2)),
            r"must be unitary, but an entry of T\^dagger T - 1 is 3; scipy",
        ),
        (lambda: UnitaryDistance(np.eye(2), phase="no"), "phase must be True or False, got 'no'"),
        (lambda: UnitaryDistance(np.ones((2, 4))), r"the target must have 2\^n x 2\^n entries .* \(2, 4\)"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
