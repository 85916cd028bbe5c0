"""What the first rows of a Hessian take from the pivots of those to come, at large dimension.

When the rows of M are eliminated one by one, M_k = L D L^T, the pivot of a new row is b D b - z R z with
R = B^T M_k^-1 B, B being the tangents so far.  At large N the diagonal of R in the eigenbasis of H and the pivot are::

    R_a = sin(sigma Theta) / (sigma f_a(Theta)),   d = c / Theta,   c = k / 2N,

Theta and f_a as in :mod:`.edges`.  dR_a / dTheta = (1 - tau_a R_a)^2 + sigma^2 R_a^2 = 1 / f_a^2, so that a matrix
whose R_a is larger by r at one Theta has r (f_a(Theta) / f_a(Theta'))^2 more at a later one.  All of it is derived for
this project (derived), see `docs/large_dimension.md`, section 6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.beyond.large_dimension.edges import _solve, check_point, edge_of, levels_and_ratio
from qgmutils.computing.kernels import compiled

__all__ = ["loss_weights"]

Array = NDArray[np.float64]


@compiled
def _thetas(h, share, energy, variance, ratio, p):  # type: ignore[no-untyped-def]
    """Theta after each of p rows, where the eigenvalues are held above zero: at x = the edge, if that is negative."""
    result = np.empty(p)
    top, edge = edge_of(h, share, energy, variance, ratio)
    x = min(0.0, edge)
    for k in range(p):
        if k == p - 1 and edge <= 0:
            result[k] = top  # a double root
        else:
            result[k] = _solve(x, top, h, share, energy, variance, ratio * (k + 1) / p)
    return result


def loss_weights(levels: ArrayLike, energy: float, variance: float, n_params: int) -> Array:
    """Sum over the rows to come of the share of its mean pivot that each loses per unit of the diagonal of R.

    Parameters
    ----------
    levels : array_like, shape (N,)
        Normalised levels h_a, in any order.
    energy, variance : float
        E and sigma^2.
    n_params : int
        p, the number of rows.

    Returns
    -------
    ndarray, shape (p, N)
        In row k - 1, for R after k rows: sum over k' > k of (tau_a^2 + sigma^2) / 2N (f_a(Theta_k) / f_a(Theta_k'))^2
        Theta_k' / c_k', for the real and the imaginary part of each level.  The last row is zero.

    Raises
    ------
    ValueError
        For input out of range.

    Notes
    -----
    A row z has the covariance ((H - E)^2 + sigma^2) / 2N up to 1/N.  That a change of R also moves the later Theta is
    left out.  Source: derived here (derived).
    """
    check_point(energy, variance)
    h = np.asarray(levels, dtype=np.float64)
    distinct, share, ratio = levels_and_ratio(h, n_params)
    theta = _thetas(distinct, share, float(energy), float(variance), ratio, int(n_params))[:, None]
    tau, sigma = h - energy, np.sqrt(variance)
    f = np.cos(sigma * theta) + np.sin(sigma * theta) / sigma * tau
    per_pivot = theta / (ratio * np.arange(1, len(theta) + 1)[:, None] / len(theta))
    later = np.cumsum((per_pivot / f**2)[::-1], axis=0)[::-1] - per_pivot / f**2
    later[-1] = 0.0
    result: Array = (tau**2 + variance) / (2 * h.size) * f**2 * later
    return result
