"""Densities of minima in energy, known by sampling only: where their bulk lies, and sampling it well enough.

Energies are spaced evenly in phi, E = bottom + (top - bottom) sin^2(phi / 2), since densities are powers of E at either
end.  Which random matrices are behind a density does not matter here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from qgmutils.field.densities import LogDensity, collect

__all__ = ["Populations", "find_bulk", "integrate", "sample_bulk"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Populations:
    """How much to sample.

    Attributes
    ----------
    size : int
        Matrices of a population.
    count : int
        Populations at each energy and round, on average.
    max_rounds : int
        Rounds after which sampling ends in any case, at least 1.
    min_effective_samples : float
        Sampling ends when the number of minima has as many: 1/(relative standard error)^2.
    window : int
        Energies whose median stands for the pilot of the one in the middle, odd: the more, the less single pilots
        that are far off matter, and the more populations miss a narrow hump.
    """

    size: int
    count: int
    max_rounds: int
    min_effective_samples: float
    window: int


def _angle(energies: ArrayLike, bottom: float, top: float) -> Array:
    share = (np.asarray(energies, dtype=np.float64) - bottom) / (top - bottom)
    return 2 * np.arcsin(np.sqrt(np.clip(share, 0, 1)))


def _energy(angles: Array, bottom: float, top: float) -> Array:
    return bottom + (top - bottom) * np.sin(angles / 2) ** 2


def find_bulk(
    scan: Callable[[Array], Array],
    bottom: float,
    top: float,
    n_energies: int,
    *,
    depth: float = 8.0,
    looks: int = 4,
    enough: int = 4,
) -> Array:
    """Energies that cover the bulk of a density, evenly spaced in phi.

    Parameters
    ----------
    scan : callable
        Energies (E,) -> logarithm of the density (E,), as well as few samples give it; -inf where they found nothing.
    bottom, top : float
        Ends of the range of energies.
    n_energies : int
    depth : float
        The bulk ends where the density is that many e-folds below the peak.  A normal law has 6e-5 beyond 8, and 2e-3
        beyond 5, which is what is left of them if the scan finds a peak that is 3 too high.
    looks : int
        The window is narrowed until the bulk fills enough of it, but not more often than this.
    enough : int
        So many of the 20 energies of a look: humps that are narrower than the bulk want more.
    """
    low, high = 0.0, np.pi
    for _ in range(looks):
        coarse = np.linspace(low, high, 22)[1:-1]
        log_mass = scan(_energy(coarse, bottom, top)) + np.log(np.sin(coarse))
        if not np.isfinite(log_mass.max()):
            break
        bulk = np.flatnonzero(log_mass > log_mass.max() - depth)
        step = coarse[1] - coarse[0]
        low, high = max(low, coarse[bulk[0]] - step), min(high, coarse[bulk[-1]] + step)
        if (
            len(bulk) >= enough
        ):  # where levels are few, the next look might see one narrow hump at a level only
            break
    return _energy(np.linspace(low, high, n_energies + 2)[1:-1], bottom, top)


def sample_bulk(
    energies: Array,
    pilot: Array,
    sample: Callable[[float, int], Array],
    bottom: float,
    top: float,
    wanted: Populations,
) -> LogDensity:
    """Sample a density in rounds until its integral is known well enough.

    Parameters
    ----------
    energies : array, shape (E,)
        From :func:`find_bulk`.
    pilot : array, shape (E,)
        Logarithm of the density, roughly and up to a constant.  Where there is more of it more is sampled: the error
        of a sum of independent estimates is least if the samples are shared out like the summands.  No energy gets
        less than a quarter of the mean, since estimates scatter most where there are few minima.
    sample : callable
        (energy, number) -> logarithms of so many independent estimates of the density.
    bottom, top : float
    wanted : Populations

    Returns
    -------
    LogDensity
        ``resolved`` is the same at all energies: whether the integral has the effective samples asked for.
    """
    share = np.full(len(energies), wanted.count)
    if np.isfinite(pilot).any():
        log_mass = np.where(np.isfinite(pilot), pilot, -1e9) + np.log(np.sin(_angle(energies, bottom, top)))
        padded = np.pad(log_mass, wanted.window // 2, mode="edge")
        log_mass = np.median(sliding_window_view(padded, wanted.window), axis=1)
        mass = np.convolve(np.exp(log_mass - log_mass.max()), np.ones(3), mode="same")
        share = np.maximum(max(2, wanted.count // 4), np.rint(share.sum() * mass / mass.sum())).astype(int)
    found = [np.empty(0)] * len(energies)
    for _ in range(wanted.max_rounds):
        found = [
            np.append(old, sample(float(e), int(n))) for e, n, old in zip(energies, share, found, strict=True)
        ]
        density = collect(energies, found, 0.0, wanted.size)
        number, stderr, _, _ = integrate(density, bottom, top)
        resolved = bool(number > 0 and (number / stderr) ** 2 >= wanted.min_effective_samples)
        if resolved:
            break
    return replace(density, resolved=np.full(len(energies), resolved))


def integrate(density: LogDensity, bottom: float, top: float) -> tuple[float, float, float, float]:
    """Number, its standard error, mean energy and its standard error, by the trapezoidal rule.

    Parameters
    ----------
    density : LogDensity
        At energies evenly spaced in phi, which have to cover the bulk: the density counts as 0 one step beyond them.
        Errors at different energies are taken as independent.
    bottom, top : float
        Ends of the range of energies.

    Raises
    ------
    ValueError
        For fewer than 3 energies, or other spacings.
    """
    angle = _angle(density.energies, bottom, top)
    if len(angle) < 3 or not np.allclose(np.diff(angle), angle[1] - angle[0], rtol=1e-5):
        raise ValueError(
            "energies must be at least 3, evenly spaced in phi, E = bottom + (top - bottom) sin^2(phi / 2)"
        )
    highest = density.log_density.max()
    if not np.isfinite(highest):
        return 0.0, 0.0, np.nan, np.nan
    step = (angle[1] - angle[0]) * (top - bottom) / 2
    mass = np.sin(angle) * step * np.exp(density.log_density - highest)
    error = mass * np.where(mass > 0, density.stderr, 0.0)
    total = mass.sum()
    mean = float(mass @ density.energies / total)
    mean_stderr = float(np.linalg.norm((density.energies - mean) * error) / total)
    scale = float(np.exp(highest))
    return float(total) * scale, float(np.linalg.norm(error)) * scale, mean, mean_stderr
