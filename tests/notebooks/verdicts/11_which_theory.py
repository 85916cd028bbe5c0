"""Synthetic tables for the verdicts of 11_which_theory, and what to change for every verdict on every claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from verdict_changes import unchanged

Namespace = dict[str, Any]
Change = Callable[[Namespace], None]


def namespace() -> Namespace:
    """All claims hold; trained minima have a mean of 0.5."""
    predicted = {"field, m": 0.54, "finite dimension": 0.48, "edge": 0.5, "finite-size edge": 0.5}
    rows = [("tfim", 4, p, theory, energy) for p in (4, 8, 32) for theory, energy in predicted.items()]
    scores = pd.DataFrame(rows, columns=["hamiltonian", "n_qubits", "n_params", "theory", "predicted"])
    # Beyond 2^n theories may be wrong.
    scores.loc[scores["n_params"] == 32, "predicted"] = 2.0
    return {"scores": scores.assign(found=0.5, ratio=2 * scores["predicted"], ratio_stderr=0.01)}


def predicted(theory: str, value: float, error: float = 0.01) -> Change:
    def change(variables: Namespace) -> None:
        table = variables["scores"]
        table.loc[table["theory"] == theory, ["predicted", "ratio", "ratio_stderr"]] = [
            value,
            2 * value,
            error,
        ]

    return change


def closer_to_the_field(variables: Namespace) -> None:
    predicted("field, m", 0.5)(variables)
    predicted("finite dimension", 0.4)(variables)


def trained(theory: str) -> dict[str, Change]:
    return {
        "reproduced": predicted(theory, 0.52),
        "not reproduced": predicted(theory, 0.6),
        "inconclusive": predicted(theory, 0.6, 0.1),
    }


CHANGES: dict[str, dict[str, Change]] = {
    "closer-than-field": {
        "reproduced": unchanged,
        "not reproduced": closer_to_the_field,
        "inconclusive": predicted("field, m", np.nan),
    },
    "field-trained": trained("field, m"),
    "edge-energy": trained("edge"),
    "pushed-energy": trained("finite-size edge") | {"inconclusive": predicted("finite-size edge", np.nan)},
}
