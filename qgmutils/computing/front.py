"""The names that `import qgmutils` offers, and the modules that they are taken from when they are first used.

So the import takes a moment, and loads nothing that is not used.  The tables lie here and not in the package's
`__init__`, whose code belongs to every stored result; `code` follows the names to their modules.
"""

from __future__ import annotations

import importlib
from typing import Any

PACKAGE = __name__.partition(".")[0]

# A module must not be called as something else that is offered: importing it, from wherever, would take that name.
_MODULES = ("circuits", "losses", "losses.hamiltonians")
_MEMBERS = {
    "circuits": "Circuit random_circuit to_qnode",
    "losses.born_machine": "BornMachine",
    "losses.error_probability": "ErrorProbability",
    "losses.fidelity": "Fidelity",
    "losses.least_squares": "LeastSquares",
    "losses.loss": "Loss",
    "losses.max_cut": "MaxCut",
    "losses.unitary": "UnitaryDistance",
    "losses.energy": "Energy",
    "losses.hamiltonians": "Hamiltonian fermi_hubbard from_matrix from_observable gue projector spinless_fermi_hubbard "
    "tfim xxz",
    "engine": "landscape",
    "ensembles.model": "Model",
    "ensembles.results": "critical_count train",
    "qnodes.model": "from_qnode",
    "diagnosis.questions": "compare diagnose",
}

PLACES = {module.rpartition(".")[2]: f"{PACKAGE}.{module}" for module in _MODULES}
"""The module by name: the one of that name, or one that has it."""
PLACES |= {name: f"{PACKAGE}.{module}" for module, names in _MEMBERS.items() for name in names.split()}


def find(name: str) -> Any:
    """What the package offers under a name.

    Raises
    ------
    AttributeError
        It offers nothing of that name.
    """
    if name not in PLACES:
        raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
    module = importlib.import_module(PLACES[name])
    return module if module.__name__.endswith(f".{name}") else getattr(module, name)
