"""Panels of critical points of the random field: counts of every index, complexity and mean energy of minima.

They draw tables of `field.count_tables`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from qgmutils.field import kac_rice, spectra
from qgmutils.report import figures


def counts(ax: Axes, table: pd.DataFrame) -> None:
    """Critical points per field by index: Kac-Rice as lines, enumeration as points with bars of 3 standard errors."""
    for number, (_, rows) in enumerate(table.groupby(["p", "m"], sort=False)):
        first, style = rows.iloc[0], figures.look(number)
        points: dict[str, Any] = style | {"ls": ""}
        ax.errorbar(rows["index"], rows["enumerated"], 3 * rows["enumerated_stderr"], **points)
        label = f"$p$ = {first['p']:g}, $m$ = {first['m']:g}\n{first['fields']:g} fields"
        ax.plot(rows["index"], rows["kac_rice"], **(style | {"marker": "", "label": label}))
    last = table["index"].max()
    ax.set(xticks=range(last + 1), xlim=(-0.2, last + 1.8), yscale="log")
    ax.set(xlabel="index: negative Hessian eigenvalues", ylabel="critical points per field")


def complexity(ax: Axes, densities: pd.DataFrame) -> None:
    """Complexity of minima against energy, one line a number of angles, with its limit up to the threshold."""
    groups = densities.groupby("p")
    for shade, (p, rows) in zip(figures.shades(len(groups)), groups, strict=True):
        ax.plot(rows["energy"], rows["complexity"], color=shade, label=f"$p$ = {p}")
    gamma = float(densities["gamma"].iloc[0])
    threshold = float(spectra.threshold_energy(gamma))
    below = np.linspace(densities["energy"].min(), threshold, 100)
    limit = kac_rice.complexity(gamma, below)
    ax.plot(below, limit, "k--", label=r"$p\to\infty$")
    ax.axvline(threshold, color="black", lw=0.7, ls=":")
    low = -3.5
    ax.annotate(
        r"$E_\mathrm{th}$", (threshold, low), (3, 3), textcoords="offset points", fontsize=figures.SMALLEST
    )
    ax.set(xlabel="energy $E$", ylabel=r"$\frac{1}{p}\,\ln\rho_0(E)-\frac{1}{2}\ln p$", ylim=(low, None))
    ax.set_title(f"Complexity of minima, $\\gamma$ = {gamma:g}")
    ax.legend(loc="lower right")


def mean_energies(ax: Axes, minima: pd.DataFrame) -> None:
    """Mean energy of minima against p^-1/2, labelled with their number, and its limit at the left (open)."""
    for number, (gamma, rows) in enumerate(minima.groupby("gamma", sort=False)):
        good, style = rows[rows["resolved"]], figures.look(number)
        x, label = 1 / np.sqrt(good["p"]), f"$\\gamma$ = {gamma:g}"
        ax.errorbar(x, good["mean_energy"], 3 * good["mean_energy_stderr"], **style, label=label)
        limit: dict[str, Any] = {"color": style["color"], "marker": style["marker"], "clip_on": False}
        ax.plot(0, rows["threshold"].iloc[0], mfc="white", zorder=5, **limit)
        for at, energy, count in zip(x, good["mean_energy"], good["count"], strict=True):
            text = f"{count:.0f}" if count < 1000 else f"$10^{{{np.log10(count):.0f}}}$"
            note: dict[str, Any] = {
                "textcoords": "offset points",
                "ha": "center",
                "fontsize": figures.SMALLEST,
            }
            ax.annotate(text, (at, energy), (0, 5), **note)
    sizes = sorted(set(minima["p"]))
    ax.set_xticks([0, *(1 / np.sqrt(sizes))], ["∞", *map(str, sizes)])
    top = np.nanmax(minima[["threshold", "mean_energy"]])
    ax.set(
        xlim=(0, None), ylim=(0, 1.3 * top), xlabel=r"angles $p$, at $1/\sqrt{p}$", ylabel="mean energy $E$"
    )
    ax.set_title("Mean energy of minima, with their number")
    ax.legend(loc="upper left", ncols=2)
