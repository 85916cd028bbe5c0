"""What a user asks of a model: its minima, and its critical count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qgmutils.circuits.circuit import Circuit
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.training import TrainTask
from qgmutils.inputs import require_integer
from qgmutils.statistics import critical_counts
from qgmutils.statistics.critical_counts import CriticalCount
from qgmutils.statistics.intervals import Interval, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class TrainedMinima:
    """Where searches of a model have ended.

    Attributes
    ----------
    model : Model
    table : DataFrame
        One row a start, as `training.TrainTask` describes.
    """

    model: Model
    table: pd.DataFrame

    @property
    def solved(self) -> Interval:
        """Share of solved starts with its interval (Wilson, 95 %)."""
        return wilson(int(self.table["solved"].sum()), len(self.table))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the distribution function of the losses where searches ended; red ticks: ends without certificate."""
        import matplotlib.pyplot as plt
        import seaborn as sns

        axes: Any = ax or plt.subplots(figsize=(5, 3), layout="constrained")[1]
        sns.ecdfplot(self.table, x="loss", ax=axes)
        sns.rugplot(self.table[~self.table["certified"]], x="loss", ax=axes, color="C3", height=0.06)
        axes.set(xlabel="loss at the minima", ylabel="share of starts", ylim=(0, 1.02))
        axes.set_title(
            f"p = {self.model.n_params}: {self.solved.estimate:.0%} of {len(self.table)} starts solved"
        )
        return axes

    def __repr__(self) -> str:
        certified = int(self.table["certified"].sum())
        return (
            f"{len(self.table)} starts of {self.table['circuit'].nunique()} circuit(s) with p = {self.model.n_params}: "
            f"{certified} certified minima, {int(self.table['solved'].sum())} solved, lowest loss "
            f"{self.table['loss'].min():.3g}, mean {self.table['loss'].mean():.3g}"
        )


def train(
    model: Model, *, starts: int = 64, circuits: int = 1, seed: int = 0, workers: int | None = None
) -> TrainedMinima:
    """Search minima of a model from uniformly random angles.

    Results are kept on disk under everything that they depend on, so that the same call comes back at once.

    Parameters
    ----------
    model : Model
    starts : int
        Starts of each circuit.
    circuits : int
        How many circuits are drawn from the model's recipe.
    seed : int
        Root of all random streams.
    workers : int, optional
        Processes; by default the workers of the scheduler that QGMUTILS_SCHEDULER names, else as many as there are
        cores to use.

    Returns
    -------
    TrainedMinima

    Raises
    ------
    ValueError
        For anything else than a model, or numbers out of range.
    """
    if isinstance(_checked(model).circuit, Circuit) and circuits != 1:
        raise ValueError(f"the model has a single circuit, so circuits must be 1, got {circuits!r}")
    task = TrainTask(model=model, n_circuits=circuits, n_starts=starts, seed=seed)
    return TrainedMinima(model, run_ensembles({"": task}, label="training", workers=workers)[""])


def critical_count(
    model: Model,
    param_counts: Iterable[int],
    *,
    starts: int = 8,
    circuits: int = 16,
    seed: int = 0,
    workers: int | None = None,
) -> CriticalCount:
    """The number of parameters at which half of the starts are solved, from training at several counts.

    Parameters
    ----------
    model : Model
        Its own number of angles does not matter.
    param_counts : iterable of int
        Counts below and above the crossing.
    starts, circuits, seed, workers
        As in `train`; the interval comes from resampling circuits, of which there are two or more.

    Returns
    -------
    CriticalCount

    Raises
    ------
    statistics.intervals.UndeterminedError
        If the counts do not bracket the crossing; the message gives the shares that were found.
    ValueError
        As in `train`.
    """
    counts = sorted({require_integer(p, "param_counts") for p in param_counts})
    if len(counts) < 2:
        raise ValueError(f"param_counts must hold two or more different counts, got {counts}")
    require_integer(circuits, "circuits", low=2)
    tasks = {
        p: TrainTask(model=_checked(model).with_params(p), n_circuits=circuits, n_starts=starts, seed=seed)
        for p in counts
    }
    found = pd.concat(run_ensembles(tasks, label="training", workers=workers).values(), ignore_index=True)
    rng = np.random.default_rng(seed)
    return critical_counts.critical_count(found["n_params"], found["solved"], found["circuit"], rng)


def _checked(model: Model) -> Model:
    if not isinstance(model, Model):
        raise ValueError(f"model must be a Model, got {type(model).__name__}; Model(circuit, loss) makes one")
    return model
