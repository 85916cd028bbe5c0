"""Expected numbers of critical points of circuits of finite dimension N, by the Kac-Rice formula without a large N.

The state of a circuit with Haar-rotated generators is a Haar-random vector psi of C^N, and each angle moves it by a
random reflection Q_i = U_i Z U_i^dagger of its own.  In the basis of the observable only |psi_a|^2 matter, its profile
pi.  With E = sum pi_a h_a, sigma^2 = sum pi_a h_a^2 - E^2 and chi = (H - E) psi, the density in energy of the critical
points of index k over [0, pi)^p is::

    rho_k(E) = mean over Haar psi of  delta(E - <H>) (pi kappa_N / sigma)^p  |det M|,  k negative eigenvalues

where 2 M is the Hessian given that the gradient vanishes, and kappa_N the density of a derivative at zero in units of
1 / (2 sigma).  The rows of M can be drawn one after the other, exactly and for every N: with Q_i psi = c_i psi + b_i,
r_i = <b_i|chi> and Q_i chi = r_i psi - (r_i c_i / |b_i|^2) b_i + y_i::

    M_ij = Re <b_j| (H - E) b_i + c_i chi + (r_i c_i / |b_i|^2) b_i - y_i>,  j before i,
    M_ii = <b_i|(H - E) b_i> + 2 c_i r_i.

For N much larger than p this is Re <b_i|(H - E)|b_j> + (sigma / sqrt(2 N)) S_ij, S Gaussian, and kappa_N is
sqrt(N / pi).

The profile is drawn by importance at a given energy (:func:`sample_profiles`).  Minima are a rare event, for which
the rows of M are revealed one by one to a population of matrices, weighted with their pivots and resampled, as in
:mod:`qgmutils.positive_definite`.  Everything here is derived for this project (derived); the steps stand in
`docs/finite_dimension.md`.  Sequential Monte Carlo is textbook (field).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln, logsumexp

from .kac_rice import Counts, LogDensity, UnresolvedError, normalised
from .positive_definite import N_POPULATIONS, _resample

__all__ = [
    "MIN_EFFECTIVE_SAMPLES",
    "FiniteMinimaDensity",
    "finite_counts",
    "finite_log_density",
    "gradient_log_density",
    "haar_log_density",
    "integrate",
    "profile_rates",
    "sample_critical_hessians",
    "sample_profiles",
]

Array = NDArray[np.float64]

#: Effective samples below which an estimate is refused: its relative standard error would exceed 1/14.
MIN_EFFECTIVE_SAMPLES = 200.0

#: Matrices of a population.  The more there are, the fewer share their ancestors after p rows.
POPULATION_SIZE = 256

_MEMORY = 2**28  # bytes of tangents in a population
_RESAMPLE_BELOW = 0.7  # effective fraction of the population

# Neither constant moves the mean of an estimate, both reduce its spread.  What M says about the profile it says in the
# last rows, so that the profile's weight enters like (k/p)^5; a matrix with small eigenvalues, whose future pivots will
# be small, is weighted down ahead of time.  Measured at N = 64, p = 32, 64, 110: relative spread of one population
# 0.48, 2.4, 2.8 without (linear growth, no look-ahead) and 0.16, 0.6, 0.42 with these values; twice as much
# look-ahead or powers 3 and 8 are no better.
_GROWTH = 5.0
_LOOK_AHEAD = 0.3


def _levels(levels: ArrayLike) -> Array:
    h = np.sort(np.asarray(levels, dtype=np.float64)) if np.ndim(levels) == 1 else np.empty(0)
    if len(h) < 4 or len(h) % 2 or not np.isfinite(h).all() or not h[-1] > h[0]:
        raise ValueError(
            "levels must be an even number, at least 4, of finite numbers that are not all equal "
            f"(a reflection has as many eigenvalues +1 as -1), got {levels!r}"
        )
    return h


def _inside(energy: float, levels: Array) -> float:
    if not levels[0] < energy < levels[-1]:
        raise ValueError(
            f"energy must lie between the levels {levels[0]:g} and {levels[-1]:g}, got {energy!r}"
        )
    return float(energy)


def _at_least(name: str, value: int, least: int) -> int:
    if int(value) != value or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def profile_rates(levels: ArrayLike, energy: float, variance: float | None = None) -> Array:
    """Rates w_a of the profile of largest entropy with this energy, and this variance if given.

    Parameters
    ----------
    levels : array_like, shape (N,)
        Normalised levels, in any order.
    energy : float
        Between the lowest and the highest level.
    variance : float, optional
        sigma^2 = sum pi_a h_a^2 - E^2, positive. Values that no profile has are moved into the possible range.

    Returns
    -------
    ndarray, shape (N,)
        Positive, in the order of the sorted levels: w_a = 1 + beta x_a + eta (x_a^2 - variance), x_a = h_a - energy.
        The profile itself is 1 / (N w_a).

    Notes
    -----
    Haar measure gives a profile the weight prod 1 over the simplex; near a mean profile pi its entropy is
    sum ln(N pi_a).  Its maximum under linear constraints is the minimum of the convex function -sum ln w_a of
    (beta, eta), found by Newton's method (derived).
    """
    h = _levels(levels)
    x = h - _inside(energy, h)
    features = x[:, None]
    if variance is not None:
        low, high = x[x <= 0].max(), x[x > 0].min()
        least, most = -low * high, -x[0] * x[-1]
        margin = 0.02 * (most - least)
        if most - least > 1e-9 * most:  # with two levels the energy fixes the variance
            features = np.column_stack([x, x**2 - np.clip(variance, least + margin, most - margin)])
    scale = np.abs(features).max(axis=0)
    features = features / scale
    point, w = np.zeros(features.shape[1]), np.ones(len(h))
    for _ in range(200):
        slope = -(features / w[:, None]).sum(axis=0)
        curvature = (features / w[:, None]).T @ (features / w[:, None])
        step = -np.linalg.solve(curvature + 1e-12 * np.trace(curvature) * np.eye(len(point)), slope)
        size, value = 1.0, -np.log(w).sum()
        while size > 1e-12:
            trial = 1 + features @ (point + size * step)
            if trial.min() > 0 and -np.log(trial).sum() <= value + 1e-4 * size * (slope @ step):
                break
            size /= 2
        else:
            break
        point, w = point + size * step, trial
        if -slope @ step < 1e-16:
            break
    return w


def sample_profiles(
    levels: ArrayLike, energy: float, size: int, rng: np.random.Generator, *, rates: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Draw profiles |psi_a|^2 of a given energy, with exact weights with respect to Haar-random states.

    Parameters
    ----------
    levels : array_like, shape (N,)
    energy : float
        Between the lowest and the highest level.
    size : int
        Number of profiles.
    rng : numpy.random.Generator
    rates : array_like, shape (N,), optional
        Positive, in the order of the sorted levels; by default those of :func:`profile_rates`.

    Returns
    -------
    profiles : ndarray, shape (size, N)
        In the order of the sorted levels; each sums to 1 and has the energy exactly.
    log_weights : ndarray, shape (size,)
        mean(exp(log_weights) f(profiles)) estimates the Haar mean of delta(E - <H>) f.

    Notes
    -----
    A Haar profile is uniform on the simplex.  Its share t on the N+ levels above E, and the two normalised parts, are
    independent: t ~ Beta(N+, N-), the parts uniform on their simplices.  With mean energies e+ and e- of the parts,
    t = (E - e-) / (e+ - e-) solves the constraint with Jacobian 1 / (e+ - e-).  Each part is drawn as
    exponentials divided by the rates (angular central Gaussian), of density prod w_a (sum D_a w_a)^-N+ relative to
    uniform (derived).
    """
    h = _levels(levels)
    energy, size = _inside(energy, h), _at_least("size", size, 1)
    w = profile_rates(h, energy) if rates is None else np.asarray(rates, dtype=np.float64)
    if w.shape != h.shape or not (np.isfinite(w).all() and (w > 0).all()):
        raise ValueError(f"rates must be {len(h)} positive finite numbers, got {rates!r}")
    profiles = rng.standard_exponential((size, len(h))) / w
    log_weights = np.zeros(size)
    means = []
    above = h > energy
    for part in (above, ~above):
        profiles[:, part] /= profiles[:, part].sum(axis=1, keepdims=True)
        log_weights += part.sum() * np.log(profiles[:, part] @ w[part]) - np.log(w[part]).sum()
        means.append(profiles[:, part] @ h[part])
    count_above, count_below = above.sum(), (~above).sum()
    share = (energy - means[1]) / (means[0] - means[1])
    log_weights += (count_above - 1) * np.log(share) + (count_below - 1) * np.log1p(-share)
    log_weights -= betaln(count_above, count_below) + np.log(means[0] - means[1])
    profiles[:, above] *= share[:, None]
    profiles[:, ~above] *= 1 - share[:, None]
    return profiles, log_weights


def haar_log_density(
    levels: ArrayLike, energies: ArrayLike, *, n_samples: int, rng: np.random.Generator
) -> LogDensity:
    """ln of the density of <H> over Haar-random states, from the weights of :func:`sample_profiles`.

    A check of the sampling against :func:`qgmutils.haar.energy_cdf`; arguments as there and in
    :func:`finite_log_density`, whose result this returns.
    """
    h = _levels(levels)
    n_samples = _at_least("n_samples", n_samples, 2)
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


def gradient_log_density(dim: int) -> float:
    """ln kappa_N: the density of dE/dtheta_i at 0, given the state, is kappa_N / (2 sigma).

    dE/dtheta_i is 2 sigma s x with x a component of a unit vector of R^(2N-2) and s^2 = 1 - c^2, c = <Q_i> a
    component of a unit vector of R^(N+1).  kappa_N is the mean of 1/s times the density of x at 0, and
    sqrt(N / pi) (1 + O(1/N)) (derived).
    """
    n = float(_at_least("dim", dim, 4))
    inverse = 2 * gammaln(n / 2) - gammaln((n - 1) / 2) - gammaln((n + 1) / 2)
    return float(-inverse + gammaln(n - 1) - gammaln(n - 1.5) - np.log(np.pi) / 2)


@numba.njit(cache=True)
def _draw(levels, energy, u, b, z, rng):  # type: ignore[no-untyped-def]
    """Draw the reflection of one angle at a critical point: b and z with M_ij = b_j . z, and M_ii is returned.

    Complex vectors are stored as real parts, then imaginary parts; psi is the real vector `u`.
    """
    n = levels.size
    xu = yu = yc = square = 0.0
    variance = 0.0
    for a in range(n):
        b[a], b[n + a] = rng.standard_normal(), rng.standard_normal()
        z[a], z[n + a] = rng.standard_normal(), rng.standard_normal()
        chi = (levels[a] - energy) * u[a]
        variance += chi * chi
        xu += b[a] * u[a]
        yu += b[n + a] * u[a]
        yc += b[n + a] * chi
    # The derivative vanishes, so the imaginary part of <b|chi> does.
    wu = vu = wc = vc = 0.0
    for a in range(n):
        chi = (levels[a] - energy) * u[a]
        b[a] -= xu * u[a]
        b[n + a] -= yu * u[a] + yc / variance * chi
        square += b[a] * b[a] + b[n + a] * b[n + a]
        wu += z[a] * u[a]
        vu += z[n + a] * u[a]
        wc += z[a] * chi
        vc += z[n + a] * chi
    g = rng.standard_normal()
    c = g / np.sqrt(g * g + rng.chisquare(n - 1))
    s2 = 1 - c * c
    scale = np.sqrt(s2 / square)
    r = 0.0
    for a in range(n):
        b[a] *= scale
        b[n + a] *= scale
        r += b[a] * (levels[a] - energy) * u[a]
    # A random direction orthogonal to psi, chi and b, of which b's part orthogonal to chi remains to be taken off.
    re = im = rest = 0.0
    for a in range(n):
        chi = (levels[a] - energy) * u[a]
        z[a] -= wu * u[a] + wc / variance * chi
        z[n + a] -= vu * u[a] + vc / variance * chi
        x = b[a] - r / variance * chi
        y = b[n + a]
        re += x * z[a] + y * z[n + a]
        im += x * z[n + a] - y * z[a]
        rest += x * x + y * y
    re /= rest
    im /= rest
    length = 0.0
    for a in range(n):
        x = b[a] - r / variance * (levels[a] - energy) * u[a]
        y = b[n + a]
        z[a] -= re * x - im * y
        z[n + a] -= re * y + im * x
        length += z[a] * z[a] + z[n + a] * z[n + a]
    g = rng.standard_normal()
    turn = g / np.sqrt(g * g + rng.chisquare(n - 2))
    along = np.sqrt((1 - turn * turn) * (variance - r * r / s2) / length)
    diagonal = 2 * c * r
    for a in range(n):
        gap = levels[a] - energy
        chi = gap * u[a]
        # c chi + (r c / s2) b - y, with y = turn (chi - (r / s2) b) + along z.
        factor = gap + (c + turn) * r / s2
        z[a] = factor * b[a] + (c - turn) * chi - along * z[a]
        z[n + a] = factor * b[n + a] - along * z[n + a]
        diagonal += gap * (b[a] * b[a] + b[n + a] * b[n + a])
    return diagonal


@numba.njit(cache=True)
def _hessians(levels, energies, amplitudes, p, rng):  # type: ignore[no-untyped-def]
    size, n = amplitudes.shape
    result = np.empty((size, p, p))
    tangents, z = np.empty((p, 2 * n)), np.empty(2 * n)
    for k in range(size):
        for i in range(p):
            result[k, i, i] = _draw(levels, energies[k], amplitudes[k], tangents[i], z, rng)
            for j in range(i):
                total = 0.0
                for a in range(2 * n):
                    total += tangents[j, a] * z[a]
                result[k, i, j] = result[k, j, i] = total
    return result


def sample_critical_hessians(
    levels: ArrayLike, profiles: ArrayLike, n_params: int, rng: np.random.Generator
) -> Array:
    """Half Hessians M at critical points of circuits with Haar-rotated generators, one per profile; no weight |det|.

    Parameters
    ----------
    levels : array_like, shape (N,)
        Even N of at least 4.
    profiles : array_like, shape (B, N)
        |psi_a|^2 in the order of the sorted levels.
    n_params : int
        p >= 1.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (B, p, p)

    Raises
    ------
    ValueError
        For levels or profiles of other shapes, negative or unnormalised profiles, and profiles on one level only.
    """
    h, pi = _levels(levels), np.atleast_2d(np.asarray(profiles, dtype=np.float64))
    if pi.ndim != 2 or pi.shape[1] != len(h) or not ((pi >= 0).all() and np.allclose(pi.sum(axis=1), 1)):
        raise ValueError(
            f"profiles must have shape (B, {len(h)}), be non-negative and sum to 1, got {profiles!r}"
        )
    energies = pi @ h
    if not (np.einsum("ba,ba->b", pi, (h - energies[:, None]) ** 2) > 0).all():
        raise ValueError("profiles must cover more than one level: on one level every derivative is 0")
    return _hessians(h, energies, np.sqrt(pi), _at_least("n_params", n_params, 1), rng)


@numba.njit(cache=True, fastmath={"reassoc", "contract"})
def _dot(a, b, count):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(count):
        total += a[k] * b[k]
    return total


@numba.njit(cache=True)
def _population(levels, energy, amplitudes, log_weights, p, rng):  # type: ignore[no-untyped-def]
    """ln of one population's estimate of E[exp(log_weight) det M; M > 0], and the weights at the end by profile."""
    size, n = amplitudes.shape
    tangents, lower, pivots = np.empty((size, p, 2 * n)), np.empty((size, p, p)), np.empty((size, p))
    origin, chosen = np.arange(size), np.empty(size, np.int64)
    weight, ended = np.ones(size), np.zeros(size)
    z, row = np.empty(2 * n), np.empty(p)
    top = log_weights.max()
    trace = np.zeros(size)  # of the inverse of M
    result = top
    # An entry of a new row has about this variance, so that the trace times it is what a pivot loses.
    square = np.mean((levels - energy) ** 2) / (2 * n)
    for k in range(p):
        total = squares = 0.0
        for m in range(size):
            if weight[m] == 0.0:
                continue
            pivot = _draw(levels, energy, amplitudes[origin[m]], tangents[m, k], z, rng)
            for j in range(k):
                row[j] = _dot(tangents[m, j], z, 2 * n)
            for j in range(k):
                reduced = row[j] - _dot(lower[m, j], row, j)
                row[j] = reduced
            for j in range(k):
                lower[m, k, j] = row[j] / pivots[m, j]
                pivot -= row[j] * lower[m, k, j]
            pivots[m, k] = pivot
            if pivot <= 0.0:
                weight[m] = 0.0
                continue
            for j in range(k):
                row[j] = lower[m, k, j]
            length = 1.0
            for j in range(k - 1, -1, -1):
                length += row[j] * row[j]
                for i in range(j):
                    row[i] -= lower[m, j, i] * row[j]
            before = trace[m]
            trace[m] += length / pivot
            share = ((k + 1) / p) ** _GROWTH - (k / p) ** _GROWTH
            hope = (p - k) * before - (p - k - 1) * trace[m]
            weight[m] *= pivot * np.exp((log_weights[origin[m]] - top) * share + _LOOK_AHEAD * square * hope)
            total += weight[m]
            squares += weight[m] * weight[m]
        if not total > 0.0:
            return -np.inf, ended
        result += np.log(total / size)
        for m in range(size):
            weight[m] *= size / total
        if k < p - 1 and total * total < _RESAMPLE_BELOW * size * squares:
            _resample(weight, 1.0, chosen, rng.random())
            for m in range(size):
                source = chosen[m]
                if source != m:
                    tangents[m, : k + 1] = tangents[source, : k + 1]
                    lower[m, : k + 1, : k + 1] = lower[source, : k + 1, : k + 1]
                    pivots[m, : k + 1] = pivots[source, : k + 1]
                    origin[m], trace[m] = origin[source], trace[source]
                weight[m] = 1.0
    for m in range(size):
        ended[origin[m]] += weight[m] / size
    return result, ended


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
        energies = np.full(len(profiles[part]), energy)
        values = np.linalg.eigvalsh(_hessians(h, energies, np.sqrt(profiles[part]), p, rng))
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
    value, ended = _population(h, energy, np.sqrt(profiles), log_weights, p, rng)
    return value, float(ended @ spread) if np.isfinite(value) else np.nan


def _tune(sample: Callable[[float], float], variance: float, rounds: int) -> tuple[float, bool]:
    """Let the proposal's sigma^2 follow that of the weighted samples (the cross-entropy method).

    Without any survivor it is lowered: less of it leaves more matrices positive definite.
    """
    found = np.nan
    for _ in range(rounds):
        found = sample(variance)
        variance = found if np.isfinite(found) else 0.6 * variance
    return variance, bool(np.isfinite(found))


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
    h, p = _levels(levels), _at_least("n_params", n_params, 1)
    points = np.atleast_1d(np.asarray(energies, dtype=np.float64))
    for energy in points:
        _inside(energy, h)
    if index is not None and (int(index) != index or not 0 <= index <= p):
        raise ValueError(f"index must be None (all) or an integer from 0 to n_params = {p}, got {index!r}")
    n_samples = _at_least("n_samples", n_samples, 2 * N_POPULATIONS if index == 0 else 2)
    if index != 0:
        wanted, logs = -1 if index is None else int(index), []
        for energy in points:

            def plain(variance: float, energy: float = energy) -> float:
                return _plain(h, energy, p, wanted, min(n_samples, 200), variance, rng)[1]

            variance, _ = _tune(plain, _entropic_variance(h, energy), 2)
            logs.append(_plain(h, energy, p, wanted, n_samples, variance, rng)[0])
        return _collect(points, logs, min_effective_samples)
    most = max(16, _MEMORY // (8 * p * (2 * len(h) + p)))
    populations = max(N_POPULATIONS, n_samples // min(POPULATION_SIZE, most))
    size = max(2, n_samples // populations)
    log_density, stderr = np.full(len(points), -np.inf), np.full(len(points), np.inf)
    ratio, known = 1.0, False  # of the tuned sigma^2 to that of the profile of largest entropy
    # From low energies to high ones: at low ones most matrices survive, and each energy starts from the last one's.
    for e in np.argsort(points):
        energy = float(points[e])

        def sequential(variance: float, energy: float = energy) -> float:
            return _sequential(h, energy, p, size, variance, rng)[1]

        neutral = _entropic_variance(h, energy)
        variance, found = _tune(sequential, ratio * neutral, 2 if known else 4)
        if found:
            ratio, known = variance / neutral, True
        logarithms = np.array([_sequential(h, energy, p, size, variance, rng)[0] for _ in range(populations)])
        top = logarithms.max()
        if np.isfinite(top):
            values = np.exp(logarithms - top)
            log_density[e] = top + np.log(values.mean())
            stderr[e] = values.std(ddof=1) / values.mean() / np.sqrt(populations)
    effective = np.minimum(1 / np.maximum(stderr, 1e-12) ** 2, n_samples)
    return LogDensity(points, log_density, stderr, effective, effective >= min_effective_samples)


def _entropic_variance(h: Array, energy: float) -> float:
    """sigma^2 of the profile of largest entropy at this energy."""
    return float(np.mean((h - energy) ** 2 / profile_rates(h, energy)))


def _scan_size(n_samples: int) -> int:
    return max(2 * N_POPULATIONS, min(n_samples // 4, 800))


def _angle(energies: ArrayLike, bottom: float, top: float) -> Array:
    """phi in [0, pi] with E = bottom + (top - bottom) sin^2(phi / 2): near either end densities are powers of E."""
    share = (np.asarray(energies, dtype=np.float64) - bottom) / (top - bottom)
    return 2 * np.arcsin(np.sqrt(np.clip(share, 0, 1)))


def _energy(angles: Array, h: Array) -> Array:
    return h[0] + (h[-1] - h[0]) * np.sin(angles / 2) ** 2


def _bulk(
    h: Array, p: int, index: int | None, n_samples: int, n_energies: int, rng: np.random.Generator
) -> Array:
    """Energies that cover the bulk, 9 e-folds below the peak on either side, evenly spaced in `_angle`."""
    low, high = 0.0, np.pi
    for _ in range(2):  # the second look is at the narrower window that the first one found
        coarse = np.linspace(low, high, 22)[1:-1]
        scan = finite_log_density(_energy(coarse, h), h, p, index=index, n_samples=n_samples, rng=rng)
        log_mass = scan.log_density + np.log(np.sin(coarse))
        if not np.isfinite(log_mass).any():
            raise UnresolvedError(
                f"no critical point of the index was found with {n_samples} samples at any energy"
            )
        bulk = np.flatnonzero(log_mass > log_mass.max() - 9)
        step = coarse[1] - coarse[0]
        low = max(low, coarse[bulk[0]] - step)
        high = min(high, coarse[bulk[-1]] + step)
    return _energy(np.linspace(low, high, n_energies + 2)[1:-1], h)


def finite_counts(
    levels: ArrayLike,
    n_params: int,
    *,
    index: int | None = 0,
    n_samples: int,
    rng: np.random.Generator,
    n_energies: int = 24,
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES,
) -> Counts:
    """Expected number and mean energy of the critical points of one index, or of all, over [0, pi)^p.

    Parameters
    ----------
    levels, n_params, index, rng
        As in :func:`finite_log_density`; arrays of the result have shape (1,), with index -1 for all.
    n_samples : int
        Matrices at each of the energies.
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
    h, p = _levels(levels), _at_least("n_params", n_params, 1)
    n_energies = _at_least("n_energies", n_energies, 8)
    energies = _bulk(h, p, index, _scan_size(n_samples), n_energies, rng)
    density = finite_log_density(energies, h, p, index=index, n_samples=n_samples, rng=rng)
    count, count_stderr, mean, mean_stderr = integrate(density, h[0], h[-1])
    effective = (count / count_stderr) ** 2 if count_stderr > 0 else 0.0
    if not effective >= min_effective_samples:
        raise UnresolvedError(
            f"the sample must hold at least {min_effective_samples:g} effective matrices, got {effective:.1f} from "
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
    """Task: the density of minima in energy at finite dimension, as :func:`finite_log_density` gives it.

    Attributes
    ----------
    levels : tuple of float
        Normalised levels h_a.
    n_params : int
        p.
    n_samples : int
        Matrices per energy.
    seed : int
    energies : tuple of float
        At least two, increasing; none stands for `n_energies` that cover the bulk, evenly spaced for `integrate`.
    n_energies : int
    min_effective_samples : float
        Below this an energy is unresolved.
    """

    levels: tuple[float, ...]
    n_params: int
    n_samples: int
    seed: int
    energies: tuple[float, ...] = ()
    n_energies: int = 24
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES

    def run(self) -> pd.DataFrame:
        """Return one row per energy: energy, log_density, density, stderr (relative), effective_samples, resolved.

        exp(log_density) integrates to the expected number of minima, density to 1; density is nan where the bulk is
        not resolved.
        """
        h, p = _levels(self.levels), _at_least("n_params", self.n_params, 1)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(len(h), p)))
        energies = np.array(self.energies)
        if not self.energies:
            energies = _bulk(h, p, 0, _scan_size(self.n_samples), self.n_energies, rng)
        found = finite_log_density(
            energies,
            h,
            p,
            index=0,
            n_samples=self.n_samples,
            rng=rng,
            min_effective_samples=self.min_effective_samples,
        )
        try:
            density = np.exp(normalised(found).log_density)
        except UnresolvedError:
            density = np.full(energies.size, np.nan)
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
