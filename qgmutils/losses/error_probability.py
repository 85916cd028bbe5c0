"""Classification: how often a measured label is wrong."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgmutils.inputs import frozen, known_array, number_array, precision_of
from qgmutils.losses.loss import Array, Loss, States, qubits_of, require_states


@dataclass(frozen=True, eq=False)
class ErrorProbability(Loss):
    """L = mean_m (1 - y_m <psi_m|O|psi_m>) / 2: the probability that measuring O does not give the label y_m.

    O has the eigenvalues -1 and 1, and M inputs that the same circuit acts on have labels of these values (general
    knowledge).  L = 0 asks that every final state lies in an eigenspace of O, so that all its amplitudes on the other
    one vanish: one label poses many equations, while one that lies between -1 and 1, as in `LeastSquares`, poses one.

    Attributes
    ----------
    inputs : complex array, shape (M, N)
        Normalised states; N = 2^n.
    observable : complex array, shape (N, N)
        O, Hermitian with O^2 = 1, both eigenvalues among its own.
    labels : float array, shape (M,)
        y, each -1 or 1.
    name : str
    n_qubits : int
        n, from the size of the observable.

    Raises
    ------
    ValueError
        If O is no Hermitian matrix of 2^n rows whose square is 1, or is 1 or -1 itself, an input is no normalised state
        of n qubits, or there is not one label of -1 or 1 for each.
    """

    inputs: States = dataclasses.field()
    observable: States
    labels: Array
    name: str = "error probability"
    n_qubits: int = dataclasses.field(init=False)

    floor = 0.0

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        given = number_array(self.observable, "the observable", kinds="biufc")
        put(self, "n_qubits", qubits_of(given, "the observable", 2))
        put(self, "observable", frozen(_reflection(given), np.complex128))
        put(self, "inputs", require_states(self.inputs, self.dim, "the inputs"))
        labels = known_array(self.labels, "the labels")
        if labels.shape != (len(self.inputs),) or not np.all(np.abs(labels) == 1):
            raise ValueError(
                f"there must be one label of -1 or 1 for each of {len(self.inputs)} inputs, got {labels}; other values "
                "are for LeastSquares"
            )
        put(self, "labels", frozen(labels, np.float64))

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """L (B,) and -y_m O |psi_m> / 2M (B, M, N)."""
        applied = states @ self.observable.T
        applied *= -self.labels[:, None] / (2 * len(self.labels))
        products = states.real * applied.real + states.imag * applied.imag
        return 0.5 + np.sum(products.reshape(len(states), -1), axis=1), applied

    def curvature(self, states: States, tangents: States) -> Array:
        """-1 / M sum_m y_m Re <T_im|O|T_jm>."""
        p = len(tangents)
        applied = (tangents @ self.observable.T) * (-self.labels[:, None] / len(self.labels))
        result: Array = np.real(tangents.reshape(p, -1).conj() @ applied.reshape(p, -1).T)
        return result


def _reflection(given: NDArray[np.generic]) -> States:
    matrix = given.astype(np.complex128)
    allowed = np.sqrt(precision_of(given))
    for what, off in (
        ("O - O^dagger", matrix - matrix.conj().T),
        ("O^2 - 1", matrix @ matrix - np.eye(len(matrix))),
    ):
        if not (deviation := float(np.max(np.abs(off)))) <= allowed:
            raise ValueError(
                "the observable must be Hermitian with the eigenvalues -1 and 1, such as Z on one qubit, but an entry "
                f"of {what} is {deviation:.3g}"
            )
    trace = float(np.trace(matrix).real)
    if len(matrix) - abs(trace) < 1:  # the trace of both eigenvalues is N - 2 or less
        raise ValueError(
            f"the observable has the eigenvalue {np.sign(trace):.0f} alone, and gives every state that label; choose "
            "one that has both, such as Z on one qubit"
        )
    return (matrix + matrix.conj().T) / 2
