"""From trained minima to critical counts: the share of solved starts, where it crosses one half, and how that is found.

The search for the crossing is told nothing: shares are measured on a coarse grid of parameter counts in units of
2^n and then, by subdividing the interval in which they cross one half, on every count around the crossing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from qgmutils.ensembles.model import Model
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.training import TrainTask
from qgmutils.statistics.critical_counts import Growth, collapse_spread, critical_count, growth_rate
from qgmutils.statistics.intervals import Interval, UndeterminedError, wilson

Key = TypeVar("Key", bound=tuple[Any, ...])

ZERO = 1e-13
"""Losses below this one count as exactly zero.  Searches that end in a ground state end at 1e-14 or less; one angle
below the count, where there is none, the power law x^(1/2) gives this bound a share below 1e-5."""

_UNKNOWN = Interval(np.nan, np.nan, np.nan)
_COARSE = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1, 3 / 2, 2, 3, 4)
_SUBDIVISIONS = 3
_MARGIN = 3


def train_counts(
    models: Mapping[Key, tuple[Model, Iterable[int]]],
    *,
    names: list[str],
    n_circuits: int | Mapping[Key, int],
    n_starts: int = 1,
    seed: int,
    label: str = "minima",
    workers: int | None = None,
) -> pd.DataFrame:
    """Train several models, each at several parameter counts.

    Parameters
    ----------
    models : mapping
        What a model is called, a tuple of as many values as `names`, -> the model and its counts; those below 1 are
        left out, so that a window may begin below the first count.
    names : list of str
        Columns for the values of the keys.
    n_circuits : int or mapping
        Circuits at each count, of all models or by key.
    n_starts : int
        Starts of each circuit.
    seed : int
    label, workers
        As in `tasks.run_ensembles`.

    Returns
    -------
    DataFrame
        `names` and the columns of `TrainTask`, sorted by the order of models, n_params, circuit, start.

    Raises
    ------
    ValueError
        If no count is at least 1, or for what the recipes refuse.
    """
    tasks = {}
    for key, (model, counts) in models.items():
        size = n_circuits[key] if isinstance(n_circuits, Mapping) else n_circuits
        for p in sorted({int(p) for p in counts if p >= 1}):
            tasks[key, p] = TrainTask(
                model=model.with_params(p), n_circuits=size, n_starts=n_starts, seed=seed
            )
    if not tasks:
        raise ValueError("models must have a parameter count of at least 1, got none")
    tables = run_ensembles(tasks, label=label, workers=workers)
    parts = [table.assign(**dict(zip(names, key, strict=True))) for (key, _), table in tables.items()]
    found = pd.concat(parts, ignore_index=True)
    return found[[*names, *(name for name in found.columns if name not in names)]]


def solved_shares(minima: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Share of solved starts and mean loss at every parameter count, with Wilson's interval (95 %).

    Parameters
    ----------
    minima : DataFrame
        Columns `by`, n_params, loss and solved, one row a start.
    by : list of str
        Columns that tell the models apart.

    Returns
    -------
    DataFrame
        `by`, n_params (ascending), share, low, high, solved and starts (numbers), loss.
    """
    groups = minima.groupby([*by, "n_params"])
    table = groups.agg(
        share=("solved", "mean"), solved=("solved", "sum"), starts=("solved", "size"), loss=("loss", "mean")
    ).reset_index()
    found = [wilson(won, size) for won, size in zip(table["solved"], table["starts"], strict=True)]
    return table.assign(low=[x.low for x in found], high=[x.high for x in found])


def critical_counts(
    minima: pd.DataFrame, by: list[str], rng: np.random.Generator, *, n_resamples: int = 500
) -> pd.DataFrame:
    """Where half of the starts of every model are solved.

    Parameters
    ----------
    minima : DataFrame
        Columns `by`, n_params, circuit and solved, one row a start.
    by : list of str
        Columns that tell the models apart.
    rng : numpy.random.Generator
        Source of the resampling of circuits.
    n_resamples : int

    Returns
    -------
    DataFrame
        `by`, first (lowest count with a solved start), and p_c, low, high as in `statistics.critical_counts`; NaN where
        the starts do not determine them, and then why is the text in the column `reason`.
    """
    rows: list[dict[str, Any]] = []
    for key, starts in minima.groupby(by, sort=True):
        row: dict[str, Any] = dict(zip(by, key, strict=True))  # type: ignore[call-overload]
        row["first"] = starts.loc[starts["solved"], "n_params"].min()
        row |= dict.fromkeys(("p_c", "low", "high"), np.nan) | {"reason": ""}
        try:
            found = critical_count(
                starts["n_params"], starts["solved"], starts["circuit"], rng, n_resamples=n_resamples
            )
            row |= {"p_c": found.estimate, "low": found.low, "high": found.high}
        except UndeterminedError as error:
            row["reason"] = str(error)
        rows.append(row)
    return pd.DataFrame(rows)


def growth(counts: pd.DataFrame) -> Growth:
    """How critical counts grow with n: `statistics.critical_counts.growth_rate`, with NaN where that cannot be told.

    Parameters
    ----------
    counts : DataFrame
        As of `critical_counts` by n_qubits.  Fewer than four sizes, or one without a count, tell nothing.
    """
    if len(counts) >= 4 and counts["p_c"].notna().all():
        return growth_rate(counts["n_qubits"], counts["p_c"], counts[["low", "high"]])
    return Growth(_UNKNOWN, _UNKNOWN, np.nan)


def collapse(shares: pd.DataFrame, series: str, x: str) -> float:
    """How far the curves of solved shares lie apart: `statistics.critical_counts.collapse_spread`.

    Parameters
    ----------
    shares : DataFrame
        As of `solved_shares`.
    series, x : str
        Columns: what tells the curves apart, and what they are drawn against.

    Returns
    -------
    float
        NaN for fewer than two curves, or where an x is not known.
    """
    if shares[series].nunique() < 2 or shares[x].isna().any():
        return np.nan
    return collapse_spread([(rows[x], rows["share"]) for _, rows in shares.groupby(series)])


def critical_scan(
    model: Model, *, n_circuits: int, n_starts: int, seed: int, label: str = "", workers: int | None = None
) -> pd.DataFrame:
    """Minima on a coarse grid of parameter counts and on every count around the crossing of one half.

    Parameters
    ----------
    model : Model
        Its own number of angles does not matter.
    n_circuits, n_starts : int
        Circuits at each parameter count and starts of each circuit, at least 1.
    seed : int
    label, workers
        As in `tasks.run_ensembles`.

    Returns
    -------
    DataFrame
        Rows of `TrainTask`, sorted by n_params, circuit and start.
    """
    tables: list[pd.DataFrame] = []

    def measure(counts: Iterable[int]) -> Any:
        tasks = {
            p: TrainTask(model=model.with_params(p), n_circuits=n_circuits, n_starts=n_starts, seed=seed)
            for p in counts
        }
        tables.extend(run_ensembles(tasks, label=label or f"n = {model.n_qubits}", workers=workers).values())
        return pd.concat(tables).groupby("n_params")["solved"].mean()

    shares = measure({max(1, math.ceil(x * 2**model.n_qubits)) for x in _COARSE})
    while (bracket := _bracket(shares)) and bracket[1] - bracket[0] > 1:
        low, high = bracket
        steps = min(_SUBDIVISIONS + 1, high - low)
        shares = measure({low + (high - low) * i // steps for i in range(1, steps)})
    if bracket:
        window = range(max(1, bracket[0] - _MARGIN), bracket[1] + _MARGIN + 1)
        if missing := set(window) - set(shares.index):
            measure(missing)
    return pd.concat(tables).sort_values(["n_params", "circuit", "start"], ignore_index=True)


def _bracket(shares: Any) -> tuple[int, int] | None:
    """Of shares by count, the counts just below and at the first share of one half or more; None without a crossing."""
    above = shares.index[shares >= 0.5]
    below = shares.index[shares.index < above.min()] if len(above) else above
    return (int(below.max()), int(above.min())) if len(below) else None
