"""Smallest eigenvalues of sampled half Hessians, to compare with the edges of :mod:`.edges`.

Two kinds of rows: those of circuits with Haar-rotated generators, drawn exactly by
:func:`qgmutils.beyond.finite_dimension.reflections.sample_critical_hessians`, and the simplified ones whose noise is
independent of the tangents.  Tasks draw them, and a fit says which law they approach, and how fast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from scipy.special import betaincinv

from qgmutils.beyond.finite_dimension.profiles import profile_rates
from qgmutils.beyond.finite_dimension.reflections import sample_critical_hessians
from qgmutils.beyond.large_dimension.edges import (
    LAWS,
    check_law,
    check_point,
    distinct_levels,
    edge_scale,
    left_edge,
)

__all__ = ["EdgeFit", "EdgeTask", "beta_levels", "fit_edges", "sample_independent_hessians"]

Array = NDArray[np.float64]


def sample_independent_hessians(
    levels: ArrayLike, energy: float, variance: float, n_params: int, size: int, rng: np.random.Generator
) -> Array:
    """Matrices Re <b_i|(H - E)|b_j> + (sigma / sqrt(2 N)) S_ij with Gaussian b and S, shape (size, p, p).

    The entries of b have variance 1 / (2 N) each in real and imaginary part, those of S variance 1 off the diagonal
    and 0 on it.  Parameters as in :func:`left_edge`.
    """
    h = np.asarray(levels, dtype=np.float64)
    distinct_levels(h)
    check_point(energy, variance)
    for name, value in (("n_params", n_params), ("size", size)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    p, dim = int(n_params), 2 * len(h)
    result = np.empty((int(size), p, p))
    for matrix in result:
        tangents = rng.standard_normal((p, dim)) / np.sqrt(dim)
        lower = np.tril(rng.standard_normal((p, p)), -1) * np.sqrt(variance / dim)
        matrix[:] = (tangents * np.tile(h - energy, 2)) @ tangents.T + lower + lower.T
    return result


def beta_levels(dim: int, shape: float) -> Array:
    """Levels at the quantiles (a + 1/2) / N of the Beta(shape, shape) law, stretched to [0, 2] so that their mean is 1.

    1.5 is the semicircle of the Gaussian unitary ensemble; at 8 most levels lie near the middle, as those of local
    Hamiltonians do.  The lowest level is above 0, as of a random matrix of this law.
    """
    if int(dim) != dim or dim < 4 or not (np.isfinite(shape) and shape > 0):
        raise ValueError(
            f"dim must be an integer of at least 4 and shape positive and finite, got {dim!r} and {shape!r}"
        )
    return np.asarray(2 * betaincinv(shape, shape, (np.arange(int(dim)) + 0.5) / int(dim)))


@dataclass(frozen=True)
class EdgeTask:
    """Smallest eigenvalues of sampled half Hessians beside the left edges of both laws.

    Attributes
    ----------
    shape : float
        Of `beta_levels`.
    energy, variance : float
        E and sigma^2 of the profile of largest entropy, which the states have.
    angles_per_level : float
        p/N; p is rounded.
    rows : {"circuit", "independent"}
        Exact rows of `reflections.sample_critical_hessians`, or `sample_independent_hessians`.
    dim, n_matrices, seed : int
    """

    shape: float
    energy: float
    variance: float
    angles_per_level: float
    rows: str
    dim: int
    n_matrices: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row a matrix: dim, n_params, smallest eigenvalue, edges circuit and independent, scale (of `rows`).

        The edges are those at the N levels, energy and variance of the sampled state, not at their limits.
        """
        exact = check_law(self.rows)
        h = beta_levels(self.dim, self.shape)
        p = round(self.angles_per_level * self.dim)
        profile = 1 / profile_rates(h, self.energy, self.variance)
        profile /= profile.sum()
        energy = float(profile @ h)
        variance = float(profile @ (h - energy) ** 2)
        smallest = np.empty(self.n_matrices)
        for k in range(self.n_matrices):
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.dim, p, exact, k)))
            if exact:
                matrix = sample_critical_hessians(h, profile, p, rng)[0]
            else:
                matrix = sample_independent_hessians(h, energy, variance, p, 1, rng)[0]
            smallest[k] = eigh(matrix, eigvals_only=True, subset_by_index=[0, 0], check_finite=False)[0]
        return pd.DataFrame(
            {
                "dim": self.dim,
                "n_params": p,
                "smallest": smallest,
                **{law: left_edge(h, energy, variance, p, law=law) for law in LAWS},
                "scale": edge_scale(h, energy, variance, p, law=self.rows),
            }
        )


@dataclass(frozen=True)
class EdgeFit:
    """How the mean distance of the smallest eigenvalue from an edge goes with N; errors are standard errors.

    Attributes
    ----------
    exponent, exponent_error : float
        b of distance = a N^(-b), by weighted least squares of the logarithms; nan if a mean is not positive.
    limit, limit_error : float
        d0 of distance = d0 + d1 N^(-2/3): 0 if the edge is right.
    """

    exponent: float
    exponent_error: float
    limit: float
    limit_error: float


def fit_edges(table: pd.DataFrame, law: str) -> EdgeFit:
    """Fit the distances of the sampled eigenvalues of `EdgeTask` from the edge of a law, at several N.

    Parameters
    ----------
    table : DataFrame
        Rows of `EdgeTask` with at least three values of dim, at least two matrices each.
    law : {"circuit", "independent"}
        Whose edge.

    Raises
    ------
    ValueError
        For fewer values of dim or matrices.
    """
    check_law(law)
    groups = (table["smallest"] - table[law]).groupby(table["dim"])
    if groups.ngroups < 3 or groups.size().min() < 2:
        raise ValueError(
            "the table must hold at least 3 values of dim with 2 matrices each, got "
            f"{groups.size().to_dict()}: sample more"
        )
    dims = np.array(list(groups.groups), dtype=np.float64)
    mean, error = groups.mean().to_numpy(), groups.sem().to_numpy()

    def line(x: Array, y: Array, sigma: Array) -> tuple[Array, Array]:
        design = np.column_stack([np.ones_like(x), x]) / sigma[:, None]
        covariance = np.linalg.inv(design.T @ design)
        return covariance @ design.T @ (y / sigma), np.sqrt(np.diag(covariance))

    found, errors = line(dims ** (-2 / 3), mean, error)
    slope = slope_error = np.nan
    if (mean > 0).all():
        power, power_errors = line(np.log(dims), np.log(mean), error / mean)
        slope, slope_error = -power[1], power_errors[1]
    return EdgeFit(float(slope), float(slope_error), float(found[0]), float(errors[0]))
