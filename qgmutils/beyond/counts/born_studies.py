"""Born machines as notebook 14 trains them: around their counts, one angle below, and on samples of their targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from qgmutils.beyond.counts import born_machines, count_law
from qgmutils.beyond.counts.state_learning import means
from qgmutils.ensembles.model import Model
from qgmutils.losses.born_machine import DIVERGENCES


def around_counts(
    n_qubits: Iterable[int], zeros_n_qubits: int, *, n_circuits: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complex and real machines whose transitions are compared with their counts.

    "dirichlet" is trained with "kl" and "l2", "log-normal" and "bars and stripes" with "kl".

    Parameters
    ----------
    n_qubits : iterable of int
        Of targets without zeros.
    zeros_n_qubits : int
        Of bars and stripes, even.
    n_circuits : int
        With one start each, for each machine and number of angles.
    seed : int

    Returns
    -------
    minima : DataFrame
        Of `born_machines.minima`.
    ranks : DataFrame
        Of `born_machines.zero_ranks`, with two starts each.
    """
    sizes = list(n_qubits)
    models: dict[born_machines.Case, Model] = {}
    for target, divergences, several in (
        ("dirichlet", ["kl", "l2"], sizes),
        ("log-normal", ["kl"], sizes),
        ("bars and stripes", ["kl"], [zeros_n_qubits]),
    ):
        models |= born_machines.machines(born_machines.AMPLITUDES, [target], divergences, several, seed=seed)
    minima = born_machines.minima(models, n_circuits=n_circuits, seed=seed)
    return minima, born_machines.zero_ranks(models, n_starts=2, seed=seed)


def compared(n_qubits: int, *, n_circuits: int, seed: int) -> pd.DataFrame:
    """All divergences from a "dirichlet" target, on the same circuits and starts.

    Returns
    -------
    DataFrame
        Of `born_machines.minima`, from one angle below the count to three above it.
    """
    amplitudes = born_machines.AMPLITUDES
    models = born_machines.machines(amplitudes, ["dirichlet"], DIVERGENCES, [n_qubits], seed=seed)
    return born_machines.minima(models, n_circuits=n_circuits, seed=seed, offsets=range(-1, 4))


def near_misses(*, n_circuits: int, seed: int) -> tuple[float, float, int]:
    """Exponent a of P(L < x) proportional to x^a one angle below the count of a target with a zero, for L2 < 0.01.

    Returns
    -------
    exponent, standard_error, number
        As of `count_law.near_misses`.
    """
    return count_law.near_misses(born_machines.misses(n_circuits=n_circuits, seed=seed), bound=1e-2)


def pictures(n_qubits: int, counts: Iterable[int], *, seed: int) -> pd.DataFrame:
    """Sixteen outcomes of each of eight complex machines at several p that were trained on bars and stripes.

    Returns
    -------
    DataFrame
        Of `born_machines.drawn`.
    """
    models = born_machines.machines(["complex"], ["bars and stripes"], ["kl"], [n_qubits], seed=seed)
    return born_machines.drawn(models, counts, n_circuits=8, n_shots=16, seed=seed)


class Learnt(NamedTuple):
    """What is learnt from samples.

    Attributes
    ----------
    distances : DataFrame
        shots, n_params, relative (mean distance from the target, in units of that of the samples), relative_error and
        size (number of machines).
    floor : DataFrame
        Its rows with the most angles.
    few : DataFrame
        Its row with the fewest samples and about N - 1 angles.
    ranks : DataFrame
        The starts with the most angles, as rows of `born_machines.zero_ranks`: the columns of
        `born_machines.FromSamples`, with amplitudes, target ("samples"), divergence and n_qubits.
    """

    distances: pd.DataFrame
    floor: pd.DataFrame
    few: pd.DataFrame
    ranks: pd.DataFrame


def learnt(trained: pd.DataFrame, n_qubits: int) -> Learnt:
    """Read off what complex machines of n qubits have learnt from samples.

    Parameters
    ----------
    trained : DataFrame
        Of `born_machines.learnt_from_samples`.
    n_qubits : int
    """
    distances = means(trained, ["shots", "n_params"], ["relative"])
    floor, deep = (rows[rows["n_params"] == rows["n_params"].max()] for rows in (distances, trained))
    few = distances[distances["shots"] == distances["shots"].min()]
    few = few.iloc[[(few["n_params"] - 2**n_qubits + 1).abs().argmin()]]
    names = {"amplitudes": "complex", "target": "samples", "divergence": "kl", "n_qubits": n_qubits}
    return Learnt(distances, floor, few, deep.assign(**names))


def from_samples(
    n_qubits: int, shots: Iterable[int], fractions: Iterable[float], *, n_draws: int, seed: int
) -> Learnt:
    """Train on samples, and read off what is learnt.

    Parameters
    ----------
    n_qubits, shots, fractions, n_draws, seed
        As of `born_machines.learnt_from_samples`.
    """
    trained = born_machines.learnt_from_samples(n_qubits, shots, fractions, n_draws=n_draws, seed=seed)
    return learnt(trained, n_qubits)
