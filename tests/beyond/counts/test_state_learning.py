"""Averages over targets, and numbers of minima, against brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statistical import sigmas

from qgmutils.beyond.counts import state_learning as learning
from qgmutils.circuits import Randomised
from qgmutils.engine.landscape import landscape
from qgmutils.losses.fidelity import Fidelity


@pytest.mark.parametrize("overlap", [0.05, 0.3, 0.9])
def test_targets_have_their_overlap(rng, overlap):
    surface = learning.model(3, seed=1).with_params(4).landscape(rng)
    (state,) = surface.states(np.ones((1, 4)))
    several = np.array([learning.target_at(state, overlap, rng) for _ in range(5)])
    assert np.linalg.norm(several, axis=1) == pytest.approx(1)
    assert np.abs(several @ state.conj()) ** 2 == pytest.approx(overlap, abs=1e-12)


def test_the_averaged_hessian_is_that_of_the_mean_projector(rng):
    """Exactly: E|t><t| is v^2 |psi><psi| and the rest spread over the other directions."""
    overlap, step = 0.37, 1e-4
    surface = landscape(Randomised(2, 5).build(rng), Fidelity(np.eye(4)[0]))
    theta = rng.uniform(0, np.pi, 5)
    (state,) = surface.states(theta[None])
    projector = np.outer(state, state.conj())
    mean = overlap * projector + (1 - overlap) / 3 * (np.eye(4) - projector)

    def loss(angles):
        (psi,) = surface.states(angles[None])
        return 1 - np.real(psi.conj() @ mean @ psi)

    hessian = np.empty((5, 5))
    for i, a in enumerate(step * np.eye(5)):
        for j, b in enumerate(step * np.eye(5)):
            corners = (theta + a + b, theta + a - b, theta - a + b, theta - a - b)
            hessian[i, j] = np.dot([1, -1, -1, 1], [loss(x) for x in corners]) / (4 * step**2)
    expected = learning.mean_curvature(overlap, 4) * 2 * surface.quantum_fisher(theta[None])[0]
    assert hessian == pytest.approx(expected, abs=1e-6)


def test_sampled_averages_are_those_of_theory(rng):
    surface = landscape(Randomised(2, 3).build(rng), Fidelity(np.eye(4)[0]))
    found = pd.DataFrame(learning.AtOverlap((0.1, 0.6)).measure(surface, 150, rng))
    for overlap, part in found.groupby("overlap"):
        for name, expected in (
            ("gradient", 0.0),
            ("entry", 0.0),
            ("coefficient", learning.mean_curvature(overlap, 4)),
        ):
            assert abs(part[name].mean() - expected) < sigmas() * part[name].sem()


def test_a_sign_change_is_found(rng):
    overlap = np.tile([0.1, 0.5, 0.9], 4)
    coefficient = learning.mean_curvature(overlap, 8)
    table = pd.DataFrame({"overlap": overlap, "coefficient": coefficient, "circuit": np.repeat(range(4), 3)})
    (row,) = learning.sign_changes(table.assign(n_qubits=3, dim=8)).to_dict("records")
    assert row["loss"] == pytest.approx(1 - 1 / 8)
    assert row["loss_error"] < 1e-12
    assert row["size"] == 4


def test_shares_are_compared_with_the_smallest_size():
    table = pd.DataFrame({"n_qubits": np.repeat([3, 5], 50), "positive": [False] * 40 + [True] * 60})
    found = learning.not_positive(table)
    assert found["share"].tolist() == [0.8, 0]
    assert found["halved"].tolist() == [found["low"][0], found["low"][0] / 4]


def test_means_of_circuits_and_of_rows():
    table = pd.DataFrame({"n": 1, "circuit": [0, 0, 1, 1], "x": [0.0, 2.0, 4.0, 6.0]})
    (clusters,), (rows,) = (
        learning.means(table, ["n"], ["x"], clustered=kind).to_dict("records") for kind in (True, False)
    )
    assert (clusters["x"], clusters["size"], rows["x"], rows["size"]) == (3, 2, 3, 4)
    assert clusters["x_error"] == pytest.approx(2)  # of 1 and 5
    assert rows["x_error"] == pytest.approx(np.std([0, 2, 4, 6], ddof=1) / 2)


def test_training_from_a_high_overlap_keeps_what_it_cannot_follow():
    found = learning.samples(learning.FromOverlap(0.95), {4: [1, 8]}, n_circuits=20, n_points=4, seed=3)
    for p, part in found.groupby("n_params"):
        (row,) = learning.means(part, ["dim"], ["kept"]).to_dict("records")
        # The quadratic model is wrong by the size of the first loss.
        assert abs(row["kept"] - learning.kept_loss(0.95, 16, p)) < 0.05 + sigmas() * row["kept_error"]
    assert learning.kept_loss(1.0, 16, 30) == 0


def test_minima_are_told_apart_by_their_losses():
    one = pd.DataFrame({"loss": [0.5, 0.5 + 1e-12, 0.2, 1e-16]}).assign(circuit=0)
    two = pd.DataFrame({"loss": [0.0, 0.0, 1e-15, 0.0]}).assign(circuit=1)
    table = pd.concat([one, two]).assign(n_qubits=2, n_params=5, n_equations=6, ratio=5 / 6)
    found = learning.distinct_minima(table)
    assert found["distinct"].tolist() == [3, 1]
    assert found["traps"].tolist() == [2, 0]
    assert found["same"].tolist() == pytest.approx([1 / 6, 1])  # of six pairs


def test_meetings_without_any_have_a_bound(rng):
    table = pd.DataFrame(
        {"n_qubits": [2, 2, 3, 3], "n_params": [5, 5, 12, 12], "n_equations": [6, 6, 14, 14]}
    )
    table = table.assign(ratio=table["n_params"] / table["n_equations"], distinct=3, traps=2, starts=5)
    found = learning.meetings(table.assign(same=[0.4, 0.6, 0.0, 0.0]), rng)
    assert found["number"].tolist() == pytest.approx([2, 20 / 3])  # three over the 20 pairs
    assert found["high"][1] == pytest.approx(0.15)
    rows = learning.by_size(found, 0.85)
    assert rows["n_qubits"].tolist() == [2, 3]
    assert rows["halved"].tolist() == [found["low"][0], found["low"][0] / 2]


def test_minima_around_the_count():
    found = learning.minima([1], [0.5, 3.0], n_circuits=3, n_starts=2, seed=1)
    assert sorted(found["n_params"].unique()) == [1, 2, 3, 4, 6]
    assert (found["n_equations"] == 2).all()
    assert not found.loc[found["ratio"] < 1, "zero"].any()
    above = learning.above_threshold([2], [1, 6], n_circuits=30, seed=1)
    assert above["share"].iloc[0] > above["share"].iloc[1]
