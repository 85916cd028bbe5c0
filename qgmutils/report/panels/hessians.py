"""Panels of spectra of half the Hessian, at random angles and at minima, and of the index against the loss.

They draw tables of `field.hessians`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from qgmutils.field import spectra
from qgmutils.field.hessians import limiting_index
from qgmutils.report import figures

THEORIES: dict[str, dict[str, Any]] = {
    "whrf": {"color": "black", "lw": 1.2, "label": "field: minima at these $E$"},
    "tangent": {"color": figures.COLORS[3], "lw": 1.2, "ls": "--", "label": "tangent theory"},
}
"""Columns of `hessians.density_table` that are histograms of random matrices."""


def graded(ax: Axes, densities: pd.DataFrame) -> None:
    """Spectra at random angles of low and of high loss, with the field's limiting density as lines."""
    for number, (_, rows) in enumerate(densities.groupby("part", sort=False)):
        first, style = rows.iloc[0], figures.look(number)
        _histogram(ax, rows, style["color"])
        label = f"{first['low']:.2f} ≤ $E$ ≤ {first['high']:.2f}\n{first['count']} points"
        ax.plot(_middle(rows), rows["limit"], color=style["color"], ls=style["ls"], label=label)
    _label(ax, densities)
    ax.legend(loc="upper left", title=r"lines: field, $p\to\infty$", **_LEGEND)


def minima(ax: Axes, densities: pd.DataFrame, *, series: int) -> None:
    """Spectrum at minima with the theories' as lines; `series` is the model's number, for its colour."""
    first = densities.iloc[0]
    _histogram(ax, densities, figures.look(series)["color"])
    for column, style in THEORIES.items():
        ax.stairs(densities[column], _edges(densities), baseline=None, **style)
    ax.plot(_middle(densities), densities["limit"], color="black", ls=":", label=r"field, $p\to\infty$")
    _label(ax, densities)
    ax.legend(loc="upper right", title=f"{first['count']} minima, mean $E$ = {first['mean']:.2f}", **_LEGEND)


def index(ax: Axes, bins: pd.DataFrame, found: pd.DataFrame) -> None:
    """Share of negative eigenvalues at random angles against the loss, with the field's limit as lines.

    Parameters
    ----------
    ax : Axes
    bins : DataFrame
        A `hessians.index_table`.
    found : DataFrame
        Rows of a `hessians.density_table`, of which those at minima say where the minima lie: bars below zero.
    """
    for number, (model, rows) in enumerate(bins.groupby("model", sort=False)):
        style, first = figures.look(number), rows.iloc[0]
        label = f"{first['hamiltonian']}, $\\gamma$ = {first['gamma']:.2f}"
        ax.errorbar(rows["x"], rows["y"], 2 * rows["se"], **(style | {"ls": ""}), label=label)
        losses = np.linspace(0, 1.05 * rows["x"].max(), 100)
        ax.plot(losses, limiting_index(first["gamma"], losses), color=style["color"], ls=style["ls"])
        threshold = float(spectra.threshold_energy(first["gamma"]))
        ax.plot(threshold, 0, "^", color=style["color"], mec="black", ms=6, zorder=5)
        bar = found[(found["model"] == model) & (found["points"] == "minimum")].iloc[0]
        height = -0.05 - 0.06 * number
        ax.plot([bar["low"], bar["high"]], [height] * 2, color=style["color"], lw=3)
    # The last model's stand for all.
    note: dict[str, Any] = {"textcoords": "offset points", "fontsize": figures.SMALLEST}
    ax.annotate(r"$E_\mathrm{th}$", (threshold, 0), (-6, 4), ha="right", **note)
    ax.annotate("minima found", (bar["high"], height), (4, 0), va="center", **note)
    ax.set(xlabel="loss $E$", ylabel="negative eigenvalues / $p$", ylim=(-0.15, 1))
    ax.legend(loc="upper left", title=r"lines: field, $p\to\infty$", **_LEGEND)


_LEGEND: dict[str, Any] = {"alignment": "left", "title_fontsize": figures.SMALLEST}


def _histogram(ax: Axes, rows: pd.DataFrame, color: str) -> None:
    ax.stairs(rows["sample"], _edges(rows), fill=True, color=color, alpha=0.3, lw=0)


def _label(ax: Axes, rows: pd.DataFrame) -> None:
    """Names of the axes, and room for a legend above the densities."""
    top = rows[["sample", "limit", "whrf", "tangent"]].max(axis=None)
    ax.set(xlabel="eigenvalue of Hessian / 2", ylabel="density", ylim=(0, 1.45 * top))


def _edges(rows: pd.DataFrame) -> list[float]:
    return [*rows["left"], rows["right"].iloc[-1]]


def _middle(rows: pd.DataFrame) -> pd.Series:
    return (rows["left"] + rows["right"]) / 2
