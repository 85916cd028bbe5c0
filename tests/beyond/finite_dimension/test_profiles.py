"""Profiles drawn by importance against exact laws of Haar-random states."""

import numpy as np
import pytest
from levels import random_levels
from statistical import agree

from qgmutils.beyond.finite_dimension import profiles
from qgmutils.field import densities, haar


@pytest.mark.parametrize("degenerate", [False, True])
def test_weights_reproduce_the_exact_law_of_the_energy(degenerate, rng):
    levels = np.repeat([0.0, 16 / 5], [11, 5]) if degenerate else random_levels(rng, 16)
    energies, step = np.array([0.3, 0.7, 1.0, 1.6]), 1e-3
    weights = [profiles.sample_profiles(levels, energy, 20_000, rng)[1] for energy in energies]
    density = densities.collect(energies, weights, 200.0)
    exact = (haar.energy_cdf(energies + step, levels) - haar.energy_cdf(energies - step, levels)) / (2 * step)
    # The difference quotient is off by 1e-6 of the density's second derivative, some 20 at most.
    agree(np.exp(density.log_density) / exact, 1, density.stderr, slack=1e-4)
    assert density.resolved.all()


def test_profiles_have_the_energy_and_other_rates_the_same_means(rng):
    levels, energy = random_levels(rng, 8), 0.4
    means, errors = [], []
    for rates in (None, profiles.profile_rates(levels, energy, 0.25), rng.uniform(0.7, 1.4, 8)):
        drawn, log_weights = profiles.sample_profiles(levels, energy, 40_000, rng, rates=rates)
        np.testing.assert_allclose(drawn.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose(drawn @ levels, energy, rtol=1e-12)
        values = np.exp(log_weights) * (drawn @ levels**2)
        means.append(values.mean())
        errors.append(values.std() / np.sqrt(len(values)))
    agree(means[1], means[0], np.hypot(errors[0], errors[1]))
    agree(means[2], means[0], np.hypot(errors[0], errors[2]))


def test_rates_meet_their_constraints(rng):
    levels = random_levels(rng, 32)
    for energy, variance in ((0.3, None), (0.3, 0.15), (1.1, 0.4)):
        profile = 1 / (32 * profiles.profile_rates(levels, energy, variance))
        assert profile.min() > 0
        assert profile.sum() == pytest.approx(1, abs=1e-7)
        assert profile @ levels == pytest.approx(energy, abs=1e-7)
        if variance is not None:
            assert profile @ (levels - energy) ** 2 == pytest.approx(variance, abs=1e-6)
