"""Expected numbers of critical points of circuits of finite dimension N, by the Kac-Rice formula without a large N.

The state of a circuit with Haar-rotated generators is a Haar-random vector psi of C^N, and each angle moves it by a
random reflection Q_i = U_i Z U_i^dagger of its own.  With E = <H>, sigma^2 = <H^2> - E^2 and 2 M the Hessian given that
the gradient vanishes, the density in energy of the critical points of index k over [0, pi)^p is::

    rho_k(E) = mean over Haar psi of  delta(E - <H>) (pi kappa_N / sigma)^p  |det M|,  k negative eigenvalues

Profiles |psi_a|^2 come from :mod:`.profiles`, M from :mod:`.reflections`, and minima, which are rare,
from :mod:`.proposals` and :mod:`.positive_reflections`.  All of it is derived for this project
(derived); the steps stand in `docs/finite_dimension.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from qgmutils.beyond.finite_dimension.profiles import entropic_variance, even_levels
from qgmutils.beyond.finite_dimension.proposals import estimates, split, tuned, weighted_profiles
from qgmutils.beyond.finite_dimension.reflections import sample_critical_hessians
from qgmutils.beyond.large_dimension.edges import inside
from qgmutils.field.bulk import Populations, find_bulk, integrate, sample_bulk
from qgmutils.field.densities import LogDensity, UnresolvedError, collect, density_table
from qgmutils.field.kac_rice import Counts, check_index
from qgmutils.field.positive_definite import N_POPULATIONS
from qgmutils.inputs import require_integer

__all__ = [
    "MIN_EFFECTIVE_SAMPLES",
    "FiniteMinimaDensity",
    "finite_counts",
    "finite_log_density",
    "minima_density",
]

Array = NDArray[np.float64]

#: Effective samples below which an estimate is refused: its relative standard error would exceed 1/14.
MIN_EFFECTIVE_SAMPLES = 200.0
_N_ENERGIES = 24
_MAX_ROUNDS = 12


def _plain(
    h: Array, energy: float, p: int, index: int, size: int, variance: float, rng: np.random.Generator
) -> tuple[Array, float]:
    """Log weights |det M| of matrices with the index, and the mean sigma^2 that they see."""
    profiles, spread, log_weights = weighted_profiles(h, energy, p, size, variance, rng)
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


def finite_log_density(
    energies: ArrayLike,
    levels: ArrayLike,
    n_params: int,
    *,
    index: int | None = None,
    n_samples: int,
    rng: np.random.Generator,
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
        Matrices per energy; for minima at least 2 `N_POPULATIONS`, shared out among populations of at most 128, and
        five populations more or so at each energy tune the sampling.
    rng : numpy.random.Generator

    Returns
    -------
    LogDensity
        ``exp(log_density)`` integrates to the expected number of critical points in [0, pi)^p.  Errors at different
        energies are independent; an energy with less than :data:`MIN_EFFECTIVE_SAMPLES` is unresolved.

    Raises
    ------
    ValueError
        For levels, energies or counts out of range.
    """
    h, p = even_levels(levels), require_integer(n_params, "n_params")
    points = np.atleast_1d(np.asarray(energies, dtype=np.float64))
    for energy in points:
        inside(energy, h)
    wanted = check_index(index, p)
    n_samples = require_integer(n_samples, "n_samples", low=2 * N_POPULATIONS if wanted == 0 else 2)
    if wanted != 0:
        logs = []
        for energy in points:
            variance = entropic_variance(h, energy)
            for _ in range(2):
                seen = _plain(h, energy, p, wanted, min(n_samples, 200), variance, rng)[1]
                variance = seen if np.isfinite(seen) else variance
            logs.append(_plain(h, energy, p, wanted, n_samples, variance, rng)[0])
        return collect(points, logs, MIN_EFFECTIVE_SAMPLES)
    size, count = split(n_samples)
    proposals, _ = tuned(h, p, points, size, rng)
    logs = [estimates(h, p, one, size, count, rng) for one in proposals]
    return collect(points, logs, MIN_EFFECTIVE_SAMPLES, size)


def minima_density(
    levels: ArrayLike,
    n_params: int,
    *,
    n_samples: int,
    rng: np.random.Generator,
) -> LogDensity:
    """The density of minima over its whole bulk, which a scan finds, sampled until their number is known well enough.

    It is known at 24 energies, evenly spaced in phi, E = bottom + (top - bottom) sin^2(phi / 2), as :func:`integrate`
    needs them, after at most 12 rounds.

    Parameters
    ----------
    levels, n_params, rng
        As in :func:`finite_log_density`.
    n_samples : int
        Matrices at each energy and round on average, at least 2 `N_POPULATIONS`; more where there are more minima.

    Returns
    -------
    LogDensity
        ``resolved`` is the same at all energies: whether the number of minima has :data:`MIN_EFFECTIVE_SAMPLES`
        effective samples, 1/(relative standard error)^2.

    Raises
    ------
    ValueError
        As :func:`finite_log_density`.

    Notes
    -----
    There may be several humps, near p = N above all.  The scan looks at 20 energies of the whole range and then of the
    bulk, each with pilots of its own, and covers all humps that rise to within 8 e-folds of the highest one; what is
    narrower than the distance of two energies may be missed.
    """
    h, p = even_levels(levels), require_integer(n_params, "n_params")
    size, count = split(require_integer(n_samples, "n_samples", low=2 * N_POPULATIONS))
    bottom, top = float(h[0]), float(h[-1])

    def scan(places: Array) -> Array:
        # Pilots extrapolate and may be far too high; an estimate is e^t times too high with a chance of e^-t at most.
        proposals, _ = tuned(h, p, places, size // 2, rng)
        drawn = [estimates(h, p, one, max(size, 32), 1, rng)[0] for one in proposals]
        return np.array(drawn)

    energies = find_bulk(scan, bottom, top, _N_ENERGIES, enough=8)
    proposals, logs = tuned(h, p, energies, size, rng)
    by_energy = {one.energy: one for one in proposals}

    def sample(energy: float, number: int) -> Array:
        return estimates(h, p, by_energy[energy], size, number, rng)

    # Five pilots each are rarely far off, and humps at p = N are but three energies wide.
    wanted = Populations(size, count, _MAX_ROUNDS, MIN_EFFECTIVE_SAMPLES, window=3)
    return sample_bulk(energies, logs, sample, bottom, top, wanted)


def finite_counts(
    levels: ArrayLike,
    n_params: int,
    *,
    index: int | None = 0,
    n_samples: int,
    rng: np.random.Generator,
) -> Counts:
    """Expected number and mean energy of the critical points of one index, or of all, over [0, pi)^p.

    Parameters
    ----------
    levels, n_params, index, rng
        As in :func:`finite_log_density`; arrays of the result have shape (1,), with index -1 for all.
    n_samples : int
        Matrices at each of the 24 energies that a scan with few of them finds; for minima in each round of
        :func:`minima_density`.

    Raises
    ------
    UnresolvedError
        If the number has fewer effective samples, 1/(relative standard error)^2, than :data:`MIN_EFFECTIVE_SAMPLES`.
    ValueError
        As :func:`finite_log_density`.
    """
    h, p = even_levels(levels), require_integer(n_params, "n_params")
    wanted = check_index(index, p)
    if wanted == 0:
        density = minima_density(h, p, n_samples=n_samples, rng=rng)
    else:
        few = min(require_integer(n_samples, "n_samples", low=2), max(100, n_samples // 4))

        def scan(energies: Array) -> Array:
            return finite_log_density(energies, h, p, index=index, n_samples=few, rng=rng).log_density

        # Saddles may have humps at several levels, some of them narrow.
        energies = find_bulk(scan, float(h[0]), float(h[-1]), _N_ENERGIES, depth=9.0, looks=2)
        density = finite_log_density(energies, h, p, index=index, n_samples=n_samples, rng=rng)
    count, count_stderr, mean, mean_stderr = integrate(density, h[0], h[-1])
    effective = (count / count_stderr) ** 2 if count_stderr > 0 else 0.0
    if not effective >= MIN_EFFECTIVE_SAMPLES:
        raise UnresolvedError(
            f"the sample must hold at least {MIN_EFFECTIVE_SAMPLES:g} effective matrices, got {effective:.1f} from "
            f"n_samples = {n_samples} at n_params = {p}, N = {len(h)}; raise n_samples or lower n_params"
        )
    return Counts(
        index=np.array([wanted]),
        count=np.array([count]),
        count_stderr=np.array([count_stderr]),
        mean_energy=np.array([mean]),
        mean_energy_stderr=np.array([mean_stderr]),
        effective_samples=np.array([effective]),
        resolved=np.array([True]),
    )


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
    """

    levels: tuple[float, ...]
    n_params: int
    n_samples: int
    seed: int

    def run(self) -> pd.DataFrame:
        """Return the rows of :func:`qgmutils.field.densities.density_table`.

        density is nan where the number of minima has fewer than :data:`MIN_EFFECTIVE_SAMPLES` effective samples.
        """
        key = (len(self.levels), self.n_params)
        found = minima_density(
            self.levels,
            self.n_params,
            n_samples=self.n_samples,
            rng=np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key)),
        )
        return density_table(found)
