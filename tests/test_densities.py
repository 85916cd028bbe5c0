"""Weights of random matrices as densities in energy."""

import numpy as np
import pytest

from qgmutils import densities, kac_rice


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


def test_normalised_density_is_normalised(rng):
    energies = np.linspace(0.005, 1.2, 150)
    density = kac_rice.whrf_log_density(energies, 4, 8.0, index=0, n_samples=20000, rng=rng)
    density = densities.normalised(density)
    assert np.trapezoid(np.exp(density.log_density), energies) == pytest.approx(1, abs=1e-12)
    mean = np.trapezoid(energies * np.exp(density.log_density), energies)
    assert mean == pytest.approx(0.309, abs=0.012)  # check value, and four errors of this sample
