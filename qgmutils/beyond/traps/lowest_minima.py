"""How low a circuit's global minimum can be: bounds from the expected number of minima and from volumes alone.

First moment: P(E* < e) <= expected number of minima below e.  Minima come in copies
(`beyond.traps.copies`), at least 2^c of them, c = max(p - 2n, 0), so the number may be divided by 2^c.  With the
density of `qgmutils.beyond.finite_dimension.counts`, which is exact for Haar-rotated generators, the bound is
Markov's inequality; for Pauli words, which have copies and commute half of the time, it is an approximation.

Volume: around an optimum of energy e there is a box in which the loss stays low, and the expected volume of low
loss is that of Haar-random states.  This holds for every set of Pauli words on a Haar-random state, and uses no
Kac-Rice formula.

All derived (docs/traps_and_basins.md, sections 3 and 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from qgmutils.beyond.finite_dimension.counts import finite_log_density

__all__ = [
    "LowestMinima",
    "Prediction",
    "log_haar_bound",
    "log_volume_bound",
    "mean_copies",
    "predict",
    "volume_energy",
]

Array = NDArray[np.float64]

#: ln(expected number) between which the fine grid lies: below it the density is continued as a power of E, and above it
#: nothing is asked for.
_WINDOW = (-8.0, 3.0)
_SCAN_SAMPLES = 48


@dataclass(frozen=True)
class LowestMinima:
    """Task: density of minima in energy, on a grid around the energy below which one minimum (or copy set) is
    expected.

    Attributes
    ----------
    levels : tuple of float
        Normalised levels.
    n_params, n_samples, seed : int
        p, matrices per energy, and the root of the random stream.
    log2_copies : int
        c of :func:`predict`, to lay the grid.
    n_energies : int
        Of the fine grid.
    """

    levels: tuple[float, ...]
    n_params: int
    n_samples: int
    seed: int
    log2_copies: int = 0
    n_energies: int = 20

    def run(self) -> pd.DataFrame:
        """One row per energy: energy, log_density (of minima over [0, pi)^p), stderr (relative)."""
        h = np.sort(np.array(self.levels))
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(len(h), self.n_params)))
        log_copies = self.log2_copies * np.log(2)

        def sample(energies: Array, size: int) -> tuple[Array, Array]:
            found = finite_log_density(energies, h, self.n_params, index=0, n_samples=size, rng=rng)
            return found.log_density, found.stderr

        # The final grid is even in ln E, as the density is a power of E at the bottom; the first look has to find
        # both the 1e-10 of the last counts before p_c and the narrow band of large N.
        energies = np.concatenate(
            [np.geomspace(1e-14, 0.02, 12), np.linspace(0.05, min(1.3, 0.98 * h[-1]), 26)]
        )
        for _ in range(2):
            number = _log_cumulative(energies, sample(energies, _SCAN_SAMPLES)[0]) - log_copies
            above = np.flatnonzero(number > _WINDOW[1])
            last = min(int(above[0]) + 1 if len(above) else len(energies), len(energies) - 1)
            first = int(np.searchsorted(number[: last + 1], _WINDOW[0]))
            energies = np.geomspace(energies[max(first - 1, 0)], energies[last], 14)
        energies = np.geomspace(energies[0], energies[-1], self.n_energies)
        log_density, stderr = sample(energies, self.n_samples)
        return pd.DataFrame({"energy": energies, "log_density": log_density, "stderr": stderr})


def _log_cumulative(energies: Array, log_density: Array) -> Array:
    """ln of the number up to each energy, trapezoidal in ln E; below the first one the density is a power of E."""
    log_mass = log_density + np.log(energies)  # per unit of ln E
    step = np.diff(np.log(energies))
    pieces = np.logaddexp(log_mass[1:], log_mass[:-1]) - np.log(2 / step)
    first = log_mass[0]
    if np.isfinite(log_mass[:2]).all():
        first -= np.log(max((log_mass[1] - log_mass[0]) / step[0], 1e-3))
    return np.logaddexp.accumulate(np.concatenate([[first], pieces]))


@dataclass(frozen=True)
class Prediction:
    """What the expected number of minima says about a circuit's global minimum E*.

    Attributes
    ----------
    one : float
        Energy below which one minimum (copies counted once) is expected: the annealed estimate of E*.
    least : float
        Energy below which 0.05 are expected: with probability 0.95 or more E* is higher.
    mean_least : float
        Lower bound on the mean of E*.
    error : float
        Standard error of `one`.
    energies, number : ndarray
        The expected number below each energy.
    """

    one: float
    least: float
    mean_least: float
    error: float
    energies: Array
    number: Array


def predict(density: pd.DataFrame, log2_copies: float = 0.0) -> Prediction:
    """Read the table of `LowestMinima`.

    Parameters
    ----------
    density : DataFrame
    log2_copies : float
        c: the number of minima is divided by 2^c, so that the copies of a minimum count once.  With c = -log2 of
        the mean of 2^-K over circuits with K relations (`mean_copies`) the bounds hold for a mean number that does
        not depend on K; c = max(p - 2n, 0) is a lower bound on K for Pauli words.

    Notes
    -----
    With M(e) the expected number below e, P(E* < e) <= min(1, M(e)) and so the mean of E*
    is at least the integral of 1 - M from 0 to `one` (derived).

    Raises
    ------
    ValueError
        If the number does not reach one on the grid: every circuit has a minimum, so the grid is too coarse.
    """
    e = density["energy"].to_numpy()
    log_density = density["log_density"].to_numpy() - log2_copies * np.log(2)
    log_number = _log_cumulative(e, log_density)
    if not log_number[-1] >= 0:
        raise ValueError(
            f"the expected number of minima reaches only {np.exp(log_number[-1]):.2g} at E = {e[-1]:g}; "
            "raise n_samples or n_energies"
        )
    one, least = (float(np.exp(np.interp(np.log(x), log_number, np.log(e)))) for x in (1.0, 0.05))
    below = e < one
    grid = np.concatenate([[0.0], e[below], [one]])
    left = 1 - np.concatenate([[0.0], np.exp(log_number[below]), [1.0]])
    # Errors of different energies are independent; those of the number at `one` move it along the slope.
    weight = np.exp(log_density) * e * np.gradient(np.log(e))
    error = np.where(weight > 0, density["stderr"].to_numpy(), 0.0)
    spread = np.linalg.norm((weight * error)[below])
    slope = np.interp(np.log(one), np.log(e), np.exp(log_density))
    return Prediction(
        one, least, float(np.trapezoid(left, grid)), float(spread / slope), e, np.exp(log_number)
    )


def mean_copies(relations: ArrayLike) -> float:
    """c = -log2 of the mean of 2^-K over circuits with K independent relations of their words.

    P(E* < e) is at most the mean of (number of minima below e) / 2^K, as minima come in sets of 2^K (derived).
    """
    return float(-np.log2(np.mean(0.5 ** np.asarray(relations, dtype=np.float64))))


def log_haar_bound(energy: float, levels: ArrayLike) -> float:
    """Upper bound on ln P(E < energy) over Haar-random states.

    With independent exponentials X_a, E < e means sum (h_a - e) X_a < 0, whose probability is at most
    prod 1 / (1 + b (h_a - e)) for every b with 0 <= b < 1 / (e - h_min) (Chernoff; derived).

    Parameters
    ----------
    energy : float
        Above the lowest level.
    levels : array_like, shape (N,)

    Raises
    ------
    ValueError
        If the energy is not above the lowest level.
    """
    x = np.asarray(levels, dtype=np.float64) - energy
    if not x.min() < 0:
        raise ValueError(f"energy must be above the lowest level, got {energy!r}")
    if x.mean() <= 0:
        return 0.0
    edge = -1 / x.min()

    def slope(share: float) -> float:
        return float(np.sum(x / (1 + share * edge * x)))

    share = brentq(slope, 0.0, 1 - 1e-12)
    return -float(np.sum(np.log1p(share * edge * x)))


def log_volume_bound(energy: float, levels: ArrayLike, n_params: int, log2_copies: int = 0) -> float:
    """Upper bound on ln P(E* < energy), from volumes: the expressivity of p angles alone.

    Parameters
    ----------
    energy : float
        Non-negative, below the mean 1.
    levels : array_like, shape (N,)
        Normalised.
    n_params : int
        p.
    log2_copies : int
        c = max(p - 2n, 0) for Pauli words; 0 for other generators.

    Returns
    -------
    float
        The least over boxes of half-width w <= pi/4 and energies e' of
        ln [(pi / 2w)^p 2^-c P_Haar(E < e') / (1 - E_w / e')], E_w = (1-s)^p e + (1 - (1-s)^p) h_max,
        s = (1 - sin(2w) / 2w) / 2; at most 0.
    """
    h = np.asarray(levels, dtype=np.float64)
    if not 0 <= energy < 1:
        raise ValueError(f"energy must lie in [0, 1), got {energy!r}")
    best = 0.0
    for target in energy + (1 - energy) * np.geomspace(1e-9, 1, 40)[:-1]:
        w = np.geomspace(1e-9, np.pi / 4, 200)
        stay = (1 - (1 - np.sinc(2 * w / np.pi)) / 2) ** n_params
        inside = (stay * energy + (1 - stay) * h.max()) / target
        with np.errstate(divide="ignore", invalid="ignore"):
            cost = n_params * np.log(np.pi / (2 * w)) - np.where(inside < 1, np.log1p(-inside), -np.inf)
        least = np.min(cost[inside < 1], initial=np.inf)
        best = min(best, least + log_haar_bound(target, h) - log2_copies * np.log(2))
    return best


def volume_energy(
    levels: ArrayLike, n_params: int, log2_copies: int = 0, *, probability: float = 0.05
) -> float:
    """Energy above which E* lies with probability 1 - `probability` or more, by `log_volume_bound`.

    0 where the bound says nothing at all, as for p >= 2 (N - g).
    """
    goal, low, high = np.log(probability), -60.0, np.log(0.99)
    if log_volume_bound(np.exp(low), levels, n_params, log2_copies) > goal:
        return 0.0
    for _ in range(24):
        middle = (low + high) / 2
        if log_volume_bound(np.exp(middle), levels, n_params, log2_copies) <= goal:
            low = middle
        else:
            high = middle
    return float(np.exp(low))
