"""One style for all figures, and one way to save them: PNG, PDF and the plotted numbers as CSV."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from qgmutils.computing import files, tasks

DIGITS = 6
"""Significant digits of the numbers in tables: more than any figure shows, fewer than processors agree on."""


def use_style() -> None:
    """Set the style of the suite: colours for colour-blind readers, text that stays text in PDF.

    It starts from matplotlib's defaults, so that figures do not depend on settings of the user.
    """
    mpl.rcdefaults()
    # The font that comes with matplotlib; others would be taken where they are installed.
    sns.set_theme(context="notebook", style="ticks", palette="colorblind", font="DejaVu Sans")
    mpl.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "figure.dpi": 80,
            "savefig.dpi": 100,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "legend.frameon": False,
            "legend.fontsize": "small",
            "lines.linewidth": 1.5,
            # TrueType instead of Type 3 fonts: journals ask for it, and the text can be searched.
            "pdf.fonttype": 42,
        }
    )


@dataclass(frozen=True)
class Curve:
    """A prediction in a ridge: points (x, y), the relative error of y if it has one, and how it is drawn."""

    x: ArrayLike
    y: ArrayLike
    style: Mapping[str, Any]
    error: ArrayLike | None = None


@dataclass(frozen=True)
class Ridge:
    """One row of a ridge plot: a sample, predictions of its density, a mark on the axis and a note at the right."""

    label: str
    sample: ArrayLike
    curves: Sequence[Curve] = ()
    mark: float | None = None
    note: str = ""


def ridges(ax: Axes, rows: Sequence[Ridge], *, bins: ArrayLike, sample: str, mark: str, note: str) -> None:
    """Draw samples as histograms one above the other, with their predictions; every shape has the same height.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    rows : sequence of Ridge
        From the bottom to the top.
    bins : array_like, shape (B + 1,)
        Edges of the histograms' bins.
    sample, mark, note : str
        What the samples and the marks are called in the legend, and the heading of the notes.
    """
    colors = sns.color_palette("colorblind", 4)
    right = float(np.max(np.asarray(bins)))
    for level, row in enumerate(rows):
        height, edges = np.histogram(np.asarray(row.sample), bins=np.asarray(bins), density=True)
        filled = {"fill": True, "color": colors[0], "alpha": 0.55, "label": sample}
        ax.stairs(level + 0.85 * height / height.max(), edges, baseline=level, **filled)
        for curve in row.curves:
            inside = np.asarray(curve.x) <= right  # the notes stand beyond
            x = np.asarray(curve.x)[inside]
            y = np.asarray(curve.y)[inside] * (0.85 / np.max(np.asarray(curve.y)))
            ax.plot(x, level + y, **curve.style)
            if curve.error is not None:
                band = y * np.asarray(curve.error)[inside]
                ax.fill_between(x, level + y - band, level + y + band, color="black", alpha=0.15, lw=0)
        if row.mark is not None:
            ax.plot([row.mark] * 2, [level, level + 0.9], color=colors[3], lw=2, label=mark)
        ax.text(1.01 * right, level + 0.3, row.note, va="center", fontsize="small")
    ax.text(1.01 * right, len(rows) + 0.1, note, fontsize="small")
    ax.set(xlim=(0, 1.09 * right), ylim=(0, len(rows) + 0.3), yticks=np.arange(len(rows)))
    ax.set_yticklabels([row.label for row in rows], va="bottom", fontsize="small")
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))  # one entry a label
    ax.legend(handles.values(), handles.keys(), loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=4)


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
