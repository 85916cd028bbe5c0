"""Which states an ansatz reaches at large p: their dimension, what is conserved, and the codimension of ground states.

Derived in docs/other_ansatz.md, sections 3 and 4, from the Lie algebras that the rotations generate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.named import ANSATZE
from qgmutils.computing.threads import one_thread
from qgmutils.inputs import is_integer, require_choice
from qgmutils.losses.energy import Energy


def recipe(ansatz: str, n_qubits: int, n_params: int = 1, *, reference_state: str = "zero") -> Ansatz:
    """The recipe of that name in `ANSATZE`; ValueError for an unknown one or for sizes out of range."""
    known = require_choice(ansatz, "ansatz", ANSATZE)
    return ANSATZE[known](n_qubits, n_params, reference_state=reference_state)


def time_reversal_overlap(states: NDArray[np.complex128]) -> NDArray[np.float64]:
    """|<psi|T psi>| with T = Y...Y K, K complex conjugation, which "hardware ring" conserves (derived).

    Parameters
    ----------
    states : complex array, shape (B, 2^n)

    Returns
    -------
    float array, shape (B,)
        0 to 1; 0 for every state of an odd number of qubits.
    """
    numbers = np.arange(states.shape[1], dtype=np.int64)
    signs = 1.0 - 2.0 * (np.bitwise_count(numbers) % 2)
    return np.abs(np.sum(states * signs * states[:, ::-1], axis=1))  # Y...Y turns every bit


def ground_time_reversal(problem: Energy) -> float:
    """The lowest |<phi|T phi>| among the ground states of H.

    It is 0 if there are several, as a quadratic form on C^2 has zeros.  "hardware ring" on an even n > 2 reaches a
    ground state from |0...0>, whose own overlap is 0, only if this is 0 (derived).
    """
    if problem.ground_degeneracy > 1:
        return 0.0
    with one_thread():
        ground = np.linalg.eigh(problem.matrix)[1][:, 0]
    return float(time_reversal_overlap(ground[None])[0])


def is_transitive(ansatz: str, n_qubits: int) -> bool:
    """Whether the ansatz at large p takes a reference state to every other one, real ones where it is real (derived).

    Not "hardware ring" on an even n > 2, all of whose rotations commute with time reversal T = Y...Y K, so that
    |<psi|T psi>| is conserved; and not "matchgate" on n > 2, whose rotations generate so(n + 1) + so(n + 1) only.
    """
    n = recipe(ansatz, n_qubits).n_qubits
    return n == 2 or not (ansatz == "matchgate" or (ansatz == "hardware ring" and n % 2 == 0))


def state_dimension(ansatz: str, n_qubits: int, reference_state: str = "haar") -> int:
    """Real dimension D of the states, up to a phase, that the ansatz reaches from its reference state.

    2N - 2, or N - 1 for real states, where it is transitive.  Else 2N - 3 for "hardware ring", or 2N - 4 on |0...0>;
    and n (n + 1) for "matchgate", at most N - 2, or n (n + 1) / 2 on |0...0>; for odd n the former is a bound
    (docs/other_ansatz.md; derived).

    Parameters
    ----------
    ansatz : str
    n_qubits : int
    reference_state : {"haar", "zero"}

    Raises
    ------
    ValueError
        For an unknown ansatz or reference state, or a number of qubits out of range.
    """
    found = recipe(ansatz, n_qubits)
    n, dim = found.n_qubits, 2**found.n_qubits
    if reference_state not in ("haar", "zero"):
        raise ValueError(
            f"the dimension is known for haar and zero reference states, got {reference_state!r}"
        )
    zero = reference_state == "zero"
    if is_transitive(ansatz, n):
        return dim - 1 if found.is_real else 2 * dim - 2
    if ansatz == "hardware ring":
        return 2 * dim - (4 if zero else 3)
    return n * (n + 1) // 2 if zero else min(n * (n + 1), dim - 2)


def codimension(ansatz: str, n_qubits: int, ground_degeneracy: int) -> int | None:
    """Codimension D - D0 of the ground states in a transitive ansatz (docs/theory.md, section 4; derived), else None.

    D0 is 2g - 2, or g - 1 for real states, where H has to be real as well.  The ground states can be met only where
    the metric's rank is at least this number, which takes as many angles, or more if some are redundant.

    Raises
    ------
    ValueError
        As `state_dimension`, or for a degeneracy that is not an integer in 1 ... 2^n - 1.
    """
    dimension = state_dimension(ansatz, n_qubits)
    if not is_integer(ground_degeneracy) or not 1 <= ground_degeneracy < 2**n_qubits:
        raise ValueError(
            f"ground_degeneracy must be an integer in 1 ... {2**n_qubits - 1}, got {ground_degeneracy!r}"
        )
    if not is_transitive(ansatz, n_qubits):
        return None
    return dimension - (ground_degeneracy - 1) * (1 if recipe(ansatz, n_qubits).is_real else 2)
