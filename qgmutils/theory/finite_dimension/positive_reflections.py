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
from numpy.typing import NDArray

from qgmutils.computing.kernels import compiled
from qgmutils.theory.finite_dimension.reflections import draw_row
from qgmutils.theory.large_dimension.elimination import loss_weights
from qgmutils.theory.random_field.positive_definite import _resample

__all__ = ["populations"]

Array = NDArray[np.float64]

BLOCK = 4
"""Rows drawn at a time for one matrix: its tangents, too many for the caches, are read once for all of them."""

_RESAMPLE_BELOW = 0.9  # effective fraction of a population

# Neither constant moves the mean of an estimate, both reduce its spread.  A matrix whose later pivots will be small is
# weighted down ahead of time, by (1 + 8x/b)^-b for each row to come, b = 1 + p/16, x the share of its pivot that such
# a row is expected to lose (:mod:`qgmutils.theory.large_dimension.elimination`): an exponential where x is small, which
# would be ruinous where N is so small that x is of order one.  The last eighth of the rows, and four more, where every
# second matrix dies, are drawn one by one with resampling after each.
_LOOK_AHEAD = 8.0
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
def _add_squares(share, vector, pivot, weights):
    """Add what a pivot's direction adds to the diagonal of R; returns the weighted sum of the diagonal."""
    n = share.size
    total = 0.0
    for a in range(n):
        x, y = float(vector[a]), float(vector[n + a])
        share[a] += (x * x + y * y) / pivot
        total += weights[a] * share[a]
    return total


@compiled
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


@compiled
def _population(levels, energy, amplitude, losses_ahead, directions, pivots, rng):
    """ln of one population's estimate; `directions` (size, p, 2N) and `pivots` (size, p) are scratch."""
    (size, p), n = pivots.shape, levels.size
    weight, chosen = np.ones(size), np.empty(size, np.int64)
    share, ahead = np.zeros((size, n)), np.zeros(size)  # the diagonal of R, and ln of the factors so far
    b, z, losses = np.empty(2 * n), np.empty(2 * n), np.empty(BLOCK)
    four_b, four_z = np.empty((BLOCK, 2 * n), np.float32), np.empty((BLOCK, 2 * n), np.float32)
    power = 1 + p / 16
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
                weight[m] *= own[k]
                expected = _add_squares(share[m], directions[m, k], own[k], losses_ahead[k])
            if weight[m] > 0.0:
                left = power * (p - done)
                factor = -left * np.log1p(_LOOK_AHEAD * expected / left) if done < p else 0.0
                weight[m] *= np.exp(factor - ahead[m])
                ahead[m] = factor
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
                    share[m], ahead[m] = share[source], ahead[source]
                weight[m] = 1.0
    return result


@compiled
def _populations(levels, energy, amplitudes, losses_ahead, size, rng):
    p = len(losses_ahead)
    directions = np.empty((size, p, 2 * levels.size), np.float32)
    pivots = np.empty((size, p))
    result = np.empty(len(amplitudes))
    for k in range(len(amplitudes)):
        result[k] = _population(levels, energy, amplitudes[k], losses_ahead, directions, pivots, rng)
    return result


def populations(
    levels: Array, energy: float, amplitudes: Array, p: int, size: int, rng: np.random.Generator
) -> Array:
    """ln of the estimates of E[det M; M > 0 | state] that one population of matrices gives for each state.

    Parameters
    ----------
    levels : ndarray, shape (N,)
        Sorted.
    energy : float
    amplitudes : ndarray, shape (B, N)
        Square roots of profiles |psi_a|^2 of that energy, and of about the same sigma^2.
    p : int
        Number of rows of M.
    size : int
        Matrices of a population.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (B,)
        Independent; the exponential of each has the expected value asked for.  -inf if all matrices died.
    """
    variance = float(np.mean(amplitudes**2 @ (levels - energy) ** 2))
    losses_ahead = loss_weights(levels, energy, variance, p)
    result: Array = _populations(levels, energy, amplitudes, losses_ahead, size, rng)
    return result
