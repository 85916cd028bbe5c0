"""How training weights minima: means with different weights, the law of basin shares, the gap to all minima.

Circuits are randomised ones; the trained minima, one start a circuit, are those of the TFIM ring.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.beyond.finite_dimension.counts import FiniteMinimaDensity
from qgmutils.beyond.large_dimension.typical import typical_minima
from qgmutils.circuits import Randomised
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.training import TrainTask
from qgmutils.field.bulk import integrate
from qgmutils.field.densities import LogDensity
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.statistics.intervals import Interval, UndeterminedError, group_weights, interval, resampled_sums

__all__ = [
    "enumerated",
    "gap_to_all_minima",
    "isolated",
    "mean_energies",
    "share_law",
    "trained_at_fractions",
    "trained_below_all",
    "weight_table",
]

Array = NDArray[np.float64]


_MEASURES = (
    *("trained", "flowed", "equal", "pooled", "basin_ratio", "number_ratio", "ratio", "optimiser_ratio"),
    *("slope", "joint_loss", "joint_log_det"),
)


def enumerated(
    hamiltonians: Sequence[str],
    n_qubits: Sequence[int],
    param_counts: Sequence[int],
    *,
    n_circuits: int,
    n_starts: int,
    seed: int,
) -> pd.DataFrame:
    """All critical points of circuits, with the starts that end in them, for every Hamiltonian, n and p.

    Returns
    -------
    DataFrame
        The rows of `EnumerateTask`, and the column hamiltonian, the name of the one of most qubits.
    """
    tasks = {}
    for name in hamiltonians:
        label = Hamiltonian(name, max(n_qubits), seed=seed).build().name
        for n in n_qubits:
            for p in param_counts:
                model = Model(Randomised(n, p), Hamiltonian(name, n, seed=seed))
                tasks[label, n, p] = EnumerateTask(
                    model=model, n_circuits=n_circuits, n_starts=n_starts, seed=seed
                )
    tables = run_ensembles(tasks, label="basins")
    return pd.concat([table.assign(hamiltonian=key[0]) for key, table in tables.items()], ignore_index=True)


def isolated(points: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The minima of circuits of which all are known, and a sentence about those circuits and the others.

    Words that commute can leave flat valleys, which are no isolated minima: circuits that were not enumerated, or that
    have a start that ends outside of the list, are left out.
    """
    circuit = points.groupby(["hamiltonian", "n_qubits", "n_params", "circuit"])
    all_of = circuit[["complete", "lost", "unflowed"]].first()
    usable = all_of["complete"] & (all_of["lost"] == 0)
    minima = points[(points["index"] == 0) & points["complete"] & (points["lost"] == 0)]
    words = (
        f"{usable.sum()} of {len(all_of)} circuits with {len(minima)} minima, "
        f"of whose starts {all_of.loc[usable, 'unflowed'].sum()} do not end with the flow; "
        f"{(~all_of['complete']).sum()} circuits left out as not enumerated, "
        f"{(all_of['complete'] & ~usable).sum()} as starts end outside of the list"
    )
    return minima.drop(columns="index"), words


def mean_energies(
    minima: pd.DataFrame, rng: np.random.Generator, *, n_resamples: int = 1000
) -> dict[str, Interval]:
    """Means of energies with the different weights of minima, and their ratios.

    Parameters
    ----------
    minima : DataFrame
        Rows of `EnumerateTask` with starts, minima only, of one n and p; at least two circuits.
    rng : numpy.random.Generator
        Of the bootstrap over circuits.

    Returns
    -------
    dict of str to Interval (95 %)
        trained, flowed (weights of basins, circuits alike), equal (minima of a circuit alike, circuits alike),
        pooled (all minima alike, as the Kac-Rice formula has them), basin_ratio = trained / equal, number_ratio =
        equal / pooled, ratio = trained / pooled, optimiser_ratio = trained / flowed.

    Raises
    ------
    UndeterminedError
        For fewer than two circuits.
    """
    circuit = minima.groupby("circuit")

    def weighted(column: str) -> Array:
        total = circuit.apply(lambda g: float(np.average(g["loss"], weights=g[column])), include_groups=False)
        return total.to_numpy()

    energies, sizes = circuit["loss"].sum().to_numpy(), circuit.size().to_numpy()
    if len(sizes) < 2:
        raise UndeterminedError(f"{len(sizes)} circuit(s) give no interval; at least 2 are needed")
    sums = np.column_stack([weighted("trained"), weighted("flowed"), energies / sizes, energies, sizes])
    trained, flowed, equal, pooled, number = resampled_sums(sums, rng, n_resamples).T / len(sizes)
    means = {"trained": trained, "flowed": flowed, "equal": equal, "pooled": pooled / number}
    for name, above, below in (
        ("basin_ratio", "trained", "equal"),
        ("number_ratio", "equal", "pooled"),
        ("ratio", "trained", "pooled"),
        ("optimiser_ratio", "trained", "flowed"),
    ):
        means[name] = means[above] / means[below]
    return {name: interval(values, len(sizes)) for name, values in means.items()}


def _logit(x: Array, hits: Array, group: NDArray[np.int64], weight: Array) -> Array:
    """Maximum likelihood of hits ~ multinomial in each group, ln share = x . beta + constant (Newton's method)."""
    beta = np.zeros(x.shape[1])
    n_groups = int(group.max()) + 1
    total = np.bincount(group, hits, n_groups)
    for _ in range(100):
        score = x @ beta
        top = np.full(n_groups, -np.inf)
        np.maximum.at(top, group, score)
        share = np.exp(score - top[group])
        share /= np.bincount(group, share, n_groups)[group]
        mean = np.stack([np.bincount(group, share * column, n_groups) for column in x.T], axis=1)
        centred = x - mean[group]
        w = weight[group]
        gradient = (w * (hits - total[group] * share)) @ x
        curvature = (centred * (w * total[group] * share)[:, None]).T @ centred
        step = np.linalg.solve(curvature + 1e-12 * np.trace(curvature) * np.eye(len(beta)), gradient)
        step *= min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    return beta


def share_law(
    minima: pd.DataFrame,
    columns: Sequence[str],
    rng: np.random.Generator,
    *,
    hits: str = "trained",
    n_resamples: int = 300,
) -> dict[str, Interval]:
    """Coefficients of ln(basin share) = constant of the circuit + sum of beta_c times column c.

    Parameters
    ----------
    minima : DataFrame
        Rows of `EnumerateTask` with starts, minima only,; circuits are told apart by n_qubits, n_params and circuit.
    columns : sequence of str
        E.g. ["loss"] or ["loss", "log_det"].
    rng : numpy.random.Generator
        Of the bootstrap over circuits, which covers what the columns do not explain.
    hits : str
        Column with numbers of starts.

    Returns
    -------
    dict of str to Interval (95 %)

    Notes
    -----
    Hits are multinomial in each circuit, so that minima without a hit need no special care (conditional
    logit, textbook).

    Raises
    ------
    UndeterminedError
        For fewer than two circuits with several minima.
    """
    group = minima.groupby(["n_qubits", "n_params", "circuit"])
    several = minima[group["loss"].transform("size") > 1]
    number = several.groupby(["n_qubits", "n_params", "circuit"]).ngroup().to_numpy()
    n_groups = int(number.max()) + 1 if len(number) else 0
    if n_groups < 2:
        raise UndeterminedError(
            f"{n_groups} circuit(s) with several minima give no law; at least 2 are needed"
        )
    x, counts = several[list(columns)].to_numpy(dtype=np.float64), several[hits].to_numpy(dtype=np.float64)
    weights = np.vstack([np.ones(n_groups), group_weights(n_groups, rng, n_resamples)])
    found = np.array([_logit(x, counts, number, weight) for weight in weights])
    return {name: interval(found[:, k], n_groups) for k, name in enumerate(columns)}


def weight_table(minima: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """`mean_energies` and `share_law` for every Hamiltonian, n and p, one row each.

    Parameters
    ----------
    minima : DataFrame
        Rows of `EnumerateTask`, minima only, with a column hamiltonian.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        hamiltonian, n_qubits, n_params, circuits, minima (numbers), and with `_low` and `_high` (95 %) the means and
        ratios of `mean_energies`, slope (of ln share on the energy), joint_loss and joint_log_det (coefficients of
        both together).  The laws are nan where fewer than two circuits have several minima, that of both also with
        fewer than four angles, where circuits have too few minima.  A case of fewer than two circuits is left out.
    """
    rows = []
    for key, group in minima.groupby(["hamiltonian", "n_qubits", "n_params"]):
        row = dict(zip(("hamiltonian", "n_qubits", "n_params"), key, strict=True))  # type: ignore[call-overload]
        sizes = group.groupby("circuit").size()
        row |= {"circuits": len(sizes), "minima": len(group)}
        if len(sizes) < 2:
            continue
        found = mean_energies(group, rng)
        if (sizes > 1).sum() > 1:
            found["slope"] = share_law(group, ["loss"], rng)["loss"]
            both = share_law(group, ["loss", "log_det"], rng) if row["n_params"] > 3 else {}
            found |= {f"joint_{name}": value for name, value in both.items()}
        for name, value in found.items():
            row |= {name: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high}
        rows.append(row)
    numbers = [f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["hamiltonian", "n_qubits", "n_params", "circuits", "minima", *numbers])


def gap_to_all_minima(density: pd.DataFrame, losses: pd.Series, top: float) -> dict[str, float]:
    """By how much the mean of trained minima lies below the Kac-Rice mean over all minima.

    Parameters
    ----------
    density : DataFrame
        Table of `FiniteMinimaDensity`.
    losses : Series
        Of independent starts, one per circuit.
    top : float
        The highest level; the lowest is 0.

    Returns
    -------
    dict of str to float
        all, trained, gap = 1 - trained / all, each with its standard error `_error`.
    """
    columns = ("energy", "log_density", "stderr", "effective_samples", "resolved")
    _, _, mean, error = integrate(LogDensity(*(density[c].to_numpy() for c in columns)), 0.0, top)
    found, own = losses.mean(), losses.sem()
    spread = found / mean * np.hypot(own / found, error / mean)
    result = {"all": mean, "all_error": error, "trained": found, "trained_error": own}
    return result | {"gap": 1 - found / mean, "gap_error": spread}


def _trained(n_qubits: int, n_params: int, n_circuits: int, seed: int) -> TrainTask:
    """One start for each circuit and the TFIM ring, below the critical count."""
    loss = Hamiltonian("tfim", n_qubits)
    critical = 2 * loss.build().rank
    if not 1 <= n_params < critical:
        raise ValueError(
            f"p = {n_params} at {n_qubits} qubits has no traps to train into; "
            f"choose 1 <= p < p_c = {critical}"
        )
    return TrainTask(
        model=Model(Randomised(n_qubits, n_params), loss), n_circuits=n_circuits, n_starts=1, seed=seed
    )


def trained_below_all(
    n_qubits: int, param_counts: Sequence[int], *, n_samples: int, n_circuits: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trained minima, and `gap_to_all_minima` at every p.

    Parameters
    ----------
    n_qubits : int
    param_counts : sequence of int
        Values of p, below the critical count.
    n_samples : int
        Matrices per energy for the mean over all minima.
    n_circuits, seed : int
        Of the trained minima, one start each.

    Returns
    -------
    means : DataFrame
        n_params, in ascending order, p_over_critical and the numbers of `gap_to_all_minima`.
    trained : DataFrame
        The rows of `TrainTask`.

    Raises
    ------
    ValueError
        If a p is not below the critical count.
    """
    counts, ring = sorted(set(param_counts)), Hamiltonian("tfim", n_qubits).build()
    starts = {p: _trained(n_qubits, p, n_circuits, seed) for p in counts}
    densities = {("all", p): FiniteMinimaDensity(tuple(ring.levels), p, n_samples, seed) for p in counts}
    found = run_ensembles({**densities, **starts}, label="gap")
    rows = [
        {"n_params": p, "p_over_critical": p / (2 * ring.rank)}
        | gap_to_all_minima(found["all", p], found[p]["loss"], ring.levels.max())
        for p in counts
    ]
    return pd.DataFrame(rows), pd.concat([found[p] for p in counts], ignore_index=True)


def trained_at_fractions(
    fractions: Sequence[float], sizes: Sequence[tuple[int, int]], *, seed: int
) -> pd.DataFrame:
    """Trained minima at fixed p/N, beside the energy of the edge, where typical minima lie.

    The levels of a local Hamiltonian narrow with n, so that the edge itself moves.

    Parameters
    ----------
    fractions : sequence of float
        Values of p / 2^n.
    sizes : sequence of (int, int)
        Numbers of qubits and of circuits, one start each.
    seed : int

    Returns
    -------
    DataFrame
        The rows of `TrainTask` with the columns fraction and edge.

    Raises
    ------
    ValueError
        If a p is not below the critical count, or sizes are fewer than the three that a limit needs.
    """
    if not 3 <= len({n for n, _ in sizes}) == len(sizes):
        raise ValueError(f"sizes are {list(sizes)}; a limit needs at least 3 numbers of qubits, each once")
    tasks = {(f, n): _trained(n, round(f * 2**n), count, seed) for f in fractions for n, count in sizes}
    tables = run_ensembles(tasks, label="limits")
    parts = []
    for (f, n), table in tables.items():
        typical = typical_minima(Hamiltonian("tfim", n).build().levels, f * 2**n)
        edge = next(one.energy for one in typical if one.is_global)
        parts.append(table.assign(fraction=f, edge=edge))
    return pd.concat(parts, ignore_index=True)
