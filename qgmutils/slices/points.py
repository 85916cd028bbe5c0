"""Points of a landscape as users hand them over."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.engine import Landscape
from qgmutils.inputs import real_array


def point(surface: Landscape, theta: ArrayLike, name: str) -> NDArray[np.float64]:
    """The angles of one point (p,), in radians.

    Raises
    ------
    ValueError
        For another shape, or what are no finite real numbers; the message calls them `name`.
    """
    angles, p = real_array(theta, name), surface.circuit.n_params
    if angles.shape != (p,) or not np.isfinite(angles).all():
        raise ValueError(
            f"{name} must be {p} finite angles, one point of shape ({p},), got shape {angles.shape} with "
            f"{np.sum(~np.isfinite(angles))} entries that are not finite; minima.theta[k] is a point of many"
        )
    return angles
