"""Synthetic tables for the verdicts of 17_unitary_learning, and what to change for every verdict on every claim."""

from __future__ import annotations

import numpy as np
import pandas as pd
from verdict_changes import Change, Namespace, put, unchanged, wrong


def namespace() -> Namespace:
    """All claims hold."""
    count = np.array([4, 16])
    interval = {"count": count, "p_c": count + 0.5, "low": count + 0.2, "high": count + 0.8}
    dims = {"dim": [2, 4]}
    kinds = {"n_qubits": 3, "phase": [True, False]}
    losses = pd.DataFrame({"loss": np.geomspace(1e-9, 1.0, 100)})
    return {
        "below": losses,
        "below_layers": losses,
        "counts": pd.DataFrame(dims | interval),
        "layer_counts": pd.DataFrame(kinds | interval),
        "deep": pd.DataFrame({**dims, "rank": count, "count": count}),
        "hessian": pd.DataFrame({**kinds, "rank": 63, "count": 63}),
        "metric": pd.DataFrame({**kinds, "rank": 63, "count": 63}),
        "critical": pd.DataFrame({**dims, "exponent": [1.2, 1.3], "error": 0.05}),
        "slopes": pd.DataFrame({**dims, "miss": [0.1, -0.1], "miss_error": 0.05}),
        "edges": pd.DataFrame({**dims, "exponent": [0.5, 0.55], "error": 0.05}),
        "steeper": pd.DataFrame({**dims, "exponent": 2.5, "exponent_at": 1.2, "error": 0.15}),
        "traps": pd.DataFrame({"n_qubits": 3, "loss": [0.25, 0.25], "expected": 0.25}),
        "few": pd.DataFrame({**kinds, "passed": 0, "starts": 50}),
        "many": pd.DataFrame({**kinds, "passed": 50, "starts": 50}),
    }


def prediction(table: str) -> dict[str, Change]:
    """Intervals are 4.2 to 4.8 and 16.2 to 16.8, widened by two."""
    return {
        "reproduced": put(table, count=[4, 18.7]),
        "not reproduced": put(table, count=[4, 19]),
        "inconclusive": put(table, low=[4.2, np.nan]),
    }


def number(table: str, name: str, error: str, bad: float) -> dict[str, Change]:
    """Three standard errors may not exceed 0.75."""
    return {
        "reproduced": unchanged,
        "not reproduced": put(table, **{name: bad}),
        "inconclusive": put(table, **{error: 0.3}),
    }


CHANGES: dict[str, dict[str, Change]] = {
    "fails-below": wrong("below", loss=1e-14),
    "layers-below": wrong("below_layers", loss=1e-14),
    "gue-count": prediction("counts"),
    "layers-count": prediction("layer_counts"),
    "gue-rank": wrong("deep", rank=[4, 15]),
    "layers-rank": wrong("hessian", rank=62),
    "layers-metric": wrong("metric", rank=62),
    "power-law": number("critical", "exponent", "error", 1.8),
    "quadratic": number("slopes", "miss", "miss_error", 0.6),
    "edge": number("edges", "exponent", "error", 1.0),
    "steeper": {
        "reproduced": unchanged,
        "not reproduced": put("steeper", exponent=0.5),
        "inconclusive": put("steeper", exponent=1.3),
    },
    "layers-none": wrong("few", passed=[0, 10]),
    "centre-traps": wrong("traps", loss=[0.25, 0.0]),
    "layers-all": wrong("many", passed=[50, 40]),
}
