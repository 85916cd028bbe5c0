"""Which states an ansatz reaches at large p: their dimension D, what is conserved, and the critical count.

p angles meet ground states, of dimension D0 among the D-dimensional states reached, only if p >= D - D0, the
codimension (docs/theory.md, section 4).  Dimensions are derived in docs/other_ansatz.md, sections 3 and 4, from the Lie
algebras that the rotations generate.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.restricted import Restricted
from qgmutils.computing.threads import one_thread
from qgmutils.inputs import require_integer
from qgmutils.losses.energy import Energy


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


def is_transitive(ansatz: Ansatz) -> bool:
    """Whether the ansatz at large p takes every state with its symmetry to every other one (derived).

    Not "hardware ring" on an even n > 2, all of whose rotations commute with time reversal T = Y...Y K, so that
    |<psi|T psi>| is conserved; and not "matchgate" on n > 2, whose rotations generate so(n + 1) + so(n + 1) only.
    """
    n = ansatz.n_qubits
    return n == 2 or not (ansatz.name == "matchgate" or (ansatz.name == "hardware ring" and n % 2 == 0))


def state_dimension(ansatz: Ansatz) -> int:
    """Real dimension D of the states, up to a phase, that the ansatz reaches from its reference state.

    2N - 2, or N - 1 for real states, where it is transitive, with N halved for even states.  Else 2N - 3 for
    "hardware ring", or 2N - 4 on |0...0>; and n (n + 1) for "matchgate", at most N - 2, or n (n + 1) / 2 on |0...0>;
    for odd n the former is a bound (docs/other_ansatz.md; derived).

    Raises
    ------
    ValueError
        For an ansatz or reference state of which it is not known.
    """
    n, dim = ansatz.n_qubits, 2**ansatz.n_qubits
    if isinstance(ansatz, Restricted):
        return ansatz.manifold_dimension
    if getattr(ansatz, "reference_state", None) not in ("haar", "zero"):
        raise ValueError(
            f"the dimension of {ansatz.name} is known for haar and zero reference states, got {ansatz}"
        )
    if isinstance(ansatz, HardwareEfficient) and ansatz.is_real and ansatz.entangler == "ring":
        raise ValueError(f"the dimension of {ansatz.name} is not known; choose the entangler chain or bricks")
    zero = ansatz.reference_state == "zero"  # type: ignore[attr-defined]
    if is_transitive(ansatz):
        return dim - 1 if ansatz.is_real else 2 * dim - 2
    if ansatz.name == "hardware ring":
        return 2 * dim - (4 if zero else 3)
    return n * (n + 1) // 2 if zero else min(n * (n + 1), dim - 2)


def codimension(ansatz: Ansatz, ground_degeneracy: int) -> int | None:
    """Codimension D - D0 of the ground states in a transitive ansatz (docs/theory.md, section 4; derived), else None.

    D0 is 2g - 2, or g - 1 for real states, where H has to have the symmetry as well.  The ground states can be met only
    where the metric's rank is at least this number, which takes as many angles, or more if some are redundant.

    Raises
    ------
    ValueError
        As `state_dimension`, or for a degeneracy that is not an integer in 1 ... 2^n - 1.
    """
    dimension = state_dimension(ansatz)
    g = require_integer(ground_degeneracy, "ground_degeneracy", high=2**ansatz.n_qubits - 1)
    if not is_transitive(ansatz):
        return None
    return dimension - (g - 1) * (1 if ansatz.is_real else 2)


def first_count(ranks: pd.DataFrame, codimension: int | None) -> float:
    """The lowest number of angles at which the metric's rank reaches `codimension`; nan if it does not, or for None.

    Fewer angles than that cannot meet ground states of this codimension (docs/other_ansatz.md; derived).

    Parameters
    ----------
    ranks : DataFrame
        Columns n_params and rank.
    """
    enough = ranks.loc[ranks["rank"] >= (np.inf if codimension is None else codimension), "n_params"]
    return float(enough.min())
