"""The ansatzes that docs/other_ansatz.md compares, by the names under which tables know them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.brickwork import Brickwork
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.randomised import Randomised

ANSATZE: dict[str, Callable[..., Ansatz]] = {
    "randomised": Randomised,
    "shared 2": partial(Randomised, gates_per_angle=2),
    "shared 4": partial(Randomised, gates_per_angle=4),
    "hardware chain": HardwareEfficient,
    "brickwork": Brickwork,
    "real": partial(HardwareEfficient, rotations="Y", entangler="bricks"),
    "hardware ring": partial(HardwareEfficient, entangler="ring"),
    "matchgate": partial(HardwareEfficient, rotations="Y", entangler="chain"),
}
"""Name to recipe, as a function of n_qubits, n_params and, by keyword, reference_state."""
