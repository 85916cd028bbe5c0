import dataclasses

import dense
import numpy as np
import pandas as pd
import pytest
from statistical import agree

from qgmutils import circuits
from qgmutils.beyond.ansatz import minima as ansatz_minima
from qgmutils.beyond.ansatz import shared_angles
from qgmutils.beyond.ansatz import states as ansatz_states
from qgmutils.beyond.ansatz.minima import CASE_COLUMNS, Case, StartsTask
from qgmutils.beyond.ansatz.shared_angles import SharedFieldTask, SharedMinimaTask, distinct
from qgmutils.beyond.ansatz.states import RankTask, StatesTask, first_count
from qgmutils.circuits import ANSATZE
from qgmutils.engine import landscape
from qgmutils.ensembles.ensembles import circuit_stream
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize


def circuit_and_angles(name, n, p, number, seed, reference_state):
    rng = circuit_stream(seed, n, p, number)
    circuit = ANSATZE[name](n, p, reference_state=reference_state).build(rng)
    return circuit, rng.uniform(0, np.pi, p)


@pytest.mark.parametrize("name", ["shared 2", "hardware ring", "matchgate"])
@pytest.mark.parametrize("reference_state", ["haar", "zero"])
def test_rows_do_not_depend_on_how_work_is_cut(name, reference_state, rng):
    whole = StartsTask(name, reference_state, "tfim", 3, (), 5, 0, 5, int(rng.integers(2**31)))
    table = whole.run()
    parts = [
        dataclasses.replace(whole, first_start=first, n_starts=count).run()
        for first, count in ((0, 2), (2, 3))
    ]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), table)
    for number, energy in enumerate(table["energy"]):
        circuit, theta = circuit_and_angles(name, 3, 5, number, whole.seed, reference_state)
        found = minimize(landscape(circuit, hamiltonians.tfim(3)), [theta])
        assert energy == found.loss[0]
        assert energy == pytest.approx(
            dense.Landscape(circuit, hamiltonians.tfim(3), found.theta[0]).energy, abs=1e-10
        )


@pytest.mark.parametrize(
    ("name", "reference_state"), [("real", "zero"), ("brickwork", "zero"), ("randomised", "haar")]
)
def test_moments_of_states(name, reference_state, rng):
    seed, size, p, problem = int(rng.integers(2**31)), 12, 7, hamiltonians.tfim(2)
    row = StatesTask(name, reference_state, "tfim", 2, (), p, size, seed).run().iloc[0]
    drawn = (circuit_and_angles(name, 2, p, number, seed, reference_state) for number in range(size))
    states = np.array([dense.state(circuit, theta) for circuit, theta in drawn])
    pairs = [(i, j) for i in range(size) for j in range(i)]
    overlaps = {(i, j): abs(np.vdot(states[i], states[j])) ** 4 for i, j in pairs}
    real = name == "real"
    haar = 3 / (4 * 6) if real else 2 / (4 * 5)
    assert row["frame_potential"] == pytest.approx(np.mean(list(overlaps.values())) / haar, rel=1e-10)
    without = [np.mean([v for pair, v in overlaps.items() if k not in pair]) / haar for k in range(size)]
    jackknife = np.sqrt((size - 1) / size * np.sum((without - np.mean(without)) ** 2))
    assert row["frame_potential_error"] == pytest.approx(jackknife, rel=1e-8)
    energy = [(state.conj() @ problem.matrix @ state).real for state in states]
    # Var E over uniform states from the Dirichlet law of their weights, exponents 1, or 1/2 for real ones.
    spread = np.sum((problem.levels - 1) ** 2) / (4 * 6 / 2 if real else 4 * 5)
    assert row["variance"] == pytest.approx(np.var(energy, ddof=1) / spread, rel=1e-10)


def test_haar_states_have_moments_of_one(rng):
    # One gate on a Haar-random state is Haar-random.
    for name in ("randomised", "real"):
        row = StatesTask(name, "haar", "tfim", 3, (), 3, 400, int(rng.integers(2**31))).run().iloc[0]
        for moment in ("frame_potential", "variance"):
            agree(row[moment], 1, row[f"{moment}_error"])
            assert row[f"{moment}_error"] < 0.2


@pytest.mark.parametrize("name", ["shared 2", "brickwork", "matchgate"])
def test_ranks_of_shorter_circuits(name, rng):
    task = RankTask(name, "zero", 2, 9, 2, int(rng.integers(2**31)))
    ranks = task.run()["rank"]
    for p in range(1, 10):
        drawn = []
        for _ in range(2):  # the smallest eigenvalue of one may be a square below 1e-10, once in 1e5
            circuit = ANSATZE[name](2, p, reference_state="zero").build(rng)
            metric = dense.Landscape(circuit, hamiltonians.tfim(2), rng.uniform(0, np.pi, p)).metric
            drawn.append(np.linalg.matrix_rank(metric, tol=1e-10))
        rank = max(drawn)
        # Random words can be redundant by chance; the others have one rank almost everywhere.
        assert abs(ranks[p - 1] - rank) <= (2 if "shared" in name else 0)
    table = ansatz_states.ranks([name], ["zero"], 2, 9, seed=task.seed, workers=1)
    assert table["rank"].tolist() == ranks.tolist()
    assert set(table["ansatz"]) == {name}


def test_first_count():
    rank = pd.DataFrame({"n_params": [1, 2, 3, 4], "rank": [1, 1, 2, 3]})
    assert first_count(rank, 2) == 3
    assert np.isnan(first_count(rank, 4))
    assert np.isnan(first_count(rank, None))


def test_counts_around_the_prediction():
    ranks = ansatz_states.ranks(["hardware chain", "matchgate"], ["zero"], 3, 20, seed=1, workers=1)
    case = Case("hardware chain", "zero", "tfim", 3)
    assert ansatz_minima.counts_around(case, ranks, step=8, last=24, seed=1) == {8, 16, 24, 13, 14, 15}
    other = dataclasses.replace(case, ansatz="matchgate")
    assert ansatz_minima.counts_around(other, ranks, step=8, last=24, seed=1) == {8, 16, 24}


def test_critical_counts_of_measured_starts(rng):
    seed = int(rng.integers(2**31))
    cases = {
        Case("hardware chain", "haar", "gue", 2): range(-1, 16),
        Case("matchgate", "zero", "tfim", 3): [4, 8, 12],
    }
    minima = ansatz_minima.measure(cases, n_starts=16, seed=seed, workers=1)
    assert len(minima) == 16 * (15 + 3)
    names, states = ["hardware chain", "matchgate"], ["haar", "zero"]
    ranks = pd.concat([ansatz_states.ranks(names, states, n, 14, seed=seed, workers=1) for n in (2, 3)])
    table = ansatz_minima.critical_counts(minima, ranks, rng, seed=seed).set_index("ansatz")
    chain, free = table.loc["hardware chain"], table.loc["matchgate"]
    assert (chain["codimension"], chain["count_by_rank"], chain["saturated"]) == (6, 6, 6)
    # The crossing of this circuit and H lies between the first solved and the last unsolved start, to within the
    # steps of one parameter and the noise of 16 starts. One angle below the codimension a minimum lies under 1e-8 with
    # a chance near 4 sqrt(1e-8): three of 16 starts do once in 1e7 runs.
    starts = minima[minima["ansatz"] == "hardware chain"]
    first = starts.loc[starts["solved"], "n_params"].min()
    last = starts.loc[~starts["solved"], "n_params"].max()
    assert starts.loc[starts["n_params"] < 6, "solved"].sum() <= 2
    assert first - 2 < chain["low"] <= chain["p_c"] <= chain["high"] < last + 2
    # n (n + 1) / 2 = 6 of 7 dimensions.
    assert free["saturated"] == 6
    assert free["highest_share"] == 0
    assert free[["codimension", "count_by_rank", "p_c"]].isna().all()
    assert free["dimension"] == 6
    assert table[["generic", "transitive"]].to_numpy().tolist() == [[True, True], [False, False]]


def test_ratios_of_means():
    names = ["randomised"] * 2 + ["real"] * 3
    minima = pd.DataFrame({"ansatz": names, "start": [0, 1, 0, 1, 2], "energy": [1.0, 3.0, 0.5, 1.5, 1.0]})
    minima = minima.assign(reference_state="haar", hamiltonian="tfim", n_qubits=4, n_params=8)
    table = ansatz_minima.mean_ratios(minima).set_index("ansatz")
    assert table.loc["randomised", "ratio"] == 1
    assert table.loc["real", "ratio"] == pytest.approx(0.5)
    # s.e. 1 of 2 and sqrt(0.25/3) of 1.
    assert table.loc["real", "ratio_error"] == pytest.approx(0.5 * np.hypot(0.5, np.sqrt(0.25 / 3)))
    assert set(CASE_COLUMNS) <= set(table.reset_index().columns)
    solved = minima.assign(energy=[1e-16, -1e-16, 0.5, 1.5, 1.0])
    assert ansatz_minima.mean_ratios(solved).empty
    noise = ansatz_minima.mean_ratios(minima.assign(energy=[1.0, 3.0, -1e-16, -3e-16, 1e-17]))
    assert (noise["ratio_error"] >= 0).all()


def test_distinct_points_modulo_pi(rng):
    points = rng.uniform(0, np.pi, (5, 3))
    copies = np.concatenate([points, points[[1, 3, 3]] + np.pi * rng.integers(-2, 3, (3, 3)) + 1e-7])
    index, hits = distinct(copies)
    assert index.tolist() == [0, 1, 2, 3, 4]
    assert hits.tolist() == [1, 2, 1, 3, 1]
    index, hits = distinct(np.empty((0, 3)))
    assert len(index) == len(hits) == 0


def test_minima_of_one_shared_angle(rng):
    # One angle: a trigonometric polynomial of degree r in 2 theta, whose minima a fine grid finds. A minimum with a
    # narrow basin can be missed: circuits with one below 5 % of the circle are left out, and 800 starts miss no other.
    seed = int(rng.integers(2**31))
    table = SharedMinimaTask(3, 3, 2, 1, 0, 8, 800, seed).run()
    problem = hamiltonians.build("projector", 3, {"rank": 2}, seed=seed)
    compared = 0
    for number in range(8):
        circuit = circuits.random_circuit(3, 1, rng=circuit_stream(seed, 3, 1, number), n_gates=3)
        energy = landscape(circuit, problem).value(np.linspace(0, np.pi, 4000, endpoint=False)[:, None])
        before, after = np.roll(energy, 1), np.roll(energy, -1)
        lowest, highest = (
            (energy < before) & (energy < after),
            np.flatnonzero((energy > before) & (energy > after)),
        )
        if np.ptp(energy) < 1e-3 or np.diff([*highest, highest[0] + 4000]).min() < 200:
            continue
        compared += 1
        found = np.sort(table.loc[table["circuit"] == number, "energy"])
        np.testing.assert_allclose(found, np.sort(energy[lowest]), atol=1e-4)  # the grid's step, squared
    assert compared


def test_comparison_is_its_tasks(rng):
    seed = int(rng.integers(2**31))
    sizes = {"n_qubits": 4, "rank": 4, "n_params": 1, "n_circuits": 5, "n_starts": 12, "seed": seed}
    table = shared_angles.compare([1, 3], **sizes, n_samples=200, workers=1)
    minima = SharedMinimaTask(3, 4, 4, 1, 0, 5, 12, seed).run()
    assert table.loc[3, "found"] == len(minima) / 5
    assert table.loc[3, "energy"] == pytest.approx(minima["energy"].mean())
    # A loss a + b cos(2 theta - c) has one minimum.
    assert (table.loc[1, "found"], table.loc[1, "found_error"], table.loc[1, "seen_once"]) == (1, 0, 0)
    field = SharedFieldTask(1, 4 / (1 - 4 / 16), 3, 200, seed).run()
    assert table.loc[3, "count"] == field["count"].iloc[0]


def test_field_of_one_shared_angle():
    # One angle in r gates: up-crossings of F' by the field's own Kac-Rice formula, integrated independently: the number
    # of minima is half that of critical points, whose density at E is |F''| averaged over its Gaussian and chi^2 parts.
    m, layers = 4.0, 4
    row = SharedFieldTask(1, m, layers, 20_000, 3).run().iloc[0]
    rng = np.random.default_rng(5)
    energy = rng.gamma(m, 1 / m, 400_000)
    second = (
        rng.chisquare(2 * m - 1, len(energy)) / (2 * m)
        + np.sqrt(energy / (2 * m) * 2 * (1 - 1 / layers)) * rng.standard_normal(len(energy))
        - energy
    )
    density = np.sqrt(np.pi * layers * m / energy) * np.maximum(second, 0)
    # 400 000 samples: 0.3 %; the task's own sampling and grid: 1 %.
    assert row["count"] == pytest.approx(density.mean(), rel=0.03)
    assert row["mean_energy"] == pytest.approx(np.average(energy, weights=density), rel=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ansatz_minima.measure({}, n_starts=1, seed=1), "at least 1, got none"),
        (lambda: ansatz_minima.measure({}, n_starts=0, seed=1), "n_starts must be an integer of at least 1, got 0"),
        (lambda: ansatz_minima.measure({Case("qaoa", "haar", "tfim", 2): [3]}, n_starts=1, seed=1), "unknown ansatz"),
        (lambda: ansatz_minima.measure({Case("real", "haar", "ising", 2): [3]}, n_starts=1, seed=1), "ising"),
        (lambda: shared_angles.SharedMinimaTask(0, 2, 1, 1, 0, 1, 1, 1).run(), "layers must be"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
