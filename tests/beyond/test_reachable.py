import dense
import numpy as np
import pandas as pd
import pytest
from qgmutils.circuits.brickwork import Brickwork
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.restricted import SYMMETRIES, Restricted

from qgmutils.beyond import reachable
from qgmutils.losses import hamiltonians


def orbit_dimension(recipe, rng):
    """Dimension of all states that are reached near a state deep in the circuit, from the rank of its tangents."""
    from qgmutils.engine import landscape

    n = recipe.n_qubits
    surface = landscape(recipe.build(rng), hamiltonians.tfim(n))
    metric = surface.quantum_fisher(rng.uniform(0, np.pi, (1, recipe.n_params)))[0]
    return np.linalg.matrix_rank(metric, tol=1e-9 * np.linalg.norm(metric, 2), hermitian=True)


RECIPES = [
    *(Randomised(3, 90, reference_state=state) for state in ("haar", "zero")),
    *(Restricted(3, 90, symmetry=symmetry) for symmetry in SYMMETRIES),
    *(Brickwork(3, 90, reference_state=state) for state in ("haar", "zero")),
    *(
        HardwareEfficient(n, 120, rotations=rotations, entangler=entangler, reference_state=state)
        for n in (3, 4)
        for rotations, entangler in (("YZ", "chain"), ("YZ", "ring"), ("Y", "bricks"), ("Y", "chain"))
        for state in ("haar", "zero")
    ),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.name} {recipe.n_qubits}")
def test_dimension_is_the_rank_of_a_deep_circuit(recipe, rng):
    dimension, rank = reachable.state_dimension(recipe), orbit_dimension(recipe, rng)
    if recipe.name == "matchgate" and recipe.n_qubits % 2 and recipe.reference_state == "haar":
        assert rank <= dimension  # for odd n it is a bound
    else:
        assert rank == dimension


@pytest.mark.parametrize(
    ("recipe", "degeneracy", "count"),
    [
        (Randomised(4, 1), 3, 26),
        (Randomised(4, 1), 8, 16),
        (Randomised(4, 1, reference_state="zero"), 1, 30),
        (Restricted(4, 1, symmetry="real"), 1, 15),
        (Restricted(4, 1, symmetry="even"), 1, 14),
        (Restricted(4, 1, symmetry="even real"), 1, 7),
        (HardwareEfficient(4, 1, rotations="Y", entangler="bricks"), 2, 14),
        (HardwareEfficient(4, 1, entangler="ring"), 1, None),
        (HardwareEfficient(4, 1, rotations="Y"), 1, None),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_predicted_counts(recipe, degeneracy, count):
    assert reachable.codimension(recipe, degeneracy) == count


def test_first_count():
    rank = pd.DataFrame({"n_params": [1, 2, 3, 4], "rank": [1, 1, 2, 3]})
    assert reachable.first_count(rank, 2) == 3
    assert np.isnan(reachable.first_count(rank, 4))
    assert np.isnan(reachable.first_count(rank, None))


def test_time_reversal_overlaps(rng):
    flip = dense.pauli("YYYY")
    for problem in (hamiltonians.tfim(4), hamiltonians.gue(4, seed=3)):
        ground = np.linalg.eigh(problem.matrix)[1][:, 0]
        # T = Y...Y K.
        assert reachable.ground_time_reversal(problem) == pytest.approx(
            abs(ground.conj() @ flip @ ground.conj())
        )
    assert reachable.ground_time_reversal(hamiltonians.projector(4, rank=3)) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: reachable.codimension(Randomised(2, 1), 0),
            "ground_degeneracy must be an integer of at least 1",
        ),
        (
            lambda: reachable.codimension(Randomised(2, 1), 4),
            "ground_degeneracy must be an integer of at most 3",
        ),
        (lambda: reachable.state_dimension(Randomised(2, 1, reference_state="clifford")), "haar and zero"),
        (
            lambda: reachable.state_dimension(HardwareEfficient(3, 1, rotations="Y", entangler="ring")),
            "not known",
        ),
    ],
)
def test_what_is_not_known_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
