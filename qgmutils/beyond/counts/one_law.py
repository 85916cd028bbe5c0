"""Many classes of models under one law: the critical count is the codimension of the zeros of the loss.

The p angles of a model lead into a set of dimension D, of which the loss vanishes on a part of dimension D_0: it poses
c = D - D_0 equations.  With p < c no start ends at zero, except for angles of measure zero; one angle or more beyond it
a share does (docs/one_law.md; derived).  Each class here has its c from theory, before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from qgmutils.beyond.counts import equations, lie_algebras, reachable, sectors, spin_chains
from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.conserving import spin_groups
from qgmutils.circuits.diagonal import Diagonal
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.qaoa import Qaoa
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.reference_states import haar_state
from qgmutils.circuits.restricted import Commutant, Restricted
from qgmutils.circuits.variational import HamiltonianVariational
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import LossRecipe, Model
from qgmutils.inputs import is_integer, require_choice
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.error_probability import ErrorProbability
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.loss import Loss
from qgmutils.losses.max_cut import MaxCut
from qgmutils.losses.unitary import UnitaryDistance
from qgmutils.statistics.intervals import wilson

States = NDArray[np.complex128]

CASE = ["model", "n_qubits"]
"""Columns that tell cases apart."""


MOST_FAR = 100
"""Counts far above c are left out beyond this one: searches take long there, and all are solved."""


MOST_GATES = 10_000
"""Ranks of circuits with more gates are left out: Hessians take time and memory by the square of it."""

_ALL_GENERATORS = 200  # angles, among whose random words of four qubits are enough to generate all others
_MANY = 64  # equations; training takes long beyond


class Posed(NamedTuple):
    """A class of models at one size, and the number of equations that its loss poses.

    Attributes
    ----------
    model : Model
        Of one angle.
    predicted, dimension : int
        c and D, by theory.
    naive : int
        The count of someone who overlooks what is special about the class; else c.
    generic : bool
        Whether reference state, target or H stand in general position, so that no start is solved below c.
    """

    model: Model
    predicted: int
    dimension: int
    naive: int
    generic: bool = True


def posed(name: str, n_qubits: int, *, seed: int) -> Posed:
    """One of `CLASSES`.

    Parameters
    ----------
    name : str
    n_qubits : int
    seed : int
        Draws targets, data and bases.

    Raises
    ------
    ValueError
        For an unknown name, or a size that the class does not have.
    """
    _, make = CLASSES[require_choice(name, "class", tuple(CLASSES))]
    least, step = FEWEST.get(name, 1), 2 if name in EVEN else 1
    if not is_integer(n_qubits) or n_qubits < least or n_qubits % step:
        even = "even " if step == 2 else ""
        raise ValueError(f"{name} has {even}numbers of qubits from {least} on, got {n_qubits!r}")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_qubits, *name.encode())))
    return make(n_qubits, rng)


def all_posed(
    *, max_params: float = math.inf, max_dimension: float = math.inf, max_qubits: int, seed: int
) -> dict[tuple[str, int], Posed]:
    """Every class at every size whose c and D are at most so large, up to `max_qubits` qubits."""
    found = {}
    for name in CLASSES:
        for n in range(FEWEST.get(name, 1), max_qubits + 1, 2 if name in EVEN else 1):
            case = posed(name, n, seed=seed)
            if case.predicted > max_params or case.dimension > max_dimension:
                break
            found[name, n] = case
    return found


def _energy(
    circuit: Callable[[int, int], Ansatz], hamiltonian: str, generic: bool = True, **options: Any
) -> Any:
    def make(n: int, rng: np.random.Generator) -> Posed:
        chosen = tuple((key, value(n) if callable(value) else value) for key, value in options.items())
        loss, recipe = Hamiltonian(hamiltonian, n, chosen, seed=int(rng.integers(2**32))), circuit(n, 1)
        count = reachable.codimension(recipe, loss.build().ground_degeneracy)
        assert count is not None  # all of them are transitive
        return Posed(Model(recipe, loss), count, reachable.state_dimension(recipe), count, generic)

    return make


def _variational(periodic: bool) -> Any:
    """Free fermions: n / 2 spins on a ring of even n, D = floor(n^2 / 2) on a chain (docs/structured_models.md)."""

    def make(n: int, rng: np.random.Generator) -> Posed:
        count = n if periodic else n * n // 2
        loss = Hamiltonian("tfim", n, (("periodic", periodic),))
        return Posed(Model(HamiltonianVariational(n, 1, periodic=periodic), loss), count, count, count)

    return make


def _free(
    loss_of: Callable[[int, np.random.Generator], Loss], naive: Callable[[Loss], int] | None = None
) -> Any:
    """Random words on any input, so that every unitary is reached."""

    def make(n: int, rng: np.random.Generator) -> Posed:
        loss = loss_of(n, rng)
        dimension = equations.most_dimensions(loss)
        count, _ = equations.counted_equations(loss, dimension, is_real=False)
        assert count is not None
        return Posed(Model(Randomised(n, 1), loss), count, dimension, naive(loss) if naive else count)

    return make


def _real(loss_of: Callable[[int, np.random.Generator], Loss]) -> Any:
    def make(n: int, rng: np.random.Generator) -> Posed:
        loss = loss_of(n, rng)
        count, _ = equations.counted_equations(loss, 2**n - 1, is_real=True)
        assert count is not None
        return Posed(Model(Restricted(n, 1, symmetry="real"), loss), count, 2**n - 1, count)

    return make


def _dense(divergence: str) -> Callable[[int, np.random.Generator], Loss]:
    return lambda n, rng: BornMachine(rng.dirichlet(np.ones(2**n)), divergence)


def _sparse(n: int, rng: np.random.Generator) -> Loss:
    """Half of the outcomes never occur."""
    target = rng.permutation(np.append(rng.dirichlet(np.ones(2 ** (n - 1))), np.zeros(2 ** (n - 1))))
    return BornMachine(target)


def _fidelity(n: int, rng: np.random.Generator) -> Loss:
    return Fidelity(haar_state(2**n, rng))


def _values(inputs: float) -> Callable[[int, np.random.Generator], Loss]:
    """What a Haar-random unitary makes of Z on the first qubit, for so many Haar-random inputs in units of N."""

    def make(n: int, rng: np.random.Generator) -> Loss:
        dim = 2**n
        states = np.array([haar_state(dim, rng) for _ in range(round(inputs * dim))])
        finals = states @ stats.unitary_group.rvs(dim, random_state=rng).T
        return LeastSquares(states, np.diag(_first(dim)), np.abs(finals) ** 2 @ _first(dim))

    return make


def _labels(n: int, rng: np.random.Generator) -> Loss:
    """N / 2 orthonormal inputs, half of them with each label; two for one qubit."""
    dim = 2**n
    size = max(dim // 2, 2)
    inputs = stats.unitary_group.rvs(dim, random_state=rng)[:size]
    return ErrorProbability(inputs, np.diag(_first(dim)), np.resize([1.0, -1.0], size))


def _first(dim: int) -> NDArray[np.float64]:
    """The diagonal of Z on the first qubit."""
    return np.repeat([1.0, -1.0], dim // 2)


def _unitary(phase: bool) -> Callable[[int, np.random.Generator], Loss]:
    def make(n: int, rng: np.random.Generator) -> Loss:
        target = stats.unitary_group.rvs(2**n, random_state=rng)
        return UnitaryDistance(target / np.linalg.det(target) ** (1 / 2**n), phase=phase)

    return make


def _hidden(n: int, rng: np.random.Generator) -> Posed:
    """Every word commutes with one word that nobody names; state and target belong to its eigenvalue 1."""
    x, z = divmod(int(rng.integers(1, 4**n)), 2**n)
    recipe = Commutant(n, 1, x=x, z=z)
    loss = Fidelity(recipe.projected(haar_state(2**n, rng)))
    return Posed(Model(recipe, loss), 2**n - 2, 2**n - 2, 2 * 2**n - 2)


def _qaoa(n: int, rng: np.random.Generator) -> Posed:
    """The largest cut of a complete graph with random weights, which has no symmetry besides the flip of all qubits.

    The rotations reach every even state, and one of them is the cut: 2 (N / 2 - 1) equations.
    """
    graph = sectors.weighted_graph(n, rng)._asdict()
    return Posed(Model(Qaoa(n, 1, **graph), MaxCut(n_qubits=n, **graph)), 2**n - 2, 2**n - 2, 2**n - 2)


def _sector(n: int, rng: np.random.Generator) -> Posed:
    """The Fermi-Hubbard chain near half filling, in the sector of dimension d: 2 (d - g) equations."""
    sites = n // 2
    groups = spin_groups(n, up=(sites + 1) // 2, down=sites // 2)
    case, model = sectors.sector_case(f"{sites} sites", sectors.SectorEnergy(sectors.chain(sites), groups))
    return Posed(model, case.equations, case.states, case.equations)


def _xxz(n: int, rng: np.random.Generator) -> Posed:
    """The chain from singlets, which stay in one symmetry sector."""
    circuit, count = spin_chains.singlets(n)
    return Posed(Model(circuit, Hamiltonian("xxz", n, (("periodic", False),))), count, count, count)


def _commuting(n: int, rng: np.random.Generator) -> Posed:
    """Only phases turn; the target differs in nothing else."""
    target = np.exp(2j * np.pi * rng.random(2**n)) / np.sqrt(2**n)
    return Posed(Model(Diagonal(n, 1), Fidelity(target)), 2**n - 1, 2**n - 1, 2 * 2**n - 2)


FEWEST = {
    "real words, Ising ring": 2,
    "even words, Ising ring": 2,
    "random words, Pareto levels": 2,
    "hardware chain, Ising ring": 2,
    "real layers, Ising ring": 2,
    "variational, Ising chain": 3,
    "variational, Ising ring": 2,
    "QAOA": 3,
    "variational, XXZ chain": 4,
    "Fermi–Hubbard sector": 4,
    "Born machine, KL": 2,
    "Born machine, L2": 2,
    "Born machine, real": 2,
    "hidden word": 2,
    "commuting words": 2,
    "least squares, N/2 inputs": 2,
    "hardware chain on |0…0⟩": 2,
}
"""Qubits of the smallest size with more than one equation; 1 for all others."""

EVEN = (
    "real layers, Ising ring",
    "variational, Ising ring",
    "variational, XXZ chain",
    "Fermi–Hubbard sector",
)
"""Classes that have even numbers of qubits only: on an odd one, layers of bricks turn an end qubit twice in a row, so
that some angles repeat others."""

_real_layers = partial(HardwareEfficient, rotations="Y", entangler="bricks")

CLASSES: dict[str, tuple[str, Callable[[int, np.random.Generator], Posed]]] = {
    "random words, Ising ring": ("energy", _energy(Randomised, "tfim")),
    "real words, Ising ring": ("energy", _energy(partial(Restricted, symmetry="real"), "tfim")),
    "even words, Ising ring": ("energy", _energy(partial(Restricted, symmetry="even"), "tfim")),
    "random words, projector": ("energy", _energy(Randomised, "projector", rank=lambda n: 3 * 2**n // 4)),
    "random words, Pareto levels": ("energy", _energy(Randomised, "pareto", degeneracy=2)),
    "hardware chain, Ising ring": ("energy", _energy(HardwareEfficient, "tfim")),
    "real layers, Ising ring": ("energy", _energy(_real_layers, "tfim")),
    "variational, Ising chain": ("variational", _variational(periodic=False)),
    "variational, Ising ring": ("variational", _variational(periodic=True)),
    "variational, XXZ chain": ("variational", _xxz),
    "QAOA": ("variational", _qaoa),
    "Fermi–Hubbard sector": ("energy", _sector),
    "fidelity": ("energy", _free(_fidelity)),
    "hidden word": ("energy", _hidden),
    "commuting words": ("energy", _commuting),
    "Born machine, KL": ("Born machine", _free(_dense("kl"))),
    "Born machine, L2": ("Born machine", _free(_dense("l2"))),
    "Born machine, real": ("Born machine", _real(_dense("kl"))),
    "sparse Born machine": ("Born machine", _free(_sparse, naive=lambda loss: loss.dim - 1)),
    "least squares, N/2 inputs": ("data", _free(_values(0.5))),
    "least squares, 2N inputs": ("data", _free(_values(2.0))),
    "classifier": ("data", _free(_labels, naive=lambda loss: len(loss.inputs))),  # type: ignore[arg-type]
    "unitary": ("unitary", _free(_unitary(phase=True))),
    "unitary up to a phase": ("unitary", _free(_unitary(phase=False))),
    "hardware chain on |0…0⟩": (
        "not generic",
        _energy(partial(HardwareEfficient, reference_state="zero"), "tfim", generic=False),
    ),
    "random words on |0…0⟩": (
        "not generic",
        _energy(partial(Randomised, reference_state="zero"), "tfim", generic=False),
    ),
}
"""Name to the group of a class, and to what makes it of a number of qubits and a random stream."""


WINDOWS = (
    "predicted <= n_params <= predicted + 4",
    "n_params >= 1.5 * predicted",
    "n_params >= 2 * dimension",
)
"""Counts at which starts are solved: at c, some of them; well above it; and far beyond all that is reached, all."""


def grid(case: Posed) -> set[int]:
    """Counts p around c: its neighbours, fractions and multiples, and D and 2 D; up to 1.25 c beyond 100."""
    count, dimension = case.predicted, case.dimension
    near = {count + step for step in (-2, -1, 0, 1, 2, 4)}
    far = {math.ceil(x * count) for x in (0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2.0)} | {dimension, 2 * dimension}
    return {p for p in near | far if p >= 1 and (p <= 1.25 * count or p <= MOST_FAR)}


def minima(cases: Mapping[tuple[str, int], Posed], *, n_starts: int, seed: int) -> pd.DataFrame:
    """One start in each of `n_starts` circuits, a quarter of them where c > 64, for every case and count of its `grid`.

    Returns
    -------
    DataFrame
        As of `transitions.train_counts`, with the columns of `described`.
    """
    plan = {key: (case.model, grid(case)) for key, case in cases.items()}
    sizes = {key: n_starts if case.predicted <= _MANY else n_starts // 4 for key, case in cases.items()}
    found = transitions.train_counts(plan, names=CASE, n_circuits=sizes, seed=seed)
    return found.merge(described(cases), on=CASE)


def described(cases: Mapping[tuple[str, int], Posed]) -> pd.DataFrame:
    """One row a case: model, n_qubits, group, the fields of `Posed`, field_count.

    The last is 2m of a Hamiltonian, or of its levels in the sector that is trained; else NaN.
    """
    rows = []
    for (name, n), case in cases.items():
        rows.append((name, n, CLASSES[name][0], *case[1:], _field_count(case.model.loss)))
    return pd.DataFrame(rows, columns=[*CASE, "group", *Posed._fields[1:], "field_count"])


def _field_count(loss: LossRecipe) -> float:
    if isinstance(loss, sectors.SectorEnergy):
        return 2 * sectors.degrees_of_freedom(sectors.sector_levels(loss))
    return 2 * loss.build().degrees_of_freedom if isinstance(loss, Hamiltonian) else math.nan


def zero_ranks(cases: Mapping[tuple[str, int], Posed], *, n_starts: int, seed: int) -> pd.DataFrame:
    """Dimension and number of equations as measured: ranks of metric and Hessian of deep copies.

    A copy has as many angles as D, or 1.5 c where that is more, and some to spare.  One of more than `MOST_GATES` gates
    is left out.

    Returns
    -------
    DataFrame
        As of `described`, measured (largest rank of the Hessian at zeros of the loss; NaN if no start found one), and
        rank (of the metric).
    """
    deep = {
        key: case.model.with_params(math.ceil(max(1.1 * case.dimension, 1.5 * case.predicted)) + 4)
        for key, case in cases.items()
    }
    rng = np.random.default_rng(seed)
    deep = {key: model for key, model in deep.items() if model.circuit.build(rng).n_gates <= MOST_GATES}
    found = equations.zero_ranks(deep, n_starts=n_starts, seed=seed)
    rows = [(*key, ranks.hessian, ranks.metric) for key, ranks in found.items()]
    return described(cases).merge(pd.DataFrame(rows, columns=[*CASE, "measured", "rank"]), on=CASE)


def nearly_all(shares: pd.DataFrame, by: Sequence[str] = CASE, share: float = 0.97) -> pd.DataFrame:
    """The first count from which on that share of all starts is solved, at it and at every count beyond.

    Parameters
    ----------
    shares : DataFrame
        Of `transitions.solved_shares`.
    by : sequence of str
        Columns that tell cases apart.
    share : float

    Returns
    -------
    DataFrame
        `by`, p_most, and p_most_low, the count before it; NaN where no count has that share.
    """
    rows: list[dict[str, Any]] = []
    for key, table in shares.groupby(list(by), sort=False):
        table = table.sort_values("n_params")
        short = table.loc[table["share"] < share, "n_params"].max()
        most = table.loc[~(table["n_params"] <= short), "n_params"].min()
        row = dict(zip(by, key, strict=True))  # type: ignore[call-overload]
        rows.append(row | {"p_most": most, "p_most_low": short})
    return pd.DataFrame(rows)


def pooled(minima: pd.DataFrame, window: str) -> pd.DataFrame:
    """Share of solved starts of every case, over some of its counts together, with Wilson's interval (95 %).

    Parameters
    ----------
    minima : DataFrame
        As of `minima`.
    window : str
        Which counts: one of `WINDOWS`.

    Returns
    -------
    DataFrame
        model, n_qubits, share, solved and starts (numbers), low, high; no row for a case of which no start enters.
    """
    rows = minima.query(window).groupby(CASE, sort=False)["solved"]
    table = rows.agg(share="mean", solved="sum", starts="size").reset_index()
    found = [wilson(won, size) for won, size in zip(table["solved"], table["starts"], strict=True)]
    return table.assign(low=[x.low for x in found], high=[x.high for x in found])


def predictors(counts: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """What each known count predicts for the largest size of every class up to three qubits, or four for even ones.

    Parameters
    ----------
    counts : DataFrame
        Of `described`, `transitions.critical_counts` and `nearly_all`.
    seed : int
        As of `posed`.

    Returns
    -------
    DataFrame
        model, n_qubits, p₅₀ with its interval, p₉₇, c, D, algebra (dimension of the Lie algebra of the rotations), 2m.
    """
    rows = []
    for name in CLASSES:
        sizes = counts[(counts["model"] == name) & (counts["n_qubits"] <= (4 if name in EVEN else 3))]
        for row in sizes.sort_values("n_qubits").tail(1).to_dict("records"):
            n = row["n_qubits"]
            circuit = posed(name, n, seed=seed).model.with_params(_ALL_GENERATORS).circuit
            generators = lie_algebras.generators(circuit.build(np.random.default_rng(seed)))
            row["p₅₀"] = f"{row['p_c']:.1f} ({row['low']:.1f} to {row['high']:.1f})"
            rows.append(row | {"algebra": lie_algebras.dimension(generators)})
    names = {"p_most": "p₉₇", "predicted": "c", "dimension": "D", "algebra": "algebra", "field_count": "2m"}
    return pd.DataFrame(rows)[[*CASE, "p₅₀", *names]].rename(columns=names)
