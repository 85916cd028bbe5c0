"""What a diagnosis found: as text, HTML, numbers, and a figure."""

from __future__ import annotations

import dataclasses
import html
import json
import math
import shutil
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qgmutils.beyond.counts.equations import of_samples
from qgmutils.diagnosis.answers import Need, Reach
from qgmutils.diagnosis.ends import TRAPPED, Ends
from qgmutils.diagnosis.flatness import Flatness
from qgmutils.diagnosis.point import Point
from qgmutils.ensembles.model import Model
from qgmutils.losses.energy import Energy
from qgmutils.qnodes.model import QNodeModel
from qgmutils.statistics.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = 1.25
"""Ratio of the parameters at which 97 %, for sure, and half of the starts are solved above which a transition is called
wide; a convention, between randomised circuits (1.1) and least squares (about 2)."""

_NAMED = 6  # redundant angles that are named; the rest are counted


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The answers of `diagnose`; `print` shows them, Jupyter does as well.

    Attributes
    ----------
    model : Model
    repeats : str
        What is repeated in deeper copies.
    reach : Reach
    ends : Ends
    need : Need
    flat : Flatness
    trend : tuple of (int, float)
        Variance of a gradient component against the number of parameters.
    point : Point or None
        The arguments, where they were to be described.
    theory : Interval or None
        Mean loss of all minima by the Kac-Rice formula at finite N, where it applies: an energy and randomised circuits
        on random reference states, with too few parameters to reach the ground state.
    """

    model: Model
    repeats: str
    reach: Reach
    ends: Ends
    need: Need
    flat: Flatness
    trend: tuple[tuple[int, float], ...]
    point: Point | None
    theory: Interval | None = None

    @property
    def kind(self) -> str:
        """The verdict: "trapped", "transition", "trap-free", "cannot express" or "undecided"."""
        if self.reach.expressible is False and self.ends.solved.estimate == 0:
            return "cannot express"
        count = self.reach.count
        if self.ends.solved.estimate == 0 and count is not None and self.reach.own_rank < count:
            return "trapped"  # fewer parameters than equations, and no start that shows otherwise
        return self.ends.kind

    @property
    def advice(self) -> str:
        """What to do, in a sentence or two."""
        ends, need, p = self.ends, self.need, self.ends.n_params
        share = f"{ends.solved.estimate:.0%} of the starts are solved"
        acting = f"{p} parameters" + (
            f" of which {self.reach.own_rank} act" if self.reach.own_rank < p else ""
        )
        if self.kind == "cannot express":
            return (
                f"No start reaches the floor of the loss, with up to {self.reach.deep} parameters; the best ends at "
                f"{self._loss(self.reach.lowest or 0.0)}. Change the gates or the initial state, which a symmetry may "
                "keep apart from the solution, or a target that no state has."
            )
        if self.kind == "trap-free":
            return f"It trains: with {acting}, {share}."
        if self.kind == "undecided":
            return f"With {acting}, {share}, too few starts for a verdict: give starts={4 * ends.n_starts}."
        more = f" Deepen it to {need.advised} parameters." if need.advised else ""
        where = f"expect a loss of {self._loss(ends.mean)}"
        if self.kind == "transition":
            chance = ends.solved.estimate
            tries = math.ceil(math.log(0.01) / math.log1p(-chance))
            return (
                f"With {acting}, {share}: the best of {tries} starts is one of them in 99 of 100 cases.{more}"
            )
        return f"With {acting}, {share}: {where}.{more}"

    def sections(self) -> list[tuple[str, list[str]]]:
        """Questions with their answers."""
        ends, flat = self.ends, self.flat
        found = [
            ("Can it reach the optimum?", self._about_reach()),
            (
                "Where will training end?",
                [
                    f"{ends.n_starts} starts, {ends.n_certified} ends certified as minima; solved: "
                    f"{_share(ends.solved)}; within 1 % of the best: {_share(ends.near_best)}.",
                    f"Mean loss {self._loss(ends.mean)}; median {_number(ends.median)}; the best, "
                    f"{_number(ends.best)}, was found "
                    + (
                        f"{ends.best_hits} times."
                        if ends.best_hits > 1
                        else "once: there may be a better one."
                    ),
                    self._about_theory(),
                    *self._trap_or_expressivity(),
                ],
            ),
            ("How many parameters does it need?", self._about_need()),
            (
                "Is it flat?",
                [
                    f"Variance of a gradient component at random angles {_interval(flat.variance)}"
                    + (
                        f", {flat.variance.estimate / flat.two_design:.2g} times that of random states."
                        if flat.two_design
                        else "; what random states have is not known for this loss."
                    ),
                    "With the number of parameters: "
                    + ", ".join(f"{value:.2g} at {p}" for p, value in self.trend)
                    + ".",
                    f"Plateau: at {_share(flat.plateau)} of random angles 10,000 shots see no slope.",
                    f"Traps: {1 - ends.solved.estimate:.0%} of the starts end above the floor."
                    if ends.solved.estimate > 0
                    else "Traps or expressivity: no start reaches the floor.",
                ],
            ),
        ]
        if self.point is not None:
            found.append(("What is this point?", self._about_point(self.point)))
        return found

    def row(self) -> dict[str, str]:
        """The main answers in short, for a table of several models."""
        reach, ends, need = self.reach, self.ends, self.need
        return {
            "verdict": self.kind,
            "qubits": str(of_samples(self.model.loss.build()).n_qubits),
            "parameters": str(ends.n_params),
            "of which act": str(reach.own_rank),
            "dimension of the states": str(reach.dimension) if reach.saturated else f">= {reach.dimension}",
            "equations of a zero": str(reach.count) if reach.count is not None else "not known",
            "starts solved": _share(ends.solved),
            "mean loss": _interval(ends.mean),
            "parameters predicted": str(need.predicted) if need.predicted is not None else "not known",
            "half are solved from": _bounds(need.half) if need.half else "not found",
            "97 % are solved from": _bounds(need.most) if need.most else "not found",
            "variance of the gradient": _interval(self.flat.variance),
        }

    def text(self, width: int | None = None) -> str:
        """For a terminal of so many columns; by default its own."""
        columns = min(width or shutil.get_terminal_size((80, 24)).columns, 100)
        lines = [f"{self.kind.upper()}  {self._title()}", ""]
        lines += textwrap.wrap(self.advice, columns)
        for question, answers in self.sections():
            lines += ["", question]
            for answer in answers:
                lines += textwrap.wrap(answer, columns, initial_indent="  ", subsequent_indent="  ")
        # No-break spaces have done their work; a terminal that writes ASCII has none.
        return "\n".join(lines).replace("\u00a0", " ")

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as JSON holds them; null stands for what is not known or not finite."""
        found: dict[str, Any] = {"kind": self.kind, "advice": self.advice, "n_qubits": self.model.n_qubits}
        for name in ("reach", "ends", "need", "flat", "theory", "point"):
            part = getattr(self, name)
            found[name] = None if part is None else dataclasses.asdict(part)
        plain: dict[str, Any] = _plain(found | {"trend": self.trend, "names": self._names()})
        return plain

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def plot(self) -> Figure:
        """Share of solved starts against parameters, and where this model's starts end."""
        from qgmutils.diagnosis.picture import draw

        energy = isinstance(self.model.loss.build(), Energy)
        return draw(self.ends, self.reach, self.need, energy=energy)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sections = "".join(
            f"<p style='margin:0.6em 0 0'><strong>{html.escape(question)}</strong></p><ul style='margin:0'>"
            f"{''.join(f'<li>{html.escape(answer)}</li>' for answer in answers)}</ul>"
            for question, answers in self.sections()
        )
        return (
            f"<div style='max-width:50em'><p style='font-size:1.15em'><strong>{html.escape(self.kind)}</strong> · "
            f"{html.escape(self._title())}</p><p>{html.escape(self.advice)}</p>{sections}</div>"
        )

    def _title(self) -> str:
        loss = of_samples(self.model.loss.build())
        numbers = {"qubit": loss.n_qubits, "sample": 0 if loss.inputs is None else len(loss.inputs)}
        numbers["parameter"] = self.model.n_params
        return ", ".join(f"{k} {name}{'s' * (k != 1)}" for name, k in numbers.items() if k)

    def _names(self) -> list[str]:
        if isinstance(self.model, QNodeModel):
            return list(self.model.names)
        return [f"theta[{k}]" for k in range(self.model.n_params)]

    def _listed(self, angles: tuple[int, ...]) -> str:
        names = self._names()
        rest = f" and {len(angles) - _NAMED} more" if len(angles) > _NAMED else ""
        return ", ".join(names[k] for k in angles[:_NAMED]) + rest

    def _loss(self, value: Interval | float) -> str:
        """A loss, for an energy also in the units of its observable."""
        shown = _interval(value) if isinstance(value, Interval) else _number(value)
        loss = self.model.loss.build()
        if not isinstance(loss, Energy):
            return shown
        scaled = loss.ground_energy + loss.unit * (value.estimate if isinstance(value, Interval) else value)
        scaled = 0.0 if abs(scaled) < 1e-9 * loss.unit else scaled
        return f"{shown} (0 is the ground state, 1 a random state; {scaled:.4g} in your units)"

    def _level(self, value: float) -> str:
        """Which level of the observable a loss is, if it is one."""
        loss = self.model.loss.build()
        if not isinstance(loss, Energy):
            return ""
        levels = np.unique(loss.levels.round(9))
        number = int(np.argmin(np.abs(levels - value)))
        return f", level {number} of the observable" if abs(levels[number] - value) <= loss.solved else ""

    def _about_reach(self) -> list[str]:
        reach, p = self.reach, self.ends.n_params
        lines = [
            f"{reach.own_rank} of {p} parameters act; the states it can reach have "
            + (
                f"{reach.dimension} dimensions."
                if reach.saturated
                else f"{reach.dimension} dimensions or more."
            )
        ]
        unused, redundant = reach.unused, tuple(k for k in reach.redundant if k not in reach.unused)
        if unused:
            lines.append(f"Without any effect: {self._listed(unused)}.")
        if redundant:
            lines.append(f"Redundant, given those before them: {self._listed(redundant)}.")
        if reach.equations is not None:
            lines.append(f"To end at the floor takes {reach.equations} equations: {reach.reason}.")
        if reach.measured is not None:
            lines.append(
                f"Measured at zeros of a copy of {reach.deep} parameters (rank of the Hessian): {reach.measured} "
                "equations."
            )
            if reach.equations is not None and reach.measured < reach.equations:
                lines.append(
                    "The rank is lower than the count: along the rest the loss is flat to second order, or these zeros "
                    "are special ones."
                )
            if reach.equations is not None and reach.measured > reach.equations:
                lines.append(
                    "The rank is higher than the count: the loss is flat to second order at its zeros, and searches "
                    "end beside them, where it is curved."
                )
        if reach.expressible is None:
            lines.append("Whether a deeper copy reaches a zero is open: give more seconds.")
        elif reach.expressible is False:
            lines.append(
                f"Copies of up to {reach.deep} parameters reach no zero of the loss; the best end is at "
                f"{_number(reach.lowest or 0.0)}{self._level(reach.lowest or 0.0)}."
            )
        lines.append(f"Deeper copies: {self.repeats}.")
        return lines

    def _about_theory(self) -> str:
        if self.theory is None:
            return "No theory of the mean applies (there is one for energies of randomised circuits on random states)."
        share = self.ends.n_params / 2**self.model.n_qubits
        low = "" if share <= 1 / 8 else "; trained ones lie lower, as low minima have the larger basins"
        return f"Theory, for all minima: mean loss {_interval(self.theory)}{low}."

    def _trap_or_expressivity(self) -> list[str]:
        ends, count = self.ends, self.reach.count
        if ends.solved.estimate == 1:
            return []
        if ends.solved.estimate > 0:
            return ["Its own best is the floor of the loss: starts that end above it are trapped."]
        if count is not None and self.reach.own_rank < count:
            return [
                f"{self.reach.own_rank} acting parameters are fewer than {count} equations: in general no angles reach "
                f"the floor. Of the mean loss {_number(ends.best)} is what the best end leaves, "
                + ("the rest is traps." if ends.near_best.estimate < 1 else "and none is a trap.")
            ]
        return []

    def _about_need(self) -> list[str]:
        need, count = self.need, self.reach.count
        if count is None:
            return ["No prediction: the number of equations is not known."]
        lines = []
        if need.predicted is not None:
            lines.append(f"Predicted: {need.predicted} parameters, the first depth at which {count} act.")
        if need.half is None:
            lines.append(
                "Where half of the starts are solved would take more seconds; the number of equations is an upper "
                "estimate where the initial state and the loss share a structure."
            )
        else:
            lines.append(f"By training, half of the starts are solved from {_crossing(need.half)} on.")
        if self._is_cheaper(count):
            lines.append(
                "Fewer than predicted do: the initial state and the loss have a structure that makes solutions "
                "cheaper, and the number of equations is an upper estimate."
            )
        if need.most is not None:
            lines.append(f"By training, 97 % of the starts are solved from {_crossing(need.most)} on.")
        if need.half is not None and need.most is not None and need.most.low > WIDE * need.half.estimate:
            ratio = need.most.estimate / need.half.estimate
            lines.append(f"The transition is wide: 97 % take {ratio:.1f} times as many parameters as half.")
        return lines

    def _is_cheaper(self, count: int) -> bool:
        """Whether starts are solved with fewer parameters than equations, by more than near misses."""
        half, predicted = self.need.half, self.need.predicted
        here = self.reach.own_rank < count and self.ends.solved.low > TRAPPED
        return here or (half is not None and predicted is not None and half.high < predicted - 2)

    def _about_point(self, point: Point) -> list[str]:
        lines = [
            f"{point.kind}: loss {self._loss(point.loss)}, largest slope {_number(point.gradient_norm)} (in the "
            "circuit's angles, half of PennyLane's); the Hessian has "
            f"{point.index} negative and {point.n_null} null eigenvalues, from {point.eigenvalues[0]:.3g} to "
            f"{point.eigenvalues[-1]:.3g}."
        ]
        if point.escape is not None:
            largest = max(range(len(point.escape)), key=lambda k: abs(point.escape[k]))  # type: ignore[index]
            lines.append(f"A way down: mostly {self._names()[largest]} ({point.escape[largest]:+.2f}).")
        lines.append(
            f"Metric: condition {point.condition:.2g} with {point.n_null_directions} null directions"
            + (
                f"; a natural-gradient step is worth {point.natural_gain:.2g} plain ones."
                if point.natural_gain
                else "."
            )
        )
        if point.variance is not None and point.level is not None:
            number, energy, share = point.level
            lines.append(
                f"Energy variance {_number(point.variance)}; {share:.0%} of the state is in level {number} at "
                f"{_number(energy)}."
            )
        return lines


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _number(value: float) -> str:
    return "0" if abs(value) < 1e-8 else f"{value:.3g}"


def _interval(found: Interval) -> str:
    return f"{_number(found.estimate)}\u00a0[{_number(found.low)},\u00a0{_number(found.high)}]"


def _share(found: Interval) -> str:
    return f"{found.estimate:.0%}\u00a0[{found.low:.0%},\u00a0{found.high:.0%}]"


def _bounds(found: Interval) -> str:
    high = f"{found.high:.0f}" if math.isfinite(found.high) else "?"
    return f"{found.estimate:.0f}\u00a0[{found.low:.0f},\u00a0{high}]"


def _crossing(found: Interval) -> str:
    if not math.isfinite(found.high):
        return (
            f"{found.estimate:.0f} parameters (at least {found.low:.0f}; too few starts for an upper bound)"
        )
    return f"{_bounds(found)} parameters"
