"""Arguments of a function: which numbers of them are trained, their names, and how they are put together again."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qgmutils.inputs import is_integer


class Leaf(NamedTuple):
    """A number, an array or anything else that is no list, tuple or dict, somewhere in the arguments.

    Attributes
    ----------
    path : str
        As one would write it, e.g. ``weights`` or ``params['a'][0]``.
    argument : int
        Number of the argument that it is in.
    value : Any
        As it was given.
    """

    path: str
    argument: int
    value: Any

    @property
    def array(self) -> NDArray[Any]:
        """Its value as a NumPy array; what is neither numbers nor text, as an observable, is one object."""
        if hasattr(self.value, "__array__") or isinstance(self.value, (numbers.Number, str)):
            return np.asarray(self.value)
        whole = np.empty((), dtype=object)  # NumPy would take a graph for a sequence
        whole[()] = self.value
        return whole

    def names(self) -> list[str]:
        """One name for each of its numbers, e.g. ``weights[0, 2]``."""
        shape = self.array.shape
        return [
            self.path + (f"[{', '.join(map(str, index))}]" if shape else "") for index in np.ndindex(*shape)
        ]


def leaves(arguments: Sequence[Any], names: Sequence[str]) -> list[Leaf]:
    """All leaves of the arguments, in order; lists, tuples and dicts are looked into.

    Raises
    ------
    ValueError
        For inf, nan, masked entries, and tensors of a library that is not differentiated here or that computes in
        single precision.
    """
    found = [
        Leaf(path, number, value)
        for number, (name, argument) in enumerate(zip(names, arguments, strict=True))
        for path, value in _walk(name, argument)
    ]
    for leaf in found:
        _require_double(leaf)
        if np.ma.is_masked(leaf.value):
            raise ValueError(f"{leaf.path} has masked entries; fill them or leave them out")
        if leaf.array.dtype.kind in "fc" and not np.all(np.isfinite(leaf.array)):
            raise ValueError(f"{leaf.path} must hold finite numbers, got inf or nan")
    return found


def rebuild(argument: Any, values: Iterator[Any]) -> Any:
    """The argument, or a tuple of them, with other values in place of its leaves."""
    if isinstance(argument, dict):
        return {key: rebuild(part, values) for key, part in argument.items()}
    if isinstance(argument, (list, tuple)):
        parts = [rebuild(part, values) for part in argument]
        return type(argument)(*parts) if hasattr(argument, "_fields") else type(argument)(parts)
    return next(values)


def trainable(all_leaves: Sequence[Leaf], argnum: int | Sequence[int] | None, n_arguments: int) -> list[bool]:
    """Which leaves are trained.

    Parameters
    ----------
    all_leaves : sequence of Leaf
    argnum : int, sequence of int, or None
        Arguments that are trained.  None: the tensors that require a gradient, or, where no tensor says so, everything
        that holds real numbers and not integers, but for tensors that say that they require none.
    n_arguments : int

    Raises
    ------
    ValueError
        If `argnum` names no argument, or one without real numbers, or nothing is trained.
    """
    real = [leaf.array.dtype.kind == "f" for leaf in all_leaves]
    if argnum is not None:
        wanted: list[Any] = list(argnum) if isinstance(argnum, Iterable) else [argnum]
        if not wanted or not all(is_integer(k) and 0 <= k < n_arguments for k in wanted):
            raise ValueError(f"argnum must name arguments 0 ... {n_arguments - 1}, got {argnum!r}")
        chosen = [leaf.argument in wanted for leaf in all_leaves]
        for leaf, is_chosen, is_real in zip(all_leaves, chosen, real, strict=True):
            if is_chosen and not is_real:
                raise ValueError(
                    f"{leaf.path} cannot be trained: it holds {leaf.array.dtype} and not real numbers; give floats"
                )
    else:
        says = [getattr(leaf.value, "requires_grad", None) for leaf in all_leaves]
        chosen = [bool(say) for say in says]
        if not any(chosen):
            chosen = [is_real and say is None for is_real, say in zip(real, says, strict=True)]
    if any(is_chosen and leaf.array.size for leaf, is_chosen in zip(all_leaves, chosen, strict=True)):
        return chosen
    if argnum is None and any(
        leaf.array.size for leaf, is_real in zip(all_leaves, real, strict=True) if is_real
    ):
        raise ValueError(
            "no argument is trained: all real numbers are in tensors with requires_grad=False; name those that are to "
            "be trained, as in from_qnode(qnode, weights, argnum=0)"
        )
    raise ValueError(
        "no argument is trained: none holds real numbers; give the angles as floats or arrays of floats after the "
        "QNode and not by keyword, as in from_qnode(qnode, weights)"
    )


def _require_double(leaf: Leaf) -> None:
    import pennylane as qml

    library = qml.math.get_interface(leaf.value)
    if library in ("torch", "tensorflow"):
        raise ValueError(
            f"{leaf.path} is a tensor of {library}, which cannot be translated; give a NumPy array, as "
            "qml.math.toarray(tensor) makes one, and a QNode without interface"
        )
    if library == "jax" and qml.math.asarray(1.0, like="jax").dtype != np.float64:
        raise ValueError(
            f"{leaf.path} is an array of JAX, which computes in single precision; set "
            'jax.config.update("jax_enable_x64", True) at the start'
        )


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _walk(f"{path}[{key!r}]", part)
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            yield from _walk(f"{path}[{number}]", part)
    else:
        yield path, value
