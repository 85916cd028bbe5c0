"""Where training ends, at the model's own depth and at others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qgmutils.circuits.circuit import Circuit
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.training import SAME_LOSS, TrainTask, hits
from qgmutils.statistics.intervals import Interval, mean_interval, wilson

NEAR = 0.01
"""Share of the way from the best end to a loss of 1, which random states have for an energy, within which an end is
near the best one; a convention."""

TRAPPED, FREE = 0.05, 0.95
"""Shares of solved starts: a model is trapped if the interval lies below the first, trap-free above the second;
conventions."""


@dataclass(frozen=True)
class Ends:
    """Ends of searches from uniformly random angles; losses in the normalised unit.

    Attributes
    ----------
    n_params, n_starts, n_certified : int
    solved : Interval
        Share of starts that reach the loss's floor (Wilson, 95 %).
    near_best : Interval
        Share that ends near the best end, as `NEAR` says.
    mean : Interval
        Of the losses of certified ends.
    losses : tuple of float
        They, ascending.
    best : float
    best_hits : int
        How many ends are the best one; a single one means that there may be a better one.
    """

    n_params: int
    n_starts: int
    n_certified: int
    solved: Interval
    near_best: Interval
    mean: Interval
    losses: tuple[float, ...]
    best: float
    best_hits: int

    @property
    def median(self) -> float:
        """Of the losses."""
        return float(np.median(self.losses))

    @property
    def kind(self) -> str:
        """The class that the share of solved starts tells: trapped, transition, trap-free or undecided."""
        if self.solved.high <= TRAPPED:
            return "trapped"
        if self.solved.low >= FREE:
            return "trap-free"
        return "undecided" if self.solved.low < TRAPPED or self.solved.high > FREE else "transition"


def summary(model: Model, table: pd.DataFrame) -> Ends:
    """Ends of one model."""
    certified = table.loc[table["certified"], "loss"].to_numpy()
    losses = certified if len(certified) else table["loss"].to_numpy()
    best = float(losses.min())
    return Ends(
        model.n_params,
        len(table),
        len(certified),
        wilson(int(table["solved"].sum()), len(table)),
        wilson(int(np.sum(table["loss"] <= best + NEAR * max(1.0 - best, SAME_LOSS))), len(table)),
        mean_interval(losses, np.random.default_rng(0))
        if len(losses) > 1
        else Interval(best, -np.inf, np.inf),
        tuple(np.sort(losses).tolist()),
        best,
        hits(losses),
    )


def training(model: Model, *, starts: int, seed: int) -> TrainTask:
    """The searches of a model, whose table holds angles.

    A recipe draws a circuit for each eight starts; a single circuit takes all of them.
    """
    circuits = 1 if isinstance(model.circuit, Circuit) else max(2, starts // 8)
    return TrainTask(
        model=model,
        n_circuits=circuits,
        n_starts=-(-starts // circuits),
        seed=seed,
        keep_angles=True,
    )
