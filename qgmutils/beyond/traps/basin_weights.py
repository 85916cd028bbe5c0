"""How training weights minima: means with different weights, the law of basin shares, the gap to all minima."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from qgmutils.field.bulk import integrate
from qgmutils.field.densities import LogDensity
from qgmutils.statistics.intervals import Interval, UndeterminedError, group_weights, interval, resampled_sums

__all__ = ["gap_to_all_minima", "mean_energies", "share_law", "weight_table"]

Array = NDArray[np.float64]


_MEASURES = (
    *("trained", "flowed", "equal", "pooled", "basin_ratio", "number_ratio", "ratio", "optimiser_ratio"),
    *("slope", "joint_loss", "joint_log_det"),
)


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


def gap_to_all_minima(
    densities: Mapping[int, pd.DataFrame], trained: pd.DataFrame, levels: ArrayLike
) -> pd.DataFrame:
    """Means of trained minima below the Kac-Rice mean over all minima.

    Parameters
    ----------
    densities : mapping of int to DataFrame
        Tables of `finite_dimension.FiniteMinimaDensity` by number of angles.
    trained : DataFrame
        Columns n_params and loss; independent starts, one per circuit.
    levels : array_like, shape (N,)

    Returns
    -------
    DataFrame
        By n_params: all, trained, gap = 1 - trained / all, each with its standard error `_error`.
    """
    h, rows = np.asarray(levels, dtype=np.float64), []
    for p, table in sorted(densities.items()):
        columns = ("energy", "log_density", "stderr", "effective_samples", "resolved")
        _, _, mean, error = integrate(LogDensity(*(table[c].to_numpy() for c in columns)), h.min(), h.max())
        energy = trained.loc[trained["n_params"] == p, "loss"]
        ratio, own = energy.mean() / mean, energy.sem()
        rows.append(
            {
                "n_params": p,
                "all": mean,
                "all_error": error,
                "trained": energy.mean(),
                "trained_error": own,
                "gap": 1 - ratio,
                "gap_error": ratio * np.hypot(own / energy.mean(), error / mean),
            }
        )
    return pd.DataFrame(rows)
