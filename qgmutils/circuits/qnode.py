"""The way to PennyLane: the same circuit as a QNode, for its devices and its drawer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgmutils.circuits.circuit import Circuit, require_pair
from qgmutils.losses.energy import Energy

if TYPE_CHECKING:
    import pennylane as qml


def to_qnode(
    circuit: Circuit, loss: Energy, *, device: str = "default.qubit", diff_method: str = "adjoint"
) -> qml.QNode:
    """The same circuit as a PennyLane QNode theta (p,) -> E, for any PennyLane device.

    `qml.draw_mpl(to_qnode(circuit, loss))(theta)` draws it.

    Parameters
    ----------
    circuit : Circuit
    loss : Energy
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
        If these are no circuit and energy of one size, or the device cannot be created (its own message is quoted).
    """
    import pennylane as qml

    require_pair(circuit, loss)
    if not isinstance(loss, Energy):
        raise ValueError(
            f"a QNode measures an Energy, got {type(loss).__name__}; engine.landscape takes any loss"
        )
    wires = range(circuit.n_qubits)
    words = map(_acting, circuit.words())
    gates = list(zip(words, circuit.parameter, circuit.scale, circuit.offset, strict=True))
    state, matrix = circuit.reference.copy(), loss.matrix.copy()  # some devices refuse read-only arrays

    def energy(theta: Any) -> Any:
        qml.StatePrep(state, wires=wires)
        for (letters, on), parameter, scale, offset in gates:
            qml.PauliRot(2 * (scale * theta[parameter] + offset), letters, wires=on)
        return qml.expval(qml.Hermitian(matrix, wires=wires))

    return qml.QNode(energy, make_device(device, circuit.n_qubits), diff_method=diff_method)


def _acting(word: str) -> tuple[str, list[int]]:
    """The letters that act and their wires; all of them where none does, as the gate is a phase then."""
    on = [wire for wire, letter in enumerate(word) if letter != "I"] or list(range(len(word)))
    return "".join(word[wire] for wire in on), on


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
        reason = str(error).rstrip(".")
        raise ValueError(
            f"PennyLane cannot create the device {device!r}: {reason}; {remedy}"
            "device='default.qubit' and 'lightning.qubit' run on any CPU"
        ) from error
