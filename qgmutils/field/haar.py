"""Exact laws of the loss over Haar-random states and random Pauli words, at any dimension N.

With a Haar-random reference state the state of a circuit is Haar-random at every angle, so the one-point law of the
loss depends on the levels h_a alone: E = sum_a h_a D_a with D uniform on the simplex.  The Wishart hypertoroidal random
field (WHRF) replaces that law by Gamma(m, rate m), with m chosen to match the variance.  What the field says beyond
that starts at the third moment, and one number decides it:

    s = mu_3 / mu_2^2,    mu_j = mean_a (h_a - 1)^j.

The field has s = 1; a projector of rank k has s = (1 - 2 k/N) / (1 - k/N); a spectrum symmetric about its mean has
s = 0.  All formulas here are derived for this project (derived); the field is general knowledge of the paper's
construction (field).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.inputs import known_array, real_array, require_integer

Array = NDArray[np.float64]

# Range of the trapezoidal rule in ln u; the integrand is analytic there and falls off on both sides.
_LOG_RANGE = (-25.0, 12.0)


def known_levels(levels: ArrayLike) -> Array:
    """The levels as they are; ValueError for fewer than two, for levels that are not finite or all equal."""
    h = real_array(levels, "levels")
    if h.ndim != 1 or len(h) < 2 or not np.isfinite(h).all() or not np.var(h) > 0:
        raise ValueError(f"levels must be at least two finite numbers that are not all equal, got {levels!r}")
    return h


def energy_cdf(energy: ArrayLike, levels: ArrayLike) -> Array:
    """P(<h> <= energy) over Haar-random states, for an observable with these levels.

    Parameters
    ----------
    energy : array_like, any shape
        Not nan; -inf and inf are taken.
    levels : array_like, shape (N,)
        Eigenvalues, in the units of `energy`.

    Returns
    -------
    ndarray, shape of `energy`
        Exact to about 1e-9.

    Raises
    ------
    ValueError
        For fewer than two levels, levels that are not finite or all equal, or an energy that is nan.

    Notes
    -----
    With G_a independent exponentials, E <= x means sum_a (h_a - x) G_a <= 0, whose probability is a one-dimensional
    integral of its characteristic function (Gil-Pelaez; for chi-square weights Imhof 1961).  A projector of rank k has
    E = (N/k) Beta(k, N - k).
    """
    h = known_levels(levels)
    x = known_array(energy, "energy")
    result = np.where(x <= h.min(), 0.0, 1.0)
    weights = np.unique(h, return_counts=True)
    # In the far tails the phase turns about sqrt(N) times over one unit of ln u.
    step = min(0.1, 0.8 / np.sqrt(len(h)))
    nodes = np.exp(np.arange(*_LOG_RANGE, step))
    for index in np.ndindex(x.shape):
        if not h.min() < x[index] < h.max():
            continue
        gap = weights[0] - x[index]
        u = nodes / np.sqrt(np.sum(weights[1] * gap**2))
        integral = np.sum(_characteristic_function(u, gap, weights[1]).imag) * step
        result[index] = min(1.0, max(0.0, 0.5 - integral / np.pi))
    return result


def _characteristic_function(u: Array, gap: Array, multiplicity: NDArray[np.int64]) -> NDArray[np.complex128]:
    """prod_a (1 - i u gap_a)^-multiplicity_a, which is exp(i phase) damping: (U,), (L,), (L,) -> (U,)."""
    result = np.ones(len(u), dtype=np.complex128)
    for count in np.unique(multiplicity):
        factors = gap[multiplicity == count]
        # A factor is below 2e5 for the nodes in use, so that a product of 32 does not overflow.
        for first in range(0, len(factors), 32):
            blocks = np.empty((len(factors[first : first + 32]), len(u)), dtype=np.complex128)
            blocks.real, blocks.imag = 1.0, -np.multiply.outer(factors[first : first + 32], u)
            result *= (1 / np.multiply.reduce(blocks, axis=0)) ** count
    return result


def third_moment_ratio(levels: ArrayLike) -> float:
    """s = mu_3 / mu_2^2 with the central moments of the levels, normalised to ground energy 0 and mean 1.

    Raises
    ------
    ValueError
        As `energy_cdf`.
    """
    h = known_levels(levels)
    c = (h - h.mean()) / (h.mean() - h.min())
    return float(np.mean(c**3) / np.mean(c**2) ** 2)


def skewness_ratio(levels: ArrayLike) -> float:
    """Skewness of E over Haar-random states, divided by that of Gamma(m, rate m), which is 2 / sqrt(m).

    Equals s sqrt(N (N + 1)) / (N + 2), from the third moment of the uniform law on the simplex.
    """
    n = len(known_levels(levels))
    return third_moment_ratio(levels) * float(np.sqrt(n * (n + 1))) / (n + 2)


def gradient_slope(levels: ArrayLike) -> float:
    """Slope of the regression of (dE/dtheta)^2 on E, relative to the mean of (dE/dtheta)^2; 1 for the WHRF.

    For a uniformly random non-identity word the mean of (dE/dtheta)^2 is exactly 2 sigma^2 N / (N^2 - 1), with
    sigma^2 = <h^2> - E^2, at every state.  Averaged over Haar-random states its slope is s (N + 1) / (N + 2).
    """
    n = len(known_levels(levels))
    return third_moment_ratio(levels) * (n + 1) / (n + 2)


def gradient_level(dim: int) -> float:
    """Mean of (m/2) (dE/dtheta)^2 over Haar-random states and words, N^3 / ((N + 1) (N^2 - 1)); 1 for the WHRF."""
    dim = require_integer(dim, "dim", low=2)
    return dim**3 / ((dim + 1) * (dim**2 - 1))


def field_correlation(difference: ArrayLike) -> Array:
    """Correlation of the WHRF, prod_i cos^2(difference_i): (..., p) -> (...), one gate per angle.

    F is a sum of squares of Gaussian fields of correlation prod cos, and the correlation of the squares is the square.
    """
    return np.prod(np.cos(known_array(difference, "difference")) ** 2, axis=-1)


def circuit_correlation(difference: ArrayLike, dim: int) -> Array:
    """Correlation of E at two sets of angles over Haar references and random words: (..., p) -> (...).

    Averaging A -> R A R^dagger over the non-identity words of either sign gives each gate the factor
    cos^2 d - sin^2 d / (N^2 - 1), for every Hamiltonian, every number of angles and every N = `dim`.  The sign of a
    word is that of its angle, so along random directions, whose components have either sign, it is averaged over too.
    """
    d = known_array(difference, "difference")
    dim = require_integer(dim, "dim", low=2)
    return np.prod(np.cos(d) ** 2 - np.sin(d) ** 2 / (dim**2 - 1), axis=-1)


def intraclass_correlation(n_params: int, dim: int) -> float:
    """Correlation of E at two independent uniform sets of angles of one circuit: close to 2^-p."""
    n_params, dim = require_integer(n_params, "n_params"), require_integer(dim, "dim", low=2)
    return float((0.5 - 0.5 / (dim**2 - 1)) ** n_params)


def sample_tangent_hessians(
    levels: ArrayLike, energies: ArrayLike, variances: ArrayLike, n_params: int, rng: np.random.Generator
) -> Array:
    """Half Hessians M at critical points in the finite-dimension theory: tangents are random unit vectors of C^N.

    M_ij = Re <a_i| h - E |a_j> + (sigma / sqrt(2 N)) S_ij, with S symmetric Gaussian of zero diagonal.  Where the WHRF
    subtracts E times the identity, this subtracts E times the Gram matrix of the tangents (the quantum Fisher metric).

    Parameters
    ----------
    levels : array_like, shape (N,)
    energies, variances : array_like, shape (B,)
        E and sigma^2 = <h^2> - E^2 of each matrix.
    n_params : int
        p >= 1.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (B, p, p)

    Raises
    ------
    ValueError
        As `energy_cdf`, for energies and variances of different shapes or not finite, and negative variances.
    """
    h = known_levels(levels)
    e, v = real_array(energies, "energies"), real_array(variances, "variances")
    n_params = require_integer(n_params, "n_params")
    if not (np.all(np.isfinite(e)) and np.all(np.isfinite(v)) and np.all(v >= 0)):
        raise ValueError("energies and variances must be finite, and variances not negative")
    if e.ndim != 1 or e.shape != v.shape:
        raise ValueError(
            f"energies and variances must be vectors of one length, got shapes {e.shape} and {v.shape}"
        )
    rows, triangles = _gaussian_rows(h, n_params)
    result = np.empty((len(e), n_params, n_params))
    block = max(1, 2_000_000 // (len(rows) * n_params))
    for first in range(0, len(e), block):
        energy, variance = e[first : first + block, None, None], v[first : first + block, None, None]
        tangents = rng.standard_normal((len(energy), len(rows), n_params))
        for start, freedom in triangles:
            corner = tangents[:, start : start + n_params]
            corner[:] = np.triu(corner, 1)
            diagonal = np.arange(n_params)
            corner[:, diagonal, diagonal] = np.sqrt(
                rng.chisquare(freedom - diagonal, (len(energy), n_params))
            )
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        out = result[first : first + block]
        out[:] = np.swapaxes((rows[:, None] - energy) * tangents, 1, 2) @ tangents
        upper = np.triu(rng.standard_normal(out.shape), 1)
        out += np.sqrt(variance / (2 * len(h))) * (upper + np.swapaxes(upper, 1, 2))
    return (result + result.transpose(0, 2, 1)) / 2


def _gaussian_rows(levels: Array, n_params: int) -> tuple[Array, list[tuple[int, int]]]:
    """The level of each row of a real Gaussian matrix that stands for complex vectors with these levels.

    A level of multiplicity d has 2d rows.  Only their Gram matrix matters, so where there are more than n_params of
    them a triangular factor with n_params rows takes their place (Bartlett); its first row and 2d are returned.
    """
    rows, triangles, start = [], [], 0
    for level, count in zip(*np.unique(levels, return_counts=True), strict=True):
        size = min(2 * int(count), n_params)
        if 2 * count > n_params:
            triangles.append((start, 2 * int(count)))
        rows.append(np.full(size, level))
        start += size
    return np.concatenate(rows), triangles
