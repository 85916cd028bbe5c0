"""Predictions of minima's energies against the functions behind them, and scores against brute force."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statistical import ALARM, agree, alarm

from qgmutils.beyond import predictions
from qgmutils.beyond.finite_dimension.counts import finite_counts
from qgmutils.beyond.predictions import Prediction
from qgmutils.field import kac_rice
from qgmutils.losses import hamiltonians


@pytest.fixture(scope="module")
def ring():
    problem = hamiltonians.tfim(3)
    tasks = predictions.density_tasks(problem, 4, n_samples=2048, seed=5)
    return problem, {name: task.run() for name, task in tasks.items()}


def test_names_give_the_hamiltonians_they_say():
    recipe = predictions.named_hamiltonian("projector 1/4", 4, seed=1)
    assert (recipe.build().rank, recipe.options) == (4, (("rank", 4),))
    assert predictions.named_hamiltonian("tfim", 3, seed=1).options == ()
    with pytest.raises(ValueError, match="no integer rank at n_qubits = 2"):
        predictions.named_hamiltonian("projector 1/8", 2, seed=1)
    with pytest.raises(ValueError, match="unknown Hamiltonian"):
        predictions.named_hamiltonian("tfin", 3, seed=1).build()


def test_means_are_those_of_the_counts(ring, rng):
    problem, tables = ring
    predicted = predictions.predict(problem, 4, tables)
    for name, degrees in (("field, m", problem.degrees_of_freedom), ("field, r", problem.effective_rank)):
        counts = kac_rice.expected_counts(4, degrees, index=0, n_samples=40_000, rng=rng)
        error = np.hypot(predicted[name].mean_stderr, counts.mean_energy_stderr[0])
        # 2 m is rounded alike in both; the nodes' rule is exact to a percent.
        agree(predicted[name].mean, counts.mean_energy[0], error, slack=0.01 * counts.mean_energy[0])
    counts = finite_counts(problem.levels, 4, n_samples=2048, rng=rng)
    error = np.hypot(predicted["finite dimension"].mean_stderr, counts.mean_energy_stderr[0])
    mean = counts.mean_energy[0]
    agree(predicted["finite dimension"].mean, mean, error, slack=0.01 * mean)
    for name in predictions.THEORIES:
        assert predicted[name].weight.sum() == pytest.approx(1, abs=1e-12)
        assert predicted[name].weight.min() >= 0


def test_theories_without_a_table_or_beyond_their_count_say_so(ring):
    problem, _ = ring
    without = predictions.predict(problem, 4, {})
    for name in ("field, m", "field, r", "finite dimension"):
        assert np.isnan(without[name].mean)
    beyond = predictions.predict(problem, 2 * problem.rank, {})
    assert beyond["finite dimension"].mean == beyond["edge"].mean == beyond["pushed edge"].mean == 0
    # At 2 (N - g) angles the ground states are reached, and not one angle earlier.
    for below, p in ((False, 2 * problem.rank), (True, 2 * problem.rank - 1), (True, 2 * problem.rank - 2)):
        assert np.isnan(predictions.predict(problem, p, {})["finite dimension"].mean) == below
        tasks = predictions.density_tasks(problem, p, n_samples=64, seed=1)
        assert ("finite dimension" in tasks) == below


def test_unresolved_densities_give_no_prediction(ring):
    problem, tables = ring
    noisy = {name: table.assign(stderr=0.5) for name, table in tables.items()}
    predicted = predictions.predict(problem, 4, noisy)
    assert np.isnan(predicted["field, m"].mean)
    assert np.isnan(predicted["finite dimension"].mean)


def test_scores_agree_with_brute_force(rng):
    size = int(rng.integers(5, 40))
    minima = pd.DataFrame({"circuit": rng.integers(0, 6, size), "loss": rng.uniform(0, 1, size)})
    minima.loc[:1, "circuit"] = [0, 1]
    energy, weight = np.sort(rng.uniform(0, 1, 7)), rng.dirichlet(np.ones(7))
    score = predictions.score(minima, Prediction(energy, weight, 0.01))
    grid = np.linspace(0, 1, 200_001)
    found = np.searchsorted(np.sort(minima["loss"]), grid, side="right") / size
    predicted = np.concatenate([[0], np.cumsum(weight)])[np.searchsorted(energy, grid, side="right")]
    # Each of the steps of the two laws moves a Riemann sum by 1/200000 at most.
    assert score["wasserstein"] == pytest.approx(np.abs(found - predicted).mean(), abs=1e-3)
    assert score["found"] == pytest.approx(minima["loss"].mean(), abs=1e-12)
    both = np.hypot(score["found_stderr"], 0.01)
    assert score["z"] == pytest.approx((energy @ weight - minima["loss"].mean()) / both, abs=1e-9)
    with pytest.raises(ValueError, match="at least 2 circuits"):
        predictions.score(minima[minima["circuit"] == 0], Prediction(energy, weight, 0.01))


def test_standard_errors_of_means_cover_the_spread_of_repeats(rng):
    z = []
    for _ in range(200):
        shift = np.repeat(rng.normal(0, 0.1, 12), 4)  # minima of one circuit resemble each other
        minima = pd.DataFrame(
            {"circuit": np.repeat(np.arange(12), 4), "loss": 0.5 + shift + rng.normal(0, 0.05, 48)}
        )
        z.append(predictions.score(minima, Prediction(np.array([0.5]), np.ones(1), 0.0))["z"])
    # Student's t with 11 degrees of freedom; turned into normal numbers, their sum of squares has the law of chi^2.
    square = np.sum(stats.norm.ppf(stats.t(11).cdf(z)) ** 2)
    low, high = stats.chi2(200).ppf([alarm() / 2, 1 - ALARM / 2])
    assert low < square < high
