"""The trap and what a circuit cannot express: the mean minimum against the global one, circuit by circuit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from qgmutils.beyond.traps import lowest_minima
from qgmutils.beyond.traps.copies import relations
from qgmutils.beyond.traps.lowest_minima import LowestMinima
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model, circuit_stream
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.training import TrainTask, hits, round_sizes
from qgmutils.inputs import is_integer
from qgmutils.losses.energy import Energy
from qgmutils.statistics.intervals import mean_interval, ratio_interval

SETTLED_HITS = 8
"""A search is settled when so many starts have ended in the lowest minimum found."""

SAME_MINIMUM = 1e-7
"""Enumerated and trained minima whose energies are that close are one: roots of the loss as a polynomial are known less
well than ends of searches."""


def search(
    models: Mapping[tuple[int, int], Model], *, n_circuits: int, max_starts: int, seed: int
) -> pd.DataFrame:
    """Search for the global minimum of every circuit until it is settled: the table of `per_circuit`.

    Parameters
    ----------
    models : mapping
        n_qubits and n_params -> the model.
    n_circuits : int
        Circuits of each model.
    max_starts : int
        Most starts of a circuit, 64 times a power of two.
    seed : int
    """
    tasks = {
        key: TrainTask(
            model=model, n_circuits=n_circuits, n_starts=max_starts, seed=seed, settled_hits=SETTLED_HITS
        )
        for key, model in models.items()
    }
    starts = pd.concat(run_ensembles(tasks, label="searches").values())
    return per_circuit(starts, models, seed=seed, max_starts=max_starts)


def per_circuit(
    starts: pd.DataFrame,
    models: Mapping[tuple[int, int], Model],
    *,
    seed: int,
    max_starts: int,
    near: float = 0.01,
) -> pd.DataFrame:
    """One row per circuit from tables of `TrainTask` that end when settled.

    Parameters
    ----------
    starts : DataFrame
    models : mapping
        n_qubits and n_params -> the model, for the relations of its circuits' words (`copies.relations`).
    seed, max_starts : int
        As in the tasks.
    near : float
        Energies within this distance of the lowest one count as near, in units of E.

    Returns
    -------
    DataFrame
        n_qubits, n_params, circuit, relations, starts, uncertified, lowest (certified energy found), mean and median
        of the certified energies, hits (of the lowest), settled, reached (share of the other starts that end in the
        lowest minimum or a copy of it), near (the same for energies within `near`), missed (95 % bound for this
        circuit), all_missed (for all circuits of the same n and p together).
    """
    looks = len(round_sizes(max_starts))
    sizes = starts.groupby(["n_qubits", "n_params"])["circuit"].nunique()
    rows = []
    for key, group in starts.groupby(["n_qubits", "n_params", "circuit"]):
        n, p, circuit = (int(part) for part in key)  # type: ignore[attr-defined]
        energy = group.loc[group["certified"], "loss"].to_numpy()
        count = hits(energy)
        lowest = energy.min() if count else np.nan
        rows.append(
            {
                "n_qubits": n,
                "n_params": p,
                "circuit": circuit,
                "relations": len(relations(models[n, p].circuit.build(circuit_stream(seed, n, p, circuit)))),
                "starts": len(group),
                "uncertified": len(group) - len(energy),
                "lowest": lowest,
                "mean": energy.mean() if count else np.nan,
                "median": np.median(energy) if count else np.nan,
                "hits": count,
                "settled": count >= SETTLED_HITS,
                # The start that set the lowest energy would count for itself.
                "reached": max(count - 1, 0) / (len(group) - 1),
                "near": max(np.sum(energy <= lowest + near) - 1, 0) / (len(group) - 1) if count else 0.0,
                "missed": missed_mass(len(group), looks=looks),
                "all_missed": missed_mass(len(group), looks=looks, circuits=int(sizes[n, p])),
            }
        )
    return pd.DataFrame(rows)


def gaps(found: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The mean minimum against the circuits' global ones at every n and p, from the table of `per_circuit`.

    Returns
    -------
    DataFrame
        n_qubits, n_params, circuits, starts, settled (share of circuits), and with `_low` and `_high` (95 %,
        bootstrap over circuits) lowest, typical (means over circuits of the lowest and of the mean minimum), trap
        (their difference), share (the difference in units of the typical energy), reached and near (as in
        `per_circuit`).
    """
    rows = []
    for key, group in found.groupby(["n_qubits", "n_params"]):
        n, p = (int(part) for part in key)  # type: ignore[attr-defined]
        row = {"n_qubits": n, "n_params": p, "circuits": len(group), "starts": group["starts"].sum()}
        row["settled"] = group["settled"].mean()
        values = {name: mean_interval(group[name], rng) for name in ("lowest", "reached", "near")}
        values["typical"] = mean_interval(group["mean"], rng)
        values["trap"] = mean_interval(group["mean"] - group["lowest"], rng)
        values["share"] = ratio_interval(group["mean"] - group["lowest"], group["mean"], rng)
        for name, value in values.items():
            row |= {name: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high}
        rows.append(row)
    return pd.DataFrame(rows)


def changes(gaps: pd.DataFrame) -> pd.DataFrame:
    """How the trap changes with p at every size, from the table of `gaps`.

    Returns
    -------
    DataFrame
        n_qubits, first, last and peak (p of the first row, the last one, and of the largest trap), and with `_low` and
        `_high` share (at the last p), growth (of the share, from the first to the last p), trap (at the peak) and
        excess (the trap at the last p minus half of the largest).  Ends of differences add up those of both terms.
    """
    groups = gaps.groupby("n_qubits")
    places = groups["n_params"].idxmin(), groups["n_params"].idxmax(), groups["trap"].idxmax()
    first, last, peak = (gaps.loc[place].set_index("n_qubits") for place in places)
    table = {"first": first["n_params"], "last": last["n_params"], "peak": peak["n_params"]}
    for end, other in (("", ""), ("_low", "_high"), ("_high", "_low")):
        table |= {f"share{end}": last[f"share{end}"], f"trap{end}": peak[f"trap{end}"]}
        table[f"growth{end}"] = last[f"share{end}"] - first[f"share{other}"]
        table[f"excess{end}"] = last[f"trap{end}"] - peak[f"trap{other}"] / 2
    return pd.DataFrame(table).reset_index()


def against_enumeration(points: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Searches on circuits all of whose minima are known.

    Parameters
    ----------
    points : DataFrame
        Of `EnumerateTask`.
    found : DataFrame
        Of `per_circuit`, for the same circuits.

    Returns
    -------
    DataFrame
        One row per circuit whose enumeration is complete: n_qubits, n_params, circuit, global_minimum (its
        energy), all_mean and minima (mean energy and number of all minima), the other columns of `found`, and same
        (whether the search has found the global minimum).
    """
    minima = points[(points["index"] == 0) & points["complete"]]
    known = minima.groupby(["n_qubits", "n_params", "circuit"])["loss"].agg(["min", "mean", "size"])
    known = known.set_axis(["global_minimum", "all_mean", "minima"], axis=1).reset_index()
    table = known.merge(found, on=["n_qubits", "n_params", "circuit"])
    return table.assign(same=(table["global_minimum"] - table["lowest"]).abs() < SAME_MINIMUM)


def enumerated(
    models: Mapping[tuple[int, int], Model], *, n_circuits: int, max_starts: int, seed: int
) -> pd.DataFrame:
    """Search circuits and enumerate all their critical points: parameters of `search`, table of `against_enumeration`.

    Models have at most 10 angles.
    """
    tasks = {
        key: EnumerateTask(model=model, n_circuits=n_circuits, seed=seed) for key, model in models.items()
    }
    points = pd.concat(run_ensembles(tasks, label="critical points").values())
    found = search(models, n_circuits=n_circuits, max_starts=max_starts, seed=seed)
    return against_enumeration(points, found)


def density_tasks(
    losses: Mapping[int, Energy], found: pd.DataFrame, *, n_samples: int, seed: int, max_params: int
) -> list[LowestMinima]:
    """Densities of minima from which `forecasts` follow, at every n and p of the table of `per_circuit`.

    Parameters
    ----------
    losses : mapping
        n_qubits -> the energy.
    found : DataFrame
    n_samples, seed : int
        As in `LowestMinima`.
    max_params : int
        Larger p are left out.
    """
    sizes = sorted(set(zip(found["n_qubits"], found["n_params"], strict=True)))
    return [
        LowestMinima(tuple(losses[n].levels), int(p), n_samples, seed, max(int(p) - 2 * int(n), 0))
        for n, p in sizes
        if p <= max_params
    ]


def forecasts(densities: Mapping[LowestMinima, pd.DataFrame], found: pd.DataFrame) -> pd.DataFrame:
    """What the expected numbers of minima and the volumes say about circuits' global minima, at every n and p.

    Parameters
    ----------
    densities : mapping of LowestMinima to DataFrame
        Tasks with their tables.
    found : DataFrame
        Of `per_circuit`: relations, for the number of copies, and lowest.

    Returns
    -------
    DataFrame
        n_qubits, n_params, one, one_error, least, mean_least (`lowest_minima.Prediction`), volume
        (`lowest_minima.volume_energy`), below_least (number of circuits whose lowest minimum is below least).
    """
    rows = []
    for task, table in densities.items():
        n, p = len(task.levels).bit_length() - 1, task.n_params
        here = found[(found["n_qubits"] == n) & (found["n_params"] == p)]
        say = lowest_minima.predict(table, lowest_minima.mean_copies(here["relations"]))
        row = {"n_qubits": n, "n_params": p, "one": say.one, "one_error": say.error, "least": say.least}
        row |= {"mean_least": say.mean_least, "below_least": int((here["lowest"] < say.least).sum())}
        rows.append(row | {"volume": lowest_minima.volume_energy(task.levels, p, task.log2_copies)})
    columns = ["n_qubits", "n_params", "one", "one_error", "least", "mean_least", "below_least", "volume"]
    numbers = dict.fromkeys(columns, float) | dict.fromkeys(("n_qubits", "n_params", "below_least"), int)
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def missed_mass(starts: int, *, looks: int = 1, circuits: int = 1, confidence: float = 0.95) -> float:
    """Upper bound on the share of starts that lead below the lowest of `starts` independent ones.

    Parameters
    ----------
    starts : int
        At least 1.
    looks : int
        At how many totals, fixed in advance, the search could have stopped.
    circuits : int
        For how many circuits the bound is to hold together.
    confidence : float
        In (0, 1).

    Returns
    -------
    float
        1 - (alpha / (looks circuits))^(1 / starts), alpha = 1 - confidence.

    Notes
    -----
    F is the distribution function of the energy at which a random start ends.  If more than q of the
    starts lead below the lowest energy found, all those drawn have missed a set of probability above q, which has a
    chance of at most (1 - q)^starts: Clopper and Pearson's bound for no success, for any F.  A search that may stop
    at several totals needs it at each of them (Bonferroni) (derived from textbook inequalities).
    """
    for name, value in {"starts": starts, "looks": looks, "circuits": circuits}.items():
        if not is_integer(value) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence!r}")
    return float(-np.expm1(np.log((1 - confidence) / (looks * circuits)) / starts))
