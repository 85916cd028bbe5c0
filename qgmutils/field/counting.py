"""Counting critical points as tasks: expected numbers, the density of minima, the comparison with enumeration."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from qgmutils.field.bulk import Populations, find_bulk, sample_bulk
from qgmutils.field.densities import LogDensity, UnresolvedError, density_table
from qgmutils.field.kac_rice import (
    MIN_EFFECTIVE_SAMPLES,
    Counts,
    expected_counts,
    log_prefactor,
    whrf_log_density,
)
from qgmutils.field.positive_definite import POPULATION_SIZE, populations
from qgmutils.field.spectra import wishart_dimension

__all__ = ["CountTask", "MinimaDensity", "compare_counts"]


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
