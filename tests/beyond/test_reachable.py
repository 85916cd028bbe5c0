import dense
import numpy as np
import pandas as pd
import pytest
import scipy.optimize

from qgmutils.beyond import reachable
from qgmutils.circuits import ANSATZE
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.restricted import Restricted
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize


@pytest.mark.parametrize("n", [3, 4])
def test_time_reversal_is_conserved_on_a_ring(n, rng):
    flip = dense.pauli("Y" * n)

    def overlaps(name, reference_state):
        circuit = ANSATZE[name](n, 7 * n, reference_state=reference_state).build(rng)
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
@pytest.mark.parametrize("name", ANSATZE)
def test_rank_saturates_at_the_dimension(name, n, reference_state, rng):
    n_params = 4 * 2**n  # some angles are redundant in brickwork on |0...0>
    recipe = ANSATZE[name](n, n_params, reference_state=reference_state)
    metric = landscape(recipe.build(rng), hamiltonians.tfim(n)).quantum_fisher(
        rng.uniform(0, np.pi, (1, n_params))
    )[0]
    values = np.linalg.eigvalsh(metric)
    rank = np.sum(values > 1e-12 * values[-1])
    assert rank == reachable.state_dimension(recipe)


def test_ring_ends_at_the_best_state_that_time_reversal_leaves(rng):
    # From |0...0> the states have <psi|T psi> = 0. The lowest energy among those, by another parametrisation: in a
    # basis of states that T leaves alone they are u + iv with real orthogonal u, v of equal length.
    n, problem = 4, hamiltonians.tfim(4)
    circuit = ANSATZE["hardware ring"](n, 48, reference_state="zero").build(rng)
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
