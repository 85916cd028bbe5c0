"""Typical local minima of circuits of many angles: where most of them lie, for any spectrum.

For N to infinity they are the maxima of the complexity A(E, v) of :mod:`.complexity` over energies and
sigma^2 = v whose left edge is not negative; the edge falls with E and with v, and the largest A is usually found where
it vanishes.  What finite N changes is in :mod:`.pushed`.

All formulas are derived for this project (derived), see `docs/large_dimension.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar

from qgmutils.beyond.large_dimension.complexity import boundary_variance, rate_and_edge, variance_range
from qgmutils.beyond.large_dimension.edges import edge_of, levels_and_ratio
from qgmutils.computing.kernels import compiled

__all__ = ["TypicalMinimum", "climb", "distinct", "typical_minima"]

Array = NDArray[np.float64]

_ENERGIES = 320  # of the scan of the boundary; every second one is taken inside
_FRACTIONS = np.linspace(1 / 12, 1.0, 12)  # of the range of v at each of them
_SCAN_LEVELS = 96  # distinct levels of the scan of the interior; every maximum is refined with all of them


@dataclass(frozen=True)
class TypicalMinimum:
    """A local maximum of the complexity among the states whose Hessian is positive.

    Attributes
    ----------
    energy, variance : float
        E and sigma^2.
    complexity : float
        A, per N; inf if the ground state is reached.
    edge : float
        Left edge of the spectrum of M; 0 on the boundary, negative for :func:`.pushed.pushed_minima`.
    kind : {"interior", "boundary", "pushed", "solved"}
        "solved": p is at least twice the rank of H - h_min, and typical minima are ground states.
    is_global : bool
        Whether its complexity is the largest of all at N to infinity.
    """

    energy: float
    variance: float
    complexity: float
    edge: float
    kind: str
    is_global: bool = False


@compiled
def _scan(h, share, energies, variances, fractions, ratio):  # type: ignore[no-untyped-def]
    """A at each energy and at each fraction of the variances between the least one and that given."""
    result = np.full((energies.size, fractions.size), -np.inf)
    for i in range(energies.size):
        if np.isnan(variances[i]):
            continue
        least, _ = variance_range(h, energies[i])
        for k in range(fractions.size):
            v = least + fractions[k] * (variances[i] - least)
            value, edge, _ = rate_and_edge(h, share, energies[i], v, ratio)
            if edge > -1e-9:
                result[i, k] = value
    return result


def _grouped(h: Array, share: Array) -> tuple[Array, Array]:
    """Neighbouring levels merged, at most about `_SCAN_LEVELS` of them; the outermost ones are kept."""
    if len(h) <= _SCAN_LEVELS:
        return h, share
    group = np.floor((np.cumsum(share) - share / 2) * _SCAN_LEVELS)
    group[0], group[-1] = -1, _SCAN_LEVELS
    starts = np.flatnonzero(np.diff(group, prepend=-2) > 0)
    total = np.add.reduceat(share, starts)
    return np.add.reduceat(share * h, starts) / total, total


def _highest_energy(h: Array, share: Array, ratio: float) -> float:
    """Energy above which the edge is negative for every variance."""
    low, high = h[0], h[-1]
    tiny = 1e-13 * (h[-1] - h[0]) ** 2
    for _ in range(60):
        middle = (low + high) / 2
        if edge_of(h, share, middle, tiny, ratio)[1] > 0:
            low = middle
        else:
            high = middle
    return float(low)


def _peaks(values: Array) -> list[int]:
    """Positions of local maxima, ends included; -inf is none."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    inner = padded[1:-1]
    return [int(i) for i in np.flatnonzero((inner > padded[:-2]) & (inner >= padded[2:]) & (inner > -np.inf))]


def climb(
    value: Callable[[float, float], float], energy: float, variance: float, h: Array
) -> tuple[float, float]:
    """Local maximum of `value` from a starting point, by the simplex method in the logarithms of E - h_min and v."""
    start = np.log([energy - h[0], variance])

    def loss(point: Array) -> float:
        e, v = np.exp(point)
        found = value(float(e) + h[0], float(v))
        return -found if np.isfinite(found) else 1e9

    simplex = start + np.array([[0.0, 0.0], [0.01, 0.01], [-0.01, 0.01]])
    result = minimize(
        loss,
        start,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 1e-8, "fatol": 1e-13, "maxfev": 600},
    )
    return float(np.exp(result.x[0])) + h[0], float(np.exp(result.x[1]))


def distinct(found: list[TypicalMinimum], span: float) -> list[TypicalMinimum]:
    """Sorted by energy, repetitions left out; one that repeats a global one is global."""
    kept: list[TypicalMinimum] = []
    for one in sorted(found, key=lambda item: (item.energy, item.variance)):
        if (
            kept
            and max(abs(one.energy - kept[-1].energy), abs(one.variance - kept[-1].variance)) < 1e-5 * span
        ):
            kept[-1] = replace(kept[-1], is_global=kept[-1].is_global or one.is_global)
        else:
            kept.append(one)
    return kept


def _two_level_minima(h: Array, share: Array, ratio: float) -> list[TypicalMinimum]:
    """With two levels E alone is free: maxima over the energies whose edge is not negative."""

    def at(energy: float) -> tuple[float, float]:
        variance = (energy - h[0]) * (h[1] - energy)
        value, edge, _ = rate_and_edge(h, share, energy, variance, ratio)
        return value, edge

    grid = h[0] + (h[1] - h[0]) * np.linspace(0, 1, 4002)[1:-1] ** 4  # powers of E near the ground state
    edges = np.array([at(e)[1] for e in grid])
    values = np.array([at(e)[0] for e in grid])
    values[edges < 0] = -np.inf
    found = []
    for i in _peaks(values):
        low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
        if (
            i + 1 < len(grid) and edges[i + 1] < 0
        ):  # the last energy with minima: find where the edge vanishes
            for _ in range(100):
                middle = (low + high) / 2
                low, high = (middle, high) if at(middle)[1] >= 0 else (low, middle)
            top = low
        else:
            top = high
        best = minimize_scalar(
            lambda e: -at(e)[0],
            bounds=(grid[max(i - 1, 0)], top),
            method="bounded",
            options={"xatol": 1e-12 * (h[1] - h[0])},
        )
        energy, kind = float(best.x), "interior"
        if at(top)[0] >= at(energy)[0] and edges[min(i + 1, len(grid) - 1)] < 0:
            energy, kind = float(top), "boundary"
        variance = (energy - h[0]) * (h[1] - energy)
        found.append(TypicalMinimum(energy, variance, at(energy)[0], at(energy)[1], kind))
    return found


def _boundary_maxima(h: Array, share: Array, energies: Array, ratio: float) -> list[TypicalMinimum]:
    """Local maxima along the curve of vanishing edge, from which A falls towards smaller v."""

    def along(energy: float) -> tuple[float, float]:
        v = boundary_variance(h, share, energy, ratio)
        return (-np.inf, np.nan) if np.isnan(v) else (rate_and_edge(h, share, energy, v, ratio)[0], v)

    values = np.array([along(e)[0] for e in energies])
    found = []
    for i in _peaks(values):
        best = minimize_scalar(
            lambda e: -along(e)[0],
            bounds=(energies[max(i - 1, 0)], energies[min(i + 1, len(energies) - 1)]),
            method="bounded",
            options={"xatol": 1e-9 * (h[-1] - h[0])},
        )
        energy = float(best.x) if -best.fun >= values[i] else float(energies[i])
        value, v = along(energy)
        edge = edge_of(h, share, energy, v, ratio)[1]
        inside = rate_and_edge(h, share, energy, v * (1 - 1e-4), ratio)[0]
        if value > inside and abs(edge) < 1e-6:
            found.append(TypicalMinimum(energy, v, value, float(edge), "boundary"))
    return found


def _interior_maxima(h: Array, share: Array, energies: Array, ratio: float) -> list[TypicalMinimum]:
    """Local maxima where the edge is positive, from a scan with grouped levels."""
    coarse = _grouped(h, share)
    variances = np.array([boundary_variance(*coarse, e, ratio) for e in energies])
    table = _scan(*coarse, energies, variances, _FRACTIONS, ratio)
    padded = np.pad(table, 1, constant_values=-np.inf)
    centre = padded[1:-1, 1:-1]
    peak = centre > -np.inf
    for di, dk in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1), (-1, 1), (1, -1)):
        peak &= centre >= padded[1 + di : padded.shape[0] - 1 + di, 1 + dk : padded.shape[1] - 1 + dk]
    peak[:, -1] = False  # the boundary

    def value(energy: float, variance: float) -> float:
        found, edge, _ = rate_and_edge(h, share, energy, variance, ratio)
        return found if edge >= 0 else -np.inf

    maxima = []
    for i, k in np.argwhere(peak):
        least, _ = variance_range(h, energies[i])
        v = least + _FRACTIONS[k] * (variances[i] - least)
        if not np.isfinite(value(energies[i], v)):
            continue
        energy, v = climb(value, energies[i], v, h)
        found, edge, _ = rate_and_edge(h, share, energy, v, ratio)
        if edge > 1e-5:  # otherwise it ran into the boundary
            maxima.append(TypicalMinimum(energy, v, found, edge, "interior"))
    return maxima


def typical_minima(levels: ArrayLike, n_params: float) -> tuple[TypicalMinimum, ...]:
    """Where most minima lie for N to infinity: all local maxima of the complexity over energy and sigma^2.

    Parameters
    ----------
    levels : array_like, shape (N,)
        Normalised levels, in any order; degenerate ones are merged.
    n_params : float
        p, positive; only p/N and the law of the levels enter.

    Returns
    -------
    tuple of TypicalMinimum
        Sorted by energy, one of them `is_global`. For p of at least twice the rank of H - h_min it is the ground
        state alone.

    Notes
    -----
    The edge falls with v, so the states with minima are those below a curve v*(E).  The curve is scanned for maxima,
    and so is the region below it; each is refined, and a maximum on the curve counts only if A falls from it to
    smaller v.  Against scans twelve times finer (6 spectra, 7 values of p/N) every global maximum was found; maxima
    next to the highest possible energy, states on a single level of far lower complexity, are missed.
    Source: derived here (derived).
    """
    h, share, ratio = levels_and_ratio(levels, n_params)
    size = np.size(levels)
    if ratio >= 1 - share[0] - 1e-12:
        return (TypicalMinimum(float(h[0]), 0.0, np.inf, 0.0, "solved", True),)
    if len(h) == 2:
        found = _two_level_minima(h, share, ratio)
    else:
        top = _highest_energy(h, share, ratio)
        energies = h[0] + (top - h[0]) * np.linspace(0, 1, _ENERGIES + 2)[1:-1] ** 2
        found = _boundary_maxima(h, share, energies, ratio)
        found += _interior_maxima(h, share, energies[::2], ratio)
    if not found:
        raise RuntimeError(f"no maximum of the complexity was found for n_params = {n_params!r}, N = {size}")
    constant = ratio * np.log(np.pi * size)
    found = [replace(one, complexity=float(one.complexity + constant)) for one in found]
    kept = distinct(found, h[-1] - h[0])
    best = max(range(len(kept)), key=lambda i: kept[i].complexity)
    return tuple(replace(one, is_global=i == best) for i, one in enumerate(kept))
