"""Models with a symmetry and Hamiltonians of designed rank and degeneracy, on which the critical count is predicted.

A model says which Pauli words and reference states are drawn: all, or those that have a symmetry.  Its states form a
manifold of some dimension D, its ground states one of dimension D0.  The randomised model, which draws from all, has
D = 2N - 2 and D0 = 2g - 2 for a g-fold lowest level of N = 2^n; a symmetry of the generators and of the reference state
lowers both (docs/theory.md, section 4; derived).
"""

from __future__ import annotations

import numpy as np

from qgmutils import circuits
from qgmutils.circuits import Circuit, haar_state
from qgmutils.computing.threads import one_thread
from qgmutils.inputs import is_integer, require_qubits
from qgmutils.losses import hamiltonians
from qgmutils.losses.energy import Energy

MODELS = ("complex", "real", "even", "even real")
"""All words; those with an odd number of Y, whose rotations are real; those that commute with X on all qubits; both."""

SPECTRA = ("flat", "pareto", "tfim")


def manifold_dimension(model: str, n_qubits: int) -> int:
    """Real dimension of the model's states up to a phase.

    With d = 2^n, or d = 2^(n-1) in an even model, it is 2d - 2 for complex and d - 1 for real amplitudes (derived).

    Parameters
    ----------
    model : str
        One of `MODELS`.
    n_qubits : int
        1 to `MAX_QUBITS`; at least 2 for an even model.

    Raises
    ------
    ValueError
        For an unknown model or a number of qubits out of range.
    """
    real, even = _parts(model)
    dim = 2 ** require_qubits(n_qubits)
    if even and n_qubits < 2:
        raise ValueError(f"the model {model!r} has a single state for n_qubits = 1; choose n_qubits >= 2")
    size = dim // 2 if even else dim
    return size - 1 if real else 2 * size - 2


def restricted_circuit(model: str, n_qubits: int, n_params: int, *, rng: np.random.Generator) -> Circuit:
    """Random Pauli rotations on a random reference state, both within one of `MODELS`.

    The reference state is uniform over the model's unit vectors and the words are uniform over those that the model
    allows, except the identity and, in an even model, X on every qubit: both act as a phase only.

    Parameters
    ----------
    model : str
    n_qubits, n_params : int
        As for `manifold_dimension`, and at least 1.
    rng : numpy.random.Generator
        Draws the reference state first, then the words: for "complex" as `circuits.random_circuit` does.

    Raises
    ------
    ValueError
        For an unknown model or sizes out of range.
    """
    manifold_dimension(model, n_qubits)  # refuses what cannot be built
    if model == "complex":
        return circuits.random_circuit(n_qubits, n_params, rng=rng)
    if not is_integer(n_params) or n_params < 1:
        raise ValueError(f"n_params must be an integer of at least 1, got {n_params!r}")
    real, even = _parts(model)
    dim = 2**n_qubits
    state = haar_state(dim, rng)
    if real:
        state = state.real.astype(np.complex128)
    if even:
        state = state + state[::-1]  # X on every qubit reverses the order of the amplitudes
    masks = [divmod(word, dim) for word in range(1, dim * dim)]
    allowed = np.array(
        [
            (x, z)
            for x, z in masks
            if not (real and (x & z).bit_count() % 2 == 0)
            and not (even and (z.bit_count() % 2 == 1 or (x, z) == (dim - 1, 0)))
        ]
    )
    x, z = allowed[rng.integers(0, len(allowed), n_params)].T
    numbers, ones, zeros = np.arange(n_params), np.ones(n_params), np.zeros(n_params)
    return Circuit(n_qubits, n_params, x, z, numbers, ones, zeros, state / np.linalg.norm(state))


def designed(n_qubits: int, *, spectrum: str, degeneracy: int = 1, seed: int = 0) -> Energy:
    """A Hamiltonian of designed rank and degeneracy in a Haar-random basis, or the transverse-field Ising ring.

    Parameters
    ----------
    n_qubits : int
        1 to `MAX_QUBITS`.
    spectrum : {"flat", "pareto", "tfim"}
        One excited level; excited levels at the quantiles of Pareto's law with exponent 1, the i-th of k at
        k / (i - 1/2), so that a few of them dominate m; or `hamiltonians.tfim`, whose levels and basis are given.
    degeneracy : int
        Multiplicity g of the lowest level, 1 ... 2^n - 1; 1 for "tfim".
    seed : int
        Chooses the basis, together with the other arguments.

    Raises
    ------
    ValueError
        For an unknown spectrum or a degeneracy out of range.
    """
    dim = 2 ** require_qubits(n_qubits)
    if spectrum not in SPECTRA:
        raise ValueError(f"unknown spectrum {spectrum!r}: choose one of {', '.join(SPECTRA)}")
    most = 1 if spectrum == "tfim" else dim - 1
    if not is_integer(degeneracy) or not 1 <= degeneracy <= most:
        raise ValueError(
            f"degeneracy must be an integer in 1 ... {most} for {spectrum} levels of {n_qubits} qubits, "
            f"got {degeneracy!r}"
        )
    if spectrum == "tfim":
        return hamiltonians.tfim(n_qubits)
    rank = dim - degeneracy
    if spectrum == "flat":
        return hamiltonians.projector(n_qubits, rank=rank, seed=seed)
    levels = np.concatenate([np.zeros(degeneracy), rank / (rank - np.arange(rank) - 0.5)])
    rng = np.random.default_rng(np.random.SeedSequence([seed, degeneracy, n_qubits]))
    vectors = rng.standard_normal((dim, dim)) + 1j * rng.standard_normal((dim, dim))
    with one_thread():  # the last digits of LAPACK depend on its number of threads
        q, _ = np.linalg.qr(vectors)
        return hamiltonians.from_matrix((q * levels) @ q.conj().T, name=f"{spectrum}, g = {degeneracy}")


def _parts(model: str) -> tuple[bool, bool]:
    """Whether the model is real, and whether it is even."""
    if model not in MODELS:
        raise ValueError(f"unknown model {model!r}: choose one of {', '.join(MODELS)}")
    return "real" in model, "even" in model
