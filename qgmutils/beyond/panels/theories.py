"""Theories of minima against minima that were found: ratios of theory to finding, 1 where they agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.beyond import theories
from qgmutils.report import figures

HAMILTONIANS = {
    "tfim": "TFIM ring",
    "xxz": "XXZ ring",
    "spinless_fermi_hubbard": "Fermi–Hubbard",
    "gue": "GUE",
}
GENERATORS = {"pauli": "Pauli words", "haar": "Haar-random reflections"}
LOOKS: dict[str, dict[str, Any]] = {
    **{name: figures.look(i) for i, name in enumerate(theories.THEORIES)},
    theories.SEVERAL: {"color": "0.4", "marker": "o"},
    theories.GROUND_STATE: {"color": "0.6", "marker": "_"},
}
TRAINED_BAND = 0.1
"""Half width of the grey band around the trained mean."""


def finite_dimension(enumerated: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """One theory against all minima of enumerated circuits, and against trained minima.

    Parameters
    ----------
    enumerated : DataFrame
        As :func:`qgmutils.beyond.theories.enumerated_minima` returns: above, ratios with two standard errors, one row
        a case, for the mean energy with a grey band of 3 % and for the number with one of 10 %.
    scores : DataFrame
        As :func:`qgmutils.beyond.theories.trained_minima` returns, of one theory: below, ratios of means with two
        standard errors, one panel a size and one line a Hamiltonian.  A theory that says 0 has its marker on the lower
        edge.

    Returns
    -------
    Figure
    """
    sizes = scores["n_qubits"].nunique()
    below = "".join(2 * letter for letter in "cdefghijk"[:sizes])
    cases = enumerated.drop_duplicates(theories.CASE)
    heights = [0.6 + 0.13 * len(cases), 2.3]
    layout = f"{'a' * sizes}{'b' * sizes};{below}"
    fig, axes = figures.mosaic(layout, height=sum(heights) + 0.4, height_ratios=heights)
    _all_minima(axes["a"], enumerated, "mean", band=0.03)
    _all_minima(axes["b"], enumerated, "minima", band=0.1)
    axes["a"].set(xlabel="mean energy, theory / enumeration")
    names = [f"{_named(name)}, n = {n}, p = {p}" for name, n, p in cases[theories.CASE].to_numpy()]
    axes["a"].set_yticks(range(len(cases)), names)
    axes["b"].set(xlabel="number of minima, theory / enumeration", yticks=[])
    axes["b"].legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    _trained([axes[letter] for letter in sorted(set(below))], scores)
    fig.legend(*axes["c"].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return fig


def every_theory(scores: pd.DataFrame) -> Figure:
    """All theories against trained minima, one column of panels a size.

    Above are ratios of means: thin lines for Hamiltonians, and a thick one for their median; a line that leaves the
    panel at the bottom says that minima are ground states.  Below is which theory is closest, one row a Hamiltonian.

    Parameters
    ----------
    scores : DataFrame
        As :func:`qgmutils.beyond.theories.trained_minima` returns.

    Returns
    -------
    Figure
    """
    height = 3.3 + 0.17 * scores["hamiltonian"].nunique()
    options: dict[str, Any] = {"squeeze": False, "sharex": "col", "sharey": "row", "height_ratios": [2.6, 1]}
    fig, axes = figures.page(2, scores["n_qubits"].nunique(), height=height, **options)
    table = theories.closest(scores)
    for (n, rows), (upper, lower) in zip(scores.groupby("n_qubits"), axes.T):
        _ratios(upper, rows)
        _closest(lower, table[table["n_qubits"] == n])
        upper.set(title=f"n = {n}")
        lower.set(xlabel="$p/2^n$")
    axes[0, 0].set(ylabel="mean energy, theory / training")
    axes[1, 0].set(ylabel="closest theory")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return fig


def _named(hamiltonian: Any) -> str:
    return HAMILTONIANS.get(hamiltonian, hamiltonian)


def _all_minima(ax: Axes, enumerated: pd.DataFrame, what: str, *, band: float) -> None:
    ax.axvspan(1 - band, 1 + band, color="0.85", lw=0)
    ax.axvline(1, color="0.5", lw=0.8)
    for i, (kind, label) in enumerate(GENERATORS.items()):
        rows = enumerated[enumerated["generators"] == kind]
        at = np.arange(len(rows)) + 0.3 * i - 0.15
        error = 2 * rows[f"ratio_{what}_stderr"]
        ax.errorbar(rows[f"ratio_{what}"], at, xerr=error, label=label, **figures.look(i) | {"ls": ""})
    ax.set(ylim=(len(rows) - 0.4, -0.6))


def _trained(axes: Sequence[Axes], scores: pd.DataFrame) -> None:
    known = scores.dropna(subset="ratio")
    low = 1 - 2 * TRAINED_BAND
    high = max((known["ratio"] + 2 * known["ratio_stderr"]).max() + TRAINED_BAND, 1 + 2 * TRAINED_BAND)
    for ax, (n, rows) in zip(axes, scores.groupby("n_qubits")):
        _frame(ax, rows)
        ax.set(ylim=(low, high), xlabel="$p/2^n$", title=f"n = {n}")
        for i, (name, found) in enumerate(rows.groupby("hamiltonian", sort=False)):
            style: dict[str, Any] = figures.look(i) | {"label": _named(name), "clip_on": False}
            x, y = found["n_params"] / 2.0 ** found["n_qubits"], found["ratio"].clip(lower=low)
            ax.errorbar(x, y, 2 * found["ratio_stderr"], **style)
    axes[0].set(ylabel="mean energy, theory / training")


def _ratios(ax: Axes, scores: pd.DataFrame) -> None:
    _frame(ax, scores)
    ax.set(yscale="log", ylim=(0.15, 7))
    ax.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    ax.set_yticks([], minor=True)
    for theory in theories.THEORIES:
        rows = scores[scores["theory"] == theory].assign(x=scores["n_params"] / 2.0 ** scores["n_qubits"])
        wide = rows.pivot_table(values="ratio", index="x", columns="hamiltonian")
        ax.plot(wide.index, wide, color=LOOKS[theory]["color"], lw=0.6, alpha=0.5)
        ax.plot(wide.index, wide.median(axis=1), label=theory, **LOOKS[theory])


def _closest(ax: Axes, table: pd.DataFrame) -> None:
    names = list(table["hamiltonian"].unique())
    for theory, rows in table.groupby("theory", sort=False):
        x, y = rows["n_params"] / 2.0 ** rows["n_qubits"], rows["hamiltonian"].map(names.index)
        ax.plot(x, y, label=theory, **LOOKS[str(theory)] | {"ls": ""})
    ax.set_yticks(range(len(names)), [_named(name) for name in names])
    ax.set(ylim=(len(names) - 0.5, -0.5))


def _frame(ax: Axes, scores: pd.DataFrame) -> None:
    """A logarithmic axis of p/2^n, and the band of agreement."""
    share = scores["n_params"] / 2.0 ** scores["n_qubits"]
    ticks = [x for x in (1 / 256, 1 / 64, 1 / 16, 1 / 4, 1 / 2, 1, 2) if share.min() <= x <= share.max()]
    ax.axhspan(1 - TRAINED_BAND, 1 + TRAINED_BAND, color="0.85", lw=0)
    ax.axhline(1, color="0.5", lw=0.8)
    ax.set(xscale="log")
    ax.set_xticks(ticks, [f"{x:g}" if x >= 1 else f"1/{1 / x:.0f}" for x in ticks])
    ax.set_xticks([], minor=True)
