"""Panels of learning a state: the transition, the number of minima, and the averaged Hessian."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.beyond.counts import state_learning
from qgmutils.report import figures
from qgmutils.report.panels import critical_counts

_RATIO = r"$p/(2N-2)$, angles per equation"


def learning(
    shares: pd.DataFrame, numbers: pd.DataFrame, curvature: pd.DataFrame, kept: pd.DataFrame, overlap: float
) -> Figure:
    """The figure of notebook 15.

    Parameters
    ----------
    shares : DataFrame
        Of `transitions.solved_shares` by n_qubits and ratio.
    numbers : DataFrame
        Of `state_learning.meetings`.
    curvature, kept : DataFrame
        Of `state_learning.means`: coefficient by n_qubits, dim and overlap; kept by n_qubits, n_params and dim.
    overlap : float
        v^2 at which the training of `kept` begins.

    Returns
    -------
    Figure
    """
    fig, axes = figures.page(2, 2, height=5.4)
    transition(axes[0, 0], shares)
    minima(axes[0, 1], numbers)
    averaged_hessian(axes[1, 0], curvature)
    loss_kept(axes[1, 1], kept, overlap)
    return fig


def transition(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw shares solved against p in units of 2N - 2, a shade for each size."""
    looks = critical_counts.size_looks(shares["n_qubits"])
    critical_counts.solved_shares(ax, shares, "n_qubits", looks, x="ratio")
    ax.axvline(1, color="0.6", lw=0.8, zorder=0)
    ax.set(xlabel=_RATIO, ylabel=r"share of starts solved, $L<10^{-8}$")
    ax.legend(loc="upper left")


def minima(ax: Axes, numbers: pd.DataFrame) -> None:
    """Draw the effective numbers of minima against p in units of 2N - 2; arrows where no two starts have met."""
    looks = critical_counts.size_looks(numbers["n_qubits"])
    for n, look in looks.items():
        rows = numbers[numbers["n_qubits"] == n].sort_values("ratio")
        ax.plot(rows["ratio"], rows["number"], **look)
        open_end = rows[rows["same"] == 0]
        ax.plot(open_end["ratio"], 1.5 * open_end["number"], "^", color=look["color"], ms=4, ls="")
    ax.axvline(1, color="0.6", lw=0.8, zorder=0)
    ax.set(xlabel=_RATIO, ylabel="effective number of minima", yscale="log", ylim=(0.8, None))
    ax.legend(loc="upper right")


def averaged_hessian(ax: Axes, curvature: pd.DataFrame) -> None:
    """Draw the averaged Hessian in units of F/2 against the loss, with the law, and where it changes its sign."""
    for n, look in critical_counts.size_looks(curvature["n_qubits"]).items():
        rows = curvature[curvature["n_qubits"] == n].assign(loss=lambda table: 1 - table["overlap"])
        line = np.linspace(0, 1, 2)
        dim = 2**n
        ax.plot(line, state_learning.mean_curvature(1 - line, dim), color=look["color"], lw=1)
        points = look | {"ls": "", "label": f"n = {n}, 0 at {1 - 1 / dim:.3g}"}
        figures.points(ax, rows, "loss", "coefficient", error="coefficient_error", **points)
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    ax.set(xlabel=r"loss $L = 1 - v^2$", ylabel=r"averaged Hessian / $\frac{1}{2}F$")
    ax.legend(loc="upper right")


def loss_kept(ax: Axes, kept: pd.DataFrame, overlap: float) -> None:
    """Draw what training from an overlap leaves of the loss, against p in units of 2N - 2, with 1 - p/(2N - 2)."""
    for n, look in critical_counts.size_looks(kept["n_qubits"]).items():
        rows = kept[kept["n_qubits"] == n].assign(
            ratio=lambda table: table["n_params"] / (2 * table["dim"] - 2)
        )
        figures.points(ax, rows, "ratio", "kept", error="kept_error", **look | {"ls": ""})
    ax.plot([0, 1], [1, 0], color="0.3", lw=1, label=r"$1 - p/(2N-2)$")
    ax.axvline(1, color="0.6", lw=0.8, zorder=0)
    ax.set(xlabel=_RATIO, ylim=(-0.04, 1.04), xlim=(0, None))
    ax.set_ylabel(rf"final / first loss, from $v^2 = {overlap:g}$")
    ax.legend(loc="lower left")
