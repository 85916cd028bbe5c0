from __future__ import annotations

import pandas as pd

from qgmutils.beyond.traps import expressivity


def test_no_densities_have_no_forecasts() -> None:
    table = expressivity.forecasts({}, pd.DataFrame())
    gaps = pd.DataFrame({"n_qubits": [4], "n_params": [6]})
    merged = gaps.merge(table, on=["n_qubits", "n_params"], how="left")
    assert merged[["one", "least", "volume"]].isna().all(axis=None)
