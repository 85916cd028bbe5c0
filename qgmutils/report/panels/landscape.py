"""Panels of a landscape: planes and lines through a point, the Hessian's spectrum, paths to another point, and sliders.

They draw what `qgmutils.slices` computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from qgmutils import slices
from qgmutils.engine import Landscape
from qgmutils.inputs import require_positive
from qgmutils.report import figures
from qgmutils.slices import Line, Path, Plane, Spectrum

Pair = tuple[int, int]
"""Numbers of two eigenvectors, from 0, which is the flattest; -1 is the steepest."""


def plane(ax: Axes, found: Plane, names: tuple[str, str]) -> None:
    """Contours of the loss, which carry it, with the point in the middle marked; `names` are of the directions."""
    _contours(ax, found, [[0, 0]])
    ax.plot(0, 0, "o", ms=5, mfc="white", mec="black")
    ax.set(xlabel=f"along {names[0]} (rad)", ylabel=f"along {names[1]} (rad)")


def descent(ax: Axes, found: Plane) -> None:
    """Arrows downhill on every fifth point of a plane: the part of minus the gradient that lies in it."""
    some = slice(2, None, 5)
    down = -found.slope[some, some]
    style: dict[str, Any] = {"color": figures.COLORS[5], "angles": "xy", "width": 0.006, "pivot": "mid"}
    ax.quiver(found.x[some], found.y[some], down[..., 0], down[..., 1], **style)


def lines(ax: Axes, found: Mapping[str, Line]) -> None:
    """The loss on lines through the same point, each labelled at its end, and their parabolas dotted."""
    for series, (name, line) in enumerate(found.items()):
        style = figures.look(series) | {"marker": ""}
        ax.plot(line.x, line.loss, **style, label=name)
        middle = len(line.x) // 2
        curvature = (line.slope[middle + 1] - line.slope[middle - 1]) / (
            line.x[middle + 1] - line.x[middle - 1]
        )
        parabola = line.loss[middle] + line.slope[middle] * line.x + curvature * line.x**2 / 2
        ax.plot(line.x, parabola, color=style["color"], lw=0.8, ls=":", zorder=0)
    losses = np.concatenate([line.loss for line in found.values()])
    margin = 0.05 * max(float(np.ptp(losses)), 1e-12)
    ax.set(xlabel="distance (rad)", ylabel="loss $L$", ylim=(losses.min() - margin, losses.max() + margin))
    figures.label_lines(ax)


def spectrum(ax: Axes, found: Spectrum, chosen: Pair) -> None:
    """Eigenvalues of the Hessian in ascending order; the two that span a plane are filled and carry their values."""
    values = found.eigenvalues
    number = np.arange(1, len(values) + 1)
    ax.axhline(0, color="0.6", lw=0.7, zorder=0)
    ax.plot(number, values, "o", ms=4, mfc="white", mec=figures.COLORS[0])
    for k in chosen:
        ax.plot(number[k], values[k], "o", ms=5, color=figures.COLORS[0])
        # Below or beside the ascending row of the others.
        early = number[k] <= len(values) / 2
        place: dict[str, Any] = (
            {"xytext": (-3, -14), "ha": "left"} if early else {"xytext": (-6, -1), "ha": "right"}
        )
        at = number[k], values[k]
        ax.annotate(
            f"{values[k]:.2g}",
            at,
            textcoords="offset points",
            fontsize=figures.SMALLEST,
            bbox=_PAPER,
            **place,
        )
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.margins(x=0.1, y=0.15)
    ax.set(xlabel="eigenvector", ylabel="eigenvalue of the Hessian")


def paths(ax: Axes, found: Mapping[str, Path]) -> None:
    """The loss on paths with the same ends, over the share of their length; length and barrier stand at their tops."""
    for series, (name, path) in enumerate(found.items()):
        style = figures.look(series) | {"marker": ""}
        share = path.x / path.x[-1]
        ax.plot(share, path.loss, **style)
        x, top = float(share[path.top]), path.loss[path.top]
        ax.plot(x, top, figures.MARKERS[series], ms=5, color=style["color"])
        # The first, which is the highest, carries its label above, others below.
        side: dict[str, Any] = {"xytext": (0, -11 if series else 10), "va": "center"}
        side["ha"] = "left" if x < 0.3 else "right" if x > 0.7 else "center"
        text = f"{name}: {path.x[-1]:.1f} rad, barrier {path.barrier:.2g}"
        color = 0.75 * np.array(to_rgb(style["color"]))  # thin letters look lighter than lines
        ax.annotate(
            text, (x, top), textcoords="offset points", fontsize=figures.SMALLEST, color=color, **side
        )
    first = next(iter(found.values())).loss
    for at, name in ((0, "A"), (1, "B")):
        ax.plot(at, first[-at], "o", ms=5, mfc="white", mec="black", zorder=3)
        outside = (18 * at - 9, 0)  # where no path and no label of one is
        ax.annotate(name, (at, first[-at]), outside, textcoords="offset points", ha="center", va="center")
    ax.margins(x=0.1, y=0.2)
    ax.set(xlabel="share of the path", ylabel="loss $L$")


def between(ax: Axes, found: Plane, places: ArrayLike) -> None:
    """The plane through minima A and B and the top of a path, `slices.plane_through`; the straight path is dashed."""
    _contours(ax, found, places)
    first, second, top = np.asarray(places)
    ax.plot(*np.transpose([first, second]), color="black", ls="--", lw=1)
    ax.plot(*np.transpose([first, second]), "o", ms=5, mfc="white", mec="black")
    ax.plot(*top, figures.MARKERS[1], ms=5, color=figures.COLORS[1], mec="black", mew=0.6)
    for (x, y), name, shift in ((first, "A", (0, -11)), (second, "B", (0, -11)), (top, "top", (0, 10))):
        ax.annotate(name, (x, y), shift, textcoords="offset points", ha="center", va="center", bbox=_PAPER)
    ax.set(xlabel="from A to B (rad)", ylabel="towards the top (rad)", aspect="equal")


def portrait(found: Plane, cuts: Mapping[str, Line], curvatures: Spectrum, chosen: Pair) -> Figure:
    """A minimum on a page: the plane along two eigenvectors, the loss along either of them, and the spectrum."""
    fig, axes = figures.page(1, 3, height=2.6, width_ratios=(1.15, 1, 0.8))
    first, second = cuts
    plane(axes[0], found, (first, second))
    lines(axes[1], cuts)
    spectrum(axes[2], curvatures, chosen)
    return fig


def connection(found: Plane, places: ArrayLike, ways: Mapping[str, Path]) -> Figure:
    """Two minima on a page: the plane through both and the top of a path, and the loss on the paths between them."""
    fig, axes = figures.page(1, 2, height=3.0)
    between(axes[0], found, places)
    paths(axes[1], ways)
    return fig


def sliders(surface: Landscape, theta: ArrayLike, *, reach: float = 0.6) -> Any:
    """The portrait of a point in Jupyter, with sliders for the two eigenvectors and how far the plane reaches.

    Parameters
    ----------
    surface : Landscape
        Of two angles or more.
    theta : array_like, shape (p,)
        Radians.
    reach : float
        At first, radians; 0.05 to 3.

    Returns
    -------
    ipywidgets.interactive
        Its `result` is the plane.

    Raises
    ------
    ImportError
        Without ipywidgets.
    ValueError
        If theta is not one point of the landscape, of two angles or more.
    """
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError as error:
        raise ImportError(
            'sliders need ipywidgets and Jupyter: python3 -m pip install "qgmutils[suite]" installs them; '
            "portrait draws the same without"
        ) from error
    found = slices.spectrum(surface, theta)
    count = len(found.eigenvalues)
    if count < 2:
        raise ValueError(
            f"a plane needs two eigenvectors, but the landscape has {count} angle; use slices.line"
        )

    def draw(first: int, second: int, reach: float) -> Plane | None:
        if first == second:
            print("The two eigenvectors must differ.")
            return None
        chosen = first - 1, second - 1
        wide, cuts = slices_along(surface, theta, found, chosen, reach=reach)
        fig = portrait(wide, cuts, found, chosen)
        display(fig)
        plt.close(fig)
        return wide

    def slider(kind: Any, **range_: Any) -> Any:
        return kind(continuous_update=False, **range_)

    return ipywidgets.interactive(
        draw,
        first=slider(ipywidgets.IntSlider, min=1, max=count, value=1),
        second=slider(ipywidgets.IntSlider, min=1, max=count, value=count),
        reach=slider(
            ipywidgets.FloatSlider, min=0.05, max=3.0, step=0.05, value=require_positive(reach, "reach")
        ),
    )


def slices_along(
    surface: Landscape, theta: ArrayLike, curvatures: Spectrum, chosen: Pair, *, reach: float
) -> tuple[Plane, dict[str, Line]]:
    """What a portrait shows: the plane along two eigenvectors, and the lines along either, by their names."""
    directions = curvatures.directions[list(chosen)]
    count = len(curvatures.eigenvalues)
    names = [f"eigenvector {k % count + 1}" for k in chosen]
    cuts = {
        name: slices.line(surface, theta, one, reach=reach)
        for name, one in zip(names, directions, strict=True)
    }
    return slices.plane(surface, theta, directions, reach=reach), cuts


_PAPER: dict[str, Any] = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8}
"""Behind text on lines and colours."""


def _contours(ax: Axes, found: Plane, marks: ArrayLike) -> None:
    """The loss in a plane; its lines carry it, but for labels that would lie on a mark, (M, 2), or on the frame."""
    ax.contourf(found.x, found.y, found.loss, levels=12, cmap="Blues_r")
    levels = ax.contour(found.x, found.y, found.loss, levels=8, colors="0.15", linewidths=0.5)
    reach = found.x[-1]
    for label in ax.clabel(levels, list(levels.levels)[::2], fontsize=figures.SMALLEST, fmt="%.2f"):
        place = np.array(label.get_position())
        near = np.linalg.norm(np.asarray(marks) - place, axis=1).min() < 0.25 * reach
        if near or np.abs(place).max() > 0.97 * reach:
            label.remove()
