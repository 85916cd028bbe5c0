"""Expected numbers of critical points of the Wishart hypertoroidal random field (WHRF), by the Kac-Rice formula.

With ``m`` degrees of freedom, ``p`` angles and ``r`` gates per angle, the density in energy of the critical points of
index ``k`` over the torus ``[0, pi)^p`` is::

    rho_k(E) = (pi r m / E)^(p/2)  m^m / Gamma(m)  E^(m-1) exp(-m E)  mean[ |det A| ; k negative eigenvalues ]

with the matrices ``A = W/(2m) + sqrt(E/2m) S - E`` of :func:`qgmutils.spectra.sample_hessian_parts`. The first factor
is the volume ``pi^p`` times the density of a vanishing gradient ``N(0, 2 r E/m)`` times ``(2 r)^p`` from the Hessian
``2 r A``; the next ones are the one-point law Gamma(m, rate m). Source: the field is general knowledge of the paper's
construction (field), this exact finite-size form is derived here (derived) and tested by enumeration.

The mean over ``A`` is taken by Monte Carlo (for minima with importance weights), with the same matrices at all
energies, and in log space: at 64 angles the factors span hundreds of orders of magnitude. Where too few samples
have the wanted index the result is refused. ``m`` is replaced by ``wishart_dimension(m) / 2`` throughout. Only
energies ``E > 0`` are counted: for ``p > 2m`` the field also vanishes on manifolds of dimension ``p - 2m``, which
are minima outside this formula.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numba
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad
from scipy.special import fdtrc, gammainccinv, gammaln, logsumexp

from .spectra import log_determinant_limit, sample_hessian_parts, wishart_dimension

__all__ = [
    "CountTask",
    "Counts",
    "DensityTask",
    "LogDensity",
    "UnresolvedError",
    "companion_log_density",
    "compare_counts",
    "complexity",
    "expected_counts",
    "minima_energy_density",
    "whrf_log_density",
]

Array = NDArray[np.float64]

#: Effective samples below which an estimate is refused: its relative standard error would exceed 1/10 and the
#: error estimate itself would be off by more than about 1/14.
MIN_EFFECTIVE_SAMPLES = 100.0


class UnresolvedError(ValueError):
    """The Monte Carlo sample does not resolve the rare event that was asked for."""


@dataclass(frozen=True)
class LogDensity:
    """Natural logarithm of a density of critical points in energy, with Monte Carlo errors; arrays of shape (E,).

    Attributes
    ----------
    energies
        Normalised energies (ground state 0, mean 1).
    log_density
        ``ln rho_k(E)``; -inf where no sample had the index.
    stderr
        Standard error of ``log_density``; inf where there was no sample. Errors at different energies are correlated.
    effective_samples
        ``(sum w)^2 / sum w^2`` of the weights ``w = |det A|`` with the right index.
    resolved
        Where ``effective_samples`` suffices; elsewhere values are not to be used.
    """

    energies: Array
    log_density: Array
    stderr: Array
    effective_samples: Array
    resolved: NDArray[np.bool_]


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


def _check_n_params(n_params: int) -> int:
    if int(n_params) != n_params or n_params < 1:
        raise ValueError(f"n_params must be a positive integer, got {n_params!r}")
    return int(n_params)


def _check_energies(energies: ArrayLike) -> Array:
    values = np.atleast_1d(np.asarray(energies, dtype=np.float64))
    if values.ndim != 1 or not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"energies must be a list of positive finite numbers, got {energies!r}")
    return values


def _check_index(index: int | None, p: int) -> int:
    if index is None:
        return -1
    if int(index) != index or not 0 <= index <= p:
        raise ValueError(f"index must be None (all) or an integer from 0 to n_params = {p}, got {index!r}")
    return int(index)


@numba.njit(cache=True)
def _log_determinants(wishart, symmetric, energies, wanted):  # type: ignore[no-untyped-def]
    """``ln |det A|`` and number of negative eigenvalues for every sample and energy, shapes (samples, energies).

    The factorisation ``A = L D L^T`` without pivoting has as many negative pivots as ``A`` has negative eigenvalues
    (Sylvester). A small pivot costs digits of the determinant, of no concern next to the sampling error. With
    ``wanted >= 0`` a matrix is given up, with -inf, once it has more negative pivots than that.
    """
    samples, p = wishart.shape[0], wishart.shape[1]
    log_det = np.empty((samples, energies.size))
    negative = np.zeros((samples, energies.size), dtype=np.int16)
    a = np.empty((p, p))
    for b in range(samples):
        for e in range(energies.size):
            root = np.sqrt(energies[e])
            for i in range(p):
                for j in range(i, p):
                    a[i, j] = wishart[b, i, j] + root * symmetric[b, i, j]
                a[i, i] -= energies[e]
            total, count = 0.0, 0
            for k in range(p):
                pivot = a[k, k]
                if pivot < 0:
                    count += 1
                    if 0 <= wanted < count:
                        total = -np.inf
                        break
                elif pivot == 0.0:
                    total = -np.inf
                    break
                total += np.log(abs(pivot))
                for i in range(k + 1, p):
                    f = a[k, i] / pivot
                    for j in range(i, p):
                        a[i, j] -= f * a[k, j]
            log_det[b, e] = total
            negative[b, e] = count
    return log_det, negative


@numba.njit(cache=True)
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


def _log_prefactor(energies: Array, p: int, m: float, layers: int) -> Array:
    return (
        p / 2 * np.log(np.pi * layers * m / energies)
        + m * np.log(m)
        - gammaln(m)
        + (m - 1) * np.log(energies)
        - m * energies
    )


def _batches(
    energies: Array, p: int, two_m: int, n_samples: int, rng: np.random.Generator, layers: int, wanted: int
) -> Iterator[tuple[Array, NDArray[np.int16]]]:
    if int(n_samples) != n_samples or n_samples < 2:
        raise ValueError(f"n_samples must be an integer of at least 2, got {n_samples!r}")
    # Weighted by |det W|^2, a Wishart matrix is one with 4 more degrees of freedom: sampling minima from that law and
    # dividing by the weight is exact, and 3 to 15 times as many effective samples were measured for p = 8 to 64.
    power = 2 if wanted == 0 and two_m - 1 >= p else 0
    halves = (two_m - 1 - np.arange(p)) / 2
    # Ratio of the two laws' normalisations, in the units of W / 2m; nothing to do (and a pole) without weights.
    log_norm = (
        power * p * np.log(2 / two_m) + np.sum(gammaln(halves + power) - gammaln(halves)) if power else 0.0
    )
    # About 64 MB of matrices and results at a time.
    block = max(1, 4_000_000 // (4 * p * p + 2 * energies.size))
    for start in range(0, int(n_samples), block):
        count = min(block, n_samples - start)
        parts = sample_hessian_parts(p, two_m / 2, count, rng, layers=layers, extra_dof=2 * power)
        log_det, negative = _log_determinants(*parts, energies, wanted)
        if power:
            log_det_w, _ = _log_determinants(*parts, np.zeros(1), wanted)
            log_det += log_norm - power * log_det_w
        yield log_det, negative


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
        Number of matrices, shared by all energies.
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
    energies, p = _check_energies(energies), _check_n_params(n_params)
    wanted, two_m = _check_index(index, p), wishart_dimension(degrees_of_freedom)
    first = np.full(energies.size, -np.inf)
    second = np.full(energies.size, -np.inf)
    for log_det, negative in _batches(energies, p, two_m, n_samples, rng, layers, wanted):
        if wanted >= 0:
            log_det = np.where(negative == wanted, log_det, -np.inf)
        first = np.logaddexp(first, logsumexp(log_det, axis=0))
        second = np.logaddexp(second, logsumexp(2 * log_det, axis=0))
    effective = np.exp(_log_ratio(2 * first, second))
    with np.errstate(divide="ignore"):
        # Relative variance of a mean of n weights: (1/effective - 1/n) n/(n-1).
        stderr = np.sqrt(np.clip(1 / effective - 1 / n_samples, 0, None) * n_samples / (n_samples - 1))
    log_density = first - np.log(n_samples) + _log_prefactor(energies, p, two_m / 2, layers)
    return LogDensity(energies, log_density, stderr, effective, effective >= min_effective_samples)


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
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES,
) -> Counts:
    """Expected number and mean energy of the WHRF's critical points of every index, over ``[0, pi)^p``.

    The energy integral is done per sampled matrix, so that the standard errors include the correlation between
    energies. The mean energy is a ratio of two means; its error is from the delta method.

    Parameters
    ----------
    n_params, degrees_of_freedom, n_samples, rng, layers, min_effective_samples
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
    p, two_m = _check_n_params(n_params), wishart_dimension(degrees_of_freedom)
    wanted = _check_index(index, p)
    energies, weights = _quadrature(p, two_m / 2, energy_range)
    log_weight = _log_prefactor(energies, p, two_m / 2, layers) + np.log(weights)
    labels = np.arange(p + 1) if wanted < 0 else np.array([wanted])
    logs: list[Array] = []  # per sample and index: ln of the integral of rho, and of E rho
    for log_det, negative in _batches(energies, p, two_m, n_samples, rng, layers, wanted):
        logs.append(_integrate(log_det, negative, log_weight, energies, labels))
    log_c, log_m = np.concatenate(logs, axis=1)
    scale = log_c.max(axis=0)
    scale = np.where(np.isfinite(scale), scale, 0.0)
    c, moment = np.exp(log_c - scale), np.exp(log_m - scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.nan_to_num(c.sum(0) ** 2 / (c**2).sum(0))
        energy = moment.mean(0) / c.mean(0)
        energy_stderr = (moment - energy * c).std(0, ddof=1) / c.mean(0) / np.sqrt(n_samples)
    resolved = effective >= min_effective_samples
    if not resolved.any():
        raise UnresolvedError(
            f"the sample must hold at least {min_effective_samples:g} effective matrices of index "
            f"{'any' if index is None else index}, got {effective.max():.1f} from n_samples = {n_samples} at "
            f"n_params = {p}, m = {two_m / 2:g}; raise n_samples or lower n_params"
        )
    with np.errstate(over="ignore"):
        unit = np.exp(scale)
    values = [c.mean(0) * unit, c.std(0, ddof=1) / np.sqrt(n_samples) * unit, energy, energy_stderr]
    count, count_stderr, energy, energy_stderr = (np.where(resolved, v, np.nan) for v in values)
    return Counts(labels, count, count_stderr, energy, energy_stderr, effective, resolved)


def minima_energy_density(
    energies: ArrayLike,
    n_params: int,
    degrees_of_freedom: float,
    *,
    n_samples: int,
    rng: np.random.Generator,
    layers: int = 1,
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES,
) -> LogDensity:
    """Kac-Rice density of the minima's energies, normalised to integrate to 1 over ``energies`` (increasing).

    Every minimum counts the same here, while training finds minima in proportion to their basins.

    Raises
    ------
    UnresolvedError
        If the sample leaves the bulk of the density unresolved: no energy is resolved, the largest resolved density
        sits next to an unresolved one, or the raw estimate puts more than 2 % of the minima at unresolved energies.
    ValueError
        If ``energies`` are not increasing.
    """
    density = whrf_log_density(
        energies,
        n_params,
        degrees_of_freedom,
        index=0,
        n_samples=n_samples,
        rng=rng,
        layers=layers,
        min_effective_samples=min_effective_samples,
    )
    x, log_density, resolved = density.energies, density.log_density, density.resolved
    if x.size < 2 or not (np.diff(x) > 0).all():
        raise ValueError(f"energies must be at least two increasing numbers, got {energies!r}")
    width = np.gradient(x)
    with np.errstate(divide="ignore"):
        log_mass = log_density + np.log(width)
    total = logsumexp(log_mass)
    hidden = float(np.exp(log_mass[~resolved] - total).sum()) if np.isfinite(total) else 1.0
    at_border = False
    if resolved.any():
        peak = int(np.argmax(np.where(resolved, log_density, -np.inf)))
        at_border = not resolved[max(peak - 1, 0) : peak + 2].all()
    if hidden > 0.02 or at_border or not resolved.any():
        raise UnresolvedError(
            f"n_samples = {n_samples} must resolve the bulk of the minima at n_params = {n_params}, m = "
            f"{degrees_of_freedom:g}, got {hidden:.1%} of them at energies with fewer than {min_effective_samples:g} "
            "effective matrices (or the peak next to such an energy); raise n_samples or lower n_params"
        )
    log_integral = logsumexp(log_density[1:] + np.log(np.diff(x) / 2))
    log_integral = np.logaddexp(log_integral, logsumexp(log_density[:-1] + np.log(np.diff(x) / 2)))
    return replace(density, log_density=log_density - log_integral)


def complexity(gamma: float, energy: ArrayLike) -> Array:
    """Limit of ``(1/p) ln rho(E) - (1/2) ln p`` for large ``p`` at fixed ``gamma = p / 2m``, one gate per angle.

    The number of critical points grows faster than exponentially, like ``p^(p/2)``, as the torus holds that many
    correlation volumes: the term ``(1/2) ln p`` is the same for all energies and is taken off. Up to
    :func:`qgmutils.spectra.threshold_energy` this is the complexity of minima too; above it minima are suppressed by a
    further factor ``exp(-O(p^2))``. Source: derived here (derived).
    """
    limit = log_determinant_limit(gamma, energy)
    energy = np.asarray(energy, dtype=np.float64)
    return np.log(np.pi / (2 * gamma * energy)) / 2 + (1 + np.log(energy) - energy) / (2 * gamma) + limit


def companion_log_density(energy: ArrayLike, n_params: int, degrees_of_freedom: float) -> Array:
    """Logarithm of the companion curve ``exp(-m x) x^(m - p/2) (1 - 2x)^p`` on [0, 1/2], normalised to integrate to 1.

    The prediction for the minima's energies in the author's later code (that of Nat. Commun. 13:7760),
    another curve than Kac-Rice with the same end point ``p = 2m``; -inf outside of (0, 1/2).
    Source: general knowledge of the author's later work (field).

    Raises
    ------
    ValueError
        If ``p >= 2m + 2``, where the curve cannot be normalised, or ``m`` is not positive.
    """
    p, m = _check_n_params(n_params), float(degrees_of_freedom)
    power = m - p / 2
    if not np.isfinite(m) or m <= 0:
        raise ValueError(f"degrees_of_freedom must be positive and finite, got {degrees_of_freedom!r}")
    if power <= -1:
        raise ValueError(
            f"n_params must be below 2m + 2 = {2 * m + 2:g} for the curve to be integrable, got {p}"
        )

    def log_curve(y: Array) -> Array:  # in y = x^(power + 1), whose measure absorbs the power at 0
        x = y ** (1 / (power + 1))
        with np.errstate(divide="ignore"):
            return -m * x + p * np.log1p(-2 * np.minimum(x, 0.5)) - np.log(power + 1)

    # Substituting removes the singularity at 0 for negative powers; for large ones work around the peak instead.
    if power <= 0:
        log_integral = np.log(quad(lambda y: np.exp(log_curve(np.asarray(y))), 0, 0.5 ** (power + 1))[0])
    else:
        # Stationary point of power ln x - m x + p ln(1 - 2x): 2 m x^2 - (m + 2 power + 2 p) x + power = 0.
        b = m + 2 * power + 2 * p
        peak = 2 * power / (b + np.sqrt(b * b - 8 * m * power))
        top = power * np.log(peak) - m * peak + p * np.log1p(-2 * peak)
        width = (power / peak**2 + 4 * p / (1 - 2 * peak) ** 2) ** -0.5
        low, high = max(0.0, peak - 40 * width), min(0.5, peak + 40 * width)
        integral = quad(
            lambda x: np.exp(power * np.log(x) - m * x + p * np.log1p(-2 * x) - top),
            *(low, high),
            points=[peak],
            limit=200,
        )[0]
        log_integral = top + np.log(integral)
    x = np.asarray(energy, dtype=np.float64)
    inside = (x > 0) & (x < 0.5)
    safe = np.where(inside, x, 0.25)
    value = -m * safe + power * np.log(safe) + p * np.log1p(-2 * safe) - log_integral
    return np.where(inside, value, -np.inf)


def compare_counts(points: pd.DataFrame, theory: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Compare enumerated critical points with expected counts, index by index and all together.

    Parameters
    ----------
    points : DataFrame
        One row per critical point with the columns field and index, as :class:`qgmutils.fields.FieldEnumeration`
        returns; at least two fields.
    theory : DataFrame
        One row per index 0..p, as :class:`CountTask` returns.

    Returns
    -------
    table : DataFrame
        Columns index, fields, enumerated, enumerated_stderr, kac_rice, kac_rice_stderr, z (the difference in combined
        standard errors).
    pvalue : float
        Of Hotelling's test on all counts at once; nan with fewer than ``10 p`` fields. The alternating sum of a
        field's counts is 0, so the last index adds nothing and is left out.
    """
    p = len(theory) - 1
    counts = np.array([np.bincount(rows, minlength=p + 1) for _, rows in points.groupby("field")["index"]])
    size = len(counts)
    if size < 2:
        raise ValueError(f"points must hold at least 2 fields for a standard error, got {size}")
    expected, expected_stderr = theory["count"].to_numpy(), theory["count_stderr"].to_numpy()
    gap = counts.mean(axis=0) - expected
    stderr = counts.std(axis=0, ddof=1) / np.sqrt(size)
    table = pd.DataFrame(
        {
            "index": theory["index"].to_numpy(),
            "fields": size,
            "enumerated": counts.mean(axis=0),
            "enumerated_stderr": stderr,
            "kac_rice": expected,
            "kac_rice_stderr": expected_stderr,
            "z": gap / np.hypot(stderr, expected_stderr),
        }
    )
    if size < 10 * p or not theory["resolved"].all():
        return table, float("nan")
    covariance = np.cov(counts[:, :p].T).reshape(p, p) / size + np.diag(expected_stderr[:p] ** 2)
    statistic = gap[:p] @ np.linalg.solve(covariance, gap[:p]) * (size - p) / (p * (size - 1))
    return table, float(fdtrc(p, size - p, statistic))


@dataclass(frozen=True)
class CountTask:
    """Task: :func:`expected_counts`; rows that the sample does not resolve are nan, never an error."""

    n_params: int
    degrees_of_freedom: float
    n_samples: int
    seed: int
    index: int | None = None
    energy_range: tuple[float, float] | None = None

    def run(self) -> pd.DataFrame:
        """Return one row per index: index, count, count_stderr, mean_energy, mean_energy_stderr, ..., resolved."""
        rng = np.random.default_rng(
            np.random.SeedSequence(
                self.seed, spawn_key=(self.n_params, wishart_dimension(self.degrees_of_freedom))
            )
        )
        try:
            counts = expected_counts(
                self.n_params,
                self.degrees_of_freedom,
                n_samples=self.n_samples,
                rng=rng,
                index=self.index,
                energy_range=self.energy_range,
            )
        except UnresolvedError:
            index = np.arange(self.n_params + 1) if self.index is None else np.array([self.index])
            nan = np.full(index.size, np.nan)
            counts = Counts(index, nan, nan, nan, nan, nan, np.zeros(index.size, dtype=bool))
        return pd.DataFrame({field.name: getattr(counts, field.name) for field in fields(counts)})


@dataclass(frozen=True)
class DensityTask:
    """Task: :func:`whrf_log_density` of the minima."""

    energies: tuple[float, ...]
    n_params: int
    degrees_of_freedom: float
    n_samples: int
    seed: int

    def run(self) -> pd.DataFrame:
        """Return one row per energy: energies, log_density, stderr, effective_samples, resolved."""
        rng = np.random.default_rng(
            np.random.SeedSequence(
                self.seed, spawn_key=(self.n_params, wishart_dimension(self.degrees_of_freedom))
            )
        )
        density = whrf_log_density(
            self.energies, self.n_params, self.degrees_of_freedom, index=0, n_samples=self.n_samples, rng=rng
        )
        return pd.DataFrame({field.name: getattr(density, field.name) for field in fields(density)})
