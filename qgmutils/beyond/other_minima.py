"""Mean energies of the minima of several ansatzes, against the randomised model's and against theories."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from qgmutils.beyond.counts.reachable import CASE
from qgmutils.beyond.theories import Prediction, density_task, predict
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.losses.energy import Energy
from qgmutils.losses.loss import SOLVED

THEORIES = ("finite dimension", "field, m")
"""Densities of all minima, named as in `beyond.theories`: at this 2^n (derived), and of the random field (field)."""


def mean_ratios(minima: pd.DataFrame) -> pd.DataFrame:
    """Mean losses of the minima, relative to those of the randomised model on the same reference states.

    The two samples are taken as independent although they share reference states, which makes the true error smaller
    if anything.

    Parameters
    ----------
    minima : DataFrame
        Columns `CASE`, n_params and loss, one independent start a row; with the ansatz "randomised" for every reference
        state, Hamiltonian, size and count.

    Returns
    -------
    DataFrame
        `CASE`, n_params, loss, error (its standard error) and starts (their number); loss_randomised and
        error_randomised; ratio and ratio_error (to first order).  Left out is what has nothing to be compared with, as
        the randomised model is solved: its mean is below `SOLVED`.
    """
    keys = [*CASE, "n_params"]
    means = minima.groupby(keys)["loss"].agg(loss="mean", error="sem", starts="size").reset_index()
    base = means[(means["ansatz"] == "randomised") & (means["loss"] > SOLVED)]
    base = base.drop(columns=["ansatz", "starts"])
    table = means.merge(base, on=[key for key in keys if key != "ansatz"], suffixes=("", "_randomised"))
    ratio = table["loss"] / table["loss_randomised"]
    relative = np.hypot(table["error"] / table["loss"], table["error_randomised"] / table["loss_randomised"])
    return table.assign(ratio=ratio, ratio_error=ratio.abs() * relative)


def theories_of_minima(
    problem: Energy, param_counts: Sequence[int], *, n_samples: int, seed: int
) -> dict[tuple[str, int], Prediction]:
    """What `THEORIES` say of the energies of all minima, at several parameter counts.

    Parameters
    ----------
    problem : Energy
    param_counts : sequence of int
    n_samples : int
        Random matrices per energy and round, at least 16.
    seed : int

    Returns
    -------
    dict
        (theory, p) -> `Prediction`.
    """
    cases = list(itertools.product(THEORIES, param_counts))
    options = {"n_samples": n_samples, "seed": seed}
    tasks = {(theory, p): density_task(theory, problem, p, **options) for theory, p in cases}
    tables = run_ensembles(
        {case: task for case, task in tasks.items() if task is not None}, label="densities"
    )
    return {(theory, p): predict(theory, problem, p, tables.get((theory, p))) for theory, p in cases}


def theory_ratios(means: pd.DataFrame, theories: dict[tuple[str, int], Prediction]) -> pd.DataFrame:
    """Mean losses of trained minima relative to what theories say of all minima.

    Parameters
    ----------
    means : DataFrame
        Rows of `mean_ratios` of the Hamiltonian and the size that the theories are for.
    theories : dict
        As `theories_of_minima`, for the counts of `means`.

    Returns
    -------
    DataFrame
        `CASE`, n_params, loss, error, starts; theory, predicted and predicted_error (its mean, with the Monte Carlo
        error of that); ratio and ratio_error (to first order); NaN where a theory has no answer.
    """
    parts = []
    for (theory, p), found in theories.items():
        rows = means.loc[means["n_params"] == p, [*CASE, "n_params", "loss", "error", "starts"]]
        ratio = rows["loss"] / found.mean
        error = np.hypot(rows["error"], ratio * found.mean_stderr) / found.mean
        theirs = {"theory": theory, "predicted": found.mean, "predicted_error": found.mean_stderr}
        parts.append(rows.assign(**theirs, ratio=ratio, ratio_error=error))
    return pd.concat(parts, ignore_index=True)
