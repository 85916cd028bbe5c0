"""The engine against PennyLane, and a minimum against its neighbours, on made-up differences."""

import numpy as np
import pandas as pd


def namespace():
    return {
        "differences": pd.DataFrame({"loss": [1e-14, 2e-14], "gradient": [3e-14, 1e-14]}),
        "rises": np.array([1e-4, 3e-4]),
    }


def put(name, value):
    return lambda variables: variables.update({name: value})


CHANGES = {
    "00.engine": {
        "reproduced": lambda variables: None,
        "not reproduced": put("differences", pd.DataFrame({"loss": [1e-14], "gradient": [1e-9]})),
        "inconclusive": put("differences", pd.DataFrame({"loss": [], "gradient": []})),
    },
    "00.minimum": {
        "reproduced": lambda variables: None,
        "not reproduced": put("rises", np.array([1e-4, -1e-6])),
        "inconclusive": put("rises", np.empty(0)),
    },
}
