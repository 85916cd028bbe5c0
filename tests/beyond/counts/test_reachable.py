import dense
import numpy as np
import pandas as pd
import pytest
import scipy.optimize

from qgmutils.beyond.counts import reachable
from qgmutils.circuits import ANSATZE
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.restricted import Restricted
from qgmutils.engine import landscape
from qgmutils.ensembles.model import circuit_stream
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


@pytest.fixture
def without_processes_and_cache(monkeypatch):
    monkeypatch.setenv("QGMUTILS_NO_CACHE", "1")
    monkeypatch.setenv("QGMUTILS_WORKERS", "1")


def test_real_circuits_are_compared_on_real_hamiltonians():
    models = reachable.compared_models([2], ["tfim", "gue"], ["haar", "zero"], seed=3)
    assert {key[0] for key in models if key[2] == "tfim"} == set(ANSATZE)
    assert {key[0] for key in models if key[2] == "gue"} == set(ANSATZE) - {"real", "matchgate"}
    assert len(models) == 2 * (8 + 6)
    for (ansatz, state, hamiltonian, n), model in models.items():
        assert (model.circuit.name, model.circuit.reference_state) == (ansatz, state)
        assert (model.loss.name, model.n_qubits) == (hamiltonian, n)


@pytest.mark.usefixtures("without_processes_and_cache")
@pytest.mark.parametrize("name", ["shared 2", "brickwork"])
def test_ranks_are_those_of_the_jacobian(name, seed):
    # Of the states up to a phase, by central differences: they leave 1e-10 of what is 0.
    def jacobian(n_params, number):
        stream = circuit_stream(seed, 2, n_params, number)
        surface = models[name, "zero", "tfim", 2].with_params(n_params).landscape(stream)
        theta, steps = stream.uniform(0, np.pi, n_params), 1e-5 * np.eye(n_params)
        (state,) = surface.states(theta[None])
        tangents = (surface.states(theta + steps) - surface.states(theta - steps)) / 2e-5
        tangents -= np.outer(tangents @ state.conj(), state)
        return np.hstack([tangents.real, tangents.imag])

    models = reachable.compared_models([2], ["tfim"], ["zero"], seed=seed)
    chosen = {key: model for key, model in models.items() if key[0] == name}
    table = reachable.metric_ranks(chosen, n_circuits=2, seed=seed)
    assert table["n_params"].to_list() == list(range(1, 21))
    for p, found in zip(table["n_params"], table["rank"], strict=True):
        # Every angle of brickwork sits in one gate: the first p tangents are those of a shorter circuit, turned.
        size = 20 if name == "brickwork" else p
        ranks = [np.linalg.matrix_rank(jacobian(size, number)[:p], tol=1e-6) for number in (0, 1)]
        assert found == max(ranks)


def test_predictions_of_a_table():
    models = reachable.compared_models([4], ["tfim", "fermi_hubbard", "gue"], ["haar", "zero"], seed=1)
    ranks = pd.DataFrame(
        [
            (ansatz, state, 4, p, min(p, 30 if state == "haar" else p // 2))
            for ansatz in ANSATZE
            for state in ("haar", "zero")
            for p in range(1, 70)
        ],
        columns=["ansatz", "reference_state", "n_qubits", "n_params", "rank"],
    )
    table = reachable.predictions(models, ranks).set_index(reachable.CASE)
    assert len(table) == len(models)
    chain = table.loc["hardware chain", "haar", "tfim", 4]
    levels = hamiltonians.tfim(4).levels
    assert chain[["degeneracy", "codimension", "count_by_rank", "dimension", "saturated"]].to_list() == [
        1,
        30,
        30,
        30,
        30,
    ]
    assert chain["field_count"] == pytest.approx(2 * levels.sum() ** 2 / np.sum((levels - 1) ** 2))
    assert chain["generic"]
    # Twice as many angles where every second one is redundant; the chain of two sites has two ground states.
    assert table.loc["brickwork", "zero", "fermi_hubbard", 4]["count_by_rank"] == 2 * (30 - 2)
    assert not table.loc["brickwork", "zero", "fermi_hubbard", 4]["generic"]
    assert table.loc["brickwork", "zero", "gue", 4]["generic"]
    ring = table.loc["hardware ring", "zero", "tfim", 4]
    assert np.isnan(ring["count_by_rank"])
    assert not ring["transitive"]
    assert ring["ground_time_reversal"] > 0.1


def test_a_grid_that_knows_no_prediction_and_its_neighbours():
    assert sorted(reachable.counts_around(np.nan, 2)) == list(range(1, 15))
    blind = set(range(4, 57, 4))
    assert reachable.counts_around(np.nan, 4) == blind
    assert reachable.counts_around(30.0, 4) == blind | {29, 30, 31, 32}


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
