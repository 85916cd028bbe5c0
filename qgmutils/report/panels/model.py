"""Panels of one model: a training run, where many end, and the Hessian at some points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from qgmutils.report import figures

Array = NDArray[np.float64]


def training(ax: Axes, curves: Mapping[str, ArrayLike], ends: Mapping[str, float]) -> None:
    """Losses step by step, one line a run; a thin line of the same colour is where the search ends from that start."""
    for number, (name, losses) in enumerate(curves.items()):
        style = figures.look(number) | {"marker": ""}
        ax.plot(np.asarray(losses), **style, label=name)
        ax.axhline(ends[name], color=style["color"], lw=0.6, zorder=0)
    ax.set(xlabel="steps of Adam", ylabel="loss E", ylim=(0, None))


def distribution(ax: Axes, losses: ArrayLike, others: ArrayLike) -> None:
    """Distribution functions of the losses at minima and at random angles."""
    for number, (given, name) in enumerate(((losses, "minima"), (others, "random angles"))):
        values, style = np.asarray(given, dtype=float), figures.look(number) | {"marker": ""}
        sns.ecdfplot(x=values, ax=ax, **style)
        label = f"  {len(values)} {name}"
        ax.text(np.median(values), 0.45, label, color=style["color"], fontsize=figures.SMALLEST)
    ax.set(xlabel="loss E", ylabel="share of points below", xlim=(0, 1.35 * np.max(others)), ylim=(0, 1.02))


def spectra(ax: Axes, eigenvalues: Mapping[str, Array]) -> None:
    """Eigenvalues of the Hessian, in ascending order, at several points."""
    for number, (name, values) in enumerate(eigenvalues.items()):
        style: dict[str, Any] = figures.look(number) | {"ls": "", "ms": 3}
        ax.plot(np.arange(1, len(values) + 1), np.sort(values), **style, label=name)
    ax.axhline(0, color="0.6", lw=0.7, zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="number of the eigenvalue", ylabel="eigenvalue of the Hessian")
    ax.legend(loc="upper left")
