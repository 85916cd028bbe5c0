"""What a model reaches: the dimension of its states, and the number of equations that a zero of the loss poses.

Angles theta (p,) lead into a set of final states of dimension D, the largest rank of the Fubini-Study metric; the loss
vanishes on a subset of dimension D_0.  Both need c = D - D_0 angles that act: with fewer no start ends at zero, except
for angles of measure zero (Sard; docs/theory.md, section 4).  c is the rank of the Hessian at a zero of a deep copy,
since there the loss is a positive quadratic form of c independent functions of the angles (derived).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgmutils.computing.threads import one_thread
from qgmutils.engine.landscape import Landscape
from qgmutils.ensembles.sampling import RANK_TOLERANCE, acting
from qgmutils.losses.blocks import Blocks
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.energy import Energy
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.loss import Loss
from qgmutils.qnodes.samples import quantum_fisher

Array = NDArray[np.float64]

REDUNDANT = 1e-9
"""Share of an angle's own metric that is left, when directions of earlier angles are taken out, up to which it is
redundant; rounding leaves 1e-13."""

HESSIAN_ZERO = 1e-5
"""Eigenvalues of the Hessian at a zero of the loss up to this fraction of the largest count as zero: a search that ends
at a gradient of 1e-8 is as far from the zero as that over the eigenvalue."""


@dataclass(frozen=True)
class Rank:
    """Rank of the metric at random angles.

    Attributes
    ----------
    rank : int
    redundant : tuple of int
        Angles that add no direction to those of the angles before them.
    unused : tuple of int
        Those among them that change no state at all.
    """

    rank: int
    redundant: tuple[int, ...]
    unused: tuple[int, ...]


def metric_rank(surface: Landscape, rng: np.random.Generator) -> int:
    """Rank of the metric at random angles."""
    return _rank(_metrics(surface, rng, 1)[0])


def named_rank(surface: Landscape, rng: np.random.Generator) -> Rank:
    """Rank of the metric, the larger of two random points, and the angles that are redundant at both."""
    metrics = _metrics(surface, rng, 2)
    lost = [_dependent(metric) for metric in metrics]
    still = [
        np.flatnonzero(np.diag(metric) <= RANK_TOLERANCE * max(1.0, np.max(metric))) for metric in metrics
    ]
    redundant, unused = (tuple(sorted(set(a) & set(b))) for a, b in (lost, (s.tolist() for s in still)))
    return Rank(max(map(_rank, metrics)), redundant, unused)


def _metrics(surface: Landscape, rng: np.random.Generator, n_points: int) -> Array:
    return quantum_fisher(surface, rng.uniform(0, np.pi, (n_points, surface.circuit.n_params)))


def _rank(metric: Array) -> int:
    with one_thread():
        return int(np.sum(acting(np.linalg.eigvalsh(metric))))


def _dependent(metric: Array) -> list[int]:
    """Rows of a positive matrix that depend on those before them, by Gram-Schmidt in its own inner product."""
    rest, found = metric.copy(), []
    for k in range(len(metric)):
        if rest[k, k] <= REDUNDANT * max(metric[k, k], 1e-3):
            found.append(k)
        else:
            rest[k + 1 :, k + 1 :] -= np.outer(rest[k + 1 :, k], rest[k, k + 1 :] / rest[k, k])
    return found


def most_dimensions(loss: Loss) -> int:
    """2N - 2 for each input: all states of N dimensions up to a phase.

    If the same unitary acts on all of them, N^2 - 1 at most, the dimension of unitaries; data behind trained gates give
    each sample one of its own.
    """
    alone = of_samples(loss)
    inputs = 1 if alone.inputs is None else len(alone.inputs)
    most = inputs * (2 * alone.dim - 2)
    return most if isinstance(loss, Blocks) else min(most, alone.dim**2 - 1)


def most_equations(loss: Loss) -> float:
    """A bound on the number of equations that a loss poses, from what it compares; inf where there is none."""
    loss = of_samples(loss)
    if isinstance(loss, LeastSquares):
        return float(loss.targets.size)
    return float(_born_equations(loss, 2)) if isinstance(loss, BornMachine) else np.inf


def _born_equations(loss: BornMachine, numbers: int) -> int:
    """Equations of a Born machine whose amplitudes have so many real numbers, 1 or 2 (derived).

    K outcomes of the target that occur pose K - 1, as probabilities sum to 1; for one that does not, every amplitude
    that leads to it is 0.
    """
    occur = int(np.sum(loss.target > 0))
    return occur - 1 + numbers * (loss.target.size - occur) * (loss.dim // loss.target.size)


def counted_equations(loss: Loss, dimension: int, is_real: bool) -> tuple[int | None, str]:
    """Number of equations c where theory knows it, with the reason; None where it has to be measured.

    It is known where the model reaches all states, or all real ones (derived; docs/theory.md, section 4).
    """
    dim = loss.dim
    everything = dimension == 2 * dim - 2
    all_real = is_real and dimension == dim - 1
    if not (everything or all_real) or loss.inputs is not None or isinstance(loss, Blocks):
        return None, ""
    which = "states" if everything else "real states"
    if isinstance(loss, Energy):
        if all_real and np.any(loss.matrix.imag):
            return None, ""
        g = loss.ground_degeneracy
        count, formula = (2 * (dim - g), "2(N-g)") if everything else (dim - g, "N-g")
        return (
            count,
            f"all {which} are reached, and a ground state of degeneracy g = {g} is one of them, {formula}",
        )
    if isinstance(loss, Fidelity):
        count = 2 * dim - 2 if everything else dim - 1
        return count, f"all {which} are reached, and one of them is the target"
    if isinstance(loss, BornMachine):
        zeros = int(np.sum(loss.target == 0))
        rest = f"; amplitudes of the {zeros} that do not occur are 0" if zeros else ""
        return (
            _born_equations(loss, 2 if everything else 1),
            f"all {which} are reached, and the probabilities of {loss.target.size - zeros} outcomes are given{rest}",
        )
    return None, ""


def of_samples(loss: Loss) -> Loss:
    """The loss of the samples' states, where one state holds all of them."""
    return loss.loss if isinstance(loss, Blocks) else loss


def hessian_rank(surface: Landscape, zeros: Array) -> int:
    """Largest rank of the Hessian at zeros of the loss (B, p), B >= 1: at special zeros it is less."""
    with one_thread():
        spectra = np.array([np.linalg.eigvalsh(surface.hessian(theta[None])[0]) for theta in zeros])
    return int(np.max(np.sum(spectra > HESSIAN_ZERO * spectra[:, -1:], axis=1)))


def reaches_real_states(surface: Landscape, rng: np.random.Generator) -> bool:
    """Whether final states at random angles are real up to a phase."""
    states = surface.states(rng.uniform(0, np.pi, (2, surface.circuit.n_params)))
    overlaps = np.abs(np.sum(states**2, axis=-1))
    return bool(np.all(np.abs(overlaps - 1) < 1e-10))
