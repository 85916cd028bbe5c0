"""Populations of growing Hessians against plain sampling of the same matrices."""

import numpy as np

from qgmutils import finite_dimension as fd
from qgmutils import profiles, reflections


def _random_levels(rng, dim):
    levels = np.sort(rng.exponential(size=dim))
    return (levels - levels[0]) / (levels.mean() - levels[0])


def test_sequential_and_plain_sampling_agree(rng):
    levels, energy, p, size = _random_levels(rng, 8), 0.35, 4, 60_000
    drawn, log_weights = profiles.sample_profiles(levels, energy, size, rng)
    matrices = reflections.sample_critical_hessians(levels, drawn, p, rng)
    values = np.linalg.eigvalsh(matrices)
    spread = drawn @ (levels - energy) ** 2
    log_factor = p * (np.log(np.pi) + reflections.gradient_log_density(8) - np.log(spread) / 2) + log_weights
    weights = np.where(values[:, 0] > 0, values.prod(axis=1), 0) * np.exp(log_factor)
    sequential = fd.finite_log_density([energy], levels, p, index=0, n_samples=20_000, rng=rng)
    error = np.hypot(weights.std() / np.sqrt(size), np.exp(sequential.log_density) * sequential.stderr)
    assert abs(weights.mean() - np.exp(sequential.log_density[0])) < 5 * error[0]


def test_error_bars_cover_the_spread_of_repeats(rng):
    # Mean square of (repeat - mean)/stderr over 30 repeats: about 7/5 for eight populations; 6 is far outside.
    levels = _random_levels(rng, 16)
    options = {"index": 0, "n_samples": 800, "rng": rng}
    repeats = [fd.finite_log_density([0.3], levels, 8, **options) for _ in range(30)]
    means = np.array([d.log_density[0] for d in repeats])
    errors = np.array([d.stderr[0] for d in repeats])
    assert np.mean(((means - means.mean()) / errors) ** 2) < 6
