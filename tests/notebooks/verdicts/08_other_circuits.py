"""Synthetic tables for the verdicts of 08_other_circuits, and what to change for every verdict on every claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from verdict_changes import unchanged

Namespace = dict[str, Any]
Change = Callable[[Namespace], None]

# ansatz, reference state, Hamiltonian, |<phi|T phi>|, transitive, count by rank, saturated rank, p_c
CASES = [
    ("shared 2", "haar", "tfim", 0.9, True, 30, 30, 30),
    ("brickwork", "haar", "tfim", 0.9, True, 30, 30, 30),
    ("hardware chain", "zero", "tfim", 0.9, True, 30, 30, 30),
    ("hardware ring", "zero", "fermi_hubbard", 0.0, False, np.nan, 28, 20),
    ("hardware ring", "haar", "tfim", 0.9, False, np.nan, 29, np.nan),
    ("matchgate", "haar", "tfim", 0.9, False, np.nan, 14, np.nan),
]


def namespace() -> Namespace:
    """All claims hold."""
    names = [
        "ansatz",
        "reference_state",
        "hamiltonian",
        "ground_time_reversal",
        "transitive",
        "count_by_rank",
    ]
    counts = pd.DataFrame(CASES, columns=[*names, "saturated", "p_c"])
    counts = counts.assign(
        n_qubits=4,
        degeneracy=1,
        dimension=counts["saturated"],
        field_count=30.0,
        generic=counts["reference_state"] == "haar",
        low=counts["p_c"] - 0.5,
        high=counts["p_c"] + 0.5,
    )
    starts = counts.merge(pd.DataFrame({"n_params": [8, 28, 40, 40]}), how="cross")
    starts["solved"] = starts["n_params"] > starts["p_c"]
    starts["loss"] = np.where(starts["solved"], 1e-16, 0.1)
    keys = [*names[:3], "generic", "count_by_rank", "p_c", "n_params"]
    shares = starts.groupby(keys, dropna=False)["solved"].mean().rename("share").reset_index()
    return {"counts": counts, "starts": starts, "shares": shares.assign(n_qubits=4)}


def put(table: str, column: str, value: object, **where: object) -> Change:
    """Set a column in the rows where other columns have given values."""

    def change(variables: Namespace) -> None:
        rows = np.ones(len(variables[table]), dtype=bool)
        for name, wanted in where.items():
            rows &= (variables[table][name] == wanted).to_numpy()
        assert rows.any()
        variables[table].loc[rows, column] = value

    return change


def nothing(table: str, **where: object) -> Change:
    """Drop the rows where a column has a given value; all of them by default."""

    def change(variables: Namespace) -> None:
        rows = np.ones(len(variables[table]), dtype=bool)
        for name, wanted in where.items():
            rows &= (variables[table][name] == wanted).to_numpy()
        assert rows.any()
        variables[table] = variables[table][~rows]

    return change


def transition(ansatz: str) -> dict[str, Change]:
    """One start of twenty is solved too low, or not solved high up."""
    return {
        "reproduced": put("shares", "share", 0.97, ansatz=ansatz, n_params=40),
        "not reproduced": put("shares", "share", 0.05, ansatz=ansatz, n_params=8),
        "inconclusive": put("shares", "p_c", np.nan, ansatz=ansatz),
    }


def count(ansatz: str, *, column: str = "count_by_rank") -> dict[str, Change]:
    """Intervals are 29.5 to 30.5, and 2 parameters are allowed."""
    return {
        "reproduced": put("counts", column, 32.0, ansatz=ansatz),
        "not reproduced": put("counts", column, 33.0, ansatz=ansatz),
        "inconclusive": put("counts", "low", np.nan, ansatz=ansatz),
    }


def zeros(column: str, **where: object) -> dict[str, Change]:
    return {
        "reproduced": put("starts", "loss", 1e-12, **where),
        "not reproduced": put("starts", "loss", 1e-14, **where),
        "inconclusive": put("starts", column, np.nan, **where),
    }


CHANGES: dict[str, dict[str, Change]] = {
    "transition-generic": transition("shared 2")
    | {
        "inconclusive": nothing("shares", generic=True),
        "not reproduced": put("shares", "share", 0.95, n_params=40),
    },
    "transition-zero": transition("hardware chain"),
    "none-below": zeros("loss", ansatz="shared 2", n_params=28),
    "count": count("shared 2"),
    "count-brickwork": count("brickwork"),
    "count-shared": count("shared 2"),
    "count-zero": count("hardware chain"),
    "field-count": count("shared 2", column="field_count"),
    "rank": {
        "reproduced": unchanged,
        "not reproduced": put("counts", "saturated", 15, ansatz="matchgate"),
        "inconclusive": nothing("counts"),
    },
    "conserved": zeros("loss", ansatz="matchgate"),
    "conserved-fits": {
        "reproduced": unchanged,
        "not reproduced": put("starts", "solved", False, hamiltonian="fermi_hubbard"),
        "inconclusive": nothing("starts", hamiltonian="fermi_hubbard"),
    },
}
