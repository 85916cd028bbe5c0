"""Sampled Hessians of the paper's random field to test with."""

import numpy as np
from numpy.typing import NDArray

from qgmutils.field.spectra import sample_hessian_parts


def field_hessians(
    n_params: int,
    degrees_of_freedom: float,
    energy: float,
    size: int,
    rng: np.random.Generator,
    *,
    layers: int = 1,
) -> NDArray[np.float64]:
    """Hessians at critical points of this energy divided by 2 layers, without the weight |det|: shape (size, p, p)."""
    wishart, symmetric = sample_hessian_parts(n_params, degrees_of_freedom, size, rng, layers=layers)
    matrices: NDArray[np.float64] = wishart + np.sqrt(energy) * symmetric - energy * np.eye(n_params)
    return matrices
