"""Exhaustive lists of the critical points of trigonometric polynomials on the torus, and those of the WHRF as a task.

Newton's method on the gradient runs from many starts, as many at a time as a register has lanes, and its limits are
merged. Starts are random, or derived from the points just found: half a period away along one angle, and where a
nearly degenerate point has its partner. The search ends once chance leads to nothing new and the numbers per index
are such as a torus allows (Morse); a list that did not get there, or holds a degenerate point, is marked as
incomplete.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import comb

from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import LANES
from qgmutils.field.polynomials import (
    TrigPolynomial,
    buffer_size,
    check_n_params,
    evaluate,
    sample_whrf,
    unpack,
)
from qgmutils.field.spectra import wishart_dimension
from qgmutils.inputs import require_integer

__all__ = ["CriticalPoints", "FieldEnumeration", "critical_points"]

Array = NDArray[np.float64]

_FLAT = 1e-6  # of the largest Hessian eigenvalue: with isolated points, one list in some thousands has one so small


@compiled
def _solve(matrix, vector, p):
    """Gaussian elimination with partial pivoting in place; False if the matrix is singular."""
    for k in range(p):
        pivot = k
        for i in range(k + 1, p):
            if abs(matrix[i, k]) > abs(matrix[pivot, k]):
                pivot = i
        if abs(matrix[pivot, k]) < 1e-300:
            return False
        if pivot != k:
            for j in range(k, p):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
            vector[k], vector[pivot] = vector[pivot], vector[k]
        for i in range(k + 1, p):
            f = matrix[i, k] / matrix[k, k]
            for j in range(k + 1, p):
                matrix[i, j] -= f * matrix[k, j]
            vector[i] -= f * vector[k]
    for k in range(p - 1, -1, -1):
        for j in range(k + 1, p):
            vector[k] -= matrix[k, j] * vector[j]
        vector[k] /= matrix[k, k]
    return True


@compiled
def _newton(coefficients, p, starts, max_step, max_iterations, tolerance):
    """Newton's method on the gradient from every start, eight at a time; nan where it does not converge.

    Each lane takes the next start when it is done with one; what happens in it does not depend on its neighbours.
    """
    n_starts = starts.shape[0]
    limits = np.full((n_starts, p), np.nan)
    first, second = np.zeros(LANES * buffer_size(p)), np.zeros(LANES * buffer_size(p))
    gradient, hessian, theta = np.empty(p), np.empty((p, p)), np.zeros(LANES * p)  # (angle, lane)
    who, spent = np.full(LANES, -1), np.zeros(LANES, np.int64)
    queue = active = 0
    while True:
        for lane in range(LANES):
            if who[lane] < 0 and queue < n_starts:
                who[lane], spent[lane] = queue, 0
                for k in range(p):
                    theta[LANES * k + lane] = starts[queue, k]
                queue += 1
                active += 1
        if active == 0:
            return limits
        found = evaluate(coefficients, p, theta, first, second)
        for lane in range(LANES):
            if who[lane] < 0:
                continue
            unpack(found, lane, p, gradient, hessian)
            spent[lane] += 1
            converged = False
            failed = not _solve(hessian, gradient, p)
            if not failed:
                largest = 0.0
                for k in range(p):
                    largest = max(largest, abs(gradient[k]))
                scale = min(1.0, max_step / largest) if largest > 0 else 1.0
                for k in range(p):
                    theta[LANES * k + lane] -= scale * gradient[k]
                converged = largest < tolerance
            if converged:
                for k in range(p):
                    limits[who[lane], k] = theta[LANES * k + lane] % np.pi
            if converged or failed or spent[lane] == max_iterations:
                who[lane] = -1
                active -= 1


@compiled
def _merge(known, limits):
    """The points known so far, followed by the limits that are none of them, in order and once each."""
    n_known, p = known.shape
    points = np.empty((n_known + limits.shape[0], p))
    for k in range(n_known):  # element by element: slices would take seconds to compile
        for i in range(p):
            points[k, i] = known[k, i]
    for b in range(limits.shape[0]):
        if np.isnan(limits[b, 0]):
            continue
        new = True
        for k in range(n_known):
            same = True
            for i in range(p):
                distance = abs(points[k, i] - limits[b, i])
                if min(distance, np.pi - distance) > 1e-6:
                    same = False
                    break
            if same:
                new = False
                break
        if new:
            for i in range(p):
                points[n_known, i] = limits[b, i]
            n_known += 1
    return points[:n_known]


@dataclass(frozen=True)
class CriticalPoints:
    """Critical points of one field on the torus ``[0, pi)^p``.

    Attributes
    ----------
    theta : ndarray, shape (K, p)
    value : ndarray, shape (K,)
    index : ndarray of int, shape (K,)
        Number of negative Hessian eigenvalues: 0 for minima, p for maxima.
    complete : bool
        Whether the stopping rule of :func:`critical_points` was met.
    n_starts : int
        Newton runs spent, random and derived ones.
    """

    theta: Array
    value: Array
    index: NDArray[np.int64]
    complete: bool
    n_starts: int


def _torus_has(index: NDArray[np.int64], p: int) -> bool:
    """Whether a function on the p-torus may have non-degenerate critical points of these indices and no others (Morse).

    At least binom(p, k) of index k, a minimum and a maximum among them, and as many of even as of odd index (field).
    """
    count = np.bincount(index, minlength=p + 1)
    order = np.arange(p + 1)
    return bool(
        (count >= comb(p, order)).all() and count[order % 2 == 0].sum() == count[order % 2 == 1].sum()
    )


def _derived_starts(polynomial: TrigPolynomial, points: Array) -> Array:
    """Starts near which further critical points are likely, given some.

    Along one angle a field is ``a + b cos(2t - c)``: half a period away from a critical point the derivative in that
    angle vanishes again (flips). Points with a small Hessian eigenvalue come in pairs of neighbours with basins too
    small for random starts; the partner sits where the quadratic Taylor polynomial of the derivative along that
    eigenvector has its other root (folds).
    """
    p = polynomial.n_params
    flips = np.repeat(points[:, None, :], p, axis=1)
    flips[:, np.arange(p), np.arange(p)] += np.pi / 2
    starts = [flips.reshape(-1, p)]
    curvature, vectors = np.linalg.eigh(polynomial.hessian(points))
    step = 1e-3
    for j in range(p):
        v = vectors[:, :, j]
        change = (polynomial.hessian(points + step * v) - polynomial.hessian(points - step * v)) / (2 * step)
        third = np.einsum("ki,kij,kj->k", v, change, v)
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = -2 * curvature[:, j] / third
        near = np.abs(shift) < 1.0
        starts.append(points[near] + shift[near, None] * v[near])
    return np.concatenate(starts)


def critical_points(
    polynomial: TrigPolynomial,
    rng: np.random.Generator,
    *,
    n_starts: int = 1000,
    max_starts: int | None = None,
) -> CriticalPoints:
    """List all critical points of a field, of every index, by Newton's method on the gradient from many starts.

    Rounds of uniform random starts alternate with starts derived from the points just found (half-period flips
    and fold partners). Limits closer than 1e-6 on the torus are one point. A round has ``max(n_starts, 4 K)``
    starts, ``K`` the number of points known. The search stops, and ``complete`` is True, after a round in which
    no random start led to a new point (so, by the Good-Turing estimate, unknown points attract about one start
    in ``4 K`` or less) while the indices are such as a torus allows: ``sum (-1)^index`` is 0, and ``binom(p, k)``
    points or more have index k (Morse). It stops with ``complete`` False once ``max_starts`` are spent, or after a
    round that found a degenerate point, with a Hessian eigenvalue of 1e-6 of the largest one or less: such points
    may lie on curves, or belong to an angle that changes the field by rounding only.

    Parameters
    ----------
    polynomial : TrigPolynomial
        Its critical points must be isolated for a complete list: a WHRF needs ``p <= 2m``.
    rng : numpy.random.Generator
    n_starts : int
        Random starts of the first round and the least number in any round.
    max_starts : int, optional
        Bound on the total; default ``200 n_starts 4^max(p - 4, 0)``.

    Raises
    ------
    ValueError
        If ``n_starts`` is not a positive integer.
    """
    n_starts = require_integer(n_starts, "n_starts")
    p = polynomial.n_params
    limit = 200 * n_starts * 4 ** max(p - 4, 0) if max_starts is None else max_starts
    points = np.empty((0, p))
    spent = 0
    complete = False
    coefficients = polynomial.coefficients.ravel()

    def search(starts: Array, known: Array) -> Array:
        # A step of 0.4 is a quarter of the shortest period pi/2 between extrema along one angle: longer steps lose the
        # basin they started in, shorter ones only take longer.
        return _merge(known, _newton(coefficients, p, starts, 0.4, 60, 1e-9))

    while not complete and spent < limit:
        size = max(n_starts, 4 * len(points))
        before = len(points)
        points = search(rng.uniform(0, np.pi, (size, p)), points)
        spent += size
        found_by_chance = len(points) > before
        # On a flat valley every start leads to a new point: without the bound this would never end.
        while len(points) > before and spent < limit:
            derived = _derived_starts(polynomial, points[before:])[: limit - spent]
            before = len(points)
            points = search(derived, points)
            spent += len(derived)
        curvature = np.linalg.eigvalsh(polynomial.hessian(points))
        index = (curvature < 0).sum(axis=1)
        if len(points) and np.abs(curvature).min() <= _FLAT * np.abs(curvature).max():
            break
        complete = not found_by_chance and len(points) == before and _torus_has(index, p)
    return CriticalPoints(points, polynomial.value(points), index.astype(np.int64), complete, spent)


@dataclass(frozen=True)
class FieldEnumeration:
    """Task: sample WHRFs and list all their critical points.

    Attributes
    ----------
    n_params, degrees_of_freedom
        ``p`` and ``m``; ``p <= 2m``, else the zeros of the field form manifolds and cannot be listed.
    first, n_fields : int
        The fields ``first .. first + n_fields - 1`` of the ensemble: each field has its own random stream, so that the
        ensemble does not depend on how it is cut into tasks.
    n_starts : int
        Newton starts in the first round, see :func:`critical_points`.
    seed : int
    """

    n_params: int
    degrees_of_freedom: float
    first: int
    n_fields: int
    n_starts: int
    seed: int

    def __post_init__(self) -> None:
        p, two_m = check_n_params(self.n_params), wishart_dimension(self.degrees_of_freedom)
        if p > two_m:
            raise ValueError(
                f"n_params must be at most 2m for isolated critical points, got n_params = {p} with 2m = {two_m}; "
                "raise degrees_of_freedom"
            )
        if self.n_fields < 1 or self.first < 0:
            raise ValueError(
                f"n_fields must be positive and first non-negative, got {self.n_fields}, {self.first}"
            )

    def run(self) -> pd.DataFrame:
        """Return one row per critical point: field, index, value, complete, starts."""
        two_m = wishart_dimension(self.degrees_of_freedom)
        frames = []
        for field in range(self.first, self.first + self.n_fields):
            stream = np.random.SeedSequence(self.seed, spawn_key=(self.n_params, two_m, field))
            rng = np.random.default_rng(stream)
            points = critical_points(sample_whrf(self.n_params, two_m / 2, rng), rng, n_starts=self.n_starts)
            frames.append(
                pd.DataFrame(
                    {
                        "field": field,
                        "index": points.index,
                        "value": points.value,
                        "complete": points.complete,
                        "starts": points.n_starts,
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)
