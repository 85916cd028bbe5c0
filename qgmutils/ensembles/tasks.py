"""Ensembles of circuits as tasks: cut into pieces of a few seconds, run together, put together again.

Every circuit has its own random stream, derived from the seed, the sizes and the circuit's number, so a table
does not depend on how an ensemble is cut.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from qgmutils.computing.engines import chosen_engine, require_engine
from qgmutils.computing.tasks import Task, run_tasks
from qgmutils.engine.landscape import Landscape
from qgmutils.ensembles.model import Model, circuit_stream
from qgmutils.inputs import MAX_SEED, require_integer

Key = TypeVar("Key", bound=Hashable)

PIECE = 5.0
"""Seconds that a piece of an ensemble is to take; a factor of two or three less or more, as the machine is."""
AMPLITUDE = 1e-9
"""Seconds for a gate on one amplitude, forth and back, on one core."""
SLOWER = {"pennylane": 1000.0}
"""How many times longer than the compiled ones another engine takes, at the least."""


@dataclass(frozen=True, kw_only=True)
class CircuitsTask:
    """Circuits first_circuit ... first_circuit + n_circuits - 1 of a model.

    Attributes
    ----------
    model : Model
    n_circuits : int
    seed : int
        0 ... 2^128 - 1.
    first_circuit : int
    engine, device : str
        As in `engine.landscape`; by default those that the suite was asked for, `computing.engines.chosen_engine`.

    Raises
    ------
    ValueError
        If a number is out of range, an engine or device unknown, or the model no circuit of its own parameters.
    """

    model: Model
    n_circuits: int
    seed: int
    first_circuit: int = 0
    engine: str = field(default_factory=lambda: chosen_engine()[0])
    device: str = field(default_factory=lambda: chosen_engine()[1])

    def __post_init__(self) -> None:
        if not hasattr(self.model, "plain"):
            raise ValueError(f"model must be a Model, got {type(self.model).__name__}")
        require_engine(self.engine, self.device)
        put = object.__setattr__  # the class is frozen
        put(self, "model", self.model.plain())
        put(self, "n_circuits", require_integer(self.n_circuits, "n_circuits"))
        put(self, "seed", require_integer(self.seed, "seed", low=0, high=MAX_SEED))
        put(self, "first_circuit", require_integer(self.first_circuit, "first_circuit", low=0))

    def landscape(self, rng: np.random.Generator) -> Landscape:
        """The landscape of the circuit that `rng` draws."""
        return self.model.landscape(rng, engine=self.engine, device=self.device)

    def streams(self) -> Iterator[tuple[int, np.random.Generator]]:
        """Number and random stream of each circuit."""
        for number in range(self.first_circuit, self.first_circuit + self.n_circuits):
            yield number, circuit_stream(self.seed, self.model.n_qubits, self.model.n_params, number)

    def seconds(self) -> float:
        """What one circuit takes the compiled engine, roughly."""
        raise NotImplementedError

    def cost(self) -> float:
        """What one circuit takes the chosen engine, seconds."""
        return self.seconds() * SLOWER.get(self.engine, 1.0)

    def pieces(self, seconds: float = PIECE) -> list[Any]:
        """The same circuits as tasks of about so many seconds."""
        size = max(1, min(self.n_circuits, int(seconds / self.cost())))
        count = math.ceil(self.n_circuits / size)
        bounds = [self.first_circuit + self.n_circuits * k // count for k in range(count + 1)]
        return [
            dataclasses.replace(self, first_circuit=first, n_circuits=end - first)
            for first, end in itertools.pairwise(bounds)
        ]


def columns(parts: list[dict[str, Any]], *, length: str = "start") -> pd.DataFrame:
    """One table out of many small ones, dicts of columns and constants, of which the column `length` is none.

    To make a DataFrame of each would take longer than many a circuit.
    """
    sizes = [len(part[length]) for part in parts]
    return pd.DataFrame(
        {
            name: np.concatenate(
                [np.broadcast_to(part[name], size) for part, size in zip(parts, sizes, strict=True)]
            )
            for name in parts[0]
        }
    )


def run_ensembles(
    ensembles: Mapping[Key, Task], *, label: str = "", workers: int | None = None
) -> dict[Key, pd.DataFrame]:
    """Run ensembles, and tasks of other kinds, in one pool: their names -> their tables.

    Pieces of ensembles come first, the costliest ones before the others, so that no long one is left over at the end.

    Parameters
    ----------
    ensembles : mapping
    label : str
        What the progress bar is called.
    workers : int, optional
        As in `computing.tasks.run_tasks`.
    """
    pieces: list[tuple[Key, Task]] = []
    for name, task in ensembles.items():
        pieces += [(name, piece) for piece in (task.pieces() if isinstance(task, CircuitsTask) else [task])]
    order = sorted(range(len(pieces)), key=lambda i: -_seconds(pieces[i][1]))
    tables = run_tasks([pieces[i][1] for i in order], workers=workers, label=label)
    found = dict(zip(order, tables, strict=True))
    return {
        name: pd.concat([found[i] for i, piece in enumerate(pieces) if piece[0] == name], ignore_index=True)
        for name in ensembles
    }


def _seconds(task: Task) -> float:
    return task.cost() * task.n_circuits if isinstance(task, CircuitsTask) else math.inf
