"""Sequential Monte Carlo for minima of circuits whose generators are Haar-random reflections.

As in :mod:`qgmutils.positive_definite` the rows of the half Hessian M are revealed to a population of matrices,
which are weighted with their pivots (0 if negative) and resampled: the product of the mean weights is an unbiased
estimate of E[w det M; M > 0].  Here each matrix comes with a state and its tangents b_i (:mod:`qgmutils.reflections`).

Source: sequential importance resampling is textbook (field); its use on the pivots is this project's (derived).
"""

from __future__ import annotations

import numba
import numpy as np

from .positive_definite import _resample
from .reflections import draw_row

__all__ = ["POPULATION_SIZE", "population"]

POPULATION_SIZE = 128
"""Matrices of a population.  The more there are, the fewer share their ancestors after p rows."""

BLOCK = 4
"""Rows drawn at a time for one matrix: its tangents, too many for the caches, are read once for all of them."""

_RESAMPLE_BELOW = 0.7  # effective fraction of the population

# Neither constant moves the mean of an estimate, both reduce its spread.  What M says about the profile it says in the
# last rows, so that the profile's weight enters like (k/p)^5; a matrix with small eigenvalues, whose future pivots will
# be small, is weighted down ahead of time.  Measured at N = 64, p = 32, 64, 110: relative spread of one population
# 0.48, 2.4, 2.8 without (linear growth, no look-ahead) and 0.16, 0.6, 0.42 with these values; twice as much
# look-ahead or powers 3 and 8 are no better, nor is the determinant of M plus a constant in place of the trace.
_GROWTH = 5.0
_LOOK_AHEAD = 0.3

_fast = numba.njit(cache=True, fastmath={"reassoc", "contract"})


@_fast
def _dot(a, b, count):
    total = a.dtype.type(0)
    for k in range(count):
        total += a[k] * b[k]
    return total


@_fast
def _four_dots(a, rows, count, result):
    """Products of `a` with four rows; `a` is read once."""
    s0 = s1 = s2 = s3 = a.dtype.type(0)
    for k in range(count):
        s0 += a[k] * rows[0, k]
        s1 += a[k] * rows[1, k]
        s2 += a[k] * rows[2, k]
        s3 += a[k] * rows[3, k]
    result[0], result[1], result[2], result[3] = s0, s1, s2, s3


@_fast
def _subtract(a, count, factor, rows):
    """Take factor[i] times `a` from row i, for four rows; `a` is read once."""
    f0, f1, f2, f3 = factor[0], factor[1], factor[2], factor[3]
    for k in range(count):
        rows[0, k] -= f0 * a[k]
        rows[1, k] -= f1 * a[k]
        rows[2, k] -= f2 * a[k]
        rows[3, k] -= f3 * a[k]


@numba.njit(cache=True)
def _reveal(
    levels, energy, amplitude, first, width, tangents, lower, pivots, lengths, b, z, narrow, rows, four, rng
):
    """Draw rows first ... first + width - 1 of M, extend its factor L D L^T, and the trace of its inverse.

    `lengths` receives what each row adds to the trace, times its pivot.  Numbers behind a negative pivot mean nothing.
    """
    n = levels.size
    rows[:] = 0.0
    narrow[:] = 0.0
    for i in range(width):
        pivots[first + i] = draw_row(levels, energy, amplitude, b, z, rng)
        # Rounding to single precision moves an entry by 1e-7 of the diagonal: nothing next to a pivot's spread.
        for a in range(2 * n):
            tangents[first + i, a], narrow[i, a] = b[a], z[a]
    for j in range(first):
        _four_dots(tangents[j], narrow, 2 * n, four)
        for i in range(BLOCK):
            rows[i, j] = four[i]
    for j in range(first):  # L y = row, for the four rows at once
        _four_dots(lower[j], rows, j, four)
        for i in range(BLOCK):
            rows[i, j] -= four[i]
    for i in range(width):
        for j in range(first, first + i):
            entry = float(_dot(tangents[j], narrow[i], 2 * n))
            rows[i, j] = entry - _dot(lower[j], rows[i], j)
        for j in range(first + i):
            quotient = rows[i, j] / pivots[j]
            pivots[first + i] -= rows[i, j] * quotient
            lower[first + i, j] = quotient
            rows[i, j] = quotient
    # The new rows of the inverse of L, of length sum of squares, by substitution from the right.
    for i in range(width):
        lengths[i] = 1.0
        for j in range(first + i - 1, first - 1, -1):
            lengths[i] += rows[i, j] ** 2
            for k in range(j):
                rows[i, k] -= lower[j, k] * rows[i, j]
    for j in range(first - 1, -1, -1):
        for i in range(BLOCK):
            four[i] = rows[i, j]
        for i in range(width):
            lengths[i] += four[i] ** 2
        _subtract(lower[j], j, four, rows)


@numba.njit(cache=True)
def population(levels, energy, amplitudes, log_weights, p, rng):
    """ln of one population's estimate of E[exp(log_weight) det M; M > 0], and the weights at the end by profile.

    Parameters
    ----------
    levels : array, shape (N,)
        Sorted.
    energy : float
    amplitudes : array, shape (B, N)
        Square roots of profiles of that energy; one for each of the B matrices.
    log_weights : array, shape (B,)
    p : int
        Number of rows of M.
    rng : numpy.random.Generator

    Returns
    -------
    float
        -inf if all matrices died.
    array, shape (B,)
        Mean weights, which sum to 1, of the matrices at the end that descend from each profile.
    """
    size, n = amplitudes.shape
    tangents = np.empty((size, p, 2 * n), np.float32)
    lower, pivots = np.empty((size, p, p)), np.empty((size, p))
    origin, chosen = np.arange(size), np.empty(size, np.int64)
    weight, ended, lengths = np.ones(size), np.zeros(size), np.empty(BLOCK)
    b, z, narrow = np.empty(2 * n), np.empty(2 * n), np.empty((BLOCK, 2 * n), np.float32)
    rows, four = np.empty((BLOCK, p)), np.empty(BLOCK)
    top = log_weights.max()
    trace = np.zeros(size)  # of the inverse of M
    result = top
    # An entry of a new row has about this variance, so that the trace times it is what a pivot loses.
    square = np.mean((levels - energy) ** 2) / (2 * n)
    for first in range(0, p, BLOCK):
        width = min(BLOCK, p - first)
        total = squares = 0.0
        for m in range(size):
            if weight[m] == 0.0:
                continue
            own = pivots[m]
            _reveal(
                *(levels, energy, amplitudes[origin[m]], first, width, tangents[m], lower[m], own, lengths),
                *(b, z, narrow, rows, four, rng),
            )
            for i in range(width):
                k = first + i
                if not own[k] > 0.0:
                    weight[m] = 0.0
                    break
                before = trace[m]
                trace[m] += lengths[i] / own[k]
                share = ((k + 1) / p) ** _GROWTH - (k / p) ** _GROWTH
                hope = (p - k) * before - (p - k - 1) * trace[m]
                weight[m] *= own[k] * np.exp(
                    (log_weights[origin[m]] - top) * share + _LOOK_AHEAD * square * hope
                )
            total += weight[m]
            squares += weight[m] * weight[m]
        if not total > 0.0:
            return -np.inf, ended
        result += np.log(total / size)
        for m in range(size):
            weight[m] *= size / total
        done = first + width
        if done < p and total * total < _RESAMPLE_BELOW * size * squares:
            _resample(weight, 1.0, chosen, rng.random())
            for m in range(size):
                source = chosen[m]
                if source != m:
                    tangents[m, :done] = tangents[source, :done]
                    for k in range(done):
                        lower[m, k, :k] = lower[source, k, :k]
                    pivots[m, :done] = pivots[source, :done]
                    origin[m], trace[m] = origin[source], trace[source]
                weight[m] = 1.0
    for m in range(size):
        ended[origin[m]] += weight[m] / size
    return result, ended
