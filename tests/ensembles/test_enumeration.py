"""Enumerated critical points and basins: against plain descent in small steps, and how tables are made."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles import basins, enumeration
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model, circuit_stream
from qgmutils.ensembles.training import TrainTask
from qgmutils.field.critical_points import CriticalPoints, critical_points
from qgmutils.field.polynomials import from_function, sample_whrf
from qgmutils.losses.hamiltonians import Hamiltonian


def task_of(n, p, **changes):
    values = {"model": Model(Randomised(n, p), Hamiltonian("tfim", n)), "n_circuits": 4, "seed": 1}
    return EnumerateTask(**values | changes)


def test_enumeration_finds_what_training_finds(rng):
    task = task_of(3, 3, seed=int(rng.integers(2**31)))
    listed = task.run()
    minima = listed[(listed["index"] == 0) & listed["complete"]]
    trained = TrainTask(model=task.model, n_circuits=4, n_starts=64, seed=task.seed).run()
    for number, rows in trained[trained["certified"]].groupby("circuit"):
        known = minima.loc[minima["circuit"] == number, "loss"].to_numpy()
        if len(known):
            assert np.abs(rows["loss"].to_numpy()[:, None] - known).min(axis=1).max() < 1e-9


def test_a_circuit_without_isolated_points_counts_as_incomplete(monkeypatch):
    def none(polynomial, rng, **bounds):
        nothing = np.empty(0)
        return CriticalPoints(np.empty((0, 2)), nothing, nothing.astype(np.int64), False, 10)

    task = task_of(2, 2, n_circuits=3)
    assert (task.run()["index"] >= 0).all()
    monkeypatch.setattr(enumeration, "critical_points", none)
    for n_starts in (0, 8):
        table = dataclasses.replace(task, n_starts=n_starts).run()
        assert table["circuit"].tolist() == [0, 1, 2]
        assert not table["complete"].any()
        assert table["loss"].isna().all()
        assert (table["index"] == -1).all()
    assert (table["lost"] == 8).all()


def test_minima_are_listed_with_their_determinants_and_all_starts(rng):
    task = task_of(3, 3, seed=int(rng.integers(2**31)), n_starts=64)
    table = task.run()
    for number, group in table[table["complete"]].groupby("circuit"):
        assert group["trained"].sum() + group["lost"].iloc[0] == 64
        assert group["flowed"].sum() + group["unflowed"].iloc[0] == 64
        surface = task.model.landscape(circuit_stream(task.seed, 3, 3, number))
        polynomial = from_function(surface.value, 3)
        points = critical_points(polynomial, np.random.default_rng(0), n_starts=500)
        minima = points.theta[points.index == 0]
        known = np.linalg.slogdet(surface.hessian(minima))[1]
        rows = group[group["index"] == 0]
        np.testing.assert_allclose(np.sort(rows["log_det"]), np.sort(known), atol=1e-6)
    others = table[table["index"] > 0]
    assert others["log_det"].isna().all()
    assert (others[["trained", "flowed"]] == 0).all(axis=None)
    again = pd.concat([dataclasses.replace(task, first_circuit=k, n_circuits=1).run() for k in range(4)])
    pd.testing.assert_frame_equal(table, again.reset_index(drop=True))


def test_too_many_angles_are_refused():
    with pytest.raises(ValueError, match="n_params must be an integer of at most 10, got 11"):
        task_of(3, 11)


def _field(n_params, rng):
    """A field with isolated critical points and all its minima."""
    while True:
        polynomial = sample_whrf(n_params, 6.0, rng)
        points = critical_points(polynomial, rng, n_starts=300)
        if points.complete and np.sum(points.index == 0) > 1:
            return polynomial, points.theta[points.index == 0]


def _small_steps(polynomial, starts, step):
    theta = np.array(starts)
    for _ in range(20_000):
        slope = polynomial.gradient(theta)
        steepest = np.abs(slope).max(axis=1, keepdims=True)
        if steepest.max() < 1e-6:
            break
        # Where the slope is small it changes slowly, and minima of curvature 0.01 are met now and then.
        theta -= np.where(steepest > 0.01, step, 10 * step) * slope
    return theta


def test_flow_ends_where_small_steps_end(rng):
    wrong = total = 0
    for _ in range(3):
        polynomial, minima = _field(2, rng)
        grid = np.stack(np.meshgrid(*[(np.arange(30) + 0.5) * np.pi / 30] * 2), axis=-1).reshape(-1, 2)
        flowed = basins.assign(basins.flow(polynomial, grid), minima)
        # A step of 0.01 with second derivatives of order 10 stays close to the flow.
        plain = basins.assign(_small_steps(polynomial, grid, 0.01), minima)
        both = (flowed >= 0) & (plain >= 0)
        assert both.mean() > 0.98
        wrong += np.sum(flowed[both] != plain[both])
        total += both.sum()
    # Only starts next to a border differ: 900 points have some 100 next to one, each with steps of 0.05 at most.
    assert wrong <= 0.02 * total


def test_flow_never_ends_in_a_higher_point(rng):
    polynomial, minima = _field(3, rng)
    starts = rng.uniform(0, np.pi, (200, 3))
    ends = basins.flow(polynomial, starts)
    reached = ~np.isnan(ends).any(axis=1)
    assert reached.mean() > 0.95
    assert (polynomial.value(ends[reached]) <= polynomial.value(starts[reached]) + 1e-9).all()
    assert np.abs(polynomial.gradient(ends[reached])).max() < 1e-6
    # At half the step hardly any start ends elsewhere.
    finer = basins.assign(basins.flow(polynomial, starts, step=0.025), minima)
    assert np.mean(finer != basins.assign(ends, minima)) < 0.05


def test_assignment_on_the_torus():
    minima = np.array([[0.0, 1.0], [1.5, 1.5]])
    ends = np.array([[np.pi - 1e-5, 1.0], [1.5, 1.5 + np.pi], [0.7, 0.7], [np.nan, np.nan]])
    np.testing.assert_array_equal(basins.assign(ends, minima), [0, 1, -1, -1])
    np.testing.assert_array_equal(basins.assign(ends, np.empty((0, 2))), [-1] * 4)


def test_a_step_must_be_positive(rng):
    with pytest.raises(ValueError, match="step must be a positive length"):
        basins.flow(sample_whrf(2, 3.0, rng), np.zeros((1, 2)), step=0.0)
