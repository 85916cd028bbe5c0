"""The energy of a Hamiltonian as a loss, normalised.

    E = (<H> - lambda_1) / (mean(lambda) - lambda_1)

is 0 in the ground state and 1 on average over Haar-random states, so that energies of different Hamiltonians can be
compared.  Wire 0 is the most significant bit of a basis state's index, as in PennyLane.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qgmutils.inputs import frozen, number_array, require_number, require_qubits, require_share
from qgmutils.losses.loss import Array, Loss, States

DEGENERACY_TOLERANCE = 1e-9
"""Levels closer to the lowest than this, in units of the spectrum's width, count as the lowest; where H is known less
precisely, within its rounding (`Energy.rounding`)."""

DOUBT = 100.0
"""A gap is in doubt from this factor above the rounding, of which no solver leaves that much more, to this factor above
the tolerance, where other digits of H could move it across."""

_BLOCK = 256  # rows of a matrix looked at together


@dataclass(frozen=True, eq=False)
class Energy(Loss):
    """A Hamiltonian, normalised to ground energy 0 and mean level 1.

    Attributes
    ----------
    name : str
        What the problem is called in tables and legends.
    n_qubits : int
        Number of qubits n; the Hilbert space has dimension N = 2^n.
    matrix : complex array, shape (N, N)
        (H - lambda_1) / (mean(lambda) - lambda_1).
    levels : float array, shape (N,)
        Eigenvalues of `matrix`, ascending; the first is 0, their mean is 1.
    ground_energy, mean_energy : float
        lambda_1 and mean(lambda) in the units of H.
    rounding : float
        How well the levels are known, in units of the spectrum's width: two that are equal may differ by that much.

    Raises
    ------
    ValueError
        If sizes disagree, a number is not finite, the matrix is not Hermitian, or the levels are not ascending from 0
        with mean 1 or cannot be the matrix's: its trace and its Frobenius norm are compared.

    Notes
    -----
    The arrays are read-only copies.
    """

    name: str
    n_qubits: int
    matrix: NDArray[np.complex128]
    levels: NDArray[np.float64]
    ground_energy: float
    mean_energy: float
    rounding: float = float(np.finfo(np.float64).eps)

    floor = 0.0

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        put(self, "name", str(self.name))
        put(self, "n_qubits", require_qubits(self.n_qubits))
        put(self, "ground_energy", require_number(self.ground_energy, "ground_energy", limit=np.inf))
        put(self, "mean_energy", require_number(self.mean_energy, "mean_energy", limit=np.inf))
        put(self, "rounding", require_share(self.rounding, "rounding"))
        matrix = number_array(self.matrix, "matrix", kinds="biufc")
        levels = number_array(self.levels, "levels")
        if matrix.shape != (self.dim, self.dim) or levels.shape != (self.dim,):
            raise ValueError(
                f"a problem of {self.n_qubits} qubits has a {self.dim} x {self.dim} matrix and {self.dim} levels, "
                f"got the shapes {matrix.shape} and {levels.shape}"
            )
        put(self, "matrix", frozen(matrix, np.complex128))
        put(self, "levels", frozen(levels, np.float64))
        _check_spectrum(self)

    @property
    def degrees_of_freedom(self) -> float:
        """m = (sum_a h_a)^2 / sum_a (h_a - 1)^2: over Haar-random states Var E = N / ((N + 1) m).

        Source: general knowledge of the paper's construction, not read in its text (field).
        """
        return float(self.dim**2 / np.sum((self.levels - 1.0) ** 2))

    @property
    def effective_rank(self) -> float:
        """r = (sum_a h_a)^2 / sum_a h_a^2; obeys 1/r = 1/m + 1/N, so r < N whatever m is.

        Source: the variant used in arXiv:2408.11901 (field); the identity is derived here.
        """
        return float(self.dim**2 / np.sum(self.levels**2))

    @property
    def scale(self) -> float:  # type: ignore[override]
        """The largest level."""
        return float(self.levels[-1])

    @property
    def unit(self) -> float:  # type: ignore[override]
        """mean(lambda) - lambda_1, in the units of H."""
        return self.mean_energy - self.ground_energy

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """E = <psi|H|psi> (B,) and H |psi> (B, 1, N)."""
        applied = states @ self.matrix.T
        return np.sum((states.conj() * applied).real, axis=(1, 2)), applied

    def curvature(self, states: States, tangents: States) -> Array:
        """2 Re <T_i|H|T_j>."""
        flat = tangents.reshape(len(tangents), self.dim)
        result: Array = 2 * np.real(flat.conj() @ (flat @ self.matrix.T).T)
        return result

    @cached_property
    def ground_degeneracy(self) -> int:
        """Multiplicity g of the lowest level."""
        return int(np.sum(self.levels <= degeneracy_tolerance(self)))

    @cached_property
    def first_gap(self) -> float:  # type: ignore[override]
        """Distance from the lowest level to the next one that is more than rounding, in normalised units.

        Levels that count as the lowest though they are split by more than `DOUBT` times the rounding are such ones.
        """
        rounding = min(DOUBT * self.rounding * float(self.levels[-1]), degeneracy_tolerance(self))
        return float(self.levels[self.levels > rounding][0])

    @property
    def rank(self) -> int:
        """rank(H - lambda_1) = N - g."""
        return self.dim - self.ground_degeneracy


def degeneracy_tolerance(problem: Energy) -> float:
    return max(DEGENERACY_TOLERANCE, problem.rounding) * float(problem.levels[-1])


def _check_spectrum(problem: Energy) -> None:
    """Refuse a matrix that is not Hermitian or levels that cannot be its levels."""
    matrix, levels = problem.matrix, problem.levels
    # Block by block: 13 qubits leave no memory for another matrix.
    trace, square, deviation = float(np.trace(matrix).real), 0.0, 0.0
    with np.errstate(all="ignore"):  # what is not finite is found below
        for first in range(0, problem.dim, _BLOCK):
            rows = matrix[first : first + _BLOCK]
            square += float(np.vdot(rows, rows).real)
            difference = rows - matrix[:, first : first + _BLOCK].conj().T
            deviation += float(np.vdot(difference, difference).real)
        expected = float(levels @ levels)
    # LAPACK's levels are right to about N eps of the largest one, far below 1e-9; a constant in H adds its rounding.
    tolerance = 1e-9 + 10 * problem.rounding * float(levels[-1])
    if not (np.isfinite(square) and np.isfinite(expected)):
        raise ValueError("matrix and levels must be finite numbers")
    if not np.sqrt(deviation) <= 1e-9 * np.sqrt(square):
        raise ValueError(f"the matrix is not Hermitian: H - H^dagger has the norm {np.sqrt(deviation):.3g}")
    if levels[0] != 0 or np.any(np.diff(levels) < 0) or not abs(levels.mean() - 1) <= tolerance:
        raise ValueError(
            f"the levels must ascend from 0 and have the mean 1, got {levels[0]:.6g} ... {levels[-1]:.6g} "
            f"with mean {levels.mean():.6g}; `from_matrix` normalises any Hermitian matrix"
        )
    if not (abs(trace / problem.dim - 1) <= tolerance and abs(square - expected) <= tolerance * expected):
        raise ValueError(
            f"these are not the matrix's levels: their sum is {levels.sum():.9g} and that of their squares "
            f"{expected:.9g}, while the matrix gives {trace:.9g} and {square:.9g}"
        )
    if not problem.ground_energy < problem.mean_energy:
        raise ValueError(
            f"ground_energy must lie below mean_energy, got {problem.ground_energy} and {problem.mean_energy}"
        )
