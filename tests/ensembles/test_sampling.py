"""Samples: streams, columns, and what must hold for the field and for circuits."""

import dataclasses

import dense
import numpy as np
import pandas as pd
import pytest
from statistical import agree

from qgmutils import circuits
from qgmutils.circuits.brickwork import Brickwork
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.restricted import SYMMETRIES, Restricted
from qgmutils.engine import landscape
from qgmutils.ensembles.model import Model, circuit_stream
from qgmutils.ensembles.sampling import FisherRanks, Losses, Rays, SampleTask, Spectra
from qgmutils.field import haar
from qgmutils.field.hessians import FieldTask
from qgmutils.field.loss_laws import ray_correlations
from qgmutils.losses import hamiltonians
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.statistics.estimates import cluster_estimate

TFIM = Model(Randomised(3, 4), Hamiltonian("tfim", 3))


def seed_of(rng):
    return int(rng.integers(2**31))


def projector(n_qubits, n_params, rank):
    return Model(Randomised(n_qubits, n_params), Hamiltonian("projector", n_qubits, (("rank", rank),)))


def sample(model, quantity, n_circuits, n_points, seed):
    return SampleTask(
        model=model, quantity=quantity, n_circuits=n_circuits, n_points=n_points, seed=seed
    ).run()


@pytest.mark.parametrize(
    "quantity", [Losses(), Rays(), Spectra(), FisherRanks()], ids=lambda q: type(q).__name__
)
def test_table_does_not_depend_on_the_cut(quantity, rng):
    whole = SampleTask(model=TFIM, quantity=quantity, n_circuits=5, n_points=3, seed=seed_of(rng))
    pieces = whole.pieces(2 * whole.seconds())
    assert len(pieces) == 3
    joined = pd.concat([piece.run() for piece in pieces], ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole.run(), check_exact=True)


def test_losses_are_the_landscape_at_random_angles(rng):
    seed = seed_of(rng)
    table = sample(TFIM, Losses(), 6, 5, seed)
    stream = circuit_stream(seed, 3, 4, 2)
    surface = landscape(circuits.random_circuit(3, 4, rng=stream), hamiltonians.tfim(3))
    energy, gradient = surface.value_and_gradient(stream.uniform(0, np.pi, (5, 4)))
    rows = table[table["circuit"] == 2]
    np.testing.assert_array_equal(rows["loss"], energy)
    np.testing.assert_array_equal(rows["gradient"], gradient[np.arange(5), [0, 1, 2, 3, 0]])
    np.testing.assert_allclose(rows["gradient_square"], np.mean(gradient**2, axis=1), rtol=1e-13)


def test_rays_have_the_exact_correlation(rng):
    distances = (0.0, 0.7, 1.4)
    table = sample(projector(2, 2, 1), Rays(distances), 1500, 4, seed_of(rng))
    found = ray_correlations(table, rng=rng)
    agree(found["z"], 0, 1)
    assert found.loc[0, "exact"] == 1
    assert (table.loc[table["distance"] == 0, "product"] >= 0).all()
    assert (found["exact"] < found["field"] + 1e-15).all()


def test_hessian_task_at_random_points(rng):
    seed = seed_of(rng)
    table = sample(TFIM, Spectra(), 6, 5, seed)
    stream = circuit_stream(seed, 3, 4, 4)
    surface = landscape(circuits.random_circuit(3, 4, rng=stream), hamiltonians.tfim(3))
    theta = stream.uniform(0, np.pi, (5, 4))
    hessian, gradient = surface.hessian(theta), surface.value_and_gradient(theta)[1]
    rows = table[table["circuit"] == 4]
    expected = np.linalg.eigvalsh(hessian / 2)
    np.testing.assert_allclose(rows["eigenvalue"].to_numpy().reshape(5, 4), expected, atol=1e-12)
    states = surface.states(theta)
    matrix = surface.loss.matrix
    mean, square = (
        np.einsum("bi,ij,bj->b", states.conj(), m, states).real for m in (matrix, matrix @ matrix)
    )
    first = rows[rows["position"] == 0]
    np.testing.assert_allclose(first["variance"], square - mean**2, atol=1e-12)
    along = [g @ h @ g / (2 * g @ g) for g, h in zip(gradient, hessian, strict=True)]
    np.testing.assert_allclose(first["along_gradient"], along, atol=1e-11)


def test_found_minima_are_positive_definite(rng):
    table = sample(TFIM, Spectra("minimum"), 6, 5, seed_of(rng))
    certified = table[table["certified"]]
    assert len(certified) > 0.9 * len(table)
    # Null directions are allowed by the certificate, to 1e-6 of the largest eigenvalue.
    assert certified["eigenvalue"].min() > -1e-5
    random = sample(TFIM, Spectra(), 6, 5, 7)
    assert table["loss"].mean() < random["loss"].mean()


def test_candidates_spread_the_energies(rng):
    seed = seed_of(rng)
    # 1.33 times as wide; one standard error of the ratio of 240 circuits is 0.033.
    plain, chosen = (
        sample(projector(4, 8, 4), Spectra(n_candidates=size), 240, 4, seed)["loss"].std() for size in (1, 64)
    )
    assert chosen > 1.15 * plain


def test_candidates_do_not_change_the_law_at_given_energy(rng):
    """The mean trace of A is known at every state; a choice that saw more than energies would move it."""
    seed = seed_of(rng)
    table = sample(projector(4, 6, 2), Spectra(n_candidates=32), 400, 4, seed)
    points = table[table["position"] == 0]
    # Over random words the trace is p (N^2 - E) / (N^2 - 1) - p E on average, at every state.
    trace = table.groupby(["circuit", "start"])["eigenvalue"].sum().to_numpy() / 6
    energy = points["loss"].to_numpy()
    miss, error = cluster_estimate(trace + energy - (256 - energy) / 255, points["circuit"], rng=rng)
    agree(miss, 0, error, freedom=399)
    assert error < 0.03


def test_hessian_of_the_field_has_a_rank_one_term_off_critical_points(rng):
    m, p = 5.0, 4
    table = FieldTask(p, m, 300, 16, seed_of(rng)).run()
    energy, excess = table["loss"], table["gradient_square"] / (4 * table["loss"])
    for values, expected in (
        (table["curvature"] + energy, 1.0),
        (table["curvature"] + energy - excess / p, 1 - 1 / (2 * m)),
        (table["along_gradient"] + energy, 1 + (p - 1) / (2 * m)),
        (table["along_gradient"] + energy - excess, 1 - 1 / (2 * m)),
    ):
        mean, error = cluster_estimate(values, table["circuit"], rng=rng)
        agree(mean, expected, error, freedom=299)
        assert error < 0.017


def test_curvature_along_the_gradient_follows_the_third_moment(rng):
    """For circuits the excess is s (p - 1) / 2m up to 1/N: none for symmetric levels, negative for a large rank."""
    for name, options in (("tfim", ()), ("projector", (("rank", 24),)), ("projector", (("rank", 4),))):
        model = Model(Randomised(5, 12), Hamiltonian(name, 5, options))
        problem = model.loss.build()
        table = sample(model, Spectra(), 150, 4, seed_of(rng))
        points = table[table["position"] == 0]
        mean, error = cluster_estimate(
            points["along_gradient"] + points["loss"] - 1, points["circuit"], rng=rng
        )
        unit = 11 / (2 * problem.degrees_of_freedom)
        s = haar.third_moment_ratio(problem.levels)
        agree(mean / unit, s, error / unit, slack=4 * max(1, abs(s)) / problem.dim, freedom=149)


@pytest.mark.parametrize(
    "recipe", [Randomised(2, 8), *(Restricted(2, 8, symmetry=s) for s in SYMMETRIES)], ids=lambda r: r.name
)
def test_ranks_are_those_of_the_shorter_circuits(recipe, rng):
    seed = seed_of(rng)
    model = Model(recipe, Hamiltonian("tfim", 2))
    table = sample(model, FisherRanks(), 2, 1, seed)
    for number in range(2):
        stream = circuit_stream(seed, 2, 8, number)
        whole = recipe.build(stream)
        theta = stream.uniform(0, np.pi, (1, 8))[0]
        for p in range(1, 9):
            cut = {name: getattr(whole, name)[:p] for name in ("x", "z", "parameter", "scale", "offset")}
            metric = dense.Landscape(
                dataclasses.replace(whole, n_params=p, **cut), hamiltonians.tfim(2), theta[:p]
            ).metric
            rank = table.query(f"circuit == {number} and n_params == {p}")["rank"].item()
            tolerance = 1e-10 * np.linalg.norm(metric, 2)
            assert rank == np.linalg.matrix_rank(metric, tol=tolerance, hermitian=True)


@pytest.mark.parametrize(
    "recipe",
    [Brickwork(2, 9, reference_state="zero"), HardwareEfficient(2, 9, rotations="Y", reference_state="zero")],
    ids=lambda recipe: recipe.name,
)
def test_ranks_of_fixed_circuits(recipe, rng):
    table = sample(Model(recipe, Hamiltonian("tfim", 2)), FisherRanks(), 1, 2, seed_of(rng))
    ranks = table.groupby("n_params")["rank"].max()
    for p in range(1, 10):
        drawn = []
        for _ in range(2):  # the smallest eigenvalue of one may be a square below 1e-10, once in 1e5
            circuit = dataclasses.replace(recipe, n_params=p).build(rng)
            metric = dense.Landscape(circuit, hamiltonians.tfim(2), rng.uniform(0, np.pi, p)).metric
            drawn.append(np.linalg.matrix_rank(metric, tol=1e-10))
        assert ranks[p] == max(drawn)


def test_shared_angles_have_the_rank_of_the_whole_circuit(rng):
    recipe = Randomised(2, 5, gates_per_angle=2)
    table = sample(Model(recipe, Hamiltonian("tfim", 2)), FisherRanks(), 3, 1, seed_of(rng))
    assert table["n_params"].tolist() == [5, 5, 5]
    assert table["rank"].between(3, 5).all()


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_rank_saturates_at_the_dimension(symmetry, rng):
    recipe = Restricted(3, 1, symmetry=symmetry)
    dimension = recipe.manifold_dimension
    model = Model(recipe, Hamiltonian("tfim", 3)).with_params(4 * dimension)
    table = sample(model, FisherRanks(), 5, 1, seed_of(rng))
    # Eight random words may be few; four times the dimension of them are not.
    assert (table.loc[table["n_params"] == 4 * dimension, "rank"] == dimension).all()
    assert table["rank"].max() == dimension


def test_bad_samples_are_refused():
    for name in ("n_circuits", "n_points"):
        good = {"model": TFIM, "quantity": Losses(), "n_circuits": 1, "n_points": 1, "seed": 0}
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, got 0"):
            SampleTask(**good | {name: 0})
    with pytest.raises(ValueError, match="unknown points 'saddle'"):
        Spectra("saddle")
    with pytest.raises(ValueError, match="n_candidates must be an integer of at least 1"):
        Spectra(n_candidates=0)
