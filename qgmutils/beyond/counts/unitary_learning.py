"""Tables of unitary learning: two GUE Hamiltonians by turns, and layers of a circuit, on Haar-random targets.

Reaching one unitary of d dimensions poses d^2 equations, one for each generator of U(d); d^2 - 1 for factors of
determinant 1 and a target of determinant 1, with its phase or without.  With the phase, the other N - 1 multiples of
the target by a phase that have determinant 1 are no zeros, and some are traps (docs/structured_models.md; derived).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from qgmutils.beyond.counts.alternating_unitaries import GradientDescent, LearnUnitary
from qgmutils.beyond.counts.equations import ZeroRanks
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.engine.landscape import landscape
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.transitions import ZERO
from qgmutils.inputs import require_integer
from qgmutils.losses.loss import SOLVED
from qgmutils.losses.unitary import UnitaryDistance
from qgmutils.minimize import minimize
from qgmutils.statistics.estimates import lower_exponent

RATE = 0.16
"""Learning rate of gradient descent, times half of 2 d, the mean curvature at p = d^2: the largest curvature, about
five times that, is still damped without turning its sign."""

UNIT = 1 / RATE
"""Steps in which a mode of mean curvature decays by a factor e."""

WINDOW = 10 * UNIT, 100 * UNIT
"""Steps between which exponents are fitted: behind the stiff modes, before the softest ones decay by themselves."""

PUBLISHED = {3: (62, 86), 4: (248, 308)}
"""n -> numbers of angles at which Larocca et al. (arXiv:2109.11676) solve no start, and every start."""

PUBLISHED_BOUND = 1e-6
"""The loss below which they count a start as solved."""

_PIECE = 1024  # starts of a task, times d^2: enough for one call of NumPy to be worth it


def learn(n_starts: Mapping[int, int], *, seed: int) -> pd.DataFrame:
    """Searches with two GUE generators, at p = d^2 - 2 ... d^2 + 4 and 2 d^2.

    Parameters
    ----------
    n_starts : mapping
        d -> number of starts at each p.
    seed : int

    Returns
    -------
    DataFrame
        dim, n_params, count (d^2), offset (p - d^2), circuit (number of the start), solved (loss below `SOLVED`), and
        the columns of `LearnUnitary`.
    """
    tasks = {
        (d, p, first): LearnUnitary(dim=d, n_params=p, n_starts=size, first_start=first, seed=seed)
        for d, total in n_starts.items()
        for p in (*(d**2 + i for i in (-2, -1, 0, 1, 2, 3, 4)), 2 * d**2)
        for first, size in _pieces(d, total)
    }
    parts = [
        table.assign(dim=d, n_params=p, count=d**2, offset=p - d**2, circuit=table["start"])
        for (d, p, _), table in run_ensembles(tasks, label="GUE").items()
    ]
    found = pd.concat(parts, ignore_index=True)
    return found.assign(solved=found["loss"] < SOLVED)


def descend(n_starts: Mapping[int, int], *, seed: int) -> pd.DataFrame:
    """Gradient descent with two GUE generators, at p = d^2 and 5 d^2 / 4, to the end of `WINDOW`.

    Returns
    -------
    DataFrame
        dim, n_params, count (d^2) and the columns of `GradientDescent`.
    """
    tasks = {
        (d, p, first): GradientDescent(
            dim=d,
            n_params=p,
            n_starts=size,
            first_start=first,
            seed=seed,
            n_steps=int(1.05 * WINDOW[1]),
            rate=RATE / (2 * d),
        )
        for d, total in n_starts.items()
        for p in (d**2, 5 * d**2 // 4)
        for first, size in _pieces(d, total)
    }
    parts = [
        table.assign(dim=d, n_params=p, count=d**2)
        for (d, p, _), table in run_ensembles(tasks, label="gradient descent").items()
    ]
    return pd.concat(parts, ignore_index=True)


def _pieces(dim: int, total: int) -> list[tuple[int, int]]:
    """First start and size of each task."""
    count, size = require_integer(total, "n_starts", low=2), max(1, _PIECE // dim**2)
    return [(first, min(size, count - first)) for first in range(0, count, size)]


def exponents(descents: pd.DataFrame) -> pd.DataFrame:
    """The exponent a of L proportional to step^-a for each start: least squares of log L in `WINDOW`.

    Parameters
    ----------
    descents : DataFrame
        Of `descend`.

    Returns
    -------
    DataFrame
        dim, n_params, count, start, exponent, linear (of the loss if it were quadratic), at_zero (whether the start
        ends in a zero).
    """
    rows = []
    inside = descents[descents["step"].between(*WINDOW)]
    for key, group in inside.groupby(["dim", "n_params", "count", "start"]):
        x = np.log(group["step"])
        slopes = [-float(np.polyfit(x, np.log(group[name]), 1)[0]) for name in ("loss", "linear")]
        rows.append((*key, *slopes, bool(group["end"].iloc[0] < ZERO)))
    return pd.DataFrame(rows, columns=["dim", "n_params", "count", "start", "exponent", "linear", "at_zero"])


def mean_exponents(slopes: pd.DataFrame) -> pd.DataFrame:
    """Means over starts, which have the exponent of the typical loss, exp(mean log L), with standard errors.

    Parameters
    ----------
    slopes : DataFrame
        Of `exponents`.

    Returns
    -------
    DataFrame
        dim, n_params, count; starts, exponent, error; of those that end in zeros: zeros (their number), at_zeros (mean
        exponent), linear (mean of what is predicted), miss (at_zeros - linear) and miss_error.
    """
    rows = []
    keys = ["dim", "n_params", "count"]
    for key in slopes[keys].drop_duplicates().itertuples(index=False):
        group = slopes[(slopes["dim"] == key.dim) & (slopes["n_params"] == key.n_params)]
        zeros = group[group["at_zero"]]
        miss = zeros["exponent"] - zeros["linear"]
        typical = (len(group), group["exponent"].mean(), _error(group["exponent"]))
        rows.append(
            (
                *key,
                *typical,
                len(zeros),
                zeros["exponent"].mean(),
                zeros["linear"].mean(),
                miss.mean(),
                _error(miss),
            )
        )
    names = ["starts", "exponent", "error", "zeros", "at_zeros", "linear", "miss", "miss_error"]
    return pd.DataFrame(rows, columns=[*keys, *names])


def _error(values: pd.Series) -> float:
    return float(values.std() / np.sqrt(len(values))) if len(values) > 1 else np.nan


def steepening(slopes: pd.DataFrame) -> pd.DataFrame:
    """Exponents with more than d^2 parameters beside those with d^2.

    Parameters
    ----------
    slopes : DataFrame
        Of `mean_exponents`.

    Returns
    -------
    DataFrame
        dim, n_params, exponent, exponent_at (with d^2 parameters) and error (standard error of their difference, as if
        starts were independent); no rows for dimensions of which either is missing.
    """
    names = ["dim", "exponent", "error"]
    at = slopes.loc[slopes["n_params"] == slopes["count"], names]
    more = slopes.loc[slopes["n_params"] > slopes["count"], [*names, "n_params"]]
    pairs = more.merge(at, on="dim", suffixes=("", "_at"))
    error = (pairs["error"] ** 2 + pairs["error_at"] ** 2) ** 0.5
    return pairs.assign(error=error)[["dim", "n_params", "exponent", "exponent_at", "error"]]


def edges(ends: pd.DataFrame, bound: float = 0.1) -> pd.DataFrame:
    """How the curvatures at zeros at p = d^2 begin: the exponent a of their number below x, proportional to x^a.

    Parameters
    ----------
    ends : DataFrame
        Of `learn`.
    bound : float
        Where the power law is taken to begin, in units of the mean curvature 2 d.

    Returns
    -------
    DataFrame
        dim, exponent, error (as if curvatures were independent), number (of those below the bound).
    """
    rows = []
    for d, group in ends[(ends["offset"] == 0) & (ends["loss"] < ZERO)].groupby("dim"):
        found = curvatures(group) / (2 * d)
        exponent, error = lower_exponent(found, bound) if np.sum(found < bound) > 1 else (np.nan, np.nan)
        rows.append((d, exponent, error, int(np.sum(found < bound))))
    return pd.DataFrame(rows, columns=["dim", "exponent", "error", "number"])


def curvatures(ends: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """All curvatures of rows of `learn`, of one d and one p, in one vector."""
    return ends.filter(like="curvature_").dropna(axis=1).to_numpy().ravel()


def target(n_qubits: int, number: int, *, seed: int) -> UnitaryDistance:
    """A Haar-random target of determinant 1, with its phase."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_qubits, number)))
    unitary = stats.unitary_group.rvs(2**n_qubits, random_state=rng)
    return UnitaryDistance(unitary / np.linalg.det(unitary) ** (1 / 2**n_qubits))


def layered_counts(n_qubits: int) -> list[int]:
    """Numbers of angles: 4^n - 1 and its neighbours, and those of `PUBLISHED`; without, 2 (4^n - 1)."""
    count = 4**n_qubits - 1
    return sorted({count - 1, count, count + 1, *PUBLISHED.get(n_qubits, (2 * count,))})


def layers(n_starts: Mapping[int, int], *, n_targets: int, seed: int) -> pd.DataFrame:
    """Searches with layers of RY and RZ on every qubit and CZ on neighbours, with and without the phase.

    Parameters
    ----------
    n_starts : mapping
        n -> number of starts on every target at each number of angles.
    n_targets : int
    seed : int

    Returns
    -------
    DataFrame
        n_qubits, phase, n_params, count (4^n - 1), offset, target, circuit (number of the start), solved, and the
        columns of `equations.ZeroRanks`: loss, rank, metric.
    """
    tasks = {}
    for n, size in n_starts.items():
        for number in range(require_integer(n_targets, "n_targets")):
            goal = target(n, number, seed=seed)
            for phase in (True, False):
                loss = UnitaryDistance(goal.target, phase=phase)
                for p in layered_counts(n):
                    model = Model(HardwareEfficient(n, p, reference_state="zero"), loss)
                    quantity = ZeroRanks()
                    tasks[n, phase, p, number] = SampleTask(
                        model=model, quantity=quantity, n_circuits=1, n_points=size, seed=seed + number
                    )
    parts = []
    for (n, phase, p, number), table in run_ensembles(tasks, label="layers").items():
        known: dict[str, Any] = {"n_qubits": n, "phase": phase, "n_params": p, "count": 4**n - 1}
        start = number * n_starts[n] + table["start"]
        parts.append(table.assign(**known, offset=p - 4**n + 1, target=number, circuit=start))
    found = pd.concat(parts, ignore_index=True)
    return found.assign(solved=found["loss"] < SOLVED)


def centre_ends(sizes: Iterable[int], *, n_starts: int = 8, seed: int) -> pd.DataFrame:
    """Ends of searches, with the phase, from near U = exp(2 pi i / N) T, which a circuit of determinant 1 reaches.

    There U moves as U exp(iX) with traceless X, and L = 1 - Re(exp(2 pi i / N) tr exp(iX) / N) grows as
    cos(2 pi / N) tr X^2 / 2N: from N = 8 on it is a local minimum, at L = 1 - cos(2 pi / N), however deep the circuit
    is (derived).

    Parameters
    ----------
    sizes : iterable of int
        Numbers of qubits; those below 3, where it is no minimum, are left out.
    n_starts : int
        Points theta, and targets made for them, of each size.
    seed : int

    Returns
    -------
    DataFrame
        n_qubits, n_params, loss, expected, certified.
    """
    parts = []
    for n in (n for n in sizes if n >= 3):
        p, turn = layered_counts(n)[-1], np.exp(2j * np.pi / 2**n)
        circuit = HardwareEfficient(n, p, reference_state="zero").build(np.random.default_rng(0))
        plain = landscape(circuit, UnitaryDistance(np.eye(2**n, dtype=np.complex128)))
        for number in range(n_starts):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n, p, number)))
            theta = rng.uniform(0, np.pi, (1, p))
            unitary = plain.states(theta)[0].T  # a row of states is U on a basis state
            surface = landscape(circuit, UnitaryDistance(unitary / turn))
            minima = minimize(surface, theta + 0.01 * rng.standard_normal((1, p)))
            row = {"n_qubits": n, "n_params": p, "loss": minima.loss, "expected": 1 - turn.real}
            parts.append(pd.DataFrame({**row, "certified": minima.certified}))
    empty = pd.DataFrame(columns=["n_qubits", "n_params", "loss", "expected", "certified"], dtype=float)
    return pd.concat(parts, ignore_index=True) if parts else empty


def published_shares(trained: pd.DataFrame, *, above: bool) -> pd.DataFrame:
    """Shares of starts with a loss below `PUBLISHED_BOUND` at the published numbers of angles.

    Parameters
    ----------
    trained : DataFrame
        Of `layers`.
    above : bool
        At the number that solves all, or at the one that solves none.

    Returns
    -------
    DataFrame
        n_qubits, n_params, phase, passed, starts; no rows without such sizes.
    """
    wanted = {n: ends[above] for n, ends in PUBLISHED.items()}
    here = trained[trained["n_params"] == trained["n_qubits"].map(wanted)]
    keys = ["n_qubits", "n_params", "phase"]
    return (
        here.assign(passed=here["loss"] < PUBLISHED_BOUND)
        .groupby(keys)["passed"]
        .agg(passed="sum", starts="size")
        .reset_index()
    )


def saturated(table: pd.DataFrame, by: Iterable[str], name: str) -> pd.DataFrame:
    """The largest rank of every case at its largest number of angles: `by`, count, rank."""
    keys = [*by, "count"]
    deepest = table[table["n_params"] == table.groupby(list(by))["n_params"].transform("max")]
    return deepest.groupby(keys)[name].max().rename("rank").reset_index()
