import dense
import numpy as np
import pytest

from qgmutils.circuits import Conserving, spin_groups
from qgmutils.circuits.conserving import sector_states
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians

GROUPS = [
    (2, (((0, 1), 1),)),
    (3, (((2, 0), 1), ((1,), 1))),
    (4, (((0, 1, 2, 3), 2),)),
    (4, (((0, 2), 1), ((1, 3), 1))),
    (4, (((0, 2), 2), ((1, 3), 1))),
    (6, (((0, 2, 4), 1), ((1, 3, 5), 2))),
]


def number(wires, n):
    """Operator of the number of particles on some wires, from Pauli words."""
    z = [dense.pauli("".join("Z" if k == wire else "I" for k in range(n))) for wire in wires]
    return sum((np.eye(2**n) - each) / 2 for each in z)


def generators(recipe):
    """Matrices of all generators."""
    found = []
    for words in recipe.generators():
        letters = [
            ("".join("IZXY"[2 * (x >> b & 1) + (z >> b & 1)] for b in range(recipe.n_qubits)[::-1]), sign)
            for x, z, sign in words
        ]
        found.append(sum(sign * dense.pauli(word) for word, sign in letters))
    return found


@pytest.mark.parametrize(("n", "groups"), GROUPS)
def test_generators_conserve_all_numbers(n, groups):
    recipe = Conserving(n, 1, groups=groups)
    matrices = generators(recipe)
    states = sector_states(n, groups)
    assert len(states) == recipe.dimension
    for wires, particles in groups:
        count = number(wires, n)
        np.testing.assert_array_equal(np.diag(count)[states], particles)
        assert all(np.array_equal(g @ count, count @ g) for g in matrices)
    for g in matrices:
        inside = g[np.ix_(states, states)]
        assert not np.array_equal(inside, inside[0, 0] * np.eye(len(states)))  # none is a phase alone
    assert len({g.tobytes() for g in matrices}) == len(matrices)


@pytest.mark.parametrize(("n", "groups"), GROUPS)
def test_the_two_words_of_a_hopping_commute(n, groups):
    for words in Conserving(n, 1, groups=groups).generators():
        assert len(words) in (1, 2)
        if len(words) == 2:
            (a, b, _), (x, z, _) = words
            assert ((a & z).bit_count() + (b & x).bit_count()) % 2 == 0


def test_the_fermions_hopping_is_one_of_the_generators():
    n, groups = 6, spin_groups(6, 1, 2)
    matrices = generators(Conserving(n, 1, groups=groups))
    c = [dense.fermion(mode, n) for mode in range(n)]
    for one, two in ((0, 2), (1, 5)):
        hop = c[one].conj().T @ c[two]
        for matrix in (hop + hop.conj().T, 1j * (hop - hop.conj().T)):
            assert any(np.array_equal(sign * 2 * matrix, g) for g in matrices for sign in (1, -1))


@pytest.mark.parametrize(("n", "groups"), GROUPS)
def test_the_generators_give_all_of_the_algebra_on_the_sector(n, groups):
    recipe = Conserving(n, 1, groups=groups)
    states = sector_states(n, groups)
    d = len(states)
    basis = np.empty((0, 2 * d * d))
    new = [1j * g[np.ix_(states, states)] for g in generators(recipe)]
    new = [g - np.trace(g) / d * np.eye(d) for g in new]
    first = list(new)
    while new:
        added = []
        for g in new:  # Gram-Schmidt: what is left of each
            row = np.concatenate([g.real.ravel(), g.imag.ravel()]) / np.linalg.norm(g)
            row = row - basis.T @ (basis @ row)
            row = row - basis.T @ (basis @ row)
            if (size := np.linalg.norm(row)) > 1e-6:
                basis = np.vstack([basis, row / size])
                added.append(g / np.linalg.norm(g))
        new = [g @ a - a @ g for a in added for g in first[:: max(1, len(first) // 40)]]
        new = [g for g in new if np.linalg.norm(g) > 1e-9]
    assert len(basis) == d * d - 1


@pytest.mark.parametrize(("n", "groups"), GROUPS)
@pytest.mark.parametrize("reference_state", ["haar", "basis"])
def test_states_stay_in_the_sector(n, groups, reference_state, rng):
    circuit = Conserving(n, 12, groups=groups, reference_state=reference_state).build(rng)
    outside = np.setdiff1d(np.arange(2**n), sector_states(n, groups))
    theta = rng.uniform(0, np.pi, 12)
    found = dense.state(circuit, theta)
    assert np.max(np.abs(found[outside])) < 1e-13
    assert np.all(circuit.reference[outside] == 0)
    assert (np.count_nonzero(circuit.reference) == 1) == (reference_state == "basis")
    same = landscape(circuit, hamiltonians.gue(n)).states(theta[None])[0]
    assert abs(np.vdot(found, same)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("n", "groups"), GROUPS)
@pytest.mark.parametrize("reference_state", ["haar", "basis"])
def test_the_metrics_rank_is_the_dimension_of_the_sectors_states(n, groups, reference_state, rng):
    recipe = Conserving(n, 1, groups=groups)
    p = 3 * recipe.manifold_dimension + 20
    circuit = Conserving(n, p, groups=groups, reference_state=reference_state).build(rng)
    metric = landscape(circuit, hamiltonians.gue(n)).quantum_fisher(rng.uniform(0, np.pi, (1, p)))[0]
    # Rounding leaves 1e-14.
    assert (
        np.linalg.matrix_rank(metric, tol=1e-10, hermitian=True)
        == recipe.manifold_dimension
        == 2 * recipe.dimension - 2
    )


def test_generators_are_drawn_uniformly_behind_the_reference_state(rng):
    recipe = Conserving(4, 50, groups=spin_groups(4, 1, 1))
    stream = int(rng.integers(2**31))
    circuit, again = recipe.build(np.random.default_rng(stream)), np.random.default_rng(stream)
    amplitudes = again.standard_normal((2, recipe.dimension))
    state = amplitudes[0] + 1j * amplitudes[1]
    np.testing.assert_allclose(
        circuit.reference[sector_states(4, recipe.groups)], state / np.linalg.norm(state), atol=1e-15
    )
    kinds = recipe.generators()
    drawn = [kinds[i] for i in again.integers(0, len(kinds), 50)]
    assert list(zip(circuit.x, circuit.z, circuit.scale)) == [word for words in drawn for word in words]
    assert circuit.parameter.tolist() == [i for i, words in enumerate(drawn) for _ in words]


def test_sectors_of_the_fermi_hubbard_chain():
    assert spin_groups(4, 1, 2) == (((0, 2), 1), ((1, 3), 2))
    up, down = ([dense.fermion(mode, 4) for mode in modes] for modes in ((0, 2), (1, 3)))
    h = dense.hamiltonian(hamiltonians.fermi_hubbard(4))
    for modes in (up, down):
        count = sum(c.conj().T @ c for c in modes)
        np.testing.assert_allclose(h @ count, count @ h, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Conserving(2, 1, groups=(((0,), 1),)), "must share out the wires 0 ... 1, each in one of them"),
        (lambda: Conserving(2, 1, groups=(((0, 1), 1), ((1,), 0))), "must share out the wires"),
        (lambda: Conserving(2, 1, groups=(((0, 2), 1),)), "a wire of groups must be an integer of at most 1, got 2"),
        (lambda: Conserving(2, 1, groups=(((0, 1), 3),)), "particles of a group must be .* at most 2, got 3"),
        (lambda: Conserving(2, 1, groups=(((0, 1), 1), ((), 0))), "the size of each group must be .* at least 1"),
        (lambda: Conserving(2, 1, groups=(0, 1)), r"groups must be pairs of wires and a number .* got \(0, 1\)"),
        (lambda: Conserving(2, 1, groups=(((0, 1), 2),)), "has a single state, and nothing to train"),
        (lambda: Conserving(2, 1, groups=(((0, 1), 1),), reference_state="zero"), "unknown reference state 'zero'"),
        (lambda: Conserving(2, 1, groups=(((0, 1), 1),)).build(3), "rng must be a numpy"),
        (lambda: spin_groups(3, 1, 1), "n_qubits must be even, two spin modes a site, got 3"),
        (lambda: spin_groups(4, 3, 1), "up must be an integer of at most 2, got 3"),
    ],
)  # fmt: skip
def test_what_is_no_sector(call, message):
    with pytest.raises(ValueError, match=message):
        call()
