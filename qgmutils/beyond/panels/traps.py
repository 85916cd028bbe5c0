"""Panels of traps and expressivity: mean minima, global minima of circuits, and what is known about these in advance.

The tables are those of `beyond.traps.expressivity`, gaps with forecasts, and the column fraction, p / p_c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.report import figures
from qgmutils.report.panels.critical_counts import size_looks

MEAN, LOWEST = figures.COLORS[0], figures.COLORS[5]


def expressivity(gaps: pd.DataFrame, *, title: str) -> Figure:
    """The figure of notebook 09: energies at the largest size, and the trap at all sizes.

    Parameters
    ----------
    gaps : DataFrame
    title : str
        Of the first panel, such as the name of the Hamiltonian.

    Returns
    -------
    Figure
    """
    fig, axes = figures.mosaic("aaa;bcd", height=6.0, height_ratios=[1.35, 1])
    energies(axes["a"], gaps[gaps["n_qubits"] == gaps["n_qubits"].max()])
    axes["a"].set_title(title)
    trap_share(axes["b"], gaps)
    trap(axes["c"], gaps)
    reached(axes["d"], gaps)
    return fig


def energies(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw the mean minimum, the circuits' lowest one, the trap between them, and what is known from below.

    Lowest minima are filled where most searches are settled; the others are upper bounds.

    Parameters
    ----------
    ax : Axes
    rows : DataFrame
        Of one size: fraction, settled, typical and lowest with their ends, one, least and volume.
    """
    x, bottom = rows["fraction"], rows["lowest"].min() / 10
    ax.set(yscale="log", ylim=(bottom, 1.3), xlim=(x.min() - 0.02, 1), xlabel="$p/p_c$", ylabel="energy E")
    ax.fill_between(x, rows["lowest"], rows["typical"], color=MEAN, alpha=0.15, lw=0)
    ax.fill_between(x, bottom, rows["least"], color="0.9", lw=0)
    settled = rows["settled"] > 0.5
    for name, color, marker in (("typical", MEAN, "o"), ("lowest", LOWEST, "s")):
        ends = (f"{name}_low", f"{name}_high")
        figures.points(ax, rows, "fraction", name, error=ends, color=color, marker=marker)
    open_ones = rows[~settled]
    ax.plot(open_ones["fraction"], open_ones["lowest"], "s", color=LOWEST, mfc="white", zorder=3)
    ax.plot(x, rows["one"], color="black", label="one minimum expected below: $e_1$")
    ax.plot(x, rows["volume"], color="0.35", ls="--", label="bound from volumes, 95 %")
    last, size = rows.iloc[-1], 9
    for name, color, text in (("typical", MEAN, "mean minimum"), ("lowest", LOWEST, _lowest(settled))):
        place = (last["fraction"], last[name])
        ax.annotate(text, place, (8, 0), textcoords="offset points", color=color, va="center", fontsize=size)
    wide = rows.iloc[int(np.argmax(rows["typical"] / rows["lowest"] * (x < x.max())))]
    middle = np.sqrt(wide["typical"] * wide["lowest"])
    ax.text(wide["fraction"], middle, "trap", color=MEAN, ha="center", va="center", fontsize=size)
    ax.text(0.04, 0.3, "out of reach of 95 % of circuits", transform=ax.transAxes, color="0.3", fontsize=size)
    ax.legend(loc="lower left")


def _lowest(settled: pd.Series) -> str:
    """What the lowest minima are, by whether searches are settled."""
    if settled.all():
        return "circuit's global minimum"
    return (
        "circuit's global minimum\n(open: lowest found)" if settled.any() else "lowest found\n(upper bound)"
    )


def trap_share(ax: Axes, gaps: pd.DataFrame) -> None:
    """Draw the part of the mean minimum's energy that is trap; dashed: with e_1 in place of the lowest minimum."""
    predicted = (gaps["typical"] - gaps["one"]) / gaps["typical"]
    _sizes(ax, gaps.assign(predicted=predicted), "share", "predicted", look={"marker": ""})
    ax.plot([], [], "--", color="0.3", label="with $e_1$")
    ax.set(ylabel="trap / mean minimum", ylim=(0, 1.02))
    ax.legend(loc="upper left", handlelength=1.8)


def trap(ax: Axes, gaps: pd.DataFrame) -> None:
    """Draw the trap, the mean minimum above the lowest one; dashed: above e_1."""
    _sizes(ax, gaps.assign(predicted=gaps["typical"] - gaps["one"]), "trap", "predicted", look={"marker": ""})
    ax.set(ylabel="trap: mean − lowest, E", ylim=(0, None))


def reached(ax: Axes, gaps: pd.DataFrame) -> None:
    """Draw the share of starts that end in the lowest minimum; dashed: within 0.01 of it."""
    _sizes(ax, gaps, "reached", "near", look={"mfc": "white"})
    solid: dict[str, Any] = {"marker": "o", "ms": 3, "color": "0.3"}
    kinds = {"in the lowest minimum": solid, "within 0.01 of it": solid | {"ls": "--", "mfc": "white"}}
    lines = [ax.plot([], [], **kind)[0] for kind in kinds.values()]
    ax.set(yscale="log", ylabel="share of starts")
    ax.legend(lines, kinds.keys(), loc="lower center", bbox_to_anchor=(0.5, 1), handlelength=1.8)


def _sizes(ax: Axes, gaps: pd.DataFrame, name: str, dashed: str, *, look: dict[str, Any]) -> None:
    """Draw a column with its ends against p / p_c, and another one dashed, a shade for each size."""
    for n, shade in size_looks(gaps["n_qubits"]).items():
        rows = gaps[gaps["n_qubits"] == n]
        figures.points(ax, rows, "fraction", name, error=(f"{name}_low", f"{name}_high"), **shade)
        ax.plot(rows["fraction"], rows[dashed], **shade | {"ls": "--", "label": "_"} | look)
    ax.set(xlabel="$p/p_c$", xlim=(0, 1))
