"""Number of local minima of circuits of many angles at an energy: its rate at large dimension, for any spectrum.

The number of minima at energy E and with sigma^2 = v grows like exp(N A(E, v)) with the complexity::

    A = S(E, v) + c ln(pi N) - c ln v + (1/N) ln det M,    c = p / (2 N),

S being the largest entropy (1/N) sum ln(N pi_a) of a profile with this energy and variance, and the determinant that
of :mod:`.edges`.  Minima are there only where the left edge of the spectrum of M is not negative.

Derived for this project (derived), see `docs/large_dimension.md`.
"""

from __future__ import annotations

import numpy as np

from qgmutils.beyond.large_dimension.edges import _half_log_determinant, _inverse, _solve, edge_of
from qgmutils.computing.kernels import compiled

__all__ = ["boundary_variance", "entropy_of", "held_determinant", "rate_and_edge", "variance_range"]


@compiled
def variance_range(h, energy):  # type: ignore[no-untyped-def]
    """Least and largest sigma^2 of a profile with this energy: on the two levels around it, and on the outermost."""
    k = np.searchsorted(h, energy, side="right")
    if k == 0 or k == h.size:
        return 0.0, 0.0
    return (energy - h[k - 1]) * (h[k] - energy), (energy - h[0]) * (h[-1] - energy)


@compiled
def entropy_of(h, share, energy, variance):  # type: ignore[no-untyped-def]
    """Largest (1/N) sum ln(N pi_a) at this energy and variance: its derivatives by them are beta and eta.

    It is the minimum over (beta, eta) of -sum share ln w, w = 1 + beta x + eta (x^2 - variance), by Newton steps.
    """
    n = h.size
    least, most = variance_range(h, energy)
    if n == 2:  # the energy fixes the variance
        if not h[0] < energy < h[1]:
            return -np.inf, np.nan, np.nan
        upper = (energy - h[0]) / (h[1] - h[0])
        value = share[0] * np.log((1 - upper) / share[0]) + share[1] * np.log(upper / share[1])
        return value, (share[1] / upper - share[0] / (1 - upper)) / (h[1] - h[0]), 0.0
    if not least < variance < most:
        return -np.inf, np.nan, np.nan
    x = h - energy
    y = x * x - variance
    unit_x, unit_y = np.abs(x).max(), np.abs(y).max()
    x, y = x / unit_x, y / unit_y
    beta = eta = value = 0.0
    for _ in range(300):
        slope_x = slope_y = xx = xy = yy = 0.0
        for a in range(n):
            w = 1 + beta * x[a] + eta * y[a]
            weight = share[a] / w
            slope_x += weight * x[a]
            slope_y += weight * y[a]
            weight /= w
            xx += weight * x[a] * x[a]
            xy += weight * x[a] * y[a]
            yy += weight * y[a] * y[a]
        det = xx * yy - xy * xy
        if (
            not det > 1e-26 * xx * yy
        ):  # so near the limits of the variance that nothing is left of the entropy
            return -np.inf, np.nan, np.nan
        step_x, step_y = (yy * slope_x - xy * slope_y) / det, (xx * slope_y - xy * slope_x) / det
        decrement = slope_x * step_x + slope_y * step_y
        if decrement < 1e-14:  # the last step leaves an error of the order of its square
            beta += step_x
            eta += step_y
            break
        longest = np.inf  # step at which a rate vanishes
        for a in range(n):
            fall = -(step_x * x[a] + step_y * y[a]) / (1 + beta * x[a] + eta * y[a])
            if fall > 0:
                longest = min(longest, 1 / fall)
        size = min(1.0, 0.95 * longest)
        trial = np.inf
        while size > 1e-12:
            trial = 0.0
            for a in range(n):
                w = 1 + (beta + size * step_x) * x[a] + (eta + size * step_y) * y[a]
                if w <= 0:
                    trial = np.inf
                    break
                trial -= share[a] * np.log(w)
            if trial <= value - 0.1 * size * decrement:
                break
            size /= 2
        if size <= 1e-12:  # rounding hides any further decrease
            break
        beta += size * step_x
        eta += size * step_y
        value = trial
    return value, beta / unit_x, eta / unit_y


@compiled
def held_determinant(h, share, energy, variance, ratio):  # type: ignore[no-untyped-def]
    """(1/N) ln det M, the edge, and 1 / (3 |x''|) there.

    Beyond the boundary Theta stays at its value of the edge, which continues the determinant to first order in the
    edge: d/dx (1/2N) ln det(M - x) = -Theta.
    """
    theta, edge = edge_of(h, share, energy, variance, ratio)
    _, _, bend = _inverse(theta, h, share, energy, variance, ratio)
    if edge > 0:
        theta = _solve(0.0, theta, h, share, energy, variance, ratio)
    half = _half_log_determinant(theta, 0.0, h, share, energy, variance, ratio)
    return 2 * half, edge, 1 / (3 * abs(bend))


@compiled
def rate_and_edge(h, share, energy, variance, ratio):  # type: ignore[no-untyped-def]
    """A without ratio ln(pi N), the edge, and 1 / (3 |x''|) there."""
    entropy, _, _ = entropy_of(h, share, energy, variance)
    if entropy == -np.inf:
        return -np.inf, -np.inf, 0.0
    rate, edge, cubic = held_determinant(h, share, energy, variance, ratio)
    return entropy - ratio * np.log(variance) + rate, edge, cubic


@compiled
def boundary_variance(h, share, energy, ratio):  # type: ignore[no-untyped-def]
    """v at which the edge vanishes; the largest v possible if it does not, nan if it is negative for all v."""
    least, most = variance_range(h, energy)
    low, high = max(least, 1e-14 * most), most
    if not high > low:
        return np.nan
    at_low = edge_of(h, share, energy, low, ratio)[1]
    at_high = edge_of(h, share, energy, high, ratio)[1]
    if at_low <= 0:
        return np.nan
    if at_high >= 0:
        return high
    side = 0
    for _ in range(200):  # Illinois variant of the false position method
        v = (low * at_high - high * at_low) / (at_high - at_low)
        if not low < v < high:
            v = 0.5 * (low + high)
        at = edge_of(h, share, energy, v, ratio)[1]
        if at > 0:
            low, at_low = v, at
            if side == 1:
                at_high /= 2
            side = 1
        else:
            high, at_high = v, at
            if side == -1:
                at_low /= 2
            side = -1
        if high - low < 1e-13 * high or at == 0.0:
            break
    return low
