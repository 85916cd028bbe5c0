"""Samples of the landscape: what is measured at random angles, along random directions, or at minima.

Circuits have the same random streams in every task of a seed; they are the independent unit of all samples here, and
standard errors come from resampling circuits (`statistics.estimates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.engine.landscape import Landscape
from qgmutils.ensembles.tasks import AMPLITUDE, CircuitsTask, columns
from qgmutils.field import haar
from qgmutils.inputs import require_choice, require_integer
from qgmutils.minimize import minimize

Array = NDArray[np.float64]

POINTS = ("random", "minimum")

RANK_TOLERANCE = 1e-12
"""Eigenvalues of the metric up to this fraction of the largest, or of 1, count as zero.  Rounding leaves zeros of up to
1e-14; of the circuits at n = 2 ... 6 the lowest other eigenvalue was 1e-9 (bricks on |0...0>, 150 angles)."""


class Quantity(Protocol):
    """What a `SampleTask` measures: a frozen dataclass with plain fields."""

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        """Columns, and constants, of one circuit's rows, with a column `start`; random angles come from `rng`."""
        ...

    def sweeps(self, n_params: int) -> float:
        """How many gradients a point costs."""
        ...


@dataclass(frozen=True, kw_only=True)
class SampleTask(CircuitsTask):
    """A quantity at `n_points` points of each circuit; `run` returns its columns after the number of the circuit.

    Attributes
    ----------
    model, n_circuits, seed, first_circuit, engine, device
        As in `CircuitsTask`.
    quantity : Quantity
    n_points : int
    """

    quantity: Quantity
    n_points: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        n_points = require_integer(self.n_points, "n_points")
        object.__setattr__(self, "n_points", n_points)  # the class is frozen

    def run(self) -> pd.DataFrame:
        return columns(
            [
                {"circuit": number, **self.quantity.measure(self.landscape(rng), self.n_points, rng)}
                for number, rng in self.streams()
            ]
        )

    def seconds(self) -> float:
        p, dim = self.model.n_params, 2**self.model.n_qubits
        return self.n_points * self.quantity.sweeps(p) * p * dim * AMPLITUDE + 2e-4


@dataclass(frozen=True)
class Losses:
    """Loss and gradient at uniform angles.

    One row a point: start, loss, gradient (one component, another one at each point) and gradient_square (mean over
    the p components).
    """

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        start, p = np.arange(n_points), surface.circuit.n_params
        loss, gradient = surface.value_and_gradient(rng.uniform(0, np.pi, (n_points, p)))
        square = np.mean(gradient**2, axis=1)
        return {
            "start": start,
            "loss": loss,
            "gradient": gradient[start, start % p],
            "gradient_square": square,
        }

    def sweeps(self, n_params: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Rays:
    """The energy along random directions, at these distances from a random point, radians.

    One row a ray and distance: start, distance, product (of E - 1 at the two ends, divided by the exact variance
    N / ((N + 1) m): its mean is the correlation), field and exact (the correlations of the random field and of the
    circuits for this difference of angles).
    """

    distances: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5)

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        distance, p, loss = np.array(self.distances), surface.circuit.n_params, surface.loss
        variance = loss.dim / ((loss.dim + 1) * loss.degrees_of_freedom)  # type: ignore[attr-defined]
        origin = rng.uniform(0, np.pi, (n_points, 1, p))
        direction = rng.standard_normal(origin.shape)
        step = distance[:, None] * direction / np.linalg.norm(direction, axis=-1, keepdims=True)
        angles = np.concatenate([origin, origin + step], axis=1)
        energy = (surface.value(angles.reshape(-1, p)) - 1).reshape(n_points, -1)
        return {
            "start": np.repeat(np.arange(n_points), len(distance)),
            "distance": np.tile(distance, n_points),
            "product": (energy[:, :1] * energy[:, 1:] / variance).ravel(),
            "field": haar.field_correlation(step).ravel(),
            "exact": haar.circuit_correlation(step, loss.dim).ravel(),
        }

    def sweeps(self, n_params: int) -> float:
        return float(len(self.distances))


@dataclass(frozen=True)
class Spectra:
    """Spectra of A = Hessian / 2 of an energy.

    `points` is "random" (uniform angles) or "minimum" (what the search finds from them).  With n_candidates > 1 each
    random point is the one of so many whose energy is nearest to a target drawn uniformly over their range.  The choice
    sees energies only, so the law of a point given its energy is untouched, while rare energies are sampled well.

    One row an eigenvalue: start, loss, variance (sigma^2 = <h^2> - E^2), along_gradient (g.A.g / g.g), certified (True
    at random points), position (0 for the lowest eigenvalue), eigenvalue.
    """

    points: str = "random"
    n_candidates: int = 1

    def __post_init__(self) -> None:
        require_choice(self.points, "points", POINTS)
        require_integer(self.n_candidates, "n_candidates")

    def _points(
        self, surface: Landscape, n_points: int, rng: np.random.Generator
    ) -> tuple[Array, NDArray[np.bool_]]:
        theta = rng.uniform(0, np.pi, (n_points * self.n_candidates, surface.circuit.n_params))
        if self.points == "minimum":
            minima = minimize(surface, theta[:n_points])
            return minima.theta, minima.certified
        if self.n_candidates > 1:
            energy = surface.value(theta).reshape(n_points, self.n_candidates)
            target = rng.uniform(energy.min(axis=1), energy.max(axis=1))
            nearest = np.argmin(np.abs(energy - target[:, None]), axis=1)
            theta = theta[np.arange(n_points) * self.n_candidates + nearest]
        return theta, np.ones(n_points, dtype=bool)

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        theta, certified = self._points(surface, n_points, rng)
        p = theta.shape[1]
        energy, gradient = surface.value_and_gradient(theta)
        applied = surface.states(theta) @ surface.loss.matrix.T  # type: ignore[attr-defined]
        halves = surface.hessian(theta) / 2
        along = np.einsum("bi,bij,bj->b", gradient, halves, gradient) / np.sum(gradient**2, axis=1)
        per_point = {
            "start": np.arange(n_points),
            "loss": energy,
            "variance": np.sum(np.abs(applied) ** 2, axis=1) - energy**2,
            "along_gradient": along,
            "certified": certified,
        }
        table = {name: np.repeat(values, p) for name, values in per_point.items()}
        spectra = np.linalg.eigvalsh(halves)
        return table | {"position": np.tile(np.arange(p), n_points), "eigenvalue": spectra.ravel()}

    def sweeps(self, n_params: int) -> float:
        search = 60 + 4 * n_params if self.points == "minimum" else 0
        return n_params + self.n_candidates + search


@dataclass(frozen=True)
class FisherRanks:
    """Rank of the Fubini-Study metric at random angles, of the first 1 ... p angles of each circuit.

    Where every angle sits in one gate, in the order of the angles, the metric of a shorter circuit is a corner of the
    whole one's: what comes behind turns all tangent vectors alike (derived).  Of other circuits only the whole one's
    rank is given.

    One row a point and count: start, n_params, rank.
    """

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        p = surface.circuit.n_params
        ordered = np.array_equal(surface.circuit.parameter, np.arange(p))
        counts = np.arange(1, p + 1) if ordered else np.array([p])
        metrics = surface.quantum_fisher(rng.uniform(0, np.pi, (n_points, p)))
        ranks = [_rank(metric[:size, :size]) for metric in metrics for size in counts]
        start = np.repeat(np.arange(n_points), len(counts))
        return {"start": start, "n_params": np.tile(counts, n_points), "rank": np.array(ranks)}

    def sweeps(self, n_params: int) -> float:
        return 10.0 * n_params


def _rank(metric: Array) -> int:
    return int(np.sum(acting(np.linalg.eigvalsh(metric))))


def acting(widths: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Which eigenvalues of a metric, ascending, do not count as zero."""
    return widths > RANK_TOLERANCE * max(1.0, widths[-1])  # RZ on |0...0> has a metric of 0
