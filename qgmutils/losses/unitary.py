"""Compilation of a unitary: how much a circuit misses a target matrix."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qgmutils.inputs import frozen, number_array, precision_of, require_flag
from qgmutils.losses.loss import Array, Loss, States, qubits_of


@dataclass(frozen=True, eq=False)
class UnitaryDistance(Loss):
    """Distance of the circuit's unitary U to a target T, from what U makes of the N basis states.

    With its phase it is

        L = ||U - T||_F^2 / (2 N) = 1 - Re tr(T^dagger U) / N,

    0 ... 2; without, L = 1 - |tr(T^dagger U)|^2 / N^2, 0 ... 1 (both general knowledge).  The floor is 0.  Where U can
    move in any direction, L is stationary if k of the eigenvalues of T^dagger U are -1 and the others 1, up to a common
    phase in the second case: the first values above 0 are 2 / N and 1 - (1 - 2 / N)^2 (derived; general knowledge for
    the first case).

    Rotations about words other than the identity have determinant 1.  With its phase, only targets whose determinant is
    1 can then be reached.

    Attributes
    ----------
    target : complex array, shape (N, N)
        T, unitary; N = 2^n.
    phase : bool
        Whether a common phase of U counts.
    name : str
    n_qubits : int
        n, from the size of the target.

    Raises
    ------
    ValueError
        If the target is not square with 2^n rows, or not unitary, to 1e-10 or to 100 roundings of the precision in
        which it is given.
    """

    target: States
    phase: bool = True
    name: str = "unitary distance"
    n_qubits: int = dataclasses.field(init=False)

    floor = 0.0

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        put(self, "n_qubits", qubits_of(self.target, "the target", 2))
        put(self, "phase", require_flag(self.phase, "phase"))
        given = number_array(self.target, "the target", kinds="biufc")
        target = given.astype(np.complex128)
        deviation = float(np.max(np.abs(target.conj().T @ target - np.eye(self.dim))))
        if not deviation <= max(1e-10, 100 * precision_of(given)):
            raise ValueError(
                f"the target must be unitary, but an entry of T^dagger T - 1 is {deviation:.3g}; scipy.linalg.polar "
                "gives the nearest unitary matrix"
            )
        put(self, "target", frozen(target, np.complex128))

    @cached_property
    def inputs(self) -> States:  # type: ignore[override]
        """The basis states."""
        return frozen(np.eye(self.dim), np.complex128)

    @property
    def phase_sensitive(self) -> bool:  # type: ignore[override]
        """As `phase` says."""
        return self.phase

    @property
    def scale(self) -> float:  # type: ignore[override]
        """2 with the phase, 1 without."""
        return 2.0 if self.phase else 1.0

    @property
    def first_gap(self) -> float:  # type: ignore[override]
        """2 / N, or 1 - (1 - 2 / N)^2 without the phase."""
        return 2 / self.dim if self.phase else 1 - (1 - 2 / self.dim) ** 2

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """L (B,), and with the columns |t_m> of T and a = tr(T^dagger U) / N: -|t_m> / 2N or -a |t_m> / N (B, N, N)."""
        columns = self.target.T / self.dim
        trace = np.sum((columns.conj() * states).reshape(len(states), -1), axis=1)
        if self.phase:
            return 1 - trace.real, np.broadcast_to(-columns / 2, states.shape)
        return 1 - np.abs(trace) ** 2, -trace[:, None, None] * columns

    def curvature(self, states: States, tangents: States) -> Array:
        """0, since L is linear in U; without the phase -2 Re a_i^* a_j with a_i = sum_m <t_m|T_i,m> / N."""
        if self.phase:
            return np.zeros(2 * (len(tangents),))
        traces = tangents.reshape(len(tangents), -1) @ self.target.T.conj().ravel() / self.dim
        result: Array = -2 * np.real(np.outer(traces.conj(), traces))
        return result
