"""One style for all figures, and one way to save them: PDF, PNG and the plotted numbers as CSV."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from qgmutils import claims, files


def use_style() -> None:
    """Set the style of the suite: colours for colour-blind readers, text that stays text in PDF."""
    sns.set_theme(context="notebook", style="ticks", palette="colorblind")
    mpl.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "figure.dpi": 80,
            "savefig.dpi": 150,
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


def save(
    fig: Figure,
    table: pd.DataFrame,
    *,
    notebook: str,
    output_dir: str | os.PathLike[str],
    run: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Write a figure and its numbers as <notebook>[.<run>].pdf, .png and .csv, each whole or not at all.

    The same figure gives the same bytes: no dates are stored. PDF and PNG carry parameters and versions.

    Parameters
    ----------
    fig : Figure
        The figure.
    table : DataFrame
        The plotted numbers; written with ten digits and without the index.
    notebook, run : str
        Name of the files; letters, digits, "_" and "-". `run` is "" where the notebook has one run only.
    output_dir : path
        Folder of the figures; made if it does not exist.
    parameters : mapping, optional
        What the figure was made with, seed included, to be stored in the files.

    Raises
    ------
    ValueError
        A name holds other characters, or `output_dir` cannot be written to.
    """
    for what, name, pattern in (("notebook", notebook, r"[\w-]+"), ("run", run, r"[\w-]*")):
        if not re.fullmatch(pattern, name):
            raise ValueError(
                f"{what} is {name!r}; it names files, so only letters, digits, '_' and '-' are allowed"
            )
    folder = files.writable_directory(output_dir)
    stem = f"{notebook}.{run}" if run else notebook
    # Where the files lie says nothing about the figure, and differs from machine to machine.
    made_with = {name: value for name, value in (parameters or {}).items() if name != "output_dir"}
    source = {"parameters": made_with, "versions": claims.versions()}
    text = json.dumps(source, default=str, sort_keys=True)
    metadata = {
        "pdf": {"Title": stem, "Keywords": text, "CreationDate": None},
        "png": {"Title": stem, "Description": text},
    }
    for kind, entries in metadata.items():
        with files.whole_file(folder / f"{stem}.{kind}") as temporary:
            fig.savefig(temporary, format=kind, metadata=entries)
    with files.whole_file(folder / f"{stem}.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n", encoding="utf-8")
