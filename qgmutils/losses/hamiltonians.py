"""Observables and their normalised spectra.

Everything downstream works with the normalised loss

    E = (<H> - lambda_1) / (mean(lambda) - lambda_1),

which is 0 in the ground state and 1 on average over Haar-random states, so that energies of different
Hamiltonians can be compared.  Wire 0 is the most significant bit of a basis state's index, as in PennyLane.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.computing.threads import one_thread
from qgmutils.inputs import (
    MAX_SEED,
    is_integer,
    number_array,
    precision_of,
    require_choice,
    require_flag,
    require_integer,
    require_number,
    require_qubits,
)
from qgmutils.losses.energy import DOUBT, Energy, degeneracy_tolerance

ENTRIES = (1e-290, 1e300)
"""Sizes of the largest entry of H: sums of 2^13 entries and their differences neither overflow nor lose digits."""

BASES = ("haar", "computational", "hadamard")
"""Bases that a projector may stand in."""

_X = sp.csr_array(np.array([[0, 1], [1, 0]], dtype=complex))
_Y = sp.csr_array(np.array([[0, -1j], [1j, 0]]))
_Z = sp.csr_array(np.array([[1, 0], [0, -1]], dtype=complex))
_LOWER = sp.csr_array(np.array([[0, 1], [0, 0]], dtype=complex))


def from_matrix(matrix: Any, *, name: str = "matrix") -> Energy:
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
    Energy

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
    given: Any = matrix if sp.issparse(matrix) else number_array(matrix, "the observable", kinds="biufc")
    shape = given.shape
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"the observable must be a square matrix, got shape {shape}")
    dim = shape[0]
    if dim < 2 or dim & (dim - 1):
        raise ValueError(f"the observable's size must be a power of two (2^n_qubits), got {dim} x {dim}")
    n_qubits = require_qubits(dim.bit_length() - 1)
    if sp.issparse(given):
        given = number_array(given.toarray(), "the observable", kinds="biufc")
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
    problem = Energy(name, n_qubits, normalised, levels, mean - width, mean, rounding)
    _warn_of_doubt(problem)
    return problem


def _warn_of_doubt(problem: Energy) -> None:
    """Say so if the lowest gap is neither clearly rounding nor clearly a gap at the precision given."""
    top = float(problem.levels[-1])
    if problem.first_gap < DOUBT * degeneracy_tolerance(problem):
        counted = "one level" if problem.first_gap <= degeneracy_tolerance(problem) else "different levels"
        warnings.warn(
            f"{problem.name}: the multiplicity of the lowest level, {problem.ground_degeneracy}, is in doubt: levels "
            f"that are {problem.first_gap / top:.2g} of the spectrum's width apart count as {counted}, and H is known "
            f"to {problem.rounding:.2g}",
            stacklevel=3,
        )


def from_observable(observable: Any, *, n_qubits: int | None = None, name: str | None = None) -> Energy:
    """Normalise a PennyLane observable on wires 0 to n_qubits - 1.

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
    Energy

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


def _sum(n_qubits: int, terms: Iterable[tuple[float, sp.csr_array]], name: str) -> Energy:
    """The sum of weighted operators, in the order given."""
    h = sp.csr_array((2**n_qubits, 2**n_qubits), dtype=complex)
    for weight, operator in terms:
        h = h + weight * operator
    return from_matrix(h.toarray(), name=name)


def _lattice(periodic: bool) -> str:
    return "ring" if periodic else "chain"


def tfim(n_qubits: int, *, coupling: float = 1.0, field: float = 1.0, periodic: bool = True) -> Energy:
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
    Energy

    Raises
    ------
    ValueError
        If `n_qubits` is out of range, a strength is no finite number, both are zero, or `periodic` is no bool.
    """
    n_qubits = require_qubits(n_qubits)
    coupling, field = require_number(coupling, "coupling"), require_number(field, "field")
    x, z = ([_on_site(each, i, n_qubits) for i in range(n_qubits)] for each in (_X, _Z))
    transverse = [(-field, each) for each in x]
    neighbours = [(-coupling, z[i] @ z[j]) for i, j in _bonds(n_qubits, periodic)]
    return _sum(n_qubits, transverse + neighbours, f"TFIM {_lattice(periodic)}")


def xxz(n_qubits: int, *, anisotropy: float = 0.5, periodic: bool = True) -> Energy:
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
    Energy

    Raises
    ------
    ValueError
        If `n_qubits` is out of range (a single spin has no bond, so H is constant), the anisotropy is no finite
        number or `periodic` is no bool.
    """
    n_qubits = require_qubits(n_qubits)
    anisotropy = require_number(anisotropy, "anisotropy")
    bonds, terms = _bonds(n_qubits, periodic), []
    for pauli, weight in ((_X, 1.0), (_Y, 1.0), (_Z, anisotropy)):
        site = [_on_site(pauli, i, n_qubits) for i in range(n_qubits)]
        terms += [(weight, site[i] @ site[j]) for i, j in bonds]
    return _sum(n_qubits, terms, f"XXZ {_lattice(periodic)}")


def _annihilators(n_modes: int) -> list[sp.csr_array]:
    """Jordan-Wigner annihilation operators: a string of Z on the modes before, |0><1| on the mode itself."""
    operators = []
    string = sp.eye_array(2**n_modes, format="csr", dtype=complex)
    for mode in range(n_modes):
        operators.append(sp.csr_array(string @ _on_site(_LOWER, mode, n_modes)))
        string = string @ _on_site(_Z, mode, n_modes)
    return operators


def _hop(c: list[sp.csr_array], i: int, j: int) -> sp.csr_array:
    """c+_i c_j + h.c."""
    forth = c[i].conj().T @ c[j]
    return forth + forth.conj().T


def spinless_fermi_hubbard(
    n_qubits: int, *, t: float = 1.0, U: float = 1.0, periodic: bool = False
) -> Energy:
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
    Energy

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
    terms = []
    for i, j in _bonds(n_qubits, periodic):
        terms += [(-t, _hop(c, i, j)), (U, number[i] @ number[j])]
    return _sum(n_qubits, terms, f"spinless Fermi-Hubbard {_lattice(periodic)}")


def fermi_hubbard(n_qubits: int, *, t: float = 1.0, U: float = 4.0, periodic: bool = False) -> Energy:
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
    Energy

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
    number = [a.conj().T @ a for a in c]
    bonds = _bonds(n_qubits // 2, periodic)
    hops = [(-t, _hop(c, 2 * i + spin, 2 * j + spin)) for i, j in bonds for spin in (0, 1)]
    pairs = [(U, number[mode] @ number[mode + 1]) for mode in range(0, n_qubits, 2)]
    return _sum(n_qubits, hops + pairs, f"Fermi-Hubbard {_lattice(periodic)}")


def projector(n_qubits: int, *, rank: int, basis: str = "haar", seed: int = 0) -> Energy:
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
    Energy
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
    basis = require_choice(basis, "basis", BASES)
    if basis == "computational":
        matrix = np.diag((np.arange(dim) >= dim - rank).astype(complex))
    elif basis == "hadamard":
        signs = scipy.linalg.hadamard(dim, dtype=float)[:, dim - rank :]
        matrix = (signs @ signs.T / dim).astype(complex)  # exact: sums of signs, over a power of two
    else:
        rng = np.random.default_rng(np.random.SeedSequence([seed, rank, n_qubits]))
        vectors = _gaussian(dim, rank, rng)
        with one_thread():
            q, _ = np.linalg.qr(vectors)
            matrix = q @ q.conj().T
    # The spectrum is known exactly; use it rather than LAPACK's rounding of it.
    levels = np.repeat([0.0, dim / rank], [dim - rank, rank])
    matrix = (matrix + matrix.conj().T) * (dim / (2 * rank))
    return Energy(f"rank-{rank} projector", n_qubits, matrix, levels, 0.0, rank / dim)


def gue(n_qubits: int, *, seed: int = 0) -> Energy:
    """A matrix of the Gaussian unitary ensemble.

    Parameters
    ----------
    n_qubits : int
        1 to `MAX_QUBITS`.
    seed : int
        Chooses the matrix, together with `n_qubits`.

    Returns
    -------
    Energy

    Raises
    ------
    ValueError
        If `n_qubits` is out of range or the seed is no integer of at least 0.
    """
    dim = 2 ** require_qubits(n_qubits)
    seed = require_integer(seed, "seed", low=0, high=MAX_SEED)
    rng = np.random.default_rng(np.random.SeedSequence([seed, n_qubits]))
    a = _gaussian(dim, dim, rng)
    return from_matrix((a + a.conj().T) / 2, name="GUE")


def pareto(n_qubits: int, *, degeneracy: int = 1, seed: int = 0) -> Energy:
    """Excited levels at the quantiles of Pareto's law with exponent 1, in a Haar-random basis.

    The i-th of k is k / (i - 1/2), so that a few of them dominate m (`Energy.degrees_of_freedom`).

    Parameters
    ----------
    n_qubits : int
        1 to `MAX_QUBITS`.
    degeneracy : int
        Multiplicity g of the lowest level, 1 ... 2^n - 1.
    seed : int
        Chooses the basis, together with the other arguments.

    Returns
    -------
    Energy

    Raises
    ------
    ValueError
        If `n_qubits` or the degeneracy is out of range, or the seed is no integer of at least 0.
    """
    dim = 2 ** require_qubits(n_qubits)
    rank = dim - require_integer(degeneracy, "degeneracy", high=dim - 1)
    seed = require_integer(seed, "seed", low=0, high=MAX_SEED)
    levels = np.concatenate([np.zeros(degeneracy), rank / (rank - np.arange(rank) - 0.5)])
    rng = np.random.default_rng(np.random.SeedSequence([seed, degeneracy, n_qubits]))
    vectors = _gaussian(dim, dim, rng)
    with one_thread():  # the last digits of LAPACK depend on its number of threads
        q, _ = np.linalg.qr(vectors)
        return from_matrix((q * levels) @ q.conj().T, name=f"pareto, g = {degeneracy}")


def _gaussian(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Independent complex Gaussian entries, real parts first."""
    real = rng.standard_normal((rows, columns))
    return real + 1j * rng.standard_normal((rows, columns))


HAMILTONIANS: dict[str, Callable[..., Energy]] = {
    f.__name__: f for f in (tfim, xxz, spinless_fermi_hubbard, fermi_hubbard, projector, pareto, gue)
}
"""Hamiltonians that `build` knows by name."""


def build(
    hamiltonian: str, n_qubits: int, options: Mapping[str, Any] | None = None, *, seed: int = 0
) -> Energy:
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
    Energy

    Raises
    ------
    ValueError
        For an unknown name or option, a missing option, or what that Hamiltonian refuses.
    """
    options = _checked_options(hamiltonian, options)
    builder = HAMILTONIANS[hamiltonian]
    if "seed" in inspect.signature(builder).parameters:
        options.setdefault("seed", seed)
    return builder(n_qubits, **options)


def _checked_options(hamiltonian: str, options: Any) -> dict[str, Any]:
    """The options, if they are those of a Hamiltonian of that name."""
    hamiltonian = require_choice(hamiltonian, "Hamiltonian", HAMILTONIANS)
    if not isinstance(options, (Mapping, type(None))):
        raise ValueError(f"options must map names to values, got {options!r}")
    parameters = inspect.signature(HAMILTONIANS[hamiltonian]).parameters
    known = {name: parameter for name, parameter in parameters.items() if name != "n_qubits"}
    options = dict(options or {})
    for key in options:
        if key not in known:
            raise ValueError(f"{hamiltonian} has no option {key!r}: it takes {', '.join(known) or 'none'}")
    missing = [k for k, v in known.items() if v.default is inspect.Parameter.empty and k not in options]
    if missing:
        raise ValueError(f"{hamiltonian} needs the option {missing[0]!r}, e.g. options={{'{missing[0]}': 4}}")
    return options


@dataclass(frozen=True)
class Hamiltonian:
    """What `build` is told, as a value: equal recipes build equal losses, and tasks can be told apart by it.

    Attributes
    ----------
    name : str
        One of `HAMILTONIANS`.
    n_qubits : int
        1 to `MAX_QUBITS`.
    options : tuple of pairs, or mapping
        Keyword options of that Hamiltonian, e.g. ``(("rank", 8),)``; kept as pairs in alphabetical order.
    seed : int
        Used by the random Hamiltonians unless the options name their own.

    Raises
    ------
    ValueError
        For an unknown name or option, a missing option, options that are no pairs, or a number out of range; what a
        value must be is for `build` to say.
    """

    name: str
    n_qubits: int
    options: tuple[tuple[str, Any], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        try:
            options = dict(self.options)
            hash(tuple(options.items()))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"options must be pairs of a name and a plain value, got {self.options!r}"
            ) from error
        put(self, "options", tuple(sorted(_checked_options(self.name, options).items())))
        put(self, "n_qubits", require_qubits(self.n_qubits))
        put(self, "seed", require_integer(self.seed, "seed", low=0, high=MAX_SEED))

    def build(self) -> Energy:
        """The loss, made once for all the tasks that a process runs in a row: ten qubits take half a second."""
        return _built(self)


@functools.lru_cache(maxsize=4)
def _built(recipe: Hamiltonian) -> Energy:
    return build(recipe.name, recipe.n_qubits, dict(recipe.options), seed=recipe.seed)
