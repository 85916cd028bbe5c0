"""Weights of random matrices as densities in energy."""

import numpy as np
import pytest

from qgmutils import densities


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
