import numpy as np
import pytest

from qgmutils.beyond import shared_angles
from qgmutils.beyond.shared_angles import SharedFieldTask, distinct
from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles.model import Model, circuit_stream
from qgmutils.ensembles.training import TrainTask
from qgmutils.losses.hamiltonians import Hamiltonian


@pytest.fixture(autouse=True)
def without_processes_and_cache(monkeypatch):
    monkeypatch.setenv("QGMUTILS_NO_CACHE", "1")
    monkeypatch.setenv("QGMUTILS_WORKERS", "1")


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
    model = Model(Randomised(3, 1, gates_per_angle=3), Hamiltonian("projector", 3, (("rank", 2),), seed=seed))
    starts = TrainTask(model=model, n_circuits=8, n_starts=800, seed=seed, keep_angles=True).run()
    table = shared_angles.found_minima(starts)
    compared = 0
    for number in range(8):
        surface = model.landscape(circuit_stream(seed, 3, 1, number))
        energy = surface.value(np.linspace(0, np.pi, 4000, endpoint=False)[:, None])
        before, after = np.roll(energy, 1), np.roll(energy, -1)
        lowest, highest = (
            (energy < before) & (energy < after),
            np.flatnonzero((energy > before) & (energy > after)),
        )
        if np.ptp(energy) < 1e-3 or np.diff([*highest, highest[0] + 4000]).min() < 200:
            continue
        compared += 1
        found = np.sort(table.loc[table["circuit"] == number, "loss"])
        np.testing.assert_allclose(found, np.sort(energy[lowest]), atol=1e-4)  # the grid's step, squared
    assert compared


def test_comparison_is_its_tasks(rng):
    seed = int(rng.integers(2**31))
    sizes = {"n_qubits": 4, "rank": 4, "n_params": 1, "n_circuits": 5, "n_starts": 12, "seed": seed}
    table = shared_angles.compare([1, 3], **sizes, n_samples=200)
    model = Model(Randomised(4, 1, gates_per_angle=3), Hamiltonian("projector", 4, (("rank", 4),), seed=seed))
    starts = TrainTask(model=model, n_circuits=5, n_starts=12, seed=seed, keep_angles=True).run()
    minima = shared_angles.found_minima(starts)
    assert table.loc[3, "found"] == len(minima) / 5
    assert table.loc[3, "loss"] == pytest.approx(minima["loss"].mean())
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
