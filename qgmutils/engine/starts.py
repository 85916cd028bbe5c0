"""What every engine checks about the starts it is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def checked(theta: ArrayLike, n_params: int, name: str = "theta") -> NDArray[np.float64]:
    """A new (B, p) array of what was given as `name`.

    Raises
    ------
    ValueError
        For another shape or entries that are not finite.
    """
    array = np.array(theta, dtype=np.float64, order="C")  # a copy: read-only arrays would compile anew
    if array.ndim != 2 or array.shape[1] != n_params:
        raise ValueError(f"{name} must have shape (starts, {n_params}), got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} has entries that are not finite numbers")
    return array


def checked_with_vectors(
    theta: ArrayLike, vectors: ArrayLike, n_params: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as new (B, p) arrays.

    Raises
    ------
    ValueError
        As `checked`, or if there is not one vector for each start.
    """
    starts, directions = checked(theta, n_params), checked(vectors, n_params, "vectors")
    if len(starts) != len(directions):
        raise ValueError(f"there must be one vector for each start, got {len(directions)} for {len(starts)}")
    return starts, directions
