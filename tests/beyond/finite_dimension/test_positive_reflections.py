"""Populations of growing Hessians against plain sampling of the same matrices."""

import numpy as np
import pytest
from levels import random_levels
from scipy import stats
from statistical import ALARM, agree, alarm

from qgmutils.beyond.finite_dimension import counts, positive_reflections, profiles, reflections


def test_sequential_and_plain_sampling_agree(rng):
    levels, energy, p, size = random_levels(rng, 8), 0.35, 4, 60_000
    drawn, log_weights = profiles.sample_profiles(levels, energy, size, rng)
    matrices = reflections.sample_critical_hessians(levels, drawn, p, rng)
    values = np.linalg.eigvalsh(matrices)
    spread = drawn @ (levels - energy) ** 2
    log_factor = p * (np.log(np.pi) + reflections.gradient_log_density(8) - np.log(spread) / 2) + log_weights
    weights = np.where(values[:, 0] > 0, values.prod(axis=1), 0) * np.exp(log_factor)
    sequential = counts.finite_log_density([energy], levels, p, index=0, n_samples=20_000, rng=rng)
    error = np.hypot(weights.std() / np.sqrt(size), np.exp(sequential.log_density) * sequential.stderr)
    agree(weights.mean(), np.exp(sequential.log_density[0]), error[0])


def test_error_bars_cover_the_spread_of_repeats(rng):
    # Variance of 30 repeats over the mean quoted one: one but for noise (chi-square), by a factor
    # of 2 wider because single variances of eight skewed populations are noisier than normal ones.
    levels = random_levels(rng, 16)
    options = {"index": 0, "n_samples": 800, "rng": rng}
    repeats = [counts.finite_log_density([0.3], levels, 8, **options) for _ in range(30)]
    means = np.array([d.log_density[0] for d in repeats])
    errors = np.array([d.stderr[0] for d in repeats])
    low, high = stats.chi2(29).ppf([alarm() / 2, 1 - ALARM / 2]) / 29
    assert low / 2 < np.var(means, ddof=1) / np.mean(errors**2) < high * 2


@pytest.mark.parametrize(("dim", "n_params"), [(8, 1), (8, 7), (16, 12), (64, 50)])
def test_one_matrix_gives_its_determinant(dim, n_params, rng):
    """The same rows, put together to a dense matrix; rounding of rows to single precision is 1e-7 of the diagonal."""
    levels = random_levels(rng, dim)
    drawn, _ = profiles.sample_profiles(
        levels, 0.02, 40, rng
    )  # so low that some matrices are positive definite
    compared = 0
    for profile in drawn:
        seed = int(rng.integers(2**31))
        same, dense = np.random.default_rng(seed), np.zeros((n_params, n_params))
        b, z = np.empty((n_params, 2 * dim)), np.empty(2 * dim)
        for i in range(n_params):
            dense[i, i] = reflections.draw_row(levels, 0.02, np.sqrt(profile), b[i], z, same)
            dense[i, :i] = dense[:i, i] = b[:i] @ z
        values = np.linalg.eigvalsh(dense)
        amplitudes = np.sqrt(profile)[None]
        found = positive_reflections.populations(
            levels, 0.02, amplitudes, n_params, 1, np.random.default_rng(seed)
        )
        if values[0] > 1e-3:
            # d ln det = tr M^-1 dM, with some 2 dim roundings in an entry.
            assert found[0] == pytest.approx(
                np.log(values).sum(), abs=1e-6 * np.sum(1 / values) * np.sqrt(dim)
            )
            compared += 1
        elif values[0] < -1e-3:
            assert np.isneginf(found[0])
    assert compared >= 3


@pytest.mark.parametrize(("dim", "n_params"), [(4, 2), (8, 4), (12, 6)])
def test_mean_over_matrices_of_one_state(dim, n_params, rng):
    # So low that plain sampling finds enough positive definite matrices, whatever the levels.
    levels, energy = random_levels(rng, dim), 0.1
    profile = profiles.sample_profiles(levels, energy, 1, rng)[0]
    values = np.linalg.eigvalsh(
        reflections.sample_critical_hessians(levels, np.repeat(profile, 200_000, axis=0), n_params, rng)
    )
    plain = np.where(values[:, 0] > 0, values.prod(axis=1), 0.0)
    logs = positive_reflections.populations(
        levels, energy, np.repeat(np.sqrt(profile), 400, axis=0), n_params, 50, rng
    )
    sequential = np.exp(logs)
    error = np.hypot(plain.std() / np.sqrt(200_000), sequential.std() / 20)
    assert error < 0.2 * plain.mean()
    agree(sequential.mean(), plain.mean(), error)
