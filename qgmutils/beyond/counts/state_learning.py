"""Learning a state: what the loss 1 - |<t|psi>|^2 looks like around a state whose overlap with the target is known.

Let L = 1 - |<t|psi(theta)>|^2 with targets t = v psi + sqrt(1 - v^2) phi, phi Haar-random and orthogonal to psi, d =
2^n, and G the Fubini-Study metric, a quarter of the quantum Fisher matrix F.  Averaged over phi the gradient is 0 and
the Hessian is 2 c G = c F / 2 with c = (d v^2 - 1) / (d - 1), which changes its sign at L = 1 - 1/d (Zhang et al.,
arXiv:2309.14980; derived again in docs/generative_models.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.reference_states import haar_state
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.ensembles.training import SAME_LOSS
from qgmutils.inputs import require_integer, require_share
from qgmutils.losses.fidelity import Fidelity
from qgmutils.minimize import minimize
from qgmutils.statistics.intervals import mean_interval, wilson

Array = NDArray[np.float64]
States = NDArray[np.complex128]

_SIZES = ["n_qubits", "n_params", "n_equations", "ratio"]


def model(n_qubits: int, *, seed: int) -> Model:
    """Randomised circuits on Haar-random reference states, and a Haar-random target."""
    dim = 2 ** require_integer(n_qubits, "n_qubits")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_qubits,)))
    return Model(Randomised(n_qubits, 1), Fidelity(haar_state(dim, rng)))


def minima(
    sizes: Iterable[int], fractions: Iterable[float], *, n_circuits: int, n_starts: int, seed: int
) -> pd.DataFrame:
    """Trained minima at p = 2N - 2 times each fraction, rounded, and at p = 2N - 3 ... 2N.

    Returns
    -------
    DataFrame
        Rows of `transitions.train_counts` with n_qubits, n_equations (2N - 2), ratio (p / n_equations) and zero.
    """
    shares = list(fractions)
    plan = {}
    for n in sizes:
        count = 2 * 2**n - 2
        around = {*(round(x * count) for x in shares), *range(count - 1, count + 3)}
        plan[n, count] = model(n, seed=seed), around
    found = transitions.train_counts(
        plan, names=["n", "n_equations"], n_circuits=n_circuits, n_starts=n_starts, seed=seed
    ).drop(columns="n")
    return found.assign(ratio=found["n_params"] / found["n_equations"], zero=found["loss"] < transitions.ZERO)


def above_threshold(
    sizes: Iterable[int], counts: Iterable[int], *, n_circuits: int, seed: int
) -> pd.DataFrame:
    """Share of starts, one in each circuit, that end at a loss above 1 - 1/d, with Wilson's interval (95 %).

    Returns
    -------
    DataFrame
        n_qubits, n_params, share, low, high.
    """
    several = list(counts)
    plan = {(n,): (model(n, seed=seed), several) for n in sizes}
    found = transitions.train_counts(plan, names=["n"], n_circuits=n_circuits, seed=seed)
    above = found.assign(solved=found["loss"] > 1 - 0.5 ** found["n_qubits"])
    return transitions.solved_shares(above, ["n_qubits"])[["n_qubits", "n_params", "share", "low", "high"]]


def distinct_minima(found: pd.DataFrame) -> pd.DataFrame:
    """How many different minima the starts of each circuit end in, told apart by their losses.

    Parameters
    ----------
    found : DataFrame
        Rows of `minima`.

    Returns
    -------
    DataFrame
        One row a circuit: n_qubits, n_params, n_equations, ratio, circuit; distinct (different losses, `SAME_LOSS`
        apart), traps (those among them that are not zero), same (share of the pairs of starts with the same end: 1 /
        same is the number of minima if all basins were of one size) and starts.
    """
    rows: list[dict[str, Any]] = []
    for key, part in found.groupby([*_SIZES, "circuit"]):
        losses = np.sort(part["loss"].to_numpy())
        label = np.concatenate([[0], np.cumsum(np.diff(losses) > SAME_LOSS)])
        sizes, starts = np.bincount(label), len(losses)
        counted = {
            "distinct": len(sizes),
            "traps": len(sizes) - int(losses[0] < SAME_LOSS),
            "same": np.sum(sizes * (sizes - 1)) / (starts * (starts - 1)),
            "starts": starts,
        }
        rows.append(_named([*_SIZES, "circuit"], key) | counted)
    return pd.DataFrame(rows)


def target_at(state: States, overlap: float, rng: np.random.Generator) -> States:
    """A target with |<t|psi>|^2 = overlap, Haar-random among those.

    Parameters
    ----------
    state : complex array, shape (N,)
        psi, normalised, N >= 2.
    overlap : float
        v^2, between 0 and 1, both excluded.
    rng : numpy.random.Generator
    """
    square = require_share(overlap, "overlap")
    other = haar_state(len(state), rng)
    other -= np.vdot(state, other) * state
    return np.sqrt(square) * state + np.sqrt(1 - square) * other / np.linalg.norm(other)


def mean_curvature(overlap: Any, dim: Any) -> Any:
    """c = (d v^2 - 1) / (d - 1): the averaged Hessian is c F / 2, F the quantum Fisher matrix (arXiv:2309.14980)."""
    return (dim * np.asarray(overlap) - 1) / (np.asarray(dim) - 1)


def kept_loss(overlap: Any, dim: Any, n_params: Any) -> Any:
    """Share of the loss 1 - v^2 that training from the overlap v^2 leaves, to second order: 1 - p v^2 / 2 (d v^2 - 1).

    It is the mean of the minimum of the quadratic model with the averaged Hessian (derived).  For v near 1 it is
    1 - p / (2d - 2): of the 2d - 2 directions in which the target may lie, p can be followed.
    """
    square, size = np.asarray(overlap), np.asarray(dim)
    return 1 - np.asarray(n_params) * square / (2 * (size * square - 1))


@dataclass(frozen=True)
class AtOverlap:
    """Gradient and Hessian at random angles for random targets at fixed overlaps: a quantity of `SampleTask`.

    One row a target and overlap: start, overlap (v^2), gradient (one component, another one for each target),
    coefficient (c of the nearest c F / 2 in the sense of tr A B), entry (of H - c F / 2 with the mean c, another one
    for each target), positive (whether the Hessian has positive eigenvalues only).
    """

    overlaps: tuple[float, ...]

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        p = surface.circuit.n_params
        theta = rng.uniform(0, np.pi, (1, p))
        state = surface.states(theta)[0]
        half = 2 * surface.quantum_fisher(theta)[0]  # F / 2
        rows = []
        for start in range(n_points):
            i, j = start % p, start // p % p
            for overlap in self.overlaps:
                here = landscape(surface.circuit, Fidelity(target_at(state, overlap, rng)))
                _, gradient = here.value_and_gradient(theta)
                hessian = here.hessian(theta)[0]
                mean = mean_curvature(overlap, len(state)) * half
                rows.append(
                    (
                        start,
                        overlap,
                        gradient[0, i],
                        np.sum(hessian * half) / np.sum(half**2),
                        (hessian - mean)[i, j],
                        np.linalg.eigvalsh(hessian)[0] > 0,
                    )
                )
        names = ("start", "overlap", "gradient", "coefficient", "entry", "positive")
        return {name: np.array([row[k] for row in rows]) for k, name in enumerate(names)}

    def sweeps(self, n_params: int) -> float:
        return len(self.overlaps) * (n_params + 20.0)


@dataclass(frozen=True)
class FromOverlap:
    """Training that begins at an overlap v^2 with a random target: a quantity of `SampleTask`.

    One row a start: start, overlap, loss (where the search ends) and kept (as a share of 1 - v^2).
    """

    overlap: float

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        theta = rng.uniform(0, np.pi, (n_points, surface.circuit.n_params))
        ends = []
        for start, state in zip(theta, surface.states(theta), strict=True):
            here = landscape(surface.circuit, Fidelity(target_at(state, self.overlap, rng)))
            ends.append(minimize(here, start[None]).loss[0])
        loss = np.array(ends)
        kept = loss / (1 - self.overlap)
        return {"start": np.arange(n_points), "overlap": self.overlap, "loss": loss, "kept": kept}

    def sweeps(self, n_params: int) -> float:
        return 60.0 + 4 * n_params


def samples(
    quantity: AtOverlap | FromOverlap,
    counts: Mapping[int, Iterable[int]],
    *,
    n_circuits: int,
    n_points: int,
    seed: int,
) -> pd.DataFrame:
    """A quantity at every size and number of angles.

    Parameters
    ----------
    quantity : AtOverlap or FromOverlap
    counts : mapping of int to iterable of int
        n -> numbers of angles p.
    n_circuits, n_points : int
        Circuits at each of them, and targets of each circuit.
    seed : int

    Returns
    -------
    DataFrame
        Rows of the quantity, with circuit, n_qubits, n_params and dim (d).
    """
    tasks = {
        (n, p): SampleTask(
            model=model(n, seed=seed).with_params(p),
            quantity=quantity,
            n_circuits=n_circuits,
            n_points=n_points,
            seed=seed,
        )
        for n, several in counts.items()
        for p in several
    }
    tables = run_ensembles(tasks, label="overlaps")
    parts = [table.assign(n_qubits=n, n_params=p, dim=2**n) for (n, p), table in tables.items()]
    return pd.concat(parts, ignore_index=True)


def means(table: pd.DataFrame, by: list[str], values: list[str], *, clustered: bool = True) -> pd.DataFrame:
    """Means with standard errors.

    Parameters
    ----------
    table : DataFrame
        Columns `by`, circuit and `values`; as many rows of each circuit.
    by, values : list of str
    clustered : bool
        Whether circuits are the independent unit, or all rows: means over targets are those of theory in each circuit.

    Returns
    -------
    DataFrame
        `by`; each of `values`, with its standard error in "<value>_error"; size (number of independent units).
    """
    each = (
        table.groupby([*by, "circuit"])[values].mean().groupby(by) if clustered else table.groupby(by)[values]
    )
    errors = each.sem().add_suffix("_error")
    return each.mean().join(errors).assign(size=each.size()).reset_index()


def sign_changes(table: pd.DataFrame) -> pd.DataFrame:
    """The loss at which the averaged Hessian changes its sign, from a line through the coefficients of each circuit.

    Parameters
    ----------
    table : DataFrame
        Rows of `AtOverlap` at two or more overlaps.

    Returns
    -------
    DataFrame
        n_qubits, dim, loss, loss_error, size.
    """
    rows: list[dict[str, Any]] = []
    names = ["n_qubits", "dim", "circuit"]
    for key, part in table.groupby(names):
        slope, start = np.polyfit(part["overlap"], part["coefficient"], 1)
        rows.append(_named(names, key) | {"loss": 1 + start / slope})
    return means(pd.DataFrame(rows), ["n_qubits", "dim"], ["loss"])


def not_positive(table: pd.DataFrame) -> pd.DataFrame:
    """Share of targets whose Hessian at the given overlap has a negative eigenvalue, with Wilson's interval (95 %).

    Parameters
    ----------
    table : DataFrame
        Rows of `AtOverlap`.

    Returns
    -------
    DataFrame
        n_qubits (ascending), share, low, high; and halved, the lower end of the smallest size n_0 over 2^(n - n_0).
    """
    rows = []
    for n, part in table.groupby("n_qubits"):
        found = wilson(int((~part["positive"]).sum()), len(part))
        rows.append({"n_qubits": n, "share": found.estimate, "low": found.low, "high": found.high})
    shares = pd.DataFrame(rows)
    return shares.assign(halved=_halved(shares))


def meetings(distinct: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """How often two starts of a circuit end in the same minimum, with its interval over circuits (95 %).

    Parameters
    ----------
    distinct : DataFrame
        Of `distinct_minima`.
    rng : numpy.random.Generator
        Source of the resampling of circuits.

    Returns
    -------
    DataFrame
        n_qubits, n_params, n_equations, ratio; same, low, high: where no two starts have met, high is 3 over the number
        of pairs (the rule of three); number, 1 / same, or 1 / high where none have met; distinct and traps, means.
    """
    rows: list[dict[str, Any]] = []
    for key, part in distinct.groupby(_SIZES):
        found = mean_interval(part["same"], rng)
        pairs = np.sum(part["starts"] * (part["starts"] - 1) / 2)
        high = max(found.high, 3 / pairs)
        rows.append(
            _named(_SIZES, key)
            | {"same": found.estimate, "low": found.low, "high": high}
            | {"number": 1 / (found.estimate or high)}
            | {"distinct": part["distinct"].mean(), "traps": part["traps"].mean()}
        )
    return pd.DataFrame(rows)


def _named(names: list[str], key: Any) -> dict[str, Any]:
    return dict(zip(names, key, strict=True))


def by_size(found: pd.DataFrame, near: float) -> pd.DataFrame:
    """Of every size the row whose ratio is nearest to a given one.

    Parameters
    ----------
    found : DataFrame
        Of `meetings`.
    near : float
        p / (2N - 2).

    Returns
    -------
    DataFrame
        Rows of `meetings`, by n_qubits, with halved: the lower end of the smallest size n_0 over 2^(n - n_0).
    """
    order = (found["ratio"] - near).abs().sort_values(kind="stable").index
    rows = found.loc[order].groupby("n_qubits", as_index=False).first().sort_values("n_qubits")
    return rows.assign(halved=_halved(rows))


def _halved(rows: pd.DataFrame) -> pd.Series:
    """What the lower end of the first, smallest size is when it is halved with every qubit."""
    more = rows["n_qubits"] - rows["n_qubits"].min()
    return rows["low"].iloc[0] * 0.5**more
