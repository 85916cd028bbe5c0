"""Many classes of models under one law: the critical count is the codimension of the zeros of the loss.

The p angles of a model lead into a set of dimension D, of which the loss vanishes on a part of dimension D_0: it poses
c = D - D_0 equations.  With p < c no start ends at zero, except for angles of measure zero; one angle or more beyond it
a share does (docs/one_law.md; derived).  Each class here has its c from theory, before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from qgmutils.beyond import equations, reachable
from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.diagonal import Diagonal
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.reference_states import haar_state
from qgmutils.circuits.restricted import Commutant, Restricted
from qgmutils.circuits.variational import HamiltonianVariational
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.inputs import require_choice
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.energy import Energy
from qgmutils.losses.error_probability import ErrorProbability
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.loss import Loss
from qgmutils.losses.unitary import UnitaryDistance

States = NDArray[np.complex128]

CASE = ["model", "n_qubits"]
"""Columns that tell cases apart."""


class Posed(NamedTuple):
    """A class of models at one size, and the number of equations that its loss poses.

    Attributes
    ----------
    model : Model
        Of one angle.
    predicted : int
        c, by theory.
    naive : int
        The count of someone who overlooks what is special about the class; else c.
    generic : bool
        Whether reference state, target or H stand in general position, so that no start is solved below c.
    """

    model: Model
    predicted: int
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
    make = CLASSES[require_choice(name, "class", tuple(CLASSES))]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_qubits, *name.encode())))
    return make(n_qubits, rng)


def _energy(
    circuit: Callable[[int, int], Ansatz], hamiltonian: str, generic: bool = True, **options: Any
) -> Any:
    def make(n: int, rng: np.random.Generator) -> Posed:
        chosen = tuple((key, value(n) if callable(value) else value) for key, value in options.items())
        loss, recipe = Hamiltonian(hamiltonian, n, chosen, seed=int(rng.integers(2**32))), circuit(n, 1)
        count = reachable.codimension(recipe, loss.build().ground_degeneracy)
        assert count is not None  # all of them are transitive
        return Posed(Model(recipe, loss), count, count, generic)

    return make


def _variational(periodic: bool) -> Any:
    """Free fermions: n / 2 spins on a ring of even n, D = floor(n^2 / 2) on a chain (docs/structured_models.md)."""

    def make(n: int, rng: np.random.Generator) -> Posed:
        count = n if periodic else n * n // 2
        loss = Hamiltonian("tfim", n, (("periodic", periodic),))
        return Posed(Model(HamiltonianVariational(n, 1, periodic=periodic), loss), count, count)

    return make


def _free(
    loss_of: Callable[[int, np.random.Generator], Loss], naive: Callable[[Loss], int] | None = None
) -> Any:
    """Random words on any input, so that every unitary is reached."""

    def make(n: int, rng: np.random.Generator) -> Posed:
        loss = loss_of(n, rng)
        count, _ = equations.counted_equations(loss, equations.most_dimensions(loss), is_real=False)
        assert count is not None
        return Posed(Model(Randomised(n, 1), loss), count, naive(loss) if naive else count)

    return make


def _real(loss_of: Callable[[int, np.random.Generator], Loss]) -> Any:
    def make(n: int, rng: np.random.Generator) -> Posed:
        loss = loss_of(n, rng)
        count, _ = equations.counted_equations(loss, 2**n - 1, is_real=True)
        assert count is not None
        return Posed(Model(Restricted(n, 1, symmetry="real"), loss), count, count)

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
    return Posed(Model(recipe, loss), 2**n - 2, 2 * 2**n - 2)


def _commuting(n: int, rng: np.random.Generator) -> Posed:
    """Only phases turn; the target differs in nothing else."""
    target = np.exp(2j * np.pi * rng.random(2**n)) / np.sqrt(2**n)
    return Posed(Model(Diagonal(n, 1), Fidelity(target)), 2**n - 1, 2 * 2**n - 2)


CLASSES: dict[str, Callable[[int, np.random.Generator], Posed]] = {
    "random words, Ising ring": _energy(Randomised, "tfim"),
    "real words, Ising ring": _energy(lambda n, p: Restricted(n, p, symmetry="real"), "tfim"),
    "even words, Ising ring": _energy(lambda n, p: Restricted(n, p, symmetry="even"), "tfim"),
    "random words, projector": _energy(Randomised, "projector", rank=lambda n: 3 * 2**n // 4),
    "random words, Pareto levels": _energy(Randomised, "pareto", degeneracy=2),
    "hardware chain, Ising ring": _energy(HardwareEfficient, "tfim"),
    "real layers, Ising ring": _energy(
        lambda n, p: HardwareEfficient(n, p, rotations="Y", entangler="bricks"), "tfim"
    ),
    "variational, Ising chain": _variational(periodic=False),
    "variational, Ising ring": _variational(periodic=True),
    "Born machine, KL": _free(_dense("kl")),
    "Born machine, L2": _free(_dense("l2")),
    "Born machine, real": _real(_dense("kl")),
    "fidelity": _free(_fidelity),
    "least squares, N/2 inputs": _free(_values(0.5)),
    "least squares, 2N inputs": _free(_values(2.0)),
    "unitary": _free(_unitary(phase=True)),
    "unitary up to a phase": _free(_unitary(phase=False)),
    "sparse Born machine": _free(_sparse, naive=lambda loss: loss.dim - 1),
    "classifier": _free(_labels, naive=lambda loss: len(loss.labels)),  # type: ignore[attr-defined]
    "hidden word": _hidden,
    "commuting words": _commuting,
    "hardware chain on |0…0⟩": _energy(
        lambda n, p: HardwareEfficient(n, p, reference_state="zero"), "tfim", generic=False
    ),
    "random words on |0…0⟩": _energy(
        lambda n, p: Randomised(n, p, reference_state="zero"), "tfim", generic=False
    ),
}
"""Name to what makes a class of a number of qubits and a random stream."""


def grid(count: int) -> set[int]:
    """Counts p around c: its neighbours, and fractions and multiples up to 3 c; up to 1.25 c beyond 200."""
    multiples = (0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2.0, 3.0)
    far = {math.ceil(x * count) for x in multiples if count <= 200 or 0.9 <= x <= 1.25}
    return {p for p in far | {count + step for step in (-2, -1, 0, 1, 2, 4)} if p >= 1}


def minima(
    cases: Mapping[tuple[str, int], Posed], *, n_starts: Mapping[tuple[str, int], int], seed: int
) -> pd.DataFrame:
    """One start in each of so many circuits, for every case and every count of its `grid`.

    Returns
    -------
    DataFrame
        As of `transitions.train_counts`, with the columns of `described`.
    """
    plan = {key: (case.model, grid(case.predicted)) for key, case in cases.items()}
    found = transitions.train_counts(plan, names=CASE, n_circuits=n_starts, seed=seed)
    return found.merge(described(cases), on=CASE)


def described(cases: Mapping[tuple[str, int], Posed]) -> pd.DataFrame:
    """model, n_qubits, predicted (c), naive, generic, and field_count (2m of an energy, else NaN): one row a case."""
    rows = []
    for (name, n), case in cases.items():
        loss = case.model.loss.build()
        field = 2 * loss.degrees_of_freedom if isinstance(loss, Energy) else math.nan
        rows.append((name, n, case.predicted, case.naive, case.generic, field))
    return pd.DataFrame(rows, columns=[*CASE, "predicted", "naive", "generic", "field_count"])


def zero_ranks(cases: Mapping[tuple[str, int], Posed], *, n_starts: int, seed: int) -> pd.DataFrame:
    """Dimension and number of equations as measured: ranks of metric and Hessian of deep copies.

    A copy has 1.5 c + 4 angles, or 4 c where data are fitted, since searches need more angles there.

    Returns
    -------
    DataFrame
        model, n_qubits, measured (largest rank of the Hessian at zeros of the loss; NaN if no start found one), and
        dimension (rank of the metric).
    """
    tasks = {}
    for key, case in cases.items():
        fits = case.model.loss.build().inputs is not None
        p = 4 * case.predicted if fits else math.ceil(1.5 * case.predicted) + 4
        tasks[key] = SampleTask(
            model=case.model.with_params(p),
            quantity=equations.ZeroRanks(),
            n_circuits=1,
            n_points=n_starts,
            seed=seed,
        )
    tables = run_ensembles(tasks, label="ranks")
    rows = [
        (*key, table["rank"].where(table["rank"] >= 0).max(), table["metric"].max())
        for key, table in tables.items()
    ]
    return pd.DataFrame(rows, columns=[*CASE, "measured", "dimension"])


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
