"""What every engine checks about what it is given, and what it does about angles that are too large for it."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.circuits import Circuit
from qgmutils.inputs import real_array

Array = NDArray[np.float64]
Result = TypeVar("Result")

FAR = 1e6
"""Angles of gates up to this one are left to the engines, radians; larger ones are reduced first."""


def checked(theta: ArrayLike, n_params: int, name: str = "theta") -> Array:
    """A new (B, p) array of what was given as `name`.

    Raises
    ------
    ValueError
        For another shape, entries that are not finite, or what `inputs.real_array` refuses.
    """
    array = np.array(real_array(theta, name), order="C")  # a copy: read-only arrays would compile anew
    if array.ndim != 2 or array.shape[1] != n_params:
        raise ValueError(f"{name} must have shape (starts, {n_params}), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has entries that are not finite numbers")
    return array


def any_angle(method: Callable[..., Result]) -> Callable[..., Result]:
    """Decorator of a landscape's method (self, theta, *vectors): the starts are checked, and angles may be of any size.

    The sine and cosine of any double are well-defined, but only a reduction with a thousand bits of pi finds those of
    1e300.  A start with a gate whose angle is beyond `FAR` is evaluated on a landscape of its own, at theta = 0: the
    reduced angles are its offsets, so that derivatives stay those with respect to theta.
    """

    @functools.wraps(method)
    def checked_method(self: Any, theta: ArrayLike, *vectors: ArrayLike) -> Result:
        circuit: Circuit = self.circuit
        starts = checked(theta, circuit.n_params)
        others = [checked(each, circuit.n_params, "vectors") for each in vectors]
        for each in others:
            if len(each) != len(starts):
                raise ValueError(
                    f"there must be one vector for each start, got {len(each)} for {len(starts)}"
                )
        far = far_starts(circuit, starts)
        near = starts
        if far.size:
            near = starts.copy()
            near[far] = 0.0
        result = method(self, near, *others)
        for b in far:
            alone = self.with_circuit(reduced(circuit, starts[b]))
            one = getattr(alone, method.__name__)(
                np.zeros((1, starts.shape[1])), *(each[b : b + 1] for each in others)
            )
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
