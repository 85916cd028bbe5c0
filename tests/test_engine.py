import dataclasses

import dense
import numpy as np
import pytest
from numba import njit

from qgmutils import circuits, problems
from qgmutils.engine import NumbaLandscape, PennylaneLandscape, landscape, simd

N_CIRCUITS = 200
EXACT = 1e-10
"""All engines against each other.  Rounding leaves about 1e-12 where levels reach 128."""


def some_problem(kind, n_qubits, rng):
    """Dense, diagonal and sparse matrices: the kernels read all of them row by row."""
    dim = 2**n_qubits
    if kind == "dense":
        return problems.gue(n_qubits, seed=int(rng.integers(2**31)))
    if kind == "projector":
        return problems.projector(n_qubits, rank=int(rng.integers(1, dim)), seed=int(rng.integers(2**31)))
    if kind == "diagonal":
        return problems.from_matrix(np.diag(rng.normal(size=dim)))
    return problems.tfim(n_qubits, field=rng.normal(), coupling=rng.normal())


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


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=EXACT)


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
    energy, gradient = fast.energy_and_gradient(theta)
    hessian, metric = fast.hessian(theta), fast.quantum_fisher(theta)
    for k, start in enumerate(theta):
        slow = dense.Landscape(circuit, problem, start)
        same(energy[k], slow.energy)
        same(gradient[k], slow.gradient)
        same(hessian[k], slow.hessian)
        same(metric[k], slow.metric)
    pennylane = landscape(circuit, problem, engine="pennylane")
    other_energy, other_gradient = pennylane.energy_and_gradient(theta[:1])
    same(other_energy, energy[:1])
    same(other_gradient, gradient[:1])
    same(pennylane.hessian(theta[:1]), hessian[:1])

    # Central differences with step h miss a derivative by h^2/6 times the third one along the angle, which
    # Bernstein's inequality bounds by w^3 L/2 (E lies in [0, L], frequencies up to w), and by the rounding
    # of E over h.
    h, top, w = 1e-4, problem.levels[-1], rate(circuit)
    rounding = 1e-13 * top
    for i, step in enumerate(h * np.eye(circuit.n_params)):
        up_energy, up_gradient = fast.energy_and_gradient(theta + step)
        down_energy, down_gradient = fast.energy_and_gradient(theta - step)
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
    same(pennylane.energy(theta), fast.energy(theta))
    for engine in (fast, pennylane):
        same(engine.energy(theta), [r.energy for r in references])
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
    fast, slow = landscape(circuit, problems.gue(2)), dense.Landscape(circuit, problems.gue(2), theta[0])
    same(fast.energy_and_gradient(theta)[1][0], slow.gradient)
    same(fast.hessian(theta)[0], slow.hessian)
    same(slow.gradient[[0, 2]], 0)


@pytest.mark.parametrize("batch", range(1, 18))
def test_batches_equal_single_starts(batch, rng):
    circuit = circuits.random_circuit(3, 5, rng=rng, n_gates=10)
    fast = landscape(circuit, problems.gue(3))
    theta = rng.uniform(-9, 9, (batch, 5))
    energy, gradient = fast.energy_and_gradient(theta)
    np.testing.assert_array_equal(fast.energy(theta), energy)
    whole = energy, gradient, fast.states(theta), fast.hessian(theta), fast.quantum_fisher(theta)
    for k in range(batch):
        start = theta[k : k + 1]
        single = (
            *fast.energy_and_gradient(start),
            *(f(start) for f in (fast.states, fast.hessian, fast.quantum_fisher)),
        )
        for one, all_of_them in zip(single, whole, strict=True):
            np.testing.assert_array_equal(one[0], all_of_them[k])


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
def test_no_starts(engine, rng):
    circuit = circuits.random_circuit(2, 3, rng=rng)
    empty = landscape(circuit, problems.tfim(2), engine=engine)
    theta = np.zeros((0, 3))
    energy, gradient = empty.energy_and_gradient(theta)
    assert (energy.shape, gradient.shape, empty.energy(theta).shape) == ((0,), (0, 3), (0,))
    assert empty.states(theta).shape == (0, 4)
    assert empty.hessian(theta).shape == empty.quantum_fisher(theta).shape == (0, 3, 3)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_energy_is_periodic(layers, rng):
    circuit = circuits.random_circuit(4, 6, rng=rng, n_gates=6 * layers)
    fast = landscape(circuit, problems.gue(4))
    theta = rng.uniform(0, np.pi, (1, 6))
    for shift in np.pi * np.eye(6):
        # pi itself is rounded to 1e-16, and the sum to 1e-15.
        np.testing.assert_allclose(fast.energy(theta + shift), fast.energy(theta), atol=1e-13)
        if layers == 1:  # half the period already differs: the test above can fail
            assert abs(fast.energy(theta + shift / 2) - fast.energy(theta)) > 1e-9


def test_hessian_by_the_shift_rule(rng):
    circuit = circuits.random_circuit(5, 20, rng=rng)
    fast = landscape(circuit, problems.tfim(5))
    theta = rng.uniform(0, np.pi, (1, 20))
    shifts = np.pi / 4 * np.eye(20)
    rows = fast.energy_and_gradient(theta + shifts)[1] - fast.energy_and_gradient(theta - shifts)[1]
    np.testing.assert_allclose(fast.hessian(theta)[0], rows, atol=1e-12)


def test_symmetry_and_bounds(rng):
    circuit = circuits.random_circuit(4, 12, rng=rng, n_gates=24)
    problem = problems.fermi_hubbard(4)
    fast = landscape(circuit, problem)
    theta = rng.uniform(0, np.pi, (5, 12))
    energy = fast.energy(theta)
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
    problem = problems.gue(3)
    theta = rng.uniform(0, np.pi, (1, 3))
    lightning = landscape(circuit, problem, engine="pennylane", device="lightning.qubit")
    fast = landscape(circuit, problem)
    for ours, theirs in zip(
        fast.energy_and_gradient(theta), lightning.energy_and_gradient(theta), strict=True
    ):
        same(theirs, ours)
    same(lightning.hessian(theta), fast.hessian(theta))
    same(lightning.quantum_fisher(theta), fast.quantum_fisher(theta))


def test_inputs_are_left_alone(rng):
    circuit, problem = circuits.random_circuit(2, 3, rng=rng), problems.tfim(2)
    theta = rng.uniform(0, np.pi, (2, 3))
    before = theta.copy()
    fast = landscape(circuit, problem)
    energy = fast.energy(theta)
    fast.hessian(theta)
    np.testing.assert_array_equal(theta, before)
    # Any order of memory, read-only arrays and plain lists give the same numbers.
    theta.flags.writeable = False
    for same_numbers in (theta, np.asfortranarray(theta), theta.tolist()):
        np.testing.assert_array_equal(fast.energy(same_numbers), energy)


# --- explicit vectors ---


@njit
def _sincos(x, sine, cosine):
    for k in range(0, x.size, 8):
        s, c = simd.sincos(simd.load(x, k))
        simd.store(sine, k, s)
        simd.store(cosine, k, c)


@njit
def _arithmetic(a, b, c, out):
    x, y, z = simd.load(a, 0), simd.load(b, 0), simd.load(c, 0)
    simd.store(out, 0, simd.add(x, y))
    simd.store(out, 8, simd.sub(x, y))
    simd.store(out, 16, simd.mul(x, y))
    simd.store(out, 24, simd.fma(x, y, z))
    simd.store(out, 32, simd.fnma(x, y, z))
    simd.store(out, 40, simd.rint(x))
    simd.store(out, 48, simd.splat(a[3]))
    return simd.horizontal_sum(x)


def test_vector_arithmetic(rng):
    a, b, c = rng.normal(scale=5, size=(3, 8))
    out = np.zeros(56)
    total = _arithmetic(a, b, c, out)
    out = out.reshape(7, 8)
    for row, expected in {0: a + b, 1: a - b, 2: a * b, 5: np.rint(a), 6: np.full(8, a[3])}.items():
        np.testing.assert_array_equal(out[row], expected)
    # One rounding here, two in NumPy: three halves of a unit of the terms' sizes at most.
    size = 3.4e-16 * (np.abs(a * b) + np.abs(c))
    assert np.all(np.abs(out[3] - (a * b + c)) <= size)
    assert np.all(np.abs(out[4] - (c - a * b)) <= size)
    assert total == ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))


def test_multiply_add_rounds_once():
    # (1 + e)(1 - e) - 1 = -e^2 exactly; with the product rounded first it is 0.  On any machine.
    e = 2.0**-30
    out = np.zeros(56)
    _arithmetic(np.full(8, 1 + e), np.full(8, 1 - e), np.full(8, -1.0), out)
    np.testing.assert_array_equal(out[24:32], np.full(8, -(e**2)))
    _arithmetic(np.full(8, 1 + e), np.full(8, 1 - e), np.full(8, 1.0), out)
    np.testing.assert_array_equal(out[32:40], np.full(8, e**2))


def test_sincos(rng):
    quarter = np.pi / 2 * np.arange(-6300, 6300)
    x = np.concatenate(
        [
            rng.uniform(-1e4, 1e4, 80_000),
            rng.uniform(-4, 4, 80_000),
            quarter[np.abs(quarter) < 1e4],
            quarter[np.abs(quarter) < 1e4] * (1 + 1e-12),
            np.array([0.0, -0.0, 1e-300, -1e-300, 1e-20, 1e4, -1e4]),
        ]
    )
    x = np.concatenate([x, np.zeros(-x.size % 8)])
    sine, cosine = np.zeros_like(x), np.zeros_like(x)
    _sincos(x, sine, cosine)
    # longdouble where the machine has one, else numpy's sine, itself good to one unit in the last place.
    exact_sine, exact_cosine = np.sin(x.astype(np.longdouble)), np.cos(x.astype(np.longdouble))
    sign = np.sign(sine * exact_sine + cosine * exact_cosine)
    unit = np.finfo(float).eps
    assert np.all(np.abs(sign) == 1)
    # Polynomials to half a unit, doubled by 2sc and 1 - 2s^2: four units at most.
    assert np.abs(sign * sine - exact_sine).max() < 4 * unit
    assert np.abs(sign * cosine - exact_cosine).max() < 4 * unit
    # Near the multiples of pi the sine is that accurate relative to its size: the reduction carries pi in two
    # parts, the third of which, 3e-33 a turn, is left out.
    assert np.all(np.abs(sign * sine - exact_sine) <= 8 * unit * np.abs(exact_sine) + 1e-29)
    assert np.abs(sine**2 + cosine**2 - 1).max() < 8 * unit


# --- what is refused ---


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
@pytest.mark.parametrize("method", ["energy", "energy_and_gradient", "states", "hessian", "quantum_fisher"])
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
        getattr(landscape(circuit, problems.tfim(2), engine=engine), method)(theta)


def test_engines(rng, capsys):
    circuit, problem = circuits.random_circuit(2, 1, rng=rng), problems.tfim(2)
    assert isinstance(landscape(circuit, problem), NumbaLandscape)
    assert isinstance(landscape(circuit, problem, engine="pennylane"), PennylaneLandscape)
    assert capsys.readouterr().out == ""
    assert isinstance(landscape(circuit, problem, engine="auto"), NumbaLandscape)
    assert "compiled CPU kernels (numba)" in capsys.readouterr().out


def test_bad_engines(rng):
    circuit, problem = circuits.random_circuit(2, 1, rng=rng), problems.tfim(2)
    with pytest.raises(ValueError, match="unknown engine 'cuda': choose one of numba, pennylane, auto"):
        landscape(circuit, problem, engine="cuda")
    with pytest.raises(
        ValueError, match=r"device='lightning\.qubit' needs engine='pennylane', got engine='numba'"
    ):
        landscape(circuit, problem, device="lightning.qubit")
    with pytest.raises(ValueError, match=r"cannot create the device 'no\.such': .*'default\.qubit'"):
        landscape(circuit, problem, engine="pennylane", device="no.such")
    for engine in ("numba", "pennylane"):
        with pytest.raises(ValueError, match="the circuit has 2 qubits, the problem 3"):
            landscape(circuit, problems.tfim(3), engine=engine)


def test_gpu_device_without_a_gpu(rng):
    import pennylane as qml

    try:
        qml.device("lightning.gpu", wires=1)
    except Exception as error:
        reason = str(error)
    else:
        pytest.skip("this machine has a GPU that PennyLane can use")
    circuit, problem = circuits.random_circuit(2, 1, rng=rng), problems.tfim(2)
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
    circuit, problem = circuits.random_circuit(2, 1, rng=rng), problems.tfim(2)
    with pytest.raises(ValueError, match=r"'lightning\.gpu': CUDA driver .* insufficient .* NVIDIA GPU"):
        landscape(circuit, problem, engine="pennylane", device="lightning.gpu")
