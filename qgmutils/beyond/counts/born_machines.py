"""Born machines whose critical count is predicted: targets with and without zeros, exact or known from samples.

p angles reproduce a distribution q over N = 2^n outcomes only if p is at least the number of equations: N - 1 where
every outcome occurs, since probabilities sum to 1 and phases are free.  An outcome with q_x = 0 asks its amplitude to
vanish, two real numbers or, for real circuits, one (docs/generative_models.md; derived).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from qgmutils.beyond.counts import equations
from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.restricted import Restricted
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.inputs import require_choice, require_integer
from qgmutils.losses.born_machine import BornMachine
from qgmutils.minimize import minimize

Array = NDArray[np.float64]

AMPLITUDES = ("complex", "real")
"""The randomised model, and the one of real rotations on real reference states."""

TARGETS = ("dirichlet", "log-normal", "bars and stripes")

OFFSETS = (-2, -1, 0, 1, 2, 3, 5)
"""Counts p that are trained, from the predicted one on."""

_ONE_ZERO = (0.4, 0.3, 0.3, 0.0)
_RANGE, _LOCATION, _WIDTH = 8.0, 1.0, 1.0  # of the log-normal law
_DEEP = 6  # angles beyond 2N - 2 with which the rank of the Hessian is measured


class Case(NamedTuple):
    """What a Born machine is called, and what is predicted for it: columns of tables.

    Attributes
    ----------
    amplitudes : str
        One of `AMPLITUDES`.
    target : str
        One of `TARGETS`, or another name.
    divergence : str
        One of `losses.born_machine.DIVERGENCES`.
    n_qubits : int
        n.
    occurring : int
        Number K of outcomes with q_x > 0.
    n_equations : int
        Their number, the predicted count.
    algebra : int
        Dimension of the Lie algebra that all words generate.
    """

    amplitudes: str
    target: str
    divergence: str
    n_qubits: int
    occurring: int
    n_equations: int
    algebra: int


def distribution(target: str, n_qubits: int, *, seed: int) -> Array:
    """A distribution over 2^n outcomes.

    "dirichlet" is uniform over all distributions.  "log-normal" has the weights of 2^n equal bins of (0, 8) under the
    law of exp(x) with x normal, of mean and standard deviation 1.  "bars and stripes" is uniform over the images on an
    n/2 by 2 grid, a bit a pixel, of which all rows or all columns are of one colour.

    Parameters
    ----------
    target : str
        One of `TARGETS`.
    n_qubits : int
        n; even for "bars and stripes".
    seed : int
        Of "dirichlet".

    Returns
    -------
    float array, shape (2^n,)

    Raises
    ------
    ValueError
        For an unknown target, or an odd n with bars and stripes.
    """
    require_choice(target, "target", TARGETS)
    dim = 2 ** require_integer(n_qubits, "n_qubits")
    if target == "dirichlet":
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_qubits,)))
        return rng.dirichlet(np.ones(dim))
    if target == "log-normal":
        edges = np.log(np.linspace(0, _RANGE, dim + 1)[1:])
        below = np.concatenate([[0.0], special.ndtr((edges - _LOCATION) / _WIDTH)])
        return np.asarray(np.diff(below) / below[-1])
    if n_qubits % 2:
        raise ValueError(f"bars and stripes need an even number of qubits, got {n_qubits}")
    seen = bars_and_stripes(n_qubits // 2, 2)
    return seen / seen.sum()


def bars_and_stripes(rows: int, columns: int) -> NDArray[np.bool_]:
    """Which images of rows x columns pixels are bars or stripes, shape (2^(rows columns),).

    Bit r columns + c of an outcome, the most significant first, is the pixel in row r and column c.
    """
    rows, columns = require_integer(rows, "rows"), require_integer(columns, "columns")
    images = pixels(np.arange(2 ** (rows * columns)), rows, columns)
    bars = (images == images[:, :1, :]).all(axis=(1, 2))
    stripes = (images == images[:, :, :1]).all(axis=(1, 2))
    return np.asarray(bars | stripes)


def pixels(outcomes: Any, rows: int, columns: int) -> NDArray[np.int64]:
    """Images of outcomes (M,): 0 or 1, shape (M, rows, columns)."""
    bits = np.asarray(outcomes)[:, None] >> np.arange(rows * columns - 1, -1, -1) & 1
    return np.asarray(bits.reshape(-1, rows, columns))


def machine(amplitudes: str, target: str, divergence: str, values: Array) -> tuple[Case, Model]:
    """A Born machine with this target, and what is predicted for it.

    Parameters
    ----------
    amplitudes, target, divergence : str
        As in `Case`; the target is only its name.
    values : float array, shape (2^n,)
        The target's probabilities.

    Raises
    ------
    ValueError
        For an unknown name, or values that are no distribution.
    """
    is_real = require_choice(amplitudes, "amplitudes", AMPLITUDES) == "real"
    loss = BornMachine(values, divergence)
    n, dim = loss.n_qubits, loss.dim
    circuit: Ansatz = Restricted(n, 1, symmetry="real") if is_real else Randomised(n, 1)
    dimension = circuit.manifold_dimension  # type: ignore[attr-defined]
    count, _ = equations.counted_equations(loss, dimension, is_real)
    assert count is not None  # all states, or all real ones, are reached
    algebra = dim * (dim - 1) // 2 if is_real else dim**2 - 1
    occurring = int(np.sum(loss.target > 0))
    return Case(amplitudes, target, divergence, n, occurring, count, algebra), Model(circuit, loss)


def machines(
    amplitudes: Iterable[str],
    targets: Iterable[str],
    divergences: Iterable[str],
    sizes: Iterable[int],
    *,
    seed: int,
) -> dict[Case, Model]:
    """`machine` for all combinations; each target is the same one in all of them."""
    return dict(
        machine(kind, target, divergence, distribution(target, n, seed=seed))
        for n, kind, target, divergence in itertools.product(sizes, amplitudes, targets, divergences)
    )


def minima(
    models: Mapping[Case, Model], *, n_circuits: int, seed: int, offsets: Iterable[int] = OFFSETS
) -> pd.DataFrame:
    """One start in each of `n_circuits` circuits, for every case and p = n_equations + offset.

    Returns
    -------
    DataFrame
        As of `transitions.train_counts` with the columns of `Case`; offset; zero (loss < `transitions.ZERO`); and part,
        "full" where all outcomes occur, else "zeros".
    """
    around = tuple(offsets)
    plan = {case: (model, [case.n_equations + i for i in around]) for case, model in models.items()}
    found = transitions.train_counts(plan, names=list(Case._fields), n_circuits=n_circuits, seed=seed)
    part = np.where(found["occurring"] == 2 ** found["n_qubits"], "full", "zeros")
    offset = found["n_params"] - found["n_equations"]
    return found.assign(offset=offset, zero=found["loss"] < transitions.ZERO, part=part)


def reached(minima: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Share of starts that reach zero at p = n_equations, as of `transitions.solved_shares` by some columns."""
    at = minima[minima["offset"] == 0]
    return transitions.solved_shares(at.assign(solved=at["zero"]), by)


def misses(*, n_circuits: int, seed: int) -> pd.Series:
    """Losses "l2" of one start in each circuit, one angle below the count of a target on two qubits with one zero."""
    one_zero = dict([machine("complex", "one zero", "l2", np.array(_ONE_ZERO))])
    return minima(one_zero, n_circuits=n_circuits, seed=seed, offsets=[-1])["loss"]


def zero_ranks(models: Mapping[Case, Model], *, n_starts: int, seed: int) -> pd.DataFrame:
    """Rank of the Hessian at zeros of the loss, and of the metric, in one circuit of 2N + 4 angles each.

    Returns
    -------
    DataFrame
        One row a case: the columns of `Case`; rank (the largest; NaN where no search has ended in a zero) and metric.
        It is the number of equations where the loss is of second order in all of them: with "kl", or without zeros in
        the target; else the others are of fourth order in amplitudes of outcomes that do not occur (derived).
    """
    deep = {case: model.with_params(2 * 2**case.n_qubits - 2 + _DEEP) for case, model in models.items()}
    found = equations.zero_ranks(deep, n_starts=n_starts, seed=seed)
    return pd.DataFrame(
        case._asdict() | {"rank": ranks.hessian, "metric": ranks.metric} for case, ranks in found.items()
    )


def shifts(minima: pd.DataFrame) -> pd.DataFrame:
    """By how many parameters the transitions of other divergences lie above that of "kl", with standard errors.

    Where the shares solved of two divergences go from 0 to 1, the area between them is the distance of their
    transitions.  Circuits and starts are the same, so that it is known better than either transition.

    Parameters
    ----------
    minima : DataFrame
        Of `minima` at consecutive counts; "kl" and others for the same models.

    Returns
    -------
    DataFrame
        amplitudes, divergence, shift, error and circuits.
    """
    groups = ["amplitudes", "target", "n_qubits", "circuit"]
    areas = minima.groupby([*groups, "divergence"])["solved"].sum().reset_index()
    is_kl = areas["divergence"] == "kl"
    pairs = areas[~is_kl].merge(areas.loc[is_kl, [*groups, "solved"]], on=groups, suffixes=("", "_kl"))
    gaps = pairs.assign(shift=pairs["solved_kl"] - pairs["solved"]).groupby(["amplitudes", "divergence"])
    return gaps["shift"].agg(shift="mean", error="sem", circuits="size").reset_index()


def transition_bounds(counts: pd.DataFrame, ranks: pd.DataFrame) -> pd.DataFrame:
    """Measured transitions beside the rank of the quantum Fisher matrix and the dimension of the Lie algebra.

    Parameters
    ----------
    counts : DataFrame
        Of `transitions.critical_counts`, with the columns amplitudes, n_qubits, n_equations and algebra.
    ranks : DataFrame
        Of `zero_ranks`.

    Returns
    -------
    DataFrame
        Rows of `counts` with fisher (the largest rank of the metric), beyond, beyond_low, beyond_high (p_c less
        n_equations, and its interval), and loose, loose_low, loose_high (algebra / p_c).
    """
    fisher = ranks.groupby(["amplitudes", "n_qubits"])["metric"].max().rename("fisher").reset_index()
    table = counts.merge(fisher, on=["amplitudes", "n_qubits"])
    for new, old in (("beyond", "p_c"), ("beyond_low", "low"), ("beyond_high", "high")):
        table[new] = table[old] - table["n_equations"]
    for new, old in (("loose", "p_c"), ("loose_low", "high"), ("loose_high", "low")):
        table[new] = table["algebra"] / table[old]
    return table


@dataclass(frozen=True)
class Drawn:
    """Outcomes that trained machines give: a quantity of `SampleTask`.

    One row an outcome: start, loss (at the end of the search) and outcome (0 ... N - 1).

    Attributes
    ----------
    n_shots : int
        Outcomes of each start.
    """

    n_shots: int

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        ends = minimize(surface, rng.uniform(0, np.pi, (n_points, surface.circuit.n_params)))
        probabilities = np.abs(surface.states(ends.theta)) ** 2
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        outcomes = [rng.choice(len(row), self.n_shots, p=row) for row in probabilities]
        start, loss = (np.repeat(x, self.n_shots) for x in (np.arange(n_points), ends.loss))
        return {"start": start, "loss": loss, "outcome": np.concatenate(outcomes)}

    def sweeps(self, n_params: int) -> float:
        return 60.0 + 4 * n_params


def drawn(
    models: Mapping[Case, Model], counts: Iterable[int], *, n_circuits: int, n_shots: int, seed: int
) -> pd.DataFrame:
    """Outcomes of trained machines at several p, one start in each circuit.

    Returns
    -------
    DataFrame
        The columns of `Case`, n_params, the rows of `Drawn`, and valid (whether the outcome occurs in the target).
    """
    several = list(counts)
    tasks = {
        (case, p): SampleTask(
            model=model.with_params(p), quantity=Drawn(n_shots), n_circuits=n_circuits, seed=seed
        )
        for case, model in models.items()
        for p in several
    }
    parts = []
    for (case, p), table in run_ensembles(tasks, label="outcomes").items():
        target: Any = models[case].loss.build().target  # type: ignore[attr-defined]
        valid = target[table["outcome"]] > 0
        parts.append(table.assign(**case._asdict(), n_params=p, valid=valid))
    return pd.concat(parts, ignore_index=True)


def sampling_floor(target: Array, n_shots: int) -> float:
    """Mean of sum_x (q_x - target_x)^2 over the shares q of S samples: (1 - sum target^2) / S (derived)."""
    return float((1 - np.sum(target**2)) / require_integer(n_shots, "n_shots"))


@dataclass(frozen=True)
class FromSamples:
    """Training with "kl" on samples of a Born machine's target: a quantity of `SampleTask`.

    One row a start, each with samples of its own: start, n_equations (that their shares pose to complex states), loss
    ("kl" from the samples), rank (of the Hessian there; -1 where the loss is not zero) and relative (sum_x (p_x -
    target_x)^2 in units of `sampling_floor`).

    Attributes
    ----------
    n_shots : int
        Number of samples S.
    """

    n_shots: int

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        loss, p = surface.loss, surface.circuit.n_params
        assert isinstance(loss, BornMachine)
        floor, rows = sampling_floor(loss.target, self.n_shots), []
        for _ in range(n_points):
            shares = BornMachine(rng.multinomial(self.n_shots, loss.target) / self.n_shots)
            here = landscape(surface.circuit, shares)
            end = minimize(here, rng.uniform(0, np.pi, (1, p)))
            count, _ = equations.counted_equations(shares, 2 * loss.dim - 2, is_real=False)
            at_zero = end.loss[0] < transitions.ZERO
            rank = equations.hessian_rank(here, end.theta) if at_zero else -1
            distance = np.sum((np.abs(here.states(end.theta)[0]) ** 2 - loss.target) ** 2)
            rows.append((count, end.loss[0], rank, distance / floor))
        names = ("n_equations", "loss", "rank", "relative")
        found = {name: np.array([row[k] for row in rows]) for k, name in enumerate(names)}
        return {"start": np.arange(n_points), **found}

    def sweeps(self, n_params: int) -> float:
        return 100.0 + 5 * n_params


def learnt_from_samples(
    n_qubits: int, shots: Iterable[int], fractions: Iterable[float], *, n_draws: int, seed: int
) -> pd.DataFrame:
    """Machines trained on samples of a "dirichlet" target, one in each circuit, and how far from it they end.

    Parameters
    ----------
    n_qubits : int
    shots : iterable of int
        Numbers S of samples.
    fractions : iterable of float
        p in units of 2N - 2, rounded.
    n_draws : int
        Circuits, with samples of their own, for each S and p.
    seed : int

    Returns
    -------
    DataFrame
        shots, n_params and the rows of `FromSamples`.
    """
    model = Model(Randomised(n_qubits, 1), BornMachine(distribution("dirichlet", n_qubits, seed=seed)))
    counts = sorted({max(1, round(x * (2 * 2**n_qubits - 2))) for x in fractions})
    tasks = {
        (size, p): SampleTask(
            model=model.with_params(p), quantity=FromSamples(size), n_circuits=n_draws, seed=seed
        )
        for size in shots
        for p in counts
    }
    tables = run_ensembles(tasks, label="samples")
    parts = [table.assign(shots=size, n_params=p) for (size, p), table in tables.items()]
    return pd.concat(parts, ignore_index=True)
