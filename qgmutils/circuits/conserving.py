"""Random rotations that conserve the number of particles in each of several groups of qubits.

A qubit in |1> is a particle.  A sector is the space of all basis states with given numbers of particles, one number for
each group: of spin up and of spin down, say.  What conserves these numbers is, in Pauli words with Z on any of the
other qubits,

    hopping         X_a X_b + Y_a Y_b   or   X_a Y_b - Y_a X_b,    a and b in one group,
    interactions    Z on any qubits.

The two words of a hopping commute, so that gates on them that share an angle are its rotation.  Z on the qubits between
a and b is the string of Jordan and Wigner, with which it is the hopping of a fermion; Z on others makes it depend on
whether they are occupied.  Together they generate all of su(d) on a sector of dimension d (docs/symmetry_reduction.md;
derived), as all Pauli words do on the whole space.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.reference_states import haar_state
from qgmutils.inputs import require_choice, require_generator, require_integer, require_qubits

Groups = tuple[tuple[tuple[int, ...], int], ...]
"""Wires of each group, and how many of them are occupied."""

Generator = tuple[tuple[int, int, int], ...]
"""Masks x and z and the sign of each of its words, which commute."""

REFERENCES = ("haar", "basis")


def spin_groups(n_qubits: int, up: int, down: int) -> Groups:
    """Groups of a Fermi-Hubbard chain: spin up on the even wires, spin down on the odd ones, as `fermi_hubbard` has it.

    Parameters
    ----------
    n_qubits : int
        Twice the number of sites.
    up, down : int
        Particles of either spin, 0 ... n_qubits / 2.

    Raises
    ------
    ValueError
        If `n_qubits` is odd or out of range, or a number of particles is no integer of that range.
    """
    n = require_qubits(n_qubits)
    if n % 2:
        raise ValueError(f"n_qubits must be even, two spin modes a site, got {n}")
    found = []
    for spin, (name, particles) in enumerate((("up", up), ("down", down))):
        particles = require_integer(particles, name, low=0, high=n // 2)
        found.append((tuple(range(spin, n, 2)), particles))
    return tuple(found)


def sector_states(n_qubits: int, groups: Groups) -> NDArray[np.int64]:
    """Indices of the basis states with these numbers of particles, ascending, shape (d,).

    Parameters
    ----------
    n_qubits : int
    groups : tuple of (wires, particles)
        As of `Conserving`.

    Raises
    ------
    ValueError
        As of `Conserving`, except that a single state is allowed.
    """
    n = require_qubits(n_qubits)
    states = np.arange(2**n)
    inside = np.ones(2**n, dtype=bool)
    for wires, particles in require_groups(groups, n):
        inside &= np.bitwise_count(states & mask(wires, n)) == particles
    return states[inside]


def require_groups(groups: Any, n_qubits: int) -> Groups:
    """Groups as tuples of plain integers, if every wire stands in one of them.

    Raises
    ------
    ValueError
        If these are no pairs of wires and a number of particles, a number exceeds its group, or the groups do not share
        out the wires 0 ... n_qubits - 1.
    """
    try:
        pairs = [(tuple(wires), particles) for wires, particles in groups]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"groups must be pairs of wires and a number of particles, such as (((0, 1), 1),); got {groups!r}"
        ) from error
    found = []
    for wires, particles in pairs:
        numbers = tuple(require_integer(wire, "a wire of groups", low=0, high=n_qubits - 1) for wire in wires)
        most = require_integer(len(numbers), "the size of each group")
        found.append((numbers, require_integer(particles, "particles of a group", low=0, high=most)))
    taken = sorted(itertools.chain.from_iterable(numbers for numbers, _ in found))
    if taken != list(range(n_qubits)):
        raise ValueError(
            f"groups must share out the wires 0 ... {n_qubits - 1}, each in one of them; got {groups!r}"
        )
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Conserving(Ansatz):
    """Random rotations that conserve particle numbers, on a reference state of one sector.

    Every angle drives one generator, drawn uniformly from all hoppings and interactions of this module's head that are
    not constant in the sector.

    Attributes
    ----------
    n_qubits, n_params : int
        As of `Ansatz`.
    groups : tuple of (wires, particles)
        Groups that share out all wires, each a tuple of wires, and how many of them are occupied: (((0, 2), 1),
        ((1, 3), 1)) is one particle on the wires 0 and 2, another one on 1 and 3.
    reference_state : {"haar", "basis"}
        Uniform over the unit vectors of the sector, or the basis state that occupies the first wires of each group.

    Raises
    ------
    ValueError
        For sizes out of range, groups as `require_groups` refuses them, a sector of a single state, or an unknown
        reference state.
    """

    groups: Groups
    reference_state: str = "haar"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "groups", require_groups(self.groups, self.n_qubits))  # the class is frozen
        require_choice(self.reference_state, "reference state", REFERENCES)
        if self.dimension < 2:
            raise ValueError(f"the sector of {self.groups} has a single state, and nothing to train")

    @property
    def name(self) -> str:
        return "conserving " + " + ".join(str(particles) for _, particles in self.groups)

    @property
    def dimension(self) -> int:
        """Dimension d of the sector."""
        return math.prod(math.comb(len(wires), particles) for wires, particles in self.groups)

    @property
    def manifold_dimension(self) -> int:
        """Real dimension 2d - 2 of its states up to a phase (derived)."""
        return 2 * self.dimension - 2

    def build(self, rng: np.random.Generator) -> Circuit:
        n, p, rng = self.n_qubits, self.n_params, require_generator(rng)
        states = sector_states(n, self.groups)
        state = np.zeros(2**n, dtype=np.complex128)
        if self.reference_state == "haar":
            state[states] = haar_state(len(states), rng)
        else:
            state[sum(mask(wires[:particles], n) for wires, particles in self.groups)] = 1
        kinds = self.generators()
        drawn = [kinds[i] for i in rng.integers(0, len(kinds), p)]
        x, z, sign = np.array([word for words in drawn for word in words]).T
        parameter = np.repeat(np.arange(p), [len(words) for words in drawn])
        return Circuit(n, p, x, z, parameter, sign.astype(float), np.zeros(len(x)), state)

    def generators(self) -> tuple[Generator, ...]:
        """All generators that are not constant in the sector."""
        return _generators(self.n_qubits, self.groups)


@functools.lru_cache(maxsize=16)
def _generators(n_qubits: int, groups: Groups) -> tuple[Generator, ...]:
    states = sector_states(n_qubits, groups)
    odd = np.bitwise_count(states & np.arange(2**n_qubits)[:, None]) % 2
    found: list[Generator] = [((0, int(z), 1),) for z in np.flatnonzero(np.ptp(odd, axis=1))]
    for wires, particles in groups:
        if particles in (0, len(wires)):
            continue
        for one, two in itertools.combinations(wires, 2):
            a, b = mask((one,), n_qubits), mask((two,), n_qubits)
            for z in range(2**n_qubits):
                if not z & (a | b):
                    found.append(((a | b, z, 1), (a | b, z | a | b, 1)))
                    found.append(((a | b, z | b, 1), (a | b, z | a, -1)))
    return tuple(found)


def mask(wires: tuple[int, ...], n_qubits: int) -> int:
    """The bits of some wires."""
    return sum(1 << n_qubits - 1 - wire for wire in wires)  # wire 0 is the most significant bit
