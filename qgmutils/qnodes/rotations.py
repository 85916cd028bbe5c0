"""PennyLane's operations as products of Pauli rotations.

An operation of one parameter phi is exp(i phi sum_k c_k P_k) with the generator that PennyLane knows; if its words P_k
commute it is the product of rotations exp(-i a_k P_k), a_k = -c_k phi (general knowledge).  A gate without parameters
that is its own inverse up to a phase is exp(i pi/2 (1 - U)), of which the same holds.  Control turns P into the words
of P times a projector, (1 +- Z)/2 for each controlling wire; so phases are kept until the end, as words that are the
identity.  Everything else is decomposed by PennyLane until it is of these kinds.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pennylane as qml

MAX_WIRES = 5
"""Of an operation whose matrix is looked at, and of those that control one; a larger one is decomposed."""

Word = Mapping[Any, str]
"""Letters X, Y, Z by wire."""

_NOTHING = {"Barrier", "Identity", "Snapshot", "WireCut"}
_MAX_EIGENBASIS = 3  # wires of a matrix that is no gate but a change of basis: 152 rotations
_DEPTH = 60  # of decompositions within decompositions: PennyLane's end, a user's may not
_UNITARY = 1e-6  # PennyLane's, of the matrices that it takes for unitary
_WORD_TOLERANCE = 1e-14  # of a generator's coefficients, by which a matrix of <= 5 wires is known


class Rotation(NamedTuple):
    """exp(-i angle P).

    Attributes
    ----------
    x, z : int
        Bit masks of the Pauli word P, as in `circuits.Circuit`.
    angle : float, or a number that is traced
        Radians; an array of M angles where the operation was broadcast over M inputs.
    source : str
        The operation of the circuit that it comes from.
    """

    x: int
    z: int
    angle: Any
    source: str


def rotations(
    operations: Iterable[qml.operation.Operator], positions: Mapping[Any, int], n_qubits: int
) -> list[Rotation]:
    """Pauli rotations of a list of operations, in the order in which they act.

    Parameters
    ----------
    operations : iterable of Operator
    positions : mapping
        Label of a wire -> its number, 0 for the most significant bit.
    n_qubits : int

    Raises
    ------
    ValueError
        For an operation that is no unitary of qubits or that PennyLane cannot decompose, named with what to do.
    """
    bit = {wire: 1 << (n_qubits - 1 - number) for wire, number in positions.items()}
    known: dict[Any, Any] = {}
    found = [
        Rotation(*_masks(word, bit), angle, operation.name)
        for operation in operations
        for word, angle in _product(operation, operation.name, known, _DEPTH)
    ]
    return [rotation for rotation in found if rotation.x or rotation.z]


def _masks(word: Word, bit: Mapping[Any, int]) -> tuple[int, int]:
    return (
        sum(bit[wire] for wire, letter in word.items() if letter in "XY"),
        sum(bit[wire] for wire, letter in word.items() if letter in "ZY"),
    )


def _product(operation: Any, source: str, known: dict[Any, Any], depth: int) -> Iterator[tuple[Word, Any]]:
    """Words and angles of an operation; `known` holds the generators that have been met."""
    import pennylane as qml

    _require_unitary(operation, source)
    if operation.name in _NOTHING:
        return
    if isinstance(operation, qml.ops.Controlled) and len(operation.control_wires) <= MAX_WIRES:
        projector = _projector(operation.control_wires, operation.control_values)
        for word, angle in _product(operation.base, source, known, depth):
            for controls, coefficient in projector:
                yield {**word, **controls}, coefficient * angle
        return
    if isinstance(operation, qml.ops.op_math.Adjoint):
        for word, angle in reversed(list(_product(operation.base, source, known, depth))):
            yield word, -angle
        return
    terms: Sequence[tuple[Word, float]] | None = None
    if isinstance(operation, qml.GlobalPhase):
        phi, terms = operation.parameters[0], [({}, -1.0)]
    elif (phi := _parameter(operation)) is not None:
        terms = _commuting(_generator(operation, known))
    elif operation.num_params == 0 and operation.has_matrix and len(operation.wires) <= MAX_WIRES:
        phi, terms = np.pi / 2, _commuting(_involution(operation))
    if terms is not None:
        for word, coefficient in terms:
            yield word, -coefficient * phi
        return
    if depth == 0:
        raise ValueError(f"{source} cannot be translated: its decomposition does not end")
    for part in _decomposition(operation, source, known):
        yield from _product(part, source, known, depth - 1)


def _decomposition(operation: Any, source: str, known: dict[Any, Any]) -> list[Any]:
    """PennyLane's, or that of exp(i phi G) into the eigenbasis of G and back."""
    import pennylane as qml

    try:
        if operation.has_decomposition:
            return list(operation.decomposition())
    except qml.exceptions.DecompositionUndefinedError:
        pass  # it says that there is one before it has looked
    unknown = f"{source} cannot be translated: PennyLane has no decomposition of {operation.name}"
    phi = _parameter(operation)
    if phi is None:
        if _is_unitary(matrix := _matrix(operation)):
            return [qml.QubitUnitary(matrix, wires=operation.wires)]
        raise ValueError(f"{unknown}; write it with rotations and other gates, which are unitary")
    terms = _generator(operation, known)
    if terms is None or len(operation.wires) > _MAX_EIGENBASIS:
        raise ValueError(
            f"{unknown}, whose generator acts on {len(operation.wires)} wires; split it with qml.TrotterProduct"
        )
    wires = operation.wires
    generator = qml.pauli.PauliSentence({qml.pauli.PauliWord(dict(word)): c for word, c in terms})
    levels, vectors = np.linalg.eigh(_dense(generator.to_mat(wire_order=wires)))
    diagonal = qml.pauli.pauli_sentence(qml.pauli_decompose(np.diag(levels), wire_order=wires))
    # A generator's factor of phi is real, and exp(i phi w P) a rotation by -2 phi w in PennyLane's units.
    turns = [
        qml.PauliRot(-2 * float(np.real(weight)) * phi, "".join(word.values()), wires=list(word))
        for word, weight in diagonal.items()
        if len(word)
    ]
    return [qml.QubitUnitary(vectors.conj().T, wires), *turns, qml.QubitUnitary(vectors, wires)]


def _require_unitary(operation: Any, source: str) -> None:
    import pennylane as qml

    kind, remedy = "", ""
    if isinstance(operation, qml.operation.Channel):
        kind, remedy = "a channel, after which there is no pure state", "leave noise out"
    elif type(operation).__name__.startswith(("MidMeasure", "PauliMeasure", "Conditional")):
        kind, remedy = (
            "a measurement in the middle of the circuit, or depends on one",
            "replace it by controlled gates with qml.defer_measurements",
        )
    elif type(operation).__module__.startswith("pennylane.ops.qutrit"):
        kind, remedy = "an operation on qutrits", "write the circuit for qubits"
    elif isinstance(operation, qml.operation.CVOperation):
        kind, remedy = "an operation on continuous variables", "write the circuit for qubits"
    elif isinstance(operation, qml.QubitUnitary) and not _is_unitary(_matrix(operation)):
        kind, remedy = "a matrix that is not unitary", "embed it in one that is, as qml.BlockEncode does"
    elif isinstance(operation, qml.operation.StatePrepBase) and not operation.has_decomposition:
        kind, remedy = "a state preparation that is not the first operation", "put it first"
    if kind:
        raise ValueError(f"{source} cannot be translated: it is {kind}; {remedy}")


def _projector(wires: Sequence[Any], values: Sequence[bool]) -> list[tuple[Word, float]]:
    """Words and coefficients of prod_w (1 +- Z_w)/2, which is 1 where wires have these values and else 0."""
    choices = [
        [({}, 0.5), ({wire: "Z"}, -0.5 if value else 0.5)] for wire, value in zip(wires, values, strict=True)
    ]
    return [
        (
            {wire: letter for word, _ in factors for wire, letter in word.items()},
            float(np.prod([c for _, c in factors])),
        )
        for factors in itertools.product(*choices)
    ]


def _parameter(operation: Any) -> Any:
    """phi of exp(i phi G), a number or one for each sample; None for an operation that is not of this form."""
    import pennylane as qml

    if type(operation) is qml.ops.Exp:  # exp(c H), unitary for an imaginary c
        return qml.math.imag(operation.coeff) if operation.has_generator else None
    if operation.num_params != 1 or not operation.has_generator:
        return None
    (phi,) = operation.parameters
    return phi if qml.math.ndim(phi) <= 1 else None


def _generator(operation: Any, known: dict[Any, Any]) -> list[tuple[Word, float]] | None:
    """Words and coefficients of the Hermitian G with the operation exp(i phi G)."""
    import pennylane as qml

    wires = operation.wires
    # Two operations of one class differ in their hyperparameters alone; an operation among those has its own.
    plain = all(isinstance(value, (str, int)) for value in operation.hyperparameters.values())
    key = (type(operation), *operation.hyperparameters.items(), len(wires)) if plain else None
    if key is None or key not in known:
        observable = operation.generator()
        if observable.pauli_rep is not None:
            terms = [
                ("".join(word[wire] for wire in wires), coefficient)
                for word, coefficient in observable.pauli_rep.items()
            ]
        elif len(wires) <= MAX_WIRES:
            matrix = qml.matrix(observable, wire_order=wires)
            terms = list(_letters(_dense(matrix).tobytes(), len(wires)))
        else:
            return None
        known[key] = terms
    return [(_word(letters, wires), coefficient) for letters, coefficient in known[key]]


def _involution(operation: Any) -> list[tuple[Word, float]] | None:
    """Words and coefficients of G with U = exp(i pi/2 G), if U is its own inverse up to a phase; else None."""
    unitary = _dense(operation.matrix())
    square = unitary @ unitary
    phase = np.sqrt(square[0, 0] + 0j)
    if not (
        abs(abs(phase) - 1) < 1e-10
        and np.allclose(square, square[0, 0] * np.eye(len(square)), rtol=0, atol=1e-13)
    ):
        return None
    wires = operation.wires
    terms = [(_word(letters, wires), -c) for letters, c in _letters((unitary / phase).tobytes(), len(wires))]
    return [*terms, ({}, 1 + 2 / np.pi * np.angle(phase))]


@functools.lru_cache(maxsize=1024)
def _letters(matrix: bytes, n_wires: int) -> tuple[tuple[str, float], ...]:
    """Pauli words, as a letter for each wire, and coefficients of a Hermitian matrix."""
    import pennylane as qml

    dim = 2**n_wires
    given = np.frombuffer(matrix, dtype=complex).reshape(dim, dim)
    sentence = qml.pauli.pauli_sentence(qml.pauli_decompose(given, wire_order=range(n_wires)))
    return tuple(
        ("".join(word[wire] for wire in range(n_wires)), float(np.real(coefficient)))
        for word, coefficient in sentence.items()
    )


def _word(letters: str, wires: Sequence[Any]) -> Word:
    return {wire: letter for wire, letter in zip(wires, letters, strict=True) if letter != "I"}


def _matrix(operation: Any) -> Any:
    """Dense; None if PennyLane knows none."""
    if operation.has_matrix:
        return operation.matrix()
    return operation.sparse_matrix().toarray() if operation.has_sparse_matrix else None


def _is_unitary(matrix: Any) -> bool:
    import pennylane as qml

    if matrix is None:
        return False
    (values,) = qml.math.unwrap([matrix])
    product = np.conj(np.swapaxes(values, -1, -2)) @ values
    return bool(np.allclose(product, np.eye(product.shape[-1]), rtol=0, atol=_UNITARY))


def _dense(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=complex)


def _commuting(terms: Iterable[tuple[Word, float]] | None) -> list[tuple[Word, float]] | None:
    """Those that are not 0, if all words commute; else None."""
    if terms is None:
        return None
    some = [(word, float(np.real(c))) for word, c in terms if abs(c) > _WORD_TOLERANCE]
    pairs = itertools.combinations([word for word, _ in some], 2)
    return some if all(_commute(*pair) for pair in pairs) else None


def _commute(first: Word, second: Word) -> bool:
    return sum(second.get(wire, letter) != letter for wire, letter in first.items()) % 2 == 0
