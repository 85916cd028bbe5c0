"""Tables of notebook 03 that give each of its claims each verdict."""

import numpy as np
import pandas as pd
from verdict_changes import unchanged


def starts(losses):
    """400 starts in 50 circuits at each p, all of one loss; m = 16, so that gamma = p/32."""
    return pd.concat(
        pd.DataFrame({"n_params": p, "gamma": p / 32, "circuit": np.arange(400) // 8, "loss": loss})
        for p, loss in losses.items()
    )


def namespace():
    spread = 0.02 * np.cos(np.arange(400) // 8)
    contrasted = [
        starts({8: mean}).assign(reference_state=state, loss=mean + spread)
        for state, mean in (("haar", 0.4), ("clifford", 0.3), ("zero", 0.2))
    ]
    columns = {"p": [2, 6], "Kac-Rice": 0.5}
    columns |= {"trained": 0.5, "trained s.e.": 0.01, "enumerated": 0.5, "enumerated s.e.": 0.01}
    return {
        "main": starts({2: 0.5, 6: 0.3, 32: 0.0, 40: 0.0}),
        "contrasted": pd.concat(contrasted),
        "summary": pd.DataFrame(columns),
        "dim": 64,
        "critical_count": 16,
    }


def only(rows):
    """Keep the first starts at each p: too few to tell."""

    def change(variables):
        variables["main"] = variables["main"].groupby("n_params").head(rows)

    return change


def losses(low, high, share, loss):
    """Give a share of the starts at low <= p <= high a loss."""

    def change(variables):
        rows = variables["main"].copy()
        chosen = rows["n_params"].between(low, high) & (np.arange(len(rows)) % 400 < 400 * share)
        rows["loss"] = rows["loss"].mask(chosen, loss)
        variables["main"] = rows

    return change


def drop(low, high):
    def change(variables):
        rows = variables["main"]
        variables["main"] = rows[~rows["n_params"].between(low, high)]

    return change


def means(**values):
    def change(variables):
        variables["summary"] = variables["summary"].assign(**values)

    return change


def haar(shift):
    def change(variables):
        rows = variables["contrasted"].copy()
        rows["loss"] += shift * (rows["reference_state"] == "haar")
        variables["contrasted"] = rows

    return change


CHANGES = {
    "clustering": {
        "reproduced": unchanged,
        "not reproduced": losses(6, 6, 0.5, 1e-3),
        "inconclusive": drop(0, 8),
    },
    "clustering-count": {
        "reproduced": losses(6, 6, 1.0, 1e-3),
        "not reproduced": losses(2, 2, 0.1, 1e-3),
        "inconclusive": only(20),
    },
    "overparameterized": {
        "reproduced": unchanged,
        "not reproduced": losses(40, 40, 0.2, 0.1),
        "inconclusive": losses(40, 40, 0.06, 0.1),
    },
    "all-minima": {
        "reproduced": means(enumerated=0.51),
        "not reproduced": means(enumerated=[0.5, 0.6]),
        "inconclusive": means(**{"enumerated s.e.": np.nan}),
    },
    "trained-minima": {
        "reproduced": unchanged,
        "not reproduced": means(trained=[0.4, 0.5]),
        "inconclusive": means(**{"trained s.e.": 0.1}),
    },
    "reference-state": {
        "reproduced": unchanged,
        "not reproduced": haar(-0.4),
        "inconclusive": haar(-0.2),
    },
}
