"""Batched local search with a certificate for every start.

A start is certified as a local minimum when its largest gradient entry is below the tolerance and its exact
Hessian has no negative eigenvalue; E = 0 to 1e-10 is certified by the bound E >= 0 as well.  Whatever is not
certified stays in the result with the reason, so that it can be counted and shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from qgmutils import descent
from qgmutils.engine import Landscape, NumbaLandscape, kernels
from qgmutils.problems import is_integer

GRADIENT_TOLERANCE = 1e-8
BFGS_MAX_PARAMS = 140
"""BFGS up to this many angles, L-BFGS beyond: the measured crossover of their times."""
LBFGS_MEMORY = 20
HESSIAN_MAX_PARAMS = 520
"""Beyond this the p x p Hessian of each start is not computed; only E = 0 certifies then."""
NULL_TOLERANCE = 1e-6
"""Hessian eigenvalues within this fraction of the largest one (at least of 1) count as zero: at a gradient of
1e-8 the eigenvalues of a flat valley are known no better."""
GROUND_TOLERANCE = 1e-10
"""Energies up to this one are certified without a look at the Hessian, by the bound E >= 0."""
_REASONS = {
    descent.CONVERGED: "converged",
    descent.ITERATIONS: "iterations",
    descent.LINE_SEARCH: "line search",
}


@dataclass(frozen=True, eq=False)
class Minima:
    """End points of B starts with p angles.

    Attributes
    ----------
    theta : (B, p)
        End points, radians.
    energy, gradient_norm : (B,)
        E and max |dE/dtheta| there.
    hessian_min : (B,)
        Lowest eigenvalue of the Hessian; NaN where p is above `HESSIAN_MAX_PARAMS`.
    n_negative, n_null : (B,)
        Number of negative and of null eigenvalues; -1 where the Hessian was not computed.
    iterations : (B,)
        Accepted steps.
    reason : (B,) of str
        Why the search stopped: "converged", "iterations" (the limit was reached) or "line search" (no step
        went down, though the gradient is above the tolerance).
    certified : (B,) of bool
        The gradient is below the tolerance, and no eigenvalue is negative or E is 0; never where
        `hessian_min` is NaN and E is not 0.
    """

    theta: NDArray[np.float64]
    energy: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    hessian_min: NDArray[np.float64]
    n_negative: NDArray[np.int64]
    n_null: NDArray[np.int64]
    iterations: NDArray[np.int64]
    reason: NDArray[np.str_]
    certified: NDArray[np.bool_]


def minimize(
    landscape: Landscape,
    starts: ArrayLike,
    *,
    gradient_tolerance: float = GRADIENT_TOLERANCE,
    max_iterations: int | None = None,
) -> Minima:
    """Minimise E from every start.

    Parameters
    ----------
    landscape : Landscape
        With the numba engine the whole search is compiled (BFGS up to `BFGS_MAX_PARAMS` angles, L-BFGS
        beyond); other engines go through scipy's BFGS, start by start.
    starts : array, shape (B, p)
        Initial angles, radians.
    gradient_tolerance : float
        Stop at max |dE/dtheta| below this; positive.
    max_iterations : int, optional
        Per start, at least 1; default 1000 + 100 p.

    Returns
    -------
    Minima
        One entry per start, in the order given; with the numba engine it does not depend on the other starts.

    Raises
    ------
    ValueError
        For starts of another shape or not finite, a tolerance that is not positive, or a limit below 1.
    """
    n_params = landscape.circuit.n_params
    x0 = np.array(starts, dtype=np.float64, order="C")  # a copy: read-only arrays would compile anew
    if x0.ndim != 2 or x0.shape[1] != n_params or not np.all(np.isfinite(x0)):
        raise ValueError(
            f"starts must be finite numbers of shape (B, {n_params}), got shape {x0.shape} "
            f"with {np.size(x0) - np.sum(np.isfinite(x0))} entries that are not finite"
        )
    if not gradient_tolerance > 0:
        raise ValueError(f"gradient_tolerance must be positive, got {gradient_tolerance}")
    limit = 1000 + 100 * n_params if max_iterations is None else max_iterations
    if not is_integer(limit) or limit < 1:
        raise ValueError(f"max_iterations must be an integer of at least 1 (or None), got {max_iterations!r}")
    if isinstance(landscape, NumbaLandscape):
        found = _descend(landscape, x0, gradient_tolerance, limit)
    else:
        found = _scipy(landscape, x0, gradient_tolerance, limit)
    return _certify(landscape, *found, gradient_tolerance)


_Found = tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.str_]
]


def _descend(landscape: NumbaLandscape, x0: NDArray[np.float64], tolerance: float, limit: int) -> _Found:
    theta = np.empty_like(x0)
    energy, norm = np.empty(len(x0)), np.empty(len(x0))
    iterations, reason = np.empty(len(x0), np.int64), np.empty(len(x0), np.int64)
    memory = 0 if x0.shape[1] <= BFGS_MAX_PARAMS else LBFGS_MEMORY
    noise = 1e-15 * max(1.0, float(landscape.problem.levels[-1]))
    descent.descend(
        landscape.gates,
        landscape.rows,
        kernels.allocate(landscape.circuit),
        x0,
        tolerance,
        noise,
        limit,
        memory,
        theta,
        energy,
        norm,
        iterations,
        reason,
    )
    return theta, energy, norm, iterations, np.array([_REASONS[int(r)] for r in reason], dtype=np.str_)


def _scipy(landscape: Landscape, x0: NDArray[np.float64], tolerance: float, limit: int) -> _Found:
    def objective(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        energy, gradient = landscape.energy_and_gradient(x[None])
        return float(energy[0]), gradient[0]

    options = {"gtol": tolerance, "maxiter": limit}
    found = [scipy.optimize.minimize(objective, x, jac=True, method="BFGS", options=options) for x in x0]
    norm = np.array([np.max(np.abs(f.jac)) for f in found], dtype=np.float64)
    reason = [
        "converged" if n <= tolerance else "iterations" if f.nit >= limit else "line search"
        for n, f in zip(norm, found, strict=True)
    ]
    return (
        np.array([f.x for f in found]).reshape(x0.shape),
        np.array([f.fun for f in found], dtype=np.float64),
        norm,
        np.array([f.nit for f in found], dtype=np.int64),
        np.array(reason, dtype=np.str_),
    )


def _certify(
    landscape: Landscape,
    theta: NDArray[np.float64],
    energy: NDArray[np.float64],
    norm: NDArray[np.float64],
    iterations: NDArray[np.int64],
    reason: NDArray[np.str_],
    tolerance: float,
) -> Minima:
    count, n_params = theta.shape
    lowest = np.full(count, np.nan)
    negative, null = np.full(count, -1), np.full(count, -1)
    if n_params <= HESSIAN_MAX_PARAMS:
        with threadpool_limits(1):  # the last digits of LAPACK depend on its number of threads
            for i in range(count):
                eigenvalues = np.linalg.eigvalsh(landscape.hessian(theta[i : i + 1])[0])
                scale = NULL_TOLERANCE * max(1.0, float(np.max(np.abs(eigenvalues))))
                lowest[i] = eigenvalues[0]
                negative[i] = np.sum(eigenvalues < -scale)
                null[i] = np.sum(np.abs(eigenvalues) <= scale)
    ground = energy <= GROUND_TOLERANCE
    certified = (norm <= tolerance) & ((negative == 0) | ground)
    return Minima(theta, energy, norm, lowest, negative, null, iterations, reason, certified)
