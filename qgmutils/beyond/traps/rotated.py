"""Circuits with Haar-rotated generators, for which the Kac-Rice formula at finite dimension is exact.

Each rotation is exp(-i t Q) with Q a reflection of trace zero in a Haar-random basis.  A generator is a dense
matrix here, so the compiled engine does not apply and circuits have to be small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.optimize
from numpy.typing import NDArray

from qgmutils.beyond.finite_dimension.reflections import random_reflections
from qgmutils.beyond.traps.own_optimum import hits
from qgmutils.circuits import haar_state

__all__ = ["RotatedSearchTask", "energy_and_gradient"]

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def energy_and_gradient(
    theta: Array, reflections: ComplexArray, state: ComplexArray, levels: Array
) -> tuple[float, Array]:
    """Energy sum_a h_a |psi_a|^2 of prod exp(-i t_j Q_j) psi_0 and its derivatives, by one sweep forth and one back.

    Parameters
    ----------
    theta : ndarray, shape (p,)
        Radians, in the order in which the reflections act.
    reflections : ndarray, shape (p, N, N)
    state, levels : ndarray, shape (N,)
        Reference state in the eigenbasis of the observable, and its levels.
    """
    states = [state]
    for q, t in zip(reflections, theta, strict=True):
        states.append(np.cos(t) * states[-1] - 1j * np.sin(t) * (q @ states[-1]))
    pull = levels * states[-1]
    energy = float(np.vdot(states[-1], pull).real)
    gradient = np.empty(len(theta))
    for i in reversed(range(len(theta))):
        turned = reflections[i] @ pull
        gradient[i] = 2 * np.vdot(turned, states[i + 1]).imag
        pull = np.cos(theta[i]) * pull + 1j * np.sin(theta[i]) * turned
    return energy, gradient


@dataclass(frozen=True)
class RotatedSearchTask:
    """Lowest energies of circuits with Haar-rotated generators on a Haar-random reference state.

    Attributes
    ----------
    levels : tuple of float
        Normalised levels; an even number of them.
    n_params, first_circuit, n_circuits, n_starts, seed : int
        Every circuit has a random stream of its own.
    """

    levels: tuple[float, ...]
    n_params: int
    first_circuit: int
    n_circuits: int
    n_starts: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row per circuit: n_params, circuit, own (lowest energy), mean (over starts), hits (of the lowest)."""
        h, p, rows = np.array(self.levels), self.n_params, []
        for circuit in range(self.first_circuit, self.first_circuit + self.n_circuits):
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(len(h), p, circuit)))
            arguments = (random_reflections(p, len(h), rng), haar_state(len(h), rng), h)
            # BFGS stops at a gradient of 1e-5, where energies are known to 1e-9 or so.
            energy = np.array(
                [
                    scipy.optimize.minimize(
                        energy_and_gradient, start, args=arguments, jac=True, method="BFGS"
                    ).fun
                    for start in rng.uniform(0, np.pi, (self.n_starts, p))
                ]
            )
            row = {"n_params": p, "circuit": circuit, "own": energy.min(), "mean": energy.mean()}
            rows.append(row | {"hits": hits(np.round(energy, 7))})
        return pd.DataFrame(rows)
