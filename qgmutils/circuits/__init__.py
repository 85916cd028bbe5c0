"""The ansatz as data, its builders, and its way to PennyLane."""

from qgmutils.circuits.circuit import (
    MAX_GATES,
    REFERENCE_STATES,
    Circuit,
    haar_state,
    make_device,
    random_circuit,
    reference,
    require_pair,
    stabilizer_state,
    to_qnode,
)

__all__ = [
    "MAX_GATES",
    "REFERENCE_STATES",
    "Circuit",
    "haar_state",
    "make_device",
    "random_circuit",
    "reference",
    "require_pair",
    "stabilizer_state",
    "to_qnode",
]
