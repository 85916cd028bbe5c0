"""Spectrum of the Hessian at critical points of circuits of many angles: edge and determinant at large dimension.

The half Hessian M of :mod:`qgmutils.beyond.finite_dimension.reflections` has, for N to infinity at fixed c = p / 2N,
a limiting law that depends on the levels, the energy E and sigma^2 = sum pi_a h_a^2 - E^2 alone.  With
tau_a = h_a - E its resolvent -Theta / c at a point x left of the spectrum solves::

    x = -c / Theta + (1/N) sum_a g_a(Theta),   g_a = sigma tan(arctan(tau_a / sigma) - sigma Theta),

that is, dg_a / dTheta = -(sigma^2 + g_a^2) from g_a(0) = tau_a.  The first maximum of x over Theta > 0 is the left
edge, and (1/p) ln det(M - x) follows from the functions f_a = cos(sigma Theta) + (tau_a / sigma) sin(sigma Theta).

A second law, that of Re <b_i|(H - E)|b_j> + (sigma / sqrt(2 N)) S_ij with S independent of the tangents b, has
g_a = tau_a / (1 + tau_a Theta) - sigma^2 Theta.  It is the free convolution of a generalised Marchenko-Pastur law
with a semicircle, right for p much smaller than N; the rows of a circuit's Hessian are noisy overlaps with the *same*
tangents, and for p of the order of N that is another law.  Both are derived for this project (derived), step by step
in `docs/large_dimension.md`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.computing.kernels import compiled
from qgmutils.inputs import real_array, require_number, require_positive

__all__ = ["LAWS", "distinct_levels", "edge_scale", "left_edge", "log_determinant"]

Array = NDArray[np.float64]

#: "circuit": the rows of circuits with Haar-rotated generators; "independent": S independent of the tangents.
LAWS = ("circuit", "independent")

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


def check_law(law: str) -> bool:
    """Whether it is the circuit's; a ValueError if there is no such law."""
    if law not in LAWS:
        raise ValueError(f"law must be one of {', '.join(LAWS)}, got {law!r}")
    return law == "circuit"


def check_ratio(ratio: float) -> float:
    """The ratio p / (2 N); a ValueError if it is not positive."""
    return require_positive(ratio, "ratio = p / (2 N)")


def check_point(energy: float, variance: float) -> None:
    """Raise a ValueError for an energy that is not finite or a variance that is not positive."""
    require_number(energy, "energy")
    require_positive(variance, "variance")


@compiled
def _largest_theta(lowest, sigma, circuit):  # type: ignore[no-untyped-def]
    """The pole of the lowest level's g: Theta stays below it."""
    if circuit:
        return np.arctan2(sigma, -lowest) / sigma
    return -1 / lowest if lowest < 0 else np.inf


@compiled
def _inverse(theta, h, share, energy, variance, ratio, circuit):  # type: ignore[no-untyped-def]
    """x, x' and x'' as functions of Theta."""
    mean = slope = bend = 0.0
    if circuit:
        sigma = np.sqrt(variance)
        cosine, sine = np.cos(sigma * theta), np.sin(sigma * theta) / sigma
        for a in range(h.size):
            tau = h[a] - energy
            g = (tau * cosine - variance * sine) / (cosine + tau * sine)
            mean += share[a] * g
            slope -= share[a] * (variance + g * g)
            bend += 2 * share[a] * g * (variance + g * g)
    else:
        for a in range(h.size):
            tau = h[a] - energy
            g = tau / (1 + tau * theta)
            mean += share[a] * g
            slope -= share[a] * g * g
            bend += 2 * share[a] * g * g * g
        mean -= variance * theta
        slope -= variance
    return mean - ratio / theta, slope + ratio / theta**2, bend - 2 * ratio / theta**3


@compiled
def edge_of(h, share, energy, variance, ratio, circuit):  # type: ignore[no-untyped-def]
    """Theta at the left edge, and the edge: the root of c = -Theta^2 mean g', which increases with Theta."""
    low, high = 0.0, _largest_theta(h[0] - energy, np.sqrt(variance), circuit)
    if not high < np.inf:
        high = np.sqrt(ratio / variance)  # sigma^2 Theta^2 alone reaches c there
    theta = min(0.5 * high, np.sqrt(ratio / (variance + np.sum(share * (h - energy) ** 2))))
    for _ in range(_STEPS):
        _, slope, bend = _inverse(theta, h, share, energy, variance, ratio, circuit)
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
    return theta, _inverse(theta, h, share, energy, variance, ratio, circuit)[0]


@compiled
def _solve(x, top, h, share, energy, variance, ratio, circuit):  # type: ignore[no-untyped-def]
    """Theta below `top`, that of the edge, with x(Theta) = x: Newton steps, or halvings if they leave the bracket."""
    low, high = 0.0, top
    theta = 0.5 * top
    for _ in range(_STEPS):
        value, slope, _ = _inverse(theta, h, share, energy, variance, ratio, circuit)
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
def _half_log_determinant(theta, x, h, share, energy, variance, ratio, circuit):  # type: ignore[no-untyped-def]
    """(1 / 2N) ln det(M - x) as a function of Theta, stationary at the solution."""
    result = -ratio * (np.log(theta / ratio) + 1) - x * theta
    if circuit:
        sigma = np.sqrt(variance)
        cosine, sine = np.cos(sigma * theta), np.sin(sigma * theta) / sigma
        for a in range(h.size):
            result += share[a] * np.log(cosine + (h[a] - energy) * sine)
    else:
        for a in range(h.size):
            result += share[a] * np.log(1 + (h[a] - energy) * theta)
        result -= variance * theta**2 / 2
    return result


def left_edge(
    levels: ArrayLike, energy: float, variance: float, n_params: float, *, law: str = "circuit"
) -> float:
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
    law : {"circuit", "independent"}
        See :data:`LAWS`.

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
    circuit = check_law(law)
    h, share = distinct_levels(levels)
    check_point(energy, variance)
    ratio = check_ratio(n_params / (2 * np.size(levels)))
    return float(edge_of(h, share, float(energy), float(variance), ratio, circuit)[1])


def log_determinant(
    levels: ArrayLike,
    energy: float,
    variance: float,
    n_params: float,
    *,
    at: float = 0.0,
    law: str = "circuit",
) -> float:
    """Limit of (1/p) ln det(M - at), nan if `at` lies right of the left edge.

    Parameters and errors as in :func:`left_edge`. Source: derived here (derived).
    """
    circuit = check_law(law)
    h, share = distinct_levels(levels)
    check_point(energy, variance)
    ratio = check_ratio(n_params / (2 * np.size(levels)))
    point = (h, share, float(energy), float(variance), ratio, circuit)
    top, edge = edge_of(*point)
    if at > edge:
        return float("nan")
    theta = _solve(float(at), top, *point)
    return float(_half_log_determinant(theta, float(at), *point) / ratio)


def edge_scale(
    levels: ArrayLike, energy: float, variance: float, n_params: float, *, law: str = "circuit"
) -> float:
    """Unit l of the smallest eigenvalue's fluctuations: it lies near the left edge + 1.21 l, with deviation 1.27 l.

    Near its edge e the density of the p eigenvalues is (1/pi) sqrt(x - e) l^(-3/2), so that (lambda - e) / l follows
    the Tracy-Widom law of real symmetric matrices, mirrored (mean 1.2065, field).  With x(Theta) as in the module's
    text, l = (|x''| / (8 N^2))^(1/3) (derived).  Parameters as in :func:`left_edge`.
    """
    circuit = check_law(law)
    h, share = distinct_levels(levels)
    check_point(energy, variance)
    ratio = check_ratio(n_params / (2 * np.size(levels)))
    point = (h, share, float(energy), float(variance), ratio, circuit)
    theta, _ = edge_of(*point)
    return float((abs(_inverse(theta, *point)[2]) / (8 * np.size(levels) ** 2)) ** (1 / 3))
