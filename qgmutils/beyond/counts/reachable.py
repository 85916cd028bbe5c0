"""Which states an ansatz reaches at large p: their dimension D, what is conserved, and the critical count.

p angles meet ground states, of dimension D0 among the D-dimensional states reached, only if p >= D - D0, the
codimension (docs/theory.md, section 4).  Dimensions are derived in docs/other_ansatz.md, sections 3 and 4, from the Lie
algebras that the rotations generate.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.hardware_efficient import HardwareEfficient
from qgmutils.circuits.named import ANSATZE
from qgmutils.circuits.restricted import Restricted
from qgmutils.computing.threads import one_thread
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import FisherRanks, SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.inputs import require_integer
from qgmutils.losses.energy import Energy
from qgmutils.losses.hamiltonians import Hamiltonian

Case = tuple[str, str, str, int]
"""Values of the columns `CASE`."""

CASE = ["ansatz", "reference_state", "hamiltonian", "n_qubits"]
"""Columns that tell models apart: the name of an ansatz, a reference state, a Hamiltonian's name, n."""


def time_reversal_overlap(states: NDArray[np.complex128]) -> NDArray[np.float64]:
    """|<psi|T psi>| with T = Y...Y K, K complex conjugation, which "hardware ring" conserves (derived).

    Parameters
    ----------
    states : complex array, shape (B, 2^n)

    Returns
    -------
    float array, shape (B,)
        0 to 1; 0 for every state of an odd number of qubits.
    """
    numbers = np.arange(states.shape[1], dtype=np.int64)
    signs = 1.0 - 2.0 * (np.bitwise_count(numbers) % 2)
    return np.abs(np.sum(states * signs * states[:, ::-1], axis=1))  # Y...Y turns every bit


def ground_time_reversal(problem: Energy) -> float:
    """The lowest |<phi|T phi>| among the ground states of H.

    It is 0 if there are several, as a quadratic form on C^2 has zeros.  "hardware ring" on an even n > 2 reaches a
    ground state from |0...0>, whose own overlap is 0, only if this is 0 (derived).
    """
    if problem.ground_degeneracy > 1:
        return 0.0
    with one_thread():
        ground = np.linalg.eigh(problem.matrix)[1][:, 0]
    return float(time_reversal_overlap(ground[None])[0])


def is_transitive(ansatz: Ansatz) -> bool:
    """Whether the ansatz at large p takes every state with its symmetry to every other one (derived).

    Not "hardware ring" on an even n > 2, all of whose rotations commute with time reversal T = Y...Y K, so that
    |<psi|T psi>| is conserved; and not "matchgate" on n > 2, whose rotations generate so(n + 1) + so(n + 1) only.
    """
    n = ansatz.n_qubits
    return n == 2 or not (ansatz.name == "matchgate" or (ansatz.name == "hardware ring" and n % 2 == 0))


def state_dimension(ansatz: Ansatz) -> int:
    """Real dimension D of the states, up to a phase, that the ansatz reaches from its reference state.

    2N - 2, or N - 1 for real states, where it is transitive, with N halved for even states.  Else 2N - 3 for
    "hardware ring", or 2N - 4 on |0...0>; and n (n + 1) for "matchgate", at most N - 2, or n (n + 1) / 2 on |0...0>;
    for odd n the former is a bound (docs/other_ansatz.md; derived).

    Raises
    ------
    ValueError
        For an ansatz or reference state of which it is not known.
    """
    n, dim = ansatz.n_qubits, 2**ansatz.n_qubits
    if isinstance(ansatz, Restricted):
        return ansatz.manifold_dimension
    if getattr(ansatz, "reference_state", None) not in ("haar", "zero"):
        raise ValueError(
            f"the dimension of {ansatz.name} is known for haar and zero reference states, got {ansatz}"
        )
    if isinstance(ansatz, HardwareEfficient) and ansatz.is_real and ansatz.entangler == "ring":
        raise ValueError(f"the dimension of {ansatz.name} is not known; choose the entangler chain or bricks")
    zero = ansatz.reference_state == "zero"  # type: ignore[attr-defined]
    if is_transitive(ansatz):
        return dim - 1 if ansatz.is_real else 2 * dim - 2
    if ansatz.name == "hardware ring":
        return 2 * dim - (4 if zero else 3)
    return n * (n + 1) // 2 if zero else min(n * (n + 1), dim - 2)


def codimension(ansatz: Ansatz, ground_degeneracy: int) -> int | None:
    """Codimension D - D0 of the ground states in a transitive ansatz (docs/theory.md, section 4; derived), else None.

    D0 is 2g - 2, or g - 1 for real states, where H has to have the symmetry as well.  The ground states can be met only
    where the metric's rank is at least this number, which takes as many angles, or more if some are redundant.

    Raises
    ------
    ValueError
        As `state_dimension`, or for a degeneracy that is not an integer in 1 ... 2^n - 1.
    """
    dimension = state_dimension(ansatz)
    g = require_integer(ground_degeneracy, "ground_degeneracy", high=2**ansatz.n_qubits - 1)
    if not is_transitive(ansatz):
        return None
    return dimension - (g - 1) * (1 if ansatz.is_real else 2)


def first_count(ranks: pd.DataFrame, codimension: int | None) -> float:
    """The lowest number of angles at which the metric's rank reaches `codimension`; nan if it does not, or for None.

    Fewer angles than that cannot meet ground states of this codimension (docs/other_ansatz.md; derived).

    Parameters
    ----------
    ranks : DataFrame
        Columns n_params and rank.
    """
    enough = ranks.loc[ranks["rank"] >= (np.inf if codimension is None else codimension), "n_params"]
    return float(enough.min())


def compared_models(
    n_qubits: Iterable[int], hamiltonians: Iterable[str], reference_states: Iterable[str], *, seed: int
) -> dict[Case, Model]:
    """All of `circuits.ANSATZE`, of one angle, on Hamiltonians without options.

    Real circuits cannot reach the ground state of a complex H, and are left out there.

    Parameters
    ----------
    n_qubits, hamiltonians, reference_states : iterables
    seed : int
        Chooses random Hamiltonians.

    Returns
    -------
    dict
        Values of the columns `CASE` -> model.
    """
    found = {}
    for n, name, state in itertools.product(n_qubits, hamiltonians, reference_states):
        loss = Hamiltonian(name, n, seed=seed)
        is_real = not np.any(loss.build().matrix.imag)
        for ansatz, recipe_of in ANSATZE.items():
            recipe = recipe_of(n, 1, reference_state=state)
            if is_real or not recipe.is_real:
                found[ansatz, state, name, n] = Model(recipe, loss)
    return found


def metric_ranks(models: Mapping[Case, Model], *, n_circuits: int = 2, seed: int) -> pd.DataFrame:
    """Largest rank of the Fubini-Study metric at random angles, against the number of angles.

    Parameters
    ----------
    models : mapping
        As `compared_models`; the metric does not depend on the Hamiltonian.
    n_circuits : int
        Circuits of each ansatz, each at angles of its own.
    seed : int

    Returns
    -------
    DataFrame
        ansatz, reference_state, n_qubits, n_params (1 ... 3 2^n + 8: bricks on |0...0> need 3 2^n), rank.
    """
    tasks: dict[Any, SampleTask] = {}
    for (ansatz, state, _, n), model in models.items():
        p = 3 * 2**n + 8
        # The metric of a shorter circuit is a corner of the whole one's only if every angle sits in one gate.
        shared = len(model.circuit.build(np.random.default_rng(0)).parameter) > model.n_params
        for size in range(1, p + 1) if shared else [p]:
            sized = Model(model.with_params(size).circuit, Hamiltonian("tfim", n))
            task = SampleTask(model=sized, quantity=FisherRanks(), n_circuits=n_circuits, seed=seed)
            tasks[ansatz, state, n, size] = task
    tables = run_ensembles(tasks, label="ranks")
    names = ["ansatz", "reference_state", "n_qubits"]
    parts = [table.assign(**dict(zip(names, key[:3], strict=True))) for key, table in tables.items()]
    return pd.concat(parts).groupby([*names, "n_params"], sort=False)["rank"].max().reset_index()


def predictions(models: Mapping[Case, Model], ranks: pd.DataFrame) -> pd.DataFrame:
    """What theory says of the critical counts of several models.

    Parameters
    ----------
    models : mapping
        As `compared_models`.
    ranks : DataFrame
        As `metric_ranks`, of the same models.

    Returns
    -------
    DataFrame
        One row a model: `CASE`; degeneracy g; codimension and count_by_rank, NaN where there is none (`codimension`,
        `first_count`); field_count = 2m; dimension (`state_dimension`) and saturated, the largest rank; transitive and
        ground_time_reversal, as the functions of these names; generic, whether H or the reference state stands in
        general position: a Haar-random reference state, or a GUE matrix.
    """
    rows = []
    by_ansatz = dict(list(ranks.groupby(["ansatz", "reference_state", "n_qubits"])))
    for key, model in models.items():
        ansatz, state, hamiltonian, n = key
        recipe: Any = model.circuit
        loss: Any = model.loss.build()
        rank, needed = by_ansatz[ansatz, state, n], codimension(recipe, loss.ground_degeneracy)
        rows.append(
            dict(zip(CASE, key, strict=True))
            | {
                "degeneracy": loss.ground_degeneracy,
                "codimension": math.nan if needed is None else needed,
                "count_by_rank": first_count(rank, needed),
                "field_count": 2 * loss.degrees_of_freedom,
                "dimension": state_dimension(recipe),
                "saturated": rank["rank"].max(),
                "transitive": is_transitive(recipe),
                "ground_time_reversal": ground_time_reversal(loss),
                "generic": state == "haar" or hamiltonian == "gue",
            }
        )
    return pd.DataFrame(rows)


def counts_around(count: float, n_qubits: int) -> set[int]:
    """Every 2^n/4-th count up to 3.5 2^n, which knows no prediction, and the neighbours -1 ... +2 of a predicted one.

    Parameters
    ----------
    count : float
        NaN where nothing is predicted.
    n_qubits : int
        n, at least 2.
    """
    dim = 2 ** require_integer(n_qubits, "n_qubits", low=2)
    near = set() if math.isnan(count) else {int(count) + i for i in range(-1, 3)}
    return {*range(dim // 4, 7 * dim // 2 + 1, dim // 4), *near}
