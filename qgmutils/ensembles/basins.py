"""Where starts end: the gradient flow, and which minimum of a list an end point is.

Counts of minima weight all of them equally, training weights each with its basin of attraction.  Where all minima
can be enumerated the two are compared minimum by minimum, with the suite's BFGS and with the gradient flow, which
is free of any choice of steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.field.polynomials import TrigPolynomial

Array = NDArray[np.float64]

STEP = 0.05
"""Radians of a step of the flow.  Half of it moved none of 5200 starts to another minimum (n = 4, p = 4 to 6)."""

SAME_POINT = 1e-3
"""Largest distance in an angle between an end point and its minimum; minima of one circuit are 0.4 apart or more."""

_DURATIONS = np.concatenate([[0.0], np.geomspace(1e-4, 1e4, 65)])
_MAX_STEPS = 3000


def flow(polynomial: TrigPolynomial, starts: ArrayLike, *, step: float = STEP) -> Array:
    """Follow the gradient flow dt/ds = -grad E from every start to a critical point.

    Parameters
    ----------
    polynomial : TrigPolynomial
    starts : array_like, shape (B, p)
        Radians.
    step : float
        Largest length of a step, radians, positive.

    Returns
    -------
    ndarray, shape (B, p)
        End points in [0, pi); nan where a gradient of 1e-7 was not reached in 3000 steps.

    Notes
    -----
    Within a step the loss is replaced by its quadratic Taylor polynomial, whose flow is known: t(s) -
    t(0) = -(1 - exp(-H s)) / H grad E, in the eigenbasis of H (the exponential Rosenbrock-Euler method, textbook).
    The duration s of a step is the longest for which its length stays below `step`.

    Raises
    ------
    ValueError
        If the step is not positive.
    """
    if not step > 0:
        raise ValueError(f"step must be a positive length in radians, got {step!r}")
    theta = np.array(starts, dtype=np.float64)
    end = np.full_like(theta, np.nan)
    active = np.arange(len(theta))
    for _ in range(_MAX_STEPS):
        if not len(active):
            break
        here = theta[active]
        slope = polynomial.gradient(here)
        done = np.abs(slope).max(axis=1) < 1e-7
        end[active[done]] = np.mod(here[done], np.pi)
        active, here, slope = active[~done], here[~done], slope[~done]
        if not len(active):
            break
        values, vectors = np.linalg.eigh(polynomial.hessian(here))
        along = np.einsum("bij,bi->bj", vectors, slope)
        exponent = np.clip(-values[:, None, :] * _DURATIONS[:, None], -50, 50)
        small = np.abs(values[:, None, :]) * _DURATIONS[:, None] < 1e-8
        safe = np.where(np.abs(values) < 1e-300, 1.0, values)[:, None, :]
        gain = np.where(small, _DURATIONS[:, None], -np.expm1(exponent) / safe)
        length = np.linalg.norm(gain * along[:, None, :], axis=2)
        longest = np.argmax(np.where(length <= step, _DURATIONS, -1.0), axis=1)
        longest = np.maximum(longest, 1)
        rows = np.arange(len(active))
        moved = gain[rows, longest] * along
        scale = np.minimum(1.0, step / np.maximum(np.linalg.norm(moved, axis=1), 1e-300))
        theta[active] = here - np.einsum("bij,bj->bi", vectors, moved * scale[:, None])
    return end


def assign(ends: ArrayLike, minima: ArrayLike) -> NDArray[np.int64]:
    """Which minimum each end point is, on the torus of period pi.

    Parameters
    ----------
    ends : array_like, shape (B, p)
    minima : array_like, shape (K, p)

    Returns
    -------
    ndarray of int, shape (B,)
        -1 where none is within `SAME_POINT` in every angle.
    """
    gap = np.abs(np.mod(np.asarray(ends), np.pi)[:, None, :] - np.asarray(minima)[None, :, :])
    distance = np.minimum(gap, np.pi - gap).max(axis=2)
    if distance.shape[1] == 0:
        return np.full(len(distance), -1)
    nearest = np.argmin(np.where(np.isnan(distance), np.inf, distance), axis=1)
    return np.where(distance[np.arange(len(distance)), nearest] <= SAME_POINT, nearest, -1)
