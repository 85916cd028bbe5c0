"""Tables of notebook 13 that give each of its claims each verdict."""

import numpy as np
import pandas as pd
from verdict_changes import empty, put, replace, unchanged


def counts():
    """Four cases with p_c at the count, within half a parameter; the last one is built to fail the naive count."""
    count = np.array([14, 12, 15, 11])
    table = pd.DataFrame({"model": ["a", "b", "c", "d"], "n_qubits": 3, "predicted": count})
    group = ["energy", "variational", "Born machine", "unitary"]
    table = table.assign(group=group, naive=[14, 12, 15, 7], field_count=[14.5, 12.5, np.nan, np.nan])
    return table.assign(p_c=count + 0.0, low=count - 0.5, high=count + 0.5)


def shares(share, size):
    return pd.DataFrame(
        {
            "model": ["a", "b"],
            "n_qubits": 3,
            "share": share,
            "low": share - size,
            "high": share + size,
            "solved": 99,
            "starts": 100,
        }
    )


def losses(size, exponent):
    """Losses with P(L < x) proportional to x^exponent, up to the bound below which near misses are looked for."""
    return pd.Series(0.1 * ((np.arange(size) + 0.5) / size) ** (1 / exponent))


def namespace():
    table = counts()
    return {
        "zero": 1e-13,
        "below": pd.DataFrame({"loss": np.geomspace(1e-9, 1.0, 500)}),
        "special": pd.DataFrame({"loss": np.geomspace(1e-9, 1.0, 500)}),
        "missed": losses(100, 0.5),
        "ranks": pd.DataFrame(
            {"model": ["a", "b"], "n_qubits": 3, "predicted": [14, 12], "measured": [14.0, 12.0]}
        ).assign(dimension=[14, 14], rank=[14.0, 14.0]),
        "at": shares(0.4, 0.1),
        "beyond": shares(0.99, 0.01),
        "over": shares(0.99, 0.01),
        "built": table.query("naive != predicted"),
        "energies": table.iloc[:2],
        "others": (table.iloc[2:3], table.iloc[3:]),
        "zeros": pd.DataFrame({"free": [3] * 19 + [7], "fewest": 3, "dimension": 3, "n_qubits": 3}),
    }


def prediction(table, name):
    """The intervals reach half a parameter and the margin two to either side."""
    return {
        "reproduced": put(table, **{name: [16.5, 9.5]}),
        "not reproduced": put(table, **{name: [16.6, 12.0]}),
        "inconclusive": put(table, high=[14.5, np.nan]),
    }


def other(number, **values):
    """Replace columns of one of the other groups."""

    def change(variables):
        tables = list(variables["others"])
        tables[number] = tables[number].assign(**values)
        variables["others"] = tuple(tables)

    return change


def none(name):
    return {
        "reproduced": unchanged,
        "not reproduced": put(name, loss=np.geomspace(1e-14, 1.0, 500)),
        "inconclusive": empty(name),
    }


CHANGES = {
    "none-below": none("below"),
    "not-generic": none("special"),
    "measured": {
        "reproduced": unchanged,
        "not reproduced": put("ranks", measured=[14.0, 11.0]),
        "inconclusive": put("ranks", measured=[14.0, np.nan]),
    },
    "reached": {
        "reproduced": unchanged,
        "not reproduced": put("ranks", rank=[14.0, 13.0]),
        "inconclusive": put("ranks", rank=[14.0, np.nan]),
    },
    "some": {
        "reproduced": unchanged,
        "not reproduced": put("at", share=[0.4, -0.1], low=[0.3, -0.2], high=[0.5, -0.05]),
        "inconclusive": put("at", share=[0.4, 0.0], low=[0.3, 0.0], high=[0.5, 0.1]),
    },
    "above-all": {
        "reproduced": unchanged,
        "not reproduced": put("beyond", share=[0.99, 0.6], low=[0.98, 0.5], high=[1.0, 0.7]),
        "inconclusive": put("beyond", share=[0.99, 0.95], low=[0.98, 0.9], high=[1.0, 0.98]),
    },
    "over": {
        "reproduced": unchanged,
        "not reproduced": put("over", solved=90),
        "inconclusive": empty("over"),
    },
    "half-energies": prediction("energies", "predicted"),
    "half-born": {
        "reproduced": unchanged,
        "not reproduced": other(0, predicted=12.0),
        "inconclusive": other(0, high=np.nan),
    },
    "half-fits": {
        "reproduced": unchanged,
        "not reproduced": other(1, predicted=8.0),
        "inconclusive": other(1, high=np.nan),
    },
    "field-count": prediction("energies", "field_count"),
    "naive": {
        "reproduced": unchanged,
        "not reproduced": put("built", p_c=8.0),
        "inconclusive": put("built", p_c=np.nan),
    },
    "sub-family": {
        "reproduced": unchanged,
        "not reproduced": put("zeros", dimension=[3] * 15 + [14] * 5),
        "inconclusive": empty("zeros"),
    },
    "fewest": {
        "reproduced": unchanged,
        "not reproduced": put("zeros", free=[3] * 15 + [7] * 5),
        "inconclusive": empty("zeros"),
    },
    "near-misses": {
        "reproduced": unchanged,
        "not reproduced": replace(missed=losses(1000, 1.0)),
        "inconclusive": replace(missed=losses(20, 0.5)),
    },
}
