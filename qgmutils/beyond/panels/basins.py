"""How training weights minima: shares of starts, ratios of means, the gap to all minima, limits of large dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from qgmutils.report import figures

NO_DATA = "no data at these parameters"


def _plain(axis: Axis) -> None:
    """Ticks of a logarithmic axis at 1, 2, 5, 10 ..., as plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def shares(ax: Axes, minima: pd.DataFrame, weights: pd.DataFrame) -> None:
    """Share of starts that a minimum has, in units of an equal share, against its loss.

    Parameters
    ----------
    ax : Axes
    minima : DataFrame
        As `basin_weights.isolated` returns; those of the first Hamiltonian and size are drawn, with the most angles.
        A minimum without a start is a triangle, at a third of a start.
    weights : DataFrame
        As `basin_weights.weight_table` returns, with the law of the shares.
    """
    if minima.empty:
        ax.text(0.5, 0.5, NO_DATA, transform=ax.transAxes, ha="center")
        return
    law = weights
    for name in ("hamiltonian", "n_qubits"):
        first = minima[name].iloc[0]
        minima, law = minima[minima[name] == first], law[law[name] == first]
    most = minima["n_params"].max()
    minima, law = minima[minima["n_params"] == most], law[law["n_params"] == most]
    circuit = minima.groupby("circuit")
    offset = minima["loss"] - circuit["loss"].transform("mean")
    unit = circuit["trained"].transform("size") / circuit["trained"].transform("sum")
    share, none = minima["trained"] * unit, minima["trained"] == 0
    dots: dict[str, Any] = {"ls": "", "color": figures.COLORS[0], "alpha": 0.6, "mew": 0}
    ax.plot(
        offset[~none], share[~none], "o", **dots, label=f"{len(minima)} minima of {circuit.ngroups} circuits"
    )
    if none.any():
        ax.plot(offset[none], unit[none] / 3, "v", **dots, label=f"{none.sum()} of them, no start")
    x = np.linspace(offset.min(), offset.max(), 50)
    for slope, low, high in law[["slope", "slope_low", "slope_high"]].dropna().to_numpy():
        height = share.mean() / np.exp(slope * offset).mean()
        label = f"slope {slope:.1f} ({low:.1f} to {high:.1f})".replace("-", "−")
        ax.plot(x, height * np.exp(slope * x), color="black", label=label)
    ax.set(yscale="log", xlabel="E − mean E of the circuit's minima", ylabel="share of starts / equal share")
    _plain(ax.yaxis)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_ylim(bottom=ax.get_ylim()[0] / 2.5)  # room for the legend
    ax.legend(loc="lower left")


def ratios(ax: Axes, weights: pd.DataFrame) -> None:
    """Mean over starts / mean over minima, of `basin_weights.weight_table`; crosses: the gradient flow's starts."""
    for number, (_, rows) in enumerate(weights.groupby(["hamiltonian", "n_qubits"], sort=False)):
        shifted = rows.assign(
            at=rows["n_params"] + 0.06 * number, flow=rows["basin_ratio"] / rows["optimiser_ratio"]
        )
        style = figures.look(number) | {
            "mfc": "none",
            "label": "{hamiltonian}, n = {n_qubits}".format(**rows.iloc[0]),
        }
        figures.points(
            ax, shifted, "at", "basin_ratio", error=("basin_ratio_low", "basin_ratio_high"), **style
        )
        flow = {"marker": "x", "ls": "", "color": style["color"]}
        ax.plot(
            shifted["at"], shifted["flow"], **flow, label="_" if number else "gradient flow instead of BFGS"
        )
    ax.axhline(1, color="0.6", lw=0.8, zorder=0)
    ax.set(xlabel="number of parameters p", ylabel="mean over starts / over minima")
    ax.set_xticks(sorted(set(weights["n_params"])))
    ax.margins(x=0.15, y=0.1)
    low, high = ax.get_ylim()
    ax.set_ylim(
        low - 0.1 * (high - low) * (len(ax.get_legend_handles_labels()[1]) + 1), high
    )  # room for the legend
    ax.legend(loc="lower left", title=NO_DATA if weights.empty else None)


def gap(ax: Axes, means: pd.DataFrame) -> None:
    """Means of all and of trained minima, of `basin_weights.trained_below_all`, with two standard errors.

    Labels say by how many per cent trained means lie below the others.
    """
    for number, (name, label) in enumerate((("trained", "trained"), ("all", "all minima"))):
        style = figures.look(number) | {"label": label}
        ax.errorbar(means["p_over_critical"], means[name], 2 * means[f"{name}_error"], **style)
    for x, y, share in means[["p_over_critical", "trained", "gap"]].to_numpy():
        text = f"{-share:+.0%}".replace("-", "−")
        ax.annotate(
            text,
            (x, y),
            (-3, -10),
            textcoords="offset points",
            ha="right",
            fontsize=7,
        )
    ax.set(yscale="log", xlabel="$p/p_c$", ylabel="mean E")
    ax.margins(x=0.15, y=0.12)
    _plain(ax.yaxis)
    ax.legend(loc="lower left")


def limits(ax: Axes, trend: pd.DataFrame, ends: pd.DataFrame) -> None:
    """Trained means at fixed p/N against N^(-2/3), their limits left of 0, and the edge at each size.

    Parameters
    ----------
    ax : Axes
    trend : DataFrame
        As `extrapolation.limits_table` returns, with the energy of the edge in a column edge.
    ends : DataFrame
        The limits, in the same order of fractions.
    """
    for number, (fraction, rows) in enumerate(trend.groupby("fraction")):
        # Labels stand beside the last point, which has to be the rightmost one, of the smallest dimension.
        shown = rows.sort_values("n_qubits", ascending=False).assign(twice=2 * rows["error"])
        shown["x"] = 2.0 ** (-2 / 3 * shown["n_qubits"])
        style = figures.look(number)
        figures.points(
            ax, shown, "x", "mean", error="twice", **style | {"ls": "", "label": f"p = {fraction:g} N"}
        )
        ax.plot(
            shown["x"],
            shown["edge"],
            "_:",
            ms=7,
            lw=0.8,
            color=style["color"],
            label="_" if number else "edge",
        )
        limit = ends[ends["fraction"] == fraction].assign(x=-0.006)
        figures.points(ax, limit, "x", "estimate", error=("low", "high"), **style | {"mfc": "none"})
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set(xlabel="$N^{-2/3}$; left of 0: limit of large N", ylabel="mean trained E", ylim=(0, None))
    figures.label_lines(ax)
