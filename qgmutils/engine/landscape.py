"""One interface to the loss landscape of a circuit, and the engines behind it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.circuits.circuit import Circuit
from qgmutils.engine.compiled import NumbaLandscape
from qgmutils.engine.cuda import CudaLandscape
from qgmutils.engine.pennylane import PennylaneLandscape
from qgmutils.inputs import require_choice
from qgmutils.losses.loss import Loss, States

Array = NDArray[np.float64]


class Landscape(Protocol):
    """The loss of a batch of B starts of one circuit.

    Every method takes theta, shape (B, p), in radians, B >= 0, and raises ValueError for another shape or for
    entries that are not finite.  Angles may be of any size: those of gates, scale * theta + offset in double precision,
    are reduced exactly.
    """

    @property
    def circuit(self) -> Circuit:
        """The ansatz."""
        ...

    @property
    def loss(self) -> Loss:
        """What is minimised, L."""
        ...

    def value(self, theta: ArrayLike) -> Array:
        """L (B,)."""
        ...

    def value_and_gradient(self, theta: ArrayLike) -> tuple[Array, Array]:
        """L (B,) and dL/dtheta (B, p)."""
        ...

    def states(self, theta: ArrayLike) -> States:
        """Final states (B, N), or (B, M, N) where the loss has M inputs.

        A start's states lack a phase that they have in common, unless the loss depends on it.
        """
        ...

    def hessian(self, theta: ArrayLike) -> Array:
        """d2L/dtheta2 (B, p, p)."""
        ...

    def quantum_fisher(self, theta: ArrayLike) -> Array:
        """Fubini-Study metric sum_m Re(<d_i m|d_j m> - <d_i m|m><m|d_j m>), 1/4 of the Fisher matrix (B, p, p).

        The sum is over a start's final states |m>: it is the metric of their product |1> ... |M> (derived), which does
        not see a phase of any of them, whether the loss depends on one or not.
        """
        ...


ENGINES = ("numba", "cuda", "pennylane")


def landscape(
    circuit: Circuit, loss: Loss, *, engine: str = "numba", device: str = "default.qubit"
) -> Landscape:
    """The loss landscape of `circuit` for `loss`.

    Parameters
    ----------
    circuit : Circuit
    loss : Loss
        Of as many qubits.
    engine : {"numba", "cuda", "pennylane"}
        Compiled kernels on the CPU or, for an `Energy`, on an NVIDIA GPU; or PennyLane on `device`.
    device : str
        PennyLane device, e.g. "default.qubit", "lightning.qubit" or "lightning.gpu"; for engine="pennylane"
        only.

    Returns
    -------
    Landscape

    Raises
    ------
    ValueError
        For an unknown engine, anything else than a circuit and a loss, sizes that differ, inputs that are no states, a
        device that PennyLane cannot create, or engine="cuda" for another loss than an `Energy` or without a GPU that
        numba can use.
    """
    require_choice(engine, "engine", ENGINES)
    if engine == "pennylane":
        return PennylaneLandscape(circuit, loss, device)
    if device != "default.qubit":
        raise ValueError(f"device={device!r} needs engine='pennylane', got engine={engine!r}")
    return CudaLandscape(circuit, loss) if engine == "cuda" else NumbaLandscape(circuit, loss)
