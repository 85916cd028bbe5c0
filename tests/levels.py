"""Spectra to test with."""

import numpy as np
from numpy.typing import NDArray


def random_levels(rng: np.random.Generator, dim: int) -> NDArray[np.float64]:
    """Sorted levels with minimum 0 and mean 1, shape (dim,)."""
    levels = np.sort(rng.exponential(size=dim))
    return (levels - levels[0]) / (levels.mean() - levels[0])


def separated_levels(rng: np.random.Generator, dim: int) -> NDArray[np.float64]:
    """Sorted levels with minimum 0 and mean 1, no gap below a quarter of the mean gap, shape (dim,)."""
    levels = np.arange(dim) + rng.uniform(-0.3, 0.3, dim)
    return (levels - levels[0]) / (levels.mean() - levels[0])


def uniform_levels(rng: np.random.Generator, dim: int) -> NDArray[np.float64]:
    """Sorted uniform levels with minimum 0 and mean 1, shape (dim,)."""
    levels = np.sort(rng.uniform(0, 2, dim))
    return (levels - levels[0]) / (levels.mean() - levels[0])
