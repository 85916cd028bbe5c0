"""Critical points of the random field: numbers by index, complexity of minima, their mean energy at large p."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from qgmutils.field.kac_rice import complexity
from qgmutils.report import figures


def numbers(ax: Axes, counts: pd.DataFrame) -> None:
    """Critical points per field by index: lines from the formula, markers with three standard errors enumerated.

    Parameters
    ----------
    ax : Axes
    counts : DataFrame
        As `counting.counts_of_every_index` returns.
    """
    for number, (_, rows) in enumerate(counts.groupby(["p", "m"], sort=False)):
        style, first = figures.look(number), rows.iloc[0]
        label = f"p = {first['p']:.0f}, m = {first['m']:g}: {first['fields']:.0f} fields"
        ax.plot(rows["index"], rows["kac_rice"], color=style["color"], ls=style["ls"])
        bars = rows.assign(three=3 * rows["enumerated_stderr"])
        figures.points(ax, bars, "index", "enumerated", error="three", **style | {"ls": "", "label": label})
    ax.set(yscale="log", ylim=(0.8, 10 * counts["enumerated"].max()), xticks=range(counts["index"].max() + 1))
    ax.set(xlabel="index (negative eigenvalues of the Hessian)", ylabel="critical points per field")
    ax.legend(loc="upper left")


def complexities(ax: Axes, density: pd.DataFrame) -> None:
    """Logarithm of the density of minima per angle, with its limit up to the threshold energy.

    Parameters
    ----------
    ax : Axes
    density : DataFrame
        As `counting.minima_at_ratios` returns. Energies that are not resolved are crosses at the lower edge.
    """
    (gamma,) = density["gamma"].unique()
    threshold = float(density["threshold"].iloc[0])
    below = np.linspace(density["energy"].min(), threshold, 100)
    limit = complexity(gamma, below)
    ax.plot(below, limit, "k--", label="limit")
    ax.axvline(threshold, color="0.6", lw=0.8, zorder=0)
    place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    ax.annotate("$E_{th}$", (threshold, 0), (3, 4), fontsize=figures.SMALLEST, **place)
    rows = density.assign(height=density["log_density"] / density["p"] - np.log(density["p"]) / 2)
    known = rows[rows["resolved"]]
    floor = min(known["height"].min(), limit.min()) - 0.3
    for number, (color, (p, group)) in enumerate(
        zip(figures.shades(density["p"].nunique()), rows.groupby("p"), strict=True)
    ):
        ax.plot(group["energy"], group["height"].where(group["resolved"]), color=color, label=f"p = {p}")
        refused = group.loc[~group["resolved"], "energy"]
        ax.plot(refused, np.full(len(refused), floor + 0.08 * number), "x", ms=3, color=color)
    ax.set(xlabel="E", ylabel=r"$\frac{1}{p}\,\ln\,\rho_0(E) - \frac{1}{2}\,\ln\,p$")
    ax.plot([], [], "x", ms=3, color="0.4", label="refused")
    ax.legend(loc="center right")


def mean_energies(ax: Axes, minima: pd.DataFrame) -> None:
    """Mean energy of minima against 1/sqrt(p), with three standard errors and the number of minima at each point.

    Parameters
    ----------
    ax : Axes
    minima : DataFrame
        As `counting.minima_at_ratios` returns. Squares at p = infinity are threshold energies, crosses beside them
        points that are not resolved.
    """
    for number, (gamma, rows) in enumerate(minima.groupby("gamma")):
        style = figures.look(number)
        shown = rows.sort_values("p", ascending=False)
        shown = shown.assign(x=shown["p"] ** -0.5, three=3 * shown["mean_energy_stderr"])
        good, bad = shown[shown["resolved"]], shown[~shown["resolved"]]
        figures.points(
            ax, good, "x", "mean_energy", error="three", **style | {"label": f"$\\gamma$ = {gamma:g}"}
        )
        ax.plot(0, rows["threshold"].iloc[0], "s", color=style["color"], mfc="none", clip_on=False)
        ax.plot(bad["x"], bad["threshold"], "x", color=style["color"])
        for x, y, count in good[["x", "mean_energy", "count"]].to_numpy():
            text = f"{count:.0f}" if count < 1000 else f"$10^{{{np.log10(count):.0f}}}$"
            place: dict[str, Any] = {
                "textcoords": "offset points",
                "ha": "center",
                "fontsize": figures.SMALLEST,
            }
            ax.annotate(text, (x, y), (0, 6), color="0.25", **place)
    counts = sorted(set(minima["p"]))
    ax.set_xticks([0, *[p**-0.5 for p in counts]], ["∞", *[str(p) for p in counts]])
    ax.set(xlim=(0, None), ylim=(0, 1.2 * np.nanmax(minima[["threshold", "mean_energy"]])))
    ax.set(xlabel="p, placed at $1/\\sqrt{p}$", ylabel="mean E of minima")
    figures.label_lines(ax)
