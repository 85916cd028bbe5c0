"""Sequential Monte Carlo for minima of circuits whose generators are Haar-random reflections.

As in :mod:`qgmutils.theory.random_field.positive_definite` the rows of the half Hessian M are revealed to a
population of matrices, which are weighted with their pivots (0 if negative) and resampled: the product of the mean
weights is an unbiased estimate of E[det M; M > 0].  Here all the matrices of a population belong to one state, whose
tangents b_i (:mod:`.reflections`) make the rows: M_ij = b_j . z_i.  What is kept of them is B' = L^-1 B with
M = L D L^T, since B' z is the new row after the elimination, and B' all that the rows to come depend on.

Source: sequential importance resampling is textbook (field); its use on the pivots, the elimination among the tangents
and the look-ahead are this project's (derived).
"""

from __future__ import annotations

import numba
import numpy as np

from qgmutils.theory.finite_dimension.reflections import draw_row
from qgmutils.theory.random_field.positive_definite import _resample

__all__ = ["populations"]

BLOCK = 4
"""Rows drawn at a time for one matrix: its tangents, too many for the caches, are read once for all of them."""

_RESAMPLE_BELOW = 0.9  # effective fraction of a population

# Neither constant moves the mean of an estimate, both reduce its spread.  A new row z has covariance
# K = ((H - E)^2 + sigma^2) / 2N up to 1/N, so that its pivot, a fraction of the mean diagonal entry, loses
# tr(B'^T D^-1 B' K) on average.  A matrix whose later pivots will be small is weighted down ahead of time, by
# (1 + 10x/b)^-b for each row to come, x the ratio of the two, b = 1 + p/16: an exponential where x is small, which
# would be ruinous where N is so small that x is of order one.  Up to p = N/2 factors from 4 to 12 are equally good; at
# p = N = 256 estimates scatter least from 8 to 16.  The last eighth of the rows, and four more, where every second
# matrix dies, are drawn one by one with resampling after each.
_LOOK_AHEAD = 10.0
_SINGLE_ROWS = 8  # one in so many

_fast = numba.njit(cache=True, fastmath={"reassoc", "contract"})


@_fast
def _eliminate_four(direction, pivot, count, z, b, losses):
    """Take out of four rows what they share with one earlier direction, which is read once for all of them."""
    s0 = s1 = s2 = s3 = np.float32(0)
    for a in range(count):
        s0 += direction[a] * z[0, a]
        s1 += direction[a] * z[1, a]
        s2 += direction[a] * z[2, a]
        s3 += direction[a] * z[3, a]
    f0, f1, f2, f3 = (
        np.float32(s0 / pivot),
        np.float32(s1 / pivot),
        np.float32(s2 / pivot),
        np.float32(s3 / pivot),
    )
    for a in range(count):
        b[0, a] -= f0 * direction[a]
        b[1, a] -= f1 * direction[a]
        b[2, a] -= f2 * direction[a]
        b[3, a] -= f3 * direction[a]
    losses[0] += float(s0) * s0 / pivot
    losses[1] += float(s1) * s1 / pivot
    losses[2] += float(s2) * s2 / pivot
    losses[3] += float(s3) * s3 / pivot


@_fast
def _eliminate(direction, pivot, count, z, b):
    """The same for one row; returns what its pivot loses."""
    s = np.float32(0)
    for a in range(count):
        s += direction[a] * z[a]
    factor = np.float32(s / pivot)
    for a in range(count):
        b[a] -= factor * direction[a]
    return float(s) * s / pivot


@_fast
def _weighted_square(metric, vector):
    total = 0.0
    for a in range(vector.size):
        total += metric[a] * float(vector[a]) * vector[a]
    return total


@numba.njit(cache=True)
def _reveal(levels, energy, amplitude, first, width, directions, pivots, b, z, four_b, four_z, losses, rng):
    """Draw rows first ... first + width - 1 of M, and extend D and B'.  Behind a negative pivot they mean nothing."""
    count = 2 * levels.size
    four_b[:], four_z[:], losses[:] = 0.0, 0.0, 0.0
    for i in range(width):
        pivots[first + i] = draw_row(levels, energy, amplitude, b, z, rng)
        # Rounding to single precision moves an entry of M by 1e-7 of the diagonal: nothing next to a pivot's spread.
        for a in range(count):
            four_b[i, a], four_z[i, a] = b[a], z[a]
    for j in range(first):
        if width == BLOCK:
            _eliminate_four(directions[j], pivots[j], count, four_z, four_b, losses)
        else:
            for i in range(width):
                losses[i] += _eliminate(directions[j], pivots[j], count, four_z[i], four_b[i])
    for i in range(width):
        for j in range(i):
            losses[i] += _eliminate(four_b[j], pivots[first + j], count, four_z[i], four_b[i])
        pivots[first + i] -= losses[i]
        directions[first + i] = four_b[i]


@numba.njit(cache=True)
def _population(levels, energy, amplitude, p, directions, pivots, rng):
    """ln of one population's estimate; `directions` (size, p, 2N) and `pivots` (size, p) are scratch."""
    size, n = len(pivots), levels.size
    weight, trace, chosen = np.ones(size), np.zeros(size), np.empty(size, np.int64)
    b, z, losses = np.empty(2 * n), np.empty(2 * n), np.empty(BLOCK)
    four_b, four_z = np.empty((BLOCK, 2 * n), np.float32), np.empty((BLOCK, 2 * n), np.float32)
    metric = np.empty(2 * n)
    gaps = levels - energy
    variance = np.sum((gaps * amplitude) ** 2)
    metric[:n] = (gaps**2 + variance) / (2 * n)
    metric[n:] = metric[:n]
    # Pivots are a fraction of the mean diagonal entry, which is the mean of |H - E| at the energies of minima.
    power = 1 + p / 16
    strength = _LOOK_AHEAD / power / np.mean(np.abs(gaps))
    result, done, single = 0.0, 0, p - p // _SINGLE_ROWS - BLOCK
    while done < p:
        first, width = done, BLOCK if done + BLOCK <= single else 1
        done += width
        total = squares = 0.0
        for m in range(size):
            if weight[m] == 0.0:
                continue
            own = pivots[m]
            _reveal(
                *(
                    levels,
                    energy,
                    amplitude,
                    first,
                    width,
                    directions[m],
                    own,
                    b,
                    z,
                    four_b,
                    four_z,
                    losses,
                    rng,
                )
            )
            for k in range(first, done):
                if not own[k] > 0.0:
                    weight[m] = 0.0
                    break
                before = trace[m]
                trace[m] += _weighted_square(metric, directions[m, k]) / own[k]
                now, then = np.log1p(strength * trace[m]), np.log1p(strength * before)
                weight[m] *= own[k] * np.exp(power * ((p - k) * then - (p - k - 1) * now))
            total += weight[m]
            squares += weight[m] * weight[m]
        if not total > 0.0:
            return -np.inf
        result += np.log(total / size)
        for m in range(size):
            weight[m] *= size / total
        if done < p and total * total < _RESAMPLE_BELOW * size * squares:
            _resample(weight, 1.0, chosen, rng.random())
            for m in range(size):
                source = chosen[m]
                if source != m:
                    directions[m, :done] = directions[source, :done]
                    pivots[m, :done] = pivots[source, :done]
                    trace[m] = trace[source]
                weight[m] = 1.0
    return result


@numba.njit(cache=True)
def populations(levels, energy, amplitudes, p, size, rng):
    """ln of the estimates of E[det M; M > 0 | state] that one population of matrices gives for each state.

    Parameters
    ----------
    levels : array, shape (N,)
        Sorted.
    energy : float
    amplitudes : array, shape (B, N)
        Square roots of profiles |psi_a|^2 of that energy.
    p : int
        Number of rows of M.
    size : int
        Matrices of a population.
    rng : numpy.random.Generator

    Returns
    -------
    array, shape (B,)
        Independent; the exponential of each has the expected value asked for.  -inf if all matrices died.
    """
    directions = np.empty((size, p, 2 * levels.size), np.float32)
    pivots = np.empty((size, p))
    result = np.empty(len(amplitudes))
    for k in range(len(amplitudes)):
        result[k] = _population(levels, energy, amplitudes[k], p, directions, pivots, rng)
    return result
