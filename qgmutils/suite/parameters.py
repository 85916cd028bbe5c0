"""What the parameters of notebooks may be: types from their annotations, ranges and names from one table by name.

A parameter is called `base` or `<ensemble>_base`, as in `contrast_n_qubits`, with a base of `RULES`, and means the
same in every notebook.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qgmutils import circuits
from qgmutils.inputs import MAX_QUBITS
from qgmutils.losses import hamiltonians

# The suite itself sets these, so every notebook has them, and nothing else may.
INJECTED = ("profile", "run", "output_dir", "seed")


class ParameterError(ValueError):
    """A value that a parameter cannot have; the message names the parameter, the notebook, and what is allowed."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """What the values of a parameter may be, each by itself where they are a list or a dict.

    Attributes
    ----------
    low, high : float
        Range of numbers, ends included.
    above : bool
        Whether `low` itself is too low.
    names : tuple of str
        Allowed strings; () if it has no strings.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    names: tuple[str, ...] = ()

    def allows(self, value: object) -> bool:
        """Whether one value, not a list or a dict, keeps the rule."""
        if isinstance(value, str):
            return value in self.names
        assert isinstance(value, (int, float))
        return self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        words = [f"one of {', '.join(self.names)}"] if self.names else []
        if math.isfinite(self.high):
            words.append(f"{'above ' if self.above else ''}{self.low:g} to {self.high:g}")
        elif math.isfinite(self.low):
            words.append(f"{'above' if self.above else 'at least'} {self.low:g}")
        return " or ".join(words)


_COUNT = Rule(1, 10**9)
_SEVERAL = Rule(2, 10**9)  # a standard error needs two
_PROJECTORS = tuple(f"projector 1/{2**k}" for k in range(1, 6))
RULES: dict[str, Rule] = {
    "seed": Rule(0),
    "n_qubits": Rule(1, MAX_QUBITS),
    "n_params": _COUNT,
    "param_counts": _COUNT,
    "enumerated_param_counts": Rule(1, 10),  # all minima can be found up to 10 angles
    "max_params": Rule(0, 10**9),
    "max_dimension": Rule(2, 2**MAX_QUBITS),
    "n_circuits": _SEVERAL,
    "n_starts": _COUNT,
    "energy_n_starts": _SEVERAL,
    "max_starts": _COUNT,
    "n_samples": Rule(16, 10**9),  # densities are estimated from effective samples
    "n_fields": _SEVERAL,
    "n_rays": _COUNT,
    "n_steps": _COUNT,
    "n_candidates": _COUNT,
    "hamiltonian": Rule(names=tuple(hamiltonians.HAMILTONIANS)),
    "hamiltonians": Rule(names=(*hamiltonians.HAMILTONIANS, *_PROJECTORS)),
    "reference_state": Rule(names=circuits.REFERENCE_STATES),
    "hamiltonian_options": Rule(-1e6, 1e6, names=hamiltonians.BASES),
    "degrees_of_freedom": Rule(0, 1e9, above=True),
    "degeneracies": _COUNT,
    "fractions": Rule(0, 100, above=True),
    "gammas": Rule(0, 100, above=True),
}


def rule(name: str) -> Rule | None:
    """The rule of a parameter by its base, the longest of `RULES` that its name ends with; None if it has none."""
    bases = [base for base in RULES if name == base or name.endswith(f"_{base}")]
    return RULES[max(bases, key=len)] if bases else None


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook.

    Attributes
    ----------
    notebook, name : str
        Which.
    annotation : str
        Its type as the notebook writes it: int, float, str, bool, list, dict, or list and dict of such.
    default : object
        The value in the notebook.
    """

    notebook: str
    name: str
    annotation: str
    default: Any

    def accept(self, value: object) -> Any:
        """The value as the notebook takes it: a scalar where a list is wanted becomes a list of one, a tuple a list.

        Raises
        ------
        ParameterError
            The value has another type, or is out of range.
        """
        limits = rule(self.name)
        try:
            found = _typed(value, self.annotation)
            if not self.name.endswith("options") and _has_empty(found):
                raise _Refused("not empty, nor any list in it")
            for leaf in _leaves(found):
                if isinstance(leaf, float) and not math.isfinite(leaf):
                    raise _Refused("finite")
                if limits is not None and not isinstance(leaf, bool) and not limits.allows(leaf):
                    raise _Refused(_close(leaf, limits.names))
        except _Refused as refused:
            several = "each " if self.annotation.startswith(("list", "dict")) else ""
            allowed = [self.annotation, f"{several}{limits}" if limits else "", str(refused)]
            raise ParameterError(
                f"parameter {self.name!r} of {self.notebook} is {_shown(value)}; "
                f"it must be {', '.join(filter(None, allowed))}"
            ) from None
        return found


def read(path: Path) -> dict[str, Parameter]:
    """The parameters of a notebook by name: the assignments in its cell that is tagged `parameters`.

    Parameters
    ----------
    path : Path
        The notebook.

    Returns
    -------
    dict of str to Parameter

    Raises
    ------
    ParameterError
        The file is no notebook, has no such cell, or the cell holds something else than names with literals.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        (source,) = [
            "".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])
        ] or [""]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(
            f"{path} is no notebook with one cell that is tagged `parameters` ({error})"
        ) from error
    if not source:
        raise ParameterError(f"{path.name} has no parameters; tag the cell that sets them with `parameters`")
    found = {}
    try:
        for statement in ast.parse(source).body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    annotation = ast.unparse(statement.annotation)
                case _:
                    raise ValueError(f"line {statement.lineno}: {ast.unparse(statement)}")
            default = ast.literal_eval(value)
            _typed(default, annotation)
            found[name] = Parameter(path.stem, name, annotation, default)
    except _Refused:
        raise ParameterError(f"{path.name}: {name} is {_shown(default)}, which is no {annotation}") from None
    except (SyntaxError, IndexError, ValueError) as error:
        raise ParameterError(
            f"{path.name}: its cell of parameters may hold only lines NAME: TYPE = LITERAL ({error})"
        ) from error
    return found


class _Refused(ValueError):
    """Why a value is not what is wanted: what it must be."""


def _typed(value: object, annotation: str) -> Any:
    """The value, if it has the type that an annotation names."""
    tree = ast.parse(annotation, mode="eval").body
    kind, arguments = ast.unparse(tree), []
    if isinstance(tree, ast.Subscript):
        kind = ast.unparse(tree.value)
        parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
        arguments = [ast.unparse(part) for part in parts]
    if kind == "list":
        several = list(value) if isinstance(value, (list, tuple)) else [value]
        return [_typed(item, arguments[0]) for item in several] if arguments else _plain(several)
    if kind == "dict":
        if not (isinstance(value, dict) and all(isinstance(key, str) for key in value)):
            raise _Refused('written {"name": value, …}')
        return (
            {key: _typed(item, arguments[1]) for key, item in value.items()} if arguments else _plain(value)
        )
    types: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}
    if kind not in types:
        raise ValueError(f"type {annotation}; known are {', '.join(types)}, list[…] and dict[str, …]")
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    if isinstance(value, bool) != (kind == "bool") or not isinstance(value, types[kind]):
        raise _Refused
    return value


def _plain(value: object) -> Any:
    """The value with lists for tuples, if it is made of plain values alone."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (bool, int, float, str)):
        return value
    raise _Refused("made of numbers, strings, lists and dicts with strings as keys")


def _leaves(value: object) -> Iterable[Any]:
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value


def _has_empty(value: object) -> bool:
    """Whether a list or dict is empty, or has one in it that is."""
    if not isinstance(value, (list, dict)):
        return False
    items = list(value.values() if isinstance(value, dict) else value)
    return not items or any(_has_empty(item) for item in items)


def _close(value: object, names: tuple[str, ...]) -> str:
    matches = difflib.get_close_matches(str(value), names, n=1)
    return f"perhaps {matches[0]}" if matches else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:75]}…"
