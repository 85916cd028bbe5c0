"""A diagnosis as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgmutils.diagnosis.answers import Need, Reach
from qgmutils.diagnosis.ends import Ends
from qgmutils.report import figures

_FLOOR = 1e-12  # where solved starts are drawn, on a logarithmic axis


def draw(ends: Ends, reach: Reach, need: Need, *, energy: bool) -> Figure:
    """Share of solved starts against the number of parameters, and where the model's own starts end."""
    with plt.rc_context():
        figures.use_style()
        fig, (left, right) = figures.page(1, 2, height=2.7)
        _transition(left, ends, reach, need)
        _losses(right, ends, energy)
    return fig


def _transition(ax: Axes, own: Ends, reach: Reach, need: Need) -> None:
    tested: Sequence[Ends] = need.tested or (own,)
    p = np.array([ends.n_params for ends in tested])
    share, low, high = np.array([[e.solved.estimate, e.solved.low, e.solved.high] for e in tested]).T
    ax.errorbar(p, share, [share - low, high - share], fmt="o-", color=figures.COLORS[0], lw=0.8)
    ax.plot(own.n_params, own.solved.estimate, "o", ms=8, mfc="none", color=figures.COLORS[5])
    # Curves rise to the right of the point: there is room below it, unless it lies on the axis.
    below = own.solved.estimate > 0.15
    ax.annotate(
        "this model",
        (own.n_params, own.solved.estimate),
        (8, -4) if below else (0, 9),
        textcoords="offset points",
        va="top" if below else "bottom",
        color=figures.COLORS[5],
        fontsize=figures.SMALLEST,
    )
    if need.predicted is not None:
        ax.axvline(need.predicted, color="0.4", ls="--", lw=0.9)
        ax.annotate(
            f"$c$ = {reach.count} act at {need.predicted}",
            (need.predicted, 0.5),
            (-3, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="center",
            color="0.3",
            fontsize=figures.SMALLEST,
        )
    ax.set(xlabel="parameters", ylabel="share of starts solved", ylim=(-0.05, 1.08))
    ax.set_title("How many parameters it needs")


def _losses(ax: Axes, own: Ends, energy: bool) -> None:
    losses = np.maximum(np.sort(own.losses), _FLOOR)
    share = np.arange(1, len(losses) + 1) / len(losses)
    ax.step([losses[0], *losses], [0, *share], where="post", color=figures.COLORS[0])
    if own.solved.estimate > 0:
        ax.annotate(
            f"{own.solved.estimate:.0%} solved",
            (losses[0], own.solved.estimate / 2),
            (5, 0),
            textcoords="offset points",
            va="center",
            color="0.3",
            fontsize=figures.SMALLEST,
        )
    if own.solved.estimate > 0 or losses[0] < losses[-1] / 100:
        ax.set_xscale("log")
        ax.set_xlim(losses[0] / 10, max(1.0, losses[-1] * 2))
    else:
        ax.set_xlim(0, losses[-1] * 1.1)
    name = "energy (0: ground state, 1: random state)" if energy else "loss"
    ax.set(xlabel=name, ylabel="share of starts", ylim=(0, 1.05))
    ax.set_title(f"Where {own.n_starts} starts end at $p$ = {own.n_params}")
