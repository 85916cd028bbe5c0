"""A QNode as a model: the circuit and the loss that the engine takes, in the user's own arguments and units."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.clifford import applied, fixed_gates_first
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.ensembles.model import Model
from qgmutils.losses.blocks import Blocks
from qgmutils.losses.energy import Energy
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.loss import Loss
from qgmutils.qnodes import angles, measurements
from qgmutils.qnodes.arguments import Leaf, leaves, rebuild, trainable
from qgmutils.qnodes.recording import Recording, record
from qgmutils.qnodes.samples import assemble, quantum_fisher

Array = NDArray[np.float64]

_HALF = 0.5
"""Angles of the circuit per number of the arguments.  A rotation's period, 2 pi in PennyLane's angle up to a sign of
the state, is pi in theta then, the width over which searches start."""

_AGREEMENT = 1e-9
"""Of the translation with the QNode, relative to the size of its values; both are right to 1e-12 or better."""


@dataclass(frozen=True, eq=False)
class QNodeModel(Model):
    """A model that `from_qnode` has made; whatever takes a `Model` takes it.

    Attributes
    ----------
    circuit : Circuit
        Its angles theta (p,) are half of the trained numbers, one after the other, as PennyLane's rotations are
        exp(-i phi/2 P).  Fixed gates have been moved into the words of its other gates and into the states that it
        acts on where that is possible.
    loss : Loss
    written : Model
        Circuit and loss with the fixed gates where the QNode has them, which shows what is repeated.
    names : tuple of str, length p
        What each number is in the arguments, e.g. ``weights[0, 2]``.
    shapes : tuple of tuples, or None
        Of the leaves of the arguments that are trained; None for another.
    constants : tuple of arrays
        Values of the others.
    """

    circuit: Circuit
    loss: Loss
    written: Model
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...] | None, ...]
    constants: tuple[NDArray[Any], ...]

    def value(self, *args: Any) -> float:
        """The QNode's expectation value; else the loss of what it returns."""
        return float(self.in_units(self._landscape.value(self._gates(args)[None])[0]))

    def value_and_grad(self, *args: Any) -> tuple[float, Any]:
        """Value and gradient.

        Parameters
        ----------
        *args
            As the QNode takes them, without its options.

        Returns
        -------
        value : float
        gradient
            In the shape of the trained argument; of several of them a tuple.

        Raises
        ------
        ValueError
            If arguments do not fit those that the model was made from, or one that is not trained has another value.
        """
        value, gradient = self._landscape.value_and_gradient(self.theta(*args)[None])
        return float(self.in_units(value[0])), self.shaped(self.loss.unit * _HALF * gradient[0], *args)

    def hessian(self, *args: Any) -> Any:
        """Second derivatives: for one trained array of shape s an array of shape s + s; for several a tuple of tuples.

        Parameters and errors are those of `value_and_grad`.
        """
        second = self._landscape.hessian(self.theta(*args)[None])[0]
        return self._blocks(self.loss.unit * _HALF**2 * second, args)

    def metric(self, *args: Any) -> Any:
        """Fubini-Study metric, a quarter of the quantum Fisher matrix, in the shapes of the Hessian.

        For several samples it is the sum over them.
        """
        return self._blocks(_HALF**2 * quantum_fisher(self._landscape, self.theta(*args)[None])[0], args)

    def theta(self, *args: Any) -> Array:
        """Angles (p,) of the circuit at these arguments: half of their numbers; errors as of `value_and_grad`."""
        return _HALF * self.numbers(*args)

    def numbers(self, *args: Any) -> Array:
        """Trained numbers (p,) of these arguments, one after the other.

        Raises
        ------
        ValueError
            As in `value_and_grad`.
        """
        parts, constants = [], iter(self.constants)
        for leaf, shape in self._leaves(args):
            if shape is not None:
                if leaf.array.shape != shape or leaf.array.dtype.kind not in "fiu":
                    raise ValueError(
                        f"{leaf.path} must hold real numbers and have the shape {shape}, as when the model was made, "
                        f"got {leaf.array.dtype} and {leaf.array.shape}"
                    )
                parts.append(np.ravel(leaf.array).astype(float))
            elif not np.array_equal(leaf.array, constant := next(constants)):
                raise ValueError(
                    f"{leaf.path} is not trained and was {constant} when the model was made, got {leaf.array}; "
                    "make a model of the new value"
                )
        return np.concatenate(parts)

    def shaped(self, theta: Array, *args: Any) -> Any:
        """Numbers (p,) in the shape of the trained arguments among `args`; of several a tuple."""
        pairs, first = self._leaves(args), 0
        values = []
        for leaf, shape in pairs:
            if shape is None:
                values.append(np.zeros(leaf.array.shape))
                continue
            size = math.prod(shape)
            values.append(theta[first : first + size].reshape(shape)[()])
            first += size
        rebuilt = rebuild(args, iter(values))
        chosen = sorted({leaf.argument for leaf, shape in pairs if shape is not None})
        return rebuilt[chosen[0]] if len(chosen) == 1 else tuple(rebuilt[number] for number in chosen)

    def in_units(self, value: Any) -> Any:
        """A loss in the units of the QNode, for an energy those of its observable."""
        return self.loss.unit * value + (self.loss.ground_energy if isinstance(self.loss, Energy) else 0.0)

    def __repr__(self) -> str:
        fixed = int(np.sum(self.circuit.scale == 0))
        return (
            f"{type(self).__name__}: {self.n_qubits} qubits; {len(self.names)} numbers, {self.names[0]} ... "
            f"{self.names[-1]}, drive {self.circuit.n_gates - fixed} Pauli rotations between {fixed} fixed ones; loss "
            f"{self.loss.name}"
        )

    def _gates(self, args: Sequence[Any]) -> Array:
        """Angles of the circuit."""
        return self.theta(*args)

    @cached_property
    def _landscape(self) -> Landscape:
        return landscape(self.circuit, self.loss)

    def _leaves(self, args: Sequence[Any]) -> list[tuple[Leaf, tuple[int, ...] | None]]:
        found = leaves(args, [f"argument {k}" for k in range(len(args))])
        if len(found) != len(self.shapes):
            raise ValueError(
                f"the arguments hold {len(found)} numbers and arrays, while the model was made from "
                f"{len(self.shapes)}; give all arguments of the QNode"
            )
        return list(zip(found, self.shapes, strict=True))

    def _blocks(self, matrix: Array, args: Sequence[Any]) -> Any:
        shapes = [shape for _, shape in self._leaves(args) if shape is not None]
        bounds = np.cumsum([0, *(math.prod(shape) for shape in shapes)])
        rows = [
            tuple(
                matrix[bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]].reshape(shapes[i] + shapes[j])
                for j in range(len(shapes))
            )
            for i in range(len(shapes))
        ]
        return rows[0][0] if len(shapes) == 1 else tuple(rows)


@dataclass(frozen=True, eq=False, repr=False)
class HybridModel(QNodeModel):
    """A QNode some of whose gates' angles are curved functions of its arguments.

    Attributes
    ----------
    circuit : Circuit
        Its theta are angles of gates, not the trained numbers; the chain rule leads to those.
    chain : Chain
    """

    chain: angles.Chain

    def value_and_grad(self, *args: Any) -> tuple[float, Any]:
        value, gradient = self._landscape.value_and_gradient(self._gates(args)[None])
        back = gradient[0] @ self.chain.jacobian(self.numbers(*args))
        return float(self.in_units(value[0])), self.shaped(self.loss.unit * back, *args)

    def hessian(self, *args: Any) -> Any:
        numbers, gates = self.numbers(*args), self._gates(args)[None]
        jacobian = self.chain.jacobian(numbers)
        second = jacobian.T @ self._landscape.hessian(gates)[0] @ jacobian
        second += np.tensordot(self._landscape.value_and_gradient(gates)[1][0], self.chain.second(numbers), 1)
        return self._blocks(self.loss.unit * second, args)

    def metric(self, *args: Any) -> Any:
        jacobian = self.chain.jacobian(self.numbers(*args))
        return self._blocks(
            jacobian.T @ quantum_fisher(self._landscape, self._gates(args)[None])[0] @ jacobian, args
        )

    def plain(self) -> Model:
        raise ValueError(
            "angles of the gates are curved functions of the arguments, so that searches in these are not those of the "
            "circuit; make the angles themselves the arguments, or minimise model.value_and_grad, as with SciPy"
        )

    def _gates(self, args: Sequence[Any]) -> Array:
        return self.chain.values(self.numbers(*args))


def from_qnode(
    qnode: Any,
    *args: Any,
    target: Any = None,
    divergence: str = "kl",
    argnum: int | Sequence[int] | None = None,
    **options: Any,
) -> QNodeModel:
    """A model of a PennyLane circuit.

    Parameters
    ----------
    qnode : pennylane.QNode
        Of unitary gates and templates, on wires of any labels, without shots.  It returns one `expval`, which is the
        loss; or, with a target, several of them, `probs` of wires or the `state`.
    *args
        Arguments at which it is looked at: numbers, arrays, and lists, tuples and dicts of them.  Data of M samples may
        be among them, which PennyLane broadcasts.
    target : array, optional
        One value for each `expval`, shape (K,), or for each sample and `expval`, (M, K) or (M,), which are fitted by
        least squares; a distribution over the outcomes of `probs`; a state.
    divergence : {"kl", "l2", "tv", "mmd"}
        Of a distribution, as of `losses.BornMachine`.
    argnum : int or sequence of int, optional
        Arguments that are trained.  By default the tensors that require a gradient or, if no tensor says so, everything
        that holds real numbers and not integers, but for tensors that say that they require none.
    **options
        Keyword arguments of the QNode; they are not trained.

    Returns
    -------
    QNodeModel
        A `HybridModel` where angles of gates are curved functions of the arguments.

    Raises
    ------
    ValueError
        For what cannot be translated, with the operation's name and what to do, for a target that is missing or does
        not fit, and if the translation does not agree with the QNode at the arguments and at random ones.
    """
    import pennylane as qml

    if not isinstance(qnode, qml.QNode):
        raise ValueError(
            f"qnode must be a pennylane.QNode, got {type(qnode).__name__}; decorate a function of gates with "
            "@qml.qnode(qml.device('default.qubit')), and pass it and not its result: from_qnode(qnode, weights)"
        )
    names = _argument_names(qnode, args, options)
    found = leaves(args, names)
    trained = trainable(found, argnum, len(args))
    numbers = [leaf for leaf, is_trained in zip(found, trained, strict=True) if is_trained]
    here = np.concatenate([np.ravel(leaf.array).astype(float) for leaf in numbers])

    def at(theta: Any) -> Recording:
        return record(qnode, _placed(args, found, trained, theta), options)

    first = at(here)
    first.require_repeatable(at(here))

    def gate_angles(theta: Any) -> list[Any]:
        recording = at(theta)
        first.require_same_as(recording)
        return [rotation.angle for rotation in recording.rotations]

    rng = np.random.default_rng(0)
    extra: dict[str, Any] = {}
    with np.errstate(invalid="ignore", divide="ignore"):  # a curve such as log(w) ends somewhere
        line = angles.affine(lambda theta: angles.flat(gate_angles(theta)), here, rng)
        if line is None:
            curved = angles.Chain(gate_angles, here, numbers[0].value)
            extra["chain"] = curved
            line = curved.driven()
        else:
            line = line[0] / _HALF, line[1]
        there = _defined(lambda theta: angles.flat(gate_angles(theta)), here, rng)
    circuit, inputs, is_joint = assemble(first, *line)
    loss = measurements.loss_of(first.measurements, first.wires, inputs, target, divergence)
    whole: Loss = Blocks(loss) if is_joint else loss
    simple = without_fixed_gates(circuit, whole)
    model = (HybridModel if extra else QNodeModel)(
        circuit=simple[0],
        loss=simple[1],
        written=Model(circuit, whole),
        names=tuple(name for leaf in numbers for name in leaf.names()),
        shapes=tuple(
            leaf.array.shape if is_trained else None for leaf, is_trained in zip(found, trained, strict=True)
        ),
        constants=tuple(
            _constant(leaf.array) for leaf, is_trained in zip(found, trained, strict=True) if not is_trained
        ),
        **extra,
    )
    for theta in (here, there):
        _require_agreement(model, qnode, _placed(args, found, trained, theta), options, first)
    return model


def without_fixed_gates(circuit: Circuit, loss: Loss) -> tuple[Circuit, Loss]:
    """A circuit and its loss with as few fixed gates as possible.

    Those that can be moved to the front act once and for all on the reference state or, where the loss has inputs, on
    these.
    """
    first, rest = fixed_gates_first(circuit)
    if loss.inputs is None:
        return dataclasses.replace(rest, reference=applied(first, rest.reference)), loss
    assert isinstance(loss, LeastSquares)
    return rest, dataclasses.replace(loss, inputs=applied(first, loss.inputs))


def _argument_names(qnode: Any, args: Sequence[Any], options: dict[str, Any]) -> list[str]:
    signature = inspect.signature(qnode.func)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        raise ValueError(
            f"the QNode takes {signature}, and what was given does not fit: {error}; give its arguments after it"
        ) from error
    names: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{k}]" for k in range(len(args) - len(names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return names[: len(args)]


def _defined(function: Callable[[Array], Array], here: Array, rng: np.random.Generator) -> Array:
    """A random point where the function is finite, as near to a point of its domain as that takes."""
    there = rng.uniform(0, 2 * np.pi, len(here))
    while not np.all(np.isfinite(function(there))):
        there = (here + there) / 2
    return there


def _constant(array: NDArray[Any]) -> NDArray[Any]:
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def _placed(
    args: Sequence[Any], found: Sequence[Leaf], trained: Sequence[bool], theta: Any
) -> tuple[Any, ...]:
    """The arguments with other trained numbers: traced ones, arrays of JAX where they were, or NumPy's."""
    import pennylane as qml

    values, first = [], 0
    for leaf, is_trained in zip(found, trained, strict=True):
        if not is_trained:
            values.append(leaf.value)
            continue
        shape = leaf.array.shape
        size = math.prod(shape)
        part = qml.math.reshape(theta[first : first + size], shape)
        if isinstance(theta, np.ndarray):
            is_jax = angles.qml_interface(leaf.value) == "jax"
            part = (
                qml.math.asarray(part, like="jax") if is_jax else part[()]
            )  # one number is no array of shape ()
        values.append(part)
        first += size
    placed: tuple[Any, ...] = rebuild(tuple(args), iter(values))
    return placed


def _require_agreement(
    model: QNodeModel, qnode: Any, args: Sequence[Any], options: dict[str, Any], recording: Recording
) -> None:
    states = model._landscape.states(model._gates(args)[None])[0]
    states = model.loss.split(states) if isinstance(model.loss, Blocks) else np.atleast_2d(states)
    measurements.require_agreement(
        qnode(*args, **options), states, recording.measurements, recording.wires, _AGREEMENT
    )
