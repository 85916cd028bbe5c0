"""Typical local minima at finite N, beyond the edge, and the band of typical energies.

For N to infinity minima cease where the left edge of the spectrum of M falls below zero (:mod:`.typical`).  At finite N
all p eigenvalues of M stay above zero at an edge of -delta with probability exp(-N^2 delta^3 / (3 |x''|)), while the
complexity gains O(N delta).  The balance lies at delta of the order of N^(-1/2), which is much more than the N^(-2/3)
of a random matrix's smallest eigenvalue.

All formulas are derived for this project (derived), see `docs/large_dimension.md`, section 6.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.beyond.large_dimension.complexity import held_determinant, rate_and_edge, variance_range
from qgmutils.beyond.large_dimension.edges import check_point, levels_and_ratio
from qgmutils.beyond.large_dimension.typical import TypicalMinimum, climb, distinct, typical_minima
from qgmutils.computing.kernels import compiled

__all__ = ["pushed_log_determinant", "pushed_minima", "pushed_variance"]

Array = NDArray[np.float64]

_FINE_FRACTIONS = np.linspace(0.0, 1.0, 202)[1:-1] ** 2  # of the range of v, for the best one of an energy
_STEP, _STEPS = 4.0**0.25, 40  # of N on the way down, from 4^10 times the N asked for
_LONGEST = (
    2.0  # delta grows by a fifth in such a step to leading order, by two fifths just before a maximum ends
)


@compiled
def _pushed(h, share, energy, variance, ratio, scale):  # type: ignore[no-untyped-def]
    """A without ratio ln(pi N), minus the cost of holding all eigenvalues above zero in dimension `scale`."""
    value, edge, cubic = rate_and_edge(h, share, energy, variance, ratio)
    return value - scale * cubic * max(0.0, -edge) ** 3


@compiled
def _best_fraction(h, share, energy, fractions, ratio, scale):  # type: ignore[no-untyped-def]
    least, most = variance_range(h, energy)
    best, top = fractions[0], -np.inf
    for fraction in fractions:
        value = _pushed(h, share, energy, least + fraction * (most - least), ratio, scale)
        if value > top:
            best, top = fraction, value
    return best


def pushed_variance(levels: ArrayLike, energy: float, n_params: float) -> float:
    """sigma^2 of most minima of one energy at finite N, to about a hundredth: see :func:`pushed_minima`.

    Parameters
    ----------
    levels, n_params
        As in :func:`typical_minima`.
    energy : float
        Between the lowest and the highest level.

    Notes
    -----
    The maximum over sigma^2 of what :func:`pushed_minima` maximises, on a grid.  It is not followed from large N down,
    so it may be of no meaning where the edge is far below zero.  Source: derived here (derived).
    """
    h, share, ratio = levels_and_ratio(levels, n_params)
    if not h[0] < energy < h[-1]:
        raise ValueError(f"energy must lie between the levels {h[0]:g} and {h[-1]:g}, got {energy!r}")
    least, most = variance_range(h, float(energy))
    if len(h) == 2:
        return float(least)
    fraction = _best_fraction(h, share, float(energy), _FINE_FRACTIONS, ratio, float(np.size(levels)))
    return float(least + fraction * (most - least))


def pushed_log_determinant(
    levels: ArrayLike, energy: float, variances: ArrayLike, n_params: float
) -> tuple[Array, Array]:
    """ln E[det M; M > 0] at finite N for states of one energy, and what of it is -ln P(M > 0).

    Parameters
    ----------
    levels, n_params
        As in :func:`typical_minima`.
    energy : float
    variances : array_like, shape (V,)
        sigma^2, positive.

    Returns
    -------
    log_determinant, cost : ndarray, shape (V,)
        cost = N^2 delta^3 / (3 |x''|), zero where the edge is positive; it has been subtracted from the first.

    Raises
    ------
    ValueError
        For input out of range.

    Notes
    -----
    What :func:`pushed_minima` assumes of M, at every sigma^2.  Source: derived here (derived).
    """
    h, share, ratio = levels_and_ratio(levels, n_params)
    size = np.size(levels)
    given = np.asarray(variances, dtype=np.float64)
    found = np.empty((given.size, 2))
    for k, variance in enumerate(given):
        check_point(energy, variance)
        rate, edge, cubic = held_determinant(h, share, float(energy), variance, ratio)
        cost = size**2 * cubic * max(0.0, -edge) ** 3
        found[k] = size * rate - cost, cost
    return found[:, 0], found[:, 1]


def pushed_minima(levels: ArrayLike, n_params: float) -> tuple[TypicalMinimum, ...]:
    """Typical minima at finite N: maxima of A minus the cost of holding all eigenvalues of M above zero.

    Parameters
    ----------
    levels, n_params
        As in :func:`typical_minima`.

    Returns
    -------
    tuple of TypicalMinimum
        One for each of :func:`.typical.typical_minima` that is still there, of kind "pushed", with a negative edge;
        none if all have ceased to exist.  `is_global` is the one that continues the global one of `typical_minima`: for
        |edge| of 0.1 the cubic cost is too low to decide between maxima.

    Notes
    -----
    maximum of A(E, v) - N delta^3 / (3 |x''|), delta = -edge: P(all eigenvalues > 0) is that of the lower tail of
    the largest eigenvalue of a GOE matrix, exp(-s^3 / 24), s^3 = 8 N^2 delta^3 / |x''|.  Leading order only: the
    next terms are smaller by N^(-1/4).  For large delta the cubic cost is too low, and maxima of no meaning appear.
    Hence each maximum is followed from large N down, in steps in which delta grows by two fifths at most; where it
    merges with a saddle the search would land on another one, far away, and the maximum counts as no more.
    Source: derived here (derived); the tail is textbook (field).
    """
    h, share, ratio = levels_and_ratio(levels, n_params)
    size = np.size(levels)
    starts = typical_minima(levels, n_params)
    if starts[0].kind == "solved":
        return starts
    found = []
    for start in starts:
        one = start
        for scale in size * _STEP ** np.arange(_STEPS, -1, -1):
            last, one = one, _follow(one, h, share, ratio, float(scale))
            if -one.edge > _LONGEST * max(0.0, -last.edge) + 1e-3 * (h[-1] - h[0]):
                break
        else:
            constant = ratio * np.log(np.pi * size)
            found.append(replace(one, complexity=float(one.complexity + constant), is_global=start.is_global))
    return tuple(distinct(found, h[-1] - h[0]))


def _follow(start: TypicalMinimum, h: Array, share: Array, ratio: float, scale: float) -> TypicalMinimum:
    """The maximum of A minus the cost in dimension `scale` that the simplex method reaches from another one."""

    def variance(energy: float, v: float) -> float:
        return (energy - h[0]) * (h[1] - energy) if len(h) == 2 else v  # two levels leave no choice

    def value(energy: float, v: float) -> float:
        v = variance(energy, v)
        return float(_pushed(h, share, energy, v, ratio, scale)) if v > 0 else -np.inf

    energy, v = climb(value, start.energy, start.variance, h)
    v = variance(energy, v)
    edge = float(rate_and_edge(h, share, energy, v, ratio)[1])
    kind = "pushed" if edge < 0 else "interior"
    return TypicalMinimum(float(energy), float(v), value(energy, v), edge, kind)
