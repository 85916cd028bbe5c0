"""Tables of notebook 14 that give each of its claims each verdict."""

import numpy as np
import pandas as pd
from verdict_changes import put, replace, unchanged


def bounds():
    """Critical counts half a parameter above N - 1, complex ones at n = 2 and 4, and a real one at n = 4."""
    table = pd.DataFrame({"amplitudes": ["complex", "complex", "real"], "n_qubits": [2, 4, 4]})
    table = table.assign(n_equations=[3, 15, 15], fisher=[3, 15, 15], algebra=[15, 255, 120])
    return measured(table, 0.5)


def measured(table, beyond, size=0.2):
    """Critical counts so far beyond the number of equations."""
    p_c = table["n_equations"] + beyond
    table = table.assign(p_c=p_c, low=p_c - size, high=p_c + size)
    table = table.assign(beyond=beyond, beyond_low=beyond - size, beyond_high=beyond + size)
    return loose(table, table["algebra"] / table["p_c"])


def loose(table, ratio):
    return table.assign(loose=ratio, loose_low=ratio - 0.1, loose_high=ratio + 0.1)


def namespace():
    full = bounds()
    share = pd.DataFrame({"part": "full", "amplitudes": "complex", "n_qubits": [2, 3]})
    return {
        "below": pd.DataFrame({"loss": np.geomspace(1e-9, 1.0, 500)}),
        "at_count": share.assign(share=0.3, low=0.2, high=0.4),
        "full": full,
        "largest": full[full["n_qubits"] == 4],
        "deep": pd.DataFrame(
            {"amplitudes": "real", "target": "samples", "n_qubits": 3, "rank": [7, 9], "n_equations": [7, 9]}
        ),
        "shifts": pd.DataFrame(
            {"amplitudes": "real", "divergence": "l2", "shift": [-0.5, 0.2], "error": 0.3}
        ),
        "exponent": 0.27,
        "error": 0.03,
        "number": 80,
        "ends": pd.DataFrame(
            {"shots": [16, 64], "n_params": 20, "relative": [0.9, 1.2], "relative_error": 0.1}
        ),
        "few": pd.DataFrame({"shots": [16], "n_params": 7, "relative": 0.7, "relative_error": 0.1}),
    }


def counts(beyond, size=0.2):
    def change(variables):
        variables["full"] = measured(variables["full"], beyond, size)

    return change


def algebra(name, ratio):
    def change(variables):
        variables[name] = loose(variables[name], ratio)

    return change


HALF = {"reproduced": unchanged, "not reproduced": counts(1.5), "inconclusive": counts(0.9)}
FISHER = {"reproduced": unchanged, "not reproduced": counts(-1.5), "inconclusive": counts(-1.1)}
CHANGES = {
    "none-below": {
        "reproduced": unchanged,
        "not reproduced": put("below", loss=np.geomspace(1e-14, 1.0, 500)),
        "inconclusive": put("below", loss=np.nan),
    },
    "some-at-count": {
        "reproduced": unchanged,
        # A share of 0 cannot be told from a small one.
        "not reproduced": put("at_count", share=[0.3, 0.0], low=[0.2, 0.0], high=[0.4, 0.0]),
        "inconclusive": put("at_count", share=[0.3, 0.0], low=[0.2, 0.0], high=[0.4, 0.2]),
    },
    "half-complex": HALF,
    "half-real": HALF,
    "fisher-lower-complex": FISHER,
    "fisher-lower-real": FISHER,
    "algebra-upper": {
        "reproduced": unchanged,
        "not reproduced": algebra("full", 0.8),
        "inconclusive": algebra("largest", 2.05),
    },
    "hessian-rank": {
        "reproduced": unchanged,
        "not reproduced": put("deep", rank=[7, 8]),
        "inconclusive": put("deep", rank=[7, np.nan]),
    },
    "one-transition": {
        "reproduced": unchanged,
        "not reproduced": put("shifts", shift=[-3.0, 0.2]),
        "inconclusive": put("shifts", shift=[-1.8, 0.2]),
    },
    "fourth-order": {
        "reproduced": unchanged,
        "not reproduced": replace(exponent=0.5),
        "inconclusive": replace(error=0.1),
    },
    "sampling-floor": {
        "reproduced": unchanged,
        "not reproduced": put("ends", relative=[0.9, 1.5]),
        "inconclusive": put("ends", relative_error=0.4),
    },
    "fewer-closer": {
        "reproduced": unchanged,
        "not reproduced": put("few", relative=1.3),
        "inconclusive": put("few", relative=0.9),
    },
}
