"""One style for figures, drawn for a page of 7 inches, and one way to save them: PNG, PDF and the numbers as CSV."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation
from numpy.typing import ArrayLike
from scipy import optimize

from qgmutils.computing import files, tasks
from qgmutils.report.tables import number

DIGITS = 6
"""Significant digits of the numbers in tables: more than any figure shows, fewer than processors agree on."""
WIDTH = 7.0
"""Width of every figure in inches, that of a page between its margins."""
SMALLEST = 7.0
"""Size of the smallest text, in points."""
COLORS = ("#0a58a6", "#ef9322", "#471040", "#139173", "#86c8ec", "#b53c12", "#dc74a0", "#3a4657")
"""Colours that differ for colour-blind readers, and in lightness: the first four by 15 of 100, all by 5."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (2, 1)), (0, (1, 3)))


def use_style() -> None:
    """Set the style of the suite: small text, colours for colour-blind readers, text that stays text in PDF.

    It starts from matplotlib's defaults, so that figures do not depend on settings of the user.
    """
    mpl.rcdefaults()
    mpl.rcParams.update(
        {
            # The font that comes with matplotlib; others would be taken where they are installed.
            "font.family": "DejaVu Sans",
            "font.size": 8,
            "axes.titlesize": 8,
            "axes.titlelocation": "left",
            "axes.titlepad": 5,
            "axes.labelsize": 8,
            "xtick.labelsize": SMALLEST,
            "ytick.labelsize": SMALLEST,
            "legend.fontsize": SMALLEST,
            "figure.figsize": (WIDTH, 3.0),
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "savefig.dpi": 150,
            "axes.prop_cycle": plt.cycler(color=COLORS),
            "axes.linewidth": 0.7,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "legend.handlelength": 2.4,
            "lines.linewidth": 1.2,
            "lines.markersize": 4,
            "errorbar.capsize": 2,
            # TrueType instead of Type 3 fonts: journals ask for it, and the text can be searched.
            "pdf.fonttype": 42,
        }
    )


def page(rows: int = 1, columns: int = 1, *, height: float, **grid: Any) -> tuple[Figure, Any]:
    """A figure of the page's width with panels in rows and columns, named by letters if there are several.

    Parameters
    ----------
    rows, columns : int
    height : float
        Of the figure, in inches.
    **grid : object
        More for `matplotlib.pyplot.subplots`, such as width_ratios and sharey.

    Returns
    -------
    fig : Figure
    axes : Axes, or array of Axes
        As `matplotlib.pyplot.subplots` returns them.
    """
    fig, axes = plt.subplots(rows, columns, figsize=(WIDTH, height), **grid)
    if rows * columns > 1:
        for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", np.ravel(axes), strict=False):
            _name(ax, letter)
    return fig, axes


def mosaic(layout: str, *, height: float, **grid: Any) -> tuple[Figure, dict[str, Axes]]:
    """A figure of the page's width whose panels span cells: `page`, for panels of different sizes.

    Parameters
    ----------
    layout : str
        Rows of letters, one a cell; a panel fills the cells of its letter, which is its name: "ab;ac" has three.
    height : float
        Of the figure, in inches.
    **grid : object
        More for `matplotlib.pyplot.subplot_mosaic`, such as width_ratios.

    Returns
    -------
    fig : Figure
    axes : dict of str to Axes
    """
    fig, axes = plt.subplot_mosaic(layout, figsize=(WIDTH, height), **grid)
    for letter, ax in axes.items():
        _name(ax, letter)
    return fig, axes


def look(series: int) -> dict[str, Any]:
    """Colour, marker and kind of line of a series, for `plot` and `errorbar`; no two of the first eight share any.

    Points without a line are `look(0) | {"ls": ""}`, a curve without points `look(0) | {"marker": ""}`.
    """
    names = {"color": COLORS, "marker": MARKERS, "ls": LINES}
    return {name: values[series % len(values)] for name, values in names.items()}


def shades(count: int) -> list[tuple[float, ...]]:
    """Colours of a series that is ordered, such as sizes: from dark to light, also in grey."""
    return [tuple(shade) for shade in plt.get_cmap("viridis")(np.linspace(0, 0.8, count))]


def points(
    ax: Axes, rows: pd.DataFrame, x: str, y: str, *, error: str | tuple[str, str] | None = None, **style: Any
) -> None:
    """Draw columns of a table with their errors.

    Parameters
    ----------
    ax : Axes
    rows : DataFrame
    x, y : str
        The columns to draw.
    error : str or (str, str), optional
        The column of errors, or those of the lower and upper ends of intervals.
    **style : object
        For `matplotlib.axes.Axes.errorbar`, such as `look(0)` and a label.
    """
    if isinstance(error, tuple):
        low, high = (rows[name] for name in error)
        # An estimate may lie beyond the end of its interval, which then is drawn without that arm.
        bars = np.clip([rows[y] - low, high - rows[y]], 0, None)
    else:
        bars = None if error is None else rows[error]
    ax.errorbar(rows[x], rows[y], bars, **style)


def label_lines(ax: Axes, *, gap: float = 1.25) -> None:
    """Write the label of every line at its right end, in its colour, in place of a legend.

    Call it when the panel is complete: labels are kept apart along the axis as it is then.

    Parameters
    ----------
    ax : Axes
        Lines of which the label does not begin with "_" are labelled.
    gap : float
        Distance of labels, in heights of their text.
    """
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    size = mpl.rcParams["legend.fontsize"]
    ends = []
    for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
        line: Any = handle[0] if isinstance(handle, tuple) else handle  # of points with errors
        known = np.isfinite(np.asarray(line.get_xydata(), dtype=float)).all(axis=1)
        if known.any():
            ends.append((np.asarray(line.get_xydata(), dtype=float)[known][-1], label, line.get_color()))
    if not ends:
        return
    at = ax.transAxes.inverted().transform(ax.transData.transform([end for end, _, _ in ends]))
    order = np.argsort(at[:, 1], kind="stable")
    step = gap * size / 72 / (ax.get_window_extent().height / ax.figure.dpi)
    # The nearest heights that are `step` apart: least squares under an order.
    ladder = step * np.arange(len(ends))
    heights = optimize.isotonic_regression(at[order, 1] - ladder).x + ladder
    for i, height in zip(order, heights, strict=True):
        _, label, color = ends[i]
        color = 0.75 * np.array(mpl.colors.to_rgb(color))  # thin letters look lighter than lines
        _beside(ax, label, (at[i, 0], height), (5, 0), va="center", color=color, fontsize=size)


@dataclass(frozen=True)
class Curve:
    """A predicted density in a ridge: points (x, y), the relative error of y if it has one, and how it is drawn."""

    x: ArrayLike
    y: ArrayLike
    style: Mapping[str, Any]
    error: ArrayLike | None = None


@dataclass(frozen=True)
class Ridge:
    """One row of a ridge plot: its label, a sample, predictions of its density, and a mark on the axis."""

    label: str
    sample: ArrayLike
    curves: Sequence[Curve] = ()
    mark: float | None = None


def ridges(ax: Axes, rows: Sequence[Ridge], *, bins: ArrayLike, sample: str, mark: str, unit: str) -> None:
    """Draw samples as histograms one above the other, each with its predictions as densities in the same unit.

    Each row has a scale of its own, marked at the right: the density at the height of the tick.  Where the sample or
    a curve is more than four times higher than the other, it is cut off there, with a triangle on it.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    rows : sequence of Ridge
        From the bottom to the top.  Curves are normalised over their points.
    bins : array_like, shape (B + 1,)
        Edges of the histograms' bins.
    sample, mark : str
        What the samples and the marks are called in the legend.
    unit : str
        What the densities are per unit of, for the label of the scales.
    """
    edges = np.asarray(bins, dtype=np.float64)
    tops = []
    for level, row in enumerate(rows):
        found = np.asarray(row.sample, dtype=np.float64)
        height = np.histogram(found, edges)[0] / (max(found.size, 1) * np.diff(edges))
        curves = []
        for curve in row.curves:
            x, y = np.asarray(curve.x, dtype=np.float64), np.asarray(curve.y, dtype=np.float64)
            inside = (x >= edges[0]) & (x <= edges[-1])
            relative = 0.0 * y if curve.error is None else np.asarray(curve.error, dtype=np.float64)
            curves.append((x[inside], (y / np.trapezoid(y, x))[inside], relative[inside], curve.style))
        highest = [height.max(), *[max(y, default=0.0) for _, y, _, _ in curves]]
        largest = [top for top in (highest[0], max(highest[1:], default=0.0)) if top > 0]
        top = min(max(largest), 4 * min(largest)) if largest else 1.0
        tops.append(top)
        scale = 0.85 / top
        cut = height > top
        ax.stairs(
            level + scale * np.minimum(height, top),
            edges,
            baseline=level,
            fill=True,
            color=COLORS[4],
            alpha=0.7,
            lw=0,
            label=sample,
        )
        middle = (edges[1:] + edges[:-1]) / 2
        ax.plot(middle[cut], np.full(cut.sum(), level + 0.89), "^", color=COLORS[0], ms=3)
        for x, y, relative, style in curves:
            line = np.minimum(y, top)
            ax.plot(x, level + scale * line, **style)
            over = np.flatnonzero(y > top)[:1]
            ax.plot(x[over], np.full(len(over), level + 0.89), "^", color=style.get("color", "black"), ms=3)
            if relative.any():
                band = [level + scale * np.minimum(y * (1 + sign * relative), top) for sign in (-1, 1)]
                ax.fill_between(x, *band, color="black", alpha=0.15, lw=0)
        if row.mark is not None:
            ax.plot([row.mark] * 2, [level, level + 0.85], color=COLORS[5], lw=2, label=mark)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0, len(rows)), yticks=np.arange(len(rows)))
    ax.set_yticklabels([row.label for row in rows], va="bottom")
    right = ax.secondary_yaxis("right")
    right.set_yticks(np.arange(len(rows)) + 0.85, [number(top, 2) for top in tops])
    right.set_ylabel(f"density per unit of {unit}, at the tick")
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))  # one entry a label
    below = ax.transAxes + ScaledTranslation(
        0, -0.45, ax.figure.dpi_scale_trans
    )  # the label of the axis, in inches
    place: dict[str, Any] = {"bbox_to_anchor": (0.5, 0), "bbox_transform": below, "ncols": 2}
    ax.legend(handles.values(), handles.keys(), loc="upper center", **place)


def error_lines(
    ax: Axes,
    table: pd.DataFrame,
    *,
    x: str,
    series: str,
    error: str,
    spread: str | None = None,
    direct: bool = True,
) -> None:
    """Draw how far predictions are from what was found, one line a series, around the line of no error.

    Parameters
    ----------
    ax : Axes
        One panel, such as one size.
    table : DataFrame
        One row a point; a line has a gap where its error is NaN.
    x, series, error : str
        Columns: the place, the name of the line, and its error.
    spread : str, optional
        Column of the standard errors of `error`, drawn as bars of two.
    direct : bool
        Whether the lines are labelled at their ends.  Series have the same look in all panels with the same series.
    """
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    for i, (name, rows) in enumerate(table.groupby(series, sort=False)):
        ordered = rows.sort_values(x)
        bars = None if spread is None else 2 * ordered[spread]
        ax.errorbar(ordered[x], ordered[error], bars, label=str(name), **look(i))
    if direct:
        label_lines(ax)


def faults(fig: Figure) -> list[str]:
    """What a reader could not read: text that is too small, cut off at the edge, or on top of other text.

    Parameters
    ----------
    fig : Figure

    Returns
    -------
    list of str
        One sentence a fault; none for a good figure.
    """
    fig.draw_without_rendering()
    texts = [text for text in _texts(fig) if text.get_visible() and text.get_text().strip()]
    found = [
        f"{text.get_text()!r} has {text.get_fontsize():.3g} points, fewer than {SMALLEST:g}"
        for text in texts
        if float(text.get_fontsize()) < SMALLEST - 1e-6
    ]
    canvas = fig.bbox
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        # One pixel is rounding.
        if min(box.x0, box.y0) < -1 or box.x1 > canvas.width + 1 or box.y1 > canvas.height + 1:
            found.append(f"{text.get_text()!r} is cut off at the edge of the figure")
    for i, first in enumerate(boxes):
        for j in range(i):
            second = boxes[j]
            width = min(first.x1, second.x1) - max(first.x0, second.x0)
            height = min(first.y1, second.y1) - max(first.y0, second.y0)
            # Boxes have margins above and below the letters.
            if width > 1 and height > 0.3 * min(first.height, second.height):
                found.append(f"{texts[j].get_text()!r} and {texts[i].get_text()!r} lie on each other")
    return found


def save(
    fig: Figure,
    table: pd.DataFrame,
    *,
    notebook: str,
    output_dir: str | os.PathLike[str],
    run: str = "",
    parameters: Mapping[str, Any] | None = None,
    parts: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write a figure and its numbers as <notebook>[.<run>].pdf, .png and .csv, each whole or not at all.

    The same figure gives the same bytes on every machine with the same versions of the packages: neither dates nor
    times nor the processor are stored. PDF and PNG carry the parameters, the versions that the tables were computed
    with, and a hash of the code that computed them.

    Parameters
    ----------
    fig : Figure
        The figure.
    table : DataFrame
        The plotted numbers; written with `DIGITS` digits and without the index.
    notebook, run : str
        Name of the files; letters, digits, "_" and "-". `run` is "" where the notebook has one run only.
    output_dir : path
        Folder of the figures; made if it does not exist.
    parameters : mapping, optional
        What the figure was made with, seed included, to be stored in the files.
    parts : mapping of str to DataFrame, optional
        Numbers of panels that have a table of their own, written to <notebook>[.<run>].<name>.csv.

    Raises
    ------
    ValueError
        A name holds other characters, or `output_dir` cannot be written to.
    """
    for what, name, pattern in (
        ("notebook", notebook, r"[\w-]+"),
        ("run", run, r"[\w-]*"),
        *(("part", name, r"[\w-]+") for name in parts or {}),
    ):
        if not re.fullmatch(pattern, name):
            raise ValueError(
                f"{what} is {name!r}; it names files, so only letters, digits, '_' and '-' are allowed"
            )
    folder = files.writable_directory(output_dir)
    stem = f"{notebook}.{run}" if run else notebook
    # Where the files lie says nothing about the figure, and differs from machine to machine.
    made_with = {name: value for name, value in (parameters or {}).items() if name != "output_dir"}
    account = tasks.account()
    source = {"parameters": made_with, "versions": account.versions, "code": account.code}
    text = json.dumps(source, default=str, sort_keys=True)
    # The writer of PDF fonts remarks on the dates in some of them, once a figure.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    metadata = {
        "pdf": {"Title": stem, "Keywords": text, "CreationDate": None},
        "png": {"Title": stem, "Description": text},
    }
    for kind, entries in metadata.items():
        with files.whole_file(folder / f"{stem}.{kind}") as temporary:
            fig.savefig(temporary, format=kind, metadata=entries)
    for part, numbers in {"": table, **{f".{name}": more for name, more in (parts or {}).items()}}.items():
        with files.whole_file(folder / f"{stem}{part}.csv") as temporary:
            numbers.to_csv(
                temporary, index=False, float_format=f"%.{DIGITS}g", lineterminator="\n", encoding="utf-8"
            )


def _name(ax: Axes, letter: str) -> None:
    """The letter of a panel, above its left corner."""
    _beside(ax, letter, (0, 1), (-22, 5), fontsize=9, fontweight="bold")


def _beside(
    ax: Axes, text: str, place: tuple[float, float], shift: tuple[float, float], **style: Any
) -> None:
    """Text at a place in fractions of the axes, shifted by points."""
    ax.annotate(text, place, shift, xycoords="axes fraction", textcoords="offset points", **style)


def _texts(fig: Figure) -> list[Text]:
    """All texts that are drawn; ticks outside of the axis are not."""
    texts = [*fig.texts]
    for ax in fig.findobj(Axes):
        if not ax.get_visible():
            continue
        texts += [child for child in ax.get_children() if isinstance(child, Text)]
        if (legend := ax.get_legend()) is not None:
            texts += [*legend.get_texts(), legend.get_title()]
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            ticks = [tick for tick in ticks if low - 1e-9 <= tick.get_loc() <= high + 1e-9]
            texts += [label for tick in ticks for label in (tick.label1, tick.label2) if tick.get_visible()]
            texts += [axis.label, axis.offsetText]
    return texts
