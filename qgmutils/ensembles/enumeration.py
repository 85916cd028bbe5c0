"""All critical points of circuits with few angles, and how training shares its starts among the minima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.engine.landscape import Landscape
from qgmutils.ensembles.basins import assign, flow
from qgmutils.ensembles.tasks import CircuitsTask, columns
from qgmutils.field.critical_points import CriticalPoints, critical_points
from qgmutils.field.polynomials import TrigPolynomial, from_function
from qgmutils.inputs import require_integer
from qgmutils.minimize import minimize


def enumerated_points(
    loss: Callable[[NDArray[np.float64]], NDArray[np.float64]], n_params: int, rng: np.random.Generator
) -> tuple[TrigPolynomial, CriticalPoints]:
    """The loss of a circuit of n_params angles as a polynomial, and all critical points that a long search finds."""
    polynomial = from_function(loss, n_params)
    # Commuting words make flat valleys, on which no search ends: the bound keeps them incomplete.
    most = 20_000 * 4 ** max(n_params - 5, 0)
    return polynomial, critical_points(polynomial, rng, n_starts=500, max_starts=most)


@dataclass(frozen=True, kw_only=True)
class EnumerateTask(CircuitsTask):
    """Every critical point of each circuit, by exhaustive search.

    Attributes
    ----------
    model, n_circuits, seed, first_circuit, engine, device
        As in `CircuitsTask`; at most 10 angles (3^p coefficients), one gate each.
    n_starts : int
        Uniform starts that are trained, and that follow the gradient flow, to see in which minimum each of them ends.
    """

    n_starts: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self.model.n_params, "n_params", high=10)
        n_starts = require_integer(self.n_starts, "n_starts", low=0)
        object.__setattr__(self, "n_starts", n_starts)  # the class is frozen

    def run(self) -> pd.DataFrame:
        """One row per critical point: n_qubits, n_params, circuit, loss, index, complete.

        A circuit of which no isolated critical point was found has one row with loss NaN and index -1, so that it is
        counted among the incomplete ones.  With starts there are further columns: log_det of the Hessian, trained and
        flowed, the numbers of starts that end in the point (0 but for minima), lost and unflowed, those of the circuit
        that end in none.
        """
        parts = []
        for number, rng in self.streams():
            surface = self.landscape(rng)
            polynomial, points = enumerated_points(surface.value, self.model.n_params, rng)
            found = len(points.value) > 0
            index = points.index if found else np.array([-1])
            part: dict[str, Any] = {"n_qubits": self.model.n_qubits, "n_params": self.model.n_params}
            part |= {"circuit": number, "loss": points.value if found else np.array([np.nan])}
            part |= {"index": index, "complete": points.complete}
            if self.n_starts:
                part |= self._basins(surface, polynomial, points, index, rng)
            parts.append(part)
        return columns(parts, length="loss")

    def _basins(
        self, surface: Landscape, polynomial: TrigPolynomial, points: CriticalPoints, index: Any, rng: Any
    ) -> dict[str, Any]:
        minima = points.theta[points.index == 0]
        starts = rng.uniform(0, np.pi, (self.n_starts, self.model.n_params))
        trained, flowed = (
            assign(minimize(surface, starts).theta, minima),
            assign(flow(polynomial, starts), minima),
        )
        result: dict[str, Any] = {"lost": int(np.sum(trained < 0)), "unflowed": int(np.sum(flowed < 0))}
        for name, ends in (("trained", trained), ("flowed", flowed)):
            result[name] = np.zeros(len(index), dtype=np.int64)
            result[name][index == 0] = np.bincount(ends[ends >= 0], minlength=len(minima))
        result["log_det"] = np.full(len(index), np.nan)
        if len(minima):
            result["log_det"][index == 0] = np.log(np.linalg.eigvalsh(polynomial.hessian(minima))).sum(axis=1)
        return result

    def seconds(self) -> float:
        # 500 starts or more of a search on a polynomial of 3^p coefficients, and of two more searches each.
        return 2e-7 * 3**self.model.n_params * (500 + self.n_starts * 20) + 0.05
