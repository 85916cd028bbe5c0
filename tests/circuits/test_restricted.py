import itertools

import dense
import numpy as np
import pytest

from qgmutils.circuits import Commutant, Diagonal, Randomised, Restricted
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians

KINDS = ("complex", "real", "even", "even real")


def recipe(kind, n, p):
    return Randomised(n, p) if kind == "complex" else Restricted(n, p, symmetry=kind)


def allowed_words(kind, n_qubits):
    """Words of a symmetry, from their matrices, in the order of their masks x and z."""
    flip = dense.pauli("X" * n_qubits)
    found = []
    for x, z in itertools.product(range(2**n_qubits), repeat=2):
        letters = [("I", "Z", "X", "Y")[2 * (x >> b & 1) + (z >> b & 1)] for b in range(n_qubits)]
        word = "".join(letters[::-1])
        matrix = dense.pauli(word)
        # Rotations are real where -iP is.
        real = np.all((-1j * matrix).imag == 0)
        commutes = np.array_equal(matrix @ flip, flip @ matrix)
        phase = set(letters) == {"I"} or ("even" in kind and set(letters) == {"X"})
        if (real or "real" not in kind) and (commutes or "even" not in kind) and not phase:
            found.append(word)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_qubits", [2, 3])
def test_words_are_uniform_over_all_that_are_allowed(kind, n_qubits, rng):
    stream = int(rng.integers(2**31))
    circuit = recipe(kind, n_qubits, 50).build(np.random.default_rng(stream))
    # The stream gives the reference state first, then one number a word.
    generator, words = np.random.default_rng(stream), allowed_words(kind, n_qubits)
    amplitudes = generator.standard_normal((2, 2**n_qubits))
    state = amplitudes[0] + 1j * amplitudes[1] * ("real" not in kind)
    if "even" in kind:
        state = state + dense.pauli("X" * n_qubits) @ state
    np.testing.assert_allclose(circuit.reference, state / np.linalg.norm(state), atol=1e-15)
    assert circuit.words() == [words[i] for i in generator.integers(0, len(words), 50)]


@pytest.mark.parametrize("kind", KINDS)
def test_states_keep_the_symmetry(kind, rng):
    for _ in range(5):
        circuit = recipe(kind, 3, 6).build(rng)
        for state in (circuit.reference, dense.state(circuit, rng.uniform(0, np.pi, 6))):
            if "real" in kind:
                assert np.max(np.abs(state.imag)) < 1e-13
            if "even" in kind:
                np.testing.assert_allclose(dense.pauli("XXX") @ state, state, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_dimension_is_the_rank_of_all_tangents(kind, rng):
    for n in (2, 3):
        reference = recipe(kind, n, 1).build(rng).reference
        # One gate for each word, all at angle 0: the tangents are all -iP|reference>.
        tangents = np.array([-1j * dense.pauli(word) @ reference for word in allowed_words(kind, n)])
        tangents = tangents - np.outer(tangents @ reference.conj(), reference)
        rank = np.linalg.matrix_rank(np.hstack([tangents.real, tangents.imag]), tol=1e-10)
        assert rank == recipe(kind, n, 1).manifold_dimension


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symmetry": "odd"}, "unknown symmetry 'odd': choose one of real, even, even real"),
        ({"symmetry": "even", "n_qubits": 1}, "'even' has a single state for n_qubits = 1"),
        ({"n_qubits": 0}, "n_qubits must be"),
        ({"n_params": 0}, "n_params must be .* got 0"),
    ],
)
def test_what_has_no_symmetry(options, message):
    with pytest.raises(ValueError, match=message):
        Restricted(**({"n_qubits": 2, "n_params": 1} | options))


@pytest.mark.parametrize(("x", "z"), [(5, 3), (0, 6), (7, 7)])
def test_a_hidden_word_leaves_every_state_as_it_is(x, z):
    rng = np.random.default_rng(1)
    circuit = Commutant(3, 40, x=x, z=z).build(rng)
    word = dense.pauli("".join("IZXY"[2 * (x >> b & 1) + (z >> b & 1)] for b in (2, 1, 0)))
    states = landscape(circuit, hamiltonians.tfim(3)).states(rng.uniform(0, np.pi, (2, 40))).reshape(2, 8)
    np.testing.assert_allclose(states @ word.T, states, atol=1e-13)
    metric = landscape(circuit, hamiltonians.tfim(3)).quantum_fisher(rng.uniform(0, np.pi, (1, 40)))[0]
    assert np.linalg.matrix_rank(metric, tol=1e-9) == 6  # N - 2
    assert (x, z) not in set(zip(circuit.x, circuit.z, strict=True))


def test_hidden_words_that_are_refused():
    for options, message in (
        ({"x": 0, "z": 0}, "x and z are 0, the identity"),
        ({"x": 8, "z": 0}, "x must"),
        ({"x": 0, "z": -1}, "z must"),
    ):
        with pytest.raises(ValueError, match=message):
            Commutant(3, 4, **options)
    with pytest.raises(ValueError, match="choose n_qubits >= 2, got 1"):
        Commutant(1, 4, x=1, z=0)


def test_diagonal_circuits_turn_phases_alone():
    rng = np.random.default_rng(1)
    circuit = Diagonal(3, 7).build(rng)
    surface = landscape(circuit, hamiltonians.tfim(3))
    theta = rng.uniform(0, np.pi, (2, 7))
    np.testing.assert_allclose(np.abs(surface.states(theta)) ** 2, 1 / 8, rtol=1e-13)
    assert sorted(circuit.z) == list(range(1, 8))
    assert np.linalg.matrix_rank(surface.quantum_fisher(theta)[0], tol=1e-9) == 7
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
        Diagonal(3, 7).build(1)
