"""Tables of notebook 04 that give each of its claims each verdict."""

import numpy as np
import pandas as pd
from verdict_changes import unchanged

from qgmutils.statistics.intervals import Interval

SIZES = [4, 5, 6]


def namespace():
    """100 starts at half and at twice the count of each size, which is 2(2^n - 1) within 1."""
    counts = np.array([2 * 2**n - 2 for n in SIZES])
    return {
        "large": pd.DataFrame(
            {
                "n_qubits": SIZES,
                "p_c": counts + 0.5,
                "low": counts - 0.5,
                "high": counts + 1.5,
                "2(2^n-g)": counts,
                "2m": counts,
                "2m-2": counts,
            }
        ),
        "starts": pd.DataFrame(
            {
                "ratio": np.repeat([0.5, 2.0], 300),
                "loss": np.repeat([0.1, 1e-12], 300),
                "solved": np.repeat([False, True], 300),
            }
        ),
        "slope": Interval(1.0, 0.9, 1.1),
        "gain": 20.0,
        "before": 1.0,
        "after": 0.01,
    }


def losses(ratio, share, loss):
    """Give a share of the starts at p/p_c = ratio a loss."""

    def change(variables):
        rows = variables["starts"].copy()
        chosen = (rows["ratio"] == ratio) & (np.arange(len(rows)) % 300 < 300 * share)
        rows["loss"] = rows["loss"].mask(chosen, loss)
        variables["starts"] = rows.assign(solved=rows["loss"] < 1e-8)

    return change


def large(**values):
    def change(variables):
        variables["large"] = variables["large"].assign(**values)

    return change


def put(**values):
    def change(variables):
        variables |= values

    return change


def prediction(name):
    return {
        "reproduced": large(**{name: [27.5, 62.0, 126.0]}),
        "not reproduced": large(**{name: [27.4, 62.0, 126.0]}),
        "inconclusive": large(p_c=[30.0, 62.0, np.nan], low=[29.0, 61.0, np.nan]),
    }


CHANGES = {
    "critical-count": {
        "reproduced": unchanged,
        "not reproduced": losses(0.5, 0.004, 1e-12),
        "inconclusive": losses(2.0, 0.025, 1e-3),
    },
    "exponential": {
        "reproduced": unchanged,
        "not reproduced": put(gain=-20.0),
        "inconclusive": put(gain=5.0),
    },
    "dimension-count": prediction("2(2^n-g)"),
    "field-count": prediction("2m"),
    "field-count-finite": prediction("2m-2"),
    "collapse": {
        "reproduced": unchanged,
        "not reproduced": put(before=1.0, after=0.3),
        "inconclusive": put(before=np.nan, after=np.nan),
    },
}
