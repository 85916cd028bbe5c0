"""Panels of the law of the critical count: against rank, multiplicity of the ground state, and symmetry.

The tables are those of `ensembles.transitions`, with columns that tell the cases apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.report import figures
from qgmutils.report.panels import critical_counts


def law(shares: pd.DataFrame, counts: pd.DataFrame, ranks: pd.DataFrame) -> Figure:
    """The figure of notebook 07.

    Parameters
    ----------
    shares, counts : DataFrame
        Of `transitions.solved_shares` and `critical_counts` by part ("projectors", "designs") and the columns of
        `count_law.Case`, the former also by offset.  Designs of the largest size are drawn.
    ranks : DataFrame
        Of `count_law.metric_ranks`.

    Returns
    -------
    Figure
    """
    fig, axes = figures.page(2, 2, height=5.8)
    projectors = counts[counts["part"] == "projectors"]
    same_size = counts["n_qubits"] == projectors["n_qubits"].iloc[0]
    onset_by_rank(axes[0, 0], shares[shares["part"] == "projectors"])
    count_by_rank(axes[0, 1], projectors, counts[same_size & (counts["spectrum"] == "pareto")])
    here = shares[(shares["part"] == "designs") & (shares["n_qubits"] == ranks["n_qubits"].max())]
    onset_by_degeneracy(axes[1, 0], here[here["spectrum"] != "tfim"])
    largest = ranks[ranks["n_qubits"] == ranks["n_qubits"].max()]
    onset_by_symmetry(axes[1, 1], here[here["spectrum"] == "tfim"], largest)
    return fig


def onset_by_rank(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw shares solved against p - 2k, one line a rank k, from dark (low) to light.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        Columns rank, offset (p - 2k) and share.
    """
    ranks = sorted(shares["rank"].unique())
    named = {ranks[0], ranks[len(ranks) // 2], ranks[-1]}
    looks = {
        k: {"color": shade, "marker": "o", "ms": 2.5, "lw": 0.9, "label": f"k = {k}" if k in named else "_"}
        for k, shade in zip(ranks, figures.shades(len(ranks)), strict=True)
    }
    critical_counts.solved_shares(ax, shares, "rank", looks, x="offset", bands=False)
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set_xlabel("p − 2k, number of parameters beyond the count")
    ax.legend(title="projectors of rank", loc="lower right")


def count_by_rank(ax: Axes, projectors: pd.DataFrame, pareto: pd.DataFrame) -> None:
    """Draw critical counts of flat and Pareto levels against the rank, with both predictions.

    Parameters
    ----------
    ax : Axes
    projectors, pareto : DataFrame
        Columns rank, p_c, low, high, dimension_count and field_count; the second may be empty.
    """
    dots = {"ls": "", "mfc": "none", "zorder": 5}
    rank, field = figures.look(3) | {"marker": ""}, figures.look(1) | {"marker": ""}
    critical_counts.counts(
        ax,
        projectors,
        "rank",
        {
            "dimension_count": rank | {"label": r"$2\,\mathrm{rank}(H-\lambda_1)$"},
            "field_count": field | {"label": "2m of projectors"},
        },
        measured=figures.look(0) | dots | {"label": "measured, projectors"},
    )
    if len(pareto):
        critical_counts.counts(
            ax,
            pareto,
            "rank",
            {"field_count": figures.look(1) | {"ls": "", "marker": "x", "label": "2m of Pareto levels"}},
            measured=figures.look(2) | dots | {"marker": "s", "ms": 7, "label": "measured, Pareto levels"},
        )
    ax.set_xlabel(r"rank of $H-\lambda_1$")
    ax.legend(loc="upper left")


def onset_by_degeneracy(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw shares solved of flat (filled) and Pareto levels (open) against p, a colour for each multiplicity g.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        Of one size: columns spectrum ("flat" or "pareto"), degeneracy, dimension_count, n_params, share.
    """
    counts = dict(zip(shares["degeneracy"], shares["dimension_count"], strict=True))
    looks = {
        g: figures.look(i) | {"ms": 3.5, "label": f"g = {g}" if i == 0 else str(g)}
        for i, g in enumerate(sorted(counts))
    }
    kinds: dict[str, dict[str, Any]] = {"flat": {"ls": "-"}, "pareto": {"ls": "--", "mfc": "white"}}
    for spectrum, more in kinds.items():
        rows = shares[shares["spectrum"] == spectrum]
        styles = {g: look | more | {"label": "_"} for g, look in looks.items()}
        critical_counts.solved_shares(ax, rows, "degeneracy", styles, bands=False)
        name = "flat levels" if spectrum == "flat" else "Pareto levels"
        ax.plot([], [], color="0.3", marker="o", ms=3.5, label=name, **more)
    for g, count in counts.items():
        ax.axvline(count, color=looks[g]["color"], lw=0.7, ls=":", zorder=0)
    ax.set_xlim(min(counts.values()) - 14, shares["n_params"].max())
    ax.legend(loc="center left")
    critical_counts.name_onsets(ax, counts, looks)


def onset_by_symmetry(ax: Axes, shares: pd.DataFrame, ranks: pd.DataFrame) -> None:
    """Draw shares solved (points) and the metric's rank in units of D (dashed) against p, a colour for each model.

    Parameters
    ----------
    ax : Axes
    shares : DataFrame
        Of one size: columns model, n_params, share.
    ranks : DataFrame
        Of the same: columns model, n_params, mean and dimension.
    """
    dimensions = ranks.groupby("model", sort=False)["dimension"].first()
    looks = {
        model: figures.look(i) | {"ls": "-", "ms": 3, "label": f"{model}, D = {size}"}
        for i, (model, size) in enumerate(dimensions.items())
    }
    critical_counts.solved_shares(
        ax, shares, "model", {model: look | {"label": "_"} for model, look in looks.items()}, bands=False
    )
    for model, rows in ranks.groupby("model", sort=False):
        ax.plot(rows["n_params"], rows["mean"] / rows["dimension"], "--", lw=1, color=looks[model]["color"])
    ax.plot([], [], "--", lw=1, color="0.3", label="rank / D")
    ax.plot([], [], "o-", ms=3, color="0.3", label="solved")
    ax.set(ylabel="share solved, rank / D", xlim=(0, np.max(ranks["n_params"])))
    ax.legend(loc="center", bbox_to_anchor=(0.62, 0.25), handlelength=1.8)
    critical_counts.name_onsets(ax, dimensions.to_dict(), looks)
