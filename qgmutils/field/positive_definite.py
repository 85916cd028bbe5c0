"""Sequential Monte Carlo for the rare event that a random Hessian has no negative eigenvalue.

A = W/(2m) + sqrt(E/2m) S - E is positive definite when all pivots of A = L D L^T are positive, and det A is their
product.  Rows of A are drawn one after the other for a population of matrices; after each row every matrix is weighted
with its new pivot (0 if it is negative), and the population is resampled when the weights have become uneven.  The
product of the mean weights is an unbiased estimate of E[det A; A > 0], a product of p numbers of order one where
plain sampling has to find an event of probability exp(-O(p)) or less at one stroke.  Independent populations give
the error bar.

W = T T^T with T by Bartlett's decomposition, so that row k needs k normal and one chi-square number only.  L^-1 is kept
in place of L: it eliminates a new row as well, and its rows give tr A^-1, which tells how much later pivots will lose.

Source: sequential importance resampling is textbook (field); its use on the pivots is this project's (derived) and
tested against plain sampling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import fma, horizontal_sum, load_eight, splat_eight, store_eight

__all__ = ["N_POPULATIONS", "POPULATION_SIZE", "populations"]

N_POPULATIONS = 8
"""Least number of independent populations behind every error bar."""

POPULATION_SIZE = 256
"""Matrices of a population, unless there would be too few populations: larger ones no longer fit into a processor's
cache, smaller ones lose accuracy."""

_RESAMPLE_BELOW = 0.9  # effective fraction of the population

# A new row has covariance (W/2m + E)/2m = A/2m + 2E/2m up to S, so that its pivot, a fraction of the mean diagonal
# entry 1 - E, loses a constant and 2E/2m tr A^-1 on average.  A matrix whose later pivots will be small is weighted
# down ahead of time, by (1 + 4x/b)^-b for each row to come, x = (2E/2m) tr A^-1/(1 - E), b = 1 + p/16: an exponential
# where x is small, which would be ruinous where matrices are so small that x is of order one.  This does not move the
# mean of an estimate, but reduces its spread: with 256 matrices at m = 1,680 from 0.6 to 0.3 (p = 128, E = 0.575).
_LOOK_AHEAD = 4.0


@compiled
def _row(i):
    """Place of row i of a lower triangle whose rows are padded with zeros to full blocks of eight."""
    block = i // 8
    return 8 * (block + 1) * (4 * block + i % 8)


@compiled
def _four_dots(rows, start, width, vector, at, count):
    """Products of four consecutive rows with a vector, over at least `count` entries, in blocks of eight.

    What follows must be 0 in the rows or in the vector.
    """
    s0, s1, s2, s3 = splat_eight(0.0), splat_eight(0.0), splat_eight(0.0), splat_eight(0.0)
    for k in range(0, count, 8):
        v, i = load_eight(vector, at + k), start + k
        s0 = fma(load_eight(rows, i), v, s0)
        s1 = fma(load_eight(rows, i + width), v, s1)
        s2 = fma(load_eight(rows, i + 2 * width), v, s2)
        s3 = fma(load_eight(rows, i + 3 * width), v, s3)
    return horizontal_sum(s0), horizontal_sum(s1), horizontal_sum(s2), horizontal_sum(s3)


@compiled
def _add_four(rows, start, width, factors, at, target, to, count):
    """Add factors[at ... at + 3] times four consecutive rows, over at least `count` entries, in blocks of eight."""
    f0, f1, f2, f3 = (
        splat_eight(factors[at]),
        splat_eight(factors[at + 1]),
        splat_eight(factors[at + 2]),
        splat_eight(factors[at + 3]),
    )
    for k in range(0, count, 8):
        i = start + k
        v = fma(load_eight(rows, i), f0, load_eight(target, to + k))
        v = fma(load_eight(rows, i + width), f1, v)
        v = fma(load_eight(rows, i + 2 * width), f2, v)
        store_eight(target, to + k, fma(load_eight(rows, i + 3 * width), f3, v))


@compiled
def _resample(weight, step, chosen, offset):
    """Systematic resampling: each matrix is chosen in proportion to its weight, a chosen one stays where it is.

    `step` is the mean weight; `chosen` receives for each place the matrix whose copy comes there.
    """
    size = weight.size
    target, reached, at = offset * step, weight[0], 0
    for b in range(size):
        chosen[b] = -1
    extra = np.empty(size, np.int64)
    n_extra = 0
    for _ in range(size):
        while reached < target and at < size - 1:
            at += 1
            reached += weight[at]
        if chosen[at] < 0:
            chosen[at] = at
        else:
            extra[n_extra] = at
            n_extra += 1
        target += step
    for b in range(size):
        if chosen[b] < 0:
            n_extra -= 1
            chosen[b] = extra[n_extra]


@compiled
def _population(energy, p, two_m, diagonal_variance, size, rng):
    """Logarithm of one population's estimate of E[det A; A > 0]; -inf if all its matrices died."""
    fields = two_m - 1  # degrees of freedom of W
    padded = (p + 7) // 8 * 8
    factor, inverse = np.zeros((size, _row(padded))), np.zeros((size, _row(padded)))  # T and L^-1
    pivots = np.zeros((size, p))  # D
    weight, trace, row, factors = np.ones(size), np.zeros(size), np.zeros(padded), np.zeros(padded)
    chosen = np.empty(size, np.int64)
    spread = np.sqrt(energy / two_m)
    power = 1 + p / 16
    strength = _LOOK_AHEAD / power * 2 * energy / two_m / max(1 - energy, 0.1)
    result = 0.0
    # Element by element throughout: slices and sums of arrays would take seconds to compile.
    for k in range(p):
        here = _row(k)
        for b in range(size):
            if weight[b] == 0.0:
                continue
            t, low, d = factor[b], inverse[b], pivots[b]
            square = 0.0
            for j in range(min(k, fields)):
                t[here + j] = rng.standard_normal()
                square += t[here + j] ** 2
            if k < fields:
                chi = rng.chisquare(fields - k)
                t[here + k] = np.sqrt(chi)
                square += chi
            for i in range(0, k, 4):
                dots = _four_dots(t, _row(i), i // 8 * 8 + 8, t, here, i + 4)
                for j in range(4):
                    row[i + j] = dots[j] / two_m + spread * rng.standard_normal()
            pivot = square / two_m - energy
            if diagonal_variance > 0.0:
                pivot += spread * np.sqrt(diagonal_variance) * rng.standard_normal()
            for i in range(padded):
                factors[i] = 0.0
            for i in range(0, k, 4):  # the row times L^-1, four entries at a time
                dots = _four_dots(low, _row(i), i // 8 * 8 + 8, row, 0, i + 4)
                for j in range(i, min(i + 4, k)):
                    factors[j] = -dots[j - i] / d[j]
                    pivot += dots[j - i] * factors[j]
            d[k] = pivot
            if not pivot > 0.0:
                weight[b] = 0.0
                continue
            for i in range(padded):
                row[i] = 0.0
            for i in range(0, k, 4):
                _add_four(low, _row(i), i // 8 * 8 + 8, factors, i, row, 0, i + 4)
            row[k] = 1.0
            length = 0.0
            for i in range(k + 1):
                low[here + i] = row[i]
                length += row[i] ** 2
            before = trace[b]
            trace[b] += length / pivot
            now, then = np.log1p(strength * trace[b]), np.log1p(strength * before)
            weight[b] *= pivot * np.exp(power * ((p - k) * then - (p - k - 1) * now))
        total = squares = 0.0
        for b in range(size):
            total += weight[b]
            squares += weight[b] * weight[b]
        if not total > 0.0:
            return -np.inf
        if k == p - 1:
            result += np.log(total / size)
        elif total * total < _RESAMPLE_BELOW * size * squares:
            result += np.log(total / size)
            _resample(weight, total / size, chosen, rng.random())
            done = _row(k + 1)
            for b in range(size):
                source = chosen[b]
                if source != b:
                    for i in range(done):
                        factor[b, i], inverse[b, i] = factor[source, i], inverse[source, i]
                    for i in range(k + 1):
                        pivots[b, i] = pivots[source, i]
                    trace[b] = trace[source]
                weight[b] = 1.0
    return result


def populations(
    energy: float,
    n_params: int,
    two_m: int,
    *,
    size: int,
    count: int,
    rng: np.random.Generator,
    layers: int = 1,
) -> NDArray[np.float64]:
    """ln of the independent estimates of E[det A; A positive definite] that populations of matrices give.

    Parameters
    ----------
    energy : float
        Positive, normalised.
    n_params, two_m : int
        p and 2m.
    size, count : int
        Matrices of a population, and number of populations.
    rng : numpy.random.Generator
    layers : int
        Gates per angle r.

    Returns
    -------
    array, shape (count,)
        -inf where no matrix survived; the exponentials have the expected value asked for.
    """
    variance = 2 * (1 - 1 / layers)
    return np.array([_population(energy, n_params, two_m, variance, size, rng) for _ in range(count)])
