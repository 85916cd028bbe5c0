"""What notebook 14 trains, at the smallest sizes, and what it reads off machines that learn from samples."""

from __future__ import annotations

import pandas as pd
import pytest

from qgmutils.beyond.counts import born_studies
from qgmutils.beyond.counts.born_machines import AMPLITUDES
from qgmutils.losses.born_machine import DIVERGENCES


def test_machines_around_their_counts() -> None:
    minima, ranks = born_studies.around_counts([2], 2, n_circuits=2, seed=1)
    names = ["amplitudes", "target", "divergence"]
    expected = {
        (kind, *rest)
        for kind in AMPLITUDES
        for rest in (
            ("dirichlet", "kl"),
            ("dirichlet", "l2"),
            ("log-normal", "kl"),
            ("bars and stripes", "kl"),
        )
    }
    for table in (minima, ranks):
        assert {*table[names].itertuples(index=False, name=None)} == expected
    assert (minima["offset"].min(), minima["offset"].max()) == (-2, 5)
    assert (ranks["rank"] == ranks["n_equations"]).all()


def test_divergences_are_compared_on_the_same_circuits() -> None:
    found = born_studies.compared(2, n_circuits=2, seed=1)
    assert {*found["divergence"]} == {*DIVERGENCES}
    assert sorted(found["offset"].unique()) == [-1, 0, 1, 2, 3]
    assert found.groupby(["amplitudes", "divergence", "n_params"])["circuit"].nunique().eq(2).all()


def test_near_misses_of_a_target_with_a_zero() -> None:
    exponent, error, number = born_studies.near_misses(n_circuits=40, seed=1)
    assert 2 <= number <= 40
    assert abs(exponent - 0.25) < 5 * error


def test_pictures_are_of_complex_machines() -> None:
    found = born_studies.pictures(4, [1, 3], seed=1)
    assert {*found["amplitudes"]} == {"complex"}
    assert found.groupby(["n_params", "circuit"]).size().tolist() == [16] * 16
    assert not found["valid"].all()


def test_what_is_learnt_from_samples() -> None:
    rows = [
        (shots, p, circuit, 10.0 * shots + p + circuit, 3, 3)
        for shots in (16, 9)
        for p in (2, 4, 8)
        for circuit in (0, 1)
    ]
    trained = pd.DataFrame(rows, columns=["shots", "n_params", "circuit", "relative", "rank", "n_equations"])
    distances, floor, few, ranks = born_studies.learnt(trained, 2)
    assert len(distances) == 6
    assert distances["relative"].tolist() == [10.0 * shots + p + 0.5 for shots in (9, 16) for p in (2, 4, 8)]
    assert floor[["shots", "n_params"]].to_numpy().tolist() == [[9, 8], [16, 8]]
    # Two and four angles are as near to N - 1 = 3.
    assert few[["shots", "n_params", "size"]].to_numpy().tolist() == [[9, 2, 2]]
    assert few["relative_error"].iloc[0] == pytest.approx(0.5)
    assert len(ranks) == 4
    assert ranks[["amplitudes", "target", "n_qubits"]].drop_duplicates().to_numpy().tolist() == [
        ["complex", "samples", 2]
    ]


def test_samples_are_learnt_at_the_smallest_size() -> None:
    found = born_studies.from_samples(2, [12], [0.3, 3.0], n_draws=3, seed=3)
    assert found.distances["n_params"].tolist() == [2, 18]
    assert found.ranks["rank"].tolist() == found.ranks["n_equations"].tolist()
