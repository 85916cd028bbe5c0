from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles import clustering
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model
from qgmutils.losses.hamiltonians import Hamiltonian


@pytest.fixture(autouse=True)
def without_processes_and_cache(monkeypatch):
    monkeypatch.setenv("QGMUTILS_NO_CACHE", "1")
    monkeypatch.setenv("QGMUTILS_WORKERS", "1")


def test_minima_of_one_angle_are_lowest_eigenvalues(rng):
    """The field of one angle is v.W v/m for unit vectors v, so its minimum is the lowest eigenvalue of W over m."""
    m = 8
    found = clustering.field_densities({1, 40}, m, n_samples=2000, seed=int(rng.integers(2**31)))
    assert list(found) == [1]  # 40 angles are more than 2m - 2
    x, density = found[1]["energy"], found[1]["density"]
    parts = rng.normal(scale=np.sqrt(0.5), size=(20_000, 2, 2 * m))
    lowest = np.linalg.eigvalsh(parts @ parts.transpose(0, 2, 1))[:, 0] / m
    # Lowest eigenvalues have the standard deviation 0.2, so their mean has the error 0.0014; the rest is the grid.
    assert np.trapezoid(density * x, x) == pytest.approx(lowest.mean(), abs=0.012)


def test_every_count_is_its_task(rng):
    seed = int(rng.integers(2**31))
    model = Model(Randomised(3, 1), Hamiltonian("projector", 3, (("rank", 2),)))
    found = clustering.enumerate_counts(model, [1, 2], n_circuits=2, seed=seed)
    for p, rows in found.groupby("n_params"):
        alone = EnumerateTask(model=model.with_params(p), n_circuits=2, seed=seed).run()
        pd.testing.assert_frame_equal(rows.reset_index(drop=True), alone)


def test_means_of_known_tables(rng):
    circuits = np.repeat(np.arange(4), 2)
    losses = np.array([0.1, 0.3, 0.2, 0.4, 0.1, 0.5, 0.0, 0.4])
    trained = pd.DataFrame({"n_params": 2, "circuit": circuits, "loss": losses})
    trained = pd.concat([trained, trained.assign(n_params=8, loss=1e-9)])
    points = pd.DataFrame({"n_params": 2, "circuit": circuits, "loss": 2 * losses, "index": [0, 1] * 4})
    points["complete"] = circuits > 0
    x = np.linspace(0, 1, 101)
    densities = {2: pd.DataFrame({"energy": x, "density": 2 * x})}
    table = clustering.mean_losses(trained, points, densities, 4.0, rng)
    assert table["p"].tolist() == [2, 8]
    assert table["gamma"].tolist() == [0.25, 1]
    first, second = table.to_dict("records")
    assert first["trained"] == pytest.approx(losses.mean())
    assert first["enumerated"] == pytest.approx(2 * losses[::2].mean())
    assert first["Kac-Rice"] == pytest.approx(2 / 3, abs=1e-4)
    # Means of two starts of each of four circuits: the error of their mean, within the noise of 1000 resamples.
    expected = losses.reshape(4, 2).mean(axis=1).std(ddof=1) / 2
    assert first["trained s.e."] == pytest.approx(expected, rel=0.12)
    assert (first["incomplete"], first["E < 1e-6"]) == (1, 1 / 8)
    assert (second["E_th"], second["E < 1e-6"]) == (0, 1)
    assert np.isnan([second["enumerated"], second["Kac-Rice"], second["incomplete"]]).all()
