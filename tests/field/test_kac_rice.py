"""Kac-Rice densities and counts against exact identities and closed forms."""

import numpy as np
import pytest
from scipy import stats
from statistical import ALARM, agree, alarm

from qgmutils.field import densities, kac_rice, spectra


def test_published_check_value(rng):
    counts = kac_rice.expected_counts(4, 8.0, n_samples=60000, rng=rng)
    # 5.30 and 0.309 are rounded Monte Carlo values of unstated error; our own is about 0.07 and 0.001.
    agree(counts.count[0], 5.30, counts.count_stderr[0], slack=0.05)
    agree(counts.mean_energy[0], 0.309, counts.mean_energy_stderr[0], slack=0.002)


@pytest.mark.parametrize(("p", "m", "layers"), [(3, 5.0, 1), (4, 3.0, 3), (5, 20.0, 2)])
def test_alternating_sum_vanishes(rng, p, m, layers):
    """Morse: sum (-1)^k count_k = 0 on the torus. Errors of the counts are taken as fully correlated (a bound)."""
    counts = kac_rice.expected_counts(p, m, n_samples=20000, rng=rng, layers=layers)
    total = np.sum((-1.0) ** counts.index * counts.count)
    agree(total, 0, counts.count_stderr.sum())
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
    counts = kac_rice.expected_counts(1, m, n_samples=40000, rng=rng, layers=layers)
    if layers == 1:  # one cosine: exactly one minimum and one maximum
        np.testing.assert_array_equal(minima, 1)
        agree(counts.count, 1, counts.count_stderr)
    stderr = np.hypot(minima.std() / np.sqrt(fields), counts.count_stderr)
    agree(counts.count, minima.mean(), stderr)


def test_importance_weights_leave_the_expectation(rng):
    """Minima counted alone (weighted sampling) and among all indices (plain sampling) agree, in number and energy."""
    gains = []
    for p, m, layers in [(2, 3.0, 1), (3, 4.0, 2), (6, 10.0, 1)]:
        weighted = kac_rice.expected_counts(p, m, index=0, n_samples=20000, rng=rng, layers=layers)
        plain = kac_rice.expected_counts(p, m, n_samples=20000, rng=rng, layers=layers)
        stderr = np.hypot(weighted.count_stderr[0], plain.count_stderr[0])
        agree(weighted.count[0], plain.count[0], stderr)
        stderr = np.hypot(weighted.mean_energy_stderr[0], plain.mean_energy_stderr[0])
        agree(weighted.mean_energy[0], plain.mean_energy[0], stderr)
        gains.append(weighted.effective_samples[0] / plain.effective_samples[0])
    # Four, three and nine as a rule; one heavy weight in a case may halve the number once in 40 runs.
    assert np.prod(gains) > 1


def test_density_integrates_to_the_counts(rng):
    energies = np.linspace(1e-4, 6, 1500)
    for index in (0, 2, None):
        density = kac_rice.whrf_log_density(energies, 3, 4.0, index=index, n_samples=5000, rng=rng)
        counts = kac_rice.expected_counts(3, 4.0, index=index, n_samples=20000, rng=rng)
        integral = np.trapezoid(np.exp(density.log_density), energies)
        # 5000 samples have relative errors of at most 6 % in total (correlated over energies), the counts half of it.
        agree(integral / counts.count.sum(), 1, 0.067)
        assert (density.stderr[density.resolved] <= 0.1).all()


def test_standard_errors_are_honest(rng):
    """The spread of 40 independent estimates agrees with their quoted errors (chi-square)."""
    options = {"index": 0, "n_samples": 1500}
    runs = [kac_rice.expected_counts(3, 4.0, rng=rng, **options) for _ in range(40)]
    spread = np.var([r.count[0] for r in runs], ddof=1)
    quoted = np.mean([r.count_stderr[0] ** 2 for r in runs])
    # Wide by a factor 2: the weights are skewed, so that a variance estimate is noisier than for normal ones.
    low, high = stats.chi2(39).ppf([alarm() / 2, 1 - ALARM / 2]) / 39
    assert low / 2 < spread / quoted < high * 2


def test_error_bars_of_rare_events_cover_the_spread_of_repeats(rng):
    # Variance of 30 repeats over the mean quoted one: one but for noise (chi-square), by a factor
    # of 2 wider because single variances of eight skewed populations are noisier than normal ones.
    options = {"index": 0, "n_samples": 800, "rng": rng}
    repeats = [kac_rice.whrf_log_density([0.3], 12, 50.0, **options) for _ in range(30)]
    means = np.array([d.log_density[0] for d in repeats])
    errors = np.array([d.stderr[0] for d in repeats])
    low, high = stats.chi2(29).ppf([alarm() / 2, 1 - ALARM / 2]) / 29
    assert low / 2 < np.var(means, ddof=1) / np.mean(errors**2) < high * 2


def test_rare_events_are_refused(rng):
    with pytest.raises(densities.UnresolvedError, match="raise n_samples"):
        kac_rice.expected_counts(20, 40.0, index=0, n_samples=300, rng=rng, energy_range=(0.9, 1.2))
    density = kac_rice.whrf_log_density([0.2, 1.5], 12, 60.0, index=0, n_samples=2000, rng=rng)
    assert density.resolved.tolist() == [True, False]
    assert np.isneginf(density.log_density[1])
    assert np.isinf(density.stderr[1])
    every = kac_rice.expected_counts(12, 14.0, n_samples=1200, rng=rng)
    assert every.resolved.any()
    assert not every.resolved[0]
    assert np.isnan(every.count[~every.resolved]).all()
    assert np.isfinite(every.count[every.resolved]).all()


@pytest.mark.parametrize("gamma", [0.05, 0.2, 0.6])
def test_complexity_increases_up_to_the_threshold_and_is_the_limit(rng, gamma):
    threshold = float(spectra.threshold_energy(gamma))
    energies = np.linspace(0.02, 1, 200) * threshold
    assert (np.diff(kac_rice.complexity(gamma, energies)) > 0).all()
    p = 48
    at = np.array([0.6, 0.8]) * threshold
    density = kac_rice.whrf_log_density(at, p, p / (2 * gamma), index=0, n_samples=2000, rng=rng)
    assert density.resolved.all()
    finite = density.log_density / p - np.log(p) / 2
    # Left out: O(ln p) / p from Stirling, from 2m - 1 for 2m, and from fluctuations of the determinant.
    np.testing.assert_allclose(finite, kac_rice.complexity(gamma, at), atol=2 * np.log(p) / p)


@pytest.mark.filterwarnings("error")
def test_bad_input_is_named(rng):
    options = {"n_samples": 10, "rng": rng}
    for call in (
        lambda: kac_rice.whrf_log_density([0.0], 3, 4.0, **options),
        lambda: kac_rice.whrf_log_density([0.1], 0, 4.0, **options),
        lambda: kac_rice.whrf_log_density([0.1], 3, 0.1, **options),
        lambda: kac_rice.whrf_log_density([0.1], 3, 4.0, index=4, **options),
        lambda: kac_rice.whrf_log_density([0.1], 3, 4.0, layers=0, **options),
        lambda: kac_rice.whrf_log_density([0.1], 3, 4.0, n_samples=1, rng=rng),
        lambda: kac_rice.expected_counts(3, 4.0, energy_range=(1.0, 0.5), **options),
        lambda: densities.normalised(kac_rice.whrf_log_density([0.2, 0.1], 3, 4.0, **options)),
    ):
        with pytest.raises(ValueError, match="got"):
            call()
