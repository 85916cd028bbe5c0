"""Regression: expectation values for several inputs against what they should be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.inputs import frozen, known_array, number_array, precision_of
from qgmutils.losses.energy import Energy
from qgmutils.losses.loss import Array, Loss, States, qubits_of, require_states

_FEW = 1 / 8  # share of entries that are not 0 below which a matrix is applied row by row


@dataclass(frozen=True, eq=False)
class LeastSquares(Loss):
    """L = mean_m (<psi_m|O|psi_m> - y_m)^2 over M inputs that the same circuit acts on (general knowledge).

    A teacher's expectation values as y make it a teacher-student problem, and labels -1 and 1 a classifier, with an
    observable of these two eigenvalues.  No square is negative: 0 is a lower bound, which is reached if and only if
    some angles fit all targets.

    Attributes
    ----------
    inputs : complex array, shape (M, N)
        Normalised states; N = 2^n.
    observable : complex array, shape (N, N), or Energy
        O, Hermitian; an `Energy` stands for its normalised matrix.
    targets : float array, shape (M,)
        y.
    name : str
    n_qubits : int
        n, from the size of the observable.

    Raises
    ------
    ValueError
        If the observable is no Hermitian matrix of 2^n rows, to the square root of the precision in which it is given,
        an input is no normalised state of n qubits, or there is not one real target for each input.
    """

    inputs: States = dataclasses.field()
    observable: States
    targets: Array
    name: str = "least squares"
    n_qubits: int = dataclasses.field(init=False)

    floor = 0.0

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        given = self.observable.matrix if isinstance(self.observable, Energy) else self.observable
        put(self, "n_qubits", qubits_of(given, "the observable", 2))
        put(self, "observable", _hermitian(given))
        put(self, "inputs", require_states(self.inputs, self.dim, "the inputs"))
        targets = known_array(self.targets, "the targets")
        if targets.shape != (len(self.inputs),) or not np.all(np.isfinite(targets)):
            raise ValueError(
                f"there must be one finite target for each of {len(self.inputs)} inputs, got shape {targets.shape}"
            )
        put(self, "targets", frozen(targets, np.float64))

    @cached_property
    def scale(self) -> float:  # type: ignore[override]
        """(max_rows sum_k |O_jk| + max_m |y_m|)^2, which no value exceeds."""
        return float((np.abs(self.observable).sum(axis=1).max() + np.abs(self.targets).max()) ** 2)

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """L (B,) and 2 / M (<O>_m - y_m) O |psi_m> (B, M, N)."""
        applied = self._apply(states)
        error = np.sum(states.real * applied.real + states.imag * applied.imag, axis=2) - self.targets
        applied *= 2 / len(self.targets) * error[:, :, None]
        return np.mean(error**2, axis=1), applied

    def curvature(self, states: States, tangents: States) -> Array:
        """2 / M sum_m [o_im o_jm + 2 (<O>_m - y_m) Re <T_im|O|T_jm>] with o_im = 2 Re <psi_m|O|T_im>."""
        p, applied = len(tangents), self._apply(states)
        error = np.sum((states.conj() * applied).real, axis=1) - self.targets
        slopes = 2 * np.sum((applied.conj() * tangents).real, axis=2)
        weighted = self._apply(tangents) * error[:, None]
        second = np.real(tangents.reshape(p, -1).conj() @ weighted.reshape(p, -1).T)
        result: Array = 2 / len(self.targets) * (slopes @ slopes.T + 2 * second)
        return result

    @cached_property
    def _rows(self) -> sp.csr_array | None:
        """The observable where it has few entries."""
        return (
            sp.csr_array(self.observable) if np.count_nonzero(self.observable) < _FEW * self.dim**2 else None
        )

    def _apply(self, states: States) -> States:
        """O on states (..., N), as a new array."""
        if self._rows is None:
            return states @ self.observable.T
        columns = states.reshape(-1, self.dim).T
        return np.ascontiguousarray((self._rows @ columns).T).reshape(states.shape)


def _hermitian(matrix: NDArray[np.generic]) -> States:
    given = number_array(matrix, "the observable", kinds="biufc")
    values = given.astype(np.complex128)
    size, deviation = float(np.max(np.abs(values))), float(np.max(np.abs(values - values.conj().T)))
    if not deviation <= np.sqrt(precision_of(given)) * size:
        raise ValueError(
            f"the observable is not Hermitian: max |O - O^dagger| = {deviation:.3g} with entries up to {size:.3g}; "
            "pass (O + O^dagger)/2 if that is what you mean"
        )
    return frozen((values + values.conj().T) / 2, np.complex128)
