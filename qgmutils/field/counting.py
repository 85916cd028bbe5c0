"""Counting critical points as tasks: expected numbers, the density of minima, the comparison with enumeration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from qgmutils.computing.tasks import Task, run_tasks
from qgmutils.field.bulk import Populations, find_bulk, sample_bulk
from qgmutils.field.critical_points import FieldEnumeration
from qgmutils.field.densities import LogDensity, UnresolvedError, density_table
from qgmutils.field.kac_rice import (
    MIN_EFFECTIVE_SAMPLES,
    Counts,
    expected_counts,
    log_prefactor,
    whrf_log_density,
)
from qgmutils.field.positive_definite import POPULATION_SIZE, populations
from qgmutils.field.spectra import threshold_energy, wishart_dimension

__all__ = [
    "CountTask",
    "MinimaDensity",
    "approach",
    "compare_counts",
    "counts_of_every_index",
    "minima_at_ratios",
]


_TOP = 4.0  # minima lie well below the mean energy 1
_N_ENERGIES = 24
_MAX_ROUNDS = 8


def _stream(seed: int, n_params: int, degrees_of_freedom: float) -> np.random.Generator:
    key = (n_params, wishart_dimension(degrees_of_freedom))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


@dataclass(frozen=True)
class CountTask:
    """Task: :func:`expected_counts`; rows that the sample does not resolve are nan, never an error."""

    n_params: int
    degrees_of_freedom: float
    n_samples: int
    seed: int
    index: int | None = None
    energy_range: tuple[float, float] | None = None

    def run(self) -> pd.DataFrame:
        """Return one row per index: index, count, count_stderr, mean_energy, mean_energy_stderr, ..., resolved."""
        try:
            counts = expected_counts(
                self.n_params,
                self.degrees_of_freedom,
                n_samples=self.n_samples,
                rng=_stream(self.seed, self.n_params, self.degrees_of_freedom),
                index=self.index,
                energy_range=self.energy_range,
            )
        except UnresolvedError:
            index = np.arange(self.n_params + 1) if self.index is None else np.array([self.index])
            nan = np.full(index.size, np.nan)
            counts = Counts(index, nan, nan, nan, nan, nan, np.zeros(index.size, dtype=bool))
        return pd.DataFrame({field.name: getattr(counts, field.name) for field in fields(counts)})


@dataclass(frozen=True)
class MinimaDensity:
    """Task: the Kac-Rice density of the WHRF's minima in energy.

    Attributes
    ----------
    n_params, degrees_of_freedom
        ``p`` and ``m``.
    n_samples : int
        Matrices per energy, and per round without given energies; at least 16.
    seed : int
    energies : tuple of float
        At least two, increasing; none stands for 24 energies that cover the bulk.
    min_effective_samples : float
        Below this an energy is unresolved; without given energies sampling goes on until the number of minima has as
        many. At 10 the standard error is 1/3: enough to draw a curve with its error band.
    """

    n_params: int
    degrees_of_freedom: float
    n_samples: int
    seed: int
    energies: tuple[float, ...] = ()
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES

    def run(self) -> pd.DataFrame:
        """Return the rows of :func:`qgmutils.field.densities.density_table`.

        Without given energies a scan finds the bulk, which is sampled in at most 8 rounds, all energies being resolved
        or none; for ``p >= 2m - 2`` the density is not integrable at ``E = 0`` and there are no rows then.
        """
        return density_table(self._sample(_stream(self.seed, self.n_params, self.degrees_of_freedom)))

    def _sample(self, rng: np.random.Generator) -> LogDensity:
        p, m, least = self.n_params, self.degrees_of_freedom, self.min_effective_samples
        if self.energies:
            given = np.array(self.energies)
            return whrf_log_density(
                given, p, m, index=0, n_samples=self.n_samples, rng=rng, min_effective_samples=least
            )
        two_m = wishart_dimension(m)
        if p >= two_m - 2:
            nothing = np.empty(0)
            return LogDensity(nothing, nothing, nothing, nothing, nothing.astype(bool))
        size = min(POPULATION_SIZE, self.n_samples // 4)

        def sample(energy: float, number: int) -> np.ndarray:
            logs = populations(energy, p, two_m, size=size, count=number, rng=rng)
            return logs + log_prefactor(np.array([energy]), p, two_m / 2, 1)

        def scan(energies: np.ndarray) -> np.ndarray:
            return np.array([sample(float(e), 1)[0] for e in energies])

        energies = find_bulk(scan, 0.0, _TOP, _N_ENERGIES)
        wanted = Populations(size, self.n_samples // size, _MAX_ROUNDS, least, window=5)
        return sample_bulk(energies, scan(energies), sample, 0.0, _TOP, wanted)


def compare_counts(points: pd.DataFrame, theory: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Compare enumerated critical points with expected counts, index by index and all together.

    Parameters
    ----------
    points : DataFrame
        One row per critical point with the columns field and index, as :class:`.critical_points.FieldEnumeration`
        returns; at least two fields.
    theory : DataFrame
        One row per index 0..p, as :class:`CountTask` returns.

    Returns
    -------
    table : DataFrame
        Columns index, fields, enumerated, enumerated_stderr, kac_rice, kac_rice_stderr, z (the difference in combined
        standard errors).
    pvalue : float
        Of Hotelling's test on all counts at once; nan with fewer than ``10 p`` fields. The alternating sum of a
        field's counts is 0, so the last index adds nothing and is left out.
    """
    p = len(theory) - 1
    counts = np.array([np.bincount(rows, minlength=p + 1) for _, rows in points.groupby("field")["index"]])
    size = len(counts)
    if size < 2:
        raise ValueError(f"points must hold at least 2 fields for a standard error, got {size}")
    expected, expected_stderr = theory["count"].to_numpy(), theory["count_stderr"].to_numpy()
    gap = counts.mean(axis=0) - expected
    stderr = counts.std(axis=0, ddof=1) / np.sqrt(size)
    table = pd.DataFrame(
        {
            "index": theory["index"].to_numpy(),
            "fields": size,
            "enumerated": counts.mean(axis=0),
            "enumerated_stderr": stderr,
            "kac_rice": expected,
            "kac_rice_stderr": expected_stderr,
            "z": gap / np.hypot(stderr, expected_stderr),
        }
    )
    if size < 10 * p or not theory["resolved"].all():
        return table, float("nan")
    covariance = np.cov(counts[:, :p].T).reshape(p, p) / size + np.diag(expected_stderr[:p] ** 2)
    statistic = gap[:p] @ np.linalg.solve(covariance, gap[:p]) * (size - p) / (p * (size - 1))
    return table, float(fdtrc(p, size - p, statistic))


def counts_of_every_index(
    sizes: Sequence[tuple[int, float, int]], *, n_starts: int, n_samples: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Enumerate sampled fields, and compare the numbers of their critical points with the Kac-Rice formula.

    Parameters
    ----------
    sizes : sequence of (int, float, int)
        p, m and how many fields are sampled, at least 2.
    n_starts : int
        Newton starts of the first round, per field.
    n_samples : int
        Matrices per (p, m) in the formula.
    seed : int

    Returns
    -------
    counts : DataFrame
        p, m and the columns of `compare_counts`, one row per index, with the formula's mean_energy.
    tests : DataFrame
        p, m, fields, complete (fields of which the list of critical points is complete) and joint_p, the p-value of
        all indices together.
    """
    # The largest fields first, in small tasks, so that no worker is left with them at the end.
    pieces = [
        FieldEnumeration(p, m, first, min(block, n_fields - first), n_starts, seed)
        for p, m, n_fields in sorted(sizes, reverse=True)
        for block in [max(1, 50 // 4 ** max(p - 3, 0))]
        for first in range(0, n_fields, block)
    ]
    formula = [CountTask(p, m, n_samples, seed) for p, m, _ in sizes]
    tasks: list[Task] = [*pieces, *formula]
    tables = run_tasks(tasks, label="fields")
    found: dict[tuple[int, float], list[pd.DataFrame]] = {}
    for piece, table in zip(pieces, tables, strict=False):  # the formula's tables are the last ones
        found.setdefault((piece.n_params, piece.degrees_of_freedom), []).append(table)
    counts, tests = [], []
    for (p, m, n_fields), theory in zip(sizes, tables[len(pieces) :], strict=True):
        points = pd.concat(found[p, m])
        compared, pvalue = compare_counts(points, theory)
        complete = int(points.groupby("field")["complete"].first().sum())
        compared = compared.assign(mean_energy=theory["mean_energy"])
        compared.insert(0, "m", m)
        compared.insert(0, "p", p)
        counts.append(compared)
        tests.append({"p": p, "m": m, "fields": n_fields, "complete": complete, "joint_p": pvalue})
    return pd.concat(counts, ignore_index=True), pd.DataFrame(tests)


def minima_at_ratios(
    gammas: Sequence[float], sizes: Sequence[tuple[int, int, int]], *, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Minima of the field at fixed gamma = p/2m: their density in energy, number and mean energy.

    Parameters
    ----------
    gammas : sequence of float
        In (0, 1), where minima have a threshold energy; the density is that of the first.
    sizes : sequence of (int, int, int)
        p, and how many matrices number and mean energy, and the density at each energy, are estimated with.
    seed : int

    Returns
    -------
    density : DataFrame
        gamma, p, threshold and the columns of `MinimaDensity`, at 31 energies from 0.3 to 2.1 of the threshold energy.
    minima : DataFrame
        gamma, p, threshold (the energy E_th) and the columns of `CountTask` for index 0.

    Raises
    ------
    ValueError
        If a gamma is not in (0, 1).
    """
    if not gammas or not all(0 < gamma < 1 for gamma in gammas):
        raise ValueError(f"gammas are {list(gammas)}; minima have a threshold energy for 0 < gamma < 1 only")
    thresholds = {gamma: float(threshold_energy(gamma)) for gamma in gammas}
    grid = tuple(np.round(np.linspace(0.3, 2.1, 31) * thresholds[gammas[0]], 6).tolist())
    profiles = [MinimaDensity(p, p / (2 * gammas[0]), size, seed, grid) for p, _, size in sizes]
    places, tasks = [], []
    for gamma, threshold in thresholds.items():
        for p, size, _ in sizes:
            # Their energies scatter by about 1/sqrt(p) above the threshold, and less below.
            window = (max(0.0, threshold - 0.8 / p**0.5), threshold + 2 / p**0.5)
            places.append({"gamma": gamma, "p": p, "threshold": threshold})
            tasks.append(CountTask(p, p / (2 * gamma), size, seed, 0, window))
    tables = run_tasks([*profiles, *tasks], label="asymptotics")
    densities = [
        table.assign(gamma=gammas[0], p=p, threshold=thresholds[gammas[0]])
        for (p, _, _), table in zip(sizes, tables, strict=False)
    ]
    counts = pd.concat(tables[len(profiles) :], ignore_index=True).drop(columns="index")
    return pd.concat(densities, ignore_index=True), pd.concat([pd.DataFrame(places), counts], axis=1)


def approach(minima: pd.DataFrame, *, least_params: int = 8) -> pd.DataFrame:
    """How the mean energy of minima approaches the threshold energy: a power of p, by least squares.

    Parameters
    ----------
    minima : DataFrame
        As `minima_at_ratios` returns; rows that are not resolved are left out.
    least_params : int
        Smallest p of the fit.

    Returns
    -------
    DataFrame
        gamma, above (the least mean energy above the threshold), exponent and error (its standard error), which are
        nan where fewer than two p are resolved.
    """
    rows = []
    for gamma, group in minima.groupby("gamma", sort=False):
        good = group[group["resolved"] & (group["p"] >= least_params)]
        above = (good["mean_energy"] - good["threshold"]).to_numpy()
        row = {"gamma": gamma, "above": above.min(initial=np.inf), "exponent": np.nan, "error": np.nan}
        if len(set(good["p"])) > 1:
            x = np.log(good["p"].to_numpy())
            weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
            relative = good["mean_energy_stderr"].to_numpy() / np.abs(above)
            row |= {"exponent": weights @ np.log(np.abs(above)), "error": np.sqrt(weights**2 @ relative**2)}
        rows.append(row)
    return pd.DataFrame(rows)
