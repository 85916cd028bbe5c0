"""Expected numbers of critical points of circuits of finite dimension N, by the Kac-Rice formula without a large N.

The state of a circuit with Haar-rotated generators is a Haar-random vector psi of C^N, and each angle moves it by a
random reflection Q_i = U_i Z U_i^dagger of its own.  With E = <H>, sigma^2 = <H^2> - E^2 and 2 M the Hessian given that
the gradient vanishes, the density in energy of the critical points of index k over [0, pi)^p is::

    rho_k(E) = mean over Haar psi of  delta(E - <H>) (pi kappa_N / sigma)^p  |det M|,  k negative eigenvalues

Profiles |psi_a|^2 come from :mod:`qgmutils.profiles`, M from :mod:`qgmutils.reflections`, and minima, which are rare,
from :mod:`qgmutils.positive_reflections`.  All of it is derived for this project (derived); the steps stand in
`docs/finite_dimension.md`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from .kac_rice import Counts, LogDensity, UnresolvedError, normalised
from .positive_definite import N_POPULATIONS
from .positive_reflections import POPULATION_SIZE, population
from .profiles import at_least, entropic_variance, even_levels, inside, profile_rates, sample_profiles
from .reflections import gradient_log_density, sample_critical_hessians

__all__ = [
    "MIN_EFFECTIVE_SAMPLES",
    "FiniteMinimaDensity",
    "finite_counts",
    "finite_log_density",
    "haar_log_density",
    "integrate",
    "minima_density",
]

Array = NDArray[np.float64]

#: Effective samples below which an estimate is refused: its relative standard error would exceed 1/14.
MIN_EFFECTIVE_SAMPLES = 200.0

_MEMORY = 2**28  # bytes of a population


def haar_log_density(
    levels: ArrayLike, energies: ArrayLike, *, n_samples: int, rng: np.random.Generator
) -> LogDensity:
    """ln of the density of <H> over Haar-random states, from the weights of :func:`sample_profiles`.

    A check of the sampling against :func:`qgmutils.haar.energy_cdf`; arguments as there and in
    :func:`finite_log_density`, whose result this returns.
    """
    h = even_levels(levels)
    n_samples = at_least("n_samples", n_samples, 2)
    points = np.atleast_1d(np.asarray(energies, dtype=np.float64))
    return _collect(points, [sample_profiles(h, e, n_samples, rng)[1] for e in points])


def _collect(energies: Array, log_weights: list[Array], least: float = MIN_EFFECTIVE_SAMPLES) -> LogDensity:
    """The density at each energy from one list of independent log weights per energy."""
    log_density, stderr, effective = [], [], []
    for log_w in log_weights:
        size = len(log_w)
        total = logsumexp(log_w)
        log_density.append(total - np.log(size))
        effective.append(float(np.exp(2 * total - logsumexp(2 * log_w))) if np.isfinite(total) else 0.0)
        with np.errstate(divide="ignore"):
            # Relative variance of a mean of n weights: (1/effective - 1/n) n/(n-1).
            spread = (1 / np.float64(effective[-1]) - 1 / size) * size / (size - 1)
        stderr.append(np.sqrt(max(spread, 0.0)))
    count = np.array(effective)
    return LogDensity(energies, np.array(log_density), np.array(stderr), count, count >= least)


def _weighted_profiles(
    h: Array, energy: float, p: int, size: int, variance: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Profiles, their sigma^2, and their log weights with the density of a vanishing gradient and the torus."""
    rates = profile_rates(h, energy, variance)
    profiles, log_weights = sample_profiles(h, energy, size, rng, rates=rates)
    spread = profiles @ (h - energy) ** 2
    log_weights += p * (np.log(np.pi) + gradient_log_density(len(h)) - np.log(spread) / 2)
    return profiles, spread, log_weights


def _plain(
    h: Array, energy: float, p: int, index: int, size: int, variance: float, rng: np.random.Generator
) -> tuple[Array, float]:
    """Log weights |det M| of matrices with the index, and the mean sigma^2 that they see."""
    profiles, spread, log_weights = _weighted_profiles(h, energy, p, size, variance, rng)
    block = max(1, 4_000_000 // p**2)
    for first in range(0, size, block):
        part = slice(first, first + block)
        values = np.linalg.eigvalsh(sample_critical_hessians(h, profiles[part], p, rng))
        with np.errstate(divide="ignore"):
            log_weights[part] += np.log(np.abs(values)).sum(axis=1)
        if index >= 0:
            log_weights[part][(values < 0).sum(axis=1) != index] = -np.inf
    top = log_weights.max()
    if not np.isfinite(top):
        return log_weights, np.nan
    return log_weights, float(np.average(spread, weights=np.exp(log_weights - top)))


def _sequential(
    h: Array, energy: float, p: int, size: int, variance: float, rng: np.random.Generator
) -> tuple[float, float]:
    """ln of one population's estimate for minima, and the mean sigma^2 that its survivors have."""
    profiles, spread, log_weights = _weighted_profiles(h, energy, p, size, variance, rng)
    value, ended = population(h, energy, np.sqrt(profiles), log_weights, p, rng)
    return value, float(ended @ spread) if np.isfinite(value) else np.nan


def finite_log_density(
    energies: ArrayLike,
    levels: ArrayLike,
    n_params: int,
    *,
    index: int | None = None,
    n_samples: int,
    rng: np.random.Generator,
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES,
) -> LogDensity:
    """Kac-Rice density in energy of the critical points of circuits with Haar-rotated generators, at finite N.

    Parameters
    ----------
    energies : array_like, shape (E,)
        Normalised energies between the lowest and the highest level.
    levels : array_like, shape (N,)
        Normalised levels h_a (minimum 0, mean 1); N even, at least 4.
    n_params : int
        p, one gate per angle.
    index : int or None
        Number of negative Hessian eigenvalues (0 for minima), or None for all critical points.
    n_samples : int
        Matrices per energy; for minima at least 2 `N_POPULATIONS`, shared out among populations of about
        `POPULATION_SIZE`.  About as many again tune the sampling when there are few.
    rng : numpy.random.Generator
    min_effective_samples : float
        Effective samples below which an energy is marked as unresolved.

    Returns
    -------
    LogDensity
        ``exp(log_density)`` integrates to the expected number of critical points in [0, pi)^p.  Errors at different
        energies are independent.

    Raises
    ------
    ValueError
        For levels, energies or counts out of range.
    """
    h, p = even_levels(levels), at_least("n_params", n_params, 1)
    points = np.atleast_1d(np.asarray(energies, dtype=np.float64))
    for energy in points:
        inside(energy, h)
    if index is not None and (int(index) != index or not 0 <= index <= p):
        raise ValueError(f"index must be None (all) or an integer from 0 to n_params = {p}, got {index!r}")
    n_samples = at_least("n_samples", n_samples, 2 * N_POPULATIONS if index == 0 else 2)
    if index != 0:
        wanted, logs = -1 if index is None else int(index), []
        for energy in points:
            variance = entropic_variance(h, energy)
            for _ in range(2):
                seen = _plain(h, energy, p, wanted, min(n_samples, 200), variance, rng)[1]
                variance = seen if np.isfinite(seen) else variance
            logs.append(_plain(h, energy, p, wanted, n_samples, variance, rng)[0])
        return _collect(points, logs, min_effective_samples)
    populations, size = _split(n_samples, p, len(h))
    _, variances = _walk(h, p, points, size, 2, rng)
    return _combine(
        points, _populations(h, p, points, variances, size, populations, rng), size, min_effective_samples
    )


def _split(n_samples: int, p: int, dim: int) -> tuple[int, int]:
    """Number and size of the populations that share `n_samples` matrices."""
    most = max(16, _MEMORY // (8 * p * (dim + p)))
    populations = max(N_POPULATIONS, n_samples // min(POPULATION_SIZE, most))
    return populations, max(2, n_samples // populations)


def _walk(
    h: Array, p: int, energies: Array, size: int, rounds: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Let the proposal's sigma^2 follow that of the weighted samples (the cross-entropy method), energy by energy.

    From low energies, where most matrices survive, to high ones; each starts from the last one's ratio to the sigma^2
    of the profile of largest entropy.  Without any survivor sigma^2 is lowered: less of it leaves more matrices
    positive definite.  Returns the logarithm that the last population gave at each energy, and the sigma^2 found.
    """
    logs, variances = np.full(len(energies), -np.inf), np.empty(len(energies))
    ratio, known = 1.0, False
    for e in np.argsort(energies):
        energy = float(energies[e])
        neutral = entropic_variance(h, energy)
        variance, seen = ratio * neutral, np.nan
        for _ in range(rounds if known else 4):
            logs[e], seen = _sequential(h, energy, p, size, variance, rng)
            variance = seen if np.isfinite(seen) else 0.6 * variance
        if np.isfinite(seen):
            ratio, known = variance / neutral, True
        variances[e] = variance
    return logs, variances


def _populations(
    h: Array, p: int, energies: Array, variances: Array, size: int, count: int, rng: np.random.Generator
) -> Array:
    """Logarithms of the estimates of `count` populations at each energy, (E, count)."""
    pairs = zip(energies, variances, strict=True)
    return np.array([[_sequential(h, e, p, size, v, rng)[0] for _ in range(count)] for e, v in pairs])


def _combine(energies: Array, logs: Array, size: int, least: float) -> LogDensity:
    """The density at each energy from the estimates of populations of `size` matrices, (E, populations)."""
    top = logs.max(axis=1, keepdims=True)
    found = np.isfinite(top[:, 0])
    values = np.exp(logs - np.where(np.isfinite(top), top, 0.0))
    log_density, stderr = np.full(len(energies), -np.inf), np.full(len(energies), np.inf)
    mean = values[found].mean(axis=1)
    log_density[found] = top[found, 0] + np.log(mean)
    stderr[found] = values[found].std(axis=1, ddof=1) / mean / np.sqrt(logs.shape[1])
    effective = np.minimum(1 / np.maximum(stderr, 1e-12) ** 2, logs.shape[1] * size)
    return LogDensity(energies, log_density, stderr, effective, effective >= least)


def _angle(energies: ArrayLike, bottom: float, top: float) -> Array:
    """phi in [0, pi] with E = bottom + (top - bottom) sin^2(phi / 2): near either end densities are powers of E."""
    share = (np.asarray(energies, dtype=np.float64) - bottom) / (top - bottom)
    return 2 * np.arcsin(np.sqrt(np.clip(share, 0, 1)))


def _energy(angles: Array, h: Array) -> Array:
    return h[0] + (h[-1] - h[0]) * np.sin(angles / 2) ** 2


def _bulk(h: Array, scan: Callable[[Array], Array], n_energies: int, depth: float, looks: int) -> Array:
    """Energies that cover the bulk, `depth` e-folds below the peak on either side, evenly spaced in `_angle`.

    `scan` gives the logarithm of the density.  Windows are narrowed until the bulk fills a fifth of one, but not more
    than `looks` times.
    """
    low, high = 0.0, np.pi
    for _ in range(looks):
        coarse = np.linspace(low, high, 22)[1:-1]
        log_mass = scan(_energy(coarse, h)) + np.log(np.sin(coarse))
        bulk = np.flatnonzero(log_mass > log_mass.max() - depth)
        step = coarse[1] - coarse[0]
        low, high = max(low, coarse[bulk[0]] - step), min(high, coarse[bulk[-1]] + step)
        if len(bulk) > 3:  # where levels are few, the next look might see one narrow hump at a level only
            break
    return _energy(np.linspace(low, high, n_energies + 2)[1:-1], h)


def minima_density(
    levels: ArrayLike,
    n_params: int,
    *,
    n_samples: int,
    rng: np.random.Generator,
    n_energies: int = 16,
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES,
    max_rounds: int = 8,
) -> LogDensity:
    """The density of minima over its whole bulk, which a scan finds, sampled until their number is known well enough.

    Parameters
    ----------
    levels, n_params, rng
        As in :func:`finite_log_density`.
    n_samples : int
        Matrices at each energy and round, at least 2 `N_POPULATIONS`.
    n_energies : int
        At least 8; evenly spaced in phi, E = bottom + (top - bottom) sin^2(phi / 2), as :func:`integrate` needs them.
    min_effective_samples : float
        Least 1/(relative standard error)^2 of the number of minima.
    max_rounds : int
        Rounds after which sampling ends in any case, at least 1.

    Returns
    -------
    LogDensity
        ``resolved`` is the same at all energies: whether the number has the effective samples asked for.

    Raises
    ------
    UnresolvedError
        If no minimum was found at all.
    ValueError
        As :func:`finite_log_density`.
    """
    h, p = even_levels(levels), at_least("n_params", n_params, 1)
    n_energies, max_rounds = at_least("n_energies", n_energies, 8), at_least("max_rounds", max_rounds, 1)
    populations, size = _split(at_least("n_samples", n_samples, 2 * N_POPULATIONS), p, len(h))
    # Minima have one hump, which gets narrow; what a normal law has beyond 6.5 e-folds is 3e-4 of it.
    energies = _bulk(h, lambda e: _walk(h, p, e, size, 1, rng)[0], n_energies, 6.5, 4)
    _, variances = _walk(h, p, energies, size, 2, rng)
    logs = np.empty((n_energies, 0))
    for _ in range(max_rounds):
        more = _populations(h, p, energies, variances, size, populations, rng)
        logs = np.concatenate([logs, more], axis=1)
        density = _combine(energies, logs, size, 0.0)
        count, stderr, _, _ = integrate(density, h[0], h[-1])
        resolved = bool(count > 0 and (count / stderr) ** 2 >= min_effective_samples)
        if resolved:
            break
    return dataclasses.replace(density, resolved=np.full(n_energies, resolved))


def finite_counts(
    levels: ArrayLike,
    n_params: int,
    *,
    index: int | None = 0,
    n_samples: int,
    rng: np.random.Generator,
    n_energies: int = 16,
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES,
) -> Counts:
    """Expected number and mean energy of the critical points of one index, or of all, over [0, pi)^p.

    Parameters
    ----------
    levels, n_params, index, rng
        As in :func:`finite_log_density`; arrays of the result have shape (1,), with index -1 for all.
    n_samples : int
        Matrices at each of the energies; for minima in each round of :func:`minima_density`.
    n_energies : int
        Nodes of the trapezoidal rule, at least 8, over the bulk that a scan with few matrices finds.
    min_effective_samples : float
        Least 1/(relative standard error)^2 of the number.

    Raises
    ------
    UnresolvedError
        If the sample holds fewer effective samples than that.
    ValueError
        As :func:`finite_log_density`.
    """
    h, p = even_levels(levels), at_least("n_params", n_params, 1)
    n_energies = at_least("n_energies", n_energies, 8)
    least = min_effective_samples
    if index == 0:
        density = minima_density(
            h, p, n_samples=n_samples, rng=rng, n_energies=n_energies, min_effective_samples=least
        )
    else:
        few = min(at_least("n_samples", n_samples, 2), max(100, n_samples // 4))

        def scan(energies: Array) -> Array:
            return finite_log_density(energies, h, p, index=index, n_samples=few, rng=rng).log_density

        # Saddles may have humps at several levels, some of them narrow.
        energies = _bulk(h, scan, n_energies, 9.0, 2)
        density = finite_log_density(energies, h, p, index=index, n_samples=n_samples, rng=rng)
    count, count_stderr, mean, mean_stderr = integrate(density, h[0], h[-1])
    effective = (count / count_stderr) ** 2 if count_stderr > 0 else 0.0
    if not effective >= least:
        raise UnresolvedError(
            f"the sample must hold at least {least:g} effective matrices, got {effective:.1f} from "
            f"n_samples = {n_samples} at n_params = {p}, N = {len(h)}; raise n_samples or lower n_params"
        )
    return Counts(
        index=np.array([-1 if index is None else index]),
        count=np.array([count]),
        count_stderr=np.array([count_stderr]),
        mean_energy=np.array([mean]),
        mean_energy_stderr=np.array([mean_stderr]),
        effective_samples=np.array([effective]),
        resolved=np.array([True]),
    )


def integrate(density: LogDensity, bottom: float, top: float) -> tuple[float, float, float, float]:
    """Number, its standard error, mean energy and its standard error, by the trapezoidal rule.

    Parameters
    ----------
    density : LogDensity
        At energies evenly spaced in phi, E = bottom + (top - bottom) sin^2(phi / 2), which have to cover the bulk: the
        density counts as 0 one step beyond them.  Errors at different energies are taken as independent.
    bottom, top : float
        Lowest and highest level.

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


@dataclass(frozen=True)
class FiniteMinimaDensity:
    """Task: the density of minima in energy at finite dimension, as :func:`minima_density` gives it.

    Attributes
    ----------
    levels : tuple of float
        Normalised levels h_a.
    n_params : int
        p.
    n_samples : int
        Matrices per energy and round.
    seed : int
    n_energies : int
    min_effective_samples : float
    """

    levels: tuple[float, ...]
    n_params: int
    n_samples: int
    seed: int
    n_energies: int = 16
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES

    def run(self) -> pd.DataFrame:
        """Return one row per energy: energy, log_density, density, stderr (relative), effective_samples, resolved.

        exp(log_density) integrates to the expected number of minima, density to 1.  Where that number has fewer than
        `min_effective_samples`, resolved is False and density is nan; where no minimum was found there are no rows.
        """
        key = (len(self.levels), self.n_params)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))
        try:
            found = minima_density(
                self.levels,
                self.n_params,
                n_samples=self.n_samples,
                rng=rng,
                n_energies=self.n_energies,
                min_effective_samples=self.min_effective_samples,
            )
        except UnresolvedError:
            nothing = np.empty(0)
            found = LogDensity(nothing, nothing, nothing, nothing, nothing.astype(bool))
        resolved = bool(found.resolved.all() and found.resolved.size)
        density = np.exp(normalised(found).log_density) if resolved else np.full(found.energies.size, np.nan)
        return pd.DataFrame(
            {
                "energy": found.energies,
                "log_density": found.log_density,
                "density": density,
                "stderr": found.stderr,
                "effective_samples": found.effective_samples,
                "resolved": found.resolved,
            }
        )
