"""Panels of trained minima: their distributions and means beside those of the random field, and reference states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from qgmutils.ensembles.clustering import ZERO
from qgmutils.field.companion import companion_log_density
from qgmutils.field.spectra import threshold_energy
from qgmutils.report import figures
from qgmutils.report.tables import number, plus_minus

STATES = {"haar": "Haar-random", "clifford": "stabilizer", "zero": r"$|0\ldots0\rangle$"}
"""Reference states, as they are called in the figure."""

_LOSS = r"loss at the minima, $E=(\langle H\rangle-\lambda_1)/(\bar\lambda-\lambda_1)$"
_KAC_RICE: dict[str, Any] = {"color": "black", "lw": 1.3, "label": "Kac–Rice: all minima of the field"}
_COMPANION: dict[str, Any] = {"color": figures.COLORS[1], "ls": "--", "lw": 1}
_BINS = 60


def clustering(
    minima: pd.DataFrame,
    contrasted: pd.DataFrame,
    summary: pd.DataFrame,
    densities: Mapping[int, pd.DataFrame],
    m: float,
    *,
    title: str,
) -> Figure:
    """The figure of notebook 03: `distributions`, `means` and `reference_states` of one Hamiltonian.

    Parameters
    ----------
    minima, densities, m
        As for `distributions`.
    contrasted : DataFrame
        As for `reference_states`.
    summary : DataFrame
        As for `means`.
    title : str

    Returns
    -------
    Figure
    """
    rows = minima["n_params"].nunique()
    fig, axes = figures.mosaic("ab;ac", height=max(4.5, 0.5 * rows + 1.2), width_ratios=(3, 2))
    fig.suptitle(title, fontsize=8)
    distributions(axes["a"], minima, densities, m)
    means(axes["b"], summary, m)
    reference_states(axes["c"], contrasted)
    return fig


def distributions(ax: Axes, minima: pd.DataFrame, densities: Mapping[int, pd.DataFrame], m: float) -> None:
    """Draw the losses of trained minima, one row a number of parameters, with the field's densities.

    Parameters
    ----------
    ax : Axes
    minima : DataFrame
        Columns n_params and loss, one row a start.
    densities : mapping
        Number of parameters -> its density, as of `ensembles.clustering.field_densities`.
    m : float
        Degrees of freedom of the random field.
    """
    rows, shares = [], []
    for p in sorted(minima["n_params"].unique()):
        losses = minima.loc[minima["n_params"] == p, "loss"]
        known = [densities[p]] if p in densities else []
        curves = [figures.Curve(t["energy"], t["density"], _KAC_RICE, t["stderr"]) for t in known]
        label = f"p = {p}\n$\\gamma$ = {number(p / (2 * m), 2)}"
        # Rounding errors of zero are on both sides of it.
        rows.append(figures.Ridge(label, losses.clip(lower=0), curves, float(threshold_energy(p / (2 * m)))))
        shares.append((losses < ZERO).mean())
    bins = np.linspace(0, 1.02 * max(1.0, minima["loss"].max()), _BINS + 1)
    figures.ridges(ax, rows, bins=bins, sample="trained minima", mark=r"$E_\mathrm{th}(\gamma)$", unit="E")
    for level, share in enumerate(shares):
        if share > 0:
            text = f"{share:.0%} at $E<10^{{{round(np.log10(ZERO))}}}$"
            ax.text(0.97 * bins[-1], level + 0.4, text, ha="right", fontsize=figures.SMALLEST)
    ax.set_xlabel(_LOSS)


def means(ax: Axes, summary: pd.DataFrame, m: float) -> None:
    """Draw mean losses of minima against gamma = p/2m, with what the field says in the colours of `distributions`.

    Parameters
    ----------
    ax : Axes
    summary : DataFrame
        As of `ensembles.clustering.mean_losses`; NaN is no point.
    m : float
        Degrees of freedom of the random field.
    """
    gamma = summary["gamma"]
    fine = np.geomspace(gamma.min(), max(1.0, gamma.max()), 200)
    ax.plot(fine, threshold_energy(fine), color=figures.COLORS[5], lw=2)
    companion = np.array([_companion_mean(p, m) for p in summary["p"] if p < 2 * m + 2])
    ax.plot(gamma[: len(companion)], companion, **_COMPANION)
    if (high := np.flatnonzero(companion > 0.15)).size:  # its end is where all curves end
        place = (gamma[high[-1]], companion[high[-1]])
        ax.annotate("companion curve", place, (4, 4), textcoords="offset points", fontsize=figures.SMALLEST)
    ax.plot(gamma, summary["Kac-Rice"], "k_", ms=10, mew=1.5, label="Kac–Rice")
    for i, name in ((3, "enumerated"), (0, "trained")):
        look = figures.look(i) | {"ls": "", "mfc": "none" if i else None, "label": name}
        ax.errorbar(gamma, summary[name], 2 * summary[f"{name} s.e."], **look)
    ax.set(xscale="log", xlabel=r"$\gamma=p/2m$", ylabel="mean E of minima", ylim=(-0.02, None))
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.legend(loc="lower left")  # where there are few parameters no minimum is low


def reference_states(ax: Axes, minima: pd.DataFrame) -> None:
    """Draw the distribution functions of trained minima from several reference states.

    Parameters
    ----------
    ax : Axes
    minima : DataFrame
        Columns reference_state, n_params (one number), circuit and loss, one row a start.
    """
    right = 1.05 * max(0.01, minima["loss"].max())  # rounding errors of zero are not to fill the panel
    for i, (state, name) in enumerate(STATES.items()):
        rows = minima[minima["reference_state"] == state]
        losses = np.sort(rows["loss"].clip(lower=0))
        by_circuit = rows.groupby("circuit")["loss"].mean()
        label = f"{name}: {plus_minus(by_circuit.mean(), by_circuit.sem())}"
        look = figures.look(i) | {"marker": "", "lw": 1.5, "label": label}
        share = np.linspace(0, 1, len(losses) + 1)
        # From (0, 0) on, so that a step at E = 0 is seen, to the right edge.
        ax.step(np.concatenate([[0], losses, [right]]), np.append(share, 1), where="post", **look)
    ax.set(xlim=(-0.02 * right, right), ylim=(-0.02, 1.02), xlabel="E at the minima")
    ax.set_ylabel(f"share of starts below E, p = {minima['n_params'].iloc[0]}")
    # Below the label of the axis, as the legend of the distributions.
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), title="reference state: mean E ± s.e.")


def _companion_mean(p: int, m: float) -> float:
    x = np.linspace(1e-4, 0.4999, 2000)
    weight = np.exp(companion_log_density(x, p, m))
    return float(np.sum(x * weight) / np.sum(weight))
