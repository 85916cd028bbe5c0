"""Panels of Born machines: their transition, its bounds, training on samples, and what trained machines show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from qgmutils.beyond.counts import born_machines
from qgmutils.report import figures
from qgmutils.report.panels import critical_counts

_LINES: dict[str, dict[str, Any]] = {"complex": {"ls": "-"}, "real": {"ls": "--", "mfc": "white"}}
_RIGHT, _WRONG = figures.COLORS[0], figures.COLORS[1]


def machines(
    shares: pd.DataFrame, bounds: pd.DataFrame, learnt: pd.DataFrame, drawn: pd.DataFrame, n_qubits: int
) -> Figure:
    """The figure of notebook 14.

    Parameters
    ----------
    shares : DataFrame
        Of `transitions.solved_shares` by part ("full" or "zeros"), amplitudes, n_qubits, n_equations and offset.
    bounds : DataFrame
        Of `born_machines.transition_bounds` by part, amplitudes and n_qubits.
    learnt : DataFrame
        Of `born_machines.learnt_from_samples`, means: shots, n_params, relative, relative_error.
    drawn : DataFrame
        Of `born_machines.drawn`, of bars and stripes on two columns, with the column equations.
    n_qubits : int
        Of the machines that learn from samples.

    Returns
    -------
    Figure
    """
    layout = {"height": 6.6, "height_ratios": [1, 1, 0.95]}
    fig, axes = figures.mosaic("ab;cd;ee", **layout)  # type: ignore[arg-type]
    onset(axes["a"], shares[shares["part"] == "full"])
    critical(axes["b"], bounds[bounds["part"] == "full"])
    zeros(axes["c"], shares)
    from_samples(axes["d"], learnt, n_qubits)
    pictures(axes["e"], drawn)
    return fig


def onset(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw shares solved against p - (N - 1): a shade for each size, complex circuits solid and real ones dashed."""
    looks = critical_counts.size_looks(shares["n_qubits"])
    for kind, more in _LINES.items():
        styles = {n: look | more | {"label": "_"} for n, look in looks.items()}
        rows = shares[shares["amplitudes"] == kind]
        critical_counts.solved_shares(ax, rows, "n_qubits", styles, x="offset", bands=False)
        ax.plot([], [], color="0.3", label=kind, marker="o", ms=3, **more)
    for look in looks.values():
        ax.plot([], [], **look)
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set(xlabel="p − (N − 1), angles beyond the count")
    ax.set_ylabel(r"share of starts solved, $L<10^{-8}$")
    ax.legend(loc="lower right")


def critical(ax: Axes, bounds: pd.DataFrame) -> None:
    """Draw critical counts against n, with N - 1, the rank of the Fisher matrix and the dimension of the algebra."""
    for i, (kind, rows) in enumerate(bounds.sort_values("n_qubits").groupby("amplitudes")):
        look = figures.look(i)
        points = look | {"ls": "", "label": f"measured, {kind}", "zorder": 5, "ms": 5 - i}
        figures.points(ax, rows, "n_qubits", "p_c", error=("low", "high"), **points)
        ax.plot(rows["n_qubits"], rows["algebra"], color=look["color"], ls=":", label=f"Lie algebra, {kind}")
        if kind == "complex":
            ax.plot(
                rows["n_qubits"], rows["fisher"], color=look["color"], ls="--", label="Fisher rank, complex"
            )
            ax.plot(rows["n_qubits"], rows["n_equations"], color="0.3", label="N − 1 = Fisher rank, real")
    ax.set(yscale="log", xlabel="number of qubits n", ylabel="critical count")
    ax.set_ylim(2, 40 * bounds["algebra"].max())  # room for the legend
    ax.set_xticks(sorted(bounds["n_qubits"].unique()))
    ax.legend(loc="upper left")


def zeros(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw shares solved of a target with zeros against p, beside those of targets without, of the same size."""
    sparse = shares[shares["part"] == "zeros"]
    sparse = sparse[sparse["n_qubits"] == sparse["n_qubits"].max()]
    full = shares[(shares["part"] == "full") & (shares["n_qubits"] == sparse["n_qubits"].max())]
    # Where targets without zeros are not trained at that size, only the one with zeros is drawn.
    for i, (name, rows) in enumerate({"no zeros": full, "zeros": sparse}.items()):
        ax.plot([], [], **figures.look(i) | {"ls": "-", "ms": 3, "label": name})
        for kind, part in rows.sort_values("n_params").groupby("amplitudes"):
            ax.plot(part["n_params"], part["share"], **figures.look(i) | _LINES[str(kind)] | {"ms": 3})
            ax.axvline(part["n_equations"].iloc[0], color="0.6", lw=0.8, ls=":", zorder=0)
    for kind, more in _LINES.items():
        ax.plot([], [], color="0.3", marker="", label=kind, ls=more["ls"])
    ax.set(xlabel=critical_counts.COUNT, ylim=(-0.03, 1.03))
    ax.set_ylabel(r"share of starts solved, $L<10^{-8}$")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="center", bbox_to_anchor=(0.52, 0.45))


def from_samples(ax: Axes, learnt: pd.DataFrame, n_qubits: int) -> None:
    """Draw the distance of trained machines from the true target in units of that of the samples, against p."""
    shots = sorted(learnt["shots"].unique())
    for i, (size, shade) in enumerate(zip(shots, figures.shades(len(shots)), strict=True)):
        rows = learnt[learnt["shots"] == size]
        look = figures.look(i) | {"color": shade, "ls": "-", "ms": 3, "label": f"S = {size}"}
        figures.points(ax, rows, "n_params", "relative", error="relative_error", **look)
    ax.axhline(1, color="0.6", lw=0.8, zorder=0)
    for place, name in ((2**n_qubits - 1, "N − 1"), (2 * 2**n_qubits - 2, "2N − 2")):
        ax.axvline(place, color="0.6", lw=0.8, ls=":", zorder=0)
        ax.annotate(
            name,
            (place, 0.02),
            (3, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="bottom",
        )
    ax.set(yscale="log", xlabel=critical_counts.COUNT)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(0.3, None)  # room for the names
    ax.set_ylabel(r"$|p - q|^2$ / that of samples")
    ax.legend(loc="upper right")


def pictures(ax: Axes, drawn: pd.DataFrame) -> None:
    """Draw the outcomes of one trained machine a row as images of two columns: blue where they are bars or stripes.

    Parameters
    ----------
    ax : Axes
    drawn : DataFrame
        n_params, circuit, loss, outcome, valid and n_equations; the circuit with the median loss is drawn.
    """
    rows = sorted(drawn["n_params"].unique())
    images = 0
    for level, p in enumerate(rows):
        here = drawn[drawn["n_params"] == p]
        losses = here.groupby("circuit")["loss"].first().sort_values(kind="stable")
        one = here[here["circuit"] == losses.index[(len(losses) - 1) // 2]]
        images = len(one)
        pixels = born_machines.pixels(one["outcome"], 2, 2)
        for place, (image, valid) in enumerate(zip(pixels, one["valid"], strict=True)):
            corner = (1.25 * place, -1.4 * level)
            _image(ax, image, corner, _RIGHT if valid else _WRONG)
        text = f"p = {p}", f"{here['valid'].mean():.0%}"
        ax.text(-0.4, -1.4 * level + 0.5, text[0], ha="right", va="center")
        ax.text(1.25 * images + 0.2, -1.4 * level + 0.5, text[1], ha="left", va="center")
    ax.set(xlim=(-2.2, 1.25 * images + 2.2), ylim=(-1.4 * (len(rows) - 1) - 0.2, 1.6), aspect="equal")
    ax.set_axis_off()
    count = int(drawn["n_equations"].iloc[0])
    ax.set_title(
        f"Samples of machines trained on bars and stripes (count {count}): right in blue, wrong in orange"
    )


def _image(ax: Axes, image: Any, corner: tuple[float, float], color: str) -> None:
    """One image: pixels that are 1 are filled, in a frame."""
    high, wide = image.shape
    x, y = corner
    for r, c in np.argwhere(image):
        place = (x + c / wide, y + 1 - (r + 1) / high)
        ax.add_patch(Rectangle(place, 1 / wide, 1 / high, facecolor=color, lw=0))
    ax.add_patch(Rectangle(corner, 1, 1, facecolor="none", edgecolor=color, lw=1))
