"""Counts of a few indices, joint tests of two ensembles of fields, and the approach to the threshold at two gammas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

Namespace = dict[str, Any]


def namespace() -> Namespace:
    return {
        "counts": pd.DataFrame({"fields": [200, 200, 4], "z": [0.5, -2.9, 9.0]}),
        "tests": pd.DataFrame({"fields": [1000, 4], "complete": [1000, 4], "joint_p": [0.4, float("nan")]}),
        "approach": pd.DataFrame(
            {"gamma": [0.1, 0.4], "above": [0.1, 0.05], "exponent": [-0.4, -0.5], "error": [0.01, 0.02]}
        ),
    }


def put(table: str, column: str, row: int, value: float) -> Callable[[Namespace], None]:
    return lambda variables: variables[table].__setitem__(
        column, variables[table][column].where(variables[table].index != row, value)
    )


YES, NO, OPEN = "reproduced", "not reproduced", "inconclusive"
CHANGES = {
    "counts-of-every-index": {
        YES: put("counts", "z", 1, 2.99),
        NO: put("tests", "joint_p", 0, 9e-5),
        OPEN: put("counts", "z", 1, 4.4),
    },
    "enumeration-complete": {
        YES: put("tests", "complete", 0, 999),
        NO: put("tests", "complete", 0, 980),
        OPEN: put("tests", "complete", 0, 990),
    },
    "minima-concentrate-at-threshold": {
        YES: put("approach", "exponent", 0, -0.36),
        NO: put("approach", "above", 1, -0.01),
        OPEN: put("approach", "exponent", 1, float("nan")),
    },
}
