"""Sequential Monte Carlo for the rare event that a random Hessian has no negative eigenvalue.

A = W/(2m) + sqrt(E/2m) S - E is positive definite when all pivots of A = L D L^T are positive, and det A is their
product.  Rows of A are drawn one after the other for a population of matrices; after each row every matrix is weighted
with its new pivot (0 if it is negative), and the population is resampled when the weights have become uneven.  The
product of the mean weights is an unbiased estimate of E[det A; A > 0], a product of p numbers of order one where
plain sampling has to find an event of probability exp(-O(p)) or less at one stroke.  Independent populations give
the error bar.

W = T T^T with T by Bartlett's decomposition, so that row k needs k normal and one chi-square number only.

Source: sequential importance resampling is textbook (field); its use on the pivots is this project's (derived) and
tested against plain sampling.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["N_POPULATIONS", "log_positive_determinant"]

N_POPULATIONS = 8
"""Independent populations behind every error bar."""

_RESAMPLE_BELOW = 0.7  # effective fraction of the population


@numba.njit(cache=True)
def _population(energy, p, two_m, diagonal_variance, size, rng):  # type: ignore[no-untyped-def]
    """Logarithm of one population's estimate of E[det A; A > 0]; -inf if all its matrices died."""
    fields = two_m - 1  # degrees of freedom of W
    factor, factor_new = np.zeros((size, p, p)), np.zeros((size, p, p))  # T
    lower, lower_new = np.zeros((size, p, p)), np.zeros((size, p, p))  # L
    pivots, pivots_new = np.zeros((size, p)), np.zeros((size, p))  # D
    weight, row, reduced = np.ones(size), np.zeros(p), np.zeros(p)
    spread = np.sqrt(energy / two_m)
    result = 0.0
    for k in range(p):
        for b in range(size):
            t, low, d = factor[b], lower[b], pivots[b]
            square = 0.0
            for j in range(min(k, fields)):
                t[k, j] = rng.standard_normal()
                square += t[k, j] ** 2
            if k < fields:
                chi = rng.chisquare(fields - k)
                t[k, k] = np.sqrt(chi)
                square += chi
            for i in range(k):
                total = 0.0
                for j in range(min(i + 1, fields)):
                    total += t[k, j] * t[i, j]
                row[i] = total / two_m + spread * rng.standard_normal()
            pivot = square / two_m - energy
            if diagonal_variance > 0.0:
                pivot += spread * np.sqrt(diagonal_variance) * rng.standard_normal()
            for i in range(k):
                total = row[i]
                for j in range(i):
                    total -= low[i, j] * reduced[j]
                reduced[i] = total
                low[k, i] = total / d[i]
                pivot -= total * low[k, i]
            d[k] = pivot
            weight[b] *= max(pivot, 0.0)
        total = weight.sum()
        if not total > 0.0:
            return -np.inf
        if total * total < _RESAMPLE_BELOW * size * (weight * weight).sum() or k == p - 1:
            result += np.log(total / size)
            step = total / size
            target, reached, chosen = rng.random() * step, weight[0], 0  # systematic resampling
            for b in range(size):
                while reached < target and chosen < size - 1:
                    chosen += 1
                    reached += weight[chosen]
                factor_new[b, : k + 1] = factor[chosen, : k + 1]
                lower_new[b, : k + 1] = lower[chosen, : k + 1]
                pivots_new[b, : k + 1] = pivots[chosen, : k + 1]
                target += step
            factor, factor_new = factor_new, factor
            lower, lower_new = lower_new, lower
            pivots, pivots_new = pivots_new, pivots
            weight[:] = 1.0
    return result


def log_positive_determinant(
    energies: NDArray[np.float64],
    n_params: int,
    two_m: int,
    *,
    n_samples: int,
    rng: np.random.Generator,
    layers: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ln E[det A; A positive definite] at each energy, and its standard error.

    Parameters
    ----------
    energies : array, shape (E,)
        Positive normalised energies.
    n_params, two_m : int
        p and 2m.
    n_samples : int
        Matrices per energy, at least 2 `N_POPULATIONS`; shared out among the populations.
    rng : numpy.random.Generator
    layers : int
        Gates per angle r.

    Returns
    -------
    log_mean, stderr : arrays, shape (E,)
        Natural logarithm and its standard error from `N_POPULATIONS` independent populations; -inf and inf where
        no matrix survived.
    """
    size = max(2, n_samples // N_POPULATIONS)
    log_mean, stderr = np.full(len(energies), -np.inf), np.full(len(energies), np.inf)
    for e, energy in enumerate(energies):
        logs = np.array(
            [
                _population(float(energy), n_params, two_m, 2 * (1 - 1 / layers), size, rng)
                for _ in range(N_POPULATIONS)
            ]
        )
        top = logs.max()
        if np.isfinite(top):
            values = np.exp(logs - top)
            log_mean[e] = top + np.log(values.mean())
            stderr[e] = values.std(ddof=1) / values.mean() / np.sqrt(N_POPULATIONS)
    return log_mean, stderr
