"""Panels of losses at random angles: their law, the third moment, the gradient given the loss, and the correlation.

Each draws a table of `field.loss_laws`; models have the same look in all of them, in the order of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from qgmutils.report import figures

SCALED = r"scaled loss $(E-1)\sqrt{m}$"
FIELD: dict[str, Any] = {"color": "black", "lw": 1.0}
"""Lines of the field, where it has one line for all models."""


def distribution(ax: Axes, histograms: pd.DataFrame) -> None:
    """Histograms of losses as steps, with the field's Gamma(m, rate m) as lines: `loss_laws.histogram_table`."""
    for style, rows in _models(histograms):
        edges = [*rows["left"], rows["right"].iloc[-1]]
        ax.stairs(rows["density"], edges, fill=True, color=style["color"], alpha=0.3, lw=0)
        middle = (rows["left"] + rows["right"]) / 2
        first = rows.iloc[0]
        label = f"{first['hamiltonian']}\n$m$ = {first['m']:.1f}"
        ax.plot(middle, rows["field"], color=style["color"], ls=style["ls"], label=label)
    first = histograms.iloc[0]
    ax.set(xlabel=SCALED, ylabel="density", ylim=(0, 1.15 * histograms[["density", "field"]].max(axis=None)))
    ax.set_title(f"Losses: $n$ = {first['n_qubits']}, $p$ = {first['n_params']}")
    ax.legend(
        title=f"lines: the field\n{first['samples']:,} losses each",
        alignment="left",
        title_fontsize=figures.SMALLEST,
    )


def third_moment(ax: Axes, laws: pd.DataFrame) -> None:
    """Skewness of the loss (full) and slope of the squared gradient (open) over the field's, at every size.

    `laws` is a `loss_laws.law_table` at one number of angles; bars are two standard errors.
    """
    ax.axhline(1, **FIELD)
    for style, rows in _models(laws):
        ax.plot(rows["n_qubits"], rows["slope_exact"], color=style["color"], ls="--", lw=0.8)
        for name, shift, fill in (("skewness", -0.08, style["color"]), ("slope", 0.08, "white")):
            ax.errorbar(
                rows["n_qubits"] + shift,
                rows[name],
                2 * rows[f"{name}_se"],
                **(style | {"ls": ""}),
                mfc=fill,
            )
        last = rows.iloc[-1]
        at = last["n_qubits"], last["slope_exact"] - 0.05
        _note(ax, last["hamiltonian"], at, (-12, -2), style["color"], ha="right", va="top")
    sizes = sorted(set(laws["n_qubits"]))
    _note(ax, "random field", (sizes[0], 1), (0, 3), "black", va="bottom")
    ax.set(xlabel="qubits $n$", ylabel="value / that of the field", xticks=sizes)
    ax.set_xlim(sizes[0] - 0.5, sizes[-1] + 0.5)
    ax.set_title("Skewness (full), gradient's slope (open)")


def gradient(ax: Axes, bins: pd.DataFrame) -> None:
    """Mean squared gradient against the loss, in units in which the field has y = x: `loss_laws.gradient_table`."""
    ends = np.array([bins["x"].min(), bins["x"].max()])
    ax.plot(ends, ends, **FIELD)
    _note(ax, "random field", (ends[1], ends[1]), (-6, 0), "black", ha="right", va="center")
    for style, rows in _models(bins):
        ax.plot(rows["x"], rows["exact"], color=style["color"], ls="--", lw=0.8)
        points = style | {"ls": "", "label": rows["hamiltonian"].iloc[0]}
        ax.errorbar(rows["x"], rows["y"], 2 * rows["se"], **points)
    first = bins.iloc[0]
    ax.set(xlabel=SCALED, ylabel=r"$(\frac{m}{2}\,\overline{(\partial_iE)^2}-1)\,\sqrt{m}$")
    ax.set_title(f"Gradient given the loss: $n$ = {first['n_qubits']}, $p$ = {first['n_params']}")
    ax.legend(loc="upper left")


def correlation(ax: Axes, rays: pd.DataFrame) -> None:
    """Correlation of the loss against distance, with the field's as lines, one a number of angles: `ray_table`."""
    counts = sorted(set(rays["n_params"]))
    for shade, (_, rows) in zip(figures.shades(len(counts)), rays.groupby("n_params"), strict=True):
        field = rows.groupby("distance")["field"].mean()
        ax.plot(field.index, field, color=shade, lw=1, zorder=0)
    for style, rows in _models(rays):
        for number, (_, points) in enumerate(rows.groupby("n_params")):
            x = points["distance"] + 0.04 * (number - (len(counts) - 1) / 2)
            label = rows["hamiltonian"].iloc[0] if number == 0 else None
            look: dict[str, Any] = style | {"ls": "", "ms": 3, "label": label}
            ax.errorbar(x, points["observed"], 2 * points["se"], **look)
    ax.set(xlabel=r"distance $|\theta-\theta'|$ (rad)", ylabel="correlation of the loss")
    ax.set_title(f"Correlation: $n$ = {rays['n_qubits'].iloc[0]}, $p$ = {', '.join(map(str, counts))}")
    ax.legend(title="lines: the field", alignment="left", title_fontsize=figures.SMALLEST)


def _models(table: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Look and rows of every model."""
    for number, (_, rows) in enumerate(table.groupby("model", sort=False)):
        yield figures.look(number), rows


def _note(
    ax: Axes, text: str, at: tuple[float, float], shift: tuple[float, float], color: str, **style: Any
) -> None:
    """Text beside a point, shifted by points."""
    ax.annotate(
        text,
        at,
        shift,
        textcoords="offset points",
        color=color,
        fontsize=figures.SMALLEST,
        **style,
    )
