"""Synthetic tables for the verdicts of 06_finite_dimension, and what to change for every verdict on every claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Namespace = dict[str, Any]
Change = Callable[[Namespace], None]


def namespace() -> Namespace:
    """All claims hold."""
    rows = [("tfim", n, 4, generators) for n in (4, 5) for generators in ("pauli", "haar")]
    enumerated = pd.DataFrame(rows, columns=["hamiltonian", "n_qubits", "n_params", "generators"])
    enumerated = enumerated.assign(ratio_minima=1.0, ratio_mean=1.0, z_minima=0.0, z_mean=0.0)
    enumerated = enumerated.assign(ratio_minima_stderr=0.025, ratio_mean_stderr=0.01)
    scores = pd.DataFrame({"hamiltonian": "tfim", "n_qubits": 4, "n_params": [4, 8, 16, 32], "ratio": 1.04})
    # Beyond 2^n a theory may say anything, and where minima are ground states it says nothing.
    scores.loc[2:, "ratio"] = [np.nan, 5.0]
    return {"enumerated": enumerated, "scores": scores.assign(ratio_stderr=0.01)}


def enumerated(column: str, value: float, *, generators: str = "pauli") -> Change:
    def change(variables: Namespace) -> None:
        table = variables["enumerated"]
        table.loc[(table["generators"] == generators) & (table["n_qubits"] == 5), column] = value

    return change


def trained(ratio: float, error: float = 0.01) -> Change:
    def change(variables: Namespace) -> None:
        variables["scores"].loc[0, ["ratio", "ratio_stderr"]] = [ratio, error]

    return change


def nothing(variables: Namespace) -> None:
    variables["enumerated"] = variables["enumerated"].iloc[:0]


def missed_by_luck(variables: Namespace) -> None:
    """A mean that is 3.5 % off, with an error of 1.4 %."""
    enumerated("ratio_mean", 1.035)(variables)
    enumerated("ratio_mean_stderr", 0.014)(variables)


CHANGES: dict[str, dict[str, Change]] = {
    "all-minima-mean": {
        "reproduced": enumerated("ratio_mean", 1.025),
        "not reproduced": enumerated("ratio_mean", 1.035),
        "inconclusive": missed_by_luck,
    },
    "all-minima-count": {
        "reproduced": enumerated("ratio_minima", 1.09),
        "not reproduced": enumerated("ratio_minima", 1.11),
        "inconclusive": nothing,
    },
    "haar-exact": {
        "reproduced": enumerated("z_mean", -2.9, generators="haar"),
        "not reproduced": enumerated("z_mean", -3.1, generators="haar"),
        "inconclusive": enumerated("z_minima", np.nan, generators="haar"),
    },
    "finite-trained": {
        "reproduced": trained(0.91),
        "not reproduced": trained(1.2),
        "inconclusive": trained(1.2, 0.1),
    },
}
