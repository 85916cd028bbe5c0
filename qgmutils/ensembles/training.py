"""Trained minima: an ensemble's ends of searches, each with its certificate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qgmutils.ensembles.tasks import AMPLITUDE, PIECE, CircuitsTask, columns
from qgmutils.inputs import is_integer, require_flag, require_integer
from qgmutils.minimize import HESSIAN_MAX_PARAMS, Minima, minimize

SAME_LOSS = 1e-9
"""Minima whose losses are that close count as one: a search that ends with a gradient of 1e-8 knows its loss to
1e-10 where no eigenvalue of the Hessian is below 1e-6."""

FIRST_ROUND = 64
"""Starts of the first round of a search that ends when it is settled; each later round doubles the total."""

LANES = 8  # starts that a search takes together on a wide machine


def round_sizes(n_starts: int) -> list[int]:
    """Totals of starts at which a search looks whether it is settled: 64, 128, ... up to `n_starts`.

    Raises
    ------
    ValueError
        If `n_starts` is not 64 times a power of two.
    """
    totals = [FIRST_ROUND]
    while is_integer(n_starts) and totals[-1] < n_starts:
        totals.append(2 * totals[-1])
    if totals[-1] != n_starts:
        raise ValueError(f"n_starts must be {FIRST_ROUND} times a power of two, got {n_starts!r}")
    return totals


def hits(losses: Any) -> int:
    """How many of these losses are the lowest one, within `SAME_LOSS`; 0 for none."""
    return int(np.sum(losses <= losses.min() + SAME_LOSS)) if len(losses) else 0


@dataclass(frozen=True, kw_only=True)
class TrainTask(CircuitsTask):
    """Searches from uniform starts of each circuit.

    Attributes
    ----------
    model, n_circuits, seed, first_circuit, engine, device
        As in `CircuitsTask`.
    n_starts, first_start : int
        Starts first_start ... first_start + n_starts - 1 of each circuit.
    settled_hits : int
        0: all starts.  Else a circuit's search ends, after 64, 128, ... starts, once so many of them have ended in the
        lowest certified minimum found; n_starts, the most, is 64 times a power of two then.
    keep_angles : bool
        Whether the table has columns theta_0 ... theta_(p-1), the ends in radians.
    """

    n_starts: int
    first_start: int = 0
    settled_hits: int = 0
    keep_angles: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        put = object.__setattr__  # the class is frozen
        put(self, "n_starts", require_integer(self.n_starts, "n_starts"))
        put(self, "first_start", require_integer(self.first_start, "first_start", low=0))
        put(self, "settled_hits", require_integer(self.settled_hits, "settled_hits", low=0))
        require_flag(self.keep_angles, "keep_angles")
        if self.settled_hits:
            round_sizes(self.n_starts)
            if self.first_start:
                raise ValueError("a search that ends when it is settled begins with its first start")

    def run(self) -> pd.DataFrame:
        """One row per start, whether certified or not.

        Columns: n_qubits, n_params, circuit, start, and those of `minimize.Minima`: loss, gradient_norm, hessian_min,
        certified, solved, n_negative, n_null, iterations, reason.
        """
        parts = []
        for number, rng in self.streams():
            found = list(self._searches(rng))
            names = [f.name for f in dataclasses.fields(Minima) if f.name not in ("theta", "resolution")]
            ends: dict[str, Any] = {n: np.concatenate([getattr(m, n) for m in found]) for n in names}
            if self.keep_angles:
                theta = np.concatenate([minima.theta for minima in found])
                ends |= {f"theta_{i}": angles for i, angles in enumerate(theta.T)}
            start = self.first_start + np.arange(len(ends["loss"]))
            sizes = {"n_qubits": self.model.n_qubits, "n_params": self.model.n_params}
            parts.append({**sizes, "circuit": number, "start": start, **ends})
        return columns(parts)

    def _searches(self, rng: np.random.Generator) -> Iterator[Minima]:
        surface = self.landscape(rng)
        rng.uniform(0, np.pi, (self.first_start, self.model.n_params))  # those that other pieces take
        done, best = 0, np.empty(0)
        for total in round_sizes(self.n_starts) if self.settled_hits else [self.n_starts]:
            minima = minimize(surface, rng.uniform(0, np.pi, (total - done, self.model.n_params)))
            yield minima
            done, best = total, np.append(best, minima.loss[minima.certified])
            if self.settled_hits and hits(best) >= self.settled_hits:
                return

    def seconds(self) -> float:
        p, dim = self.model.n_params, 2**self.model.n_qubits
        # Searches are longest near p = 2N; a Hessian is p sweeps and an eigenvalue problem.
        steps = 60 + 4 * min(p, 4 * dim) * min(1.0, (2 * dim / p) ** 2)
        hessian = p**2 * dim * AMPLITUDE + 1e-9 * p**3 if p <= HESSIAN_MAX_PARAMS else 0.0
        return self.n_starts * (steps * p * dim * AMPLITUDE + hessian) + 1e-4

    def pieces(self, seconds: float = PIECE) -> list[TrainTask]:
        """The same starts as tasks of about so many seconds: few circuits each, or few starts of one circuit."""
        if self.settled_hits or self.cost() <= 2 * seconds:
            return super().pieces(seconds)
        size = max(LANES, int(seconds / self.cost() * self.n_starts) // LANES * LANES)
        return [
            dataclasses.replace(
                self,
                first_circuit=number,
                n_circuits=1,
                first_start=self.first_start + first,
                n_starts=min(size, self.n_starts - first),
            )
            for number in range(self.first_circuit, self.first_circuit + self.n_circuits)
            for first in range(0, self.n_starts, size)
        ]
