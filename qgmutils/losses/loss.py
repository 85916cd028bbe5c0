"""What is minimised, as data: a function of the states that a circuit ends in.

A circuit turns M inputs into final states |psi_1> ... |psi_M>; a loss L is a real function of them.  The engine runs
the gates forward, asks the loss for its value and its cotangents lambda_m = dL/d<psi_m|, with which

    dL = 2 Re sum_m <lambda_m|d psi_m>,

and undoes the gates on states and cotangents together: that is the whole gradient, for any loss.

To write one, derive a frozen dataclass from `Loss` with the fields n_qubits and name and the method
`value_and_cotangent`.  A field that `Loss` has a value for, such as inputs, has that value as its default unless it is
written ``inputs: States = dataclasses.field()``.  Arrays must be read-only (`array.setflags(write=False)`), since tasks
hash what they hold, and the class must stand in a module for its results to be kept::

    @dataclass(frozen=True)
    class Mixing(Loss):  # 1 - sum_x |<x|psi>|^4: 0 for every state of the basis
        n_qubits: int
        name: str = "mixing"
        floor: float = 0.0

        def value_and_cotangent(self, states):
            weights = np.abs(states) ** 2
            return 1 - np.sum(weights**2, axis=(1, 2)), -2 * weights * states
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgmutils.inputs import frozen, number_array, precision_of, require_qubits

SOLVED = 1e-8
"""Distance to the floor below which a start counts as solved.  Near the threshold true local minima have losses of
1e-10 ... 1e-4, so the critical count depends on it: docs/theory.md, section 4, says by how much (derived)."""

Array = NDArray[np.float64]
States = NDArray[np.complex128]

_STEP = 1e-3


def qubits_of(array: Any, name: str, n_axes: int) -> int:
    """Number of qubits n of an array of `n_axes` axes with 2^n entries each.

    Raises
    ------
    ValueError
        For another shape, or what is no array of numbers.
    """
    shape = number_array(array, name, kinds="biufc").shape
    dim = shape[0] if shape else 0
    if shape != n_axes * (dim,) or dim < 2 or dim & (dim - 1):
        wanted = " x ".join(n_axes * ("2^n",))
        raise ValueError(f"{name} must have {wanted} entries for n >= 1 qubits, got the shape {shape}")
    return require_qubits(dim.bit_length() - 1)


def require_states(states: Any, dim: int, name: str) -> States:
    """States (M, N) as a read-only copy in double precision.

    Raises
    ------
    ValueError
        For another shape, no state at all, or one that is not normalised, to 1e-10 or to 100 roundings of the precision
        in which it is given.
    """
    given = number_array(states, name, kinds="biufc")
    if given.ndim != 2 or given.shape[1] != dim or len(given) == 0:
        raise ValueError(f"{name} must have the shape (M, {dim}), M states as rows, got {given.shape}")
    vectors = given.astype(np.complex128)
    norms = np.linalg.norm(vectors, axis=1)
    rounding = precision_of(given)
    wrong = np.flatnonzero(~(np.abs(norms - 1) <= max(1e-10, 100 * rounding)))
    if wrong.size:
        raise ValueError(
            f"{name} must be normalised, but number {wrong[0]} has the norm {norms[wrong[0]]:.6g}; divide it by that"
        )
    if rounding > np.finfo(np.float64).eps:
        vectors /= norms[:, None]
    return frozen(vectors, np.complex128)


def _made(cls: type, fields: dict[str, Any]) -> Any:
    return cls(**fields)


class Loss:
    """A real function of M final states of n qubits, N = 2^n.

    Attributes
    ----------
    n_qubits : int
    name : str
        What it is called in tables and legends.
    inputs : complex array, shape (M, N), or None
        The states that the circuit acts on, each normalised; None is the circuit's own reference state, and M = 1.
    floor : float or None
        A value that no state goes below; None if there is none that is known, and then nothing counts as solved.
    solved : float
        A start is solved when its loss is within this of the floor.
    scale : float
        Size of the largest values, with which their rounding grows.
    first_gap : float
        Distance of the lowest two different values of a stationary state, which a certificate has to tell apart; inf
        where the loss has no such levels.
    unit : float
        One unit of the loss in the units of whoever posed the problem.
    phase_sensitive : bool
        Whether it depends on a phase that all final states have in common.
    """

    n_qubits: int
    name: str
    inputs: States | None = None
    floor: float | None = None
    solved: float = SOLVED
    scale: float = 1.0
    first_gap: float = np.inf
    unit: float = 1.0
    phase_sensitive: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies are made, and checked, by the constructor: NumPy's own copies of read-only arrays are writable.
        fields = [field.name for field in dataclasses.fields(self) if field.init]  # type: ignore[arg-type]
        return _made, (type(self), {name: getattr(self, name) for name in fields})

    @property
    def dim(self) -> int:
        """Dimension N = 2^n of the Hilbert space."""
        return 2**self.n_qubits

    def build(self) -> Any:
        """Itself: a loss may stand wherever a recipe of one may."""
        return self

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """Values (B,) and cotangents dL/d<psi| (B, M, N) of B sets of final states (B, M, N).

        What it says about one set may not depend on the others, to the last digit: sums go over the last axes.
        """
        raise NotImplementedError(f"{type(self).__name__} needs the method value_and_cotangent")

    def curvature(self, states: States, tangents: States) -> Array:
        """Second derivatives of L along tangents of the states.

        With psi(t) = psi + sum_i t_i T_i this is d2L/dt_i dt_j at t = 0.  Here it is a difference of cotangents, of
        fourth order in a step of `_STEP`; a loss that knows better overrides it.

        Parameters
        ----------
        states : complex array, shape (M, N)
        tangents : complex array, shape (p, M, N)

        Returns
        -------
        float array, shape (p, p)
        """
        slopes = sum(
            weight * self.value_and_cotangent(states + step * _STEP * tangents)[1]
            for step, weight in ((1, 8 / 12), (-1, -8 / 12), (2, -1 / 12), (-2, 1 / 12))
        )
        flat = np.asarray(slopes).reshape(len(tangents), -1) / _STEP
        second: Array = 2 * np.real(tangents.reshape(len(tangents), -1).conj() @ flat.T)
        return (second + second.T) / 2
