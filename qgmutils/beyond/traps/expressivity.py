"""The trap and what a circuit cannot express: the typical minimum against the own optimum, circuit by circuit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from qgmutils.beyond.traps import lowest_minima, own_optimum
from qgmutils.beyond.traps.lowest_minima import LowestMinima
from qgmutils.beyond.traps.own_optimum import SETTLED_HITS, missed_mass, round_sizes
from qgmutils.statistics.intervals import mean_interval, ratio_interval

__all__ = ["forecasts", "gaps", "per_circuit"]


def per_circuit(starts: pd.DataFrame, *, max_starts: int, near: float = 0.01) -> pd.DataFrame:
    """One row per circuit from the tables of `SearchTask`.

    Parameters
    ----------
    starts : DataFrame
    max_starts : int
        As in the tasks.
    near : float
        Energies within this distance of the lowest one count as near, in units of E.

    Returns
    -------
    DataFrame
        n_qubits, n_params, circuit, relations, starts, uncertified, own (lowest certified energy), mean and median
        of the certified energies, hits (of the lowest), settled, reached (share of the other starts that end in the
        lowest minimum or a copy of it), near (the same for energies within `near`), missed (95 % bound for this
        circuit), all_missed (for all circuits of the same n and p together).
    """
    looks = len(round_sizes(max_starts))
    sizes = starts.groupby(["n_qubits", "n_params"])["circuit"].nunique()
    rows = []
    for key, group in starts.groupby(["n_qubits", "n_params", "circuit"]):
        n, p, circuit = (int(part) for part in key)  # type: ignore[attr-defined]
        energy = group.loc[group["certified"], "energy"].to_numpy()
        count = own_optimum.hits(energy)
        own = energy.min() if count else np.nan
        rows.append(
            {
                "n_qubits": n,
                "n_params": p,
                "circuit": circuit,
                "relations": group["relations"].iloc[0],
                "starts": len(group),
                "uncertified": len(group) - len(energy),
                "own": own,
                "mean": energy.mean() if count else np.nan,
                "median": np.median(energy) if count else np.nan,
                "hits": count,
                "settled": count >= SETTLED_HITS,
                # The start that set the lowest energy would count for itself.
                "reached": max(count - 1, 0) / (len(group) - 1),
                "near": max(np.sum(energy <= own + near) - 1, 0) / (len(group) - 1) if count else 0.0,
                "missed": missed_mass(len(group), looks=looks),
                "all_missed": missed_mass(len(group), looks=looks, circuits=int(sizes[n, p])),
            }
        )
    return pd.DataFrame(rows)


def gaps(found: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The typical minimum against the own optimum at every n and p, from the table of `per_circuit`.

    Returns
    -------
    DataFrame
        n_qubits, n_params, circuits, starts, settled (share of circuits), and with `_low` and `_high` (95 %,
        bootstrap over circuits) own, typical (means over circuits of the own optimum and of the mean minimum), trap
        (their difference), share (the difference in units of the typical energy), reached and near (as in
        `per_circuit`).
    """
    rows = []
    for key, group in found.groupby(["n_qubits", "n_params"]):
        n, p = (int(part) for part in key)  # type: ignore[attr-defined]
        row = {"n_qubits": n, "n_params": p, "circuits": len(group), "starts": group["starts"].sum()}
        row["settled"] = group["settled"].mean()
        values = {name: mean_interval(group[name], rng) for name in ("own", "reached", "near")}
        values["typical"] = mean_interval(group["mean"], rng)
        values["trap"] = mean_interval(group["mean"] - group["own"], rng)
        values["share"] = ratio_interval(group["mean"] - group["own"], group["mean"], rng)
        for name, value in values.items():
            row |= {name: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high}
        rows.append(row)
    return pd.DataFrame(rows)


def forecasts(densities: Mapping[LowestMinima, pd.DataFrame], found: pd.DataFrame) -> pd.DataFrame:
    """What the expected numbers of minima and the volumes say about the own optima, at every n and p.

    Parameters
    ----------
    densities : mapping of LowestMinima to DataFrame
        Tasks with their tables.
    found : DataFrame
        Of `per_circuit`: relations, for the number of copies, and own.

    Returns
    -------
    DataFrame
        n_qubits, n_params, one, one_error, least, mean_least (`lowest_minima.Prediction`), volume
        (`lowest_minima.volume_energy`), below_least (number of circuits whose own optimum is below least).
    """
    rows = []
    for task, table in densities.items():
        n, p = len(task.levels).bit_length() - 1, task.n_params
        here = found[(found["n_qubits"] == n) & (found["n_params"] == p)]
        say = lowest_minima.predict(table, lowest_minima.mean_copies(here["relations"]))
        row = {"n_qubits": n, "n_params": p, "one": say.one, "one_error": say.error, "least": say.least}
        row |= {"mean_least": say.mean_least, "below_least": int((here["own"] < say.least).sum())}
        rows.append(row | {"volume": lowest_minima.volume_energy(task.levels, p, task.log2_copies)})
    columns = ["n_qubits", "n_params", "one", "one_error", "least", "mean_least", "below_least", "volume"]
    numbers = dict.fromkeys(columns, float) | dict.fromkeys(("n_qubits", "n_params", "below_least"), int)
    return pd.DataFrame(rows, columns=columns).astype(numbers)
