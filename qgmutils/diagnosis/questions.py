"""The questions, in the order in which a person would ask them."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from qgmutils.beyond import theories
from qgmutils.beyond.counts import equations
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.randomised import Randomised
from qgmutils.computing.tasks import run_tasks
from qgmutils.diagnosis.answers import Need, Reach
from qgmutils.diagnosis.ends import Ends, summary, training
from qgmutils.diagnosis.family import Family, family_of
from qgmutils.diagnosis.flatness import flatness
from qgmutils.diagnosis.layers import Layers, by_arguments, by_first_axis
from qgmutils.diagnosis.point import look_at
from qgmutils.diagnosis.report import Diagnosis
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.ensembles.model import Model, circuit_stream
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.inputs import require_flag, require_integer, require_positive
from qgmutils.losses.energy import Energy
from qgmutils.losses.loss import Loss
from qgmutils.qnodes.model import QNodeModel, from_qnode
from qgmutils.statistics.intervals import Interval

Say = Callable[[str], object]

MAX_QUBITS = 12
"""Largest number of qubits: searches of the 2 2^n parameters that are needed take hours beyond."""

_DEEP = (1.3, 2.0, 4.0)
"""Parameters of the deep copies in which zeros are looked for, in units of the most equations there can be: least
squares have been seen to be solved by half of the starts at 3.7 times their equations only."""
_DEEP_STARTS = 24
_FEWEST = 8  # searches that say something
_ZEROS = 4  # at which the Hessian's rank is measured
_SHARES = (0.5, 0.97)
_DRAWN = 4  # circuits of a recipe whose ranks are compared: one may happen to repeat a gate
_BESIDE = 4  # counts trained on either side of a crossing
_STEPS = 14  # of a bisection
_METRIC_SECONDS = 30.0
_SILENT = 2.0  # seconds of computing that are announced
_THEORY_DIM, _THEORY_SAMPLES = 64, 512


def diagnose(
    model: Any,
    *args: Any,
    starts: int = 128,
    seconds: float = 240.0,
    seed: int = 0,
    at_arguments: bool = False,
    deepen: Callable[[int], Any] | None = None,
    **options: Any,
) -> Diagnosis:
    """Say whether a model will train, and how many parameters that takes.

    Parameters
    ----------
    model : Model or pennylane.QNode
    *args
        Arguments of the QNode, as of `from_qnode`.
    starts : int
        Searches from random angles at the model's own depth, at least 8; fewer where the seconds do not allow them.
    seconds : float
        Computing that may be spent on training, in seconds of one core as estimated beforehand: deeper copies that
        would take more are left out, and the report says so.  The clock is not asked, so that the same call gives the
        same answers on every machine.
    seed : int
    at_arguments : bool
        Whether the arguments are a point that is to be described.
    deepen : callable, optional
        Number of layers -> arguments of the QNode, a tuple if there are several.  By default the first axis of the
        arguments is made longer, if that gives more of the same gates; else the block of gates that the circuit
        repeats is copied, or the whole circuit.
    **options
        Of `from_qnode`: target, divergence, argnum, and the QNode's own.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ValueError
        For what `from_qnode` refuses, numbers out of range, a model of too many qubits or whose searches take longer
        than the seconds, or one whose gates' angles are curved functions of its arguments.
    """
    require_integer(starts, "starts", low=_FEWEST)
    require_positive(seconds, "seconds")
    require_flag(at_arguments, "at_arguments")
    with _News() as say:
        model, layers = _translated(model, args, deepen, options, say)
        theta = model.theta(*args) if isinstance(model, QNodeModel) and args else None
        if at_arguments and theta is None:
            raise ValueError(
                "at_arguments=True needs the arguments of a QNode: diagnose(qnode, weights, at_arguments=True)"
            )
        _require_size(model)
        starts = _affordable(model, starts, seed, seconds)
        loss: Loss = model.loss.build()
        surface = _surface(model, seed)
        rng = np.random.default_rng([seed, 1])
        family = family_of(model, layers)
        say(f"{model.n_qubits} qubits, {model.n_params} parameters: which of them act")
        found = _reach(family, surface, rng, seed, say)
        say(f"{found.own_rank} of {model.n_params} parameters act; training")
        trainer = _Trainer(family, starts=starts, seed=seed, seconds=seconds)
        ends = trainer.at(model.n_params, always=True)
        assert ends is not None
        say(f"{ends.solved.estimate:.0%} of the starts are solved; training deeper copies")
        found = _measured(found, trainer, loss)
        need = _need(found, trainer, rng)
        point = look_at(surface, theta) if at_arguments and theta is not None else None
        flat, trend = flatness(surface, rng), _trend(family, rng, seed)
        theory = _theory(model, loss, seed)
    return Diagnosis(model, family.what, found, ends, need, flat, trend, point, theory)


def compare(models: Mapping[str, Model], **options: Any) -> pd.DataFrame:
    """Diagnose several models with the same options.

    Parameters
    ----------
    models : mapping
        What a model is called -> the model; `from_qnode` makes one of a QNode.
    **options
        Of `diagnose`.

    Returns
    -------
    DataFrame
        One column a model, one row an answer.
    """
    if not isinstance(models, Mapping) or not models:
        raise ValueError(
            f'models must be a mapping from names to models, as {{"mine": model}}, got {type(models).__name__}'
        )
    for name, model in models.items():
        if not isinstance(model, Model):
            raise ValueError(
                f"models[{name!r}] must be a Model, got {type(model).__name__}; from_qnode(qnode, arguments) makes one"
            )
    return pd.DataFrame({name: diagnose(model, **options).row() for name, model in models.items()})


def _translated(
    model: Any,
    args: tuple[Any, ...],
    deepen: Callable[[int], Any] | None,
    options: Mapping[str, Any],
    say: Say,
) -> tuple[Model, Layers | None]:
    """A model of what was given, and its layers where a QNode has some."""
    if deepen is not None and not callable(deepen):
        raise ValueError(
            f"deepen must be a function from a number of layers to the arguments of the QNode, got {deepen!r}"
        )
    if isinstance(model, Model):
        if deepen is not None:
            raise ValueError("deepen changes the arguments of a QNode: give the QNode instead of a Model")
        if options:
            raise ValueError(f"a Model takes no {', '.join(map(repr, options))}: that belongs to a QNode")
        if args and not isinstance(model, QNodeModel):
            raise ValueError("arguments belong to a QNode; a Model has none")
        return model, None
    wires = getattr(getattr(model, "device", None), "wires", None) or ()
    if len(wires) > MAX_QUBITS:
        raise ValueError(
            f"the QNode's device has {len(wires)} wires; up to {MAX_QUBITS} qubits can be diagnosed"
        )
    say("translating the circuit; levels of its observable")
    translated = from_qnode(model, *args, **options)
    if deepen is not None:
        return translated, by_arguments(model, deepen, options)
    return translated, by_first_axis(model, args, options, translated)


def _require_size(model: Model) -> None:
    model.plain()  # refused where no search is possible
    if model.n_qubits > MAX_QUBITS:
        raise ValueError(
            f"the model has {model.n_qubits} qubits; up to {MAX_QUBITS} can be diagnosed: a search of "
            f"{2 * 2**model.n_qubits} parameters would take hours on a processor"
        )


def _affordable(model: Model, starts: int, seed: int, seconds: float) -> int:
    """As many starts of the model itself as the seconds allow."""
    task = training(model, starts=starts, seed=seed)
    each = task.cost() / task.n_starts
    if _FEWEST * each > seconds:
        raise ValueError(
            f"{_FEWEST} searches of {model.n_params} parameters on {model.n_qubits} qubits take about "
            f"{_FEWEST * each:.0f} s of computing; give seconds={math.ceil(2 * _FEWEST * each)} or more, or a smaller "
            "model"
        )
    return min(starts, int(seconds / each))


def _surface(model: Model, seed: int, number: int = 0) -> Landscape:
    """The landscape of a circuit, of a recipe the one that training draws under this number."""
    circuit = model.circuit.build(circuit_stream(seed, model.n_qubits, model.n_params, number))
    return landscape(circuit, model.loss.build())


class _News:
    """A line that says what has been found and what is being done, on a terminal or in a notebook.

    A program that watches by QGMUTILS_PROGRESS is told of tasks alone.
    """

    def __enter__(self) -> Say:
        watched = True if os.environ.get("QGMUTILS_PROGRESS") else None
        self._bar = tqdm(total=1, bar_format="{desc} [{elapsed}]", leave=False, disable=watched)
        return self._bar.set_description_str

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _reach(family: Family, surface: Landscape, rng: np.random.Generator, seed: int, say: Say) -> Reach:
    """Dimensions, from ranks of the metric at growing depths."""
    own = equations.named_rank(surface, rng)
    real = equations.reaches_real_states(surface, rng)
    most = equations.most_dimensions(surface.loss) // (2 if real else 1)
    p, rank = surface.circuit.n_params, own.rank
    saturated = rank >= most
    while not saturated:
        # Random circuits differ in rank: a few more angles that add nothing do not show that none will.
        deeper = family.sized(p + max(family.unit, min(max(most - rank, p // 2), p)))
        if _metric_seconds(deeper) > _METRIC_SECONDS:
            break
        if _metric_seconds(deeper) > _SILENT:
            say(f"which of {deeper.n_params} parameters act, about {_metric_seconds(deeper):.0f} s")
        next_rank = equations.metric_rank(_surface(deeper, seed), rng)
        saturated = next_rank >= most or (next_rank <= rank < p)
        p, rank = deeper.n_params, max(rank, next_rank)
    count, reason = equations.counted_equations(surface.loss, rank, real) if saturated else (None, "")
    return Reach(own.rank, own.redundant, own.unused, rank, saturated, p, count, reason)


def _metric_seconds(model: Model) -> float:
    p, dim = model.n_params, 2**model.n_qubits
    return p * p * dim * 1e-9 + 1e-9 * p**3


class _Trainer:
    """Trains members of a family as long as the seconds of computing last, each member once."""

    def __init__(self, family: Family, *, starts: int, seed: int, seconds: float) -> None:
        self.family, self.starts, self.seed, self._left = family, starts, seed, seconds
        self.ends: dict[int, Ends] = {}
        self.zeros: dict[int, tuple[int, np.ndarray]] = {}

    def at(self, n_params: float, *, starts: int | None = None, always: bool = False) -> Ends | None:
        """Ends of the member with so many parameters or the next; None if they cost more than is left."""
        model, starts = self.family.sized(n_params), starts or self.starts
        p = model.n_params
        if p not in self.ends:
            task = training(model, starts=starts, seed=self.seed)
            cost = task.cost() * task.n_circuits
            if not always and cost > self._left:
                return None
            self._left -= cost
            table = run_ensembles({"": task}, label=f"training, p = {p}")[""]
            self.ends[p] = summary(model, table)
            solved = table[table["solved"]]
            if len(solved):  # of one circuit
                number = int(solved["circuit"].iloc[0])
                some = solved[solved["circuit"] == number].head(_ZEROS)
                self.zeros[p] = number, some[[f"theta_{i}" for i in range(p)]].to_numpy()
        return self.ends[p]


def _measured(found: Reach, trainer: _Trainer, loss: Loss) -> Reach:
    """The number of equations by the Hessian's rank at zeros of deep copies, and whether there are any zeros."""
    most = min(found.dimension, equations.most_equations(loss))
    lowest, deep = np.inf, 0
    for factor in _DEEP:
        ends = trainer.at(max(factor * most, most + 4), starts=_DEEP_STARTS)
        if ends is None:
            return found
        if ends.solved.estimate > 0:
            number, zeros = trainer.zeros[ends.n_params]
            surface = _surface(trainer.family.sized(ends.n_params), trainer.seed, number)
            rank = equations.hessian_rank(surface, zeros)
            return dataclasses.replace(
                found, expressible=True, measured=rank, deep=ends.n_params, lowest=ends.best
            )
        lowest, deep = min(lowest, ends.best), ends.n_params
    return dataclasses.replace(found, expressible=False, deep=deep, lowest=lowest)


def _need(found: Reach, trainer: _Trainer, rng: np.random.Generator) -> Need:
    """Where half and 97 % of the starts are solved, by bisection in the number of parameters."""
    count = found.count
    if found.expressible is False or count is None:
        return Need(None, None, None, None, _tested(trainer))
    predicted = _first_acting(trainer.family, count, found.deepest, rng, trainer.seed)
    half, most = (_crossing(trainer, share, predicted or count) for share in _SHARES)
    wanted = next((crossing.estimate for crossing in (most, half) if crossing is not None), predicted)
    advised = None if wanted is None else trainer.family.sized(wanted).n_params
    return Need(predicted, half, most, advised, _tested(trainer))


def _first_acting(
    family: Family, count: int, deepest: int, rng: np.random.Generator, seed: int
) -> int | None:
    """Parameters of the first member of which `count` act; None if that is none up to the deepest one.

    k more parameters let k more act at most: going on by what is missing never passes the first one.
    """
    missing, p = count, 0
    while missing > 0:
        member = family.sized(p + missing)
        p = member.n_params
        if p > max(deepest, count + family.unit):
            return None
        drawn = 1 if isinstance(member.circuit, Circuit) else _DRAWN
        ranks = [equations.metric_rank(_surface(member, seed, k), rng) for k in range(drawn)]
        missing = count - max(ranks)
    return p


def _crossing(trainer: _Trainer, share: float, start: int) -> Interval | None:
    """Number of parameters from which on such a share of starts is solved."""
    unit, least = trainer.family.unit, trainer.family.least
    low, high = None, None
    p = start
    for _ in range(_STEPS):
        ends = trainer.at(p)
        if ends is None:
            return None
        if ends.solved.estimate >= share:
            high = ends.n_params
        else:
            low = ends.n_params
        if high is not None and (high <= least or (low is not None and high - low <= max(unit, 0.03 * high))):
            break
        if high is None:
            p = max(int(1.25 * p), ends.n_params + unit)
        elif low is None:
            p = max(least, min(int(0.75 * high), high - unit))
        else:
            p = low + max(unit, (high - low) // (2 * unit) * unit)
    if high is None:
        return None
    _look_beside(trainer, share, low or high, -1)
    _look_beside(trainer, share, high, 1)
    shares = {p: ends.solved for p, ends in sorted(trainer.ends.items())}
    below = [p for p, solved in shares.items() if solved.high < share and p < high]
    above = [p for p, solved in shares.items() if solved.low > share and p >= high]
    estimate = float(high)
    if low is not None:
        a, b = shares[low].estimate, shares[high].estimate
        estimate = low + (high - low) * (share - a) / max(b - a, 1e-9)
    return Interval(estimate, float(max(below, default=least)), float(min(above, default=np.inf)))


def _look_beside(trainer: _Trainer, share: float, p: int, direction: int) -> None:
    """Train at counts beside p, until one has a share that lies below or above for sure."""
    family = trainer.family
    for _ in range(_BESIDE):
        ends = trainer.at(p)
        if ends is None or (ends.solved.high < share if direction < 0 else ends.solved.low > share):
            return
        p = max(family.least, ends.n_params + direction * max(family.unit, int(0.03 * p)))


def _theory(model: Model, loss: Loss, seed: int) -> Interval | None:
    """Mean loss of all minima, where the theory of finite dimension applies and is sampled in seconds."""
    circuit = model.circuit
    if not (
        isinstance(circuit, Randomised) and circuit.reference_state != "zero" and isinstance(loss, Energy)
    ):
        return None
    if loss.dim > _THEORY_DIM:
        return None
    task = theories.density_task(
        "finite dimension", loss, model.n_params, n_samples=_THEORY_SAMPLES, seed=seed
    )
    if task is None:
        return None
    (table,) = run_tasks([task], label="theory")
    found = theories.predict("finite dimension", loss, model.n_params, table)
    if not np.isfinite(found.mean):
        return None
    return Interval(found.mean, found.mean - 2 * found.mean_stderr, found.mean + 2 * found.mean_stderr)


def _tested(trainer: _Trainer) -> tuple[Ends, ...]:
    return tuple(ends for _, ends in sorted(trainer.ends.items()))


def _trend(family: Family, rng: np.random.Generator, seed: int) -> tuple[tuple[int, float], ...]:
    """Variance of a component of the gradient at depths up to the model's own and twice that."""
    found: dict[int, float] = {}
    for part in (0.25, 0.5, 1.0, 2.0):
        member = family.sized(part * family.model.n_params)
        found[member.n_params] = flatness(_surface(member, seed), rng).variance.estimate
    return tuple(sorted(found.items()))
