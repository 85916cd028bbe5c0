"""Searches for the global minimum on synthetic basins of known probability, and on enumerated circuits."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from qgmutils.beyond.traps import expressivity
from qgmutils.beyond.traps.copies import relations
from qgmutils.beyond.traps.expressivity import SETTLED_HITS, missed_mass
from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model, circuit_stream
from qgmutils.ensembles.training import round_sizes
from qgmutils.losses.hamiltonians import Hamiltonian


def _search(probabilities, max_starts, rng):
    """Starts of one synthetic circuit whose minima 0, 1, 2, ... (by energy) have these probabilities."""
    energy = np.empty(0)
    for total in round_sizes(max_starts):
        energy = np.append(energy, rng.choice(len(probabilities), total - len(energy), p=probabilities))
        if np.sum(energy == energy.min()) >= SETTLED_HITS:
            break
    return energy


@pytest.mark.parametrize("shape", ["even", "steep", "rare"])
def test_bound_on_the_missed_mass_covers(shape, rng):
    # The lowest minima are the rarest, which is the worst case.
    p = {"even": np.ones(300), "steep": np.geomspace(1e-4, 1, 40), "rare": np.array([0.004, 0.03, 1.0])}[
        shape
    ]
    p = p / p.sum()
    below = np.concatenate([[0.0], np.cumsum(p)])
    repeats, failed = 1500, 0
    for _ in range(repeats):
        energy = _search(p, 256, rng)
        failed += below[int(energy.min())] > missed_mass(len(energy), looks=3)
    # 5 % is an upper limit on the true rate; the binomial has a chance of 1e-6 to exceed it by this much.
    assert failed <= scipy.stats.binom.ppf(1 - 1e-6, repeats, 0.05)


def test_bound_is_sharp_for_many_small_basins(rng):
    # With ever smaller basins the mass below the lowest of s starts is that of the least of s uniform numbers.
    mass = rng.uniform(size=(4000, 50)).min(axis=1)
    failed = np.sum(mass > missed_mass(50))
    assert 0.03 < failed / 4000 < 0.07  # 5 % within 6 standard errors


def test_bounds_are_those_of_clopper_and_pearson():
    for starts in (1, 7, 64, 1024):
        high = scipy.stats.binomtest(0, starts, alternative="less").proportion_ci(0.95, method="exact").high
        assert missed_mass(starts) == pytest.approx(high, rel=1e-9)
    assert missed_mass(64, looks=5, circuits=2) == pytest.approx(missed_mass(64, confidence=0.995), rel=1e-9)


def test_search_agrees_with_enumeration(rng):
    seed = int(rng.integers(2**31))
    model = Model(Randomised(3, 3), Hamiltonian("tfim", 3))
    sizes = {"n_circuits": 4, "max_starts": 256, "seed": seed}
    found = expressivity.search({(3, 3): model}, **sizes)
    assert found["settled"].all()
    known = expressivity.enumerated({(3, 3): model}, **sizes)
    listed = EnumerateTask(model=model, n_circuits=4, seed=seed).run()
    assert len(known) == listed.loc[listed["complete"], "circuit"].nunique() > 0
    # All 4 basins hold most of the torus, so that 64 starts miss one with a chance far below 1e-6.
    np.testing.assert_allclose(known["lowest"], known["global_minimum"], atol=1e-9)
    assert known["same"].all()
    for number, count in found.set_index("circuit")["relations"].items():
        assert count == len(relations(model.circuit.build(circuit_stream(seed, 3, 3, number))))


MODEL = Model(Randomised(4, 5), Hamiltonian("tfim", 4))


def _starts(energies, certified=None):
    size = len(energies)
    return pd.DataFrame({"n_qubits": 4, "n_params": 5, "circuit": 0, "start": np.arange(size),
                         "loss": energies, "certified": True if certified is None else certified})  # fmt: skip


def test_rows_of_known_circuits():
    energies = np.array([0.3, 0.1, 0.1 + 1e-12, 0.105, 0.5, 0.0])
    certified = np.array([True, True, True, True, True, False])
    row = expressivity.per_circuit(_starts(energies, certified), {(4, 5): MODEL}, seed=1, max_starts=64).iloc[
        0
    ]
    assert row["lowest"] == 0.1
    assert row["hits"] == 2
    assert row["reached"] == pytest.approx(1 / 5)
    assert row["near"] == pytest.approx(2 / 5)
    assert row["uncertified"] == 1
    assert not row["settled"]
    assert row["mean"] == pytest.approx((0.3 + 0.2 + 0.105 + 0.5) / 5)


def test_shares_and_ratios_are_those_of_the_samples(rng):
    lowest, typical = rng.uniform(0.1, 0.2, 400), rng.uniform(0.3, 0.5, 400)
    found = pd.DataFrame({"n_qubits": 4, "n_params": 5, "lowest": lowest, "mean": typical})
    found = found.assign(starts=64, settled=True, reached=0.1, near=0.2)
    row = expressivity.gaps(found, rng).iloc[0]
    assert row["share"] == pytest.approx(1 - lowest.mean() / typical.mean())
    assert row["trap"] == pytest.approx((typical - lowest).mean())
    # The delta method's standard error, within the noise of 2000 resamples.
    error = np.std(lowest - typical * lowest.mean() / typical.mean()) / typical.mean() / np.sqrt(400)
    assert (row["share_high"] - row["share_low"]) / 3.92 == pytest.approx(error, rel=0.15)


def test_changes_are_taken_between_the_ends_and_at_the_peak():
    gaps = pd.DataFrame({"n_qubits": [4, 4, 4, 5], "n_params": [20, 6, 12, 8]})
    gaps = gaps.assign(share=[0.9, 0.1, 0.5, 0.3], trap=[0.02, 0.03, 0.1, 0.2])
    for name, half in (("share", 0.01), ("trap", 0.004)):
        gaps = gaps.assign(**{f"{name}_low": gaps[name] - half, f"{name}_high": gaps[name] + half})
    four, five = (row for _, row in expressivity.changes(gaps).iterrows())
    assert (four["first"], four["last"], four["peak"]) == (6, 20, 12)
    assert (five["first"], five["last"], five["peak"]) == (8, 8, 8)
    for row, name, expected in (
        (four, "share", (0.9, 0.89, 0.91)),
        (four, "trap", (0.1, 0.096, 0.104)),
        (four, "growth", (0.8, 0.78, 0.82)),
        (four, "excess", (-0.03, -0.036, -0.024)),  # 0.02 - 0.1 / 2, and 0.004 + 0.002 to either side
        (five, "growth", (0.0, -0.02, 0.02)),
    ):
        assert [row[name + end] for end in ("", "_low", "_high")] == pytest.approx(expected, abs=1e-12)


def test_densities_are_those_of_the_circuits_at_hand():
    found = pd.DataFrame({"n_qubits": [2, 2, 2, 3], "n_params": [5, 5, 9, 4]})
    losses = {n: Hamiltonian("tfim", n).build() for n in (2, 3)}
    tasks = expressivity.density_tasks(losses, found, n_samples=16, seed=1, max_params=8)
    assert [(len(t.levels), t.n_params, t.log2_copies) for t in tasks] == [(4, 5, 1), (8, 4, 0)]


def test_enumeration_tells_which_searches_have_found_the_global_minimum():
    points = pd.DataFrame(
        {
            "n_qubits": 4,
            "n_params": 5,
            "circuit": [0, 0, 0, 1, 1, 2, 3],
            "loss": [0.1, 0.3, 0.05, 0.2, 0.4, 0.1, np.nan],
            "index": [0, 0, 1, 0, 0, 0, -1],  # the saddle at 0.05 is no minimum
            "complete": [True, True, True, True, True, False, False],
        }
    )
    lowest = {"circuit": [0, 1, 2, 3], "lowest": [0.1 + 1e-9, 0.4, 0.1, 0.1]}
    found = pd.DataFrame({"n_qubits": 4, "n_params": 5, **lowest})
    known = expressivity.against_enumeration(points, found)
    assert known["circuit"].tolist() == [0, 1]
    assert known["same"].tolist() == [True, False]
    assert known["global_minimum"].tolist() == [0.1, 0.2]
    np.testing.assert_allclose(known["all_mean"], [0.2, 0.3])
    assert known["minima"].tolist() == [2, 2]


def test_no_densities_have_no_forecasts():
    table = expressivity.forecasts({}, pd.DataFrame())
    gaps = pd.DataFrame({"n_qubits": [4], "n_params": [6]})
    merged = gaps.merge(table, on=["n_qubits", "n_params"], how="left")
    assert merged[["one", "least", "volume"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: round_sizes(100), "64 times a power of two"),
        (lambda: missed_mass(0), "starts must be an integer of at least 1"),
        (lambda: missed_mass(4, confidence=1.0), "confidence must lie"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
