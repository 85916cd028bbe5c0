"""Sampling tasks: streams, columns, and what must hold for the field and for circuits."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from statistical import agree

from qgmutils import circuits
from qgmutils.engine import landscape
from qgmutils.ensembles.ensembles import circuit_stream
from qgmutils.ensembles.sampling import FieldTask, HessianTask, LossTask, RayTask, run_ensembles, split
from qgmutils.field import haar
from qgmutils.field.loss_laws import ray_correlations
from qgmutils.losses import hamiltonians
from qgmutils.statistics.estimates import cluster_estimate

CHAIN = {"hamiltonian": "tfim", "hamiltonian_options": None, "n_qubits": 3, "n_params": 4}
CHAIN |= {"n_instances": 5, "n_starts": 3}
TFIM = ("tfim", (), 3, 4, 0, 6, 5)


def seed_of(rng):
    return int(rng.integers(2**31))


@pytest.mark.parametrize("task", [LossTask, RayTask, HessianTask])
def test_table_does_not_depend_on_the_cut(task, rng):
    options = {**CHAIN, "seed": seed_of(rng)}
    whole = split(task, **options)
    pieces = split(task, circuits_per_task=2, **options)
    assert [len(whole), len(pieces)] == [1, 3]
    joined = pd.concat([piece.run() for piece in pieces], ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole[0].run(), check_exact=True)


def test_loss_task_is_the_landscape_at_random_angles(rng):
    seed = seed_of(rng)
    table = LossTask(*TFIM, seed).run()
    problem = hamiltonians.tfim(3)
    stream = circuit_stream(seed, 3, 4, 2)
    surface = landscape(circuits.random_circuit(3, 4, rng=stream), problem)
    energy, gradient = surface.value_and_gradient(stream.uniform(0, np.pi, (5, 4)))
    rows = table[table["circuit"] == 2]
    np.testing.assert_array_equal(rows["energy"], energy)
    np.testing.assert_array_equal(rows["gradient"], gradient[np.arange(5), [0, 1, 2, 3, 0]])
    np.testing.assert_allclose(rows["gradient_square"], np.mean(gradient**2, axis=1), rtol=1e-13)


def test_rays_have_the_exact_correlation(rng):
    distances = (0.0, 0.7, 1.4)
    table = RayTask("projector", (("rank", 1),), 2, 2, 0, 1500, 4, seed_of(rng), distances).run()
    found = ray_correlations(table, rng=rng)
    agree(found["z"], 0, 1)
    assert found.loc[0, "exact"] == 1
    assert (table.loc[table["distance"] == 0, "product"] >= 0).all()
    assert (found["exact"] < found["field"] + 1e-15).all()


def test_hessian_task_at_random_points(rng):
    seed = seed_of(rng)
    table = HessianTask(*TFIM, seed).run()
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
    table = HessianTask(*TFIM, seed_of(rng), points="minimum").run()
    certified = table[table["certified"]]
    assert len(certified) > 0.9 * len(table)
    # Null directions are allowed by the certificate, to 1e-6 of the largest eigenvalue.
    assert certified["eigenvalue"].min() > -1e-5
    random = HessianTask(*TFIM, 7).run()
    assert table["energy"].mean() < random["energy"].mean()


def test_candidates_spread_the_energies(rng):
    seed = seed_of(rng)
    # 1.33 times as wide; one standard error of the ratio of 240 circuits is 0.033.
    sizes = ("projector", (("rank", 4),), 4, 8, 0, 240, 4)
    plain = HessianTask(*sizes, seed).run()["energy"].std()
    assert HessianTask(*sizes, seed, n_candidates=64).run()["energy"].std() > 1.15 * plain


def test_candidates_do_not_change_the_law_at_given_energy(rng):
    """The mean trace of A is known at every state; a choice that saw more than energies would move it."""
    seed = seed_of(rng)
    table = HessianTask("projector", (("rank", 2),), 4, 6, 0, 400, 4, seed, n_candidates=32).run()
    points = table[table["position"] == 0]
    # Over random words the trace is p (N^2 - E) / (N^2 - 1) - p E on average, at every state.
    trace = table.groupby(["circuit", "start"])["eigenvalue"].sum().to_numpy() / 6
    energy = points["energy"].to_numpy()
    miss, error = cluster_estimate(trace + energy - (256 - energy) / 255, points["circuit"], rng=rng)
    agree(miss, 0, error, freedom=399)
    assert error < 0.03


def test_hessian_of_the_field_has_a_rank_one_term_off_critical_points(rng):
    m, p = 5.0, 4
    table = FieldTask(p, m, 300, 16, seed_of(rng)).run()
    energy, excess = table["energy"], table["gradient_square"] / (4 * table["energy"])
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
        problem = hamiltonians.build(name, 5, dict(options), seed=0)
        table = HessianTask(name, options, 5, 12, 0, 150, 4, seed_of(rng)).run()
        points = table[table["position"] == 0]
        mean, error = cluster_estimate(
            points["along_gradient"] + points["energy"] - 1, points["circuit"], rng=rng
        )
        unit = 11 / (2 * problem.degrees_of_freedom)
        s = haar.third_moment_ratio(problem.levels)
        agree(mean / unit, s, error / unit, slack=4 * max(1, abs(s)) / problem.dim, freedom=149)


def test_ensembles_come_back_under_their_names(monkeypatch, rng):
    monkeypatch.setenv("QGMUTILS_NO_CACHE", "1")
    monkeypatch.setenv("QGMUTILS_WORKERS", "1")
    task = LossTask(*TFIM, seed_of(rng))
    other = dataclasses.replace(task, n_qubits=2)
    found = run_ensembles({"b": [task, other], ("a", 1): [other]})
    assert list(found) == ["b", ("a", 1)]
    pd.testing.assert_frame_equal(found["a", 1], other.run())
    assert len(found["b"]) == 2 * len(found["a", 1])
    np.testing.assert_array_equal(found["b"]["energy"][:30], task.run()["energy"])


@pytest.mark.parametrize("size", ["n_params", "n_instances", "n_starts", "circuits_per_task"])
def test_sizes_must_be_positive(size):
    options = {**CHAIN, "seed": 0, size: 0}
    with pytest.raises(ValueError, match=f"{size} must be at least 1, got 0"):
        split(LossTask, **options)


def test_unknown_points_and_candidates_are_refused():
    with pytest.raises(ValueError, match="unknown points 'saddle'"):
        HessianTask(*TFIM, 0, points="saddle")
    with pytest.raises(ValueError, match="n_candidates must be at least 1"):
        HessianTask(*TFIM, 0, n_candidates=0)
