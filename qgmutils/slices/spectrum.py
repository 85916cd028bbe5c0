"""Curvatures of the loss at a point, and the directions that belong to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.computing.threads import one_thread
from qgmutils.engine import Landscape
from qgmutils.slices.points import point

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues and eigenvectors of the Hessian at one point.

    Attributes
    ----------
    eigenvalues : (p,)
        Ascending: the first is the flattest direction of a minimum.
    directions : (p, p)
        Row k is the unit vector of eigenvalue k, its largest entry positive; of eigenvalues that are equal, the vectors
        are any orthonormal ones.
    """

    eigenvalues: Array
    directions: Array


def spectrum(surface: Landscape, theta: ArrayLike) -> Spectrum:
    """The spectrum of the Hessian at the angles theta (p,), in radians.

    Raises
    ------
    ValueError
        If theta is not one point of the landscape.
    """
    hessian = surface.hessian(point(surface, theta, "theta")[None])[0]
    with one_thread():  # the last digits of LAPACK depend on its number of threads
        eigenvalues, vectors = np.linalg.eigh(hessian)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return Spectrum(eigenvalues, (vectors * np.sign(largest)).T)
