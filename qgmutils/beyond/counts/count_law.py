"""Cases whose critical count is predicted: Hamiltonians of designed rank and multiplicity, and models with a symmetry.

p angles on a random reference state meet the ground states only if p is at least their codimension D - D0
(`beyond.counts.reachable`), which for the randomised model is 2 (2^n - g).  One angle below that count the energies E
of minima go down to zero as P(E < x) proportional to x^(1/2), two angles below it as x (docs/theory.md, section 4;
derived).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from qgmutils.beyond.counts import reachable
from qgmutils.circuits.ansatz import Ansatz
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.restricted import SYMMETRIES, Restricted
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import FisherRanks, SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.inputs import require_choice
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.statistics.estimates import lower_exponent

MODELS = ("complex", *SYMMETRIES)
"""The randomised model, and those whose words and reference states have a symmetry."""

SPECTRA = ("flat", "pareto")


class Case(NamedTuple):
    """What a model is called, and what is predicted for it: columns of tables.

    Attributes
    ----------
    model : str
        One of `MODELS`.
    spectrum : str
        One of `SPECTRA`, or "tfim".
    n_qubits, degeneracy : int
        n, and the multiplicity g of the lowest level.
    rank : int
        2^n - g, that of H - lambda_1.
    dimension_count : int
        Codimension of the ground states.
    field_count : float
        2m, the critical count of the random field.
    """

    model: str
    spectrum: str
    n_qubits: int
    degeneracy: int
    rank: int
    dimension_count: int
    field_count: float


def designed(spectrum: str, n_qubits: int, degeneracy: int, *, seed: int) -> tuple[Case, Model]:
    """The randomised model and a Hamiltonian with a g-fold lowest level in a Haar-random basis.

    Parameters
    ----------
    spectrum : {"flat", "pareto"}
        One excited level, so that H is a projector; or the levels of `hamiltonians.pareto`.
    n_qubits, degeneracy : int
        n, and g in 1 ... 2^n - 1.
    seed : int
        Chooses the basis.

    Raises
    ------
    ValueError
        For an unknown spectrum, or sizes out of range.
    """
    flat = ("projector", (("rank", 2**n_qubits - degeneracy),))
    pareto = ("pareto", (("degeneracy", degeneracy),))
    name, options = flat if require_choice(spectrum, "spectrum", SPECTRA) == "flat" else pareto
    loss = Hamiltonian(name, n_qubits, options, seed=seed)
    return _case("complex", spectrum, degeneracy, Randomised(n_qubits, 1), loss)


def ising(model: str, n_qubits: int) -> tuple[Case, Model]:
    """One of `MODELS` and the Ising ring, whose single ground state has all their symmetries.

    Raises
    ------
    ValueError
        For an unknown model, or fewer than two qubits.
    """
    free = require_choice(model, "model", MODELS) == "complex"
    circuit = Randomised(n_qubits, 1) if free else Restricted(n_qubits, 1, symmetry=model)
    return _case(model, "tfim", 1, circuit, Hamiltonian("tfim", n_qubits))


def _case(
    model: str, spectrum: str, degeneracy: int, circuit: Ansatz, loss: Hamiltonian
) -> tuple[Case, Model]:
    n, count = loss.n_qubits, reachable.codimension(circuit, degeneracy)
    assert count is not None  # all of them are transitive
    field = 2 * loss.build().degrees_of_freedom
    return Case(model, spectrum, n, degeneracy, 2**n - degeneracy, count, field), Model(circuit, loss)


def window(case: Case) -> range:
    """Counts p around the prediction, from two below to four above."""
    return range(case.dimension_count - 2, case.dimension_count + 5)


def grid(case: Case) -> set[int]:
    """Every second count p up to 2 * 2^n + 6, whatever the prediction; and the prediction with its neighbours."""
    return {
        *range(2, 2 * 2**case.n_qubits + 7, 2),
        *range(case.dimension_count - 1, case.dimension_count + 2),
    }


def minima(
    models: Mapping[Case, Model], counts: Callable[[Case], Iterable[int]], *, n_circuits: int, seed: int
) -> pd.DataFrame:
    """One start in each of `n_circuits` circuits, for every case and count.

    Returns
    -------
    DataFrame
        As of `transitions.train_counts` with the columns of `Case`, and offset (n_params - dimension_count).
    """
    plan = {case: (model, counts(case)) for case, model in models.items()}
    found = transitions.train_counts(plan, names=list(Case._fields), n_circuits=n_circuits, seed=seed)
    return found.assign(offset=found["n_params"] - found["dimension_count"])


def near_misses(losses: pd.Series, bound: float = 1e-4) -> tuple[float, float, int]:
    """Exponent a of P(E < x) proportional to x^a, from the losses between `transitions.ZERO` and a bound.

    Returns
    -------
    exponent, standard_error : float
        NaN from fewer than two losses.
    number : int
        Of the losses that they come from.
    """
    found = losses[losses.between(transitions.ZERO, bound, inclusive="neither")]
    exponent, error = lower_exponent(found, bound) if len(found) > 1 else (np.nan, np.nan)
    return exponent, error, len(found)


def level_pairs(counts: pd.DataFrame) -> pd.DataFrame:
    """Flat and Pareto levels of the same size and multiplicity side by side.

    Parameters
    ----------
    counts : DataFrame
        Of `transitions.critical_counts` for designed spectra, with the columns of `Case`.

    Returns
    -------
    DataFrame
        The rows of flat levels, with the columns of Pareto levels under names with _pareto, gap (of the two p_c,
        without sign) and error (its standard error, a quarter of both 95 % intervals, which allow for few circuits).
    """
    flat, pareto = (counts[counts["spectrum"] == kind] for kind in SPECTRA)
    pairs = flat.merge(pareto, on=["n_qubits", "degeneracy"], suffixes=("", "_pareto"))
    widths = pairs["high"] - pairs["low"], pairs["high_pareto"] - pairs["low_pareto"]
    return pairs.assign(gap=(pairs["p_c"] - pairs["p_c_pareto"]).abs(), error=np.hypot(*widths) / 4)


def metric_ranks(models: Mapping[Case, Model], *, n_circuits: int, seed: int) -> pd.DataFrame:
    """Rank of the Fubini-Study metric at random angles against their number p, up to 2 * 2^n + 6.

    Parameters
    ----------
    models : mapping
        With single ground states, so that `dimension_count` is the dimension D of its states.
    n_circuits, seed : int

    Returns
    -------
    DataFrame
        n_qubits, model, dimension (D), n_params, mean and max (of the ranks over circuits).
    """
    tasks = {
        case: SampleTask(
            model=model.with_params(2 * 2**case.n_qubits + 6),
            quantity=FisherRanks(),
            n_circuits=n_circuits,
            seed=seed,
        )
        for case, model in models.items()
    }
    parts = []
    for case, table in run_ensembles(tasks, label="ranks").items():
        ranks = table.groupby("n_params")["rank"].agg(["mean", "max"]).reset_index()
        head = {"n_qubits": case.n_qubits, "model": case.model, "dimension": case.dimension_count}
        parts.append(pd.DataFrame(head, index=ranks.index).join(ranks))
    return pd.concat(parts, ignore_index=True)
