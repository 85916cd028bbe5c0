"""Expected numbers of critical points of the Wishart hypertoroidal random field (WHRF), by the Kac-Rice formula.

With ``m`` degrees of freedom, ``p`` angles and ``r`` gates per angle, the density in energy of the critical points of
index ``k`` over the torus ``[0, pi)^p`` is::

    rho_k(E) = (pi r m / E)^(p/2)  m^m / Gamma(m)  E^(m-1) exp(-m E)  mean[ |det A| ; k negative eigenvalues ]

with the matrices ``A = W/(2m) + sqrt(E/2m) S - E`` of :func:`.spectra.sample_hessian_parts`. The first factor
is the volume ``pi^p`` times the density of a vanishing gradient ``N(0, 2 r E/m)`` times ``(2 r)^p`` from the Hessian
``2 r A``; the next ones are the one-point law Gamma(m, rate m). Source: the field is general knowledge of the paper's
construction (field), this exact finite-size form is derived here (derived) and tested by enumeration.

The mean over ``A`` is taken by Monte Carlo (:mod:`.determinants`); the density of minima uses sequential Monte
Carlo (:mod:`.positive_definite`), since "A positive definite" is a rare event. Numbers per index use the same
matrices at all energies, for minima with importance weights. Where the sample does not resolve what was asked for, the
result is refused. ``m`` is replaced by ``wishart_dimension(m) / 2``
throughout. Only energies ``E > 0`` are counted: for ``p > 2m`` the field also vanishes on manifolds of dimension
``p - 2m``, which are minima outside this formula.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainccinv, gammaln, logsumexp

from qgmutils.computing.kernels import compiled
from qgmutils.field.densities import LogDensity, UnresolvedError, collect, relative_variance
from qgmutils.field.determinants import sample_determinants
from qgmutils.field.positive_definite import N_POPULATIONS, POPULATION_SIZE, populations
from qgmutils.field.spectra import log_determinant_limit, wishart_dimension
from qgmutils.inputs import require_integer

__all__ = [
    "MIN_EFFECTIVE_SAMPLES",
    "Counts",
    "complexity",
    "expected_counts",
    "log_prefactor",
    "whrf_log_density",
]

Array = NDArray[np.float64]

#: Effective samples below which an estimate is refused: its relative standard error would exceed 1/10 and the
#: error estimate itself would be off by more than about 1/14.
MIN_EFFECTIVE_SAMPLES = 100.0


@dataclass(frozen=True)
class Counts:
    """Expected numbers and mean energies of critical points per index; arrays of shape (p + 1,), or (1,) for one index.

    Entries that the sample does not resolve are nan, and False in ``resolved``.
    """

    index: NDArray[np.int64]
    count: Array
    count_stderr: Array
    mean_energy: Array
    mean_energy_stderr: Array
    effective_samples: Array
    resolved: NDArray[np.bool_]


def _check_energies(energies: ArrayLike) -> Array:
    values = np.atleast_1d(np.asarray(energies, dtype=np.float64))
    if values.ndim != 1 or not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"energies must be a list of positive finite numbers, got {energies!r}")
    return values


def check_index(index: int | None, p: int) -> int:
    """The index, or -1 for None, which stands for all; ValueError for any other."""
    if index is None:
        return -1
    if int(index) != index or not 0 <= index <= p:
        raise ValueError(f"index must be None (all) or an integer from 0 to n_params = {p}, got {index!r}")
    return int(index)


@compiled
def _integrate(log_det, negative, log_weight, energies, labels):  # type: ignore[no-untyped-def]
    """Per sample and index, the logarithms of the energy integrals of ``rho`` and ``E rho``: (2, samples, labels)."""
    samples, n_energies = log_det.shape
    out = np.full((2, samples, labels.size), -np.inf)
    top = np.empty(labels.size)
    sums = np.empty((2, labels.size))
    for b in range(samples):
        top[:] = -np.inf
        sums[:] = 0.0
        for e in range(n_energies):
            i = negative[b, e] - labels[0]
            if 0 <= i < labels.size:
                top[i] = max(top[i], log_det[b, e] + log_weight[e])
        for e in range(n_energies):
            i = negative[b, e] - labels[0]
            if 0 <= i < labels.size and top[i] > -np.inf:
                term = np.exp(log_det[b, e] + log_weight[e] - top[i])
                sums[0, i] += term
                sums[1, i] += term * energies[e]
        for i in range(labels.size):
            if top[i] > -np.inf:
                out[0, b, i] = top[i] + np.log(sums[0, i])
                out[1, b, i] = top[i] + np.log(sums[1, i])
    return out


def log_prefactor(energies: Array, p: int, m: float, layers: int) -> Array:
    """ln of all that stands before the mean over matrices in the module's formula, at positive energies."""
    return (
        p / 2 * np.log(np.pi * layers * m / energies)
        + m * np.log(m)
        - gammaln(m)
        + (m - 1) * np.log(energies)
        - m * energies
    )


def _log_ratio(numerator: Array, denominator: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(denominator), -np.inf, numerator - denominator)


def whrf_log_density(
    energies: ArrayLike,
    n_params: int,
    degrees_of_freedom: float,
    *,
    index: int | None = None,
    n_samples: int,
    rng: np.random.Generator,
    layers: int = 1,
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES,
) -> LogDensity:
    """Kac-Rice density in energy of the WHRF's critical points.

    Parameters
    ----------
    energies : array_like, shape (E,)
        Positive normalised energies.
    n_params, degrees_of_freedom
        ``p`` and ``m``; ``2m`` is rounded to an integer.
    index : int or None
        Number of negative Hessian eigenvalues (0 for minima), or None for all critical points.
    n_samples : int
        Number of matrices: shared by all energies, or drawn anew at each one for minima (index 0, at least 16).
    rng : numpy.random.Generator
    layers : int
        Gates per angle ``r``.
    min_effective_samples : float
        Effective samples below which an energy is marked as unresolved.

    Returns
    -------
    LogDensity
        ``exp(log_density)`` integrates to the expected number of critical points in ``[0, pi)^p``.
    """
    energies, p = _check_energies(energies), require_integer(n_params, "n_params")
    wanted, two_m = check_index(index, p), wishart_dimension(degrees_of_freedom)
    layers = require_integer(layers, "layers")
    n_samples = require_integer(n_samples, "n_samples", low=2 * N_POPULATIONS if wanted == 0 else 2)
    prefactor = log_prefactor(energies, p, two_m / 2, layers)
    if wanted == 0:
        count = max(N_POPULATIONS, n_samples // POPULATION_SIZE)
        size = max(2, n_samples // count)
        logs = [
            populations(float(e), p, two_m, size=size, count=count, rng=rng, layers=layers) + log
            for e, log in zip(energies, prefactor, strict=True)
        ]
        return collect(energies, logs, min_effective_samples, size)
    first = np.full(energies.size, -np.inf)
    second = np.full(energies.size, -np.inf)
    for log_det, negative in sample_determinants(energies, p, two_m, n_samples, rng, layers, wanted):
        if wanted >= 0:
            log_det = np.where(negative == wanted, log_det, -np.inf)
        first = np.logaddexp(first, logsumexp(log_det, axis=0))
        second = np.logaddexp(second, logsumexp(2 * log_det, axis=0))
    effective = np.exp(_log_ratio(2 * first, second))
    stderr = np.sqrt(relative_variance(effective, n_samples))
    return LogDensity(
        energies, first - np.log(n_samples) + prefactor, stderr, effective, effective >= min_effective_samples
    )


def _quadrature(p: int, m: float, energy_range: tuple[float, float] | None) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights in ``sqrt(E)``, in which the densities have no singularity at 0."""
    if energy_range is None:
        # |det A| grows no faster than E^p and the prefactor carries E^(-p/2): a Gamma law of shape m + p dominates.
        low, high = 0.0, float(gammainccinv(m + p, 1e-13)) / m
    else:
        low, high = energy_range
        if not 0 <= low < high < np.inf:
            raise ValueError(f"energy_range must be (low, high) with 0 <= low < high, got {energy_range!r}")
    a, b = np.sqrt(low), np.sqrt(high)
    # The Gamma law alone is 1/(2 sqrt(m)) wide in sqrt(E); determinants narrow the densities to about 1/sqrt(p + m).
    nodes = int(24 + 6 * (b - a) * np.sqrt(p + m))
    x, weights = np.polynomial.legendre.leggauss(nodes)
    root = a + (x + 1) * (b - a) / 2
    return root**2, weights * (b - a) * root


def expected_counts(
    n_params: int,
    degrees_of_freedom: float,
    *,
    n_samples: int,
    rng: np.random.Generator,
    index: int | None = None,
    layers: int = 1,
    energy_range: tuple[float, float] | None = None,
) -> Counts:
    """Expected number and mean energy of the WHRF's critical points of every index, over ``[0, pi)^p``.

    The energy integral is done per sampled matrix, so that the standard errors include the correlation between
    energies. The mean energy is a ratio of two means; its error is from the delta method.

    Parameters
    ----------
    n_params, degrees_of_freedom, n_samples, rng, layers
        See :func:`whrf_log_density`.
    index : int or None
        One index, or None for all of 0..p.
    energy_range : (float, float), optional
        Count only critical points in this window; by default all positive energies.

    Raises
    ------
    UnresolvedError
        If no index at all, or not the one asked for, is resolved by the sample.
    """
    p, two_m = require_integer(n_params, "n_params"), wishart_dimension(degrees_of_freedom)
    wanted, layers = check_index(index, p), require_integer(layers, "layers")
    n_samples = require_integer(n_samples, "n_samples", low=2)
    energies, weights = _quadrature(p, two_m / 2, energy_range)
    log_weight = log_prefactor(energies, p, two_m / 2, layers) + np.log(weights)
    labels = np.arange(p + 1) if wanted < 0 else np.array([wanted])
    logs: list[Array] = []  # per sample and index: ln of the integral of rho, and of E rho
    for log_det, negative in sample_determinants(energies, p, two_m, n_samples, rng, layers, wanted):
        logs.append(_integrate(log_det, negative, log_weight, energies, labels))
    log_c, log_m = np.concatenate(logs, axis=1)
    scale = log_c.max(axis=0)
    scale = np.where(np.isfinite(scale), scale, 0.0)
    c, moment = np.exp(log_c - scale), np.exp(log_m - scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.nan_to_num(c.sum(0) ** 2 / (c**2).sum(0))
        energy = moment.mean(0) / c.mean(0)
        energy_stderr = (moment - energy * c).std(0, ddof=1) / c.mean(0) / np.sqrt(n_samples)
    resolved = effective >= MIN_EFFECTIVE_SAMPLES
    if not resolved.any():
        raise UnresolvedError(
            f"the sample must hold at least {MIN_EFFECTIVE_SAMPLES:g} effective matrices of index "
            f"{'any' if index is None else index}, got {effective.max():.1f} from n_samples = {n_samples} at "
            f"n_params = {p}, m = {two_m / 2:g}; raise n_samples or lower n_params"
        )
    with np.errstate(over="ignore"):
        unit = np.exp(scale)
    values = [c.mean(0) * unit, c.std(0, ddof=1) / np.sqrt(n_samples) * unit, energy, energy_stderr]
    count, count_stderr, energy, energy_stderr = (np.where(resolved, v, np.nan) for v in values)
    return Counts(labels, count, count_stderr, energy, energy_stderr, effective, resolved)


def complexity(gamma: float, energy: ArrayLike) -> Array:
    """Limit of ``(1/p) ln rho(E) - (1/2) ln p`` for large ``p`` at fixed ``gamma = p / 2m``, one gate per angle.

    The number of critical points grows faster than exponentially, like ``p^(p/2)``, as the torus holds that many
    correlation volumes: the term ``(1/2) ln p`` is the same for all energies and is taken off. Up to
    :func:`.spectra.threshold_energy` this is the complexity of minima too; above it minima are suppressed by a
    further factor ``exp(-O(p^2))``. Source: derived here (derived).
    """
    limit = log_determinant_limit(gamma, energy)
    energy = np.asarray(energy, dtype=np.float64)
    return np.log(np.pi / (2 * gamma * energy)) / 2 + (1 + np.log(energy) - energy) / (2 * gamma) + limit
