"""Panels that compare theories of minima with trained minima: rows are Hamiltonians, columns sizes and counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.patches import Patch

from qgmutils.beyond.predictions import THEORIES

_PALETTE = sns.color_palette("colorblind")
COLORS = dict(zip(THEORIES, (_PALETTE[i] for i in (1, 2, 3, 0, 5, 4)), strict=True))
LABELS = {"tfim": "TFIM ring", "xxz": "XXZ ring", "spinless_fermi_hubbard": "Fermi–Hubbard", "gue": "GUE"}
GROUND_STATE, SEVERAL = "ground state", "several alike"
SOLVED = 1e-3
"""Mean energy of trained minima below which they count as ground states."""

_KINDS = {**COLORS, SEVERAL: "0.55", GROUND_STATE: "0.88"}
_SAME = 1e-9  # between Wasserstein distances
_DISTANCES = LogNorm(1e-3, 0.5)
_CASES = ["n_qubits", "n_params"]


def score_map(ax: Axes, scores: pd.DataFrame, theory: str, *, colorbar: bool) -> None:
    """Wasserstein distances of one theory as colours; as numbers, the errors of its mean in standard errors.

    White cells are cases without an answer; errors are cut at 99.

    Parameters
    ----------
    ax : Axes
    scores : DataFrame
        As :func:`qgmutils.beyond.theory_comparison.trained_minima` returns.
    theory : str
        One of `THEORIES`.
    colorbar : bool
    """
    rows = scores[scores["theory"] == theory]
    distance, z = _grid(rows, "wasserstein"), _grid(rows, "z")
    known = distance.notna() & z.notna()
    label = z.clip(-99, 99).map("{:.0f}".format).where(known, "")
    bar = {"cbar": colorbar, "cbar_kws": {"label": "Wasserstein distance, E"}}
    _heatmap(ax, distance.clip(lower=1e-3), label, norm=_DISTANCES, cmap="rocket_r", **bar)
    ax.set_title(theory, pad=18)


def closest_map(ax: Axes, scores: pd.DataFrame) -> None:
    """The theory of the smallest Wasserstein distance as colour, and the error of its mean in per cent.

    Grey cells are cases in which training reaches the ground state, which every theory with the right count predicts.

    Parameters
    ----------
    ax : Axes
    scores : DataFrame
        As for :func:`score_map`.
    """
    table = closest(scores)
    number = _grid(table.assign(number=table["theory"].map(list(_KINDS).index)), "number")
    error = _grid(table, "percent")
    label = error.map("{:+.0f}".format).where(error.notna(), "")
    colors = ListedColormap(list(_KINDS.values()))
    _heatmap(ax, number, label, cmap=colors, vmin=-0.5, vmax=len(_KINDS) - 0.5, cbar=False)
    handles = [Patch(color=color, label=name) for name, color in _KINDS.items()]
    ax.legend(handles=handles, ncols=len(handles), loc="upper center", bbox_to_anchor=(0.5, -0.1))
    ax.set_title(
        "Theory closest to the trained minima (Wasserstein distance), and error of its mean in %", pad=18
    )


def closest(scores: pd.DataFrame) -> pd.DataFrame:
    """The theory that is closest to the trained minima, case by case.

    Parameters
    ----------
    scores : DataFrame
        As for :func:`score_map`.

    Returns
    -------
    DataFrame
        hamiltonian, n_qubits, n_params, theory (of the smallest Wasserstein distance), percent (error of its mean
        relative to the trained mean).  theory is `SEVERAL` where distances are equal, as between theories that say 0,
        and `GROUND_STATE` where the trained mean is below `SOLVED`, with a percent of nan.
    """
    rows = []
    for _, group in scores.groupby(["hamiltonian", *_CASES], sort=False):
        best = group.loc[group["wasserstein"].idxmin()]
        solved = best["found"] < SOLVED
        alike = group["wasserstein"] <= best["wasserstein"] + _SAME
        name = GROUND_STATE if solved else SEVERAL if alike.sum() > 1 else best["theory"]
        percent = np.nan if solved else 100 * best["error"] / best["found"]
        case = {key: best[key] for key in ("hamiltonian", *_CASES)}
        rows.append({**case, "theory": name, "percent": percent})
    return pd.DataFrame(rows)


def _grid(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row a Hamiltonian and one column a case, in the order in which they come; nan where there is none."""
    table = rows.pivot(index="hamiltonian", columns=_CASES, values=value)  # noqa: PD010 - a pivot_table drops gaps
    return table.reindex(rows["hamiltonian"].unique()).sort_index(axis=1)


def _heatmap(ax: Axes, table: pd.DataFrame, label: pd.DataFrame, **options: object) -> None:
    style = {"annot": label.to_numpy(), "fmt": "", "linewidths": 0.5, "annot_kws": {"size": 7.5}}
    sns.heatmap(
        table.to_numpy(dtype=float),
        ax=ax,
        xticklabels=[str(p) for _, p in table.columns],
        yticklabels=[LABELS.get(name, name) for name in table.index],
        **style,
        **options,
    )
    sizes = np.array([n for n, _ in table.columns])
    for n in np.unique(sizes):
        first = int(np.argmax(sizes == n))
        ax.axvline(first, color="0.2", lw=1.5)
        ax.text(first + 0.1, -0.025 * len(table), f"n = {n}", fontsize="small")
    ax.tick_params(axis="x", rotation=0, labelsize="x-small")
    ax.tick_params(axis="y", rotation=0)
