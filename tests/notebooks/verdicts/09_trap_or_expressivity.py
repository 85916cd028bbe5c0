"""Synthetic tables for the verdicts of 09_trap_or_expressivity, and what to change for every verdict on every claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from verdict_changes import unchanged

Namespace = dict[str, Any]
Change = Callable[[Namespace], None]


def with_ends(**values: tuple[float, float]) -> dict[str, float]:
    """Estimates and the half-widths of their intervals."""
    columns = {}
    for name, (value, half) in values.items():
        columns |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
    return columns


def namespace() -> Namespace:
    """All claims hold: p/p_c = 0.2, 0.5 and 0.8 at n = 4."""
    common = {"n_qubits": 4, "circuits": 20, "settled": 1.0, "one": 0.4, "below_least": 0}
    rows = [
        (
            6,
            0.2,
            {"lowest": (0.4, 0.01), "share": (0.1, 0.01), "trap": (0.04, 0.002), "near": (0.005, 0.002)},
        ),
        (15, 0.5, {"lowest": (0.4, 0.01), "share": (0.5, 0.01), "trap": (0.10, 0.005), "near": (0.2, 0.02)}),
        (24, 0.8, {"lowest": (0.4, 0.01), "share": (0.9, 0.01), "trap": (0.02, 0.002), "near": (0.2, 0.02)}),
    ]
    gaps = [common | {"n_params": p, "fraction": f} | with_ends(**values) for p, f, values in rows]
    minima = {"settled": [True] * 30 + [False], "same": [True] * 30 + [False]}
    return {"gaps": pd.DataFrame(gaps), "minima": pd.DataFrame(minima)}


def gap(row: int, **values: tuple[float, float]) -> Change:
    def change(variables: Namespace) -> None:
        for column, value in with_ends(**values).items():
            variables["gaps"].loc[row, column] = value

    return change


def setting(name: str, column: str, value: object) -> Change:
    def change(variables: Namespace) -> None:
        variables[name][column] = value

    return change


def nothing(name: str) -> Change:
    """An empty selection."""

    def change(variables: Namespace) -> None:
        variables[name] = variables[name].iloc[:0]

    return change


def one_missed(variables: Namespace) -> None:
    variables["minima"].loc[0, "same"] = False


CHANGES: dict[str, dict[str, Change]] = {
    "settled-is-global": {
        "reproduced": unchanged,
        "not reproduced": one_missed,
        "inconclusive": setting("minima", "settled", False),
    },
    # The interval of 6 of 60 circuits reaches down to 0.04, that of 8 to 0.06.
    "first-moment": {
        "reproduced": setting("gaps", "below_least", [3, 0, 3]),
        "not reproduced": setting("gaps", "below_least", [2, 4, 2]),
        "inconclusive": setting("gaps", "one", np.nan),
    },
    "annealed-estimate": {
        "reproduced": gap(1, lowest=(0.45, 0.02)),
        "not reproduced": gap(1, lowest=(0.45, 0.005)),
        "inconclusive": nothing("gaps"),
    },
    "far-from-own-optimum": {
        "reproduced": unchanged,
        "not reproduced": gap(0, near=(0.02, 0.005)),
        "inconclusive": gap(0, near=(0.02, 0.015)),
    },
    "trap-share-grows": {
        "reproduced": gap(2, share=(0.55, 0.04)),
        "not reproduced": gap(2, share=(0.45, 0.04)),
        "inconclusive": gap(2, share=(0.55, 0.06)),
    },
    "trap-vanishes": {
        "reproduced": gap(2, trap=(0.04, 0.002)),
        "not reproduced": gap(0, trap=(0.2, 0.005)),
        "inconclusive": gap(2, trap=(0.05, 0.01)),
    },
}
