"""Random rotations within a sector of particle numbers and of symmetries that permute fermionic modes.

A permutation of modes takes c+_j to c+_pi(j), and so a basis state to another one, with the sign of the order in which
its particles are then created.  Reflection of a chain and exchange of its spins are such symmetries.  Generators are
sums over all images of a hopping or interaction of `circuits.conserving`, with the string of Jordan and Wigner taken as
part of the fermion's hopping: what is summed commutes, word by word, so that gates that share an angle are the rotation
of the sum.  Sums of words that do not commute are left out; the rest still generates all of su(d) on the sectors of the
Fermi-Hubbard chain that are tested (docs/symmetry_reduction.md; derived).
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.conserving import Generator, Groups, mask, require_groups, sector_states
from qgmutils.circuits.reference_states import haar_state
from qgmutils.inputs import require_generator, require_integer, require_qubits

Order = tuple[int, ...]
Symmetries = tuple[tuple[Order, int], ...]
"""Images pi(0) ... pi(n - 1) of the modes, and the eigenvalue, 1 or -1, of all states."""

_CONSTANT = 1e-9  # deviation from a multiple of the identity, of matrices with entries of order 1


def reflection(n_qubits: int) -> Order:
    """Site i of a Fermi-Hubbard chain goes to site L - 1 - i, with either spin; ValueError for an odd number."""
    n = _chain(n_qubits)
    return tuple(n - 2 - wire + 2 * (wire % 2) for wire in range(n))


def spin_flip(n_qubits: int) -> Order:
    """Spin up goes to spin down on every site of a Fermi-Hubbard chain, and back; ValueError for an odd number."""
    return tuple(wire ^ 1 for wire in range(_chain(n_qubits)))


def _chain(n_qubits: int) -> int:
    n = require_qubits(n_qubits)
    if n % 2:
        raise ValueError(f"n_qubits must be even, two spin modes a site, got {n}")
    return n


def permuted(n_qubits: int, order: Order) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where a permutation of modes takes every basis state, and with which sign, shapes (2^n,).

    Parameters
    ----------
    n_qubits : int
    order : tuple of int
        Images of the modes.
    """
    states = np.arange(2**n_qubits)
    occupied = [states >> n_qubits - 1 - mode & 1 for mode in range(n_qubits)]
    image, crossed = np.zeros_like(states), np.zeros_like(states)
    for mode, each in enumerate(occupied):
        image += each << n_qubits - 1 - order[mode]
    for one, two in itertools.combinations(range(n_qubits), 2):
        if order[one] > order[two]:
            crossed += occupied[one] & occupied[two]
    return image, np.where(crossed % 2, -1.0, 1.0)


@functools.lru_cache(maxsize=16)
def symmetric_basis(n_qubits: int, groups: Groups, symmetries: Symmetries) -> NDArray[np.float64]:
    """Orthonormal states of the sector that have all these eigenvalues, shape (2^n, d); read-only.

    Parameters
    ----------
    n_qubits, groups, symmetries
        As of `Symmetrised`.
    """
    states = sector_states(n_qubits, groups)
    vectors = np.zeros((2**n_qubits, len(states)))
    vectors[states, np.arange(len(states))] = 1
    for order, sign in symmetries:
        image, signs = permuted(n_qubits, order)
        moved = np.zeros_like(vectors)
        moved[image] = signs[:, None] * vectors
        vectors = (vectors + sign * moved) / 2
    # Columns are now projections of basis states: equal up to a sign, or orthogonal.
    firsts: list[int] = []
    for column in range(len(states)):
        here = vectors[:, column]
        if here @ here > 0 and not any(abs(here @ vectors[:, k]) > 0 for k in firsts):
            firsts.append(column)
    basis = vectors[:, firsts] / np.linalg.norm(vectors[:, firsts], axis=0)
    basis.setflags(write=False)
    return basis


@functools.lru_cache(maxsize=16)
def symmetric_generators(n_qubits: int, groups: Groups, symmetries: Symmetries) -> tuple[Generator, ...]:
    """Sums of commuting words that keep the symmetries and are not constant in their sector.

    Parameters
    ----------
    n_qubits, groups, symmetries
        As of `Symmetrised`.

    Returns
    -------
    tuple of generators
        As `circuits.conserving.Conserving.generators`.
    """
    basis = symmetric_basis(n_qubits, groups, symmetries)
    orders = [tuple(range(n_qubits))]
    for order, _ in symmetries:
        orders += [tuple(order[mode] for mode in known) for known in orders]
    pairs = [pair for wires, _ in groups for pair in itertools.combinations(sorted(wires), 2)]
    seeds: list[tuple[str, int, int, int]] = [("n", 0, 0, z) for z in range(1, 2**n_qubits)]
    for a, b in pairs:
        free = [z for z in range(2**n_qubits) if not z & mask((a, b), n_qubits)]
        seeds += [(kind, a, b, z) for z in free for kind in "rc"]
    known: set[tuple[str, int, int, int]] = set()
    found: list[Generator] = []
    for seed in seeds:
        if seed in known:
            continue
        total: dict[tuple[str, int, int, int], int] = {}
        for order in orders:
            image, sign = _image(seed, order, n_qubits)
            total[image] = total.get(image, 0) + sign
        known |= set(total)
        # An image may come several times, all of them as often.
        signs = {term: sign // abs(sign) for term, sign in total.items() if sign}
        words = [word for term, sign in signs.items() for word in _words(term, sign, n_qubits)]
        if words and _commute(words) and not _constant(words, basis):
            found.append(tuple(words))
    return tuple(found)


def _image(
    term: tuple[str, int, int, int], order: Order, n_qubits: int
) -> tuple[tuple[str, int, int, int], int]:
    """Where a permutation takes an interaction ("n"), a real ("r") or a complex hopping ("c"), and its sign."""
    kind, a, b, z = term
    moved = mask(tuple(order[mode] for mode in range(n_qubits) if z >> n_qubits - 1 - mode & 1), n_qubits)
    if kind == "n":
        return (kind, 0, 0, moved), 1
    a, b = order[a], order[b]
    return (kind, min(a, b), max(a, b), moved), -1 if kind == "c" and a > b else 1


def _words(term: tuple[str, int, int, int], sign: int, n_qubits: int) -> Generator:
    kind, a, b, z = term
    if kind == "n":
        return ((0, z, sign),)
    both, one, two = mask((a, b), n_qubits), mask((a,), n_qubits), mask((b,), n_qubits)
    z ^= mask(tuple(range(a + 1, b)), n_qubits)
    if kind == "r":
        return (both, z, sign), (both, z | both, sign)
    return (both, z | two, sign), (both, z | one, -sign)


def _commute(words: list[tuple[int, int, int]]) -> bool:
    return all(
        ((a & z).bit_count() + (b & x).bit_count()) % 2 == 0
        for (a, b, _), (x, z, _) in itertools.combinations(words, 2)
    )


def _constant(words: list[tuple[int, int, int]], basis: NDArray[np.float64]) -> bool:
    """Whether the sum is a multiple of the identity on the space of a basis (N, d)."""
    states = np.arange(len(basis))
    applied = np.zeros(basis.shape, dtype=np.complex128)
    for x, z, sign in words:
        phase = 1j ** ((x & z).bit_count() % 4) * (1.0 - 2.0 * (np.bitwise_count(states & z) % 2))
        applied[states ^ x] += sign * phase[:, None] * basis
    inside = basis.T @ applied
    return bool(np.max(np.abs(inside - inside[0, 0] * np.eye(len(inside)))) < _CONSTANT)


def require_symmetries(symmetries: Any, n_qubits: int, groups: Groups) -> Symmetries:
    """Symmetries as tuples of plain integers, if they fit together.

    Raises
    ------
    ValueError
        If these are no pairs of a permutation of the modes and 1 or -1, a permutation is not its own inverse or takes a
        group to one with another number of particles, or two of them do not commute.
    """
    try:
        pairs = [(tuple(order), sign) for order, sign in symmetries]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"symmetries must be pairs of a permutation and 1 or -1, such as (((1, 0), 1),); got {symmetries!r}"
        ) from error
    found: list[tuple[Order, int]] = []
    wanted = {(frozenset(wires), particles) for wires, particles in groups}
    for given, sign in pairs:
        order = tuple(
            require_integer(mode, "a mode of symmetries", low=0, high=n_qubits - 1) for mode in given
        )
        if sign not in (1, -1):
            raise ValueError(f"the eigenvalue of a symmetry must be 1 or -1, got {sign!r}")
        if sorted(order) != list(range(n_qubits)) or any(order[mode] != k for k, mode in enumerate(order)):
            raise ValueError(
                f"a symmetry must be a permutation of {n_qubits} modes, its own inverse; got {order}"
            )
        if {(frozenset(order[w] for w in wires), particles) for wires, particles in groups} != wanted:
            raise ValueError(
                f"the symmetry {order} must take groups to groups of as many particles; got {groups}"
            )
        for other, _ in found:
            if any(order[other[k]] != other[order[k]] for k in range(n_qubits)):
                raise ValueError(f"symmetries must commute, got {order} and {other}")
        found.append((order, int(sign)))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Symmetrised(Ansatz):
    """Random rotations within a symmetric sector, on a Haar-random state of it.

    Every angle drives one generator, drawn uniformly from `symmetric_generators`.

    Attributes
    ----------
    n_qubits, n_params : int
        As of `Ansatz`.
    groups : tuple of (wires, particles)
        As of `circuits.conserving.Conserving`.
    symmetries : tuple of (order, sign)
        Permutations of modes that are their own inverses and commute, and the eigenvalue, 1 or -1, of all states.

    Raises
    ------
    ValueError
        For sizes out of range, what `require_groups` and `require_symmetries` refuse, or fewer than two states.
    """

    groups: Groups
    symmetries: Symmetries

    def __post_init__(self) -> None:
        super().__post_init__()
        groups = require_groups(self.groups, self.n_qubits)
        object.__setattr__(self, "groups", groups)  # the class is frozen
        symmetries = require_symmetries(self.symmetries, self.n_qubits, groups)
        object.__setattr__(self, "symmetries", symmetries)
        if self.dimension < 2:
            raise ValueError(f"{self.dimension} states have these symmetries: there is nothing to train")

    @property
    def name(self) -> str:
        signs = " ".join("+" if sign > 0 else "-" for _, sign in self.symmetries)
        return f"symmetrised {' + '.join(str(particles) for _, particles in self.groups)}, {signs}"

    @property
    def dimension(self) -> int:
        """Dimension d of the sector."""
        return symmetric_basis(self.n_qubits, self.groups, self.symmetries).shape[1]

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p, rng = self.n_qubits, self.n_params, require_generator(rng)
        state = symmetric_basis(n, self.groups, self.symmetries) @ haar_state(self.dimension, rng)
        kinds = symmetric_generators(n, self.groups, self.symmetries)
        drawn = [kinds[i] for i in rng.integers(0, len(kinds), p)]
        x, z, sign = np.array([word for words in drawn for word in words]).T
        parameter = np.repeat(np.arange(p), [len(words) for words in drawn])
        return Circuit(n, p, x, z, parameter, sign.astype(float), np.zeros(len(x)), state)
