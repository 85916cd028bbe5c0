import functools
import itertools

import dense
import numpy as np
import pytest

from qgmutils import circuits
from qgmutils.ensembles.designed_models import MODELS, designed, manifold_dimension, restricted_circuit


def allowed_words(model, n_qubits):
    """Words of a model, from their matrices."""
    flip = dense.pauli("X" * n_qubits)
    found = set()
    for letters in itertools.product("IXYZ", repeat=n_qubits):
        word = "".join(letters)
        matrix = dense.pauli(word)
        # Rotations are real where -iP is.
        real = np.all((-1j * matrix).imag == 0)
        commutes = np.array_equal(matrix @ flip, flip @ matrix)
        phase = set(letters) == {"I"} or ("even" in model and set(letters) == {"X"})
        if (real or "real" not in model) and (commutes or "even" not in model) and not phase:
            found.add(word)
    return found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n_qubits", [2, 3])
def test_words_are_all_those_that_the_model_allows(model, n_qubits, rng):
    circuit = restricted_circuit(model, n_qubits, 1500, rng=rng)
    # The rarest of 63 words is missed with probability 63 exp(-1500/63) = 3e-9.
    assert set(circuit.words()) == allowed_words(model, n_qubits)


@pytest.mark.parametrize("model", MODELS)
def test_states_stay_in_the_model(model, rng):
    for _ in range(5):
        circuit = restricted_circuit(model, 3, 6, rng=rng)
        for state in (circuit.reference, dense.state(circuit, rng.uniform(0, np.pi, 6))):
            if "real" in model:
                assert np.max(np.abs(state.imag)) < 1e-13
            if "even" in model:
                np.testing.assert_allclose(dense.pauli("XXX") @ state, state, atol=1e-13)


def test_the_model_without_symmetry_is_the_randomised_one(rng):
    seed = int(rng.integers(2**31))
    ours = restricted_circuit("complex", 3, 7, rng=np.random.default_rng(seed))
    other = circuits.random_circuit(3, 7, rng=np.random.default_rng(seed))
    assert ours.words() == other.words()
    np.testing.assert_array_equal(ours.reference, other.reference)


@pytest.mark.parametrize("model", MODELS)
def test_dimension_is_the_rank_of_all_tangents(model, rng):
    for n in (2, 3):
        reference = restricted_circuit(model, n, 1, rng=rng).reference
        # One gate for each word, all at angle 0: the tangents are all -iP|reference>.
        tangents = np.array([-1j * dense.pauli(word) @ reference for word in allowed_words(model, n)])
        tangents = tangents - np.outer(tangents @ reference.conj(), reference)
        rank = np.linalg.matrix_rank(np.hstack([tangents.real, tangents.imag]), tol=1e-10)
        assert rank == manifold_dimension(model, n)


@pytest.mark.parametrize(("n_qubits", "degeneracy"), [(2, 1), (3, 5), (4, 8)])
def test_designed_levels(n_qubits, degeneracy, rng):
    seed, dim = int(rng.integers(2**31)), 2**n_qubits
    make = functools.partial(designed, n_qubits, degeneracy=degeneracy)
    rank = dim - degeneracy
    flat = make(spectrum="flat", seed=seed)
    assert flat.rank == rank
    assert flat.degrees_of_freedom == pytest.approx(rank / (1 - rank / dim), rel=1e-12)
    pareto = make(spectrum="pareto", seed=seed)
    assert pareto.rank == rank
    # The upper quantile u of Pareto's law with exponent 1 is 1/u.
    levels = np.array([0.0] * degeneracy + [1 / ((i - 0.5) / rank) for i in range(rank, 0, -1)])
    np.testing.assert_allclose(pareto.levels, levels / levels.mean(), atol=1e-12 * dim)
    np.testing.assert_allclose(np.linalg.eigvalsh(pareto.matrix), pareto.levels, atol=1e-12 * dim)
    if rank > 1:
        assert pareto.degrees_of_freedom < flat.degrees_of_freedom
    np.testing.assert_array_equal(pareto.matrix, make(spectrum="pareto", seed=seed).matrix)
    assert not np.allclose(pareto.matrix, make(spectrum="pareto", seed=seed + 1).matrix)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: manifold_dimension("odd", 2), "unknown model 'odd': choose one of complex, real"),
        (lambda: manifold_dimension("even", 1), "single state for n_qubits = 1"),
        (lambda: manifold_dimension("real", 0), "n_qubits must be"),
        (lambda: designed(3, spectrum="semicircle"), "unknown spectrum 'semicircle'"),
        (lambda: designed(3, spectrum="flat", degeneracy=8), r"in 1 \.\.\. 7 for flat levels of 3 qubits, got 8"),
        (lambda: designed(3, spectrum="tfim", degeneracy=2), r"in 1 \.\.\. 1 for tfim"),
        (lambda: restricted_circuit("real", 2, 0, rng=np.random.default_rng(0)), "n_params must be .* got 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
