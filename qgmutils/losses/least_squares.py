"""Regression: expectation values for several inputs against what they should be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.inputs import frozen, known_array, number_array, precision_of
from qgmutils.losses.energy import Energy
from qgmutils.losses.loss import Array, Loss, States, qubits_of, require_states

_FEW = 1 / 8  # share of entries that are not 0 below which a matrix is applied row by row


@dataclass(frozen=True, eq=False)
class LeastSquares(Loss):
    """L = mean_mk (<psi_m|O_k|psi_m> - y_mk)^2 over M inputs that the same circuit acts on (general knowledge).

    A teacher's expectation values as y make it a teacher-student problem, and labels -1 and 1 a classifier, with an
    observable of these two eigenvalues.  No square is negative: 0 is a lower bound, which is reached if and only if
    some angles fit all targets.

    Attributes
    ----------
    inputs : complex array, shape (M, N), or None
        Normalised states; N = 2^n.  None is the circuit's own reference state, M = 1.
    observable : complex array, shape (N, N) or (K, N, N), or Energy
        O_1 ... O_K, Hermitian; an `Energy` stands for its normalised matrix.
    targets : float array, shape (M, K), or as many numbers in this order
        y.
    name : str
    n_qubits : int
        n, from the size of the observables.

    Raises
    ------
    ValueError
        If an observable is no Hermitian matrix of 2^n rows, to the square root of the precision in which it is given,
        an input is no normalised state of n qubits, or there is not one real target for each input and observable.
    """

    inputs: States | None = dataclasses.field()
    observable: States
    targets: Array
    name: str = "least squares"
    n_qubits: int = dataclasses.field(init=False)

    floor = 0.0

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        given = number_array(_matrices(self.observable), "the observable", kinds="biufc")
        each = given if given.ndim == 3 and len(given) else given[None]
        put(self, "n_qubits", qubits_of(each[0], "the observable", 2))
        put(self, "observable", frozen(np.array([_hermitian(matrix) for matrix in each]), np.complex128))
        if self.inputs is not None:
            put(self, "inputs", require_states(self.inputs, self.dim, "the inputs"))
        shape = (1 if self.inputs is None else len(self.inputs), len(each))
        targets = known_array(self.targets, "the targets")
        if targets.size != shape[0] * shape[1] or not np.all(np.isfinite(targets)):
            raise ValueError(
                f"there must be one finite target for each of {shape[0]} inputs and {shape[1]} observables, got shape "
                f"{targets.shape}"
            )
        put(self, "targets", frozen(targets.reshape(shape), np.float64))

    @cached_property
    def scale(self) -> float:  # type: ignore[override]
        """(max_rows sum_k |O_jk| + max |y|)^2, which no value exceeds."""
        return float((np.abs(self.observable).sum(axis=2).max() + np.abs(self.targets).max()) ** 2)

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """L (B,) and 2 / MK sum_k (<O_k>_m - y_mk) O_k |psi_m> (B, M, N)."""
        value, cotangent = np.zeros(len(states)), np.zeros_like(states)
        for k, targets in enumerate(self.targets.T):
            applied = self._apply(k, states)
            error = np.sum(states.real * applied.real + states.imag * applied.imag, axis=2) - targets
            applied *= 2 / self.targets.size * error[:, :, None]
            cotangent += applied
            value += np.sum(error**2, axis=1) / self.targets.size
        return value, cotangent

    def curvature(self, states: States, tangents: States) -> Array:
        """2 / MK sum_mk [o_imk o_jmk + 2 (<O_k>_m - y_mk) Re <T_im|O_k|T_jm>] with o_imk = 2 Re <psi_m|O_k|T_im>."""
        p = len(tangents)
        result = np.zeros((p, p))
        for k, targets in enumerate(self.targets.T):
            applied = self._apply(k, states)
            error = np.sum((states.conj() * applied).real, axis=1) - targets
            slopes = 2 * np.sum((applied.conj() * tangents).real, axis=2)
            weighted = self._apply(k, tangents) * error[:, None]
            second = np.real(tangents.reshape(p, -1).conj() @ weighted.reshape(p, -1).T)
            result += 2 / self.targets.size * (slopes @ slopes.T + 2 * second)
        return result

    @cached_property
    def _rows(self) -> list[sp.csr_array | None]:
        """The observables that have few entries."""
        few = _FEW * self.dim**2
        return [sp.csr_array(o) if np.count_nonzero(o) < few else None for o in self.observable]

    def _apply(self, k: int, states: States) -> States:
        """O_k on states (..., N), as a new array."""
        rows = self._rows[k]
        if rows is None:
            return states @ self.observable[k].T
        columns = states.reshape(-1, self.dim).T
        return np.ascontiguousarray((rows @ columns).T).reshape(states.shape)


def _matrices(observable: Any) -> Any:
    return observable.matrix if isinstance(observable, Energy) else observable


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
