import itertools
import pickle

import dense
import numpy as np
import pytest

from qgmutils.circuits import spin_groups
from qgmutils.circuits.symmetrised import (
    Symmetrised,
    permuted,
    reflection,
    spin_flip,
    symmetric_basis,
    symmetric_generators,
)
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians

CASES = [(4, 1, 1, (1, -1)), (8, 2, 2, (1, 1)), (8, 2, 2, (-1, -1))]


def recipe(n, up, down, signs, p=1):
    symmetries = ((reflection(n), signs[0]), (spin_flip(n), signs[1]))
    return Symmetrised(n, p, groups=spin_groups(n, up, down), symmetries=symmetries)


def operator(n, order):
    """The permutation of modes on Fock space, particle by particle: c+_j becomes c+_pi(j)."""
    creators = [dense.fermion(mode, n).conj().T for mode in range(n)]
    matrix = np.zeros((2**n, 2**n))
    for k in range(2**n):
        state = np.eye(2**n)[0]
        for mode in reversed([mode for mode in range(n) if k >> n - 1 - mode & 1]):
            state = (creators[order[mode]] @ state).real
        matrix[:, k] = state
    return matrix


def matrix_of(words, n):
    total = np.zeros((2**n, 2**n), dtype=complex)
    for x, z, sign in words:
        letters = ["IZXY"[2 * (x >> b & 1) + (z >> b & 1)] for b in range(n)[::-1]]
        total += sign * dense.pauli("".join(letters))
    return total


@pytest.mark.parametrize("order", [reflection(4), spin_flip(4), (3, 2, 1, 0), (0, 2, 1, 3)])
def test_permutations_act_as_on_creation_operators(order):
    image, signs = permuted(4, order)
    matrix = np.zeros((16, 16))
    matrix[image, np.arange(16)] = signs
    np.testing.assert_array_equal(matrix, operator(4, order))


def test_the_chains_symmetries():
    assert reflection(6) == (4, 5, 2, 3, 0, 1)
    assert spin_flip(4) == (1, 0, 3, 2)
    h = hamiltonians.fermi_hubbard(4, U=2.0).matrix
    for order in (reflection(4), spin_flip(4)):
        np.testing.assert_allclose(operator(4, order) @ h, h @ operator(4, order), atol=1e-14)


@pytest.mark.parametrize(("n", "up", "down", "signs"), CASES[:1])
def test_generators_are_sums_of_commuting_words_that_keep_the_symmetries(n, up, down, signs):
    made = recipe(n, up, down, signs)
    basis = symmetric_basis(n, made.groups, made.symmetries)
    for words in symmetric_generators(n, made.groups, made.symmetries):
        terms = [matrix_of([word], n) for word in words]
        assert all(np.allclose(a @ b, b @ a) for a, b in itertools.combinations(terms, 2))
        total = sum(terms)
        for order, _ in made.symmetries:
            np.testing.assert_array_equal(operator(n, order) @ total, total @ operator(n, order))
        inside = basis.T @ total @ basis
        assert not np.allclose(inside, inside[0, 0] * np.eye(len(inside)))


@pytest.mark.parametrize(("n", "up", "down", "signs"), CASES)
def test_states_keep_the_symmetries_and_reach_all_that_have_them(n, up, down, signs, rng):
    made = recipe(n, up, down, signs)
    # By counting: the trace of the projector on these eigenvalues within the sector.
    states = np.flatnonzero(
        [
            (k & 0b10101010 & 2**n - 1).bit_count() == up and (k & 0b01010101).bit_count() == down
            for k in range(2**n)
        ]
    )
    orders = [tuple(range(n)), reflection(n), spin_flip(n), tuple(spin_flip(n)[j] for j in reflection(n))]
    characters = [1, signs[0], signs[1], signs[0] * signs[1]]
    trace = 0
    for order, character in zip(orders, characters):
        image, phase = permuted(n, order)
        trace += character * phase[states][image[states] == states].sum()
    assert made.dimension == trace / 4
    p = 3 * made.dimension + 12
    circuit = recipe(n, up, down, signs, p).build(rng)
    surface, theta = landscape(circuit, hamiltonians.gue(n)), rng.uniform(0, np.pi, (1, p))
    for state in (circuit.reference, surface.states(theta)[0]):
        for order, sign in made.symmetries:
            image, phase = permuted(n, order)
            np.testing.assert_allclose(sign * phase * state, state[image], atol=1e-12)
        assert np.max(np.abs(np.delete(state, states))) < 1e-12
    metric = surface.quantum_fisher(theta)[0]
    # Rounding leaves 1e-14.
    assert np.linalg.matrix_rank(metric, tol=1e-10, hermitian=True) == 2 * made.dimension - 2


def test_recipes_are_values(rng):
    made = recipe(4, 1, 1, (1, -1), 7)
    copy = pickle.loads(pickle.dumps(made))
    assert (copy, hash(copy)) == (made, hash(made))
    assert made.name == "symmetrised 1 + 1, + -"
    assert set(made.build(rng).parameter) == set(range(7))


@pytest.mark.parametrize(
    ("symmetries", "message"),
    [
        (3, "symmetries must be pairs of a permutation and 1 or -1"),
        ((((1, 0, 3), 1),), r"a permutation of 4 modes, its own inverse; got \(1, 0, 3\)"),
        ((((1, 2, 3, 0), 1),), r"a permutation of 4 modes, its own inverse; got \(1, 2, 3, 0\)"),
        ((((1, 0, 3, 2), 2),), "the eigenvalue of a symmetry must be 1 or -1, got 2"),
        ((((1, 0, 2, 3), 1),), "must take groups to groups of as many particles"),
        ((((2, 1, 0, 3), 1), ((1, 0, 3, 2), -1)), "symmetries must commute"),
        ((((2, 3, 0, 1), 1), ((1, 0, 3, 2), 1)), "0 states have these symmetries: there is nothing to train"),
    ],
)
def test_what_is_no_symmetry(symmetries, message):
    with pytest.raises(ValueError, match=message):
        Symmetrised(4, 1, groups=spin_groups(4, 1, 1), symmetries=symmetries)


@pytest.mark.parametrize("symmetry", [reflection, spin_flip])
def test_a_chain_has_two_modes_a_site(symmetry):
    with pytest.raises(ValueError, match="n_qubits must be even, two spin modes a site, got 3"):
        symmetry(3)
