"""Panels of notebook 18: transitions and counts within sectors, and of QAOA.

The tables are those of `beyond.counts.sectors` and `ensembles.transitions`, with the columns of `sectors.Case`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.beyond.counts.sectors import SYMMETRIES
from qgmutils.report import figures
from qgmutils.report.panels import critical_counts

_MARKS = {"sector": 0, "register": 2, "QAOA": 3}


def reduction(shares: pd.DataFrame, counts: pd.DataFrame, reduced: pd.DataFrame) -> Figure:
    """The figure of notebook 18.

    Parameters
    ----------
    shares, counts : DataFrame
        Of `transitions.solved_shares` and `critical_counts` by the columns of `sectors.Case`, the former also by
        offset (p - equations).
    reduced : DataFrame
        Of `sectors.reductions`.

    Returns
    -------
    Figure
    """
    fig, axes = figures.page(2, 2, height=6.2)
    sectors_solved(axes[0, 0], shares[shares["case"].isin(reduced["case"])])
    measured_counts(axes[0, 1], counts)
    bars(axes[1, 0], reduced, counts)
    cuts_solved(axes[1, 1], shares[shares["family"] == "QAOA"])
    return fig


def sectors_solved(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw shares solved against p, with 2 (d - g) dotted and 2m - 2 dashed, in a colour for each model.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        Columns case, dimension, equations, field_count, n_params, share, low and high.
    """
    models = shares.drop_duplicates("case").sort_values("equations")
    looks = {
        row["case"]: figures.look(i) | {"ls": "-", "ms": 3, "lw": 1, "label": f"d = {row['dimension']}"}
        for i, row in enumerate(models.to_dict("records"))
    }
    critical_counts.solved_shares(ax, shares, "case", looks)
    for row in models.to_dict("records"):
        color = looks[row["case"]]["color"]
        ax.axvline(row["equations"], color=color, ls=":", lw=0.9, zorder=0)
        ax.axvline(row["field_count"], color=color, ls="--", lw=0.9, zorder=0)
    ax.plot([], [], ls=":", color="0.3", lw=0.9, label="2(d − g)")
    ax.plot([], [], ls="--", color="0.3", lw=0.9, label="2m − 2")
    ax.set_xscale("log")
    ax.set_xlim(models["equations"].min() * 0.85, None)
    plain = [tick for tick in (2, 5, 10, 20, 50, 100, 200, 500) if tick <= 1.2 * shares["n_params"].max()]
    ax.set_xticks(plain, [str(tick) for tick in plain])
    ax.set_xticks([], minor=True)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[-2:], labels[-2:], loc="center right", frameon=True, edgecolor="none", framealpha=1)
    critical_counts.name_onsets(ax, dict(zip(models["case"], models["equations"], strict=True)), looks)


def measured_counts(ax: Axes, counts: pd.DataFrame) -> None:
    """Draw measured critical counts, and 2m - 2 as crosses, against 2 (d - g), with the diagonal.

    Parameters
    ----------
    ax : Axes
    counts : DataFrame
        Columns family, equations, field_count, p_c, low and high.
    """
    ends = np.array([counts["equations"].min() * 0.8, counts["equations"].max() * 1.25])
    ax.plot(ends, ends, color="0.6", lw=0.9, zorder=0)
    ax.plot(counts["equations"], counts["field_count"], "x", color="0.55", ms=4, label="2m − 2")
    for family, order in _MARKS.items():
        rows = counts[counts["family"] == family]
        if len(rows):
            look: dict[str, Any] = figures.look(order) | {"ls": "", "ms": 5, "mfc": "none"}
            figures.points(ax, rows, "equations", "p_c", error=("low", "high"), **look, label=family)
    ax.set(xscale="log", yscale="log", xlabel="2(d − g)", ylabel="critical count")
    plain = [tick for tick in (2, 5, 10, 20, 50, 100, 200) if ends[0] <= tick <= ends[1]]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([], minor=True)
    ax.set_xticks(plain, [str(tick) for tick in plain])
    high = [2, 5, 10, 20, 50, 100, 200, 500]
    ax.set_yticks(high, [str(tick) for tick in high])
    ax.set_ylim(ends[0], 1.4 * max(counts["field_count"].max(), ends[1]))
    ax.legend(loc="upper left")


def bars(ax: Axes, reduced: pd.DataFrame, counts: pd.DataFrame) -> None:
    """Draw 2m - 2 and 2 (d - g) with more and more symmetries as bars, and measured critical counts as points.

    Parameters
    ----------
    ax : Axes
    reduced : DataFrame
        As of `sectors.reductions`.
    counts : DataFrame
        Columns case and p_c.
    """
    measured = dict(zip(counts["case"], counts["p_c"], strict=True))
    sizes = sorted(reduced["n_sites"].unique())
    places, names = [], []
    for row in reduced.to_dict("records"):
        place = SYMMETRIES.index(row["symmetries"]) + 3.6 * sizes.index(row["n_sites"])
        ax.bar(place - 0.2, 2 * row["m"] - 2, 0.38, color=figures.COLORS[1])
        ax.bar(place + 0.2, row["equations"], 0.38, color=figures.COLORS[0])
        if row["case"] in measured:
            ax.plot(place + 0.2, measured[row["case"]], "o", color="black", ms=4)
        places.append(place)
        names.append(f"d = {row['dimension']}")
    for number, sites in enumerate(sizes):
        ax.text(1 + 3.6 * number, 1.02, f"{sites} sites", transform=ax.get_xaxis_transform(), ha="center")
    ax.set(yscale="log", ylabel="number of parameters p", ylim=(1, None))
    ax.set_xticks(places, names, rotation=35, ha="right", rotation_mode="anchor")
    for color, label in zip(figures.COLORS[1::-1], ("2m − 2", "2(d − g)"), strict=True):
        ax.bar(0, 0, color=color, label=label)
    ax.plot([], [], "o", color="black", ms=4, label="measured")
    ax.legend(loc="upper left", ncols=1)


def cuts_solved(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw shares solved by QAOA against p - 2 (d - g), a line for each graph.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        Columns case, dimension, offset, share, low and high.
    """
    looks = {
        name: figures.look(i) | {"ls": "-", "ms": 3, "lw": 1, "label": name}
        for i, name in enumerate(shares["case"].unique())
    }
    critical_counts.solved_shares(ax, shares, "case", looks, x="offset")
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set(xlim=(-20, 12), xlabel="p − 2(d − g)")
    ax.legend(loc="upper left", title="QAOA")
