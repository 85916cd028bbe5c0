"""What a given point of the landscape is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgmutils.computing.threads import one_thread
from qgmutils.engine.landscape import Landscape
from qgmutils.ensembles.sampling import acting
from qgmutils.losses.energy import Energy
from qgmutils.minimize import NULL_TOLERANCE
from qgmutils.qnodes.samples import quantum_fisher

Array = NDArray[np.float64]

STATIONARY = 1e-6
"""Largest component of the gradient, in the loss's normalised unit, of what is called stationary here."""


@dataclass(frozen=True)
class Point:
    """A point of the landscape; losses in the normalised unit, angles those of the circuit.

    Attributes
    ----------
    loss, gradient_norm : float
        L and max |dL/dtheta|.
    eigenvalues : tuple of float, length p
        Of the Hessian, ascending.
    index, n_null : int
        Number of negative and of null eigenvalues.
    escape : tuple of float, length p, or None
        Eigenvector of the lowest eigenvalue, if that is negative.
    condition : float
        Largest over smallest eigenvalue of the metric that is not null.
    n_null_directions : int
        Of the metric: directions in which no state changes.
    variance : float or None
        Of the energy, <h^2> - E^2, which is 0 in eigenstates.
    level : tuple (number, energy, share) or None
        The level with the largest share of the state: its number from 0 up, its energy and the share.
    natural_gain : float or None
        First-order descent of a natural-gradient step over that of a plain one of the same length in states; None at
        stationary points.
    """

    loss: float
    gradient_norm: float
    eigenvalues: tuple[float, ...]
    index: int
    n_null: int
    escape: tuple[float, ...] | None
    condition: float
    n_null_directions: int
    variance: float | None
    level: tuple[int, float, float] | None
    natural_gain: float | None

    @property
    def kind(self) -> str:
        """In one word or three."""
        if self.gradient_norm > STATIONARY:
            return "a slope"
        if self.n_null == len(self.eigenvalues):
            return "flat to second order"
        return "a minimum" if self.index == 0 else f"a saddle of index {self.index}"


def look_at(surface: Landscape, theta: Array) -> Point:
    """Describe the point theta (p,)."""
    value, gradient = (a[0] for a in surface.value_and_gradient(theta[None]))
    hessian, metric = surface.hessian(theta[None])[0], quantum_fisher(surface, theta[None])[0]
    with one_thread():
        eigenvalues, vectors = np.linalg.eigh(hessian)
        widths, directions = np.linalg.eigh(metric)
    null = NULL_TOLERANCE * max(1.0, float(np.max(np.abs(eigenvalues))))
    live = acting(widths)
    variance, level = _of_energy(surface, theta, float(value))
    slope = float(np.max(np.abs(gradient)))
    return Point(
        float(value),
        slope,
        tuple(eigenvalues.tolist()),
        int(np.sum(eigenvalues < -null)),
        int(np.sum(np.abs(eigenvalues) <= null)),
        tuple(vectors[:, 0].tolist()) if eigenvalues[0] < -null else None,
        float(widths[-1] / widths[live].min()) if np.any(live) else np.inf,
        int(np.sum(~live)),
        variance,
        level,
        None if slope <= STATIONARY else _gain(gradient, metric, widths[live], directions[:, live]),
    )


def _gain(gradient: Array, metric: Array, widths: Array, directions: Array) -> float:
    """sqrt(g F^-1 g) / (g g / sqrt(g F g)): at least 1, by the Cauchy-Schwarz inequality."""
    natural = np.sqrt(np.sum((directions.T @ gradient) ** 2 / widths))
    plain = gradient @ gradient / np.sqrt(gradient @ metric @ gradient)
    return float(natural / plain)


def _of_energy(
    surface: Landscape, theta: Array, value: float
) -> tuple[float | None, tuple[int, float, float] | None]:
    loss = surface.loss
    if not isinstance(loss, Energy):
        return None, None
    state = surface.states(theta[None])[0]
    applied = loss.matrix @ state
    variance = float(np.vdot(applied, applied).real - value**2)
    with one_thread():
        levels, vectors = np.linalg.eigh(loss.matrix)
    weights = np.abs(vectors.conj().T @ state) ** 2
    starts = np.flatnonzero(np.diff(levels, prepend=-1.0) > 1e-9 * levels[-1])
    shares = np.add.reduceat(weights, starts)
    most = int(np.argmax(shares))
    return max(variance, 0.0), (most, float(levels[starts[most]]), float(shares[most]))
