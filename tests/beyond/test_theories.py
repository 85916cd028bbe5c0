"""Theories of minima against the functions behind them and brute force, and tables where a theory must be right."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statistical import ALARM, agree, alarm

from qgmutils.beyond import theories
from qgmutils.beyond.finite_dimension.counts import finite_counts
from qgmutils.beyond.finite_dimension.reflections import ReflectionModel
from qgmutils.beyond.theories import Prediction
from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.training import TrainTask
from qgmutils.field import kac_rice
from qgmutils.losses import hamiltonians
from qgmutils.losses.hamiltonians import Hamiltonian

SAMPLED = ("field, m", "field, r", "finite dimension")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def ring():
    energy = hamiltonians.tfim(3)
    tasks = {
        name: theories.density_task(name, energy, 4, n_samples=2048, seed=5) for name in theories.THEORIES
    }
    return energy, {name: task.run() for name, task in tasks.items() if task}


def test_names_give_the_hamiltonians_they_say():
    recipe = theories.named_hamiltonian("projector 1/4", 4, seed=1)
    assert (recipe.build().rank, recipe.options) == (4, (("rank", 4),))
    assert theories.named_hamiltonian("tfim", 3, seed=1).options == ()
    with pytest.raises(ValueError, match="no integer rank at n_qubits = 2"):
        theories.named_hamiltonian("projector 1/8", 2, seed=1)
    with pytest.raises(ValueError, match="unknown Hamiltonian"):
        theories.named_hamiltonian("tfin", 3, seed=1).build()


def test_means_are_those_of_the_counts(ring, rng):
    energy, tables = ring
    assert set(tables) == set(SAMPLED)
    predicted = {name: theories.predict(name, energy, 4, tables.get(name)) for name in theories.THEORIES}
    degrees = energy.degrees_of_freedom, energy.effective_rank
    expected = [kac_rice.expected_counts(4, m, index=0, n_samples=40_000, rng=rng) for m in degrees]
    expected.append(finite_counts(energy.levels, 4, n_samples=2048, rng=rng))
    for name, counts in zip(SAMPLED, expected, strict=True):
        error = np.hypot(predicted[name].mean_stderr, counts.mean_energy_stderr[0])
        # 2 m is rounded alike in both; the nodes' rule is exact to a percent.
        agree(predicted[name].mean, counts.mean_energy[0], error, slack=0.01 * counts.mean_energy[0])
    for prediction in predicted.values():
        assert prediction.weight.sum() == pytest.approx(1, abs=1e-12)
        assert prediction.weight.min() >= 0


def test_theories_without_a_density_say_nothing(ring):
    energy, tables = ring
    for name in SAMPLED:
        assert np.isnan(theories.predict(name, energy, 4).mean)
        noisy = tables[name].assign(stderr=0.5)
        assert np.isnan(theories.predict(name, energy, 4, noisy).mean)


def test_minima_are_ground_states_from_the_count_on(ring):
    """Of finite dimension at 2 (N - g) angles, and not one angle earlier."""
    energy, _ = ring
    count = 2 * energy.rank
    for name in ("finite dimension", "edge", "finite-size edge"):
        assert theories.predict(name, energy, count).mean == 0
    for p in (count - 2, count - 1, count):
        task = theories.density_task("finite dimension", energy, p, n_samples=64, seed=1)
        assert (task is None) == (p == count)
        assert np.isnan(theories.predict("finite dimension", energy, p).mean) == (p < count)
    field = int(np.ceil(2 * energy.degrees_of_freedom - 2))
    assert theories.predict("field, m", energy, field).mean == 0
    assert theories.density_task("field, m", energy, field, n_samples=64, seed=1) is None
    assert theories.density_task("field, m", energy, field - 1, n_samples=64, seed=1) is not None


def test_scores_agree_with_brute_force(rng):
    size = int(rng.integers(5, 40))
    minima = pd.DataFrame({"circuit": rng.integers(0, 6, size), "loss": rng.uniform(0, 1, size)})
    minima.loc[:1, "circuit"] = [0, 1]
    energy, weight = np.sort(rng.uniform(0, 1, 7)), rng.dirichlet(np.ones(7))
    score = theories.score(minima, Prediction(energy, weight, 0.01))
    grid = np.linspace(0, 1, 200_001)
    found = np.searchsorted(np.sort(minima["loss"]), grid, side="right") / size
    predicted = np.concatenate([[0], np.cumsum(weight)])[np.searchsorted(energy, grid, side="right")]
    # Each of the steps of the two laws moves a Riemann sum by 1/200000 at most.
    assert score["wasserstein"] == pytest.approx(np.abs(found - predicted).mean(), abs=1e-3)
    mean, theory = minima["loss"].mean(), energy @ weight
    assert score["found"] == pytest.approx(mean, abs=1e-12)
    both = np.hypot(score["found_stderr"], 0.01)
    assert score["z"] == pytest.approx((theory - mean) / both, abs=1e-9)
    assert score["ratio"] == pytest.approx(theory / mean, abs=1e-9)
    relative = np.hypot(0.01 / theory, score["found_stderr"] / mean)
    assert score["ratio_stderr"] == pytest.approx(theory / mean * relative, abs=1e-9)
    solved = theories.score(minima.assign(loss=1e-4 * minima["loss"]), Prediction(energy, weight, 0.01))
    assert np.isnan(solved["ratio"])
    with pytest.raises(ValueError, match="at least 2 circuits"):
        theories.score(minima[minima["circuit"] == 0], Prediction(energy, weight, 0.01))


def test_standard_errors_of_means_cover_the_spread_of_repeats(rng):
    z = []
    for _ in range(200):
        shift = np.repeat(rng.normal(0, 0.1, 12), 4)  # minima of one circuit resemble each other
        losses = 0.5 + shift + rng.normal(0, 0.05, 48)
        minima = pd.DataFrame({"circuit": np.repeat(np.arange(12), 4), "loss": losses})
        z.append(theories.score(minima, Prediction(np.array([0.5]), np.ones(1), 0.0))["z"])
    # Student's t with 11 degrees of freedom; turned into normal numbers, their sum of squares has the law of chi^2.
    square = np.sum(stats.norm.ppf(stats.t(11).cdf(z)) ** 2)
    low, high = stats.chi2(200).ppf([alarm() / 2, 1 - ALARM / 2])
    assert low < square < high


def test_enumerated_reflections_have_the_exact_counts(rng):
    seed = int(rng.integers(2**31))
    table = theories.enumerated_minima(["tfim"], [3], {"3": 150}, n_samples=2048, seed=seed)
    assert table["generators"].tolist() == ["pauli", "haar"]
    exact = table[table["generators"] == "haar"].iloc[0]
    assert exact["complete"] > 0.95
    agree([exact["z_minima"], exact["z_mean"]], 0, 1, freedom=149)
    points = EnumerateTask(model=ReflectionModel(Hamiltonian("tfim", 3), 3), n_circuits=150, seed=seed).run()
    points = points[points["complete"] & (points["index"] == 0)]
    assert exact["mean"] == pytest.approx(points["loss"].mean(), abs=1e-12)
    assert exact["ratio_mean"] == pytest.approx(exact["theory_mean"] / points["loss"].mean(), abs=1e-12)


def test_every_case_of_trained_minima_has_every_theory(rng):
    seed = int(rng.integers(2**31))
    size = {"n_circuits": 5, "n_starts": 2, "n_samples": 512, "seed": seed}
    counts = {"3": [4, 14]}
    scores = theories.trained_minima(["gue", "projector 1/2"], counts, density_limit={"3": 3}, **size)
    assert len(scores) == 2 * 2 * 6
    model = Model(Randomised(3, 4), Hamiltonian("gue", 3, seed=seed))
    direct = TrainTask(model=model, n_circuits=5, n_starts=2, seed=seed).run()
    mine = scores[(scores["hamiltonian"] == "gue") & (scores["n_params"] == 4)]
    np.testing.assert_allclose(mine["found"], direct["loss"].mean(), rtol=1e-12)
    answers = mine.set_index("theory")["predicted"].notna()
    assert not answers[list(SAMPLED)].any()  # beyond the limit of densities
    assert answers[["companion", "edge"]].all()
    # At p = 14 = 2 (2^n - g) of GUE finite dimension needs no sampling: minima are ground states.
    solved = scores[(scores["n_params"] == 14) & (scores["theory"] == "finite dimension")]
    assert (solved["predicted"] == 0).all()
    sampled = theories.trained_minima(
        ["gue"], {"3": [4]}, theories=["finite dimension"], density_limit={}, **size
    )
    assert sampled["theory"].tolist() == ["finite dimension"]
    assert 0 < sampled["predicted"].iloc[0] < 1


def test_the_closer_theory_is_found():
    rows = [(0.5, 0.6, 0.52), (0.5, 0.52, 0.4), (0.3, 0.6, 0.5), (0.2, np.nan, 0.3)]
    scores = pd.DataFrame(
        [
            ("h", 4, p, theory, value, found)
            for p, (found, one, other) in enumerate(rows)
            for theory, value in (("one", one), ("other", other))
        ],
        columns=[*theories.CASE, "theory", "predicted", "found"],
    )
    table = theories.closer(scores, "one", "other")
    assert table["n_params"].tolist() == [0, 1, 2]
    assert table["closer"].tolist() == [False, True, False]
    assert theories.closer(scores, "one", "other", differ_by=0.2)["n_params"].tolist() == [1]


def test_the_closest_theory_is_that_of_least_distance():
    rows = [(1, 0.4, [0.3, np.nan, 0.2]), (2, 0.4, [0.01, 0.3, 0.01]), (3, 1e-4, [0.1, 0.2, 0.3])]
    scores = pd.DataFrame(
        [
            ("h", 4, p, theory, found, distance, 1.0 + distance)
            for p, found, distances in rows
            for theory, distance in zip("abc", distances, strict=True)
        ],
        columns=[*theories.CASE, "theory", "found", "wasserstein", "ratio"],
    )
    table = theories.closest(scores)
    assert table["theory"].tolist() == ["c", theories.SEVERAL, theories.GROUND_STATE]
    assert table["ratio"].tolist() == pytest.approx([1.2, 1.01, 1.1])
    assert table["n_params"].tolist() == [1, 2, 3]
