"""Tables for the verdicts of 16_hamiltonian_variational, and what to change for every verdict on every claim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from verdict_changes import Change, Namespace, put, replace, unchanged, wrong


def cases(**columns: Any) -> pd.DataFrame:
    """Two sizes of a chain."""
    return pd.DataFrame({"chain": "Ising open", "n_qubits": [4, 6], **columns})


def namespace() -> Namespace:
    """All claims hold."""
    count = np.array([8, 18])
    interval = {"p_c": count + 0.5, "low": count + 0.2, "high": count + 0.8}
    algebras = [("Ising open", 4, 16, 16), ("Ising ring", 4, 11, 11)]
    return {
        "algebras": pd.DataFrame(algebras, columns=["chain", "n_qubits", "found", "published"]),
        "deep": cases(metric=count, dimension=count, rank=count, equations=count),
        "below": pd.DataFrame({"loss": np.geomspace(1e-9, 1.0, 100)}),
        "counts": cases(first=count, **interval),
        "squares": cases(square=count, **interval),
        "enough": cases(other=1.0),
        "ring": cases(share=1.0),
        "later": cases(gap=[0.5, 0.6], error=0.1),
        "faster": cases(gap=[0.5, 0.6], error=0.1),
        "softer": cases(decades=[1.5, 2.0], error=0.2),
        "law": pd.DataFrame(
            {
                "chain": ["Ising open", "Ising ring"],
                "exponent": [2.1, 1.0],
                "error": 0.1,
                "expected": [2.0, 1.0],
            }
        ),
        "loose": pd.DataFrame({"loss": np.repeat([1e-4, 1e-2], 20)}),
        "neel": pd.Series(0.2 + np.geomspace(1e-16, 1.0, 100)),
    }


def prediction(table: str, name: str) -> dict[str, Change]:
    """Intervals are 8.2 to 8.8 and 18.2 to 18.8, widened by two."""
    return {
        "reproduced": put(table, **{name: [8, 20.7]}),
        "not reproduced": put(table, **{name: [8, 21]}),
        "inconclusive": put(table, low=[8.2, np.nan]),
    }


def difference(table: str, name: str) -> dict[str, Change]:
    """Three standard errors of a difference."""
    return {
        "reproduced": unchanged,
        "not reproduced": put(table, **{name: [0.5, -0.1], "error": 0.01}),
        "inconclusive": put(table, **{name: [1.5, 0.1], "error": 0.1}),
    }


CHANGES: dict[str, dict[str, Change]] = {
    "dla-open": wrong("algebras", found=[15, 11]),
    "dla-ring": wrong("algebras", found=[16, 12]),
    "metric-rank": wrong("deep", metric=[8, 17]),
    "hessian-rank": wrong("deep", rank=[8, 17]),
    "none-below": wrong("below", loss=1e-14),
    "half-at-count": prediction("counts", "first"),
    "half-at-n2": prediction("squares", "square"),
    "all-at-n2": wrong("enough", other=[1.0, 0.96]),
    "ring-all": wrong("ring", share=[1.0, 0.96]),
    "adam-later": difference("later", "gap"),
    "rate-moves": difference("faster", "gap"),
    "softest-rises": difference("softer", "decades"),
    "growth": {
        "reproduced": unchanged,
        "not reproduced": put("law", exponent=[3.0, 1.0]),
        "inconclusive": put("law", error=0.3),
    },
    "loose-bound": {
        "reproduced": unchanged,
        "not reproduced": put("loose", loss=1e-2),
        "inconclusive": put("loose", loss=np.repeat([1e-4, 1e-2], [5, 35])),
    },
    "two-sectors": {
        "reproduced": unchanged,
        "not reproduced": replace(neel=np.geomspace(1e-16, 1.0, 100)),
        "inconclusive": replace(neel=pd.Series(dtype=float)),
    },
}
