"""Targets, counts and floors of Born machines against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statistical import sigmas

from qgmutils.beyond.counts import born_machines as born
from qgmutils.circuits import Randomised
from qgmutils.engine.landscape import landscape
from qgmutils.ensembles import transitions
from qgmutils.losses.born_machine import BornMachine


@pytest.mark.parametrize("n", [1, 3, 4])
def test_the_log_normal_law_in_bins(n):
    found = born.distribution("log-normal", n, seed=1)
    law = stats.lognorm(1.0, scale=np.e)
    edges = np.linspace(0, 8, 2**n + 1)
    expected = [law.cdf(b) - law.cdf(a) for a, b in itertools.pairwise(edges)]
    assert found == pytest.approx(np.array(expected) / sum(expected), abs=1e-12)
    assert found.sum() == pytest.approx(1)


def test_bars_and_stripes_are_counted():
    # 2^2 + 2^2 images of columns or rows, of which the empty and the full one are both.
    assert born.bars_and_stripes(2, 2).sum() == 6
    with pytest.raises(ValueError, match="rows must be an integer of at least 1, got 0"):
        born.bars_and_stripes(0, 2)
    assert born.bars_and_stripes(3, 2).sum() == 2**3 + 2**2 - 2
    seen = {tuple(born.pixels([k], 2, 2)[0].ravel()) for k in np.flatnonzero(born.bars_and_stripes(2, 2))}
    assert seen == {(0, 0, 0, 0), (1, 1, 1, 1), (1, 1, 0, 0), (0, 0, 1, 1), (1, 0, 1, 0), (0, 1, 0, 1)}
    target = born.distribution("bars and stripes", 4, seed=1)
    assert np.unique(target).tolist() == [0, 1 / 6]


def test_targets_are_distributions_of_their_seed():
    one, two = (born.distribution("dirichlet", 3, seed=seed) for seed in (1, 2))
    assert one.sum() == pytest.approx(1)
    assert (one > 0).all()
    assert not np.allclose(one, two)
    assert (one == born.distribution("dirichlet", 3, seed=1)).all()


@pytest.mark.parametrize(
    ("target", "n", "message"), [("uniform", 2, "target"), ("bars and stripes", 3, "even")]
)
def test_wrong_targets(target, n, message):
    with pytest.raises(ValueError, match=message):
        born.distribution(target, n, seed=1)


def test_counts_are_the_rank_of_the_equations():
    """Against the derivatives of probabilities, and of the amplitudes of outcomes that do not occur, by all states."""
    rng = np.random.default_rng(3)
    for zeros, kind in itertools.product((0, 1, 3), born.AMPLITUDES):
        q = rng.dirichlet(np.ones(8 - zeros))
        target = np.concatenate([q, np.zeros(zeros)])
        case, _ = born.machine(kind, "some", "kl", target)
        phases = rng.uniform(0, 2 * np.pi, 8) if kind == "complex" else np.zeros(8)
        state = np.sqrt(target) * np.exp(1j * phases)
        directions = [*np.eye(8)] + ([*(1j * np.eye(8))] if kind == "complex" else [])
        rows = []
        for d in directions:
            tangent = d - np.real(np.vdot(state, d)) * state  # stays normalised
            change = 2 * np.real(state.conj() * tangent)[: 8 - zeros]
            rows.append(np.concatenate([change, tangent[8 - zeros :].real, tangent[8 - zeros :].imag]))
        assert np.linalg.matrix_rank(np.array(rows), tol=1e-9) == case.n_equations
        assert case.occurring == 8 - zeros
        assert case.algebra == (63 if kind == "complex" else 28)


def test_no_start_is_solved_below_the_count_and_all_far_above():
    machines = born.machines(["real"], ["dirichlet"], ["kl", "l2"], [2], seed=5)
    found = born.minima(machines, n_circuits=10, seed=5, offsets=[-1, 12])
    assert set(found["part"]) == {"full"}
    assert not found.loc[found["offset"] == -1, "zero"].any()
    assert found.loc[found["offset"] == 12, "zero"].mean() > 0.8
    assert (found["n_params"] == 3 + found["offset"]).all()


def test_ranks_of_the_hessian_and_of_the_metric():
    sparse, model = born.machine("complex", "one zero", "kl", [0.4, 0.3, 0.3, 0.0])
    full = born.machines(["real"], ["log-normal"], ["l2"], [2], seed=1)
    found = born.zero_ranks({sparse: model, **full}, n_starts=4, seed=1)
    assert found["rank"].tolist() == found["n_equations"].tolist() == [4, 3]
    assert found["metric"].tolist() == [6, 3]


def test_zeros_are_counted_at_the_number_of_equations_alone():
    table = pd.DataFrame({"offset": [-1, 0, 0, 0, 0, 1], "n_params": [2, 3, 3, 3, 3, 4], "loss": 0.1})
    zero = [True, True, False, False, False, True]
    (row,) = born.reached(table.assign(zero=zero, solved=True, n_qubits=2), ["n_qubits"]).to_dict("records")
    assert (row["n_params"], row["share"], row["starts"]) == (3, 0.25, 4)


def test_near_misses_of_a_target_with_a_zero():
    losses = born.misses(n_circuits=30, seed=2)
    assert (losses > transitions.ZERO).all()
    assert (losses < 1e-2).sum() > 5  # a share of 0.5


def test_shifts_are_areas_between_shares():
    rows = [
        ("real", "dirichlet", 2, circuit, kind, p, p >= onset)
        for circuit in range(5)
        for kind, onset in (("kl", 3), ("l2", 5), ("tv", 3))
        for p in range(1, 9)
    ]
    columns = ["amplitudes", "target", "n_qubits", "circuit", "divergence", "n_params", "solved"]
    found = born.shifts(pd.DataFrame(rows, columns=columns)).set_index("divergence")
    assert found["shift"].to_dict() == {"l2": 2, "tv": 0}
    assert (found["error"] == 0).all()
    assert (found["circuits"] == 5).all()


def test_bounds_stand_beside_the_counts():
    counts = pd.DataFrame(
        {
            "amplitudes": ["real"],
            "n_qubits": 2,
            "n_equations": 3,
            "algebra": 6,
            "p_c": 4.0,
            "low": 3.0,
            "high": 6.0,
        }
    )
    ranks = pd.DataFrame({"amplitudes": "real", "n_qubits": [2, 2], "metric": [2, 3]})
    (row,) = born.transition_bounds(counts, ranks).to_dict("records")
    assert (row["fisher"], row["beyond"], row["beyond_low"], row["beyond_high"]) == (3, 1, 0, 3)
    assert (row["loose"], row["loose_low"], row["loose_high"]) == (1.5, 1, 2)


def test_the_floor_of_samples_is_the_mean_of_their_distance():
    rng = np.random.default_rng(4)
    target = rng.dirichlet(np.ones(8))
    shares = rng.multinomial(20, target, 4000) / 20
    distance = np.sum((shares - target) ** 2, axis=1)
    error = distance.std() / np.sqrt(len(distance))
    assert abs(distance.mean() - born.sampling_floor(target, 20)) < sigmas() * error


def test_machines_above_the_count_learn_their_samples():
    found = born.learnt_from_samples(2, [12], [0.3, 3.0], n_draws=12, seed=3)
    assert found["n_params"].unique().tolist() == [2, 18]
    few, many = (found[found["n_params"] == p] for p in (2, 18))
    assert (many["loss"] < transitions.ZERO).all()
    assert (many["rank"] == many["n_equations"]).all()
    assert (few["rank"] == -1).all()
    assert few["relative"].mean() > many["relative"].mean()


def test_outcomes_are_drawn_from_the_trained_machine(rng):
    loss = BornMachine([0.5, 0.0, 0.0, 0.5])
    surface = landscape(Randomised(2, 12).build(rng), loss)
    found = born.Drawn(400).measure(surface, 3, rng)
    zero = found["loss"] < transitions.ZERO
    assert zero.any()
    assert set(found["outcome"][zero]) == {0, 3}
    assert len(found["outcome"]) == 1200
    (case, model) = born.machine("complex", "two", "kl", loss.target)
    table = born.drawn({case: model}, [1, 12], n_circuits=3, n_shots=20, seed=1)
    assert len(table) == 2 * 3 * 20
    assert (table["valid"] == table["outcome"].isin([0, 3])).all()
