"""Sequential Monte Carlo for minima of circuits whose generators are Haar-random reflections.

As in :mod:`qgmutils.field.positive_definite` the rows of the half Hessian M are revealed to a
population of matrices, which are weighted with their pivots (0 if negative) and resampled: the product of the mean
weights is an unbiased estimate of E[det M; M > 0].  Here all the matrices of a population belong to one state, whose
tangents b_i (:mod:`.reflections`) make the rows: M_ij = b_j . z_i.  What is kept of them is B' = L^-1 B with
M = L D L^T, since B' z is the new row after the elimination, and B' all that the rows to come depend on.

Source: sequential importance resampling is textbook (field); its use on the pivots, the elimination among the tangents
and the look-ahead are this project's (derived).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qgmutils.beyond.finite_dimension.reflections import draw_row
from qgmutils.beyond.large_dimension.elimination import loss_weights
from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import dot, fma, fnma, horizontal_sum, load_singles, splat_singles, store_singles
from qgmutils.field.positive_definite import _resample

__all__ = ["populations"]

Array = NDArray[np.float64]

BLOCK = 4
"""Rows drawn at a time for one matrix: its tangents, too many for the caches, are read once for all of them."""

_RESAMPLE_BELOW = 0.9  # effective fraction of a population

# Neither constant moves the mean of an estimate, both reduce its spread.  A matrix whose later pivots will be small is
# weighted down ahead of time, by (1 + 8x/b)^-b for each row to come, b = 1 + p/16, x the share of its pivot that such
# a row is expected to lose (:mod:`qgmutils.beyond.large_dimension.elimination`): an exponential where x is small, which
# would be ruinous where N is so small that x is of order one.  The last eighth of the rows, and four more, where every
# second matrix dies, are drawn one by one with resampling after each.
_LOOK_AHEAD = 8.0
_SINGLE_ROWS = 8  # one in so many

_SINGLES = 16  # single-precision numbers taken together; rows are padded with zeros to a multiple of it


@compiled
def _eliminate_four(directions, at, pivot, z, b, width, losses):
    """Take out of four rows what they share with one earlier direction, which is read once for all of them."""
    s0 = s1 = s2 = s3 = splat_singles(np.float32(0))
    for a in range(0, width, _SINGLES):
        direction = load_singles(directions, at + a)
        s0 = fma(direction, load_singles(z, a), s0)
        s1 = fma(direction, load_singles(z, width + a), s1)
        s2 = fma(direction, load_singles(z, 2 * width + a), s2)
        s3 = fma(direction, load_singles(z, 3 * width + a), s3)
    t0, t1, t2, t3 = horizontal_sum(s0), horizontal_sum(s1), horizontal_sum(s2), horizontal_sum(s3)
    f0 = splat_singles(np.float32(t0 / pivot))
    f1 = splat_singles(np.float32(t1 / pivot))
    f2 = splat_singles(np.float32(t2 / pivot))
    f3 = splat_singles(np.float32(t3 / pivot))
    for a in range(0, width, _SINGLES):
        direction = load_singles(directions, at + a)
        store_singles(b, a, fnma(f0, direction, load_singles(b, a)))
        store_singles(b, width + a, fnma(f1, direction, load_singles(b, width + a)))
        store_singles(b, 2 * width + a, fnma(f2, direction, load_singles(b, 2 * width + a)))
        store_singles(b, 3 * width + a, fnma(f3, direction, load_singles(b, 3 * width + a)))
    losses[0] += float(t0) * t0 / pivot
    losses[1] += float(t1) * t1 / pivot
    losses[2] += float(t2) * t2 / pivot
    losses[3] += float(t3) * t3 / pivot


@compiled
def _eliminate(directions, at, pivot, z, b, row, width):
    """The same for one row; returns what its pivot loses."""
    total = splat_singles(np.float32(0))
    for a in range(0, width, _SINGLES):
        total = fma(load_singles(directions, at + a), load_singles(z, row + a), total)
    s = horizontal_sum(total)
    factor = splat_singles(np.float32(s / pivot))
    for a in range(0, width, _SINGLES):
        store_singles(b, row + a, fnma(factor, load_singles(directions, at + a), load_singles(b, row + a)))
    return float(s) * s / pivot


@compiled
def _add_squares(share, vector, pivot, weights):
    """Add what a pivot's direction adds to the diagonal of R; returns the weighted sum of the diagonal."""
    n = share.size
    for a in range(n):
        x, y = float(vector[a]), float(vector[n + a])
        share[a] += (x * x + y * y) / pivot
    return dot(weights, 0, share, 0, n)


@compiled
def _reveal(levels, energy, amplitude, first, count, directions, pivots, b, z, four_b, four_z, losses, rng):
    """Draw `count` rows of M from row `first` on, and extend D and B'.  Behind a negative pivot they mean nothing."""
    length, width = 2 * levels.size, four_b.size // BLOCK
    four_b[:], four_z[:], losses[:] = 0.0, 0.0, 0.0
    for i in range(count):
        pivots[first + i] = draw_row(levels, energy, amplitude, b, z, rng)
        # Rounding to single precision moves an entry of M by 1e-7 of the diagonal: nothing next to a pivot's spread.
        for a in range(length):
            four_b[i * width + a], four_z[i * width + a] = b[a], z[a]
    for j in range(first):
        if count == BLOCK:
            _eliminate_four(directions, j * width, pivots[j], four_z, four_b, width, losses)
        else:
            for i in range(count):
                losses[i] += _eliminate(directions, j * width, pivots[j], four_z, four_b, i * width, width)
    for i in range(count):
        for j in range(i):
            losses[i] += _eliminate(four_b, j * width, pivots[first + j], four_z, four_b, i * width, width)
        pivots[first + i] -= losses[i]
    for a in range(count * width):
        directions[first * width + a] = four_b[a]


@compiled
def _population(levels, energy, amplitude, losses_ahead, directions, pivots, rng):
    """ln of one population's estimate; `directions` (size, p * width) and `pivots` (size, p) are scratch."""
    (size, p), n = pivots.shape, levels.size
    weight, chosen = np.ones(size), np.empty(size, np.int64)
    share, ahead = np.zeros((size, n)), np.zeros(size)  # the diagonal of R, and ln of the factors so far
    b, z, losses = np.empty(2 * n), np.empty(2 * n), np.empty(BLOCK)
    width = directions.shape[1] // p
    four_b, four_z = np.empty(BLOCK * width, np.float32), np.empty(BLOCK * width, np.float32)
    power = 1 + p / 16
    result, done, single = 0.0, 0, p - p // _SINGLE_ROWS - BLOCK
    while done < p:
        first, count = done, BLOCK if done + BLOCK <= single else 1
        done += count
        total = squares = 0.0
        for m in range(size):
            if weight[m] == 0.0:
                continue
            own = pivots[m]
            _reveal(
                levels,
                energy,
                amplitude,
                first,
                count,
                directions[m],
                own,
                b,
                z,
                four_b,
                four_z,
                losses,
                rng,
            )
            for k in range(first, done):
                if not own[k] > 0.0:
                    weight[m] = 0.0
                    break
                weight[m] *= own[k]
                expected = _add_squares(share[m], directions[m, k * width :], own[k], losses_ahead[k])
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
                    directions[m, : done * width] = directions[source, : done * width]
                    pivots[m, :done] = pivots[source, :done]
                    share[m], ahead[m] = share[source], ahead[source]
                weight[m] = 1.0
    return result


@compiled
def _populations(levels, energy, amplitudes, losses_ahead, size, rng):
    p = len(losses_ahead)
    width = -(-2 * levels.size // _SINGLES) * _SINGLES
    directions = np.empty((size, p * width), np.float32)
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
