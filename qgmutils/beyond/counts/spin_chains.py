"""The Hamiltonian variational ansatz on spin chains: its counts, its trained minima, and the same starts under Adam.

Ising chains are free fermions, with D = n^2/2 (open, rounded down) and D = n (ring, even n) dimensions of the states
reached; XXZ chains reach every state of their symmetry sector, of dimension d_s, so that D = 2 d_s - 2
(docs/structured_models.md; derived).  A single ground state in that set poses c = D equations.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.beyond.counts import equations, lie_algebras
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.variational import HamiltonianVariational, Word
from qgmutils.computing.threads import one_thread
from qgmutils.engine.landscape import Landscape
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.inputs import require_choice, require_integer, require_positive
from qgmutils.losses.energy import Energy
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.losses.loss import SOLVED
from qgmutils.minimize import minimize

States = NDArray[np.complex128]

GROUP = 8
"""Starts that share a random stream and are trained together: as many as a wide machine takes at once."""

LOOSE = 1e-3
"""The error, relative to the ground energy, below which Larocca et al. count a start as a success."""

RATES = (1e-3, 1e-2)
"""Learning rates of Adam: its default, and ten times it."""

STEPS = 3000
"""Of Adam, as Larocca et al. allow."""

CHAINS = ("Ising open", "Ising ring", "XXZ open", "XXZ ring", "XXZ open, Néel")


@dataclass(frozen=True, kw_only=True)
class OnSinglets(HamiltonianVariational):
    """The XXZ ansatz on singlets (|01> - |10>) / sqrt(2) of qubits (0, 1), (2, 3) ..., for an even n.

    They are even or odd under all symmetries of the chain, so that the states stay in one sector.  Layers start with
    the bonds (1, 2), (3, 4) ..., since singlets are an eigenstate of the parts on their own bonds.

    Attributes
    ----------
    n_qubits, n_params, model, periodic
        As of `HamiltonianVariational`, with the model "xxz".

    Raises
    ------
    ValueError
        As of `HamiltonianVariational`, or for an odd n.
    """

    model: str = "xxz"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_qubits % 2:
            raise ValueError(f"singlets need an even n_qubits, got {self.n_qubits}")

    @property
    def name(self) -> str:
        return f"{super().name} on singlets"

    def _parts(self) -> list[list[Word]]:
        parts = super()._parts()
        return parts[2:] + parts[:2]

    def build(self, rng: np.random.Generator) -> Circuit:
        state = np.ones(1, dtype=np.complex128)
        for _ in range(self.n_qubits // 2):
            state = np.kron(state, np.array([0, 1, -1, 0]) / np.sqrt(2))
        return dataclasses.replace(super().build(rng), reference=state)


class Case(NamedTuple):
    """What a model is called, and what is predicted for it: columns of tables.

    Attributes
    ----------
    chain : str
        One of `CHAINS`.
    n_qubits : int
    dimension : int
        D, of the states reached.
    equations : int
        c, the equations that the lowest state reached poses.
    first : int
        The lowest number of angles at which the metric's rank is c: c and the angles that change nothing.
    agnostic : int
        2 (2^n - g), the count of a circuit that reaches all states.
    lowest : float
        The lowest normalised energy of the states reached; 0 is that of the ground state.
    """

    chain: str
    n_qubits: int
    dimension: int
    equations: int
    first: int
    agnostic: int
    lowest: float


def case(chain: str, n_qubits: int) -> tuple[Case, Model]:
    """A chain of `CHAINS` with its model, of one angle.

    Raises
    ------
    ValueError
        For an unknown chain, or a size that it does not have: rings and XXZ chains need an even n from 4 on.
    """
    require_choice(chain, "chain", CHAINS)
    n, ring, spins = require_integer(n_qubits, "n_qubits", low=2), "ring" in chain, chain.split()[0].lower()
    if (ring or spins == "xxz") and (n % 2 or n < 4):
        raise ValueError(f"{chain} needs an even n_qubits of at least 4, got {n_qubits}")
    loss = Hamiltonian("tfim" if spins == "ising" else "xxz", n, (("periodic", ring),))
    energy, lowest = loss.build(), 0.0
    if spins == "ising":
        circuit = HamiltonianVariational(n, 1, periodic=ring)
        dimension = count = n if ring else n**2 // 2
    elif "Néel" in chain:
        circuit = HamiltonianVariational(n, 1, model="xxz", periodic=ring)
        sectors = [sector(deep(circuit), half) for half in halves(deep(circuit).reference)]
        lowest = float(np.mean([lowest_level(energy, states) for states in sectors]))
        count = sum(2 * len(states) - 2 for states in sectors)
        dimension = count + 1  # the phase between the two halves
    else:
        circuit, count = singlets(n, periodic=ring)
        dimension = count
    model = Model(circuit, loss)
    first = next(p for p in itertools.count(count) if _metric(model.with_params(p)) >= count)
    agnostic = 2 * (2**n - energy.ground_degeneracy)
    return Case(chain, n, dimension, count, first, agnostic, lowest), model


def singlets(n_qubits: int, *, periodic: bool = False) -> tuple[OnSinglets, int]:
    """The XXZ ansatz on singlets, of one angle, and 2 d_s - 2: its dimension and its count, D = c."""
    circuit = OnSinglets(n_qubits, 1, periodic=periodic)
    return circuit, 2 * len(sector(deep(circuit), deep(circuit).reference)) - 2


def _metric(model: Model) -> int:
    """Rank of the metric, the largest of eight random points: at some the lowest eigenvalue drowns in rounding."""
    rng = np.random.default_rng(0)
    surface = model.landscape(rng)
    return max(equations.metric_rank(surface, rng) for _ in range(8))


def deep(ansatz: HamiltonianVariational) -> Circuit:
    """One layer of the ansatz, which has all its generators."""
    parts = 2 if ansatz.model == "tfim" else 4
    return dataclasses.replace(ansatz, n_params=parts).build(np.random.default_rng(0))


def algebras(n_qubits: Iterable[int]) -> pd.DataFrame:
    """Dimensions of the Lie algebras of the Ising ansatz: chain, n_qubits, found, published (n^2, or 3n - 1)."""
    rows = []
    for n in n_qubits:
        for ring in (False, True):
            circuit = deep(HamiltonianVariational(n, 1, periodic=ring))
            found = lie_algebras.dimension(lie_algebras.generators(circuit))
            rows.append((f"Ising {'ring' if ring else 'open'}", n, found, 3 * n - 1 if ring else n**2))
    return pd.DataFrame(rows, columns=["chain", "n_qubits", "found", "published"])


def halves(state: States) -> list[States]:
    """The even and the odd part of a state under a flip of every qubit, normalised; none that is 0."""
    parts = [(state + sign * state[::-1]) / 2 for sign in (1, -1)]
    sizes = [np.linalg.norm(part) for part in parts]
    return [part / size for part, size in zip(parts, sizes, strict=True) if size > 1e-8]


def sector(circuit: Circuit, state: States) -> States:
    """Orthonormal basis (d_s, 2^n) of all that products of the circuit's generators make of a state.

    It is the smallest space that holds the state and that no rotation leaves, whatever symmetry is behind it.  Shorter
    products come first: what is left of long ones is so small that rounding, which knows no symmetry, takes over.
    """
    numbers = np.arange(len(state))
    parts = lie_algebras.generators(circuit)
    basis, waiting = np.zeros((0, len(state)), dtype=np.complex128), deque([state])
    while waiting:
        vector = waiting.popleft()
        for _ in range(2):  # the second time takes away what rounding has left
            vector = vector - (basis.conj() @ vector) @ basis
        if np.linalg.norm(vector) < 1e-8:
            continue
        vector = vector / np.linalg.norm(vector)
        basis = np.vstack([basis, vector])
        for part in parts:
            applied = np.zeros_like(vector)
            for (x, z), weight in part.items():
                signs = (-1.0) ** np.bitwise_count(numbers & z)
                applied[numbers ^ x] += weight * 1j ** (x & z).bit_count() * signs * vector
            waiting.append(applied / max(1.0, float(np.linalg.norm(applied))))
    return basis


def lowest_level(energy: Energy, states: States) -> float:
    """Lowest level of a normalised Hamiltonian within the span of orthonormal states (d_s, 2^n)."""
    with one_thread():
        return float(np.linalg.eigvalsh(states.conj() @ energy.matrix @ states.T)[0])


@dataclass(frozen=True)
class Ends:
    """Ends of certified searches from random angles: a quantity of `SampleTask`.

    One row a start: start, loss (above `lowest`, the lowest loss of the states reached), certified, reason, metric
    (rank of the metric at random angles), rank (of the Hessian; -1 where the loss is above `transitions.ZERO`), softest
    (the lowest over the highest of the largest c eigenvalues of that Hessian, c = `count`; NaN without a rank or for p
    below c).
    """

    count: int
    lowest: float = 0.0

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        minima = minimize(surface, rng.uniform(0, np.pi, (n_points, surface.circuit.n_params)))
        loss = minima.loss - self.lowest
        rank, softest = np.full(n_points, -1), np.full(n_points, np.nan)
        for start in np.flatnonzero(loss < transitions.ZERO):
            theta = minima.theta[start : start + 1]
            rank[start] = equations.hessian_rank(surface, theta)
            if self.count <= surface.circuit.n_params:
                with one_thread():
                    spectrum = np.linalg.eigvalsh(surface.hessian(theta)[0])
                softest[start] = spectrum[-self.count] / spectrum[-1]
        return {
            "start": np.arange(n_points),
            "loss": loss,
            "certified": minima.certified,
            "reason": minima.reason,
            "metric": equations.metric_rank(surface, rng),
            "rank": rank,
            "softest": softest,
        }

    def sweeps(self, n_params: int) -> float:
        return 200.0 + 40.0 * n_params


@dataclass(frozen=True)
class Adam:
    """Losses under Adam from the same random angles as `Ends`: a quantity of `SampleTask`.

    One row a start and noted step: start, step, loss after it.

    Attributes
    ----------
    rate : float
        Learning rate, positive.
    steps : tuple of int
        After which the loss is noted, ascending.
    """

    rate: float
    steps: tuple[int, ...]

    def __post_init__(self) -> None:
        require_positive(self.rate, "rate")
        if not self.steps or list(self.steps) != sorted(
            {require_integer(step, "steps") for step in self.steps}
        ):
            raise ValueError(f"steps must be ascending integers, at least one, got {self.steps}")

    def measure(self, surface: Landscape, n_points: int, rng: np.random.Generator) -> dict[str, Any]:
        theta = rng.uniform(0, np.pi, (n_points, surface.circuit.n_params))
        path = adam(surface, theta, rate=self.rate, n_steps=self.steps[-1])
        losses = [surface.value(theta) for step, theta in enumerate(path, 1) if step in self.steps]
        return {
            "start": np.tile(np.arange(n_points), len(self.steps)),
            "step": np.repeat(self.steps, n_points),
            "loss": np.concatenate(losses),
        }

    def sweeps(self, n_params: int) -> float:
        return float(self.steps[-1])


def adam(
    surface: Any, theta: NDArray[np.float64], *, rate: float, n_steps: int
) -> Iterable[NDArray[np.float64]]:
    """Adam with its usual constants 0.9, 0.999 and 1e-8 (general knowledge).

    Parameters
    ----------
    surface : Landscape
        Or anything with `value_and_gradient`.
    theta : float array, shape (B, p)
        Starts.
    rate : float
    n_steps : int

    Yields
    ------
    float array, shape (B, p)
        Angles after each step.
    """
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, n_steps + 1):
        _, gradient = surface.value_and_gradient(theta)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        root = np.sqrt(square / (1 - 0.999**step))
        theta = theta - rate * (mean / (1 - 0.9**step)) / (root + 1e-8)
        yield theta


def window(case: Case) -> set[int]:
    """Counts p around the first one that may do, and twice as many, which for the open Ising chain is n^2."""
    near = {case.first + i for i in (-4, -2, -1, 0, 1, 2, 4)}
    return {p for p in {*near, 3 * case.first // 2, 2 * case.first} if p > 0}


def compared(case: Case) -> list[int]:
    """Counts at which Adam is compared with the search: the first that may do, 5/4 of it and twice of it."""
    return sorted({case.first * k // 4 for k in (4, 5, 8)})


class Study(NamedTuple):
    """Trained minima of all chains, and the race between search and Adam on some of them.

    Attributes
    ----------
    cases : DataFrame
        The columns of `Case`, one row a model.
    minima, raced : DataFrame
        Of `searches`, at the counts of `window` and of `compared`.
    slow, fast : DataFrame
        The starts of `raced` after `STEPS` steps of Adam at both `RATES`: the columns of `Case`, n_params, circuit,
        step and loss.
    successes : DataFrame
        Of `success_gaps`, search (one) against Adam (other), with a column rate.
    """

    cases: pd.DataFrame
    minima: pd.DataFrame
    raced: pd.DataFrame
    slow: pd.DataFrame
    fast: pd.DataFrame
    successes: pd.DataFrame


def study(sizes: Mapping[tuple[str, int], int], rivals: Mapping[tuple[str, int], int], *, seed: int) -> Study:
    """Everything that notebook 16 computes.

    Parameters
    ----------
    sizes, rivals : mapping
        (chain, n_qubits) -> number of starts at each count, a multiple of `GROUP`: of what is searched around the first
        count that may do, and of what is trained by Adam as well.
    seed : int
    """
    found = {key: case(*key) for key in {**sizes, **rivals}}
    plans = [
        {head: (model, counts(head), starts[key]) for key, (head, model) in found.items() if key in starts}
        for starts, counts in ((sizes, window), (rivals, compared))
    ]
    minima, raced = (searches(plan, seed=seed) for plan in plans)
    quantities = {rate: Adam(rate, (STEPS,)) for rate in RATES}
    slow, fast = (
        _measured({head: (*plan, each) for head, plan in plans[1].items()}, seed)
        for each in quantities.values()
    )
    parts = [
        success_gaps(raced, trained).assign(rate=rate)
        for rate, trained in zip(RATES, (slow, fast), strict=True)
    ]
    cases = pd.DataFrame([head for head, _ in found.values()])
    return Study(cases, minima, raced, slow, fast, pd.concat(parts, ignore_index=True))


def searches(plan: Mapping[Case, tuple[Model, Iterable[int], int]], *, seed: int) -> pd.DataFrame:
    """Certified searches.

    Parameters
    ----------
    plan : mapping
        Case -> its model, counts p and number of starts, a multiple of `GROUP`.
    seed : int

    Returns
    -------
    DataFrame
        The columns of `Case`, n_params, those of `Ends`, circuit (a number of the start: all starts are independent),
        solved (loss below `SOLVED`) and offset (n_params - first).
    """
    found = _measured({head: (*plan[head], Ends(head.equations, head.lowest)) for head in plan}, seed)
    return found.assign(solved=found["loss"] < SOLVED, offset=found["n_params"] - found["first"])


def _measured(plan: Mapping[Case, tuple[Model, Iterable[int], int, Any]], seed: int) -> pd.DataFrame:
    tasks = {}
    for head, (model, counts, n_starts, quantity) in plan.items():
        groups, rest = divmod(require_integer(n_starts, "n_starts", low=GROUP), GROUP)
        if rest:
            raise ValueError(f"n_starts must be a multiple of {GROUP}, got {n_starts}")
        for p in counts:
            tasks[head, p] = SampleTask(
                model=model.with_params(p), quantity=quantity, n_circuits=groups, n_points=GROUP, seed=seed
            )
    parts = []
    for (head, p), table in run_ensembles(tasks, label="chains").items():
        number = table["circuit"] * GROUP + table["start"]
        parts.append(table.assign(circuit=number, n_params=p, **head._asdict()))
    return pd.concat(parts, ignore_index=True)


def success_gaps(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Shares of the same starts whose error is below `LOOSE` in two ways of training, and their difference.

    Parameters
    ----------
    one, other : DataFrame
        Of `searches`, or trained by Adam: columns chain, n_qubits, equations, n_params, circuit and loss.  Starts that
        are not in both are left out.

    Returns
    -------
    DataFrame
        chain, n_qubits, equations, n_params, starts, one and other (shares), gap (one - other) and its standard error
        over pairs, as if one pair more of them differed, so that it is not 0 where all agree.
    """
    keys = ["chain", "n_qubits", "equations", "n_params", "circuit"]
    pairs = one[[*keys, "loss"]].merge(other[[*keys, "loss"]], on=keys, suffixes=("_one", "_other"))
    pairs = pairs.assign(one=pairs["loss_one"] < LOOSE, other=pairs["loss_other"] < LOOSE)
    rows = []
    for key, group in pairs.groupby(keys[:-1]):
        gaps, size = group["one"].astype(float) - group["other"], len(group)
        error = np.sqrt((float(np.var(gaps)) + 1 / size) / size)
        rows.append((*key, size, group["one"].mean(), group["other"].mean(), gaps.mean(), error))
    return pd.DataFrame(rows, columns=[*keys[:-1], "starts", "one", "other", "gap", "error"])


def softening(minima: pd.DataFrame) -> pd.DataFrame:
    """How much harder the softest curvature at zeros is at twice the first count than at the first one.

    Parameters
    ----------
    minima : DataFrame
        Of `searches`.

    Returns
    -------
    DataFrame
        chain, n_qubits, decades (difference of the means of log10 softest) and error (of it, from the starts); NaN
        where there are fewer than two zeros.
    """
    rows = []
    for chain, n in minima[["chain", "n_qubits"]].drop_duplicates().itertuples(index=False):
        group = minima[(minima["chain"] == chain) & (minima["n_qubits"] == n)]
        ends = [
            np.log10(group.loc[group["n_params"] == k * group["first"], "softest"].dropna()) for k in (1, 2)
        ]
        errors = [part.std(ddof=1) / np.sqrt(len(part)) if len(part) > 1 else np.nan for part in ends]
        means = [part.mean() if len(part) > 1 else np.nan for part in ends]
        rows.append((chain, n, means[1] - means[0], np.hypot(errors[0], errors[1])))
    return pd.DataFrame(rows, columns=["chain", "n_qubits", "decades", "error"])


def powers(counts: pd.DataFrame) -> pd.DataFrame:
    """How critical counts grow: the exponent a of p_c proportional to n^a for each chain with two sizes or more.

    Parameters
    ----------
    counts : DataFrame
        Of `transitions.critical_counts` by the columns of `Case`.

    Returns
    -------
    DataFrame
        chain, exponent, error (from the 95 % intervals, least squares in log p_c), expected (2 for the open Ising
        chain, 1 for the ring), sizes.
    """
    rows = []
    for chain, expected in (("Ising open", 2.0), ("Ising ring", 1.0)):
        rows_of = counts[counts["chain"] == chain]
        x, y = np.log(rows_of["n_qubits"].to_numpy(float)), np.log(rows_of["p_c"].to_numpy(float))
        sigma = ((rows_of["high"] - rows_of["low"]) / rows_of["p_c"] / 3.92).to_numpy(float)
        exponent = error = np.nan
        if len(x) > 1:
            weight = 1 / np.maximum(sigma, 1e-3) ** 2
            spread = x - np.average(x, weights=weight)
            error = 1 / np.sqrt(np.sum(weight * spread**2))
            exponent = float(np.sum(weight * spread * y) * error**2)
        rows.append((chain, exponent, error, expected, len(x)))
    return pd.DataFrame(rows, columns=["chain", "exponent", "error", "expected", "sizes"])
