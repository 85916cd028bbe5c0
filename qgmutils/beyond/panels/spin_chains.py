"""Panels of the Hamiltonian variational ansatz: transitions, the same starts under Adam, counts and curvatures."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.beyond.counts.spin_chains import CHAINS
from qgmutils.report import figures
from qgmutils.report.panels import critical_counts

LOOKS = {chain: figures.look(i) | {"ls": ""} for i, chain in enumerate(CHAINS)}
"""How chains are told apart."""


def transition(
    shares: pd.DataFrame, counts: pd.DataFrame, successes: pd.DataFrame, minima: pd.DataFrame
) -> Figure:
    """The figure of notebook 16.

    Parameters
    ----------
    shares, counts : DataFrame
        Of `transitions.solved_shares` and `critical_counts`, by the columns of `spin_chains.Case`.
    successes, minima : DataFrame
        Of `spin_chains.success_gaps` with a column rate, search (one) against Adam (other), and of `searches`.

    Returns
    -------
    Figure
    """
    fig, axes = figures.page(2, 2, height=5.6)
    is_open = shares["chain"] == "Ising open"
    onsets(axes[0, 0], shares[is_open])
    rates(axes[0, 1], successes)
    sizes(axes[1, 0], counts)
    curvatures(axes[1, 1], minima[minima["chain"] == "Ising open"])
    return fig


def _squares(ax: Axes) -> None:
    """Mark half of n^2 and n^2, on an axis in units of n^2."""
    for x, name in ((0.5, "n²/2"), (1.0, "n²")):
        ax.axvline(x, color="0.6", lw=0.8, ls=":", zorder=0)
        ax.annotate(
            name, (x, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
            fontsize=figures.SMALLEST,
        )  # fmt: skip
    ax.set_xlabel("parameters in units of n², p/n²")


def onsets(ax: Axes, shares: pd.DataFrame) -> None:
    """Share solved against p / n^2, a shade for each size.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        Of one chain.
    """
    looks = critical_counts.size_looks(shares["n_qubits"])
    scaled = shares.assign(x=shares["n_params"] / shares["n_qubits"] ** 2)
    critical_counts.solved_shares(ax, scaled, "n_qubits", looks, x="x")
    _squares(ax)
    ax.legend(title="open Ising chain", loc="center right")


def rates(ax: Axes, successes: pd.DataFrame) -> None:
    """Share of starts with a small error against p / n^2: by search, and by Adam at each learning rate.

    Parameters
    ----------
    ax : Axes
    successes : DataFrame
        Of `spin_chains.success_gaps` with a column rate, search (one) against Adam (other).
    """
    rates_of = sorted(successes["rate"].unique(), reverse=True)
    order = sorted(successes["n_qubits"].unique())
    for n in order:
        rows = successes[successes["n_qubits"] == n]
        marker = figures.MARKERS[order.index(n)]
        x = rows["n_params"] / n**2
        look: dict[str, Any] = {"marker": marker, "ms": 3.5, "lw": 1}
        for i, rate in enumerate(rates_of):
            at = rows["rate"] == rate
            color, line = figures.COLORS[1 + 4 * i], figures.LINES[1 + i]
            ax.plot(x[at], rows.loc[at, "other"], color=color, ls=line, **look)
        ax.plot(x[at], rows.loc[at, "one"], color=figures.COLORS[0], **look)
        ax.plot([], [], color="0.3", ls="", marker=marker, ms=3.5, label=f"n = {n}")
    ax.plot([], [], color=figures.COLORS[0], label="search")
    for i, rate in enumerate(rates_of):
        ax.plot(
            [], [], color=figures.COLORS[1 + 4 * i], ls=figures.LINES[1 + i], label=f"Adam, rate {rate:g}"
        )
    _squares(ax)
    ax.set(ylabel="share of starts, error < 0.001", ylim=(-0.03, 1.03))
    ax.legend(loc="lower right")


def sizes(ax: Axes, counts: pd.DataFrame) -> None:
    """Critical counts against n, with what is predicted: a line for each chain, and that of agnostic circuits.

    Parameters
    ----------
    ax : Axes
    counts : DataFrame
        Columns of `spin_chains.Case`, p_c, low, high.
    """
    for chain in counts["chain"].unique():
        rows, look = counts[counts["chain"] == chain], LOOKS[chain]
        ax.plot(rows["n_qubits"], rows["first"], color=look["color"], lw=0.8)
        figures.points(ax, rows, "n_qubits", "p_c", error=("low", "high"), label=chain, **look)
    agnostic = counts.groupby("n_qubits")["agnostic"].first()
    ax.plot(agnostic.index, agnostic, color="0.4", ls="--", lw=1, label=r"all states, $2(2^n-g)$")
    ax.set(yscale="log", xlabel="number of qubits n", ylabel="critical count", xticks=sorted(agnostic.index))
    ax.set_ylim(None, 3 * float(agnostic.max()) ** 1.1)
    ax.legend(loc="upper left", ncols=2, columnspacing=1.0)


def curvatures(ax: Axes, minima: pd.DataFrame) -> None:
    """The softest curvature at zeros over the largest, against p / n^2: medians, with the quartiles as bars.

    Parameters
    ----------
    ax : Axes
    minima : DataFrame
        Of `spin_chains.searches`, of one chain.
    """
    known = minima.dropna(subset="softest")
    looks = critical_counts.size_looks(minima["n_qubits"])
    for n in sorted(known["n_qubits"].unique()):
        rows = known[known["n_qubits"] == n]
        low, middle, high = (rows.groupby("n_params")["softest"].quantile(q) for q in (0.25, 0.5, 0.75))
        table = pd.DataFrame({"x": middle.index / n**2, "y": middle, "low": low, "high": high})
        figures.points(ax, table, "x", "y", error=("low", "high"), **looks[n])
    _squares(ax)
    ax.set(yscale="log", ylabel="softest over largest curvature")
    ax.legend(loc="lower right")
