"""What a model reaches: the dimension of its states, and the number of equations that a zero of the loss poses.

Angles theta (p,) lead into a set of final states of dimension D, the largest rank of the Fubini-Study metric; the loss
vanishes on a subset of dimension D_0.  Both need c = D - D_0 angles that act: with fewer no start ends at zero, except
for angles of measure zero (Sard; docs/theory.md, section 4).  c is the rank of the Hessian at a zero of a deep copy,
since there the loss is a positive quadratic form of c independent functions of the angles (derived).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.sparse.csgraph import connected_components

from qgmutils.circuits.circuit import Circuit
from qgmutils.computing.threads import one_thread
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import RANK_TOLERANCE, SampleTask, acting
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.losses.blocks import Blocks
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.energy import Energy
from qgmutils.losses.error_probability import ErrorProbability
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.loss import Loss, States
from qgmutils.losses.unitary import UnitaryDistance
from qgmutils.minimize import minimize
from qgmutils.qnodes.samples import quantum_fisher

Key = TypeVar("Key", bound=Hashable)
Array = NDArray[np.float64]

REDUNDANT = 1e-9
"""Share of an angle's own metric that is left, when directions of earlier angles are taken out, up to which it is
redundant; rounding leaves 1e-13."""

HESSIAN_ZERO = 1e-12
"""Eigenvalues of the Hessian at a zero of the loss up to this fraction of the largest count as zero.  Newton steps take
a search's end so near to the zero that they are 1e-15 or less, by rounding; the Hamiltonian variational ansatz of nine
qubits has others of 4e-7, and data that lie close together pose equations that differ by little."""

_NEWTON_STEPS = 8
# Of the largest eigenvalue: where a search ends, with a gradient of 1e-8, zeros of the Hessian look like the first of
# these, and farther from the zero, as where the loss is small everywhere, like the others.
_NEWTON_ZEROS = (1e-9, 1e-8, 1e-7, 1e-6)

_ORTHOGONAL = 1e-9  # overlaps of normalised states up to this one are rounding
_REAL = 1e-9  # |psi^T psi| of a state that is real up to a phase is 1 to this
_DETERMINANT = 1e-9  # deviation of a determinant from 1
_EXTREME = 1e-9  # distance of a target from an end of the spectrum, in units of the largest level


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
    if isinstance(surface.loss, UnitaryDistance):
        surface = _of_unitary(surface.circuit)
    return quantum_fisher(surface, rng.uniform(0, np.pi, (n_points, surface.circuit.n_params)))


def _of_unitary(circuit: Circuit) -> Landscape:
    """The circuit on one half of N^-1/2 sum_m |m>|m>, whose states know the unitary up to its phase.

    The metric of the N columns by themselves would miss the phases between them.
    """
    dim = 2**circuit.n_qubits
    # The other half are the more significant qubits, so that words stay as they are.
    both = np.eye(dim).ravel() / np.sqrt(dim)
    double = dataclasses.replace(circuit, n_qubits=2 * circuit.n_qubits, reference=both)
    return landscape(double, Fidelity(both))


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
    """Dimension of what all unitaries of N dimensions make of a loss's inputs: states up to a phase of each (derived).

    2N - 2 for one state.  M inputs that span r dimensions have N^2 - (N - r)^2 - k: a unitary leaves them all as they
    are, up to phases, if it gives one phase to each of the k sets of inputs that are not orthogonal to each other, and
    is any unitary outside of their span.  Unitaries themselves have N^2 - 1.  Data behind trained gates give each
    sample a unitary of its own.
    """
    alone = of_samples(loss)
    dim = alone.dim
    if isinstance(loss, Blocks):
        return (1 if alone.inputs is None else len(alone.inputs)) * (2 * dim - 2)
    if isinstance(alone, UnitaryDistance):
        return dim**2 - 1
    if alone.inputs is None:
        return 2 * dim - 2
    gram = np.abs(alone.inputs.conj() @ alone.inputs.T)
    with one_thread():
        span = int(np.linalg.matrix_rank(alone.inputs))
    sets = connected_components(gram > _ORTHOGONAL, directed=False, return_labels=False)
    return dim**2 - (dim - span) ** 2 - int(sets)


def most_equations(loss: Loss) -> float:
    """A bound on the number of equations that a loss poses, from what it compares; inf where there is none."""
    loss = of_samples(loss)
    if isinstance(loss, LeastSquares):
        return np.inf if _has_extreme_targets(loss) else float(loss.targets.size)
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
    everything = not isinstance(loss, Blocks) and dimension == most_dimensions(loss)
    if everything and isinstance(loss, UnitaryDistance):
        if loss.phase and abs(np.linalg.det(loss.target) - 1) > _DETERMINANT:
            return None, ""  # rotations about words have the determinant 1
        return dimension, "all unitaries are reached, and one of them is the target"
    if everything and isinstance(loss, LeastSquares) and _has_extreme_targets(loss):
        if len(loss.observable) > 1 or not _is_reflection(loss.observable[0], loss.targets):
            return None, ""
        return _label_equations(_inputs(loss), loss.observable[0], loss.targets[:, 0])
    if everything and isinstance(loss, LeastSquares):
        count = _data_equations(loss)
        return (
            count,
            f"all unitaries act on the inputs, and {count} of the {loss.targets.size} values are independent",
        )
    if everything and isinstance(loss, ErrorProbability):
        return _label_equations(loss.inputs, loss.observable, loss.labels)
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
        if all_real and abs(np.sum(loss.target**2)) < 1 - _REAL:
            return None, ""
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


def _data_equations(loss: LeastSquares) -> int:
    """How many of the values <psi_m|U^+ O_k U|psi_m> change independently with the unitary U (derived).

    With U exp(-i t G) value (m, k) changes as the trace of G times i[U^+ O_k U, |psi_m><psi_m|], so that the number is
    the rank of these commutators.  N orthonormal inputs have one less than N, since their projectors sum to 1.
    """
    # U: the rank is the same for all but a set of measure zero.
    turn = stats.unitary_group.rvs(loss.dim, random_state=np.random.default_rng(0))
    rows = []
    for observable in loss.observable:
        turned = turn.conj().T @ observable @ turn
        for state in _inputs(loss):
            applied = np.outer(turned @ state, state.conj())
            commutator = 1j * (applied - applied.conj().T)
            rows.append(np.concatenate([commutator.real.ravel(), commutator.imag.ravel()]))
    with one_thread():
        return int(np.linalg.matrix_rank(np.array(rows)))


def _inputs(loss: LeastSquares) -> States:
    return np.eye(1, loss.dim, dtype=np.complex128) if loss.inputs is None else loss.inputs


def _has_extreme_targets(loss: LeastSquares) -> bool:
    """Whether a value has to be the lowest or highest of its observable, so that a whole eigenspace is asked for."""
    with one_thread():
        levels = np.linalg.eigvalsh(loss.observable)
    ends = levels[:, [0, -1]].T[:, None]  # (2, 1, K), beside targets (M, K)
    return bool(np.any(np.abs(loss.targets - ends) <= _EXTREME * np.abs(levels).max(axis=1)))


def _is_reflection(observable: States, targets: Array) -> bool:
    """Whether an observable has the eigenvalues 1 and -1, and all targets are among them."""
    square = observable @ observable - np.eye(len(observable))
    return bool(np.max(np.abs(square)) <= _EXTREME and np.all(np.abs(np.abs(targets) - 1) <= _EXTREME))


def _label_equations(inputs: States, observable: States, labels: Array) -> tuple[int | None, str]:
    """M N - 2 a b for a inputs of label 1 and b of -1, M = a + b, that span as many dimensions each (derived).

    U turns the a-dimensional span of the former into the eigenspace of 1, of N/2 dimensions for a word of Pauli, and
    that of the latter into the other one: isometries of a N - a^2 and b N - b^2 dimensions, and (N - M)^2 are left for
    the complement.  N^2 less these is the codimension.  Both spans must be orthogonal, or no unitary does it: None.
    """
    dim = len(observable)
    right, wrong = (inputs[labels * label > 0] for label in (1, -1))
    with one_thread():
        a, b = (int(np.linalg.matrix_rank(rows)) if len(rows) else 0 for rows in (right, wrong))
        halves = np.linalg.eigvalsh(observable) > 0
    if (
        np.any(np.abs(right.conj() @ wrong.T) > _ORTHOGONAL)
        or max(a, b) > dim // 2
        or sum(halves) != dim // 2
    ):
        return None, ""
    return (
        a + b
    ) * dim - 2 * a * b, "all unitaries act on the inputs, and every amplitude on a wrong label vanishes"


def of_samples(loss: Loss) -> Loss:
    """The loss of the samples' states, where one state holds all of them."""
    return loss.loss if isinstance(loss, Blocks) else loss


def hessian_rank(surface: Landscape, zeros: Array) -> int:
    """Largest rank of the Hessian at zeros of the loss (B, p), B >= 1: at special zeros it is less.

    Where a loss is quartic at its zeros, as the L2 divergence of a target with outcomes that do not occur, the rank is
    not the number of equations.
    """
    return max(_rank_at(surface, _polished(surface, theta)) for theta in zeros)


def _rank_at(surface: Landscape, zero: Array) -> int:
    with one_thread():
        spectrum = np.linalg.eigvalsh(surface.hessian(zero[None])[0])
    return int(np.sum(spectrum > HESSIAN_ZERO * spectrum[-1]))


def _polished(surface: Landscape, theta: Array) -> Array:
    """Newton steps across the valley of zeros, as long as the gradient shrinks."""
    slope = surface.value_and_gradient(theta[None])[1][0]
    for _ in range(_NEWTON_STEPS):
        with one_thread():
            curvatures, directions = np.linalg.eigh(surface.hessian(theta[None])[0])
        for zero in _NEWTON_ZEROS:
            across = curvatures > zero * curvatures[-1]
            step = directions[:, across] @ ((directions[:, across].T @ slope) / curvatures[across])
            new = surface.value_and_gradient((theta - step)[None])[1][0]
            if np.max(np.abs(new)) < np.max(np.abs(slope)):
                theta, slope = theta - step, new
                break
        else:
            break
    return theta


@dataclass(frozen=True)
class ZeroRanks:
    """Ranks of the Hessian at the zeros that searches from random angles end in: a quantity of `SampleTask`.

    One row a start: start, loss (after some Newton steps where it is solved), rank (of the Hessian; -1 where the loss
    is above `transitions.ZERO`), metric (rank of the metric at random angles, one number for each circuit).
    """

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        minima = minimize(surface, rng.uniform(0, np.pi, (n_points, surface.circuit.n_params)))
        losses, ranks = minima.loss.copy(), np.full(n_points, -1)
        for k in np.flatnonzero(minima.solved):
            zero = _polished(surface, minima.theta[k])
            losses[k] = surface.value(zero[None])[0]
            if losses[k] - (surface.loss.floor or 0.0) < transitions.ZERO:
                ranks[k] = _rank_at(surface, zero)
        return {
            "start": np.arange(n_points),
            "loss": losses,
            "rank": ranks,
            "metric": metric_rank(surface, rng),
        }

    def sweeps(self, n_params: int) -> float:
        return 60.0 + 16.0 * n_params


class DeepRanks(NamedTuple):
    """Largest rank of the Hessian at zeros, NaN without any; largest rank of the metric; number of zeros."""

    hessian: float
    metric: int
    zeros: int


def zero_ranks(
    models: Mapping[Key, Model], *, n_circuits: int = 1, n_starts: int, seed: int
) -> dict[Key, DeepRanks]:
    """Largest ranks of Hessian and metric of deep models, as `ZeroRanks` measures them.

    Parameters
    ----------
    models : mapping
        What a model is called -> the model, with as many angles as let all equations vary.
    n_circuits, n_starts : int
        Circuits of each, and starts of each circuit.
    seed : int

    Returns
    -------
    dict
        The same names -> what was found.
    """
    tasks = {
        key: SampleTask(
            model=model, quantity=ZeroRanks(), n_circuits=n_circuits, n_points=n_starts, seed=seed
        )
        for key, model in models.items()
    }
    found = {}
    for key, table in run_ensembles(tasks, label="ranks").items():
        at_zeros = table.loc[table["rank"] >= 0, "rank"]
        found[key] = DeepRanks(at_zeros.max(), int(table["metric"].max()), len(at_zeros))
    return found


def reaches_real_states(surface: Landscape, rng: np.random.Generator) -> bool:
    """Whether final states at random angles are real up to a phase."""
    states = surface.states(rng.uniform(0, np.pi, (2, surface.circuit.n_params)))
    overlaps = np.abs(np.sum(states**2, axis=-1))
    return bool(np.all(np.abs(overlaps - 1) < 1e-10))
