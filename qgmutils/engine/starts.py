"""What every engine checks about what it is given, and what it does about angles that are too large for it.

What a loss says is checked as well: compiled code trusts the shapes of what it reads.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.circuits.circuit import Circuit
from qgmutils.inputs import real_array
from qgmutils.losses.energy import Energy
from qgmutils.losses.loss import Loss, States

Array = NDArray[np.float64]
Result = TypeVar("Result")

FAR = 1e6
"""Angles of gates up to this one are left to the engines, radians; larger ones are reduced first."""


def is_energy(loss: Loss) -> TypeGuard[Energy]:
    """Whether the loss is an energy of the circuit's own reference state, which engines have a shorter way for."""
    return isinstance(loss, Energy) and loss.inputs is None


def checked(theta: ArrayLike, n_params: int) -> Array:
    """A new (B, p) array of starts.

    Raises
    ------
    ValueError
        For another shape, entries that are not finite, or what `inputs.real_array` refuses.
    """
    array = np.array(real_array(theta, "theta"), order="C")  # a copy: read-only arrays would compile anew
    if array.ndim != 2 or array.shape[1] != n_params:
        raise ValueError(f"theta must have shape (starts, {n_params}), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("theta has entries that are not finite numbers")
    return array


def value_and_cotangent(loss: Loss, states: States) -> tuple[Array, States]:
    """What the loss says about states (B, M, N), if it has the right shapes: values (B,) and cotangents (B, M, N).

    Raises
    ------
    ValueError
        If it has not.
    """
    values, cotangents = loss.value_and_cotangent(states)
    if np.shape(values) != states.shape[:1] or np.shape(cotangents) != states.shape:
        raise ValueError(
            f"{type(loss).__name__}.value_and_cotangent must return values of shape {states.shape[:1]} and cotangents "
            f"of shape {states.shape} for states of that shape, got {np.shape(values)} and {np.shape(cotangents)}"
        )
    return values, cotangents


def curvature_of(loss: Loss, states: States, tangents: States) -> Array:
    """What the loss says about states (M, N) along tangents (p, M, N), if it has the right shape, (p, p).

    Raises
    ------
    ValueError
        If it has not.
    """
    second = loss.curvature(states, tangents)
    if np.shape(second) != 2 * (len(tangents),):
        raise ValueError(
            f"{type(loss).__name__}.curvature must return an array of shape {2 * (len(tangents),)} for that many "
            f"tangents, got {np.shape(second)}"
        )
    return second


def any_angle(method: Callable[..., Result]) -> Callable[..., Result]:
    """Decorator of a landscape's method (self, theta): the starts are checked, and angles may be of any size.

    The sine and cosine of any double are well-defined, but only a reduction with a thousand bits of pi finds those of
    1e300.  A start with a gate whose angle is beyond `FAR` is evaluated on a landscape of its own, at theta = 0: the
    reduced angles are its offsets, so that derivatives stay those with respect to theta.
    """

    @functools.wraps(method)
    def checked_method(self: Any, theta: ArrayLike) -> Result:
        circuit: Circuit = self.circuit
        starts = checked(theta, circuit.n_params)
        far = far_starts(circuit, starts)
        near = starts
        if far.size:
            near = starts.copy()
            near[far] = 0.0
        result = method(self, near)
        for b in far:
            alone = self.with_circuit(reduced(circuit, starts[b]))
            one = getattr(alone, method.__name__)(np.zeros((1, starts.shape[1])))
            alike: Any = zip(result, one, strict=True) if isinstance(result, tuple) else [(result, one)]
            for whole, part in alike:
                whole[b] = part[0]
        return result

    return checked_method


def far_starts(circuit: Circuit, starts: Array) -> NDArray[np.intp]:
    """The rows of `starts` (B, p) in which the angle of a gate is beyond `FAR`."""
    scale, offset = _bounds(circuit)
    if scale * float(np.abs(starts).max(initial=0.0)) + offset <= FAR:
        return _NONE
    with np.errstate(over="ignore", invalid="ignore"):
        angles = circuit.scale * starts[:, circuit.parameter] + circuit.offset
    return np.flatnonzero(~(np.max(np.abs(angles), axis=1) <= FAR))


_NONE = np.empty(0, dtype=np.intp)


@functools.lru_cache(maxsize=64)
def _bounds(circuit: Circuit) -> tuple[float, float]:
    """Largest |scale| and |offset|: on small circuits, finding them takes as long as an energy."""
    return float(np.max(np.abs(circuit.scale))), float(np.max(np.abs(circuit.offset)))


def reduced(circuit: Circuit, start: Array) -> Circuit:
    """The circuit whose gates have at theta = 0 the angles that those of `circuit` have at `start` (p,), up to 2 pi.

    Raises
    ------
    ValueError
        scale * theta + offset is beyond the largest double.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        angles = circuit.scale * start[circuit.parameter] + circuit.offset
    if not np.all(np.isfinite(angles)):
        largest = np.finfo(np.float64).max
        raise ValueError(
            f"angles of gates, scale * theta + offset, must lie within +-{largest:.3g}; "
            "reduce theta by whole periods, which are pi in each of these angles"
        )
    # The functions of the C library reduce exactly; NumPy's own do so only on some processors.
    return dataclasses.replace(
        circuit, offset=np.array([math.atan2(math.sin(a), math.cos(a)) for a in angles])
    )
