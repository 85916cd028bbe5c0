"""Samples side by side: M states of n qubits in one state of more, whose other qubits say which sample it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from qgmutils.losses.loss import Array, Loss, States


@dataclass(frozen=True, eq=False)
class Blocks(Loss):
    """A loss of M states psi_m as one of the state sum_m |m> |psi_m> / sqrt(M) (derived).

    It stands for M circuits that differ in fixed angles: together they are one circuit that does not mix the blocks.

    Attributes
    ----------
    loss : Loss
        Of n qubits, with M inputs.
    n_qubits : int
        n and the ceil(log2 M) qubits of m, which are the most significant ones.
    name : str
        That of the loss.
    """

    loss: Loss
    n_qubits: int = dataclasses.field(init=False)
    name: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if self.loss.inputs is None:
            raise ValueError(
                f"the loss of blocks needs inputs, one for each block, got {self.loss.name} without"
            )
        more = (len(self.loss.inputs) - 1).bit_length()
        object.__setattr__(self, "n_qubits", self.loss.n_qubits + more)  # the class is frozen
        for name in ("name", "floor", "solved", "scale", "first_gap", "unit", "phase_sensitive"):
            object.__setattr__(self, name, getattr(self.loss, name))

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """L (B,) and sqrt(M) lambda_m in block m of (B, 1, N)."""
        values, cotangents = self.loss.value_and_cotangent(self.split(states[:, 0]))
        count, dim = cotangents.shape[1:]
        whole = np.zeros((len(states), self.dim // dim, dim), dtype=np.complex128)
        whole[:, :count] = np.sqrt(count) * cotangents
        return values, whole.reshape(states.shape)

    def curvature(self, states: States, tangents: States) -> Array:
        """That of the loss, along the blocks of the tangents."""
        return self.loss.curvature(self.split(states)[0], self.split(tangents[:, 0]))

    def split(self, states: States) -> States:
        """psi_m (..., M, n's dimension) of states (..., N)."""
        assert self.loss.inputs is not None
        count, dim = self.loss.inputs.shape
        return np.sqrt(count) * states.reshape(*states.shape[:-1], -1, dim)[..., :count, :]
