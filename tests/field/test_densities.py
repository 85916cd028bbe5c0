"""Weights of random matrices as densities in energy."""

import dataclasses

import numpy as np
import pytest
from statistical import agree

from qgmutils.field import densities, kac_rice


def test_weights_of_single_matrices_and_of_populations(rng):
    weights = rng.exponential(size=1000)
    single, grouped = (densities.collect(np.array([0.5]), [np.log(weights)], 100.0, size) for size in (1, 50))
    assert np.exp(single.log_density[0]) == pytest.approx(weights.mean())
    relative = weights.std(ddof=1) / weights.mean() / np.sqrt(1000)
    assert single.stderr[0] == pytest.approx(relative)
    assert grouped.stderr[0] == pytest.approx(relative)
    assert single.effective_samples[0] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert grouped.effective_samples[0] == pytest.approx(relative**-2)
    nothing = densities.collect(np.array([0.5]), [np.full(3, -np.inf)], 100.0, 50)
    assert np.isneginf(nothing.log_density[0])
    assert np.isinf(nothing.stderr[0])
    assert not nothing.resolved[0]


def test_density_without_its_bulk_is_refused(rng):
    energies, peak, width = np.linspace(0.0, 1.0, 2001), rng.uniform(0.4, 0.6), 0.1
    log_density = -0.5 * ((energies - peak) / width) ** 2 + 7
    errors, number = np.full(2001, 0.1), np.full(2001, 100.0)
    found = densities.LogDensity(energies, log_density, errors, number, energies < peak + 2.5 * width)
    np.testing.assert_allclose(  # of a normal law 0.6 % lie above 2.5 standard deviations
        np.exp(densities.normalised(found).log_density),
        np.exp(log_density - 7) / (np.sqrt(2 * np.pi) * width),
        rtol=1e-3,
    )
    beside_the_peak = np.arange(2001) == np.argmax(log_density) + 1
    # 4.5 % above 1.7 standard deviations; 0.2 %, but next to the peak; everything.
    for unresolved in (energies > peak + 1.7 * width, beside_the_peak, energies >= 0):
        with pytest.raises(densities.UnresolvedError, match="bulk"):
            densities.normalised(dataclasses.replace(found, resolved=~unresolved))


def test_normalised_density_is_normalised(rng):
    energies = np.linspace(0.005, 1.2, 150)
    density = kac_rice.whrf_log_density(energies, 4, 8.0, index=0, n_samples=30000, rng=rng)
    density = densities.normalised(density)
    assert np.trapezoid(np.exp(density.log_density), energies) == pytest.approx(1, abs=1e-12)
    mean = np.trapezoid(energies * np.exp(density.log_density), energies)
    agree(mean, 0.309, 0.0025, slack=0.001)  # check value, rounded, and the error of this sample
