"""How angles of gates depend on the numbers that are trained: a_k = sum_i A_ki theta_i + b_k, or curved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TOLERANCE = 1e-11
"""Relative; angles of some radians are evaluated to 1e-15, and a curve shows at points that are radians apart."""
_DIGITS = 12  # of a factor, which is a rational number as a rule and is known to 1e-15


def affine(
    angles: Callable[[Array], Array], theta: Array, rng: np.random.Generator
) -> tuple[sp.csr_array, Array] | None:
    """A and b with angles(theta) = A theta + b, or None if there are none.

    Three evaluations tell what each gate depends on where that is one number: all numbers larger by 1, and each by its
    index.  Where that fails each number is changed by itself.

    Parameters
    ----------
    angles : callable
        theta (p,) -> angles of the gates (K,), radians.
    theta : float array, shape (p,)
        Where to look.
    rng : Generator
        Draws three more points at which A and b have to hold.

    Returns
    -------
    A : sparse array, shape (K, p)
    b : float array, shape (K,)
    """
    here, size = angles(theta), len(theta)
    points = theta + rng.uniform(-2 * np.pi, 2 * np.pi, (3, size))
    values = [angles(point) for point in points]

    def holds(matrix: sp.csr_array, offset: Array) -> bool:
        scale = 1 + np.max(np.abs(here), initial=0.0)
        return all(
            np.allclose(matrix @ point + offset, value, rtol=0, atol=_TOLERANCE * scale)
            for point, value in zip(points, values, strict=True)
        )

    for find in (_one_each, _several):
        matrix = find(angles, theta, here)
        offset = here - matrix @ theta
        offset[np.abs(offset) < 1e-13] = 0.0
        if holds(matrix, offset):
            return matrix, offset
    return None


def _one_each(angles: Callable[[Array], Array], theta: Array, here: Array) -> sp.csr_array:
    index = np.arange(1.0, len(theta) + 1)
    factor = angles(theta + 1) - here
    factor[np.abs(factor) < 1e-9] = 0.0
    driven = np.flatnonzero(factor)
    which = np.rint((angles(theta + index) - here)[driven] / factor[driven]).astype(int) - 1
    which = np.clip(which, 0, len(theta) - 1)  # what is none of these does not hold
    return sp.csr_array((np.round(factor[driven], _DIGITS), (driven, which)), shape=(len(here), len(theta)))


def _several(angles: Callable[[Array], Array], theta: Array, here: Array) -> sp.csr_array:
    columns = [sp.csr_array((angles(theta + unit) - here)[:, None]) for unit in np.eye(len(theta))]
    matrix = sp.csr_array(sp.hstack(columns))
    matrix.data = np.round(matrix.data, _DIGITS)
    matrix.data[np.abs(matrix.data) < 1e-9] = 0.0
    matrix.eliminate_zeros()
    return matrix


class Chain:
    """Angles of gates as a curved function of the trained numbers, with its derivatives by automatic differentiation.

    Parameters
    ----------
    angles : callable
        Numbers (p,), traced or not -> list of angles and arrays (M,) of them, K in all.
    theta : float array, shape (p,)
        Where it may be evaluated.
    like : Any
        A tensor of the library that differentiates: JAX or autograd, which is PennyLane's own.
    """

    def __init__(self, angles: Callable[[Any], list[Any]], theta: Array, like: Any) -> None:
        self._angles = angles
        self._library = "jax" if qml_interface(like) == "jax" else "autograd"
        self._size = len(theta)
        self._fixed = flat(angles(theta))
        moving = np.any(self._jacobian(theta) != 0, axis=1)
        for shift in (0.4, 1.1, 2.9):  # a slope may vanish at one point, and an angle may jump without one
            moving |= np.abs(flat(angles(theta + shift)) - self._fixed) > _TOLERANCE
        self._moving = np.flatnonzero(moving)

    def driven(self) -> tuple[sp.csr_array, Array]:
        """A and b of the circuit whose angles are those of the gates that move, one each."""
        count = len(self._fixed)
        matrix = sp.csr_array(
            (np.ones(len(self._moving)), (self._moving, np.arange(len(self._moving)))),
            shape=(count, len(self._moving)),
        )
        offset = self._fixed.copy()
        offset[self._moving] = 0.0
        return matrix, offset

    def values(self, theta: Array) -> Array:
        """Angles (K',) of the gates that move."""
        return flat(self._angles(theta))[self._moving]

    def jacobian(self, theta: Array) -> Array:
        """First derivatives (K', p)."""
        return self._jacobian(theta)[self._moving]

    def second(self, theta: Array) -> Array:
        """Second derivatives (K', p, p)."""
        twice = self._differentiate(self._differentiate(self._stacked))
        return np.asarray(twice(self._given(theta)), dtype=float)[self._moving]

    def _jacobian(self, theta: Array) -> Array:
        try:
            return np.asarray(self._differentiate(self._stacked)(self._given(theta)), dtype=float)
        except (
            AttributeError,
            TypeError,
            ValueError,
        ) as error:  # functions that know nothing of traced numbers
            raise ValueError(
                f"angles of gates are curved functions of the trained arguments, which {self._library} cannot "
                f"differentiate: {error.__cause__ or error}; write them with pennylane.numpy, or with jax.numpy and "
                "arrays of JAX"
            ) from error

    def _stacked(self, theta: Any) -> Any:
        import pennylane as qml

        # Where an angle is a plain number the library is that of theta.
        return qml.math.concatenate(
            [qml.math.reshape(angle + 0 * theta[0], (-1,)) for angle in self._angles(theta)]
        )

    def _given(self, theta: Array) -> Any:
        import pennylane as qml

        return qml.math.asarray(theta, like=self._library)

    def _differentiate(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if self._library == "jax":
            import jax

            return jax.jacobian(function)
        import autograd

        return autograd.jacobian(function)


def flat(angles: Sequence[Any]) -> Array:
    """Angles, and arrays of them, one after the other."""
    return np.concatenate([np.ravel(np.asarray(angle, dtype=float)) for angle in angles])


def qml_interface(value: Any) -> str:
    """PennyLane's name of the library that a tensor belongs to."""
    import pennylane as qml

    return str(qml.math.get_interface(value))
