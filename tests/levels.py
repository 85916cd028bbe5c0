"""Spectra to test with."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv


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


def beta_levels(dim: int, shape: float) -> NDArray[np.float64]:
    """Levels at the quantiles (a + 1/2) / N of the Beta(shape, shape) law, stretched to [0, 2] so that their mean is 1.

    1.5 is the semicircle of the Gaussian unitary ensemble; at 8 most levels lie near the middle, as those of local
    Hamiltonians do.  The lowest level is above 0, as of a random matrix of this law.
    """
    return np.asarray(2 * betaincinv(shape, shape, (np.arange(dim) + 0.5) / dim))
