"""Panels of unitary learning: transitions at the count, gradient descent at it, and the curvatures of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.beyond.counts.unitary_learning import PUBLISHED, PUBLISHED_BOUND, UNIT, WINDOW, curvatures
from qgmutils.ensembles.transitions import ZERO, solved_shares
from qgmutils.report import figures
from qgmutils.report.panels import critical_counts

EXPONENT = 1.25
"""The published exponent of gradient descent at d^2 (Kiani, Lloyd and Maity)."""


def law(ends: pd.DataFrame, descents: pd.DataFrame, layers: pd.DataFrame) -> Figure:
    """The figure of notebook 17.

    Parameters
    ----------
    ends, descents, layers : DataFrame
        Of `unitary_learning.learn`, `descend` and `layers`.

    Returns
    -------
    Figure
    """
    fig, axes = figures.page(2, 2, height=5.6)
    onsets(axes[0, 0], solved_shares(ends, ["dim", "count", "offset"]))
    paths(axes[0, 1], descents)
    edges(axes[1, 0], ends)
    circuits(axes[1, 1], layers)
    return fig


def onsets(ax: Axes, shares: pd.DataFrame) -> None:
    """Share solved against p - d^2, a shade for each d."""
    dims = sorted(shares["dim"].unique())
    looks = {
        d: figures.look(i) | {"color": shade, "ls": "-", "ms": 3, "lw": 1, "label": f"d = {d}"}
        for i, (d, shade) in enumerate(zip(dims, figures.shades(len(dims)), strict=True))
    }
    critical_counts.solved_shares(ax, shares[shares["offset"] <= 4], "dim", looks, x="offset")
    ax.axvline(0, color="0.6", lw=0.8, ls=":", zorder=0)
    ax.set(xlabel="p − d², parameters beyond the count", title="two GUE generators")
    ax.set_ylabel(r"share of starts solved, $L<10^{-8}$")
    ax.legend(loc="lower right")


def paths(ax: Axes, descents: pd.DataFrame) -> None:
    """Typical loss of gradient descent against steps at d^2 (full) and 5 d^2 / 4 (dashed), with the published power."""
    dims = sorted(descents["dim"].unique())
    for i, d in enumerate(dims):
        color = figures.COLORS[i]
        for p, line, name in ((d**2, "-", "d²"), (5 * d**2 // 4, "--", "5d²/4")):
            rows = descents[(descents["dim"] == d) & (descents["n_params"] == p)]
            typical = np.exp(np.log(rows["loss"]).groupby(rows["step"]).mean())
            ax.plot(typical.index, typical, color=color, ls=line, label=f"d = {d}, p = {name}")
        zeros = descents[(descents["dim"] == d) & (descents["n_params"] == d**2) & (descents["end"] < ZERO)]
        if len(zeros):
            linear = np.exp(np.log(zeros["linear"]).groupby(zeros["step"]).mean())
            inside = linear[linear.index >= UNIT]
            ax.plot(inside.index, inside, color=color, ls=":", label=f"d = {d}, p = d², quadratic")
    x = np.array(WINDOW)
    first = descents[(descents["dim"] == dims[-1]) & (descents["n_params"] == dims[-1] ** 2)]
    start = np.exp(
        np.log(first.loc[first["step"].between(*WINDOW), "loss"]).groupby(first["step"]).mean()
    ).iloc[0]
    ax.plot(x, 2.5 * start * (x / x[0]) ** -EXPONENT, color="black", lw=0.8)
    ax.annotate(
        f"step$^{{-{EXPONENT}}}$",
        (x[0] * 2.2, 2.5 * start * 2.2**-EXPONENT),
        (4, 4),
        textcoords="offset points",
    )
    ax.set(
        xscale="log", yscale="log", xlabel="step of gradient descent", ylabel="typical loss, exp(mean log L)"
    )
    ax.set_ylim(1e-6, None)
    ax.legend(loc="lower left")


def edges(ax: Axes, ends: pd.DataFrame) -> None:
    """Share of the curvatures at zeros below x, in units of their mean, at d^2 and 2 d^2, with the power 1/2."""
    zeros = ends[ends["loss"] < ZERO]
    for i, d in enumerate(sorted(zeros["dim"].unique())):
        group = zeros[zeros["dim"] == d]
        for p, line, name in ((d**2, "-", "d²"), (2 * d**2, "--", "2d²")):
            rows = group[group["n_params"] == p]
            if len(rows):
                found = np.sort(curvatures(rows))
                share = np.arange(1, len(found) + 1) / len(found)
                ax.plot(
                    found / found.mean(),
                    share,
                    color=figures.COLORS[i],
                    ls=line,
                    label=f"d = {d}, p = {name}",
                )
    x = np.array([1e-4, 1.0])
    ax.plot(x, 0.65 * x**0.5, color="black", lw=0.8, label="square root")
    ax.set(xscale="log", yscale="log", xlabel="curvature at zeros over its mean", ylabel="share below")
    ax.set(xlim=(1e-5, 10), ylim=(2e-3, 1.3))
    ax.legend(loc="upper left")


def circuits(ax: Axes, layers: pd.DataFrame) -> None:
    """Share with a small loss against p / (4^n - 1) by layers, with the phase (full) or without; crosses: published."""
    for i, n in enumerate(sorted(layers["n_qubits"].unique())):
        group = layers[layers["n_qubits"] == n]
        for phase, line in ((True, "-"), (False, "--")):
            rows = group[group["phase"] == phase]
            share = (rows["loss"] < PUBLISHED_BOUND).groupby(rows["n_params"]).mean()
            look: dict[str, Any] = {
                "color": figures.COLORS[i],
                "marker": figures.MARKERS[i],
                "ms": 3.5,
                "lw": 1,
            }
            name = f"n = {n}, {'with' if phase else 'without'} phase"
            ax.plot(
                share.index / (4**n - 1),
                share,
                ls=line,
                mfc="white" if not phase else None,
                label=name,
                **look,
            )
        if n in PUBLISHED:
            x = np.array(PUBLISHED[n]) / (4**n - 1)
            ax.plot(x, [0, 1], ls="", marker="x", ms=9, color=figures.COLORS[i], label=f"n = {n}, published")
    ax.axvline(1, color="0.6", lw=0.8, ls=":", zorder=0)
    ax.set(xlabel="parameters over the count, p/(4ⁿ − 1)", xlim=(0.9, 1.45), ylim=(-0.03, 1.03))
    ax.set(ylabel="share of starts, loss < 10⁻⁶", title="layers of RY, RZ and CZ")
    ax.legend(loc="center right")
