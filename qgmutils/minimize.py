"""Batched local search with a certificate for every start.

A start is certified as a local minimum of the loss L when its largest gradient entry is below the tolerance and its
exact Hessian has no negative eigenvalue; where L has a floor, L = floor to 1e-10 is certified by that bound as well.
Whatever is not certified stays in the result with the reason, so that it can be counted and shown.

A certificate has a resolution.  Turning a state into another one whose level is lower by D, an energy falls as
D sin^2 x: its slope is at most D and its curvature is at least -2 D (derived).  Levels closer than the tolerance of the
gradient, or than half of what counts as a curvature of zero, are therefore not told apart, whatever D is in the units
of H.  Where the lowest two different levels are closer than ten times that, as with a penalty of 10^8 times the
energies of interest, a saddle between them may look like a minimum, and nothing is certified.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils import descent
from qgmutils.circuits.circuit import Circuit
from qgmutils.computing.simd import LANES
from qgmutils.computing.threads import one_thread
from qgmutils.engine import Landscape, NumbaLandscape
from qgmutils.inputs import real_array, require_integer, require_positive
from qgmutils.losses.energy import Energy

GRADIENT_TOLERANCE = 1e-8
BFGS_MAX_PARAMS = 520
"""BFGS up to this many angles, L-BFGS beyond.  From 140 to 504 angles their times are within 1.5 of each other, either
way (n = 6 ... 8), but near p = 2 (2^n - 1), where searches are longest, BFGS takes a half to a third of the iterations
and down to half of the time.  Its matrices, p^2 numbers a lane, are what ends it."""
LBFGS_MEMORY = 20
ITERATIONS = 100_000
"""Steps that a start has by default, besides 100 for each angle; random circuits take 50 to 5000.

Where many gates share an angle and p is near critical, minima lie at the end of narrow, bent valleys.  In the
Hamiltonian variational ansatz of the open Ising chain, n = 8 and p = 28 ... 36, curvatures span 10^7, and of 400 starts
with each of three p up to a quarter take more than 1000 + 100 p steps, none more than 14,000; of 8 with n = 10 and
p = 50 the longest takes 38,000.  A Newton method with exact Hessians and a trust region gets along them no better: of
16 ends after 4200 steps at n = 8 and p = 32, it left 5 after 1000 more."""
HESSIAN_MAX_PARAMS = 520
"""Beyond this the p x p Hessian of each start is not computed; only the floor of the loss certifies then."""
NULL_TOLERANCE = 1e-6
"""Hessian eigenvalues within this fraction of the largest one (at least of 1) count as zero: at a gradient of
1e-8 the eigenvalues of a flat valley are known no better."""
OTHER_ENGINE_LANES = 512
"""Starts under way at once where the search asks Python for the loss."""
_HESSIANS_AT_ONCE = 8
GROUND_TOLERANCE = 1e-10
"""Losses up to this above the floor are certified without a look at the Hessian."""
MARGIN = 10.0
"""The lowest two different levels must be that many resolutions apart: no angle need turn one state into the other, and
slopes and curvatures are less by the part of the way that it goes."""
MAX_ANGLE = 1e6
"""Largest angle of a gate at a start, radians.  Neighbouring doubles are 1e-10 apart there, a hundredth of the step
that changes a gradient by its tolerance; far beyond, no step is small enough."""
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
    loss, gradient_norm : (B,)
        L and max |dL/dtheta| there.
    hessian_min : (B,)
        Lowest eigenvalue of the Hessian; NaN where p is above `HESSIAN_MAX_PARAMS`.
    n_negative, n_null : (B,)
        Number of negative and of null eigenvalues; -1 where the Hessian was not computed.
    iterations : (B,)
        Accepted steps.
    reason : (B,) of str
        Why the search stopped: "converged", "iterations" (the limit was reached), "line search" (no step
        went down, though the gradient is above the tolerance) or "not finite" (the loss is none at the start).
    solved : (B,) of bool
        L is less than the loss's `solved` above its floor; never where it has none.
    certified : (B,) of bool
        The gradient is below the tolerance, and no eigenvalue is negative or L is at its floor; never where
        `hessian_min` is NaN and L is above the floor, where a number is not finite, L is below its floor or an energy
        is above the highest level, or where the lowest two different levels are closer than `MARGIN` times the
        resolution.
    resolution : (B,)
        In the loss's own unit, for an energy that of H: levels closer than this are not told apart by the certificate.
    """

    theta: NDArray[np.float64]
    loss: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    hessian_min: NDArray[np.float64]
    n_negative: NDArray[np.int64]
    n_null: NDArray[np.int64]
    iterations: NDArray[np.int64]
    reason: NDArray[np.str_]
    solved: NDArray[np.bool_]
    certified: NDArray[np.bool_]
    resolution: NDArray[np.float64]


def minimize(
    landscape: Landscape,
    starts: ArrayLike,
    *,
    gradient_tolerance: float = GRADIENT_TOLERANCE,
    max_iterations: int | None = None,
) -> Minima:
    """Minimise the loss from every start.

    Parameters
    ----------
    landscape : Landscape
        BFGS up to `BFGS_MAX_PARAMS` angles, L-BFGS beyond, with any engine and loss; for an energy and the numba
        engine the whole search is compiled.
    starts : array, shape (B, p)
        Initial angles, radians; the angles of the gates, scale * theta + offset, may be up to `MAX_ANGLE`.
    gradient_tolerance : float
        Stop at max |dL/dtheta| below this; positive.
    max_iterations : int, optional
        Per start, 1 to 10^9; default `ITERATIONS` + 100 p.

    Returns
    -------
    Minima
        One entry per start, in the order given; it does not depend on the other starts.

    Raises
    ------
    ValueError
        For anything else than a landscape, starts of another shape, not real, not finite or beyond `MAX_ANGLE`, a
        tolerance that is not positive, or a limit out of range.

    Warns
    -----
    UserWarning
        If there are starts that nothing but the resolution keeps from being certified.
    """
    if not isinstance(getattr(landscape, "circuit", None), Circuit):
        raise ValueError(f"landscape must be what engine.landscape gives, got {type(landscape).__name__}")
    n_params = landscape.circuit.n_params
    x0 = np.array(real_array(starts, "starts"), order="C")  # a copy: read-only arrays would compile anew
    if x0.ndim != 2 or x0.shape[1] != n_params or not np.all(np.isfinite(x0)):
        raise ValueError(
            f"starts must be finite numbers of shape (B, {n_params}), got shape {x0.shape} "
            f"with {np.size(x0) - np.sum(np.isfinite(x0))} entries that are not finite"
        )
    _check_angles(landscape, x0)
    tolerance = require_positive(gradient_tolerance, "gradient_tolerance")
    limit = ITERATIONS + 100 * n_params
    if max_iterations is not None:
        limit = require_integer(max_iterations, "max_iterations")
    memory = 0 if n_params <= BFGS_MAX_PARAMS else LBFGS_MEMORY
    settings = descent.Settings(tolerance, _noise(landscape), limit, memory)
    return _certify(landscape, _descend(landscape, x0, settings), tolerance)


def _noise(landscape: Landscape) -> float:
    """Rounding error of a value near its lowest.

    Behind q gates a state is right to about q roundings, its norm included.  A low energy is a sum of small numbers and
    feels little of that, but 1 - |<t|psi>|^2 feels all: with 1e-15 alone 19 of 20 starts of n = 5 and q = 1400 ended in
    the line search, with this none (both measured).
    """
    q, loss = landscape.circuit.n_gates, landscape.loss
    rounding = 1e-15 if isinstance(loss, Energy) else max(1e-15, q * np.finfo(np.float64).eps)
    return float(rounding * max(1.0, loss.scale))


def _check_angles(landscape: Landscape, starts: NDArray[np.float64]) -> None:
    circuit = landscape.circuit
    largest = np.max(np.abs(starts), axis=0, initial=0.0)
    with np.errstate(over="ignore"):
        angles = np.abs(circuit.scale) * largest[circuit.parameter] + np.abs(circuit.offset)
    if not angles.max() <= MAX_ANGLE:
        raise ValueError(
            f"angles of gates, scale * theta + offset, must lie within +-{MAX_ANGLE:g}, got up to {angles.max():.3g}; "
            "gates have the period 2 pi: reduce angles with np.remainder(theta, 2 * np.pi), "
            "if all scales are whole numbers"
        )


def _descend(landscape: Landscape, starts: NDArray[np.float64], settings: descent.Settings) -> descent.Found:
    count = len(starts)
    found = descent.Found(
        np.empty_like(starts),
        np.empty(count),
        np.empty(count),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
    )
    n_params = starts.shape[1]
    if isinstance(landscape, NumbaLandscape) and landscape.observable is not None:
        search = descent.begin(LANES, n_params, settings.memory)
        work = landscape.scratch()
        descent.descend(landscape.gates, landscape.observable, work, search, settings, starts, found)
        return found
    # An engine that takes many starts in one call gets all that are under way.
    search = descent.begin(min(max(count, 1), OTHER_ENGINE_LANES), n_params, settings.memory)
    while descent.next_angles(search, starts) > 0:
        busy = search.lanes["start"] >= 0
        value, gradient = landscape.value_and_gradient(search.angles[:, busy].T)
        search.values[busy], search.slopes[:, busy] = value, gradient.T
        descent.take_in(search, settings, found)
    return found


def _certify(landscape: Landscape, found: descent.Found, tolerance: float) -> Minima:
    loss = landscape.loss
    count, n_params = found.theta.shape
    lowest, flat = np.full(count, np.nan), np.zeros(count)
    negative, null = np.full(count, -1), np.full(count, -1)
    finite = np.isfinite(found.value) & np.isfinite(found.theta).all(axis=1)
    if n_params <= HESSIAN_MAX_PARAMS:
        with one_thread():  # the last digits of LAPACK depend on its number of threads
            for first in range(0, count, _HESSIANS_AT_ONCE):
                some = first + np.flatnonzero(finite[first : first + _HESSIANS_AT_ONCE])
                eigenvalues = np.linalg.eigvalsh(landscape.hessian(found.theta[some]))
                scale = NULL_TOLERANCE * np.maximum(1.0, np.max(np.abs(eigenvalues), axis=1))[:, None]
                lowest[some], flat[some] = eigenvalues[:, 0], scale[:, 0]
                negative[some] = np.sum(eigenvalues < -scale, axis=1)
                null[some] = np.sum(np.abs(eigenvalues) <= scale, axis=1)
    least = max(tolerance, GROUND_TOLERANCE)  # beyond the rounding of values, 1e-15 of the largest one
    resolution = np.maximum(least, flat / 2)
    floor = -np.inf if loss.floor is None else loss.floor
    ground = found.value <= floor + GROUND_TOLERANCE
    # What the rounding of a right value can leave outside of its range; only an energy's scale is its highest value.
    highest = loss.scale if isinstance(loss, Energy) else np.inf
    inside = (found.value >= floor - GROUND_TOLERANCE) & (found.value <= highest + GROUND_TOLERANCE)
    certified = finite & inside & (found.norm <= tolerance) & ((negative == 0) | ground)
    resolved = MARGIN * resolution < loss.first_gap
    if np.any(certified & ~resolved):
        warnings.warn(
            f"{np.sum(certified & ~resolved)} of {count} ends are not certified: the lowest two different levels of "
            f"{loss.name} are {loss.unit * loss.first_gap:.3g} apart, less than {MARGIN:g} times the resolution of "
            f"{loss.unit * resolution.max():.3g}, both in the units in which the loss was given",
            stacklevel=3,
        )
    reason = np.array([_REASONS[int(r)] for r in found.reason], dtype=np.str_)
    return Minima(
        found.theta,
        found.value,
        found.norm,
        lowest,
        negative,
        null,
        found.iterations,
        np.where(finite, reason, "not finite"),
        finite & (found.value < floor + loss.solved),
        certified & resolved,
        loss.unit * resolution,
    )
