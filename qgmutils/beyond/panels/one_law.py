"""Panels of the one law: transitions on one axis, measured against predicted counts, and where transitions end.

The tables are those of `beyond.counts.one_law`; a class has the colour of its group.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.beyond.counts.one_law import CASE, CLASSES
from qgmutils.report import figures

GROUPS = list(dict.fromkeys(group for group, _ in CLASSES.values()))


def look(group: str) -> dict[str, Any]:
    """Colour and marker of a group, without a line."""
    return figures.look(GROUPS.index(group)) | {"ls": ""}


def law(shares: pd.DataFrame, ranks: pd.DataFrame, counts: pd.DataFrame) -> Figure:
    """The figure of notebook 13: `transitions`, `measured` and `ends`."""
    fig, axes = figures.mosaic("ac;bc", height=6.6, width_ratios=[1, 0.85])
    transitions(axes["a"], shares)
    measured(axes["b"], ranks)
    ends(axes["c"], counts)
    return fig


def transitions(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw the share of solved starts against p / c, one line a case; crosses and dashed lines are not generic.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        Columns `CASE`, group, generic, predicted, n_params, share.
    """
    for _, rows in shares.groupby(CASE, sort=False):
        first = rows.iloc[0]
        color, x = look(first["group"])["color"], rows["n_params"] / rows["predicted"]
        ax.plot(
            x, rows["share"], color=color, lw=0.6, alpha=0.25, ls="-" if first["generic"] else (0, (4, 2))
        )
        ax.plot(x, rows["share"], "." if first["generic"] else "P", ms=4, mew=0, color=color, alpha=0.7)
    ax.axvline(1, color="0.4", lw=0.8, zorder=0)
    ax.set(xscale="log", xlim=(0.45, 4), xlabel="p / c", ylabel="share of starts solved", ylim=(-0.03, 1.03))
    ax.set_xticks([0.5, 1, 2, 4], labels=["0.5", "1", "2", "4"])
    ax.minorticks_off()


def measured(ax: Axes, ranks: pd.DataFrame) -> None:
    """Draw ranks of the Hessian at zeros against predicted counts; crosses are naive counts that differ from them.

    Parameters
    ----------
    ax : Axes
    ranks : DataFrame
        Columns group, predicted, naive, measured.
    """
    ends = [0.7, 1.4 * ranks["predicted"].max()]
    ax.plot(ends, ends, color="0.6", lw=0.8, zorder=0)
    for group, rows in ranks.groupby("group", sort=False):
        ax.plot(rows["predicted"], rows["measured"], ms=4, mfc="none", label=group, **look(str(group)))
    other = ranks[ranks["naive"] != ranks["predicted"]]
    ax.plot(other["naive"], other["measured"], "x", color="0.35", ms=4, label="naive count")
    ax.set(xscale="log", yscale="log", xlabel="c, predicted", ylabel="c, rank of the Hessian at zeros")
    ax.legend(handletextpad=0.2, borderpad=0)


def ends(ax: Axes, counts: pd.DataFrame) -> None:
    """Draw where half (mark) and 97 % (bar's end) of the starts are solved over c, for the largest size of each class.

    Parameters
    ----------
    ax : Axes
    counts : DataFrame
        Columns `CASE`, group, predicted, dimension, p_c, low, high, p_most.
    """
    largest = counts.sort_values("n_qubits").groupby("model", sort=False).tail(1)
    order = [name for name in CLASSES if name in set(largest["model"])]
    rows = largest.set_index("model").loc[order[::-1]]
    for y, (_, row) in enumerate(rows.iterrows()):
        c, style = row["predicted"], look(row["group"])
        ax.plot([1, row["p_most"] / c], [y, y], color=style["color"], lw=4, alpha=0.3, solid_capstyle="butt")
        ax.plot([row["low"] / c, row["high"] / c], [y, y], color=style["color"], lw=1.2)
        ax.plot(row["p_c"] / c, y, ms=4, **style)
        if row["dimension"] <= 4 * c:
            ax.plot(row["dimension"] / c, y, "|", color="0.2", ms=7)
    ax.axvline(1, color="0.4", lw=0.8, zorder=0)
    ax.set_yticks(
        np.arange(len(rows)),
        labels=[f"{name}, c = {c}" for name, c in zip(rows.index, rows["predicted"], strict=True)],
        fontsize=7,
    )
    ax.set(xscale="log", xlim=(0.6, 4.4), ylim=(-0.7, len(rows) - 0.3), xlabel="p / c")
    ax.set_xticks([0.6, 1, 2, 4], labels=["0.6", "1", "2", "4"])
    ax.minorticks_off()
