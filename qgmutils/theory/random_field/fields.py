"""Random fields on the torus: trigonometric polynomials, samples of the WHRF, exhaustive lists of critical points.

A loss in which every angle sits in one gate is a polynomial of degree one in ``(1, cos 2t, sin 2t)`` of each angle,
so ``3^p`` coefficients hold it exactly. The Wishart hypertoroidal random field (WHRF) is the sum of ``2m`` squares
``F = (1/m) sum_a f_a^2`` of Gaussian fields ``f_a = <x_a, w(t)>``, ``w = (x) (cos t_i, sin t_i)``,
``x_a ~ N(0, 1/2)``. Source: general knowledge of the paper's construction (field).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import comb

from qgmutils.engine.simd import LANES, add, fma, fnma, load, mul, sincos, splat, store, sub
from qgmutils.theory.random_field.spectra import wishart_dimension

__all__ = [
    "CriticalPoints",
    "FieldEnumeration",
    "TrigPolynomial",
    "critical_points",
    "from_function",
    "sample_whrf",
]

Array = NDArray[np.float64]

#: Angles at which a function of degree one in (1, cos 2t, sin 2t) is sampled, and the inverse of that 3 x 3 system.
_NODES = np.arange(3) * np.pi / 3
_TO_COEFFICIENTS = np.array(
    [[1 / 3, 1 / 3, 1 / 3], *(2 / 3 * f(2 * _NODES) for f in (np.cos, np.sin))]
)  # exact: the nodes are the third roots of unity
_MAX_PARAMS = 10
_FLAT = 1e-6  # of the largest Hessian eigenvalue: with isolated points, one list in some thousands has one so small


@numba.njit(cache=True)
def _buffer_size(p):
    size = 3**p
    largest = size
    for k in range(1, p + 1):
        size //= 3
        largest = max(largest, size * (1 + k + k * (k + 1) // 2))
    return largest


@numba.njit(cache=True)
def _double_angle(theta, at):
    s, c = sincos(load(theta, at))  # their common sign, which is free, cancels
    return fnma(s, s, mul(c, c)), mul(add(s, s), c)


@numba.njit(cache=True)
def _evaluate(coefficients, p, theta, first, second):
    """Value, gradient and Hessian at eight points; returns the one of the two buffers that holds the results.

    They lie there as (block, lane): the value, then for each angle its first derivative and its second derivatives with
    the angles up to it. Angles are contracted one after the other, slowest axis first; carried along are the partly
    contracted tensors of the value and of each derivative. The first angle is contracted on its own, as the
    coefficients are the same in all lanes.
    """
    n = coefficients.size // 3
    source, target = first, second
    c, s = _double_angle(theta, 0)
    for i in range(n):
        b1, b2 = splat(coefficients[n + i]), splat(coefficients[2 * n + i])
        wave = fma(c, b1, mul(s, b2))
        store(target, LANES * i, add(splat(coefficients[i]), wave))
        store(target, LANES * (n + i), mul(splat(2.0), sub(mul(c, b2), mul(s, b1))))
        store(target, LANES * (2 * n + i), mul(splat(-4.0), wave))
    count = 3
    for k in range(1, p):
        source, target = target, source
        length, n = n, n // 3
        c, s = _double_angle(theta, LANES * k)
        for j in range(count):
            for i in range(j * length, j * length + n):
                wave = fma(c, load(source, LANES * (i + n)), mul(s, load(source, LANES * (i + 2 * n))))
                store(target, LANES * (i - j * (length - n)), add(load(source, LANES * i), wave))
        c1, s1 = mul(splat(-2.0), s), mul(splat(2.0), c)
        new, position = count, 0
        for j in range(k + 1):  # the value and the first derivatives so far
            for i in range(n):
                b1 = load(source, LANES * (position * length + n + i))
                b2 = load(source, LANES * (position * length + 2 * n + i))
                store(target, LANES * (new * n + i), fma(c1, b1, mul(s1, b2)))
            new += 1
            position += j + 1
        for i in range(n):
            wave = fma(c, load(source, LANES * (n + i)), mul(s, load(source, LANES * (2 * n + i))))
            store(target, LANES * (new * n + i), mul(splat(-4.0), wave))
        count = new + 1
    return target


@numba.njit(cache=True)
def _unpack(found, lane, p, gradient, hessian):
    """Copy one lane's derivatives out of the results of :func:`_evaluate`."""
    at = LANES + lane
    for k in range(p):
        gradient[k] = found[at]
        for j in range(k + 1):
            hessian[k, j] = hessian[j, k] = found[at + LANES * (j + 1)]
        at += LANES * (k + 2)


@numba.njit(cache=True)
def _evaluate_batch(coefficients, p, points):
    batch = points.shape[0]
    value, gradient, hessian = np.empty(batch), np.empty((batch, p)), np.empty((batch, p, p))
    first, second = np.zeros(LANES * _buffer_size(p)), np.zeros(LANES * _buffer_size(p))
    theta = np.zeros(LANES * p)
    for start in range(0, batch, LANES):
        used = min(LANES, batch - start)
        for lane in range(used):
            for k in range(p):
                theta[LANES * k + lane] = points[start + lane, k]
        found = _evaluate(coefficients, p, theta, first, second)
        for lane in range(used):
            value[start + lane] = found[lane]
            _unpack(found, lane, p, gradient[start + lane], hessian[start + lane])
    return value, gradient, hessian


@numba.njit(cache=True)
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


@numba.njit(cache=True)
def _newton(coefficients, p, starts, max_step, max_iterations, tolerance):
    """Newton's method on the gradient from every start, eight at a time; nan where it does not converge.

    Each lane takes the next start when it is done with one; what happens in it does not depend on its neighbours.
    """
    n_starts = starts.shape[0]
    limits = np.full((n_starts, p), np.nan)
    first, second = np.zeros(LANES * _buffer_size(p)), np.zeros(LANES * _buffer_size(p))
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
        found = _evaluate(coefficients, p, theta, first, second)
        for lane in range(LANES):
            if who[lane] < 0:
                continue
            _unpack(found, lane, p, gradient, hessian)
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


@numba.njit(cache=True)
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


def _as_batch(theta: ArrayLike, p: int) -> Array:
    theta = np.ascontiguousarray(theta, dtype=np.float64)
    if theta.ndim != 2 or theta.shape[1] != p:
        raise ValueError(f"theta must have shape (batch, {p}), got {theta.shape}")
    return theta


@dataclass(frozen=True)
class TrigPolynomial:
    """A function of ``p`` angles, of degree one in ``(1, cos 2t_i, sin 2t_i)`` for each of them.

    Attributes
    ----------
    coefficients : ndarray, shape (3,) * p
        Coefficient of the product of basis functions, one axis per angle.
    """

    coefficients: Array

    def __post_init__(self) -> None:
        c = np.ascontiguousarray(self.coefficients, dtype=np.float64)
        if not 1 <= c.ndim <= _MAX_PARAMS or set(c.shape) != {3}:
            raise ValueError(
                f"coefficients must have shape (3,) * p with p = 1..{_MAX_PARAMS}, got {c.shape}"
            )
        if not np.isfinite(c).all():
            raise ValueError("coefficients must be finite, got nan or inf; check the function they came from")
        object.__setattr__(self, "coefficients", c)

    @property
    def n_params(self) -> int:
        """Number of angles ``p``."""
        return self.coefficients.ndim

    @cached_property
    def _flat(self) -> Array:
        return self.coefficients.ravel()

    def value(self, theta: ArrayLike) -> Array:
        """Values at a batch of angles: (B, p) -> (B,)."""
        return _evaluate_batch(self._flat, self.n_params, _as_batch(theta, self.n_params))[0]

    def gradient(self, theta: ArrayLike) -> Array:
        """Gradients at a batch of angles: (B, p) -> (B, p)."""
        return _evaluate_batch(self._flat, self.n_params, _as_batch(theta, self.n_params))[1]

    def hessian(self, theta: ArrayLike) -> Array:
        """Hessians at a batch of angles: (B, p) -> (B, p, p)."""
        return _evaluate_batch(self._flat, self.n_params, _as_batch(theta, self.n_params))[2]


def _grid_to_polynomial(values: Array) -> TrigPolynomial:
    for axis in range(values.ndim):
        values = np.moveaxis(np.tensordot(_TO_COEFFICIENTS, values, (1, axis)), 0, axis)
    return TrigPolynomial(values)


def _check_n_params(n_params: int) -> int:
    if int(n_params) != n_params or not 1 <= n_params <= _MAX_PARAMS:
        raise ValueError(
            f"n_params must be an integer from 1 to {_MAX_PARAMS} (a field is stored as 3^p numbers), got {n_params!r}"
        )
    return int(n_params)


def from_function(function: Callable[[Array], Array], n_params: int) -> TrigPolynomial:
    """Interpolate ``function``: (B, p) -> (B,) exactly from its values on the grid ``{0, pi/3, 2 pi/3}^p``.

    The result equals the function only if it is of degree one in ``(1, cos 2t, sin 2t)`` of every angle, as the energy
    of a circuit is in which each angle drives one Pauli rotation ``exp(-i t P)``.

    Raises
    ------
    ValueError
        If ``n_params`` is not in 1..10, the function returns another shape, or it differs from the interpolant at
        probe points off the grid (then an angle sits in several gates, or is scaled).
    """
    p = _check_n_params(n_params)
    grid = np.stack(np.meshgrid(*[_NODES] * p, indexing="ij"), axis=-1).reshape(-1, p)
    values = np.asarray(function(grid), dtype=np.float64)
    if values.shape != (3**p,):
        raise ValueError(f"function must map (B, p) to (B,), got shape {values.shape} for B = {3**p}")
    polynomial = _grid_to_polynomial(values.reshape((3,) * p))
    # Weyl sequence: probe points without a random generator, never on the grid.
    probes = np.pi * ((np.arange(1, 5)[:, None] * np.sqrt(np.arange(2, 2 + p) + 0.1)) % 1)
    error = np.abs(np.asarray(function(probes)) - polynomial.value(probes)).max()
    if error > 1e-9 * max(1.0, np.abs(values).max()):
        raise ValueError(
            f"function must be of degree one in (1, cos 2t, sin 2t) of every angle, got a deviation of {error:.1e} "
            "from its interpolant; each angle may drive one gate only"
        )
    return polynomial


def sample_whrf(n_params: int, degrees_of_freedom: float, rng: np.random.Generator) -> TrigPolynomial:
    """Draw a Wishart hypertoroidal random field ``F = (1/m) sum_{a=1..2m} f_a^2`` with one gate per angle.

    Parameters
    ----------
    n_params : int
        Number of angles, 1 to 10.
    degrees_of_freedom : float
        ``m``; ``2m`` is rounded to an integer as in :func:`.spectra.wishart_dimension`.
    rng : numpy.random.Generator

    Returns
    -------
    TrigPolynomial
        Non-negative, of mean 1 and one-point law Gamma(m, rate m). Source: general knowledge of the paper's
        construction (field).
    """
    p, two_m = _check_n_params(n_params), wishart_dimension(degrees_of_freedom)
    waves = np.stack([np.cos(_NODES), np.sin(_NODES)], axis=1)
    # One field per pass when large: 2m * 3^p numbers are never held at once beyond a block of fields.
    total = np.zeros((3,) * p)
    block = max(1, 10**6 // 3**p)
    for start in range(0, two_m, block):
        count = min(block, two_m - start)
        values = rng.normal(scale=np.sqrt(0.5), size=(count, *(2,) * p))
        for _ in range(p):  # contracts the first angle's axis and appends its grid axis at the end
            values = np.tensordot(values, waves, (1, 1))
        total += (values**2).sum(axis=0)
    return _grid_to_polynomial(2 * total / two_m)


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

    @property
    def euler_characteristic(self) -> int:
        """``sum (-1)^index``; 0 on a torus if the list is complete and no point is degenerate (Morse)."""
        return int(np.sum(1 - 2 * (self.index % 2)))


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
    if int(n_starts) != n_starts or n_starts < 1:
        raise ValueError(f"n_starts must be a positive integer, got {n_starts!r}")
    p = polynomial.n_params
    limit = 200 * n_starts * 4 ** max(p - 4, 0) if max_starts is None else max_starts
    points = np.empty((0, p))
    spent = 0
    complete = False

    def search(starts: Array, known: Array) -> Array:
        # A step of 0.4 is a quarter of the shortest period pi/2 between extrema along one angle: longer steps lose the
        # basin they started in, shorter ones only take longer.
        return _merge(known, _newton(polynomial._flat, p, starts, 0.4, 60, 1e-9))

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
        p, two_m = _check_n_params(self.n_params), wishart_dimension(self.degrees_of_freedom)
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
