"""Tables of notebook 07 that give each of its claims each verdict."""

import numpy as np
import pandas as pd
from verdict_changes import empty, put, replace, unchanged


def counts(**columns):
    """Three cases at n = 4 with p_c at the dimension count, within half a parameter."""
    count = np.array([28, 24, 16])
    table = pd.DataFrame({"n_qubits": 4, "degeneracy": [2, 4, 8], "field_count": count + 1.0})
    return table.assign(dimension_count=count, p_c=count + 0.0, low=count - 0.5, high=count + 0.5, **columns)


def shares(share, size):
    return pd.DataFrame({"rank": [1, 2], "share": share, "low": share - size, "high": share + size})


def namespace():
    return {
        "below": pd.DataFrame({"loss": np.geomspace(1e-9, 1.0, 500)}),
        "exponent": 0.48,
        "error": 0.05,
        "number": 100,
        "at": shares(0.4, 0.1),
        "beyond": shares(0.95, 0.05),
        "free": counts(),
        "restricted": counts(),
        "degenerate": counts(),
        "pairs": pd.DataFrame(
            {"gap": [0.2, 1.0], "error": 0.3, "field_count": [16.0, 32.0], "field_count_pareto": 4.0}
        ),
        "final": pd.DataFrame({"mean": [30.0, 15.0], "dimension": [30, 15]}),
    }


def prediction(table, name):
    """The intervals reach half a parameter and the margin two to either side."""
    return {
        "reproduced": put(table, **{name: [30.5, 21.5, 16.0]}),
        "not reproduced": put(table, **{name: [30.6, 21.5, 16.0]}),
        "inconclusive": put(table, high=[28.5, 24.5, np.nan]),
    }


CHANGES = {
    "none-below": {
        "reproduced": unchanged,
        "not reproduced": put("below", loss=np.geomspace(1e-14, 1.0, 500)),
        "inconclusive": empty("below"),
    },
    "near-misses": {
        "reproduced": unchanged,
        "not reproduced": replace(exponent=1.0),
        "inconclusive": replace(exponent=0.9, error=0.2),
    },
    "some-at-count": {
        "reproduced": unchanged,
        "not reproduced": put("at", share=[0.4, 0.0], low=[0.3, 0.0], high=[0.5, 0.09]),
        "inconclusive": put("at", share=[0.4, 0.0], low=[0.3, 0.0], high=[0.5, 0.28]),
    },
    "most-beyond": {
        "reproduced": unchanged,
        "not reproduced": put("beyond", share=[0.9, 0.3], low=[0.8, 0.2], high=[1.0, 0.4]),
        "inconclusive": put("beyond", share=[0.9, 0.55], low=[0.8, 0.4], high=[1.0, 0.7]),
    },
    "dimension-count": prediction("free", "dimension_count"),
    "field-count": prediction("free", "field_count"),
    "levels-do-not-matter": {
        "reproduced": unchanged,
        "not reproduced": put("pairs", gap=[0.2, 3.0]),
        "inconclusive": put("pairs", gap=[0.2, 1.5]),
    },
    "rank-saturates": {
        "reproduced": unchanged,
        "not reproduced": put("final", mean=[30.0, 14.9]),
        "inconclusive": put("final", mean=[30.0, np.nan]),
    },
    "degenerate-below-rank": {
        "reproduced": unchanged,
        "not reproduced": put("degenerate", p_c=32.0, low=31.0, high=33.0),
        "inconclusive": put("degenerate", p_c=29.5, low=28.5, high=30.5),
    },
    "restricted-count": prediction("restricted", "dimension_count"),
}
