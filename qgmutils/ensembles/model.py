"""A model: circuits that are drawn from a recipe, and the loss that they are trained on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qgmutils.circuits.circuit import Circuit
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.inputs import MAX_SEED, require_integer
from qgmutils.losses.loss import Loss


class CircuitRecipe(Protocol):
    """How circuits of one kind and size are drawn: a frozen dataclass, one of `qgmutils.circuits`."""

    @property
    def n_qubits(self) -> int: ...
    @property
    def n_params(self) -> int: ...
    @property
    def name(self) -> str: ...
    def build(self, rng: np.random.Generator) -> Circuit: ...


class LossRecipe(Protocol):
    """How a loss is made: a frozen dataclass, one of `qgmutils.losses`; a loss is a recipe of itself."""

    @property
    def n_qubits(self) -> int: ...
    def build(self) -> Loss: ...


@dataclass(frozen=True)
class Model:
    """Circuits and a loss of as many qubits.

    Attributes
    ----------
    circuit : CircuitRecipe
        A recipe draws another circuit from every random stream; a `Circuit` is always the same.
    loss : LossRecipe

    Raises
    ------
    ValueError
        If their numbers of qubits differ.
    """

    circuit: CircuitRecipe
    loss: LossRecipe

    def __post_init__(self) -> None:
        for name, home, part in (
            ("circuit", "qgmutils.circuits", self.circuit),
            ("loss", "qgmutils.losses", self.loss),
        ):
            is_circuit = hasattr(part, "n_params")
            if not (
                hasattr(part, "build") and hasattr(part, "n_qubits") and is_circuit == (name == "circuit")
            ):
                raise ValueError(f"{name} must be a recipe of {home}, got {type(part).__name__}")
        if self.circuit.n_qubits != self.loss.n_qubits:
            raise ValueError(f"the circuit has {self.circuit.n_qubits} qubits, the loss {self.loss.n_qubits}")

    @property
    def n_qubits(self) -> int:
        """Number of qubits n."""
        return self.circuit.n_qubits

    @property
    def n_params(self) -> int:
        """Number of angles p."""
        return self.circuit.n_params

    def with_params(self, n_params: int) -> Model:
        """The same model with another number of angles.

        Raises
        ------
        ValueError
            If the circuit is a single one, of which there is no longer or shorter version.
        """
        if isinstance(self.circuit, Circuit):
            raise ValueError(
                "a single circuit cannot have another number of angles; give a recipe of circuits"
            )
        return Model(dataclasses.replace(self.circuit, n_params=n_params), self.loss)  # type: ignore[type-var]

    def plain(self) -> Model:
        """Circuit and loss alone, which is all that a task needs, keeps and is known by in the cache."""
        return Model(self.circuit, self.loss)

    def landscape(
        self, rng: np.random.Generator, *, engine: str = "numba", device: str = "default.qubit"
    ) -> Landscape:
        """The landscape of the circuit that `rng` draws; engine and device as in `engine.landscape`."""
        return landscape(self.circuit.build(rng), self.loss.build(), engine=engine, device=device)


def circuit_stream(seed: int, n_qubits: int, n_params: int, circuit: int) -> np.random.Generator:
    """The random stream of one circuit and its starts.

    It depends on these four numbers alone, not on what was drawn before.  The loss does not enter:
    ensembles that differ in nothing else share their circuits and starts.

    Raises
    ------
    ValueError
        If the seed is no integer from 0 to `MAX_SEED`.
    """
    seed = require_integer(seed, "seed", low=0, high=MAX_SEED)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_qubits, n_params, circuit)))
