import pickle
import subprocess
import sys

import numpy as np
import pytest

from qgmutils.circuits import (
    ANSATZE,
    Ansatz,
    Brickwork,
    Commutant,
    Conserving,
    Diagonal,
    HamiltonianVariational,
    HardwareEfficient,
    Qaoa,
    Randomised,
    Restricted,
)
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians

RECIPES = [make(3, 20) for make in ANSATZE.values()]
RECIPES += [Restricted(3, 20, symmetry=symmetry) for symmetry in ("real", "even", "even real")]
RECIPES += [Commutant(3, 20, x=5, z=6), Diagonal(3, 20)]
RECIPES += [HamiltonianVariational(3, 20, model=model) for model in ("tfim", "xxz")]
RECIPES += [Conserving(3, 20, groups=(((0, 1, 2), 1),)), Qaoa(3, 20, edges=((0, 1), (1, 2)))]


def arrays(circuit):
    return {name: value.tobytes() for name, value in vars(circuit).items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_recipes_are_values(recipe):
    copy = pickle.loads(pickle.dumps(recipe))
    assert copy == recipe
    assert hash(copy) == hash(recipe)
    same = type(recipe)(**(vars(recipe) | {"n_qubits": np.int64(3), "n_params": np.int32(20)}))
    assert same == recipe
    assert type(same.n_qubits) is type(same.n_params) is int
    one, two, other = (recipe.build(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.n_qubits, one.n_params) == (3, 20)
    assert arrays(one) == arrays(two)
    assert (arrays(one) != arrays(other)) == recipe.is_random
    assert set(one.parameter) == set(range(20))
    assert one.build(np.random.default_rng(3)) is one


def test_recipes_have_names_of_their_own():
    assert [recipe.name for recipe in RECIPES[: len(ANSATZE)]] == list(ANSATZE)
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    assert len(set(RECIPES)) == len(RECIPES)


@pytest.mark.parametrize("name", ANSATZE)
def test_fixed_circuits_are_known(name):
    recipe = ANSATZE[name](3, 20, reference_state="zero")
    one, two = (arrays(recipe.build(np.random.default_rng(seed))) for seed in (1, 2))
    assert (one != two) == recipe.is_random == (name in ("randomised", "shared 2", "shared 4"))


@pytest.mark.parametrize(("name", "gates"), [("randomised", 1), ("shared 2", 2), ("shared 4", 4)])
def test_random_words_share_angles_in_layers(name, gates, rng):
    circuit = ANSATZE[name](6, 5).build(rng)
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
        assert algebra(ANSATZE[name](n, 60 * n).build(rng)) == dimension, name


@pytest.mark.parametrize("name", ANSATZE)
def test_shorter_circuits_are_prefixes(name, rng):
    # The metric of the first p angles is a corner of the whole one's, where no angle is shared.
    seed, theta = int(rng.integers(2**31)), rng.uniform(0, np.pi, (1, 20))
    short, long = (ANSATZE[name](3, p).build(np.random.default_rng(seed)) for p in (13, 20))
    problem = hamiltonians.tfim(3)
    if "shared" in name:
        assert short.n_gates == 13 * int(name[-1])
        return
    whole = landscape(long, problem).quantum_fisher(theta)[0]
    np.testing.assert_allclose(
        landscape(short, problem).quantum_fisher(theta[:, :13])[0], whole[:13, :13], atol=1e-13
    )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_real_circuits_stay_real(recipe, rng):
    circuit = recipe.build(rng)
    states = landscape(circuit, hamiltonians.tfim(3)).states(rng.uniform(0, np.pi, (3, 20)))
    # States are real up to a phase where the sum of their squared amplitudes has the modulus 1.
    size = np.abs(np.einsum("ka,ka->k", states, states))
    assert np.allclose(size, 1, atol=1e-12) == recipe.is_real


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Brickwork(1, 3), "the ansatz 'brickwork' acts on neighbours; choose n_qubits >= 2, got 1"),
        (lambda: HardwareEfficient(1, 3), "the ansatz 'hardware chain' acts on neighbours"),
        (lambda: Brickwork(2, 0), "n_params must be an integer of at least 1, got 0"),
        (lambda: Brickwork(2, 10**8), "n_params must be an integer of at most 10000000, got 1e.08"),
        (lambda: Brickwork(2, 3, reference_state="one"), "unknown reference state 'one': choose one of haar"),
        (lambda: HardwareEfficient(2, 3, rotations="X"), "unknown rotations 'X': choose one of YZ, Y"),
        (lambda: HardwareEfficient(2, 3, entangler="star"), "unknown entangler 'star': choose one of chain"),
        (lambda: ANSATZE["real"](2, 3, reference_state="clifford"), "'real' needs a real reference state"),
        (lambda: Randomised(2, 3, gates_per_angle=0), "gates_per_angle must be an integer of at least 1, got 0"),
        (lambda: Randomised(2, 10**6, gates_per_angle=11), "gates_per_angle must be an integer of at most 10"),
        (lambda: Randomised(2, 3, reference_state=np.ones(2)), "unknown reference state"),
        (lambda: Brickwork(2, 3).build(7), "rng must be a numpy"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_a_new_recipe_needs(rng):
    for needed in (lambda: Ansatz(2, 3).name, lambda: Ansatz(2, 3).build(rng)):
        with pytest.raises(NotImplementedError, match="Ansatz needs"):
            needed()


def test_importing_circuits_leaves_pennylane_alone():
    code = "import sys, qgmutils.circuits; sys.exit('pennylane' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
