"""Tables of notebook 04 that give each of its claims each verdict."""

import numpy as np
import pandas as pd

SIZES = [4, 5, 6]


def namespace():
    """100 starts at half and at twice the count of each size, which is 2(2^n - 1) within 1."""
    counts = np.array([2 * 2**n - 2 for n in SIZES])
    return {
        "large": pd.DataFrame(
            {
                "n": SIZES,
                "p_c": counts + 0.5,
                "low": counts - 0.5,
                "high": counts + 1.5,
                "2(2^n-g)": counts,
                "2m": counts,
                "2m-2": counts,
            }
        ),
        "starts": pd.DataFrame(
            {"ratio": np.repeat([0.5, 2.0], 300), "energy": np.repeat([0.1, 1e-12], 300)},
        ),
        "growth": {"slope": 1.0, "low": 0.9, "high": 1.1, "gain": 20.0},
        "before": 1.0,
        "after": 0.01,
        "names": {},
    }


def energies(ratio, share, energy):
    """Give a share of the starts at p/p_c = ratio an energy."""

    def change(variables):
        rows = variables["starts"].copy()
        chosen = (rows["ratio"] == ratio) & (np.arange(len(rows)) % 300 < 300 * share)
        rows["energy"] = rows["energy"].mask(chosen, energy)
        variables["starts"] = rows

    return change


def put(name, **values):
    def change(variables):
        variables[name] = (
            variables[name] | values
            if isinstance(variables[name], dict)
            else variables[name].assign(**values)
        )

    return change


def spreads(before, after):
    def change(variables):
        variables |= {"before": before, "after": after}

    return change


def nothing(variables):
    pass


def prediction(name):
    return {
        "reproduced": put("large", **{name: [27.5, 62.0, 126.0]}),
        "not reproduced": put("large", **{name: [27.4, 62.0, 126.0]}),
        "inconclusive": put("large", p_c=[30.0, 62.0, np.nan], low=[29.0, 61.0, np.nan]),
    }


CHANGES = {
    "critical-count": {
        "reproduced": nothing,
        "not reproduced": energies(0.5, 0.004, 1e-12),
        "inconclusive": energies(2.0, 0.025, 1e-3),
    },
    "exponential": {
        "reproduced": nothing,
        "not reproduced": put("growth", gain=-20.0),
        "inconclusive": put("growth", gain=5.0),
    },
    "dimension-count": prediction("2(2^n-g)"),
    "field-count": prediction("2m"),
    "field-count-finite": prediction("2m-2"),
    "collapse": {
        "reproduced": nothing,
        "not reproduced": spreads(1.0, 0.3),
        "inconclusive": spreads(np.nan, np.nan),
    },
}
