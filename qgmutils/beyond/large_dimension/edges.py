"""Spectrum of the Hessian at critical points of circuits of many angles: edge and determinant at large dimension.

The half Hessian M of :mod:`qgmutils.beyond.finite_dimension.reflections` has, for N to infinity at fixed c = p / 2N,
a limiting law that depends on the levels, the energy E and sigma^2 = sum pi_a h_a^2 - E^2 alone.  With
tau_a = h_a - E its resolvent -Theta / c at a point x left of the spectrum solves::

    x = -c / Theta + (1/N) sum_a g_a(Theta),   g_a = sigma tan(arctan(tau_a / sigma) - sigma Theta),

that is, dg_a / dTheta = -(sigma^2 + g_a^2) from g_a(0) = tau_a.  The first maximum of x over Theta > 0 is the left
edge, and (1/p) ln det(M - x) follows from the functions f_a = cos(sigma Theta) + (tau_a / sigma) sin(sigma Theta).

Derived for this project (derived), step by step in `docs/large_dimension.md`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.computing.kernels import compiled
from qgmutils.inputs import real_array, require_number, require_positive

__all__ = ["distinct_levels", "left_edge"]

Array = NDArray[np.float64]

_STEPS = 200  # halvings and Newton steps together; Newton alone needs about ten


def distinct_levels(levels: ArrayLike) -> tuple[Array, Array]:
    """Distinct levels, increasing, and their shares of N; levels within 1e-10 of the largest gap count as one.

    Raises
    ------
    ValueError
        For fewer than two levels, levels that are not finite, or all equal.
    """
    h = np.sort(real_array(levels, "levels")) if np.ndim(levels) == 1 else np.empty(0)
    if len(h) < 2 or not np.isfinite(h).all() or not h[-1] > h[0]:
        raise ValueError(f"levels must be at least two finite numbers that are not all equal, got {levels!r}")
    starts = np.flatnonzero(np.diff(h, prepend=-np.inf) > 1e-10 * (h[-1] - h[0]))
    counts = np.diff(starts, append=len(h))
    return np.add.reduceat(h, starts) / counts, counts / len(h)


def levels_and_ratio(levels: ArrayLike, n_params: float) -> tuple[Array, Array, float]:
    """Distinct levels, their shares, and c = p / 2N; a ValueError if that is not positive, or as `distinct_levels`."""
    h, share = distinct_levels(levels)
    return h, share, require_positive(n_params / (2 * np.size(levels)), "ratio = p / (2 N)")


def check_point(energy: float, variance: float) -> None:
    """Raise a ValueError for an energy that is not finite or a variance that is not positive."""
    require_number(energy, "energy")
    require_positive(variance, "variance")


@compiled
def _inverse(theta, h, share, energy, variance, ratio):  # type: ignore[no-untyped-def]
    """x, x' and x'' as functions of Theta."""
    mean = slope = bend = 0.0
    sigma = np.sqrt(variance)
    cosine, sine = np.cos(sigma * theta), np.sin(sigma * theta) / sigma
    for a in range(h.size):
        tau = h[a] - energy
        g = (tau * cosine - variance * sine) / (cosine + tau * sine)
        mean += share[a] * g
        slope -= share[a] * (variance + g * g)
        bend += 2 * share[a] * g * (variance + g * g)
    return mean - ratio / theta, slope + ratio / theta**2, bend - 2 * ratio / theta**3


@compiled
def edge_of(h, share, energy, variance, ratio):  # type: ignore[no-untyped-def]
    """Theta at the left edge, and the edge: the root of c = -Theta^2 mean g', which increases with Theta."""
    sigma = np.sqrt(variance)
    low, high = 0.0, np.arctan2(sigma, energy - h[0]) / sigma  # the pole of the lowest level's g
    theta = min(0.5 * high, np.sqrt(ratio / (variance + np.sum(share * (h - energy) ** 2))))
    for _ in range(_STEPS):
        _, slope, bend = _inverse(theta, h, share, energy, variance, ratio)
        if slope > 0:
            low = theta
        else:
            high = theta
        mean, rise = ratio / theta**2 - slope, -(bend + 2 * ratio / theta**3)  # of -g'
        # Newton's method for 1 / (Theta sqrt(mean)), which is nearly linear in Theta towards the pole.
        root = 1 / (theta * np.sqrt(mean))
        step = theta + (root - 1 / np.sqrt(ratio)) / (root * (1 / theta + rise / (2 * mean)))
        if not low < step < high:
            step = 0.5 * (low + high)
        if abs(step - theta) < 1e-14 * theta or step <= low or step >= high:
            break
        theta = step
    return theta, _inverse(theta, h, share, energy, variance, ratio)[0]


@compiled
def _solve(x, top, h, share, energy, variance, ratio):  # type: ignore[no-untyped-def]
    """Theta below `top`, that of the edge, with x(Theta) = x: Newton steps, or halvings if they leave the bracket."""
    low, high = 0.0, top
    theta = 0.5 * top
    for _ in range(_STEPS):
        value, slope, _ = _inverse(theta, h, share, energy, variance, ratio)
        value -= x
        if value < 0:
            low = theta
        else:
            high = theta
        step = theta - value / slope if slope > 0 else -1.0
        if not low < step < high:
            step = 0.5 * (low + high)
        if abs(step - theta) < 1e-15 * theta or step in (low, high):
            return step
        theta = step
    return theta


@compiled
def _half_log_determinant(theta, x, h, share, energy, variance, ratio):  # type: ignore[no-untyped-def]
    """(1 / 2N) ln det(M - x) as a function of Theta, stationary at the solution."""
    result = -ratio * (np.log(theta / ratio) + 1) - x * theta
    sigma = np.sqrt(variance)
    cosine, sine = np.cos(sigma * theta), np.sin(sigma * theta) / sigma
    for a in range(h.size):
        result += share[a] * np.log(cosine + (h[a] - energy) * sine)
    return result


def left_edge(levels: ArrayLike, energy: float, variance: float, n_params: float) -> float:
    """Left edge of the limiting spectrum of the half Hessian M at a critical point.

    Parameters
    ----------
    levels : array_like, shape (N,)
        Normalised levels h_a in any order.
    energy : float
        E, in units of the levels; it may lie anywhere.
    variance : float
        sigma^2 = <H^2> - E^2, positive.
    n_params : float
        p, positive; only c = p / (2 N) enters.

    Returns
    -------
    float
        Eigenvalues below it are absent for N to infinity. It falls with E and with sigma^2.

    Raises
    ------
    ValueError
        For input out of range.

    Notes
    -----
    Derived here (derived), see `docs/large_dimension.md`; several cuts do not matter, as the resolvent is analytic
    left of the leftmost one and the first maximum of x(Theta) is its edge.
    """
    h, share, ratio = levels_and_ratio(levels, n_params)
    check_point(energy, variance)
    return float(edge_of(h, share, float(energy), float(variance), ratio)[1])
