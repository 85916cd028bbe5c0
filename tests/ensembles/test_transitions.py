import numpy as np
import pandas as pd
import pytest

from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.training import TrainTask
from qgmutils.losses.hamiltonians import Hamiltonian


@pytest.fixture(autouse=True)
def without_processes_and_cache(monkeypatch):
    monkeypatch.setenv("QGMUTILS_NO_CACHE", "1")
    monkeypatch.setenv("QGMUTILS_WORKERS", "1")


def projector(n, rank):
    return Model(Randomised(n, 1), Hamiltonian("projector", n, (("rank", rank),)))


def test_several_models_are_their_tasks(rng):
    seed = int(rng.integers(2**31))
    models = {
        ("one", 3): (projector(3, 1), range(-1, 4)),
        ("ring", 2): (Model(Randomised(2, 1), Hamiltonian("tfim", 2)), [2]),
    }
    minima = transitions.train_counts(
        models, names=["model", "n"], n_circuits={("one", 3): 4, ("ring", 2): 3}, seed=seed
    )
    sizes = {("one", 1): 4, ("one", 2): 4, ("one", 3): 4, ("ring", 2): 3}
    assert minima.groupby(["model", "n_params"]).size().to_dict() == sizes
    assert list(minima.columns[:2]) == ["model", "n"]
    for (name, p), rows in minima.groupby(["model", "n_params"]):
        model = {"one": models["one", 3][0], "ring": models["ring", 2][0]}[name]
        alone = TrainTask(model=model.with_params(p), n_circuits=len(rows), n_starts=1, seed=seed).run()
        np.testing.assert_array_equal(rows["loss"], alone["loss"])


def test_models_without_a_count_are_refused():
    for models in ({}, {("one",): (projector(2, 1), [0, -3])}):
        with pytest.raises(ValueError, match="at least 1, got none"):
            transitions.train_counts(models, names=["model"], n_circuits=1, seed=1)


def known(solved):
    """A table with given solved starts {n_params: [bool, ...]}."""
    rows = [
        (p, i, value, 0.0 if value else 0.5) for p, values in solved.items() for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["n_params", "circuit", "solved", "loss"]).assign(model="m", n=2)


def test_shares_and_counts_of_known_starts(rng):
    minima = known(
        {3: [False] * 10, 4: [True] * 2 + [False] * 8, 5: [True] * 8 + [False] * 2, 6: [True] * 10}
    )
    shares = transitions.solved_shares(minima, ["model", "n"])
    assert shares["share"].tolist() == [0.0, 0.2, 0.8, 1.0]
    assert shares["solved"].tolist() == [0, 2, 8, 10]
    assert shares["loss"].tolist() == pytest.approx([0.5, 0.4, 0.1, 0.0])
    assert set(shares["starts"]) == {10}
    # Wilson's interval: |share - x| = z sqrt(x (1 - x) / n) at its ends.
    for _, row in shares.iterrows():
        for x in (row["low"], row["high"]):
            assert abs(row["share"] - x) == pytest.approx(1.959964 * np.sqrt(x * (1 - x) / 10), abs=1e-6)
    (row,) = transitions.critical_counts(minima, ["model", "n"], rng).to_dict("records")
    assert (row["model"], row["n"], row["first"], row["reason"]) == ("m", 2, 4, "")
    assert row["p_c"] == pytest.approx(4.5, abs=1e-6)
    assert 4 <= row["low"] <= row["p_c"] <= row["high"] <= 5.1


def test_without_a_crossing_there_is_no_critical_count(rng):
    minima = known({4: [True] * 10, 6: [True] * 10})
    (row,) = transitions.critical_counts(minima, ["model"], rng).to_dict("records")
    assert row["first"] == 4
    assert np.isnan([row["p_c"], row["low"], row["high"]]).all()
    assert "do not bracket 50 %" in row["reason"]


def test_a_scan_finds_the_crossing_by_itself(rng):
    # Rank 2 of 8: the count is 4, and a coarse grid of 1, 2, 4, 6, 8 ... is refined around it.
    found = transitions.critical_scan(
        projector(3, 2), n_circuits=12, n_starts=2, seed=int(rng.integers(2**31))
    )
    counts = set(found["n_params"])
    assert {1, 2, 4, 6, 8, 12, 16, 24, 32} <= counts
    shares = found.groupby("n_params")["solved"].mean()
    assert shares[3] < 0.1
    crossing = shares.index[shares >= 0.5].min()
    assert set(range(max(1, crossing - 4), crossing + 4)) <= counts
    (row,) = transitions.critical_counts(found.assign(model="m"), ["model"], rng).to_dict("records")
    assert 3 < row["p_c"] < 7


def test_a_scan_without_a_crossing_ends(rng):
    # A projector of rank 1 on one qubit is solved from its second angle on, at every count of the grid but the first.
    found = transitions.critical_scan(projector(1, 1), n_circuits=2, n_starts=1, seed=3)
    assert found["n_params"].max() == 8


def counts_of(p_c):
    sizes = range(2, 2 + len(p_c))
    table = pd.DataFrame({"n_qubits": sizes, "p_c": p_c}, dtype=float)
    return table.assign(low=table["p_c"] - 0.5, high=table["p_c"] + 0.5)


def test_growth_needs_four_known_counts():
    found = transitions.growth(counts_of([8, 16, 32, 64]))
    assert found.exponential.estimate == pytest.approx(1)
    assert found.aic_difference > 6
    for unknown in ([8, 16, 32], [8, 16, np.nan, 64]):
        assert np.isnan(transitions.growth(counts_of(unknown)).aic_difference)


def test_curves_of_one_shape_collapse():
    p = np.arange(1.0, 101.0)
    shares = pd.concat(
        pd.DataFrame({"n": n, "p": p, "share": 1 / (1 + (center / p) ** 20), "p/p_c": p / center})
        for n, center in ((4, 20.0), (5, 40.0))
    )
    assert transitions.collapse(shares, "n", "p") == pytest.approx(np.log(2) / np.sqrt(2), rel=1e-2)
    assert transitions.collapse(shares, "n", "p/p_c") < 0.01  # from interpolating between integers
    assert np.isnan(transitions.collapse(shares[shares["n"] == 4], "n", "p"))
    unknown = shares.assign(**{"p/p_c": shares["p/p_c"].where(shares["n"] == 4)})
    assert np.isnan(transitions.collapse(unknown, "n", "p/p_c"))
