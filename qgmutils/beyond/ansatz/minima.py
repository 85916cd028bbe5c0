"""Trained minima of other ansatzes, as tasks, with their critical counts and mean energies.

Every start has its own random stream, from the seed, the sizes and the start's number.  It draws the reference state,
the words if the ansatz has random ones, and the angles: means are over all of these, and starts are independent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qgmutils.beyond.ansatz import reachable
from qgmutils.beyond.ansatz.states import first_count, of_ansatz
from qgmutils.computing.tasks import run_tasks
from qgmutils.engine import landscape
from qgmutils.ensembles.ensembles import Options, build_problem, circuit_stream
from qgmutils.ensembles.scaling import SOLVED_ENERGY
from qgmutils.inputs import is_integer
from qgmutils.minimize import minimize
from qgmutils.statistics.critical_counts import critical_count
from qgmutils.statistics.intervals import UndeterminedError, wilson

CASE_COLUMNS = ["ansatz", "reference_state", "hamiltonian", "n_qubits"]


@dataclass(frozen=True)
class Case:
    """An ansatz, a reference state and a Hamiltonian.

    Attributes
    ----------
    ansatz, reference_state : str
        As in `reachable.recipe`.
    hamiltonian : str
    hamiltonian_options : tuple of pairs
        As `hamiltonians.build` takes them, from `ensembles.options_of`.
    n_qubits : int
    """

    ansatz: str
    reference_state: str
    hamiltonian: str
    n_qubits: int
    hamiltonian_options: Options = ()


@dataclass(frozen=True)
class StartsTask:
    """Minima from starts first_start ... first_start + n_starts - 1.  Attributes as in `Case`."""

    ansatz: str
    reference_state: str
    hamiltonian: str
    n_qubits: int
    hamiltonian_options: Options
    n_params: int
    first_start: int
    n_starts: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row per start: n_params, start, energy, certified (as in `minimize.Minima`)."""
        problem = build_problem(self.hamiltonian, self.n_qubits, self.hamiltonian_options, self.seed)
        numbers = range(self.first_start, self.first_start + self.n_starts)
        ansatz = reachable.recipe(
            self.ansatz, self.n_qubits, self.n_params, reference_state=self.reference_state
        )
        found = []
        for number in numbers:
            rng = circuit_stream(self.seed, self.n_qubits, self.n_params, number)
            circuit = ansatz.build(rng)
            found.append(minimize(landscape(circuit, problem), rng.uniform(0, np.pi, (1, self.n_params))))
        return pd.DataFrame(
            {
                "n_params": self.n_params,
                "start": numbers,
                "energy": np.concatenate([minima.loss for minima in found]),
                "certified": np.concatenate([minima.certified for minima in found]),
            }
        )


def measure(
    cases: Mapping[Case, Iterable[int]], *, n_starts: int, seed: int, workers: int | None = None
) -> pd.DataFrame:
    """Minima at several parameter counts of every case, `n_starts` independent starts each.

    Parameters
    ----------
    cases : mapping of Case to iterable of int
        Parameter counts, at least one that is not below 1; those below 1 are left out.
    n_starts : int
        At least 1.
    seed : int
        Chooses random Hamiltonians, reference states, words and angles.
    workers : int, optional
        As in `tasks.run_tasks`.

    Returns
    -------
    DataFrame
        `CASE_COLUMNS`, the columns of `StartsTask`, and solved (E < `scaling.SOLVED_ENERGY`).

    Raises
    ------
    ValueError
        For fewer than one start, no count of at least 1, or what `reachable.recipe` and `hamiltonians.build` refuse.
    """
    if not is_integer(n_starts) or n_starts < 1:
        raise ValueError(f"n_starts must be an integer of at least 1, got {n_starts!r}")
    found = []
    for case, counts in cases.items():
        build_problem(
            case.hamiltonian, case.n_qubits, case.hamiltonian_options, seed
        )  # fails here, not in a worker
        reachable.recipe(case.ansatz, case.n_qubits, reference_state=case.reference_state)
        for p in sorted({int(p) for p in counts if p >= 1}):
            found.append((case, StartsTask(*_values(case), p, 0, n_starts, seed)))
    if not found:
        raise ValueError("cases must name a parameter count of at least 1, got none")
    found.sort(key=lambda pair: -pair[1].n_params * 2 ** pair[1].n_qubits)  # the costliest first
    tables = run_tasks([task for _, task in found], workers=workers, label="minima")
    minima = pd.concat(
        [
            table.assign(**{name: getattr(case, name) for name in CASE_COLUMNS})
            for (case, _), table in zip(found, tables, strict=True)
        ]
    )
    minima["solved"] = minima["energy"] < SOLVED_ENERGY
    columns = [*CASE_COLUMNS, "n_params", "start", "energy", "certified", "solved"]
    return minima[columns].sort_values([*CASE_COLUMNS, "n_params", "start"], ignore_index=True)


def _values(case: Case) -> tuple[str, str, str, int, Options]:
    return case.ansatz, case.reference_state, case.hamiltonian, case.n_qubits, case.hamiltonian_options


def critical_counts(
    minima: pd.DataFrame, rank: pd.DataFrame, rng: np.random.Generator, *, seed: int = 0
) -> pd.DataFrame:
    """Where half of the starts of every case of `measure` are solved, with the prediction by rank.

    Parameters
    ----------
    minima : DataFrame
        As `measure` returns it, for Hamiltonians without options.
    rank : DataFrame
        As `ansatz_states.ranks` returns it, for all ansatzes, reference states and sizes of `minima`.
    rng : numpy.random.Generator
        Source of the resampling.
    seed : int
        That of `measure`.

    Returns
    -------
    DataFrame
        `CASE_COLUMNS`; what theory says: degeneracy g, codimension and count_by_rank (nan where there is none:
        `reachable.codimension`, `ansatz_states.first_count`), field_count = 2m, dimension
        (`reachable.state_dimension`), transitive, ground_time_reversal (`reachable`), and generic, whether H or the
        reference state stands in general position (GUE, "haar"); what was found: saturated (largest rank); p_c, low and
        high (`critical_counts.critical_count`), nan where the counts do not bracket one half; highest_share of solved
        starts with bound (95 %, Wilson).
    """
    rows = []
    for _, starts in minima.groupby(CASE_COLUMNS):
        case = starts[CASE_COLUMNS].iloc[0].to_dict()
        problem = build_problem(case["hamiltonian"], case["n_qubits"], (), seed)
        codimension = reachable.codimension(case["ansatz"], case["n_qubits"], problem.ground_degeneracy)
        here = of_ansatz(rank, case["ansatz"], case["reference_state"], case["n_qubits"])
        row: dict[str, object] = case | {
            "degeneracy": problem.ground_degeneracy,
            "codimension": np.nan if codimension is None else codimension,
            "count_by_rank": first_count(here, codimension),
            "field_count": 2 * problem.degrees_of_freedom,
            "dimension": reachable.state_dimension(case["ansatz"], case["n_qubits"], case["reference_state"]),
            "transitive": reachable.is_transitive(case["ansatz"], case["n_qubits"]),
            "ground_time_reversal": reachable.ground_time_reversal(problem),
            "generic": case["reference_state"] == "haar" or case["hamiltonian"] == "gue",
            "saturated": here["rank"].max(),
        }
        try:
            found = critical_count(starts["n_params"], starts["solved"], None, rng, n_resamples=500)
            row |= {"p_c": found.estimate, "low": found.low, "high": found.high}
        except UndeterminedError:
            row |= dict.fromkeys(("p_c", "low", "high"), np.nan)
        by_count = starts.groupby("n_params")["solved"].agg(["sum", "size"])
        best = by_count.loc[(by_count["sum"] / by_count["size"]).idxmax()]
        share = wilson(best["sum"], best["size"])
        rows.append(row | {"highest_share": share.estimate, "bound": share.high})
    return pd.DataFrame(rows)


def counts_around(case: Case, rank: pd.DataFrame, *, step: int, last: int, seed: int) -> set[int]:
    """Every `step`-th count up to `last`, which knows no prediction, and the neighbours -1 ... +2 of the predicted one.

    Parameters
    ----------
    case : Case
    rank : DataFrame
        As `ansatz_states.ranks` returns it, for the case's ansatz, reference state and size.
    step, last : int
    seed : int
        That of `measure`.
    """
    problem = build_problem(case.hamiltonian, case.n_qubits, case.hamiltonian_options, seed)
    codimension = reachable.codimension(case.ansatz, case.n_qubits, problem.ground_degeneracy)
    here = of_ansatz(rank, case.ansatz, case.reference_state, case.n_qubits)
    predicted = first_count(here, codimension)
    near = set() if np.isnan(predicted) else {int(predicted) + i for i in range(-1, 3)}
    return {*range(step, last + 1, step), *near}


def mean_ratios(minima: pd.DataFrame) -> pd.DataFrame:
    """Mean energies of the minima, relative to those of the randomised model on the same reference states.

    Parameters
    ----------
    minima : DataFrame
        As `measure` returns it, with the ansatz "randomised" for every reference state, Hamiltonian, size and count.

    Returns
    -------
    DataFrame
        `CASE_COLUMNS`, n_params, energy and its standard error; ratio and its standard error (to first order).  Left
        out is what has nothing to be compared with, as the randomised model is solved (its mean is below
        `scaling.SOLVED_ENERGY`).
    """
    keys = [*CASE_COLUMNS, "n_params"]
    means = minima.groupby(keys)["energy"].agg(energy="mean", error="sem", starts="size").reset_index()
    others = [key for key in keys if key != "ansatz"]
    base = means[(means["ansatz"] == "randomised") & (means["energy"] > SOLVED_ENERGY)]
    base = base.drop(columns=["ansatz", "starts"])
    table = means.merge(base, on=others, suffixes=("", "_randomised"))
    table["ratio"] = table["energy"] / table["energy_randomised"]
    relative = np.hypot(
        table["error"] / table["energy"], table["error_randomised"] / table["energy_randomised"]
    )
    return table.assign(ratio_error=table["ratio"].abs() * relative)
