"""The loss along a line and in a plane through a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from qgmutils.engine import Landscape
from qgmutils.inputs import real_array, require_integer, require_positive
from qgmutils.slices.points import point

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """The loss along a line.

    Attributes
    ----------
    x : (S,)
        Distance from the point, radians.
    loss, slope : (S,)
        L and dL/dx.
    """

    x: Array
    loss: Array
    slope: Array


@dataclass(frozen=True, eq=False)
class Plane:
    """The loss in a plane.

    Attributes
    ----------
    x, y : (S,)
        Distances from the point along either direction, radians.
    loss : (S, S)
        L; a row has one y.
    slope : (S, S, 2)
        dL/dx and dL/dy: the part of the gradient that lies in the plane.
    """

    x: Array
    y: Array
    loss: Array
    slope: Array

    @property
    def table(self) -> pd.DataFrame:
        """x, y and loss, a row a point."""
        x, y = np.meshgrid(self.x, self.y)
        return pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "loss": self.loss.ravel()})


def line(
    surface: Landscape, theta: ArrayLike, direction: ArrayLike, *, reach: float, steps: int = 201
) -> Line:
    """The loss along a line through a point.

    Parameters
    ----------
    surface : Landscape
    theta : array_like, shape (p,)
        Radians.
    direction : array_like, shape (p,)
        A unit vector.
    reach : float
        How far to go from the point to either side, radians; positive.
    steps : int
        Points on the line, odd, so that `theta` is one of them; 3 or more.

    Returns
    -------
    Line

    Raises
    ------
    ValueError
        For arguments of other shapes or out of range, or a direction that is no unit vector.
    """
    (unit,) = _orthonormal(real_array(direction, "direction")[None], surface.circuit.n_params)
    x = _along(reach, steps)
    loss, gradient = surface.value_and_gradient(point(surface, theta, "theta") + x[:, None] * unit)
    return Line(x, loss, gradient @ unit)


def plane(
    surface: Landscape, theta: ArrayLike, directions: ArrayLike, *, reach: float, steps: int = 41
) -> Plane:
    """The loss in the plane through a point, spanned by two directions.

    Parameters
    ----------
    surface : Landscape
    theta : array_like, shape (p,)
        Radians.
    directions : array_like, shape (2, p)
        Orthonormal.
    reach : float
        How far to go from the point along each direction, to either side, radians; positive.
    steps : int
        Points along each direction, odd, so that `theta` is one of them; 3 or more.

    Returns
    -------
    Plane

    Raises
    ------
    ValueError
        For arguments of other shapes or out of range, or directions that are not orthonormal.
    """
    first, second = both = _orthonormal(directions, surface.circuit.n_params, rows=2)
    along = _along(reach, steps)
    x, y = (grid.ravel() for grid in np.meshgrid(along, along))
    points = point(surface, theta, "theta") + x[:, None] * first + y[:, None] * second
    loss, gradient = surface.value_and_gradient(points)
    shape = (len(along), len(along))
    return Plane(along, along, loss.reshape(shape), (gradient @ both.T).reshape(*shape, 2))


def plane_through(surface: Landscape, points: ArrayLike, *, steps: int = 41) -> tuple[Plane, Array]:
    """The plane through three points, such as two minima and the highest point of a path between them.

    Parameters
    ----------
    surface : Landscape
    points : array_like, shape (3, p)
        Radians, not on one line.  The x axis runs from the first to the second, and the third is above it.
    steps : int
        Points along each direction, as of `plane`.

    Returns
    -------
    plane : Plane
        Around the middle of the three, and half as wide again as they need.
    places : array, shape (3, 2)
        x and y of the three.

    Raises
    ------
    ValueError
        If these are not three points of the landscape, or lie on a line.
    """
    three = real_array(points, "points")
    if three.shape[:1] != (3,):
        raise ValueError(f"points must be three, of shape (3, {surface.circuit.n_params}), got {three.shape}")
    corners = np.array([point(surface, theta, "each of the points") for theta in three])
    sides = corners[1:] - corners[0]
    unit, triangle = np.linalg.qr(sides.T)
    if abs(triangle[1, 1]) < 1e-8 * max(1.0, float(np.abs(triangle).max())):
        raise ValueError(
            "points must not lie on one line, as the ends and the top of a straight path do; give another third point, "
            "or look along the line with slices.line"
        )
    directions = (unit * np.sign(np.diag(triangle))).T
    places = (corners - corners[0]) @ directions.T
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    reach = 0.75 * float(np.ptp(places, axis=0).max())
    centre = corners[0] + middle @ directions
    return plane(surface, centre, directions, reach=reach, steps=steps), places - middle


def _along(reach: float, steps: int) -> Array:
    far, count = require_positive(reach, "reach"), require_integer(steps, "steps", low=3)
    if count % 2 == 0:
        raise ValueError(f"steps must be odd, so that the point itself is one of them, got {count}")
    return np.linspace(-far, far, count)


def _orthonormal(directions: ArrayLike, n_params: int, *, rows: int = 1) -> Array:
    vectors = real_array(directions, "directions")
    if vectors.shape != (rows, n_params) or not np.allclose(vectors @ vectors.T, np.eye(rows), atol=1e-8):
        shape, norms = vectors.shape, np.linalg.norm(np.atleast_2d(vectors), axis=-1).round(3).tolist()
        raise ValueError(
            f"directions must be {rows} orthonormal of {n_params} angles each, got shape {shape} with norms {norms}; "
            "the rows of np.linalg.qr(directions.T)[0].T are, and span the same"
        )
    return vectors
