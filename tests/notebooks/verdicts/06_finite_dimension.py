"""Synthetic tables for the verdicts of 06_finite_dimension, and what to change for every verdict on every claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from qgmutils.beyond.edge_samples import EdgeFit

Namespace = dict[str, Any]
Change = Callable[[Namespace], None]


def namespace() -> Namespace:
    """All claims hold."""
    enumerated = pd.DataFrame(
        [
            {
                "hamiltonian": "tfim",
                "n_qubits": n,
                "n_params": 4,
                "generators": generators,
                "minima": 4.0,
                "minima_stderr": 0.1,
                "mean": 0.5,
                "mean_stderr": 0.005,
                "theory_minima_stderr": 0.0,
                "theory_mean_stderr": 0.0,
                "ratio_minima": 1.0,
                "ratio_mean": 1.0,
                "z_minima": 0.0,
                "z_mean": 0.0,
            }
            for n in (4, 5)
            for generators in ("pauli", "haar")
        ]
    )
    predicted = {"field, m": 0.54, "finite dimension": 0.48, "edge": 0.5, "pushed edge": 0.5}
    scores = pd.DataFrame(
        [
            {
                "hamiltonian": "tfim",
                "n_qubits": 4,
                "n_params": p,
                "theory": theory,
                "predicted": energy,
                "predicted_stderr": 0.0,
                "found": 0.5,
                "found_stderr": 0.005,
            }
            for p in (4, 8)
            for theory, energy in predicted.items()
        ]
    )
    fits = {"bell": EdgeFit(0.66, 0.02, 0.0, 0.001), "semicircle": EdgeFit(0.66, 0.02, 0.001, 0.001)}
    free = {law: EdgeFit(0.3, 0.02, 0.1, 0.001) for law in fits}
    return {"enumerated": enumerated, "scores": scores, "fits": fits, "free": free}


def enumerated(column: str, value: float, *, generators: str = "pauli") -> Change:
    def change(variables: Namespace) -> None:
        table = variables["enumerated"]
        table.loc[(table["generators"] == generators) & (table["n_qubits"] == 5), column] = value

    return change


def predicted(theory: str, value: float) -> Change:
    def change(variables: Namespace) -> None:
        table = variables["scores"]
        table.loc[table["theory"] == theory, "predicted"] = value

    return change


def fit(name: str, **numbers: float) -> Change:
    def change(variables: Namespace) -> None:
        variables[name]["bell"] = EdgeFit(**(vars(variables[name]["bell"]) | numbers))

    return change


def nothing(name: str) -> Change:
    """An empty selection."""

    def change(variables: Namespace) -> None:
        variables[name] = variables[name].iloc[:0]

    return change


def unchanged(variables: Namespace) -> None:
    pass


def missed_by_luck(variables: Namespace) -> None:
    """A mean that is 3.5 % off, with an error of 1.4 %."""
    enumerated("ratio_mean", 1.035)(variables)
    enumerated("mean_stderr", 0.007)(variables)


def closer_to_the_field(variables: Namespace) -> None:
    predicted("field, m", 0.5)(variables)
    predicted("finite dimension", 0.4)(variables)


def wrong_within_error(theory: str) -> Change:
    """20 % off, with errors of 10 %."""

    def change(variables: Namespace) -> None:
        predicted(theory, 0.6)(variables)
        variables["scores"]["found_stderr"] = 0.05

    return change


def trained(theory: str) -> dict[str, Change]:
    return {
        "reproduced": predicted(theory, 0.52),
        "not reproduced": predicted(theory, 0.6),
        "inconclusive": wrong_within_error(theory),
    }


# 4.0 ± 0.1 minima and a mean of 0.5 ± 0.005: relative errors of 2.5 and 1 %.
CHANGES: dict[str, dict[str, Change]] = {
    "all-minima-mean": {
        "reproduced": enumerated("ratio_mean", 1.025),
        "not reproduced": enumerated("ratio_mean", 1.035),
        "inconclusive": missed_by_luck,
    },
    "all-minima-count": {
        "reproduced": enumerated("ratio_minima", 1.09),
        "not reproduced": enumerated("ratio_minima", 1.11),
        "inconclusive": nothing("enumerated"),
    },
    "haar-exact": {
        "reproduced": enumerated("z_mean", -2.9, generators="haar"),
        "not reproduced": enumerated("z_mean", -3.1, generators="haar"),
        "inconclusive": enumerated("z_minima", np.nan, generators="haar"),
    },
    "closer-than-field": {
        "reproduced": unchanged,
        "not reproduced": closer_to_the_field,
        "inconclusive": predicted("field, m", np.nan),
    },
    "field-trained": trained("field, m"),
    "finite-trained": trained("finite dimension"),
    "edge": {
        "reproduced": fit("fits", limit=-0.0019),
        "not reproduced": fit("fits", limit=-0.0031),
        "inconclusive": fit("fits", limit=-0.0021),
    },
    "free-convolution": {
        "reproduced": fit("free", limit=-0.0031),
        "not reproduced": fit("free", limit=-0.0009),
        "inconclusive": fit("free", limit=-0.0029),
    },
    "edge-energy": trained("edge"),
    "pushed-energy": trained("pushed edge") | {"inconclusive": nothing("scores")},
}
