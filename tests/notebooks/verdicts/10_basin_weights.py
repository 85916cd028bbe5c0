"""Weights of two cases, gaps at two numbers of angles, and limits at two fractions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

Namespace = dict[str, Any]
NAN = float("nan")


def namespace() -> Namespace:
    weights = pd.DataFrame({"hamiltonian": "TFIM ring", "n_qubits": 4, "n_params": [3, 5]})
    for name, value, low, high in (
        ("slope", [-6.0, -5.0], [-9.0, -7.0], [-4.0, -3.0]),
        ("basin_ratio", [0.97, 0.94], [0.94, 0.9], [1.01, 0.97]),
        ("optimiser_ratio", [0.997, 0.998], [0.994, 0.996], [0.999, 1.0]),
        ("joint_log_det", [NAN, -0.4], [NAN, -0.6], [NAN, -0.2]),
    ):
        weights[name], weights[f"{name}_low"], weights[f"{name}_high"] = value, low, high
    means = pd.DataFrame({"n_params": [6, 10, 22], "gap": [0.1, 0.2, 0.4], "gap_error": [0.03, 0.03, 0.04]})
    limits = pd.DataFrame({"fraction": [0.25, 1.0], "value": 0.8, "value_low": 0.6, "value_high": 0.9})
    from_edge = pd.DataFrame({"fraction": [0.25, 1.0], "value": 0.0, "value_low": -0.03, "value_high": 0.03})
    return {
        "weights": weights,
        "means": means,
        "remains": limits,
        "from_edge": from_edge,
    }


def row(table: str, number: int, **values: float) -> Callable[[Namespace], None]:
    def change(variables: Namespace) -> None:
        variables[table].loc[number, list(values)] = list(values.values())

    return change


def rows(table: str, count: int) -> Callable[[Namespace], None]:
    return lambda variables: variables.__setitem__(table, variables[table].head(count))


YES, NO, OPEN = "reproduced", "not reproduced", "inconclusive"
CHANGES = {
    "low-minima-large-basins": {
        YES: row("weights", 0, slope_high=-0.1),
        NO: row("weights", 0, slope=1, slope_low=0.1, slope_high=2),
        OPEN: row("weights", 1, slope_high=0.1),
    },
    "trained-below-all": {
        YES: row("weights", 1, basin_ratio_high=0.999),
        NO: row("weights", 1, basin_ratio=1.1, basin_ratio_low=1.01, basin_ratio_high=1.2),
        OPEN: row("weights", 1, basin_ratio_high=1.01),
    },
    "gradient-flow": {
        YES: row("weights", 0, optimiser_ratio=0.991),
        NO: row("weights", 0, optimiser_ratio=0.989),
        OPEN: row("weights", 0, optimiser_ratio=0.983, optimiser_ratio_low=0.963, optimiser_ratio_high=1.0),
    },
    "quadratic-wells": {
        YES: row("weights", 1, joint_log_det_high=-0.01),
        NO: row("weights", 1, joint_log_det_low=-0.49),
        OPEN: row("weights", 1, joint_log_det_high=0.01),
    },
    "gap-grows": {
        YES: row("means", 2, gap=0.26),
        NO: row("means", 2, gap=-0.06),
        OPEN: rows("means", 1),
    },
    "most-remains": {
        YES: row("remains", 1, value_low=0.51),
        NO: row("remains", 1, value=0.3, value_low=0.1, value_high=0.49),
        OPEN: row("remains", 1, value_low=0.49),
    },
    "approach-edge": {
        YES: row("from_edge", 1, value_low=-0.001),
        NO: row("from_edge", 1, value_low=0.001),
        OPEN: row("from_edge", 1, value_low=-0.08),
    },
}
