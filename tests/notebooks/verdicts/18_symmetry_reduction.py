"""Tables of notebook 18 that give each of its claims each verdict."""

import numpy as np
import pandas as pd
from verdict_changes import put, unchanged


def counts(family, names, equations, states, field_count):
    """Critical counts at the equations, within half a parameter."""
    table = pd.DataFrame({"family": family, "case": names, "n_qubits": 4, "equations": equations})
    table = table.assign(states=states, field_count=field_count, hessian=equations, metric=states)
    p_c = table["equations"] + 0.0
    return table.assign(p_c=p_c, low=p_c - 0.5, high=p_c + 0.5)


def namespace():
    numbers = pd.DataFrame({"sector": [False, True, True], "published": [20.57, 2.0, 44.68]})
    numbers = numbers.assign(
        m=numbers["published"] + 0.001, dimension=[16, 2, 13], published_dimension=[16, 2, 13]
    )
    fermi = counts("sector", ["1 + 1", "N = 1"], [6, 4], [6, 6], [6.5, 5.0])
    below = pd.DataFrame(
        {
            "family": ["sector"] * 50 + ["QAOA"] * 100,
            "case": ["1 + 1"] * 50 + ["random weights, n = 4"] * 50 + ["star, n = 4"] * 50,
            "loss": np.geomspace(1e-9, 1.0, 150),
        }
    )
    return {
        "numbers": numbers,
        "grounds": numbers[numbers["sector"]],
        "smaller": pd.DataFrame({"m": [6.7, 2.0], "register_m": 32.0}),
        "below": below,
        "qaoa": below["family"] == "QAOA",
        "uniform": below["case"].str.contains("random weights"),
        "at": pd.DataFrame({"case": ["1 + 1", "N = 1"], "share": 0.4, "low": 0.3, "high": 0.5}),
        "fermi": fermi,
        "cuts": counts("QAOA", ["star", "random weights"], [6, 14], [6, 14], [94.0, 24.0]),
        "saved": fermi.assign(low_register=29.5),
    }


def lost(case, loss=None):
    """One loss of a case becomes a zero, or all of it are gone."""

    def change(variables):
        table = variables["below"]
        here = table["case"].str.contains(case, regex=False)
        if loss is None:
            variables |= {name: variables[name][~here] for name in ("below", "qaoa", "uniform")}
        else:
            table.loc[here.idxmax(), "loss"] = loss

    return change


def zeros(case):
    return {"reproduced": unchanged, "not reproduced": lost(case, 1e-14), "inconclusive": lost(case)}


def prediction(table, name, inside):
    """The intervals reach half a parameter and the margin two to either side."""
    return {
        "reproduced": put(table, **{name: inside}),
        "not reproduced": put(table, **{name: [inside[0] + 2.6, inside[1]]}),
        "inconclusive": put(table, high=[np.nan, 5.0]),
    }


def rank(table, name):
    return {
        "reproduced": unchanged,
        "not reproduced": put(table, **{name: 5.0}),
        "inconclusive": put(table, **{name: np.nan}),
    }


CHANGES = {
    "published-m": {
        "reproduced": unchanged,
        "not reproduced": put("numbers", m=[20.57, 2.0, 44.69]),
        "inconclusive": put("numbers", m=[20.57, np.nan, 44.68]),
    },
    "ground-sectors": {
        "reproduced": unchanged,
        "not reproduced": put("grounds", dimension=[2, 12]),
        "inconclusive": put("grounds", dimension=[2, np.nan]),
    },
    "symmetry-lowers-m": {
        "reproduced": unchanged,
        "not reproduced": put("smaller", m=[6.7, 33.0]),
        "inconclusive": put("smaller", m=[6.7, np.nan]),
    },
    "none-below": zeros("1 + 1"),
    "qaoa-none-below": zeros("random weights"),
    "qaoa-none-below-equal": zeros("star"),
    "some-at-count": {
        "reproduced": unchanged,
        "not reproduced": put("at", share=[0.4, 0.0], low=[0.3, 0.0], high=[0.5, 0.01]),
        "inconclusive": put("at", share=[0.4, 0.0], low=[0.3, 0.0], high=[0.5, 0.2]),
    },
    "dimension-count": prediction("fermi", "equations", [6, 4]),
    "field-count": prediction("fermi", "field_count", [6.0, 4.0]),
    "qaoa-count": prediction("cuts", "equations", [6, 14]),
    "hessian-rank": rank("fermi", "hessian"),
    "metric-rank": rank("fermi", "metric"),
    "qaoa-hessian-rank": rank("cuts", "hessian"),
    "qaoa-metric-rank": rank("cuts", "metric"),
    "symmetry-saves": {
        "reproduced": unchanged,
        "not reproduced": put("saved", low_register=3.0),
        "inconclusive": put("saved", low_register=6.2),
    },
}
