"""Trigonometric polynomials on the torus: losses held exactly by their coefficients, and samples of the WHRF.

A loss in which every angle sits in one gate is a polynomial of degree one in ``(1, cos 2t, sin 2t)`` of each angle,
so ``3^p`` coefficients hold it exactly and give its values, gradients and Hessians. The same holds for the Wishart
hypertoroidal random field (WHRF), the sum of ``2m`` squares ``F = (1/m) sum_a f_a^2`` of Gaussian fields
``f_a = <x_a, w(t)>``, ``w = (x) (cos t_i, sin t_i)``, ``x_a ~ N(0, 1/2)``. Source: general knowledge of the paper's
construction (field).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import LANES, add, fma, fnma, load, mul, sincos, splat, store, sub
from qgmutils.field.spectra import wishart_dimension

__all__ = ["TrigPolynomial", "from_function", "sample_whrf"]

Array = NDArray[np.float64]

#: Angles at which a function of degree one in (1, cos 2t, sin 2t) is sampled, and the inverse of that 3 x 3 system.
_NODES = np.arange(3) * np.pi / 3
_TO_COEFFICIENTS = np.array(
    [[1 / 3, 1 / 3, 1 / 3], *(2 / 3 * f(2 * _NODES) for f in (np.cos, np.sin))]
)  # exact: the nodes are the third roots of unity
_MAX_PARAMS = 10


@compiled
def buffer_size(p):
    """Numbers per lane that each of the two buffers of :func:`evaluate` must hold for ``p`` angles."""
    size = 3**p
    largest = size
    for k in range(1, p + 1):
        size //= 3
        largest = max(largest, size * (1 + k + k * (k + 1) // 2))
    return largest


@compiled
def _double_angle(theta, at):
    s, c = sincos(load(theta, at))  # their common sign, which is free, cancels
    return fnma(s, s, mul(c, c)), mul(add(s, s), c)


@compiled
def evaluate(coefficients, p, theta, first, second):
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


@compiled
def unpack(found, lane, p, gradient, hessian):
    """Copy one lane's derivatives out of the results of :func:`evaluate`."""
    at = LANES + lane
    for k in range(p):
        gradient[k] = found[at]
        for j in range(k + 1):
            hessian[k, j] = hessian[j, k] = found[at + LANES * (j + 1)]
        at += LANES * (k + 2)


@compiled
def _evaluate_batch(coefficients, p, points):
    batch = points.shape[0]
    value, gradient, hessian = np.empty(batch), np.empty((batch, p)), np.empty((batch, p, p))
    first, second = np.zeros(LANES * buffer_size(p)), np.zeros(LANES * buffer_size(p))
    theta = np.zeros(LANES * p)
    for start in range(0, batch, LANES):
        used = min(LANES, batch - start)
        for lane in range(used):
            for k in range(p):
                theta[LANES * k + lane] = points[start + lane, k]
        found = evaluate(coefficients, p, theta, first, second)
        for lane in range(used):
            value[start + lane] = found[lane]
            unpack(found, lane, p, gradient[start + lane], hessian[start + lane])
    return value, gradient, hessian


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


def check_n_params(n_params: int) -> int:
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
    p = check_n_params(n_params)
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
    p, two_m = check_n_params(n_params), wishart_dimension(degrees_of_freedom)
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
