"""The critical count against rank and degeneracy: designed spectra, models with a symmetry, ranks of the Fisher metric.

With D and D0 the dimensions of a model's states and of its ground states (`designed_models`), p angles on a random
reference state meet the ground states only if p >= D - D0.  One angle below that count the energies E of minima go down
to zero as P(E < x) proportional to x^(1/2), two angles below it as x (docs/theory.md, section 4; derived).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qgmutils.computing.tasks import run_tasks
from qgmutils.engine import landscape
from qgmutils.ensembles.designed_models import MODELS, designed, manifold_dimension, restricted_circuit
from qgmutils.ensembles.ensembles import circuit_stream
from qgmutils.ensembles.scaling import SOLVED_ENERGY
from qgmutils.inputs import is_integer
from qgmutils.losses import hamiltonians
from qgmutils.losses.energy import Energy
from qgmutils.minimize import minimize
from qgmutils.statistics.critical_counts import critical_count
from qgmutils.statistics.intervals import UndeterminedError, wilson

RANK_TOLERANCE = 1e-10
"""Eigenvalues of the metric up to this fraction of the largest count as zero.  Rounding leaves zeros of about 1e-16; of
520 random circuits with D + 4 gates at n = 4 and 5 none had another eigenvalue below 1e-5."""

ZERO_ENERGY = 1e-13
"""Energies below this one count as exactly zero.  Searches that end in a ground state end at 1e-14 or less; one angle
below the count, where there is none, the power law x^(1/2) gives this bound a share below 1e-5."""


@dataclass(frozen=True)
class CountTask:
    """Minima of circuits first_circuit ... first_circuit + n_circuits - 1 of a model, `n_starts` starts each.

    Attributes
    ----------
    model : str
        One of `designed_models.MODELS`.
    spectrum, degeneracy
        As in `designed_models.designed`.
    n_qubits, n_params, first_circuit, n_circuits, n_starts, seed : int
    """

    model: str
    spectrum: str
    degeneracy: int
    n_qubits: int
    n_params: int
    first_circuit: int
    n_circuits: int
    n_starts: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row per start: n_params, circuit, start, energy, certified (as in `minimize.Minima`)."""
        problem = designed(self.n_qubits, spectrum=self.spectrum, degeneracy=self.degeneracy, seed=self.seed)
        numbers = range(self.first_circuit, self.first_circuit + self.n_circuits)
        found = []
        for number in numbers:
            rng = circuit_stream(self.seed, self.n_qubits, self.n_params, number)
            circuit = restricted_circuit(self.model, self.n_qubits, self.n_params, rng=rng)
            starts = rng.uniform(0, np.pi, (self.n_starts, self.n_params))
            found.append(minimize(landscape(circuit, problem), starts))
        return pd.DataFrame(
            {
                "n_params": self.n_params,
                "circuit": np.repeat(numbers, self.n_starts),
                "start": np.tile(np.arange(self.n_starts), self.n_circuits),
                "energy": np.concatenate([minima.loss for minima in found]),
                "certified": np.concatenate([minima.certified for minima in found]),
            }
        )


@dataclass(frozen=True)
class FisherRankTask:
    """Rank of the Fubini-Study metric at random angles for the first 1 ... n_params gates of each circuit.

    Gates behind the first p rotate all tangent vectors of the first p angles alike, so the metric of the shorter
    circuit is a corner of the whole one (derived).  The attributes are those of `CountTask`.
    """

    model: str
    n_qubits: int
    n_params: int
    n_circuits: int
    seed: int

    def run(self) -> pd.DataFrame:
        """One row per circuit and count: circuit, n_params, rank."""
        problem = hamiltonians.tfim(self.n_qubits)  # the metric does not depend on H
        ranks = np.empty((self.n_circuits, self.n_params), dtype=np.int64)
        for number in range(self.n_circuits):
            rng = circuit_stream(self.seed, self.n_qubits, self.n_params, number)
            circuit = restricted_circuit(self.model, self.n_qubits, self.n_params, rng=rng)
            metric = landscape(circuit, problem).quantum_fisher(rng.uniform(0, np.pi, (1, self.n_params)))[0]
            for p in range(1, self.n_params + 1):
                values = np.linalg.eigvalsh(metric[:p, :p])
                ranks[number, p - 1] = np.sum(values > RANK_TOLERANCE * values[-1])
        return pd.DataFrame(
            {
                "circuit": np.repeat(np.arange(self.n_circuits), self.n_params),
                "n_params": np.tile(np.arange(1, self.n_params + 1), self.n_circuits),
                "rank": ranks.ravel(),
            }
        )


@dataclass(frozen=True)
class Case:
    """A model and a Hamiltonian whose critical count is predicted.

    Attributes
    ----------
    model : str
        One of `designed_models.MODELS`.
    spectrum, degeneracy
        As in `designed_models.designed`.
    n_qubits : int

    Raises
    ------
    ValueError
        For what `designed` and `manifold_dimension` refuse, or a designed spectrum with a restricted model: its random
        basis does not have the model's symmetry.
    """

    model: str
    spectrum: str
    degeneracy: int
    n_qubits: int

    def __post_init__(self) -> None:
        manifold_dimension(self.model, self.n_qubits)
        designed(self.n_qubits, spectrum=self.spectrum, degeneracy=self.degeneracy)
        if self.model != "complex" and self.spectrum != "tfim":
            raise ValueError(
                f"the model {self.model!r} has no prediction for {self.spectrum} levels in a random basis; "
                "choose spectrum='tfim' or model='complex'"
            )

    @property
    def count(self) -> int:
        """D - D0: 2 (2^n - g) for "complex"; D where a model holds the single ground state of the Ising ring."""
        return manifold_dimension(self.model, self.n_qubits) - 2 * (self.degeneracy - 1)


CASE_COLUMNS = ["model", "spectrum", "n_qubits", "degeneracy", "count", "field_count"]
"""What `measure` says about a case: count as in `Case`, field_count = 2m."""


def measure(
    cases: Mapping[Case, Iterable[int]], *, n_circuits: int, seed: int, workers: int | None = None
) -> pd.DataFrame:
    """Minima at several parameter counts of every case, from one start in each of `n_circuits` circuits.

    Parameters
    ----------
    cases : mapping of Case to iterable of int
        The parameter counts; those below 1 are left out, so that a window may begin below the first count.
    n_circuits : int
        Circuits for each case and count, at least 1.
    seed : int
        Chooses the bases of designed spectra, the circuits and the starts.
    workers : int, optional
        As in `tasks.run_tasks`.

    Returns
    -------
    DataFrame
        `CASE_COLUMNS`, the columns of `CountTask`, solved (E < `scaling.SOLVED_ENERGY`) and offset (n_params - count).

    Raises
    ------
    ValueError
        For fewer than one circuit, or no case with a count of at least 1.
    """
    if not is_integer(n_circuits) or n_circuits < 1:
        raise ValueError(f"n_circuits must be an integer of at least 1, got {n_circuits!r}")
    found = [
        (
            case,
            CountTask(case.model, case.spectrum, case.degeneracy, case.n_qubits, p, 0, n_circuits, 1, seed),
        )
        for case, counts in cases.items()
        for p in sorted({int(p) for p in counts if p >= 1}, reverse=True)
    ]
    if not found:
        raise ValueError("cases must name a parameter count of at least 1, got none")
    found.sort(key=lambda pair: -pair[1].n_params * 2 ** pair[1].n_qubits)  # the costliest first
    tables = run_tasks([task for _, task in found], workers=workers, label="minima")
    m = {case: _problem(case, seed).degrees_of_freedom for case in cases}
    minima = pd.concat(
        [
            table.assign(**dataclasses.asdict(case), count=case.count, field_count=2 * m[case])
            for (case, _), table in zip(found, tables, strict=True)
        ]
    )
    minima["solved"] = minima["energy"] < SOLVED_ENERGY
    minima["offset"] = minima["n_params"] - minima["count"]
    order = ["n_qubits", "model", "spectrum", "degeneracy", "n_params", "circuit"]
    return minima.sort_values(order, ignore_index=True)


def _problem(case: Case, seed: int) -> Energy:
    return designed(case.n_qubits, spectrum=case.spectrum, degeneracy=case.degeneracy, seed=seed)


def solved_shares(minima: pd.DataFrame) -> pd.DataFrame:
    """Share of solved starts for every case and count of `measure`, with Wilson's interval.

    Returns
    -------
    DataFrame
        `CASE_COLUMNS`, n_params, offset, share, low, high (95 %), solved and starts (numbers).
    """
    grouped = minima.groupby([*CASE_COLUMNS, "n_params", "offset"])["solved"]
    shares = grouped.agg(share="mean", solved="sum", starts="size").reset_index()
    found = [wilson(won, size) for won, size in zip(shares["solved"], shares["starts"], strict=True)]
    return shares.assign(low=[x.low for x in found], high=[x.high for x in found])


def critical_counts(minima: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Where half of the starts of every case of `measure` are solved.

    Returns
    -------
    DataFrame
        `CASE_COLUMNS`, rank = 2^n - g, first (lowest count with a solved start) and p_c, low, high
        (`critical_counts.critical_count`); NaN where the starts do not determine them.
    """
    rows = []
    for _, starts in minima.groupby(CASE_COLUMNS):
        row = starts[CASE_COLUMNS].iloc[0].to_dict()
        row |= {"rank": 2 ** row["n_qubits"] - row["degeneracy"]}
        row |= {"first": starts.loc[starts["solved"], "n_params"].min()}
        row |= dict.fromkeys(("p_c", "low", "high"), np.nan)
        with contextlib.suppress(UndeterminedError):
            found = critical_count(
                starts["n_params"], starts["solved"], starts["circuit"], rng, n_resamples=500
            )
            row |= {"p_c": found.estimate, "low": found.low, "high": found.high}
        rows.append(row)
    return pd.DataFrame(rows)


def fisher_ranks(n_qubits: int, n_params: int, *, n_circuits: int, seed: int) -> pd.DataFrame:
    """Mean and largest rank of the metric against the number of angles, for all `designed_models.MODELS`.

    Returns
    -------
    DataFrame
        Columns model, n_params (1 ... `n_params`), mean, max and dimension (of the model's manifold of states).
    """
    found = [FisherRankTask(model, n_qubits, n_params, n_circuits, seed) for model in MODELS]
    tables = []
    for model, table in zip(MODELS, run_tasks(found, label="ranks"), strict=True):
        ranks = table.groupby("n_params")["rank"].agg(["mean", "max"]).reset_index()
        ranks.insert(0, "model", model)
        tables.append(ranks.assign(dimension=manifold_dimension(model, n_qubits)))
    return pd.concat(tables, ignore_index=True)
