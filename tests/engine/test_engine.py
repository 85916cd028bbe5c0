import dataclasses

import dense
import numpy as np
import pytest
from numba import njit

from qgmutils import circuits
from qgmutils.computing import simd
from qgmutils.computing.simd import LANES
from qgmutils.engine import (
    NumbaLandscape,
    PennylaneLandscape,
    landscape,
    observable,
    sweep,
)
from qgmutils.engine.gates import pack_circuit
from qgmutils.engine.starts import FAR
from qgmutils.losses import hamiltonians

N_CIRCUITS = 200
EXACT = 1e-10
"""All engines against each other.  Rounding leaves about 1e-12 where levels reach 128."""


def some_problem(kind, n_qubits, rng):
    """Dense, diagonal and sparse matrices: the kernels read all of them row by row."""
    dim = 2**n_qubits
    if kind == "dense":
        return hamiltonians.gue(n_qubits, seed=int(rng.integers(2**31)))
    if kind == "projector":
        return hamiltonians.projector(n_qubits, rank=int(rng.integers(1, dim)), seed=int(rng.integers(2**31)))
    if kind == "diagonal":
        return hamiltonians.from_matrix(np.diag(rng.normal(size=dim)))
    return hamiltonians.tfim(n_qubits, field=rng.normal(), coupling=rng.normal())


PROBLEMS = ("dense", "sparse", "diagonal", "projector")


def some_masks(n_qubits, n_gates, weight, rng):
    """Words with `weight` letters, or with any number from 1 to n where it is None."""
    x, z = np.zeros(n_gates, np.int64), np.zeros(n_gates, np.int64)
    for g in range(n_gates):
        letters = rng.integers(1, n_qubits + 1) if weight is None else min(weight, n_qubits)
        for wire in rng.choice(n_qubits, letters, replace=False):
            letter = rng.integers(1, 4)
            x[g] |= (letter & 1) << wire
            z[g] |= (letter >> 1) << wire
    return x, z


def some_case(index, rng):
    """Case number `index`: every size, layer count, word kind, reference state and matrix kind."""
    n = 1 + index % 7
    layers = 1 + index // 7 % 3
    # PennyLane's time is what limits the number of gates.
    p = int(rng.integers(1, 1 + (6 if n <= 5 else 4) // layers))
    reference = circuits.REFERENCE_STATES[index % 3]
    circuit = circuits.random_circuit(n, p, rng=rng, n_gates=layers * p, reference_state=reference)
    weight = ("uniform", None, 1, 2)[index // 2 % 4]
    if weight != "uniform":
        x, z = some_masks(n, circuit.n_gates, weight, rng)
        circuit = dataclasses.replace(circuit, x=x, z=z)
    if index % 2:
        shape = circuit.n_gates
        circuit = dataclasses.replace(circuit, scale=rng.normal(size=shape), offset=rng.uniform(-4, 4, shape))
    return circuit, some_problem(PROBLEMS[index // 3 % 4], n, rng)


def same(actual, expected, slack=0.0):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=EXACT + slack)


def rate(circuit):
    """Bound of the frequencies of E along each angle: 2 sum |scale| over its gates."""
    result = np.zeros(circuit.n_params)
    np.add.at(result, circuit.parameter, 2 * np.abs(circuit.scale))
    return result


@pytest.mark.parametrize("index", range(N_CIRCUITS))
def test_three_implementations_agree(index, rng):
    circuit, problem = some_case(index, rng)
    theta = rng.uniform(-np.pi, np.pi, (2, circuit.n_params))
    fast = landscape(circuit, problem)
    energy, gradient = fast.value_and_gradient(theta)
    hessian, metric = fast.hessian(theta), fast.quantum_fisher(theta)
    for k, start in enumerate(theta):
        slow = dense.Landscape(circuit, problem, start)
        same(energy[k], slow.energy)
        same(gradient[k], slow.gradient)
        same(hessian[k], slow.hessian)
        same(metric[k], slow.metric)
    pennylane = landscape(circuit, problem, engine="pennylane")
    other_energy, other_gradient = pennylane.value_and_gradient(theta[:1])
    same(other_energy, energy[:1])
    same(other_gradient, gradient[:1])
    same(pennylane.hessian(theta[:1]), hessian[:1])

    # Central differences with step h miss a derivative by h^2/6 times the third one along the angle, which
    # Bernstein's inequality bounds by w^3 L/2 (E lies in [0, L], frequencies up to w), and by the rounding
    # of E over h.
    h, top, w = 1e-4, problem.levels[-1], rate(circuit)
    rounding = 1e-13 * top
    for i, step in enumerate(h * np.eye(circuit.n_params)):
        up_energy, up_gradient = fast.value_and_gradient(theta + step)
        down_energy, down_gradient = fast.value_and_gradient(theta - step)
        truncation = h**2 / 12 * w[i] ** 3 * top
        error = np.abs((up_energy - down_energy) / (2 * h) - gradient[:, i])
        assert np.all(error <= truncation + rounding / h)
        error = np.abs((up_gradient - down_gradient) / (2 * h) - hessian[:, i])
        assert np.all(error <= w * (truncation + rounding / h))


def test_cases_cover_what_they_promise():
    cases = [some_case(i, np.random.default_rng(i)) for i in range(N_CIRCUITS)]
    layers = {(c.n_qubits, c.n_gates // c.n_params) for c, _ in cases}
    assert layers == {(n, r) for n in range(1, 8) for r in (1, 2, 3)}
    weights = {(c.n_qubits, len(w.replace("I", ""))) for c, _ in cases for w in c.words()}
    assert weights == {(n, w) for n in range(1, 8) for w in range(1, n + 1)}


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("reference", circuits.REFERENCE_STATES)
def test_every_reference_state_and_matrix(kind, reference, rng):
    problem = some_problem(kind, 3, rng)
    circuit = circuits.random_circuit(3, 4, rng=rng, n_gates=8, reference_state=reference)
    theta = rng.uniform(0, np.pi, (3, 4))
    fast, pennylane = landscape(circuit, problem), landscape(circuit, problem, engine="pennylane")
    references = [dense.Landscape(circuit, problem, start) for start in theta]
    same(pennylane.value(theta), fast.value(theta))
    for engine in (fast, pennylane):
        same(engine.value(theta), [r.energy for r in references])
        same(engine.quantum_fisher(theta), [r.metric for r in references])
        states = engine.states(theta)
        assert states.shape == (3, 8)
        for state, r in zip(states, references, strict=True):
            same(abs(np.vdot(state, r.state)), 1)
            phase = np.vdot(state, r.state)  # the phase is free
            same(state * phase / abs(phase), r.state)


def test_words_without_letters_change_nothing(rng):
    # exp(-i a 1) is a phase, on any path through the kernels.
    circuit = circuits.random_circuit(2, 3, rng=rng)
    circuit = dataclasses.replace(circuit, x=np.array([0, 3, 0]), z=np.array([0, 1, 0]))
    theta = rng.uniform(0, np.pi, (1, 3))
    fast, slow = (
        landscape(circuit, hamiltonians.gue(2)),
        dense.Landscape(circuit, hamiltonians.gue(2), theta[0]),
    )
    same(fast.value_and_gradient(theta)[1][0], slow.gradient)
    same(fast.hessian(theta)[0], slow.hessian)
    same(slow.gradient[[0, 2]], 0)


def letters(word, state):
    """A Pauli word on a state, letter by letter."""
    n = len(word)
    for wire, letter in enumerate(word):
        low, high = np.moveaxis(state.reshape(2**wire, 2, 2 ** (n - wire - 1)), 1, 0)
        if letter == "X":
            low, high = high, low
        elif letter == "Y":
            low, high = -1j * high, 1j * low
        elif letter == "Z":
            high = -high
        state = np.stack([low, high], axis=1).ravel()
    return state


def slow(circuit, problem, theta, parameters):
    """Energy, its derivatives with respect to some angles, and the state of one start: states in NumPy, forwards."""
    state, tangents = circuit.reference, np.zeros((len(parameters), problem.dim), complex)
    gates = zip(circuit.words(), circuit.parameter, circuit.scale, circuit.offset, strict=True)
    for word, parameter, scale, offset in gates:
        angle = scale * theta[parameter] + offset
        state = np.cos(angle) * state - 1j * np.sin(angle) * letters(word, state)
        tangents = np.array(
            [np.cos(angle) * each - 1j * np.sin(angle) * letters(word, each) for each in tangents]
        )
        for row in np.flatnonzero(parameters == parameter):
            tangents[row] += -1j * scale * letters(word, state)
    applied = problem.matrix @ state
    return np.vdot(state, applied).real, 2 * (tangents.conj() @ applied).real, state


@pytest.mark.parametrize("n", range(1, 13), ids=lambda n: f"few-{n}" if n <= 6 else f"{n}")
def test_every_representation(n, rng):
    # Whatever the size: the kernels against states in NumPy, and H in each way it can be stored.
    p = int(rng.integers(2, 7))
    circuit = circuits.random_circuit(n, p, rng=rng, n_gates=2 * p + 1)
    x, z = some_masks(n, circuit.n_gates, None if n % 2 else 2, rng)
    scale, offset = rng.normal(size=x.size), rng.uniform(-4, 4, x.size)
    circuit = dataclasses.replace(circuit, x=x, z=z, scale=scale, offset=offset)
    starts = int(rng.integers(1, 18))
    theta = rng.uniform(-9, 9, (starts, p))
    kinds = [
        kind for kind in PROBLEMS if n <= 9 or kind != "dense"
    ]  # the eigenvalues of 4096 levels take a minute
    if n > 10:
        kinds = ["computational"]
    seen = set()
    for kind in kinds:
        if kind == "computational":
            problem = hamiltonians.projector(n, rank=3, basis="computational")
        else:
            problem = some_problem(kind, n, rng)
        chosen = np.unique(rng.integers(0, p, 2))
        energy, gradient, state = slow(circuit, problem, theta[-1], chosen)
        for number in observable.costs(problem):
            if n > 10 and number in (observable.LOW_RANK, observable.DENSE):
                continue  # eigenvectors, or all entries, of 2^22 ... 2^24 numbers
            seen.add(number)
            fast = landscape(circuit, problem)
            fast.observable = observable.pack_problem(problem, number)
            energies, gradients = fast.value_and_gradient(theta)
            # Levels within `DEGENERACY_TOLERANCE` of the lowest count as it, and low rank leaves them out: a
            # loss misses that much, and its derivative twice as much for each gate of the angle.
            left_out = (
                problem.levels[: problem.ground_degeneracy].max() if number == observable.LOW_RANK else 0.0
            )
            same(energies[-1], energy, left_out)
            same(gradients[-1, chosen], gradient, 2 * left_out * np.abs(scale).sum())
            np.testing.assert_array_equal(fast.value(theta), energies)
        ours = fast.states(theta[-1:])[0]
        same(abs(np.vdot(ours, state)), 1)
    if 2 <= n <= 9:
        assert seen == set(observable.Representation)


def test_a_representation_that_does_not_exist():
    with pytest.raises(ValueError, match="GUE has no diagonal form: choose one of low_rank, sparse, dense"):
        observable.pack_problem(hamiltonians.gue(2), observable.DIAGONAL)


@pytest.mark.parametrize("kind", PROBLEMS)
def test_pauli_words_sum_to_the_matrix(kind, rng):
    problem = some_problem(kind, 3, rng)
    total = np.zeros((8, 8), complex)
    k = np.arange(8)
    for x, z, c in zip(*observable.pauli_words(problem.matrix), strict=True):
        total[k ^ x, k] += c * (-1.0) ** np.bitwise_count(k & z)
        # Hermitian words have i^popcount(x & z) in front.
        assert abs(c.imag if int(x & z).bit_count() % 2 == 0 else c.real) < 1e-14
    np.testing.assert_allclose(total, problem.matrix, atol=1e-13)


def test_small_pauli_words_count():
    # One that is 10^-12 of the largest one is no rounding: products of exact numbers leave none here.
    matrix = dense.pauli("ZII") + 1e-12 * dense.pauli("XYZ")
    x, z, c = observable.pauli_words(matrix)
    assert list(zip(x.tolist(), z.tolist(), strict=True)) == [(0, 4), (6, 3)]
    np.testing.assert_allclose(c, [1, 1e-12j], rtol=1e-15)


@pytest.mark.parametrize("n_gates", [63, 64, 65, 700])
def test_many_gates(n_gates, rng):
    # States grow and are scaled back on the way; every kind of pair and single gate occurs on two qubits.
    circuit = circuits.random_circuit(2, n_gates, rng=rng)
    x, z = rng.integers(0, 4, (2, n_gates))
    circuit = dataclasses.replace(circuit, x=x, z=z)
    problem = hamiltonians.gue(2)
    theta = rng.uniform(-9, 9, (1, n_gates))
    fast = landscape(circuit, problem)
    chosen = rng.integers(0, n_gates, 5)
    energy, gradient, _ = slow(circuit, problem, theta[0], chosen)
    ours = fast.value_and_gradient(theta)
    same(ours[0][0], energy)
    same(ours[1][0, chosen], gradient)
    shifts = np.pi / 4 * np.eye(n_gates)[chosen]
    rows = fast.value_and_gradient(theta + shifts)[1] - fast.value_and_gradient(theta - shifts)[1]
    same(fast.hessian(theta)[0][chosen], rows)


def test_four_thousand_gates_by_pennylane(rng):
    circuit = circuits.random_circuit(4, 4096, rng=rng)
    problem = hamiltonians.gue(4)
    theta = rng.uniform(0, np.pi, (1, 4096))
    energy, gradient = landscape(circuit, problem).value_and_gradient(theta)
    lightning = landscape(circuit, problem, engine="pennylane", device="lightning.qubit")
    other_energy, other_gradient = lightning.value_and_gradient(theta)
    same(other_energy, energy)
    same(other_gradient, gradient)


@pytest.mark.parametrize("batch", range(1, 18))
def test_batches_equal_single_starts(batch, rng):
    circuit = circuits.random_circuit(3, 5, rng=rng, n_gates=10)
    fast = landscape(circuit, hamiltonians.gue(3))
    theta = rng.uniform(-9, 9, (batch, 5))
    energy, gradient = fast.value_and_gradient(theta)
    np.testing.assert_array_equal(fast.value(theta), energy)
    whole = energy, gradient, fast.states(theta), fast.hessian(theta), fast.quantum_fisher(theta)
    for k in range(batch):
        start = theta[k : k + 1]
        single = (
            *fast.value_and_gradient(start),
            *(f(start) for f in (fast.states, fast.hessian, fast.quantum_fisher)),
        )
        for one, all_of_them in zip(single, whole, strict=True):
            np.testing.assert_array_equal(one[0], all_of_them[k])


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
def test_no_starts(engine, rng):
    circuit = circuits.random_circuit(2, 3, rng=rng)
    empty = landscape(circuit, hamiltonians.tfim(2), engine=engine)
    theta = np.zeros((0, 3))
    energy, gradient = empty.value_and_gradient(theta)
    assert (energy.shape, gradient.shape, empty.value(theta).shape) == ((0,), (0, 3), (0,))
    assert empty.states(theta).shape == (0, 4)
    assert empty.hessian(theta).shape == empty.quantum_fisher(theta).shape == (0, 3, 3)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_energy_is_periodic(layers, rng):
    circuit = circuits.random_circuit(4, 6, rng=rng, n_gates=6 * layers)
    fast = landscape(circuit, hamiltonians.gue(4))
    theta = rng.uniform(0, np.pi, (1, 6))
    for shift in np.pi * np.eye(6):
        # pi itself is rounded to 1e-16, and the sum to 1e-15.
        np.testing.assert_allclose(fast.value(theta + shift), fast.value(theta), atol=1e-13)
        if layers == 1:  # half the period already differs: the test above can fail
            assert abs(fast.value(theta + shift / 2) - fast.value(theta)) > 1e-9


def test_hessian_by_the_shift_rule(rng):
    circuit = circuits.random_circuit(5, 20, rng=rng)
    fast = landscape(circuit, hamiltonians.tfim(5))
    theta = rng.uniform(0, np.pi, (1, 20))
    shifts = np.pi / 4 * np.eye(20)
    rows = fast.value_and_gradient(theta + shifts)[1] - fast.value_and_gradient(theta - shifts)[1]
    np.testing.assert_allclose(fast.hessian(theta)[0], rows, atol=1e-12)


def test_symmetry_and_bounds(rng):
    circuit = circuits.random_circuit(4, 12, rng=rng, n_gates=24)
    problem = hamiltonians.fermi_hubbard(4)
    fast = landscape(circuit, problem)
    theta = rng.uniform(0, np.pi, (5, 12))
    energy = fast.value(theta)
    assert np.all((energy > 0) & (energy < problem.levels[-1]))
    for matrix in (*fast.hessian(theta), *fast.quantum_fisher(theta)):
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-14 * np.abs(matrix).max())
    # A metric is a Gram matrix; its largest possible diagonal is the variance of a sum of two Paulis.
    assert np.linalg.eigvalsh(fast.quantum_fisher(theta)).min() > -1e-12
    assert np.diagonal(fast.quantum_fisher(theta), axis1=1, axis2=2).max() <= 4 + 1e-12
    psi = fast.states(theta)
    np.testing.assert_allclose(np.linalg.norm(psi, axis=1), 1, atol=1e-13)
    np.testing.assert_allclose(
        np.einsum("ka,ab,kb->k", psi.conj(), problem.matrix, psi).real, energy, atol=1e-12
    )


def test_lightning_equals_numba(rng):
    # Its adjoint method knows no PauliRot; unless the QNode decomposes it, gradients are silently zero.
    circuit = circuits.random_circuit(3, 3, rng=rng, n_gates=6)
    problem = hamiltonians.gue(3)
    theta = rng.uniform(0, np.pi, (1, 3))
    lightning = landscape(circuit, problem, engine="pennylane", device="lightning.qubit")
    fast = landscape(circuit, problem)
    for ours, theirs in zip(fast.value_and_gradient(theta), lightning.value_and_gradient(theta), strict=True):
        same(theirs, ours)
    same(lightning.hessian(theta), fast.hessian(theta))
    same(lightning.quantum_fisher(theta), fast.quantum_fisher(theta))


def test_inputs_are_left_alone(rng):
    circuit, problem = circuits.random_circuit(2, 3, rng=rng), hamiltonians.tfim(2)
    theta = rng.uniform(0, np.pi, (2, 3))
    before = theta.copy()
    fast = landscape(circuit, problem)
    energy = fast.value(theta)
    fast.hessian(theta)
    np.testing.assert_array_equal(theta, before)
    # Any order of memory, read-only arrays and plain lists give the same numbers.
    theta.flags.writeable = False
    for same_numbers in (theta, np.asfortranarray(theta), theta.tolist()):
        np.testing.assert_array_equal(fast.value(same_numbers), energy)


# --- explicit vectors ---


@njit
def _arithmetic(a, b, c, out):
    x, y, z = simd.load(a, 0), simd.load(b, 0), simd.load(c, 0)
    simd.store(out, 0, simd.add(x, y))
    simd.store(out, LANES, simd.sub(x, y))
    simd.store(out, 2 * LANES, simd.mul(x, y))
    simd.store(out, 3 * LANES, simd.fma(x, y, z))
    simd.store(out, 4 * LANES, simd.fnma(x, y, z))
    simd.store(out, 5 * LANES, simd.copysign(x, y))
    simd.store(simd.address(out), 6 * LANES, simd.splat(a[1]))
    return simd.horizontal_sum(x)


def test_vector_arithmetic(rng):
    a, b, c = rng.normal(scale=5, size=(3, LANES))
    out = np.zeros(7 * LANES)
    total = _arithmetic(a, b, c, out)
    out = out.reshape(7, LANES)
    exact = {0: a + b, 1: a - b, 2: a * b, 5: np.copysign(a, b), 6: np.full(LANES, a[1])}
    for row, expected in exact.items():
        np.testing.assert_array_equal(out[row], expected)
    # One rounding here, two in NumPy: three halves of a unit of the terms' sizes at most.
    size = 3.4e-16 * (np.abs(a * b) + np.abs(c))
    assert np.all(np.abs(out[3] - (a * b + c)) <= size)
    assert np.all(np.abs(out[4] - (c - a * b)) <= size)
    while len(a) > 1:  # pairwise
        a = a[: len(a) // 2] + a[len(a) // 2 :]
    assert total == a[0]


@pytest.mark.skipif(not simd.FUSED, reason="this machine has no fused multiply-add")
def test_multiply_add_rounds_once():
    # (1 + e)(1 - e) - 1 = -e^2 exactly; with the product rounded first it is 0.
    e = 2.0**-30
    out = np.zeros(7 * LANES)
    ones = np.ones(LANES)
    _arithmetic(ones * (1 + e), ones * (1 - e), -ones, out)
    np.testing.assert_array_equal(out[3 * LANES : 4 * LANES], np.full(LANES, -(e**2)))
    _arithmetic(ones * (1 + e), ones * (1 - e), ones, out)
    np.testing.assert_array_equal(out[4 * LANES : 5 * LANES], np.full(LANES, e**2))


@njit
def _reduce(gates, work, theta):
    sweep.set_out(gates, gates.reference, work, theta, False)


def test_reduced_angles(rng):
    quarter = np.pi / 2 * np.concatenate([np.arange(-6300, 6300), np.arange(630_000, 636_000)])
    x = np.concatenate(
        [
            rng.uniform(-FAR, FAR, 80_000),
            rng.uniform(-4, 4, 80_000),
            quarter[np.abs(quarter) < FAR],
            quarter[np.abs(quarter) < FAR] * (1 + 1e-12),
            np.array([0.0, -0.0, 1e-300, -1e-300, 1e-20, FAR, -FAR]),
        ]
    )
    x = np.concatenate([x, np.zeros(-x.size % LANES)])
    # The words are all the same, so that no sign turns; each angle sits in a gate of its own.
    q = x.size // LANES
    nothing = np.zeros(q, np.int64)
    one = np.eye(1, 2, dtype=complex)[0]
    circuit = circuits.Circuit(1, q, nothing + 1, nothing, np.arange(q), np.ones(q), np.zeros(q), one)
    work = sweep.allocate(circuit)
    _reduce(pack_circuit(circuit), work, x)
    # longdouble where the machine has one, else numpy's sine, itself good to one unit in the last place.
    exact = x.astype(np.longdouble)
    turns = np.rint(x * (2 / np.pi))
    swap = turns % 2 == 1
    sine = np.where(swap, -np.cos(exact), np.sin(exact))
    cosine = np.where(swap, np.sin(exact), np.cos(exact))
    unit = np.finfo(float).eps
    assert np.abs(work.tangent).max() <= 1 + 4 * unit
    assert np.abs(work.cosine - np.abs(cosine)).max() < 2 * unit
    error = np.abs(work.tangent - sine / cosine)
    assert error.max() < 4 * unit
    # Near the multiples of pi/2 it is that accurate relative to its size: the reduction carries pi/2 in two parts,
    # which leave out 1.5e-33.
    assert np.all(error <= 8 * unit * np.abs(sine / cosine) + 1.6e-33 * np.abs(turns))
    # What is left over of each lane is X where the number of odd turns is odd.
    np.testing.assert_array_equal(work.frame_x, np.sum(swap.reshape(q, LANES), axis=0) % 2)
    np.testing.assert_array_equal(work.frame_z, 0)


def test_left_over_words_turn_signs():
    # exp(-i a X) exp(-i b Z) with a = pi/2 + y is, up to a phase, exp(-i y X) exp(+i b Z) X.
    y, b = 0.3, 0.2
    reference = np.array([0.6, 0.8j])
    circuit = circuits.Circuit(
        1, 2, np.array([0, 1]), np.array([1, 0]), np.arange(2), np.ones(2), np.zeros(2), reference
    )
    work = sweep.allocate(circuit)
    _reduce(pack_circuit(circuit), work, np.repeat([b, np.pi / 2 + y], LANES))
    np.testing.assert_allclose(work.tangent.reshape(2, LANES)[:, 0], [-np.tan(b), np.tan(y)], rtol=1e-14)
    np.testing.assert_allclose(work.cosine.reshape(2, LANES)[:, 0], [-np.cos(b), np.cos(y)], rtol=1e-14)
    np.testing.assert_array_equal(work.psi[::LANES], [0, 0.8, 0.6, 0])  # X exchanges the amplitudes


# --- what is refused ---


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
@pytest.mark.parametrize("method", ["value", "value_and_gradient", "states", "hessian", "quantum_fisher"])
@pytest.mark.parametrize(
    ("theta", "message"),
    [
        (np.zeros(3), r"theta must have shape \(starts, 3\), got \(3,\)"),
        (np.zeros((2, 4)), r"theta must have shape \(starts, 3\), got \(2, 4\)"),
        (np.zeros((1, 1, 3)), r"got \(1, 1, 3\)"),
        (0.0, r"theta must have shape \(starts, 3\)"),
        ([[0, np.nan, 0]], "theta has entries that are not finite"),
        ([[0, np.inf, 0]], "theta has entries that are not finite"),
    ],
)
def test_bad_angles(engine, method, theta, message):
    circuit = circuits.random_circuit(2, 3, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=message):
        getattr(landscape(circuit, hamiltonians.tfim(2), engine=engine), method)(theta)


def test_engines(rng):
    circuit, problem = circuits.random_circuit(2, 1, rng=rng), hamiltonians.tfim(2)
    assert isinstance(landscape(circuit, problem), NumbaLandscape)
    assert isinstance(landscape(circuit, problem, engine="pennylane"), PennylaneLandscape)


def test_bad_engines(rng):
    circuit, problem = circuits.random_circuit(2, 1, rng=rng), hamiltonians.tfim(2)
    with pytest.raises(ValueError, match="unknown engine 'tpu': choose one of numba, cuda, pennylane"):
        landscape(circuit, problem, engine="tpu")
    with pytest.raises(
        ValueError, match=r"device='lightning\.qubit' needs engine='pennylane', got engine='numba'"
    ):
        landscape(circuit, problem, device="lightning.qubit")
    with pytest.raises(ValueError, match=r"cannot create the device 'no\.such': .*'default\.qubit'"):
        landscape(circuit, problem, engine="pennylane", device="no.such")
    for engine in ("numba", "pennylane"):
        with pytest.raises(ValueError, match="the circuit has 2 qubits, the loss 3"):
            landscape(circuit, hamiltonians.tfim(3), engine=engine)


def test_gpu_device_without_a_gpu(rng):
    import pennylane as qml

    try:
        qml.device("lightning.gpu", wires=1)
    except Exception as error:
        reason = str(error)
    else:
        pytest.skip("this machine has a GPU that PennyLane can use")
    circuit, problem = circuits.random_circuit(2, 1, rng=rng), hamiltonians.tfim(2)
    with pytest.raises(
        ValueError, match=r"'lightning\.gpu': .* NVIDIA GPU .* qgmutils\[gpu\].*'default\.qubit'"
    ) as info:
        landscape(circuit, problem, engine="pennylane", device="lightning.gpu")
    assert reason[:40] in str(info.value)  # PennyLane's own words are quoted


def test_missing_driver_is_reported(rng, monkeypatch):
    import pennylane as qml

    def device(*args, **kwargs):
        raise RuntimeError("CUDA driver version is insufficient for CUDA runtime version")

    monkeypatch.setattr(qml, "device", device)
    circuit, problem = circuits.random_circuit(2, 1, rng=rng), hamiltonians.tfim(2)
    with pytest.raises(ValueError, match=r"'lightning\.gpu': CUDA driver .* insufficient .* NVIDIA GPU"):
        landscape(circuit, problem, engine="pennylane", device="lightning.gpu")
