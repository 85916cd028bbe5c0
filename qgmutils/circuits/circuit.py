"""The ansatz as data: a list of Pauli rotations acting on a reference state.

    |theta> = prod_i exp(-i a_i P_i) |reference>,    a_i = scale_i * theta[parameter_i] + offset_i

A Pauli word is two bit masks, P = i^ny X^x Z^z with ny = popcount(x & z), so that
P|k> = i^ny (-1)^popcount(k & z) |k xor x>.  Wire 0 is the most significant bit.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgmutils.inputs import frozen, number_array, precision_of, require_integer, require_qubits
from qgmutils.losses.loss import Loss, require_states

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

    name = "circuit"  # in tables, where a recipe says more

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

    def build(self, rng: np.random.Generator) -> Circuit:
        """Itself: a circuit may stand wherever a recipe of one may."""
        return self

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


def require_pair(circuit: Circuit, loss: Loss) -> None:
    """Raise ValueError unless these are a circuit and a loss of as many qubits, with inputs that are states of them."""
    if not isinstance(circuit, Circuit):
        raise ValueError(f"circuit must be a circuits.Circuit, got {type(circuit).__name__}")
    if not isinstance(loss, Loss):
        remedy = (
            "call its build()"
            if hasattr(loss, "build")
            else "hamiltonians.from_observable and hamiltonians.from_matrix make one of an observable"
        )
        raise ValueError(f"loss must be a losses.loss.Loss, got {type(loss).__name__}; {remedy}")
    if circuit.n_qubits != loss.n_qubits:
        raise ValueError(f"the circuit has {circuit.n_qubits} qubits, the loss {loss.n_qubits}")
    if loss.inputs is not None:
        require_states(loss.inputs, loss.dim, "the loss's inputs")
