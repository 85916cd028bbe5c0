"""Panels that compare ansatzes; every ansatz has one colour, and one row where rows are ansatzes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import NDArray

from qgmutils.beyond.reachable import is_transitive
from qgmutils.circuits.named import ANSATZE

GATES = (
    "random words",
    "2 random words an angle",
    "4 random words an angle",
    "RY, RZ, chain of CZ",
    "all two-qubit rotations",
    "RY, alternating CZ",
    "RY, RZ, ring of CZ",
    "RY, chain of CZ",
)
HAMILTONIANS = {"tfim": ("Ising ring", "o"), "fermi_hubbard": ("Fermi–Hubbard", "D"), "gue": ("GUE", "^")}
_PALETTE = sns.color_palette("colorblind")
COLORS = dict(zip(ANSATZE, (_PALETTE[i] for i in (0, 1, 2, 3, 4, 5, 9, 7)), strict=True))
ROWS = {name: len(ANSATZE) - i for i, name in enumerate(ANSATZE)}


def _style(name: str, n_qubits: int) -> str:
    return "-" if is_transitive(ANSATZE[name](n_qubits, 1)) else "--"


def _groups(table: pd.DataFrame, *columns: str) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """Values of the columns, of which the first is the ansatz, with their rows, in the order of `ANSATZE`."""
    found = [
        (tuple(str(rows[column].iloc[0]) for column in columns), rows)
        for _, rows in table.groupby(list(columns))
    ]
    return sorted(found, key=lambda group: -ROWS[group[0][0]])  # later ones are drawn over earlier ones


def _rows(ax: Axes, top: float) -> None:
    ax.set_yticks(list(ROWS.values()), list(ROWS))
    ax.set_ylim(0.5, top)


def _plain_ticks(axis: plt.matplotlib.axis.Axis, ticks: list[float]) -> None:
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def minima(
    ax: Axes,
    starts: pd.DataFrame,
    density: pd.DataFrame,
    field_mean: float,
    rng: np.random.Generator,
) -> None:
    """Energies of the minima of every ansatz on both reference states, below the density of the finite-2^n theory.

    Parameters
    ----------
    ax : Axes
    starts : DataFrame
        Columns ansatz, reference_state, energy: one Hamiltonian, size and count.
    density : DataFrame
        Columns energy and density.
    field_mean : float
        Mean energy of the random field's minima.
    rng : numpy.random.Generator
        Spreads the points.
    """
    for (name, state), part in _groups(starts, "ansatz", "reference_state"):
        y = ROWS[name] + (0.19 if state == "haar" else -0.19)
        spread: NDArray[np.float64] = y + 0.13 * rng.uniform(-1, 1, len(part))
        fill = COLORS[name] if state == "haar" else "none"
        ax.plot(part["energy"], spread, "o", ms=2.5, alpha=0.5, color=COLORS[name], mfc=fill)
        ax.plot([part["energy"].mean()] * 2, [y - 0.17, y + 0.17], color="black", lw=2)
    height = 8.6 + 0.9 * density["density"] / density["density"].max()
    ax.fill_between(density["energy"], 8.6, height, color="0.7", lw=0)
    mean = np.trapezoid(density["density"] * density["energy"], density["energy"])
    ax.axvline(mean, color="0.5", lw=1, zorder=0)
    ax.axvline(field_mean, color="0.5", ls=":", zorder=0)
    ax.text(density["energy"].max(), 8.75, "  theory, finite $2^n$", fontsize="small")
    ax.text(field_mean, 8.25, " field", fontsize="small", color="0.4")
    _rows(ax, 9.6)
    ax.set(xlabel="E at the minima (bar: mean)", xlim=(-0.02, None))


def ratios(ax: Axes, table: pd.DataFrame) -> None:
    """Mean energies relative to the randomised model: upper points GUE, lower ones the Ising ring.

    Parameters
    ----------
    ax : Axes
    table : DataFrame
        As `ansatz_minima.mean_ratios`, of one size and count.
    """
    for row in table.to_dict("records"):
        color, zero = COLORS[row["ansatz"]], row["reference_state"] == "zero"
        y = ROWS[row["ansatz"]] + (0.2 if row["hamiltonian"] == "gue" else -0.2)
        mark = {"fmt": "s" if zero else "o", "mfc": "none" if zero else color, "ms": 6, "color": color}
        ax.errorbar(row["ratio"], y, xerr=1.96 * row["ratio_error"], **mark)
    ax.axvline(1, color="0.6", ls=":", zorder=0)
    _rows(ax, 8.5)
    ax.set(xscale="log", xlabel="mean E of minima, relative to random words (95 %)", xlim=(0.02, 4))
    _plain_ticks(ax.xaxis, [0.05, 0.1, 0.2, 0.5, 1, 2, 3])


def shared_minima(ax: Axes, table: pd.DataFrame) -> None:
    """Numbers of minima against the gates an angle, as `shared_angles.compare` returns them."""
    ax.plot(table.index, table["count"], "-", color="0.4", label="random field (Kac–Rice)")
    for row, name in zip(table.reset_index().to_dict("records"), ANSATZE, strict=False):
        ax.errorbar(
            row["layers"], row["found"], 1.96 * row["found_error"], fmt="o", color=COLORS[name], capsize=3
        )
    ax.plot([], [], "o", color="0.3", label="all minima found (95 %)")
    ax.set(xlabel="gates an angle r", ylabel="minima of a circuit", xticks=table.index, ylim=(0, None))
    ax.legend(loc="upper left")


def frame_potentials(ax: Axes, table: pd.DataFrame, n_qubits: int) -> None:
    """Distance from a 2-design: the columns ansatz, n_params, frame_potential and its error of `StatesTask`."""
    for (name,), rows in _groups(table, "ansatz"):
        look = {"color": COLORS[name], "ls": _style(name, n_qubits), "marker": "o", "ms": 4}
        ax.errorbar(rows["n_params"], rows["frame_potential"], rows["frame_potential_error"], **look)
    ax.axhline(1, color="0.6", ls=":", zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="number of parameters p", ylim=(0.9, 60))
    ax.set_ylabel(r"mean $|\langle\psi|\varphi\rangle|^4$ / Haar")
    _plain_ticks(ax.xaxis, sorted(table["n_params"].unique()))
    _plain_ticks(ax.yaxis, [1, 2, 5, 10, 50])


def ranks(ax: Axes, table: pd.DataFrame, n_qubits: int) -> None:
    """Rank of the metric against p, as `ansatz_states.ranks` of one size: thick on |0...0>, thin on Haar states."""
    dim = 2**n_qubits
    for (name, state), rows in _groups(table, "ansatz", "reference_state"):
        width = 1.0 if state == "haar" else 2.4
        ax.plot(rows["n_params"], rows["rank"], color=COLORS[name], ls=_style(name, n_qubits), lw=width)
    right = table["n_params"].max()
    for y, name in ((2 * dim - 2, "all states"), (dim - 1, "real states")):
        ax.axhline(y, color="0.6", ls=":", zorder=0)
        ax.text(right, y + 0.03 * dim, name, ha="right", fontsize="small")
    for name, x, y in (("brickwork", 2.5, 1.2), ("hardware ring", 2.3, 1.64), ("matchgate", 1.5, 0.53)):
        if name == "brickwork" or not is_transitive(ANSATZE[name](n_qubits, 1)):
            ax.text(x * dim, y * dim, name, color=COLORS[name], fontsize="small")
    ax.set(xlabel="number of parameters p", ylabel="rank of the Fubini–Study metric")


def solved(ax: Axes, starts: pd.DataFrame, n_qubits: int) -> None:
    """Share of solved starts against p: `ansatz_minima.measure` of one Hamiltonian, reference state and size."""
    for (name,), rows in _groups(starts, "ansatz"):
        share = rows.groupby("n_params")["solved"].mean()
        ax.plot(share.index, share, color=COLORS[name], ls=_style(name, n_qubits), marker="o", ms=4)
    for count, name in ((2 * 2**n_qubits - 2, "$2\\cdot2^n-2$"), (2**n_qubits - 1, "$2^n-1$")):
        ax.axvline(count, color="0.6", ls=":", zorder=0)
        ax.text(count, 1.04, name, ha="center", fontsize="small")
    ax.set(xlabel="number of parameters p", ylabel=r"share of starts with $E<10^{-8}$")


def critical_counts(ax: Axes, table: pd.DataFrame) -> None:
    """Critical counts of `ansatz_minima.critical_counts` relative to the predicted ones; larger marks for larger n.

    An ansatz that is not transitive is compared with 2 (2^n - g); "none" are those of which half are never solved.
    """
    none, sizes = 2.0, sorted(table["n_qubits"].unique())
    for row in table.to_dict("records"):
        step = sizes.index(row["n_qubits"])
        y = ROWS[row["ansatz"]] + 0.24 * (list(HAMILTONIANS).index(row["hamiltonian"]) - 1) + 0.1 * step
        color = COLORS[row["ansatz"]]
        look = {"fmt": HAMILTONIANS[row["hamiltonian"]][1], "color": color, "ms": 5 + 3 * step}
        look["mfc"] = color if row["reference_state"] == "haar" else "none"
        if np.isnan(row["p_c"]):
            ax.errorbar(none, y, **look)
            continue
        expected = (
            2 * (2 ** row["n_qubits"] - row["degeneracy"])
            if np.isnan(row["count_by_rank"])
            else row["count_by_rank"]
        )
        x = np.array([row["p_c"], row["low"], row["high"]]) / expected
        ax.errorbar(x[0], y, xerr=[[x[0] - x[1]], [x[2] - x[0]]], **look)
    for name, mark in HAMILTONIANS.values():
        ax.plot([], [], mark, color="0.3", label=name)
    ax.axvline(1, color="0.6", ls=":", zorder=0)
    _rows(ax, 8.6)
    ax.set_xticks([0.4, 0.6, 0.8, 1, 1.2, 1.4, none], ["0.4", "0.6", "0.8", "1", "1.2", "1.4", "none"])
    ax.set(xlabel="measured critical count / count by rank", xlim=(0.3, 2.15))
    ax.legend(loc="upper right")


def legend(ax: Axes, n_qubits: int) -> None:
    """What the colours mean."""
    for name, gates in zip(ANSATZE, GATES, strict=True):
        style = _style(name, n_qubits)
        ax.plot([], [], style, color=COLORS[name], marker="o", ms=4, label=f"{name}: {gates}")
    title = "dashed: something is conserved"
    ax.legend(loc="center left", bbox_to_anchor=(-0.1, 0.5), title=title, alignment="left")
    ax.axis("off")
