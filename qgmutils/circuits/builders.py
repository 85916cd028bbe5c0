"""Circuits that are not randomised, as Pauli rotations on a reference state.

Hardware-efficient circuits interleave rotations with layers of CZ.  A Clifford gate V passes an earlier rotation by
changing its word, V exp(-i a P) = exp(-i a V P V+) V, until it reaches the reference state: what remains is a
`circuits.Circuit`, exactly (docs/other_ansatz.md; derived).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qgmutils import circuits
from qgmutils.circuits import REFERENCE_STATES, Circuit
from qgmutils.inputs import is_integer, number_array, require_choice, require_integer, require_qubits

ANSATZE = (
    "randomised",
    "shared 2",
    "shared 4",
    "hardware chain",
    "brickwork",
    "real",
    "hardware ring",
    "matchgate",
)
"""Random words; random words, 2 or 4 gates an angle; RY, RZ and a chain of CZ; two-qubit rotations on alternating
neighbours; RY and CZ on alternating neighbours; RY, RZ and a ring of CZ, which on an even number of qubits has a
time-reversal symmetry; RY and a chain of CZ, which is a model of free fermions (docs/other_ansatz.md; derived)."""

_RANDOM_WORDS = {"randomised": 1, "shared 2": 2, "shared 4": 4}
"""Gates an angle."""

Bits = NDArray[np.int64]


Pairs = list[tuple[int, int]]


def bricks(n_qubits: int, start: int) -> Pairs:
    """Disjoint neighbours (start, start + 1), (start + 2, start + 3) ..., n // 2 pairs, counted modulo n.

    Raises
    ------
    ValueError
        For a number of qubits out of range or a start that is no integer of at least 0.
    """
    n_qubits, start = require_qubits(n_qubits), require_integer(start, "start", low=0)
    return [((start + 2 * k) % n_qubits, (start + 2 * k + 1) % n_qubits) for k in range(n_qubits // 2)]


def entanglers(ansatz: str, n_qubits: int) -> tuple[Pairs, ...]:
    """Wires of the CZ gates between one layer of rotations and the next, to be repeated; empty if there are none.

    Raises
    ------
    ValueError
        For an unknown ansatz or a number of qubits out of range.
    """
    n = require_ansatz(ansatz, n_qubits)
    chain = [(a, a + 1) for a in range(n - 1)]
    if ansatz == "real":
        return bricks(n, 0), bricks(n, 1)
    if ansatz == "hardware ring" and n > 2:
        return ([*chain, (n - 1, 0)],)
    return () if ansatz == "brickwork" or ansatz in _RANDOM_WORDS else (chain,)


def _crossing(words: Bits, pairs: Pairs, n_qubits: int) -> tuple[Bits, Bits]:
    """Per word of bits: the neighbours' sum A w (mod 2) as a mask, and the parity of the pairs that lie in w."""
    image, parity = np.zeros_like(words), np.zeros_like(words)
    for a, b in pairs:
        shift_a, shift_b = n_qubits - 1 - a, n_qubits - 1 - b  # wire 0 is the most significant bit
        in_a, in_b = words >> shift_a & 1, words >> shift_b & 1
        image ^= in_b << shift_a | in_a << shift_b
        parity ^= in_a & in_b
    return image, parity


def _check_pairs(pairs: Pairs, n_qubits: int) -> None:
    wires = range(n_qubits)
    if not isinstance(pairs, (list, tuple)) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(is_integer, pair)) for pair in pairs
    ):
        raise ValueError(f"pairs must be a list of pairs of wires, got {pairs!r}")
    for a, b in pairs:
        if a == b or a not in wires or b not in wires:
            raise ValueError(f"a CZ acts on two different wires in 0 ... {n_qubits - 1}, got {a} and {b}")


def conjugate_by_cz(x: Bits, z: Bits, pairs: Pairs, n_qubits: int) -> tuple[Bits, NDArray[np.float64]]:
    """Pauli words behind a layer of CZ gates: V P V+ = sign * P', where x stays.

    V|k> = (-1)^(number of pairs in k) |k> turns X^x into (-1)^(pairs in x) X^x Z^(A x), with A the pairs' adjacency
    matrix, and leaves Z^z.  A word is i^ny X^x Z^z with ny = popcount(x & z), so that its sign is
    (-1)^(pairs in x) i^(ny - ny') with ny' that of the new word; ny - ny' is even (derived).

    Parameters
    ----------
    x, z : int array, shape (q,)
        Bit masks, as in `circuits.Circuit`.
    pairs : list of (int, int)
        Wires of the CZ gates, each pair of different wires; a pair given twice cancels.
    n_qubits : int

    Returns
    -------
    z : int array, shape (q,)
    sign : float array, shape (q,)
        +1 or -1.

    Raises
    ------
    ValueError
        If x and z are no bit masks of that many qubits, of one length, or a pair is not of two different wires.
    """
    n_qubits = require_qubits(n_qubits)
    x, z = (number_array(mask, name, kinds="iu") for mask, name in ((x, "x"), (z, "z")))
    if x.ndim != 1 or x.shape != z.shape:
        raise ValueError(f"x and z must have one entry per gate, got the shapes {x.shape} and {z.shape}")
    for name, mask in (("x", x), ("z", z)):
        if mask.size and not 0 <= mask.min() <= mask.max() < 2**n_qubits:
            raise ValueError(
                f"{name} must be bit masks in 0 ... {2**n_qubits - 1}, got {mask.min()} ... {mask.max()}"
            )
    _check_pairs(pairs, n_qubits)
    x, z = x.astype(np.int64), z.astype(np.int64)
    image, parity = _crossing(x, pairs, n_qubits)
    lost = np.bitwise_count(x & z).astype(np.int64) - np.bitwise_count(x & (z ^ image)).astype(np.int64)
    return z ^ image, 1.0 - 2.0 * ((lost // 2 + parity) % 2)


def cz_layer(state: NDArray[np.complex128], pairs: Pairs) -> NDArray[np.complex128]:
    """The state, shape (2^n,), after CZ gates on these pairs of wires.

    Raises
    ------
    ValueError
        If the length is no power of two, a number is not finite, or a pair is not of two different wires.
    """
    state = number_array(state, "state", kinds="biufc").astype(np.complex128)
    n_qubits = len(state).bit_length() - 1 if state.ndim == 1 else 0
    if state.shape != (2 ** require_qubits(n_qubits),) or not np.all(np.isfinite(state)):
        raise ValueError(f"state must be 2^n_qubits finite numbers, got the shape {state.shape}")
    _check_pairs(pairs, n_qubits)
    _, parity = _crossing(np.arange(len(state), dtype=np.int64), pairs, n_qubits)
    return state * (1.0 - 2.0 * parity)


def _layered(
    n_qubits: int, n_params: int, letters: str, layers: tuple[Pairs, ...], reference: NDArray[np.complex128]
) -> Circuit:
    """Layers of one rotation of each letter on every qubit, with the next of `layers` of CZ between two of them."""
    bits = 1 << np.arange(n_qubits - 1, -1, -1)
    none = np.zeros_like(bits)
    layer_x = np.concatenate([bits if letter in "XY" else none for letter in letters])
    layer_z = np.concatenate([bits if letter in "YZ" else none for letter in letters])
    size = len(layer_x)
    x, z, sign = (np.resize(values, n_params) for values in (layer_x, layer_z, np.ones(size)))
    for number, end in enumerate(range(size, n_params, size)):  # that CZ layer has `end` rotations before it
        pairs = layers[number % len(layers)]
        z[:end], turned = conjugate_by_cz(x[:end], z[:end], pairs, n_qubits)
        sign[:end] *= turned
        reference = cz_layer(reference, pairs)
    return Circuit(n_qubits, n_params, x, z, np.arange(n_params), sign, np.zeros(n_params), reference)


def _brickwork(n_qubits: int, n_params: int, reference: NDArray[np.complex128]) -> Circuit:
    """Bricks on pairs (0, 1), (2, 3) ... and (1, 2), (3, 4) ... by turns, closed to a ring where n is even.

    A brick is RZ RY RZ on either qubit, then XX, YY and ZZ: 9 angles.  Together with the rotations of its neighbours
    that is any gate of SU(4), and no angle repeats what another does.
    """
    masks: list[tuple[int, int]] = []
    start = 0
    while len(masks) < n_params:
        for pair in bricks(n_qubits, start):
            one, two = (1 << n_qubits - 1 - wire for wire in pair)
            masks += [word for bit in (one, two) for word in ((0, bit), (bit, bit), (0, bit))]
            both = one | two
            masks += [(both, 0), (both, both), (0, both)]
        start = 1 - start
    x, z = np.array(masks[:n_params], dtype=np.int64).T
    numbers, ones, zeros = np.arange(n_params), np.ones(n_params), np.zeros(n_params)
    return Circuit(n_qubits, n_params, x, z, numbers, ones, zeros, reference)


def require_ansatz(ansatz: str, n_qubits: int) -> int:
    """Return `n_qubits` as an int if the ansatz exists on that many qubits.

    Raises
    ------
    ValueError
        For an unknown ansatz, a number of qubits out of range, or one qubit where the ansatz acts on neighbours.
    """
    ansatz = require_choice(ansatz, "ansatz", ANSATZE)
    n = require_qubits(n_qubits)
    if n < 2 and ansatz not in _RANDOM_WORDS:
        raise ValueError(f"the ansatz {ansatz!r} acts on neighbours; choose n_qubits >= 2, got {n}")
    return n


def build(
    ansatz: str, n_qubits: int, n_params: int, *, rng: np.random.Generator, reference_state: str = "haar"
) -> Circuit:
    """The first `n_params` rotations of an ansatz of endless depth, all angles independent.

    Parameters
    ----------
    ansatz : str
        One of `ANSATZE`.  "shared r" has r p gates, gate i driven by angle i mod p, all words independent.
    n_qubits, n_params : int
        n and p, both at least 1; n at least 2 for an ansatz with neighbours.
    rng : numpy.random.Generator
        Draws the reference state first, then random words if the ansatz has them.
    reference_state : {"haar", "clifford", "zero"}
        As `circuits.reference`; for a real ansatz "haar" is uniform over real unit vectors.

    Returns
    -------
    Circuit
        With scale -1 where the CZ gates behind a rotation turn its word's sign.

    Raises
    ------
    ValueError
        For an unknown ansatz or reference state, sizes out of range, or a real ansatz on stabilizer states, which
        are not real.
    """
    n = require_ansatz(ansatz, n_qubits)
    n_params = require_integer(n_params, "n_params", high=circuits.MAX_GATES)
    if ansatz in _RANDOM_WORDS:
        n_gates = n_params * _RANDOM_WORDS[ansatz]
        return circuits.random_circuit(n, n_params, rng=rng, n_gates=n_gates, reference_state=reference_state)
    reference_state = require_choice(reference_state, "reference state", REFERENCE_STATES)
    real = is_real(ansatz)
    if real and reference_state in set(REFERENCE_STATES) - {"haar", "zero"}:
        raise ValueError(
            f"the ansatz {ansatz!r} needs a real reference state, haar or zero, got {reference_state!r}"
        )
    state = circuits.reference(reference_state, n, rng)
    if real:
        state = state.real / np.linalg.norm(state.real) + 0j
    if ansatz == "brickwork":
        return _brickwork(n, n_params, state)
    return _layered(n, n_params, "Y" if real else "YZ", entanglers(ansatz, n), state)


def is_random(ansatz: str, reference_state: str) -> bool:
    """Whether circuits of one size differ, in their words or in their reference states."""
    reference_state = require_choice(reference_state, "reference state", REFERENCE_STATES)
    return require_choice(ansatz, "ansatz", ANSATZE) in _RANDOM_WORDS or reference_state != "zero"


def is_real(ansatz: str) -> bool:
    """Whether all states of the ansatz on a real reference state are real."""
    return require_choice(ansatz, "ansatz", ANSATZE) in ("real", "matchgate")
