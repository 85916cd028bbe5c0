"""The ansatz as data, recipes that build it, and its way to PennyLane."""

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.brickwork import Brickwork
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.conserving import Conserving, spin_groups
from qgmutils.circuits.diagonal import Diagonal
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.named import ANSATZE
from qgmutils.circuits.qaoa import Qaoa
from qgmutils.circuits.qnode import make_device, to_qnode
from qgmutils.circuits.randomised import Randomised, random_circuit
from qgmutils.circuits.reference_states import REFERENCE_STATES, haar_state, reference, stabilizer_state
from qgmutils.circuits.restricted import Commutant, Restricted
from qgmutils.circuits.variational import HamiltonianVariational

__all__ = [
    "ANSATZE",
    "REFERENCE_STATES",
    "Ansatz",
    "Brickwork",
    "Circuit",
    "Commutant",
    "Conserving",
    "Diagonal",
    "HamiltonianVariational",
    "HardwareEfficient",
    "Qaoa",
    "Randomised",
    "Restricted",
    "haar_state",
    "make_device",
    "random_circuit",
    "reference",
    "spin_groups",
    "stabilizer_state",
    "to_qnode",
]
