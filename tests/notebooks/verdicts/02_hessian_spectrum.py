"""Gaps between spectra, misses of the index, excesses along the gradient, and ratios of widths."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pandas as pd

Namespace = dict[str, Any]
NAN = float("nan")


def namespace() -> Namespace:
    points = pd.MultiIndex.from_product([["main", "contrast"], ["random", "graded", "minimum"]])
    main = SimpleNamespace(name="rank-16 projector", dim=256, effective_rank=16.0)
    return {
        "name_here": "02_hessian_spectrum",
        "built": {"main": main, "contrast": SimpleNamespace(name="TFIM ring")},
        "sizes": {"main": ("projector", {}, 8, 16), "contrast": ("tfim", {}, 6, 32)},
        "summary": pd.DataFrame({"gap whrf": 0.02, "se whrf": 0.003}, index=points),
        "index": {"main": pd.DataFrame({"miss": [0.01, -0.01], "miss_se": 0.002})},
        "excess": pd.DataFrame(
            {"observed": [0.93, 0.05, 1.0, -0.2], "s.e.": 0.02, "theory": [0.94, 0.0, 1.0, -0.2]}
        ),
        "ratios": pd.Series({"whrf": 1.7, "tangent": 1.02}),
        "ratio_error": 0.01,
    }


def gap(kind: str, value: float) -> Callable[[Namespace], None]:
    return lambda variables: variables["summary"].__setitem__(
        "gap whrf",
        variables["summary"]["gap whrf"].where(variables["summary"].index != ("main", kind), value),
    )


def column(table: str, name: str, values: list[float]) -> Callable[[Namespace], None]:
    return lambda variables: variables[table].__setitem__(name, values)


def miss(values: list[float]) -> Callable[[Namespace], None]:
    return lambda variables: variables["index"].__setitem__(
        "main", pd.DataFrame({"miss": values, "miss_se": 0.002})
    )


def ratio(theory: str, value: float) -> Callable[[Namespace], None]:
    return lambda variables: variables["ratios"].__setitem__(theory, value)


YES, NO, OPEN = "reproduced", "not reproduced", "inconclusive"
# The tolerances are 16/256 + 5 s.e. for the field's claims, and 4/256 + 5 s.e. for the excess.
CHANGES = {
    "02.random_spectrum": {YES: gap("random", 0.077), NO: gap("random", 0.078), OPEN: gap("random", NAN)},
    "02.minima_spectrum": {YES: gap("minimum", 0.077), NO: gap("minimum", 0.078), OPEN: gap("minimum", NAN)},
    "02.index": {YES: miss([0.0, -0.072]), NO: miss([0.0, -0.073]), OPEN: miss([])},
    "02.gradient_direction": {
        YES: column("excess", "observed", [0.93, 0.11, 1.0, -0.2]),
        NO: column("excess", "observed", [0.93, 0.05, 1.0, 0.0]),
        OPEN: column("excess", "observed", [0.93, NAN, 1.0, -0.2]),
    },
    "02.tangent_spectrum": {
        YES: ratio("tangent", 0.86),
        NO: ratio("tangent", 0.84),
        OPEN: ratio("whrf", 1.12),
    },
}
