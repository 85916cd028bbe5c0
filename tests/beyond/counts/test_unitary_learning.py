"""Tables of unitary learning, on synthetic losses and at the smallest sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.counts import unitary_learning
from qgmutils.ensembles.transitions import ZERO


def test_targets_have_determinant_one() -> None:
    goal = unitary_learning.target(2, 0, seed=1)
    assert np.linalg.det(goal.target) == pytest.approx(1, abs=1e-12)
    assert not np.allclose(goal.target, unitary_learning.target(2, 1, seed=1).target)


def test_exponents_of_power_laws() -> None:
    step = np.unique(np.round(10 ** np.arange(0, 3, 0.1)).astype(int))
    parts = [
        pd.DataFrame(
            {"dim": 4, "n_params": 16, "count": 16, "start": start, "step": step, "end": end}
        ).assign(loss=step**-power, linear=step**-1.5)
        for start, (power, end) in enumerate([(1.0, 0.0), (1.5, 0.1), (2.0, 0.0)])
    ]
    slopes = unitary_learning.exponents(pd.concat(parts))
    np.testing.assert_allclose(slopes["exponent"], [1.0, 1.5, 2.0])
    assert slopes["at_zero"].tolist() == [True, False, True]
    means = unitary_learning.mean_exponents(slopes).iloc[0]
    assert (means["starts"], means["zeros"]) == (3, 2)
    assert means["exponent"] == pytest.approx(1.5)
    assert means["at_zeros"] == pytest.approx(1.5)
    assert means["miss"] == pytest.approx(0, abs=1e-12)


def test_exponents_with_more_parameters_stand_beside_those_at_the_count() -> None:
    slopes = pd.DataFrame(
        {"dim": [2, 4, 4, 8], "n_params": [4, 16, 20, 80], "count": [4, 16, 16, 64]}
        | {"exponent": [1.1, 1.2, 2.9, 3.0], "error": [0.1, 0.3, 0.4, 0.1], "miss": 0.0}
    )
    found = unitary_learning.steepening(slopes)  # one count is missing for d = 2, the other one for d = 8
    assert found["dim"].tolist() == [4]
    row = found.iloc[0]
    assert (row["n_params"], row["exponent"], row["exponent_at"]) == (20, 2.9, 1.2)
    assert row["error"] == pytest.approx(0.5)


def test_edge_of_curvatures(rng: np.random.Generator) -> None:
    # Squares of uniform numbers: x^(1/2).
    values = 4.0 * rng.uniform(0, 1, (2000, 4)) ** 2
    ends = pd.DataFrame(values, columns=[f"curvature_{i}" for i in range(4)]).assign(
        dim=2, offset=0, loss=0.0
    )
    found = unitary_learning.edges(ends).iloc[0]
    assert abs(found["exponent"] - 0.5) < 5 * found["error"]
    assert found["number"] == np.sum(values < 0.4)


def test_searches_at_the_smallest_size() -> None:
    ends = unitary_learning.learn({2: 16}, seed=1)
    assert sorted(ends["n_params"].unique()) == [2, 3, 4, 5, 6, 7, 8]
    assert ends.loc[ends["offset"] < 0, "loss"].min() > ZERO
    deep = unitary_learning.saturated(ends[ends["loss"] < ZERO], ["dim"], "rank")
    assert deep[["count", "rank"]].to_numpy().tolist() == [[4, 4]]


def test_layers_at_the_smallest_size() -> None:
    found = unitary_learning.layers({2: 2}, n_targets=2, seed=1)
    assert sorted(found["n_params"].unique()) == [14, 15, 16, 30]
    assert found.loc[found["offset"] < 0, "loss"].min() > ZERO
    assert found.groupby(["phase", "n_params"])["circuit"].nunique().eq(4).all()
    assert unitary_learning.saturated(found, ["n_qubits", "phase"], "metric")["rank"].tolist() == [15, 15]
    assert len(unitary_learning.published_shares(found, above=True)) == 0
    assert unitary_learning.layered_counts(3) == [62, 63, 64, 86]


def test_multiples_of_the_target_by_a_phase_are_traps() -> None:
    found = unitary_learning.centre_ends([2, 3], n_starts=2, seed=1)
    assert found["n_qubits"].tolist() == [3, 3]
    np.testing.assert_allclose(found["loss"], 1 - np.cos(np.pi / 4), atol=1e-12)
    assert found["certified"].all()
    assert len(unitary_learning.centre_ends([2], seed=1)) == 0


def test_published_shares() -> None:
    table = pd.DataFrame(
        {"n_qubits": 3, "n_params": [62, 62, 86, 86], "phase": True, "loss": [1.0, 1e-7, 0.0, 0.0]}
    )
    for above, numbers in ((False, [62, 1, 2]), (True, [86, 2, 2])):
        found = unitary_learning.published_shares(table, above=above)
        assert found[["n_params", "passed", "starts"]].to_numpy().tolist() == [numbers]
