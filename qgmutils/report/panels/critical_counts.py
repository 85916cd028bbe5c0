"""Panels of the transition to trainability: shares of solved starts, mean losses, and the critical counts they give.

The tables are those of `ensembles.transitions`.  A series is what a column of the table tells apart, such as sizes or
models; `looks` maps each of its values to how it is drawn: colour, marker, line, and label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.losses.loss import SOLVED
from qgmutils.report import figures

Looks = Mapping[Any, Mapping[str, Any]]

COUNT, RATIO = "number of parameters p", r"number of parameters, $p/p_c$"
"""Labels of the axes against p, and against p in units of the measured critical count."""


def size_looks(sizes: Iterable[int]) -> dict[int, dict[str, Any]]:
    """How numbers of qubits are drawn: from dark to light in their order, each with its own marker."""
    order = sorted(set(sizes))
    return {
        n: figures.look(i) | {"color": shade, "ls": "-", "ms": 3, "lw": 1, "label": f"n = {n}"}
        for i, (n, shade) in enumerate(zip(order, figures.shades(len(order)), strict=True))
    }


def transition(
    shares: pd.DataFrame, counts_found: pd.DataFrame, predictions: Mapping[str, str], *, title: str
) -> Figure:
    """The figure of notebook 04: shares solved against p and p/p_c, mean losses, and critical counts against size.

    Parameters
    ----------
    shares : DataFrame
        As of `transitions.solved_shares` by n_qubits, with the column p/p_c.
    counts_found : DataFrame
        As of `transitions.critical_counts` by n_qubits, with the columns of predictions.
    predictions : mapping of str to str
        Column -> name in the legend.
    title : str

    Returns
    -------
    Figure
    """
    looks = size_looks(shares["n_qubits"])
    fig, axes = figures.page(2, 2, height=5.4)
    fig.suptitle(title, fontsize=8)
    solved_shares(axes[0, 0], shares, "n_qubits", looks)
    axes[0, 0].set_xscale("log")
    lines = {
        column: figures.look(i) | {"marker": "", "label": name}
        for i, (column, name) in enumerate(predictions.items())
    }
    if len(looks) == 1:  # a line through one point is invisible
        lines = {column: line | {"marker": "_", "ms": 10} for column, line in lines.items()}
    counts(axes[0, 1], counts_found, "n_qubits", lines)
    axes[0, 1].set(xlabel="number of qubits n", xticks=list(looks))
    axes[0, 1].legend()
    solved_shares(axes[1, 0], shares, "n_qubits", looks, x="p/p_c")
    axes[1, 0].set_xlim(0.5, 1.6)
    mean_losses(axes[1, 1], shares, "n_qubits", looks, x="p/p_c")
    axes[1, 1].set_xlim(0, 1.6)
    short = {n: look | {"label": str(n) if i else look["label"]} for i, (n, look) in enumerate(looks.items())}
    name_onsets(axes[0, 0], dict(zip(counts_found["n_qubits"], counts_found["p_c"], strict=True)), short)
    return fig


def solved_shares(
    ax: Axes, shares: pd.DataFrame, series: str, looks: Looks, *, x: str = "n_params", bands: bool = True
) -> None:
    """Draw shares of solved starts with their intervals.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        Columns `series`, `x`, share, and with bands low and high, as of `transitions.solved_shares`.
    series : str
    looks : mapping
    x : str
        What they are drawn against: n_params, or a ratio to the critical count.
    bands : bool
        Whether the intervals are drawn, as bands.
    """
    for rows, look in _lines(shares, series, looks, x):
        ax.plot(rows[x], rows["share"], **look)
        if bands:
            ax.fill_between(rows[x], rows["low"], rows["high"], color=look.get("color"), alpha=0.15, lw=0)
    ax.set(xlabel=COUNT if x == "n_params" else RATIO, ylim=(-0.03, 1.03))
    ax.set_ylabel(f"share of starts solved, $E<{_power(SOLVED)}$")


def mean_losses(
    ax: Axes,
    shares: pd.DataFrame,
    series: str,
    looks: Looks,
    *,
    x: str = "n_params",
    floor: float = SOLVED / 10,
) -> None:
    """Draw mean losses at the ends of searches on a logarithmic scale; means below `floor` lie on it.

    Parameters
    ----------
    ax, series, looks, x
        As for `solved_shares`.
    shares : DataFrame
        Columns `series`, `x` and loss.
    floor : float
        The lowest value on the axis.
    """
    for rows, look in _lines(shares, series, looks, x):
        ax.plot(rows[x], rows["loss"].clip(lower=floor), **look)
    ax.axhline(SOLVED, color="0.6", lw=0.8, zorder=0)
    ax.set(xlabel=COUNT if x == "n_params" else RATIO, ylabel="mean loss E of minima")
    ax.set(yscale="log", ylim=(0.5 * floor, None))  # so that marks at the floor are whole


def name_onsets(ax: Axes, places: Mapping[Any, float], looks: Looks) -> None:
    """Write the names of series above the panel, each where its curve rises; those without a place are left out.

    Call it when the figure is complete: a name that would lie on the one to its left is moved up a line.

    Parameters
    ----------
    ax : Axes
    places : mapping
        Value of the series -> place on the horizontal axis, such as its critical count; NaN is no place.
    looks : mapping
        With color and label.
    """
    ends: list[float] = []  # of the names so far, line by line, in pixels
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    for value, place in sorted(places.items(), key=lambda item: item[1]):
        if not np.isfinite(place):
            continue
        text = ax.annotate(
            str(looks[value]["label"]),
            (place, 1),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            color=looks[value].get("color"),
            fontsize=figures.SMALLEST,
        )
        box = text.get_window_extent()
        line = next((i for i, end in enumerate(ends) if box.x0 > end + 3), len(ends))
        text.set_position((0, 3 + 1.2 * figures.SMALLEST * line))
        ends[line:] = [box.x1, *ends[line + 1 :]]


def counts(
    ax: Axes, table: pd.DataFrame, x: str, predictions: Looks, *, measured: Mapping[str, Any] | None = None
) -> None:
    """Draw critical counts with their intervals, and what is predicted for them, on a logarithmic scale.

    Parameters
    ----------
    ax : Axes
    table : DataFrame
        Columns `x`, p_c, low and high as of `transitions.critical_counts`, and those of the predictions.
    x : str
        What they are drawn against, such as the number of qubits or a rank.
    predictions : mapping
        Column -> how its line is drawn.
    measured : mapping, optional
        How the measured counts are drawn, in place of black points with the label "measured".
    """
    order = table.sort_values(x)
    for name, look in predictions.items():
        ax.plot(order[x], order[name], **look)
    points = {"color": "black", "marker": "o", "ls": "", "label": "measured", "zorder": 5}
    figures.points(ax, order, x, "p_c", error=("low", "high"), **(measured or points))
    ax.set(yscale="log", ylabel="critical count")


def _lines(
    table: pd.DataFrame, series: str, looks: Looks, x: str
) -> list[tuple[pd.DataFrame, dict[str, Any]]]:
    """Rows of each value of the series in the order of `looks`, those that have a place on the axis, and its look."""
    known = table[np.isfinite(table[x])].sort_values(x)
    return [(known[known[series] == value], dict(look)) for value, look in looks.items()]


def _power(value: float) -> str:
    return f"10^{{{round(np.log10(value))}}}"
