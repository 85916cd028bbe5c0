"""How flat a landscape is at random angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgmutils.engine.landscape import Landscape
from qgmutils.field.haar import gradient_level
from qgmutils.losses.energy import Energy
from qgmutils.statistics.intervals import Interval, mean_interval, wilson

VISIBLE = 0.01
"""Slope, in units in which the loss of a random state is about 1, that 10^4 shots resolve: one over their root."""


@dataclass(frozen=True)
class Flatness:
    """Gradients at uniformly random angles, in the loss's normalised unit and per radian of a gate's angle.

    Attributes
    ----------
    variance : Interval
        Mean square of a component of the gradient, whose mean is 0.
    two_design : float or None
        What it is on average over Haar-random states and Pauli words (field.haar.gradient_level); None where it is not
        known.
    plateau : Interval
        Share of random angles where no component exceeds `VISIBLE`.
    n_points : int
    """

    variance: Interval
    two_design: float | None
    plateau: Interval
    n_points: int


def flatness(surface: Landscape, rng: np.random.Generator, *, n_points: int = 256) -> Flatness:
    """Measure gradients at random angles."""
    theta = rng.uniform(0, np.pi, (n_points, surface.circuit.n_params))
    _, gradient = surface.value_and_gradient(theta)
    loss = surface.loss
    known = 2 / loss.degrees_of_freedom * gradient_level(loss.dim) if isinstance(loss, Energy) else None
    hidden = np.max(np.abs(gradient), axis=1) < VISIBLE
    variance = mean_interval(np.mean(gradient**2, axis=1), rng)
    return Flatness(variance, known, wilson(int(hidden.sum()), n_points), n_points)
