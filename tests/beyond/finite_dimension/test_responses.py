"""The number of minima as a function of sigma^2: theory against populations, and what pilots correct."""

from dataclasses import replace

import numpy as np
import pytest
from levels import uniform_levels

from qgmutils.beyond.finite_dimension import positive_reflections, profiles, responses
from qgmutils.beyond.large_dimension.pushed import pushed_variance


def test_theory_has_the_slope_of_populations(rng):
    h, energy, p = uniform_levels(rng, 128), 0.35, 64
    middle = pushed_variance(h, energy, p)
    drawn = []
    for ratio in (0.75, 1.35):
        rates = profiles.profile_rates(h, energy, ratio * middle)
        drawn.append(profiles.sample_profiles(h, energy, 30, rng, rates=rates)[0])
    spread = np.concatenate(drawn) @ (h - energy) ** 2
    logs = positive_reflections.populations(h, energy, np.sqrt(np.concatenate(drawn)), p, 64, rng)
    response = responses.theory_response(h, energy, p)
    slope, expected = (np.polyfit(spread, y, 1)[0] for y in (logs, response.expected(spread)))
    # Forty trials had ratios of 1.01 to 1.23, of mean 1.10 and deviation 0.05: bounds five deviations away.
    assert 0.85 < slope / expected < 1.35
    rest = logs - np.polyval(np.polyfit(spread, logs, 2), spread)
    # 0.58 to 1.53 in these trials, a deviation of a fifth in the logarithm.
    assert 0.3 < rest.var() / response.scatter(spread, 64).mean() < 3


def test_pilots_correct_the_slope(rng):
    h, p, size = uniform_levels(rng, 16), 8, 10**6
    energies = np.array([0.2, 0.25, 0.3])
    theory = [responses.theory_response(h, energy, p) for energy in energies]
    variances = np.array([pushed_variance(h, energy, p) for energy in energies])
    tilt = float(rng.normal())  # per sigma^2 of minima
    seen = []
    for one, variance in zip(theory, variances, strict=True):
        spread = variance * rng.uniform(0.5, 1.5, 300)
        seen.append(np.column_stack([spread, replace(one, tilt=tilt / variance).expected(spread) + 3.0]))
    for one, variance in zip(responses.corrected(theory, variances, seen, size), variances, strict=True):
        # The prior counts as one point at a distance of one, the pilots' as 25 and more.
        assert one.tilt * variance == pytest.approx(tilt, rel=0.05)
    nothing = responses.corrected(theory, variances, [np.empty((0, 2))] * 3, size)
    assert [one.tilt for one in nothing] == [0.0] * 3


def test_two_levels_have_one_variance():
    response = responses.theory_response(np.repeat([0.0, 2.0], 4), 0.3, 3)
    assert response.variances == pytest.approx([0.3 * 1.7])
    assert np.ptp(response.expected(np.array([0.1, 0.5, 0.9]))) == 0.0
