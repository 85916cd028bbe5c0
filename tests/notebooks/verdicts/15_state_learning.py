"""Tables of notebook 15 that give each of its claims each verdict."""

import numpy as np
import pandas as pd
from verdict_changes import empty, put, replace, unchanged


def solved(number):
    """So many of 200 starts."""
    return pd.DataFrame({"solved": np.arange(200) < number})


def namespace():
    return {
        "below": pd.DataFrame({"loss": np.geomspace(1e-9, 1.0, 500)}),
        "beyond": solved(199),
        "counts": pd.DataFrame(
            {
                "n_qubits": [2, 3],
                "n_equations": [6, 14],
                "p_c": [7.0, 14.5],
                "low": [6.5, 14],
                "high": [7.5, 15],
            }
        ),
        "rising": pd.DataFrame(
            {
                "n_qubits": [3, 4],
                "n_params": [12, 26],
                "number": [10.0, 200.0],
                "same": [0.1, 0.005],
                "low": [0.05, 0.0],
                "high": [0.15, 0.02],
                "halved": [0.2, 0.1],
            }
        ),
        "above": pd.DataFrame(
            {
                "n_qubits": 3,
                "n_params": [1, 2],
                "share": [0.35, 0.06],
                "low": [0.3, 0.02],
                "high": [0.4, 0.12],
            }
        ),
        "mean": pd.DataFrame(
            {"n_qubits": 3, "overlap": [0.1, 0.5], "coefficient": [-0.03, 0.43], "coefficient_error": 0.005}
        ).assign(gradient=0.01, gradient_error=0.01, entry=-0.01, entry_error=0.01, size=100),
        "expected": pd.Series([-0.0286, 0.4286]),
        "zeros": pd.DataFrame({"n_qubits": [3], "loss": [0.876], "loss_error": 0.002, "size": 8}),
        "threshold": pd.Series([0.875]),
        "smaller": pd.DataFrame(
            {
                "n_qubits": [4, 5],
                "share": [0.05, 0.0],
                "low": [0.02, 0.0],
                "high": [0.1, 0.03],
                "halved": [0.2, 0.1],
            }
        ),
        "far": pd.DataFrame({"n_qubits": 3, "n_params": [1, 4], "kept": [0.93, 0.7], "kept_error": 0.01}),
        "law": pd.Series([0.928, 0.714]),
        "near": 0.9,
    }


def average(name, wrong):
    """A wrong value, and an error so large that it decides unchanged."""
    return {
        "reproduced": unchanged,
        "not reproduced": put("mean", **{name: wrong}),
        "inconclusive": put("mean", **{f"{name}_error": 0.1}),
    }


CHANGES = {
    "none-below": {
        "reproduced": unchanged,
        "not reproduced": put("below", loss=np.geomspace(1e-14, 1.0, 500)),
        "inconclusive": empty("below"),
    },
    "count": {
        "reproduced": unchanged,
        "not reproduced": put("counts", low=[6.5, 17], p_c=[7, 18], high=[7.5, 19]),
        "inconclusive": put("counts", high=[7.5, np.nan]),
    },
    "no-traps-above": {
        "reproduced": unchanged,
        "not reproduced": replace(beyond=solved(160)),
        "inconclusive": replace(beyond=solved(191)),
    },
    "many-minima": {
        "reproduced": unchanged,
        "not reproduced": put("rising", same=[0.4, 0.005], low=[0.3, 0.0], high=[0.5, 0.02]),
        "inconclusive": put("rising", high=[0.3, 0.02]),
    },
    "rare-above": {
        "reproduced": unchanged,
        "not reproduced": put("above", share=[0.6, 0.06], low=[0.55, 0.02], high=[0.65, 0.12]),
        "inconclusive": put("above", high=[0.4, 0.3]),
    },
    "mean-gradient": average("gradient", 0.1),
    "mean-hessian": average("coefficient", [-0.03, 0.5]),
    "hessian-shape": average("entry", 0.1),
    "sign-change": {
        "reproduced": unchanged,
        "not reproduced": put("zeros", loss=0.9),
        "inconclusive": put("zeros", loss_error=0.05),
    },
    "no-escape": {
        "reproduced": unchanged,
        "not reproduced": put("smaller", share=[0.3, 0.0], low=[0.25, 0.0], high=[0.35, 0.03]),
        "inconclusive": put("smaller", high=[0.3, 0.03]),
    },
    "what-is-kept": {
        "reproduced": unchanged,
        "not reproduced": put("far", kept=[0.93, 0.5]),
        "inconclusive": put("far", kept=[0.93, np.nan]),
    },
}
