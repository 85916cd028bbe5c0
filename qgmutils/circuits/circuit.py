"""The ansatz as data: a list of Pauli rotations acting on a reference state.

    |theta> = prod_i exp(-i a_i P_i) |reference>,    a_i = scale_i * theta[parameter_i] + offset_i

A Pauli word is two bit masks, P = i^ny X^x Z^z with ny = popcount(x & z), so that
P|k> = i^ny (-1)^popcount(k & z) |k xor x>.  Wire 0 is the most significant bit.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qgmutils.inputs import (
    frozen,
    number_array,
    precision_of,
    require_choice,
    require_generator,
    require_integer,
    require_qubits,
)
from qgmutils.losses.energy import Energy

if TYPE_CHECKING:
    import pennylane as qml

REFERENCE_STATES = ("haar", "clifford", "zero")

MAX_GATES = 10**7
"""Most gates, and most angles, of a circuit."""

_INTEGERS = ("x", "z", "parameter")


@dataclass(frozen=True, eq=False)
class Circuit:
    """A frozen Pauli-rotation ansatz.

    Attributes
    ----------
    n_qubits, n_params : int
        Number of qubits n and of independent angles p.
    x, z : int64 array, shape (q,)
        Bit masks of the Pauli words, in the order in which they act.
    parameter : int64 array, shape (q,)
        Which angle drives each gate, 0 ... p - 1.
    scale, offset : float array, shape (q,)
        The gate's angle is scale * theta[parameter] + offset, in radians; the gate is exp(-i angle P), so
        that PennyLane's angle is twice it.
    reference : complex array, shape (2^n,)
        Normalised initial state.

    Raises
    ------
    ValueError
        If sizes disagree, a gate names no parameter or qubit of the circuit, a scale or offset is not finite,
        or the reference state is not normalised, to 1e-10 or, given in less than double precision, to 100 of its
        roundings; it is normalised in double precision then.

    Notes
    -----
    The arrays are read-only copies: compiled code trusts them to name qubits and angles of the circuit.
    """

    n_qubits: int
    n_params: int
    x: NDArray[np.int64]
    z: NDArray[np.int64]
    parameter: NDArray[np.int64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    reference: NDArray[np.complex128]

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        put(self, "n_qubits", require_qubits(self.n_qubits))
        put(self, "n_params", require_integer(self.n_params, "n_params", high=MAX_GATES))
        integers = {name: number_array(getattr(self, name), name, kinds="iu") for name in _INTEGERS}
        reals = {name: number_array(getattr(self, name), name) for name in ("scale", "offset")}
        sizes = [a.shape for a in (*integers.values(), *reals.values())]
        if len(sizes[0]) != 1 or sizes[0][0] < 1 or any(shape != sizes[0] for shape in sizes):
            raise ValueError(
                "x, z, parameter, scale and offset must have one entry per gate, at least one; "
                f"got the shapes {', '.join(map(str, sizes))}"
            )
        dim = 2**self.n_qubits
        for name, array in integers.items():
            limit = self.n_params if name == "parameter" else dim
            low, high = int(array.min()), int(array.max())
            if low < 0 or high >= limit:
                what = (
                    "gate parameters"
                    if name == "parameter"
                    else f"a Pauli word acts outside the {self.n_qubits} qubits: bit masks"
                )
                raise ValueError(f"{what} must lie in 0 ... {limit - 1}, got {low} ... {high}")
            put(self, name, frozen(array, np.int64))
        for name, array in reals.items():
            if not np.all(np.isfinite(array)):
                raise ValueError(f"scale and offset must be finite numbers, got {name} {array}")
            put(self, name, frozen(array, np.float64))
        put(self, "reference", frozen(_unit_vector(self.reference, dim), np.complex128))

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies are made, and checked, by the constructor: NumPy's own copies of read-only arrays are writable.
        return type(self), tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    @property
    def n_gates(self) -> int:
        """Number of Pauli rotations q."""
        return len(self.x)

    def words(self) -> list[str]:
        """Pauli words as strings, wire 0 first, e.g. "XIZ"."""
        letters = {(0, 0): "I", (1, 0): "X", (0, 1): "Z", (1, 1): "Y"}
        bits = range(self.n_qubits - 1, -1, -1)
        return [
            "".join(letters[int(x) >> b & 1, int(z) >> b & 1] for b in bits)
            for x, z in zip(self.x, self.z, strict=True)
        ]


def _unit_vector(state: Any, dim: int) -> NDArray[np.complex128]:
    """The state in double precision, if it is a normalised vector of length `dim`."""
    given = number_array(state, "the reference state", kinds="biufc")
    vector = given.astype(np.complex128)
    norm = float(np.linalg.norm(vector))
    rounding = precision_of(given)
    if vector.shape != (dim,) or not abs(norm - 1) <= max(1e-10, 100 * rounding):
        raise ValueError(
            f"the reference state must be a normalised vector of length {dim}, "
            f"got shape {vector.shape} with norm {norm:.6g}"
        )
    return vector if rounding <= np.finfo(np.float64).eps else vector / norm


def haar_state(dim: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """A Haar-random unit vector, complex, shape (dim,)."""
    dim, rng = require_integer(dim, "dim"), require_generator(rng)
    state = rng.standard_normal(dim) + 1j * rng.standard_normal(dim)
    return state / np.linalg.norm(state)


def stabilizer_state(n_qubits: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """A uniformly random stabilizer state, shape (2^n,), up to a global phase.

    Every stabilizer state is sum_u i^(l.u) (-1)^(u Q u) |shift + u B> over u in {0,1}^k, for one affine
    subspace of dimension k and one choice of the linear part l and the quadratic form Q (Dehaene and De Moor
    2003; field). There are [n choose k]_2 2^(n-k) such subspaces and 2^(k + k(k+1)/2) phases for each, which
    fixes the probability of k; the rest is uniform.

    Raises
    ------
    ValueError
        If `n_qubits` is out of range or `rng` is no generator.
    """
    n, rng = require_qubits(n_qubits), require_generator(rng)
    weights = []
    for k in range(n + 1):
        subspaces = 1.0
        for i in range(k):
            subspaces *= (2.0 ** (n - i) - 1) / (2.0 ** (i + 1) - 1)
        weights.append(subspaces * 2.0 ** (n - k) * 2.0 ** (k + k * (k + 1) / 2))
    k = int(rng.choice(n + 1, p=np.array(weights) / sum(weights)))
    basis: list[int] = []
    span = {0}
    while len(basis) < k:  # uniform over ordered bases, hence over subspaces
        vector = int(rng.integers(1, 2**n))
        if vector not in span:
            basis.append(vector)
            span |= {s ^ vector for s in span}
    shift = int(rng.integers(2**n))
    linear = rng.integers(0, 2, k)
    quadratic = np.triu(rng.integers(0, 2, (k, k)))
    state = np.zeros(2**n, dtype=np.complex128)
    for bits in range(2**k):
        u = np.array([bits >> j & 1 for j in range(k)], dtype=int)
        index = shift
        for j in range(k):
            index ^= basis[j] if u[j] else 0
        state[index] = 1j ** int(linear @ u % 4) * (-1.0) ** int(u @ quadratic @ u)
    return state / np.sqrt(2.0**k)


def reference(kind: str, n_qubits: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """The reference state of that name, complex, shape (2^n,).

    Parameters
    ----------
    kind : {"haar", "clifford", "zero"}
        Haar-random state, uniformly random stabilizer state, or |0...0>.
    n_qubits : int
        1 to `MAX_QUBITS`.
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        For any other name, if `n_qubits` is out of range or `rng` is no generator.
    """
    dim = 2 ** require_qubits(n_qubits)
    rng, kind = require_generator(rng), require_choice(kind, "reference state", REFERENCE_STATES)
    if kind == "haar":
        return haar_state(dim, rng)
    if kind == "clifford":
        return stabilizer_state(n_qubits, rng)
    return np.eye(1, dim, dtype=np.complex128)[0]


def random_circuit(
    n_qubits: int,
    n_params: int,
    *,
    rng: np.random.Generator,
    n_gates: int | None = None,
    reference_state: str = "haar",
) -> Circuit:
    """The randomised model: words uniform over the non-identity Paulis, so nothing in the circuit knows H.

    Source: general knowledge of the paper's construction (Clifford-randomised generators), not read in its
    text (field).  A Clifford frame is a 3-design only and the optimiser can reach stabilizer states; the
    Haar-random reference state is the default because it is what the theory describes (derived).

    Parameters
    ----------
    n_qubits, n_params : int
        n and p, both at least 1.
    rng : numpy.random.Generator
        Draws the reference state first, then the words.
    n_gates : int, optional
        q >= p; gate i is driven by angle i mod p, so each angle sits in q/p gates, rounded up or down.
        Default q = p.
    reference_state : {"haar", "clifford", "zero"}
        Initial state.

    Returns
    -------
    Circuit
        With scale 1 and offset 0 in every gate.

    Raises
    ------
    ValueError
        For sizes out of range, an unknown reference state, or if `rng` is no generator.
    """
    dim = 2 ** require_qubits(n_qubits)
    n_params = require_integer(n_params, "n_params", high=MAX_GATES)
    q = n_params
    if n_gates is not None:
        q = require_integer(n_gates, "n_gates", high=MAX_GATES)
        if q < n_params:
            raise ValueError(f"n_gates must be at least n_params = {n_params} (or None), got {n_gates}")
    state = reference(reference_state, n_qubits, rng)
    words = rng.integers(1, dim * dim, q)
    return Circuit(
        n_qubits, n_params, words // dim, words % dim, np.arange(q) % n_params, np.ones(q), np.zeros(q), state
    )


def to_qnode(
    circuit: Circuit, problem: Energy, *, device: str = "default.qubit", diff_method: str = "adjoint"
) -> qml.QNode:
    """The same circuit as a PennyLane QNode theta (p,) -> E, for any PennyLane device.

    Parameters
    ----------
    circuit : Circuit
    problem : Energy
    device : str
        Name of the PennyLane device.
    diff_method : str
        PennyLane's name of the differentiation method; "adjoint" gives first derivatives only.

    Returns
    -------
    pennylane.QNode

    Raises
    ------
    ValueError
        If these are no circuit and problem of one size, or the device cannot be created (its own message is quoted).
    """
    import pennylane as qml

    require_pair(circuit, problem)
    wires = range(circuit.n_qubits)
    gates = list(zip(circuit.words(), circuit.parameter, circuit.scale, circuit.offset, strict=True))
    state, matrix = circuit.reference.copy(), problem.matrix.copy()  # some devices refuse read-only arrays

    def energy(theta: Any) -> Any:
        qml.StatePrep(state, wires=wires)
        for word, parameter, scale, offset in gates:
            qml.PauliRot(2 * (scale * theta[parameter] + offset), word, wires=wires)
        return qml.expval(qml.Hermitian(matrix, wires=wires))

    return qml.QNode(energy, make_device(device, circuit.n_qubits), diff_method=diff_method)


def require_pair(circuit: Circuit, problem: Energy) -> None:
    """Raise ValueError unless these are a circuit and a problem of as many qubits: kernels trust them to be."""
    if not isinstance(circuit, Circuit):
        raise ValueError(f"circuit must be a circuits.Circuit, got {type(circuit).__name__}")
    if not isinstance(problem, Energy):
        raise ValueError(
            f"problem must be a Energy, got {type(problem).__name__}; "
            "hamiltonians.from_observable and hamiltonians.from_matrix make one"
        )
    if circuit.n_qubits != problem.n_qubits:
        raise ValueError(f"the circuit has {circuit.n_qubits} qubits, the problem {problem.n_qubits}")


def make_device(device: str, n_qubits: int) -> Any:
    """A PennyLane device on wires 0 ... n_qubits - 1; one that is not there is never replaced by another.

    Raises
    ------
    ValueError
        If PennyLane does not know the device or cannot create it; its own message is quoted.
    """
    import pennylane as qml

    try:
        return qml.device(device, wires=n_qubits)
    except Exception as error:  # of many types: DeviceError, ImportError, RuntimeError of the CUDA driver
        remedy = (
            "it needs an NVIDIA GPU with its driver and `pip install qgmutils[gpu]`; "
            if device == "lightning.gpu"
            else ""
        )
        raise ValueError(
            f"PennyLane cannot create the device {device!r}: {error}; {remedy}"
            "device='default.qubit' and 'lightning.qubit' run on any CPU"
        ) from error
