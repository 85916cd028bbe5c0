"""Kac-Rice counts against enumeration of sampled fields, exact identities and closed forms."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad

from qgmutils import counting, spectra
from qgmutils.fields import FieldEnumeration


@pytest.mark.parametrize(("p", "m"), [(2, 3.0), (3, 2.5), (3, 4.0), (4, 8.0)])
def test_counts_of_every_index_match_enumeration(rng, p, m):
    """Hotelling's test on the vector of mean counts, and a test of the minima's mean energy.

    The false-alarm rate is 1e-4 for the vector and 6e-5 (four standard errors) for the energy, per (p, m).
    """
    fields = 200
    table = FieldEnumeration(p, m, 0, fields, 500, int(rng.integers(2**31))).run()
    assert table.groupby("field")["complete"].first().mean() > 0.99
    theory = counting.CountTask(p, m, 60000, int(rng.integers(2**31))).run()
    compared, pvalue = counting.compare_counts(table, theory)
    assert pvalue > 1e-4, compared
    assert compared["fields"].eq(fields).all()
    minima = table[table["index"] == 0].groupby("field")["value"]
    number, total = minima.size().to_numpy(), minima.sum().to_numpy()
    energy = total.sum() / number.sum()
    stderr = (total - energy * number).std() / number.mean() / np.sqrt(fields)
    assert abs(energy - theory["mean_energy"][0]) < 4 * np.hypot(stderr, theory["mean_energy_stderr"][0])


def test_comparison_rejects_wrong_counts_and_is_uniform_for_right_ones(rng):
    size = 60
    theory = pd.DataFrame(
        {"index": [0, 1, 2], "count": [3.0, 7.0, 4.0], "count_stderr": 0.01, "resolved": True}
    )

    def pvalue(shift):
        minima, maxima = rng.poisson(3 + shift, size), rng.poisson(4, size)
        points = [
            (f, k)
            for f in range(size)
            for k, n in enumerate([minima[f], minima[f] + maxima[f], maxima[f]])
            for _ in range(n)
        ]
        return counting.compare_counts(pd.DataFrame(points, columns=["field", "index"]), theory)[1]

    assert pvalue(2.0) < 1e-4  # nine standard errors
    # Fields without any point would be missing; with means of 3 and 4 that is one field in 1000.
    assert stats.kstest([pvalue(0.0) for _ in range(40)], "uniform").pvalue > 1e-5
    with pytest.raises(ValueError, match="at least 2 fields"):
        counting.compare_counts(pd.DataFrame({"field": [0, 0, 0], "index": [0, 1, 2]}), theory)


def test_published_check_value(rng):
    counts = counting.expected_counts(4, 8.0, n_samples=60000, rng=rng)
    # 5.30 and 0.309 are rounded Monte Carlo values of unstated error; our own is about 0.07 and 0.001.
    assert counts.count[0] == pytest.approx(5.30, abs=0.05 + 4 * counts.count_stderr[0])
    assert counts.mean_energy[0] == pytest.approx(0.309, abs=0.002 + 4 * counts.mean_energy_stderr[0])


@pytest.mark.parametrize(("p", "m", "layers"), [(3, 5.0, 1), (4, 3.0, 3), (5, 20.0, 2)])
def test_alternating_sum_vanishes(rng, p, m, layers):
    """Morse: sum (-1)^k count_k = 0 on the torus. Errors of the counts are taken as fully correlated (a bound)."""
    counts = counting.expected_counts(p, m, n_samples=20000, rng=rng, layers=layers)
    total = np.sum((-1.0) ** counts.index * counts.count)
    assert abs(total) < 4 * counts.count_stderr.sum()
    assert counts.count.min() > 0


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_layers_match_a_scan_of_one_angle(rng, layers):
    """One angle in r gates: f_a = sum_j sqrt(binomial(r, j)) x_j cos^(r-j) sin^j, scanned on a fine grid."""
    m, fields, grid = 2.0, 2000, 1200
    theta = np.arange(grid) * np.pi / grid
    orders = np.arange(layers + 1)
    binomial = np.array(
        [np.prod(np.arange(layers - j + 1, layers + 1)) / np.prod(np.arange(1, j + 1)) for j in orders]
    )
    waves = (
        np.sqrt(binomial)[:, None]
        * np.cos(theta) ** (layers - orders[:, None])
        * np.sin(theta) ** orders[:, None]
    )
    x = rng.normal(scale=np.sqrt(0.5), size=(fields, int(2 * m), layers + 1))
    values = ((x @ waves) ** 2).sum(axis=1) / m
    minima = ((values < np.roll(values, 1, 1)) & (values <= np.roll(values, -1, 1))).sum(axis=1)
    counts = counting.expected_counts(1, m, n_samples=40000, rng=rng, layers=layers)
    if layers == 1:  # one cosine: exactly one minimum and one maximum
        np.testing.assert_array_equal(minima, 1)
        assert abs(counts.count - 1).max() < 5 * counts.count_stderr.max()
    stderr = np.hypot(minima.std() / np.sqrt(fields), counts.count_stderr)
    assert (np.abs(minima.mean() - counts.count) < 4.5 * stderr).all()


def test_log_determinants_and_inertia_match_eigenvalues(rng):
    wishart, symmetric = spectra.sample_hessian_parts(7, 9.0, 60, rng)
    energies = np.array([0.05, 0.4, 1.3])
    log_det, negative = counting._log_determinants(wishart, symmetric, energies, -1)
    minima, _ = counting._log_determinants(wishart, symmetric, energies, 0)
    for e, energy in enumerate(energies):
        values = np.linalg.eigvalsh(wishart + np.sqrt(energy) * symmetric - energy * np.eye(7))
        np.testing.assert_array_equal(negative[:, e], (values < 0).sum(axis=1))
        # Without pivoting, digits are lost in proportion to the smallest pivot's size.
        np.testing.assert_allclose(log_det[:, e], np.log(np.abs(values)).sum(axis=1), atol=1e-6)
        np.testing.assert_array_equal(np.isfinite(minima[:, e]), (values > 0).all(axis=1))


def test_importance_weights_leave_the_expectation(rng):
    """Minima counted alone (weighted sampling) and among all indices (plain sampling) agree, in number and energy."""
    for p, m, layers in [(2, 1.5, 1), (3, 4.0, 2), (6, 10.0, 1)]:
        weighted = counting.expected_counts(p, m, index=0, n_samples=20000, rng=rng, layers=layers)
        plain = counting.expected_counts(p, m, n_samples=20000, rng=rng, layers=layers)
        stderr = np.hypot(weighted.count_stderr[0], plain.count_stderr[0])
        assert abs(weighted.count[0] - plain.count[0]) < 4.5 * stderr
        stderr = np.hypot(weighted.mean_energy_stderr[0], plain.mean_energy_stderr[0])
        assert abs(weighted.mean_energy[0] - plain.mean_energy[0]) < 4.5 * stderr
        assert weighted.effective_samples[0] > plain.effective_samples[0]


def test_tasks_return_tables_and_mark_what_is_refused(rng):
    seed = int(rng.integers(2**31))
    table = counting.CountTask(3, 4.0, 2000, seed).run()
    assert table["index"].tolist() == [0, 1, 2, 3]
    assert table["resolved"].all()
    pd.testing.assert_frame_equal(table, counting.CountTask(3, 4.0, 2000, seed).run())
    refused = counting.CountTask(12, 60.0, 300, seed, index=0, energy_range=(1.2, 1.5)).run()
    assert refused["count"].isna().all()
    assert not refused["resolved"].any()
    density = counting.DensityTask((0.1, 0.3), 4, 8.0, 2000, seed).run()
    assert density["resolved"].all()
    assert len(density) == 2


def test_density_integrates_to_the_counts(rng):
    energies = np.linspace(1e-4, 6, 1500)
    for index in (0, 2, None):
        density = counting.whrf_log_density(energies, 3, 4.0, index=index, n_samples=5000, rng=rng)
        counts = counting.expected_counts(3, 4.0, index=index, n_samples=20000, rng=rng)
        integral = np.trapezoid(np.exp(density.log_density), energies)
        # 5000 samples have relative errors of at most 6 % in total (correlated over energies), the counts half of it.
        assert integral == pytest.approx(counts.count.sum(), rel=0.3)
        assert (density.stderr[density.resolved] <= 0.1).all()


def test_standard_errors_are_honest(rng):
    """The spread of 40 independent estimates agrees with their quoted errors (chi-square, 1e-5 on either side)."""
    options = {"index": 0, "n_samples": 1500, "min_effective_samples": 0.0}
    runs = [counting.expected_counts(3, 4.0, rng=rng, **options) for _ in range(40)]
    spread = np.var([r.count[0] for r in runs], ddof=1)
    quoted = np.mean([r.count_stderr[0] ** 2 for r in runs])
    # Wide by a factor 2: the weights are skewed, so that a variance estimate is noisier than for normal ones.
    low, high = stats.chi2(39).ppf([1e-5, 1 - 1e-5]) / 39
    assert low / 2 < spread / quoted < high * 2


def test_rare_events_are_refused(rng):
    with pytest.raises(counting.UnresolvedError, match="raise n_samples"):
        counting.expected_counts(20, 40.0, index=0, n_samples=300, rng=rng, energy_range=(0.9, 1.2))
    with pytest.raises(counting.UnresolvedError, match="bulk"):
        counting.minima_energy_density(np.linspace(0.4, 1.5, 20), 12, 60.0, n_samples=400, rng=rng)
    density = counting.whrf_log_density([0.2, 1.5], 12, 60.0, index=0, n_samples=2000, rng=rng)
    assert density.resolved.tolist() == [True, False]
    assert np.isneginf(density.log_density[1])
    assert np.isinf(density.stderr[1])
    every = counting.expected_counts(12, 14.0, n_samples=1200, rng=rng)
    assert every.resolved.any()
    assert not every.resolved[0]
    assert np.isnan(every.count[~every.resolved]).all()
    assert np.isfinite(every.count[every.resolved]).all()


def test_normalised_density_is_normalised(rng):
    energies = np.linspace(0.005, 1.2, 150)
    density = counting.minima_energy_density(energies, 4, 8.0, n_samples=20000, rng=rng)
    assert np.trapezoid(np.exp(density.log_density), energies) == pytest.approx(1, abs=1e-12)
    mean = np.trapezoid(energies * np.exp(density.log_density), energies)
    assert mean == pytest.approx(0.309, abs=0.012)  # check value, and four errors of this sample


@pytest.mark.parametrize("gamma", [0.05, 0.2, 0.6])
def test_complexity_increases_up_to_the_threshold_and_is_the_limit(rng, gamma):
    threshold = float(spectra.threshold_energy(gamma))
    energies = np.linspace(0.02, 1, 200) * threshold
    assert (np.diff(counting.complexity(gamma, energies)) > 0).all()
    p = 48
    at = np.array([0.6, 0.8]) * threshold
    density = counting.whrf_log_density(at, p, p / (2 * gamma), index=0, n_samples=2000, rng=rng)
    assert density.resolved.all()
    finite = density.log_density / p - np.log(p) / 2
    # Left out: O(ln p) / p from Stirling, from 2m - 1 for 2m, and from fluctuations of the determinant.
    np.testing.assert_allclose(finite, counting.complexity(gamma, at), atol=2 * np.log(p) / p)


@pytest.mark.parametrize(("p", "m"), [(2, 3.0), (8, 4.0), (9, 4.0), (40, 400.0), (200, 1000.0)])
def test_companion_curve_is_normalised(p, m):
    edges = np.linspace(0, 0.5, 41)

    def curve(x):
        return float(np.exp(counting.companion_log_density(x, p, m)))

    total = sum(quad(curve, a, b, limit=200)[0] for a, b in pairwise(edges))
    assert total == pytest.approx(1, abs=2e-6)
    x = np.array([0.11, 0.2])
    shape = -m * x + (m - p / 2) * np.log(x) + p * np.log(1 - 2 * x)
    np.testing.assert_allclose(np.diff(counting.companion_log_density(x, p, m)), np.diff(shape), rtol=1e-9)
    assert np.isneginf(counting.companion_log_density([-0.1, 0.0, 0.5, 0.7], p, m)).all()


def test_bad_input_is_named(rng):
    options = {"n_samples": 10, "rng": rng}
    for call in (
        lambda: counting.whrf_log_density([0.0], 3, 4.0, **options),
        lambda: counting.whrf_log_density([0.1], 0, 4.0, **options),
        lambda: counting.whrf_log_density([0.1], 3, 0.1, **options),
        lambda: counting.whrf_log_density([0.1], 3, 4.0, index=4, **options),
        lambda: counting.whrf_log_density([0.1], 3, 4.0, layers=0, **options),
        lambda: counting.whrf_log_density([0.1], 3, 4.0, n_samples=1, rng=rng),
        lambda: counting.expected_counts(3, 4.0, energy_range=(1.0, 0.5), **options),
        lambda: counting.minima_energy_density([0.2, 0.1], 3, 4.0, n_samples=10, rng=rng),
        lambda: counting.companion_log_density(0.1, 10, 4.0),
        lambda: counting.companion_log_density(0.1, 2, -1.0),
    ):
        with pytest.raises(ValueError, match="got"):
            call()
