"""Observables and their normalised spectra.

Everything downstream works with the normalised loss

    E = (<H> - lambda_1) / (mean(lambda) - lambda_1),

which is 0 in the ground state and 1 on average over Haar-random states, so that energies of different
Hamiltonians can be compared.  Wire 0 is the most significant bit of a basis state's index, as in PennyLane.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.computing.threads import one_thread
from qgmutils.inputs import (
    frozen,
    is_integer,
    number_array,
    precision_of,
    require_flag,
    require_integer,
    require_number,
    require_share,
)

MAX_SEED = 2**128 - 1
"""Largest seed: that many bits are what NumPy's generators keep."""

MAX_QUBITS = 13
"""Largest number of qubits: the dense matrix of 13 qubits already takes 1 GiB."""

DEGENERACY_TOLERANCE = 1e-9
"""Levels closer to the lowest than this, in units of the spectrum's width, count as the lowest; where H is known less
precisely, within its rounding (`Problem.rounding`)."""

DOUBT = 100.0
"""A gap is in doubt from this factor above the rounding, of which no solver leaves that much more, to this factor above
the tolerance, where other digits of H could move it across."""

ENTRIES = (1e-290, 1e300)
"""Sizes of the largest entry of H: sums of 2^13 entries and their differences neither overflow nor lose digits."""

_BLOCK = 256  # rows of a matrix looked at together

_X = sp.csr_array(np.array([[0, 1], [1, 0]], dtype=complex))
_Y = sp.csr_array(np.array([[0, -1j], [1j, 0]]))
_Z = sp.csr_array(np.array([[1, 0], [0, -1]], dtype=complex))
_LOWER = sp.csr_array(np.array([[0, 1], [0, 0]], dtype=complex))


@dataclass(frozen=True, eq=False)
class Problem:
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

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies are made, and checked, by the constructor: NumPy's own copies of read-only arrays are writable.
        return type(self), tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    @property
    def dim(self) -> int:
        """Dimension N = 2^n of the Hilbert space."""
        return 2**self.n_qubits

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

    @cached_property
    def ground_degeneracy(self) -> int:
        """Multiplicity g of the lowest level."""
        return int(np.sum(self.levels <= _degeneracy_tolerance(self)))

    @cached_property
    def first_gap(self) -> float:
        """Distance from the lowest level to the next one that is more than its rounding, in normalised units.

        Levels that count as the lowest though they are clearly split, by `DOUBT` times the rounding, are such ones.
        """
        return float(self.levels[self.levels > DOUBT * self.rounding * self.levels[-1]][0])

    @property
    def rank(self) -> int:
        """rank(H - lambda_1) = N - g."""
        return self.dim - self.ground_degeneracy


def _degeneracy_tolerance(problem: Problem) -> float:
    return max(DEGENERACY_TOLERANCE, problem.rounding) * float(problem.levels[-1])


def _check_spectrum(problem: Problem) -> None:
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
    # Levels from LAPACK are right to about N eps of the largest one; 1e-9 is far above that for all N.
    if not (np.isfinite(square) and np.isfinite(expected)):
        raise ValueError("matrix and levels must be finite numbers")
    if not np.sqrt(deviation) <= 1e-9 * np.sqrt(square):
        raise ValueError(f"the matrix is not Hermitian: H - H^dagger has the norm {np.sqrt(deviation):.3g}")
    if levels[0] != 0 or np.any(np.diff(levels) < 0) or not abs(levels.mean() - 1) <= 1e-9:
        raise ValueError(
            f"the levels must ascend from 0 and have the mean 1, got {levels[0]:.6g} ... {levels[-1]:.6g} "
            f"with mean {levels.mean():.6g}; `from_matrix` normalises any Hermitian matrix"
        )
    if not (abs(trace / problem.dim - 1) <= 1e-9 and abs(square - expected) <= 1e-9 * expected):
        raise ValueError(
            f"these are not the matrix's levels: their sum is {levels.sum():.9g} and that of their squares "
            f"{expected:.9g}, while the matrix gives {trace:.9g} and {square:.9g}"
        )
    if not problem.ground_energy < problem.mean_energy:
        raise ValueError(
            f"ground_energy must lie below mean_energy, got {problem.ground_energy} and {problem.mean_energy}"
        )


def require_qubits(n_qubits: int) -> int:
    """Return `n_qubits` as an int if a problem of that size can be built.

    Raises
    ------
    ValueError
        If it is not an integer from 1 to `MAX_QUBITS`; where it is too large, with the memory it would take.
    """
    if not is_integer(n_qubits) or n_qubits < 1:
        raise ValueError(f"n_qubits must be an integer from 1 to {MAX_QUBITS}, got {n_qubits!r}")
    if n_qubits > MAX_QUBITS:
        # Powers as text: 2^n of an absurd n overflows a float.
        gib = f"{16 * 4.0**n_qubits / 2**30:.3g}" if n_qubits < 500 else f"2^{2 * n_qubits - 26}"
        raise ValueError(
            f"n_qubits = {n_qubits}: the 2^{n_qubits} x 2^{n_qubits} matrix of H alone takes {gib} GiB; "
            f"choose n_qubits <= {MAX_QUBITS}"
        )
    return int(n_qubits)


def from_matrix(matrix: Any, *, name: str = "matrix") -> Problem:
    """Normalise any Hermitian matrix of size 2^n.

    Parameters
    ----------
    matrix : array or scipy.sparse matrix, shape (2^n, 2^n)
        Not a multiple of the identity, with 1 <= n <= `MAX_QUBITS` and its largest entry within `ENTRIES`.  Hermitian
        to the square root of the precision in which it is given, 1.5e-8 of its largest entry in double precision; what
        is not Hermitian has no share in any energy and is dropped.
    name : str
        What the problem is called in tables and legends.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If the matrix is not square, its size is no power of two (or too large a one), or it is not finite,
        not Hermitian or constant, or too large or small for double precision.

    Warns
    -----
    UserWarning
        If the multiplicity of the lowest level is in doubt, with the gap.
    """
    shape = np.shape(matrix) if not sp.issparse(matrix) else matrix.shape
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"the observable must be a square matrix, got shape {shape}")
    dim = shape[0]
    if dim < 2 or dim & (dim - 1):
        raise ValueError(f"the observable's size must be a power of two (2^n_qubits), got {dim} x {dim}")
    n_qubits = require_qubits(dim.bit_length() - 1)
    given = number_array(matrix.toarray() if sp.issparse(matrix) else matrix, "the observable", kinds="biufc")
    h = given.astype(np.complex128)
    if not np.all(np.isfinite(h)):
        raise ValueError("the observable has entries that are not finite numbers")
    scale = float(np.max(np.abs(h)))
    if scale > 0 and not ENTRIES[0] <= scale <= ENTRIES[1]:
        raise ValueError(
            f"the observable's largest entry must lie within {ENTRIES[0]:g} ... {ENTRIES[1]:g}, got {scale:.3g}; "
            "choose another unit of energy"
        )
    precision = precision_of(given)
    deviation = float(np.max(np.abs(h - h.conj().T)))
    if deviation > np.sqrt(precision) * scale:
        raise ValueError(
            f"the observable is not Hermitian: max |H - H^dagger| = {deviation:.3g} with entries up to "
            f"{scale:.3g}; pass (H + H^dagger)/2 if that is what you mean"
        )
    mean = float(np.trace(h).real) / dim
    # Without its trace, so that a large constant in H does not drown the levels' last digits.
    h = (h + h.conj().T) / 2 - mean * np.eye(dim)
    with one_thread():  # the last digits of LAPACK depend on its number of threads
        levels = np.linalg.eigvalsh(h)
    width = -float(levels[0])
    if width <= max(1e-12, precision) * scale:
        raise ValueError(
            f"the observable is constant (all eigenvalues are {mean:.6g}), so its loss has no landscape; "
            "pass a Hamiltonian with at least two different eigenvalues"
        )
    # Entries rounded by half a unit move levels by less than sqrt(N) such units of the largest one.
    size = max(abs(mean + float(levels[0])), abs(mean + float(levels[-1])))
    rounding = min(np.sqrt(dim) * precision * size / float(levels[-1] - levels[0]), 0.5)
    normalised = (h - levels[0] * np.eye(dim)) / width
    levels = (levels - levels[0]) / width
    problem = Problem(name, n_qubits, normalised, levels, mean - width, mean, rounding)
    _warn_of_doubt(problem)
    return problem


def _warn_of_doubt(problem: Problem) -> None:
    """Say so if the lowest gap is neither clearly rounding nor clearly a gap at the precision given."""
    top = float(problem.levels[-1])
    if problem.first_gap < DOUBT * _degeneracy_tolerance(problem):
        counted = "one level" if problem.first_gap <= _degeneracy_tolerance(problem) else "different levels"
        warnings.warn(
            f"{problem.name}: the multiplicity of the lowest level, {problem.ground_degeneracy}, is in doubt: levels "
            f"that are {problem.first_gap / top:.2g} of the spectrum's width apart count as {counted}, and H is known "
            f"to {problem.rounding:.2g}",
            stacklevel=3,
        )


def from_observable(observable: Any, *, n_qubits: int | None = None, name: str | None = None) -> Problem:
    """Normalise a PennyLane observable on wires 0 ... n_qubits - 1.

    Parameters
    ----------
    observable : pennylane.operation.Operator, pennylane.pauli.PauliSentence or PauliWord
        Any Hermitian operator that has a matrix, e.g. a Pauli sum or `qml.Hermitian`; wires in any order.
    n_qubits : int, optional
        1 to `MAX_QUBITS`; default is one more than the highest wire.  Wires on which the observable does not
        act multiply every level's degeneracy by two.
    name : str, optional
        Default is the observable's own name.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If it is no observable of PennyLane, has no matrix, acts on other wires, or for the reasons of `from_matrix`.
    """
    import pennylane as qml

    if not isinstance(observable, (qml.operation.Operator, qml.pauli.PauliSentence, qml.pauli.PauliWord)):
        raise ValueError(
            "the observable must be an operator, a Pauli sentence or a Pauli word of PennyLane, got "
            f"{type(observable).__name__}; `from_matrix` takes arrays and sparse matrices"
        )
    wires = observable.wires.tolist()
    if not all(is_integer(wire) and wire >= 0 for wire in wires):
        raise ValueError(
            f"the observable acts on wires {wires}; they must be the integers 0 ... n_qubits - 1: "
            "rename them with qml.map_wires"
        )
    if n_qubits is None:
        n_qubits = max(wires, default=0) + 1
    n_qubits = require_qubits(n_qubits)
    if not set(wires) <= set(range(n_qubits)):
        raise ValueError(
            f"the observable acts on wires {wires}; "
            f"with n_qubits = {n_qubits} they must lie in 0 ... {n_qubits - 1}"
        )
    name = str(name or getattr(observable, "name", type(observable).__name__))
    try:
        matrix = qml.matrix(observable, wire_order=range(n_qubits))
    except Exception as error:  # of many types, of PennyLane
        raise ValueError(f"PennyLane has no matrix for the observable {name}: {error}") from error
    return from_matrix(matrix, name=name)


def _on_site(operator: sp.csr_array, wire: int, n_qubits: int) -> sp.csr_array:
    left, right = sp.eye_array(2**wire), sp.eye_array(2 ** (n_qubits - 1 - wire))
    return sp.csr_array(sp.kron(sp.kron(left, operator), right))


def _bonds(n_sites: int, periodic: bool) -> list[tuple[int, int]]:
    """Nearest neighbours of a chain; a ring of two sites has one bond, not two."""
    require_flag(periodic, "periodic")
    chain = [(i, i + 1) for i in range(n_sites - 1)]
    return [*chain, (n_sites - 1, 0)] if periodic and n_sites > 2 else chain


def tfim(n_qubits: int, *, coupling: float = 1.0, field: float = 1.0, periodic: bool = True) -> Problem:
    """Transverse-field Ising model -coupling * sum ZZ - field * sum X on a ring (or an open chain).

    Parameters
    ----------
    n_qubits : int
        Number of spins, 1 to `MAX_QUBITS`; a ring of two has one bond.
    coupling, field : float
        Strengths of the nearest neighbours' ZZ and of the transverse X.
    periodic : bool
        Ring or open chain.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If `n_qubits` is out of range, a strength is no finite number, both are zero, or `periodic` is no bool.
    """
    n_qubits = require_qubits(n_qubits)
    coupling, field = require_number(coupling, "coupling"), require_number(field, "field")
    z = [_on_site(_Z, i, n_qubits) for i in range(n_qubits)]
    h = sp.csr_array((2**n_qubits, 2**n_qubits), dtype=complex)
    for i in range(n_qubits):
        h = h - field * _on_site(_X, i, n_qubits)
    for i, j in _bonds(n_qubits, periodic):
        h = h - coupling * z[i] @ z[j]
    return from_matrix(h.toarray(), name=f"TFIM {'ring' if periodic else 'chain'}")


def xxz(n_qubits: int, *, anisotropy: float = 0.5, periodic: bool = True) -> Problem:
    """Heisenberg XXZ model sum (XX + YY + anisotropy * ZZ) on a ring (or an open chain).

    Parameters
    ----------
    n_qubits : int
        Number of spins, 2 to `MAX_QUBITS`; a ring of two has one bond.
    anisotropy : float
        Strength of ZZ against XX and YY.
    periodic : bool
        Ring or open chain.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If `n_qubits` is out of range (a single spin has no bond, so H is constant), the anisotropy is no finite
        number or `periodic` is no bool.
    """
    n_qubits = require_qubits(n_qubits)
    anisotropy = require_number(anisotropy, "anisotropy")
    h = sp.csr_array((2**n_qubits, 2**n_qubits), dtype=complex)
    for pauli, weight in ((_X, 1.0), (_Y, 1.0), (_Z, anisotropy)):
        site = [_on_site(pauli, i, n_qubits) for i in range(n_qubits)]
        for i, j in _bonds(n_qubits, periodic):
            h = h + weight * site[i] @ site[j]
    return from_matrix(h.toarray(), name=f"XXZ {'ring' if periodic else 'chain'}")


def _annihilators(n_modes: int) -> list[sp.csr_array]:
    """Jordan-Wigner annihilation operators: a string of Z on the modes before, |0><1| on the mode itself."""
    operators = []
    string = sp.eye_array(2**n_modes, format="csr", dtype=complex)
    for mode in range(n_modes):
        operators.append(sp.csr_array(string @ _on_site(_LOWER, mode, n_modes)))
        string = string @ _on_site(_Z, mode, n_modes)
    return operators


def spinless_fermi_hubbard(
    n_qubits: int, *, t: float = 1.0, U: float = 1.0, periodic: bool = False
) -> Problem:
    """Spinless fermions -t sum (c+_i c_j + h.c.) + U sum n_i n_j over nearest neighbours, one mode a qubit.

    The whole Fock space is kept; fermions are mapped by Jordan-Wigner, mode i to wire i.

    Parameters
    ----------
    n_qubits : int
        Number of sites, 2 to `MAX_QUBITS`; a ring of two has one bond.
    t, U : float
        Hopping and nearest neighbours' repulsion.
    periodic : bool
        Ring or open chain.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If `n_qubits` is out of range (a single site has no bond, so H is constant), t or U is no finite number, both
        are 0, or `periodic` is no bool.
    """
    n_qubits = require_qubits(n_qubits)
    t, U = require_number(t, "t"), require_number(U, "U")
    c = _annihilators(n_qubits)
    number = [a.conj().T @ a for a in c]
    h = sp.csr_array((2**n_qubits, 2**n_qubits), dtype=complex)
    for i, j in _bonds(n_qubits, periodic):
        hop = c[i].conj().T @ c[j]
        h = h - t * (hop + hop.conj().T) + U * number[i] @ number[j]
    return from_matrix(h.toarray(), name=f"spinless Fermi-Hubbard {'ring' if periodic else 'chain'}")


def fermi_hubbard(n_qubits: int, *, t: float = 1.0, U: float = 4.0, periodic: bool = False) -> Problem:
    """Fermi-Hubbard model -t sum (c+_is c_js + h.c.) + U sum n_i,up n_i,down, two spin modes a site.

    The whole Fock space is kept; fermions are mapped by Jordan-Wigner, site i with spin up to wire 2i and
    with spin down to wire 2i + 1.

    Parameters
    ----------
    n_qubits : int
        Twice the number of sites, 2 to `MAX_QUBITS`; a ring of two sites has one bond.
    t, U : float
        Hopping and on-site repulsion.
    periodic : bool
        Ring or open chain.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If `n_qubits` is out of range or odd, t or U is no finite number, H is constant (t = U = 0), or `periodic` is
        no bool.
    """
    n_qubits = require_qubits(n_qubits)
    t, U = require_number(t, "t"), require_number(U, "U")
    if n_qubits % 2:
        raise ValueError(f"fermi_hubbard needs an even n_qubits (two spin modes a site), got {n_qubits}")
    c = _annihilators(n_qubits)
    h = sp.csr_array((2**n_qubits, 2**n_qubits), dtype=complex)
    for i, j in _bonds(n_qubits // 2, periodic):
        for spin in (0, 1):
            hop = c[2 * i + spin].conj().T @ c[2 * j + spin]
            h = h - t * (hop + hop.conj().T)
    for site in range(n_qubits // 2):
        up, down = c[2 * site], c[2 * site + 1]
        h = h + U * (up.conj().T @ up) @ (down.conj().T @ down)
    return from_matrix(h.toarray(), name=f"Fermi-Hubbard {'ring' if periodic else 'chain'}")


def projector(n_qubits: int, *, rank: int, basis: str = "haar", seed: int = 0) -> Problem:
    """Projector of the given rank onto a Haar-random subspace or onto the last states of a basis.

    Parameters
    ----------
    n_qubits : int
        1 to `MAX_QUBITS`.
    rank : int
        1 to 2^n - 1.
    basis : {"haar", "computational", "hadamard"}
        A random subspace, or the one spanned by the last `rank` states of the computational basis, of which |0...0> is
        a ground state, or of that basis after a Hadamard gate on every qubit, in which |0...0> has the mean energy.
    seed : int
        Chooses the random subspace, together with `n_qubits` and `rank`.

    Returns
    -------
    Problem
        Its levels, 0 and 2^n / rank, and its degrees of freedom are exact.

    Raises
    ------
    ValueError
        If the rank is not an integer in 1 ... 2^n - 1, the basis is none of these, or the seed is no integer of at
        least 0.
    """
    dim = 2 ** require_qubits(n_qubits)
    if not is_integer(rank) or not 1 <= rank < dim:
        raise ValueError(f"rank must be an integer in 1 ... {dim - 1} for {n_qubits} qubits, got {rank!r}")
    seed = require_integer(seed, "seed", low=0, high=MAX_SEED)
    if isinstance(basis, str) and basis == "computational":
        matrix = np.diag((np.arange(dim) >= dim - rank).astype(complex))
    elif isinstance(basis, str) and basis == "hadamard":
        signs = scipy.linalg.hadamard(dim, dtype=float)[:, dim - rank :]
        matrix = (signs @ signs.T / dim).astype(complex)  # exact: sums of signs, over a power of two
    elif isinstance(basis, str) and basis == "haar":
        rng = np.random.default_rng(np.random.SeedSequence([seed, rank, n_qubits]))
        vectors = rng.standard_normal((dim, rank)) + 1j * rng.standard_normal((dim, rank))
        with one_thread():
            q, _ = np.linalg.qr(vectors)
            matrix = q @ q.conj().T
    else:
        raise ValueError(f'basis must be "haar", "computational" or "hadamard", got {basis!r}')
    # The spectrum is known exactly; use it rather than LAPACK's rounding of it.
    levels = np.repeat([0.0, dim / rank], [dim - rank, rank])
    matrix = (matrix + matrix.conj().T) * (dim / (2 * rank))
    return Problem(f"rank-{rank} projector", n_qubits, matrix, levels, 0.0, rank / dim)


def gue(n_qubits: int, *, seed: int = 0) -> Problem:
    """A matrix of the Gaussian unitary ensemble.

    Parameters
    ----------
    n_qubits : int
        1 to `MAX_QUBITS`.
    seed : int
        Chooses the matrix, together with `n_qubits`.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If `n_qubits` is out of range or the seed is no integer of at least 0.
    """
    dim = 2 ** require_qubits(n_qubits)
    seed = require_integer(seed, "seed", low=0, high=MAX_SEED)
    rng = np.random.default_rng(np.random.SeedSequence([seed, n_qubits]))
    a = rng.standard_normal((dim, dim)) + 1j * rng.standard_normal((dim, dim))
    return from_matrix((a + a.conj().T) / 2, name="GUE")


HAMILTONIANS: dict[str, Callable[..., Problem]] = {
    f.__name__: f for f in (tfim, xxz, spinless_fermi_hubbard, fermi_hubbard, projector, gue)
}
"""Hamiltonians that `build` knows by name."""


def build(
    hamiltonian: str, n_qubits: int, options: Mapping[str, Any] | None = None, *, seed: int = 0
) -> Problem:
    """Build a Hamiltonian by name.

    Parameters
    ----------
    hamiltonian : str
        One of `HAMILTONIANS`.
    n_qubits : int
        1 to `MAX_QUBITS`.
    options : mapping, optional
        Keyword options of that Hamiltonian, e.g. ``{"rank": 8}``.
    seed : int
        Used by the random Hamiltonians unless the options name their own.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        For an unknown name or option, a missing option, or what that Hamiltonian refuses.
    """
    if hamiltonian not in HAMILTONIANS:
        close = difflib.get_close_matches(str(hamiltonian), HAMILTONIANS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"unknown Hamiltonian {hamiltonian!r}: choose one of {', '.join(HAMILTONIANS)}{hint}"
        )
    builder = HAMILTONIANS[hamiltonian]
    known = {k: v for k, v in inspect.signature(builder).parameters.items() if k != "n_qubits"}
    options = dict(options or {})
    for key in options:
        if key not in known:
            raise ValueError(f"{hamiltonian} has no option {key!r}: it takes {', '.join(known) or 'none'}")
    missing = [k for k, v in known.items() if v.default is inspect.Parameter.empty and k not in options]
    if missing:
        raise ValueError(f"{hamiltonian} needs the option {missing[0]!r}, e.g. options={{'{missing[0]}': 4}}")
    if "seed" in known:
        options.setdefault("seed", seed)
    return builder(n_qubits, **options)
