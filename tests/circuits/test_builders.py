import dense
import numpy as np
import pennylane as qml
import pytest
import scipy.optimize

from qgmutils import circuits
from qgmutils.beyond.ansatz import reachable
from qgmutils.circuits import builders
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize

LAYERED = ("hardware chain", "hardware ring", "real", "matchgate")
CHAIN = {2: [(0, 1)], 3: [(0, 1), (1, 2)], 4: [(0, 1), (1, 2), (2, 3)]}
RING = {2: [(0, 1)], 3: [(0, 1), (1, 2), (2, 0)], 4: [(0, 1), (1, 2), (2, 3), (3, 0)]}
EVEN = {2: [(0, 1)], 3: [(0, 1)], 4: [(0, 1), (2, 3)]}
ODD = {2: [(1, 0)], 3: [(1, 2)], 4: [(1, 2), (3, 0)]}
CZ_LAYERS = {"hardware chain": [CHAIN], "hardware ring": [RING], "real": [EVEN, ODD], "matchgate": [CHAIN]}


def word(x, z, n):
    letters = {(0, 0): "I", (1, 0): "X", (1, 1): "Y", (0, 1): "Z"}
    return "".join(letters[int(x) >> b & 1, int(z) >> b & 1] for b in range(n - 1, -1, -1))


def cz_matrix(pairs, n):
    """Kronecker products: CZ = (1 + Z_a + Z_b - Z_a Z_b) / 2."""
    matrix = np.eye(2**n, dtype=complex)
    for pair in pairs:
        one, two = (dense.pauli("".join("Z" if k == wire else "I" for k in range(n))) for wire in pair)
        matrix = (np.eye(2**n) + one + two - one @ two) / 2 @ matrix
    return matrix


def random_pairs(n, rng):
    return [tuple(rng.choice(n, 2, replace=False)) for _ in range(rng.integers(1, 6))]


@pytest.mark.parametrize("n", [2, 3, 4])
def test_words_behind_cz_gates(n, rng):
    pairs = random_pairs(n, rng)
    x, z = rng.integers(0, 2**n, (2, 30))
    new, sign = builders.conjugate_by_cz(x, z, pairs, n)
    gate = cz_matrix(pairs, n)
    for k in range(30):
        expected = gate @ dense.pauli(word(x[k], z[k], n)) @ gate.conj().T
        np.testing.assert_array_equal(sign[k] * dense.pauli(word(x[k], new[k], n)), expected)
    state = circuits.haar_state(2**n, rng)
    np.testing.assert_allclose(builders.cz_layer(state, pairs), gate @ state, atol=1e-15)


def literal(name, n, n_params, reference, theta):
    """State of the circuit as it is drawn, with CZ gates, by PennyLane."""

    @qml.qnode(qml.device("default.qubit", wires=n))
    def state():
        qml.StatePrep(reference, wires=range(n))
        letters = "YZ" if name.startswith("hardware") else "Y"
        size = n * len(letters)
        for i in range(n_params):
            layer, at = divmod(i, size)
            if layer and at == 0:
                layers = CZ_LAYERS[name]
                for pair in layers[(layer - 1) % len(layers)][n]:
                    qml.CZ(wires=pair)
            (qml.RY if letters[at // n] == "Y" else qml.RZ)(2 * theta[i], wires=at % n)
        return qml.state()

    return np.asarray(state())


@pytest.mark.parametrize("name", LAYERED)
@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("reference_state", ["haar", "zero"])
def test_pushed_circuit_is_the_drawn_one(name, n, reference_state, rng):
    n_params = int(rng.integers(1, 8 * n))
    stream = int(rng.integers(2**31))
    circuit = builders.build(
        name, n, n_params, rng=np.random.default_rng(stream), reference_state=reference_state
    )
    reference = circuits.reference(reference_state, n, np.random.default_rng(stream))
    if name in ("real", "matchgate"):
        reference = reference.real / np.linalg.norm(reference.real)
    theta = rng.uniform(0, 2 * np.pi, n_params)
    expected = literal(name, n, n_params, reference, theta)
    # Equal with its phase: nothing is lost in pushing. Rounding of up to 8n gates.
    np.testing.assert_allclose(dense.state(circuit, theta), expected, atol=1e-13)
    engine = landscape(circuit, hamiltonians.tfim(n)).states([theta])[0]  # up to a phase
    assert abs(np.vdot(engine, expected)) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_bricks_are_the_drawn_ones(n, rng):
    n_params = int(rng.integers(1, 60))
    reference = circuits.haar_state(2**n, rng)
    theta = rng.uniform(0, 2 * np.pi, n_params)

    @qml.qnode(qml.device("default.qubit", wires=n))
    def state():
        qml.StatePrep(reference, wires=range(n))
        angles, layer = list(2 * theta), 0
        while angles:
            for pair in (EVEN, ODD)[layer % 2][n]:
                gates = [(gate, (wire,)) for wire in pair for gate in (qml.RZ, qml.RY, qml.RZ)]
                gates += [(gate, pair) for gate in (qml.IsingXX, qml.IsingYY, qml.IsingZZ)]
                for gate, wires in gates:
                    if angles:
                        gate(angles.pop(0), wires=wires)
            layer += 1
        return qml.state()

    built = builders.build("brickwork", n, n_params, rng=rng)
    circuit = circuits.Circuit(**(vars(built) | {"reference": reference}))
    np.testing.assert_allclose(dense.state(circuit, theta), np.asarray(state()), atol=1e-13)


@pytest.mark.parametrize(("name", "gates"), [("randomised", 1), ("shared 2", 2), ("shared 4", 4)])
def test_random_words_share_angles_in_layers(name, gates, rng):
    circuit = builders.build(name, 6, 5, rng=rng)
    assert circuit.n_gates == 5 * gates
    np.testing.assert_array_equal(circuit.parameter.reshape(gates, 5), np.tile(np.arange(5), (gates, 1)))
    # Independent words of 4,095, not copies of a layer: two of five meet twice or more with a chance of 3e-6.
    assert len(set(circuit.words())) > 3.5 * gates


def algebra(circuit):
    """Dimension of the Lie algebra that the words generate: closed under commutators, which are words again."""
    known = {(int(x), int(z)) for x, z in zip(circuit.x, circuit.z)}
    generators, new = set(known), set(known)
    while new:
        products = {
            (a ^ x, b ^ z)
            for a, b in new
            for x, z in generators
            if ((a & z).bit_count() + (b & x).bit_count()) % 2
        }
        new = products - known
        known |= new
    return len(known)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_rotations_generate_what_the_dimensions_say(n, rng):
    dim = 2**n
    expected = {"hardware chain": dim**2 - 1, "brickwork": dim**2 - 1, "real": dim * (dim - 1) // 2}
    expected |= {"matchgate": n * (n + 1)}
    # Time reversal squares to (-1)^n: so(N) for even n, sp(N) for odd n. A ring of two is a chain.
    expected |= {"hardware ring": dim**2 - 1 if n == 2 else dim * (dim - (-1) ** n) // 2}
    for name, dimension in expected.items():
        assert algebra(builders.build(name, n, 60 * n, rng=rng)) == dimension, name


@pytest.mark.parametrize("n", [3, 4])
def test_time_reversal_is_conserved_on_a_ring(n, rng):
    flip = dense.pauli("Y" * n)

    def overlaps(name, reference_state):
        circuit = builders.build(name, n, 7 * n, rng=rng, reference_state=reference_state)
        states = landscape(circuit, hamiltonians.tfim(n)).states(rng.uniform(0, np.pi, (6, 7 * n)))
        found = np.abs(np.einsum("ka,ab,kb->k", states.conj(), flip, states.conj()))
        np.testing.assert_allclose(reachable.time_reversal_overlap(states), found, atol=1e-14)
        return found

    # T is antiunitary with T^2 = (-1)^n, so that <psi|T psi> = 0 for odd n in any circuit.
    assert np.ptp(overlaps("hardware ring", "haar")) < 1e-13
    assert overlaps("hardware ring", "zero").max() < 1e-13
    if n % 2 == 0:
        assert np.ptp(overlaps("hardware chain", "haar")) > 1e-3


def test_which_ground_states_fit_a_ring():
    # Turning every bit takes a ground state of 2 of 6 fermions to 4 of 6. That of the Ising ring is real and even under
    # X...X, so that Y...Y acts on it as Z...Z.
    ising = hamiltonians.tfim(4)
    ground = np.linalg.eigh(ising.matrix)[1][:, 0]
    expected = abs(ground @ dense.pauli("ZZZZ") @ ground)
    assert reachable.ground_time_reversal(ising) == pytest.approx(expected, abs=1e-12)
    assert expected > 0.1
    assert reachable.ground_time_reversal(hamiltonians.fermi_hubbard(6)) < 1e-12
    assert hamiltonians.fermi_hubbard(4).ground_degeneracy == 2
    assert reachable.ground_time_reversal(hamiltonians.fermi_hubbard(4)) == 0


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("reference_state", ["haar", "zero"])
@pytest.mark.parametrize("name", builders.ANSATZE)
def test_rank_saturates_at_the_dimension(name, n, reference_state, rng):
    n_params = 4 * 2**n  # some angles are redundant in brickwork on |0...0>
    circuit = builders.build(name, n, n_params, rng=rng, reference_state=reference_state)
    metric = landscape(circuit, hamiltonians.tfim(n)).quantum_fisher(rng.uniform(0, np.pi, (1, n_params)))[0]
    values = np.linalg.eigvalsh(metric)
    rank = np.sum(values > 1e-12 * values[-1])
    assert rank == reachable.state_dimension(name, n, reference_state)


def test_ring_ends_at_the_best_state_that_time_reversal_leaves(rng):
    # From |0...0> the states have <psi|T psi> = 0. The lowest energy among those, by another parametrisation: in a
    # basis of states that T leaves alone they are u + iv with real orthogonal u, v of equal length.
    n, problem = 4, hamiltonians.tfim(4)
    circuit = builders.build("hardware ring", n, 48, rng=rng, reference_state="zero")
    trained = minimize(landscape(circuit, problem), rng.uniform(0, np.pi, (16, 48))).loss.min()
    flip = dense.pauli("Y" * n)
    values, vectors = np.linalg.eigh(
        np.block([[flip.real, flip.imag], [flip.imag, -flip.real]])  # T on real and imaginary parts
    )
    fixed = vectors[:, values > 0]
    basis = fixed[: 2**n] + 1j * fixed[2**n :]
    rotated = basis.conj().T @ problem.matrix @ basis

    def energy_and_gradient(parameters):
        """Of a plane spanned by two real vectors a: tr(G^-1 a'Ra)/2 - det(G)^-1/2 a1'Sa2 with G = a'a, H = R + iS."""
        a = parameters.reshape(2**n, 2)
        inverse = np.linalg.inv(a.T @ a)
        projected, turned = rotated.real @ a, rotated.imag @ a @ [[0, -1], [1, 0]]
        inner = inverse @ a.T @ projected
        cross = np.sqrt(np.linalg.det(inverse)) * (a[:, 0] @ turned[:, 0])
        gradient = projected @ inverse - a @ inner @ inverse
        gradient -= np.sqrt(np.linalg.det(inverse)) * turned - cross * a @ inverse
        return np.trace(inner) / 2 - cross, gradient.ravel()

    # One search in 50 ends in a local minimum (5 of 300); five do so together once in 3e8 runs.
    searches = [
        scipy.optimize.minimize(energy_and_gradient, rng.standard_normal(2 * 2**n), jac=True, tol=1e-8)
        for _ in range(5)
    ]
    best = min(search.fun for search in searches)
    assert best > 1e-3
    # A gradient of 1e-8 leaves the energy 1e-16 / curvature too high.
    assert trained == pytest.approx(best, abs=1e-11)


@pytest.mark.parametrize("name", builders.ANSATZE)
def test_shorter_circuits_are_prefixes(name, rng):
    # The metric of the first p angles is a corner of the whole one's, where no angle is shared.
    seed, theta = int(rng.integers(2**31)), rng.uniform(0, np.pi, (1, 20))
    short, long = (builders.build(name, 3, p, rng=np.random.default_rng(seed)) for p in (13, 20))
    problem = hamiltonians.tfim(3)
    if "shared" in name:
        assert short.n_gates == 13 * int(name[-1])
        return
    whole = landscape(long, problem).quantum_fisher(theta)[0]
    np.testing.assert_allclose(
        landscape(short, problem).quantum_fisher(theta[:, :13])[0], whole[:13, :13], atol=1e-13
    )


@pytest.mark.parametrize(
    ("name", "n", "degeneracy", "count"),
    [
        ("randomised", 4, 1, 30),
        ("shared 4", 4, 2, 28),
        ("hardware chain", 3, 1, 14),
        ("hardware ring", 3, 1, 14),
        ("real", 4, 1, 15),
        ("real", 4, 2, 14),
        ("hardware ring", 4, 1, None),
        ("matchgate", 4, 1, None),
    ],
)
def test_codimension(name, n, degeneracy, count):
    assert reachable.codimension(name, n, degeneracy) == count


def test_real_circuits_stay_real(rng):
    for name in ("real", "matchgate"):
        circuit = builders.build(name, 3, 17, rng=rng)
        states = landscape(circuit, hamiltonians.tfim(3)).states(rng.uniform(0, np.pi, (3, 17)))
        np.testing.assert_allclose(states.imag, 0, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: builders.build("qaoa", 2, 3, rng=rng), "unknown ansatz 'qaoa': choose one of randomised"),
        (lambda rng: builders.build("brickwork", 1, 3, rng=rng), "acts on neighbours; choose n_qubits >= 2"),
        (lambda rng: builders.build("real", 2, 0, rng=rng), "n_params must be an integer of at least 1, got 0"),
        (lambda rng: builders.build("real", 2, 3, rng=rng, reference_state="clifford"), "needs a real reference"),
        (lambda rng: builders.build("brickwork", 2, 3, rng=rng, reference_state="one"), "unknown reference state"),
        (lambda rng: builders.build("real", 2, 3, rng=7), "rng must be a numpy"),
        (lambda rng: builders.is_real("reel"), "unknown ansatz 'reel': .* did you mean 'real'"),
        (lambda rng: builders.is_random("real", np.ones(2)), "unknown reference state"),
        (lambda rng: builders.bricks(2, -1), "start must be an integer of at least 0, got -1"),
        (lambda rng: builders.conjugate_by_cz([4], [0], [(0, 1)], 2), r"x must be bit masks in 0 \.\.\. 3, got 4"),
        (lambda rng: builders.conjugate_by_cz([1], [0.5], [(0, 1)], 2), "z must be an array of integers"),
        (lambda rng: builders.conjugate_by_cz([1, 2], [0], [(0, 1)], 2), "one entry per gate"),
        (lambda rng: builders.conjugate_by_cz([1], [0], [(0, 0)], 2), "two different wires .* got 0 and 0"),
        (lambda rng: builders.conjugate_by_cz([1], [0], (0, 1), 2), "pairs must be a list of pairs"),
        (lambda rng: builders.cz_layer(np.ones(3), [(0, 1)]), r"2\^n_qubits finite numbers, got the shape \(3,\)"),
        (lambda rng: builders.cz_layer(np.ones(4), [(0, 2)]), "two different wires .* got 0 and 2"),
        (lambda rng: reachable.state_dimension("real", 2, "clifford"), "known for haar and zero"),
        (lambda rng: reachable.codimension("real", 2, 4), r"ground_degeneracy must be .* 1 \.\.\. 3, got 4"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(call, message, rng):
    with pytest.raises(ValueError, match=message):
        call(rng)
