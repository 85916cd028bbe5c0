"""Sequential sampling of positive definite Hessians against plain sampling of the same matrices."""

import numpy as np
import pytest

from qgmutils.positive_definite import log_positive_determinant
from qgmutils.spectra import sample_hessians


@pytest.mark.parametrize(
    ("n_params", "two_m", "layers"), [(1, 5, 1), (3, 10, 1), (4, 16, 2), (6, 40, 1), (6, 6, 3)]
)
def test_mean_determinant_agrees_with_plain_sampling(n_params, two_m, layers, rng):
    energy = rng.uniform(0.05, 0.4)
    matrices = sample_hessians(n_params, two_m / 2, energy, 100_000, rng, layers=layers)
    eigenvalues = np.linalg.eigvalsh(matrices / (2 * layers))
    weights = np.where(eigenvalues[:, 0] > 0, np.prod(eigenvalues, axis=1), 0.0)
    plain, plain_error = weights.mean(), weights.std(ddof=1) / np.sqrt(len(weights))
    log_mean, stderr = log_positive_determinant(
        np.array([energy]), n_params, two_m, n_samples=40_000, rng=rng, layers=layers
    )
    # Eight populations: the error bar has 7 degrees of freedom, for which 10 standard errors are one chance in 5e4.
    error = np.hypot(plain_error, stderr[0] * np.exp(log_mean[0]))
    assert abs(np.exp(log_mean[0]) - plain) < 10 * error


def test_error_bars_cover_the_spread_of_repeats(rng):
    # Mean square of (repeat - mean)/stderr over 30 repeats: about 7/5 for eight populations; 6 is far outside.
    repeats = [log_positive_determinant(np.array([0.3]), 12, 100, n_samples=800, rng=rng) for _ in range(30)]
    means = np.array([mean[0] for mean, _ in repeats])
    errors = np.array([error[0] for _, error in repeats])
    assert np.mean(((means - means.mean()) / errors) ** 2) < 6


def test_an_event_that_never_happens_has_no_finite_error():
    # At E = 50 every pivot is near -50.
    log_mean, stderr = log_positive_determinant(
        np.array([50.0]), 8, 20, n_samples=64, rng=np.random.default_rng(0)
    )
    assert log_mean[0] == -np.inf
    assert stderr[0] == np.inf
