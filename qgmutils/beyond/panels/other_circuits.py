"""Panels that compare ansatzes, one a row: full marks on Haar-random reference states, hollow ones on |0...0>."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from qgmutils.beyond.theories import Prediction
from qgmutils.circuits.named import ANSATZE
from qgmutils.report import figures, tables
from qgmutils.statistics.intervals import student

HAMILTONIANS = {"tfim": ("Ising ring", "o"), "fermi_hubbard": ("Fermi–Hubbard", "D"), "gue": ("GUE", "^")}
STATES = {"haar": "Haar-random reference", "zero": r"$|0\ldots0\rangle$"}
ROWS = {name: len(ANSATZE) - i for i, name in enumerate(ANSATZE)}

_COLOR = {"haar": figures.COLORS[0], "zero": figures.COLORS[5]}
_LINE = {"haar": "-", "zero": "--"}
_FOOT, _HEIGHT = 0.38, 0.76  # of curves: 0 lies so far below the middle of a row, and 1 so far above 0


def _mark(state: str, **style: Any) -> dict[str, Any]:
    face = _COLOR[state] if state == "haar" else "white"
    return {"color": _COLOR[state], "mfc": face, "ms": 4, "lw": 1, **style}


def _cases(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Ansatz, reference state, and their rows, where there are some."""
    for name, state in itertools.product(ROWS, STATES):
        rows = table[(table["ansatz"] == name) & (table["reference_state"] == state)]
        if len(rows):
            yield name, state, rows


def _rows(ax: Axes, *, top: float = 0.6, names: bool = True) -> None:
    ax.set(yticks=list(ROWS.values()), ylim=(0.4, len(ROWS) + top))
    ax.set_yticklabels(list(ROWS) if names else [])
    ax.tick_params(axis="y", length=0)
    for y in range(1, len(ROWS)):
        ax.axhline(y + 0.5, color="0.9", lw=0.6, zorder=0)


def _plain_ticks(axis: plt.matplotlib.axis.Axis, ticks: list[float]) -> None:
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def legend(fig: Figure, *, marks: list[str], line: str = "") -> None:
    """What full and hollow, and the marks of these Hamiltonians, mean; above the panels.

    Parameters
    ----------
    fig : Figure
    marks : list of str
        Keys of `HAMILTONIANS`.
    line : str
        What dotted lines are, in figures with lines.
    """
    handles = [
        Line2D([], [], ls=_LINE[state] if line else "", label=label, marker="o", **_mark(state))
        for state, label in STATES.items()
    ]
    handles += [Line2D([], [], ls=":", color="0.4", label=line)] if line else []
    for name in marks:
        label, marker = HAMILTONIANS[name]
        handles.append(Line2D([], [], ls="", marker=marker, color="0.3", label=label))
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles), columnspacing=1.2)


def transitions(ax: Axes, shares: pd.DataFrame, counts: pd.DataFrame) -> None:
    """Shares of solved starts against p, from 0 to 1 in each row, with the counts by rank.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        As `transitions.solved_shares`, of one Hamiltonian and size.
    counts : DataFrame
        As `reachable.predictions`, of the same.
    """
    for name, state, rows in _cases(shares):
        foot = ROWS[name] - _FOOT
        y = foot + _HEIGHT * rows["share"]
        if state == "haar":
            ax.fill_between(rows["n_params"], foot, y, color=_COLOR[state], alpha=0.25, lw=0)
        ax.plot(rows["n_params"], y, ls=_LINE[state], color=_COLOR[state], lw=1)
    for row in counts.dropna(subset="count_by_rank").to_dict("records"):
        ends = ROWS[row["ansatz"]] + np.array([-0.5, 0.5])
        ax.plot([row["count_by_rank"]] * 2, ends, ls=":", color=_COLOR[row["reference_state"]], lw=1)
    _rows(ax)
    n, starts = shares[["n_qubits", "starts"]].iloc[0]
    ax.set(xlabel="number of parameters p", xlim=(0, None), title=f"solved (n = {n}, {starts} starts)")


def ranks(ax: Axes, table: pd.DataFrame) -> None:
    """Rank of the metric against p, in each row from 0 to the dimension of all states, with the largest ranks.

    Parameters
    ----------
    ax : Axes
    table : DataFrame
        As `reachable.metric_ranks`, of one size.
    """
    n, last = int(table["n_qubits"].iloc[0]), table["n_params"].max()
    for name in ROWS:
        real = ANSATZE[name](n, 1).is_real
        for _, state, rows in _cases(table[table["ansatz"] == name]):
            y = ROWS[name] - _FOOT + _HEIGHT * rows["rank"] / (2**n - 1 if real else 2 * 2**n - 2)
            ax.plot(rows["n_params"], y, ls=_LINE[state], color=_COLOR[state], lw=1)
            place = (1.04 * last, ROWS[name] + (0.18 if state == "haar" else -0.22))
            label = f"{rows['rank'].max()}"
            ax.text(*place, label, color=_COLOR[state], va="center", fontsize=figures.SMALLEST)
    _rows(ax, names=False)
    ax.set(xlabel="number of parameters p", xlim=(0, 1.2 * last), title="rank of the metric")


def critical_counts(ax: Axes, table: pd.DataFrame) -> None:
    """Measured critical counts over predicted ones, with their intervals; larger marks for larger n.

    Parameters
    ----------
    ax : Axes
    table : DataFrame
        `reachable.predictions` with p_c, low and high of `transitions.critical_counts`.  An ansatz without a count by
        rank is compared with 2 (2^n - g); the place "none" is for those of which half are never solved.
    """
    none, sizes = 1.85, sorted(table["n_qubits"].unique())
    for row in table.to_dict("records"):
        size, order = sizes.index(row["n_qubits"]), list(HAMILTONIANS).index(row["hamiltonian"])
        zero = row["reference_state"] == "zero"
        y = ROWS[row["ansatz"]] + 0.27 * (1 - order) - 0.1 * zero
        look = _mark(row["reference_state"], fmt=HAMILTONIANS[row["hamiltonian"]][1], ms=3.5 + 2 * size)
        if np.isnan(row["p_c"]):
            ax.errorbar(none + 0.15 * zero, y, **look)
            continue
        by_rank, by_dimension = row["count_by_rank"], 2 * (2 ** row["n_qubits"] - row["degeneracy"])
        x = np.array([row["p_c"], row["low"], row["high"]])
        x = x / (by_dimension if np.isnan(by_rank) else by_rank)
        ax.errorbar(x[0], y, xerr=[[x[0] - x[1]], [x[2] - x[0]]], **look)
    ax.axvline(1, color="0.6", ls=":", zorder=0)
    ax.axvline(1.68, color="0.8", lw=0.6, zorder=0)
    _rows(ax, names=False)
    ax.set_xticks([0.5, 1, 1.5, none + 0.08], ["0.5", "1", "1.5", "none"])
    ax.set(xlabel=r"$p_c$ / count by rank", xlim=(0.3, 2.1), title="critical count")


def counts_table(counts: pd.DataFrame) -> pd.DataFrame:
    """Measured critical counts with their intervals over counts by rank, in words: Hamiltonians side by side.

    Parameters
    ----------
    counts : DataFrame
        As `critical_counts` takes it.
    """
    ends = {"low": "p_c_low", "high": "p_c_high"}
    shown = tables.shown(counts.rename(columns=ends), intervals=["p_c"])
    shown = shown.replace({"nan (nan to nan)": "none", "nan": "–"})
    shown["count"] = shown["p_c"] + " / " + shown["count_by_rank"]
    index = ["n_qubits", "ansatz", "reference_state", "dimension", "saturated"]
    return shown.pivot_table("count", index, "hamiltonian", aggfunc="first", fill_value="")


def minima(ax: Axes, starts: pd.DataFrame, theories: dict[str, Prediction]) -> None:
    """Losses of the minima of every ansatz, with their means, below the densities of theories.

    Parameters
    ----------
    ax : Axes
    starts : DataFrame
        Columns `reachable.CASE`, n_params, circuit, loss: one Hamiltonian, size and count.
    theories : dict
        What a density is called, and what it says of all minima.
    """
    for name, state, rows in _cases(starts):
        y = ROWS[name] + (0.2 if state == "haar" else -0.2)
        spread = 0.13 * np.sin(2.4 * rows["circuit"])  # any pattern that keeps neighbours apart
        ax.plot(rows["loss"], y + spread, **_mark(state, marker="o", ls="", ms=2, mew=0.5, alpha=0.6))
        ax.plot([rows["loss"].mean()] * 2, [y - 0.19, y + 0.19], color="black", lw=1.8)
    foot = len(ROWS) + 0.6
    for (name, found), ls in zip(theories.items(), ("-", "--"), strict=False):
        density = found.weight / np.gradient(found.energy)
        ax.plot(found.energy, foot + 0.9 * density / density.max(), color="0.3", ls=ls, lw=1)
        ax.plot([found.mean] * 2, [0, foot], color="0.6", ls=ls, lw=0.8, zorder=0)
        ax.text(found.mean, foot + 1, name, ha="center", va="bottom", fontsize=figures.SMALLEST)
    _rows(ax, top=2.2)
    hamiltonian, n, p = starts[["hamiltonian", "n_qubits", "n_params"]].iloc[0]
    ax.set(xlabel="E at the minima (bar: mean)", xlim=(-0.02, None))
    size = starts["circuit"].nunique()
    ax.set_title(f"{HAMILTONIANS[hamiltonian][0]}, n = {n}, p = {p}, {size} starts")


def ratios(ax: Axes, table: pd.DataFrame) -> None:
    """Mean losses relative to the randomised model's, with intervals of 95 %.

    Parameters
    ----------
    ax : Axes
    table : DataFrame
        As `other_minima.mean_ratios`, of one size and count; its rows of the randomised model are left out.
    """
    for row in table[table["ansatz"] != "randomised"].to_dict("records"):
        order = list(HAMILTONIANS).index(row["hamiltonian"])
        y = ROWS[row["ansatz"]] + 0.12 * (1 - order) + (0.1 if row["reference_state"] == "haar" else -0.1)
        look = _mark(row["reference_state"], fmt=HAMILTONIANS[row["hamiltonian"]][1])
        ax.errorbar(row["ratio"], y, xerr=student(row["starts"]) * row["ratio_error"], **look)
    ax.axvline(1, color="0.6", ls=":", zorder=0)
    _rows(ax, top=2.2, names=False)
    ax.set(xscale="log", xlabel="mean E / that of random words", xlim=(0.02, 5))
    ax.set_title(f"trained minima, p = {table['n_params'].iloc[0]}")
    _plain_ticks(ax.xaxis, [0.03, 0.1, 0.3, 1, 3])


def ratios_table(ratios: pd.DataFrame, against: pd.DataFrame) -> pd.DataFrame:
    """Ratios of mean losses with their standard errors, in words: ansatzes side by side.

    Parameters
    ----------
    ratios, against : DataFrame
        As `other_minima.mean_ratios` and `other_minima.theory_ratios`.
    """
    others = ratios[ratios["ansatz"] != "randomised"].assign(theory="random words")
    both = pd.concat([others, against]).rename(columns={"theory": "relative to"})
    index = ["hamiltonian", "reference_state", "relative to", "n_qubits", "n_params"]
    shown = tables.shown(both[[*index, "ansatz", "ratio", "ratio_error"]], errors={"ratio": "ratio_error"})
    return shown.pivot_table("ratio", index, "ansatz", aggfunc="first", fill_value="")


def shared_minima(ax: Axes, table: pd.DataFrame, n_circuits: int) -> None:
    """Numbers of minima against the gates an angle, as `shared_angles.compare` of so many circuits returns them."""
    ax.plot(table.index, table["count"], "-", color="0.3", label="random field")
    error = student(n_circuits) * table["found_error"]
    ax.errorbar(
        table.index, table["found"], error, fmt="o", color=figures.COLORS[0], label=f"{n_circuits} circuits"
    )
    ax.set(xlabel="gates an angle r", xticks=table.index, ylim=(0, None), title="number of minima")
    ax.legend(loc="upper left")
