"""Counting critical points as tasks: expected numbers, the density of minima, the comparison with enumeration."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from .kac_rice import (
    MIN_EFFECTIVE_SAMPLES,
    Counts,
    LogDensity,
    UnresolvedError,
    expected_counts,
    normalised,
    whrf_log_density,
)
from .spectra import wishart_dimension

__all__ = ["CountTask", "MinimaDensity", "compare_counts"]


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
        Matrices per energy.
    seed : int
    energies : tuple of float
        At least two, increasing; none stands for 25 energies that cover the bulk.
    min_effective_samples : float
        Below this an energy is unresolved. At 10 the standard error is 1/3: enough to draw a curve with its error band.
    """

    n_params: int
    degrees_of_freedom: float
    n_samples: int
    seed: int
    energies: tuple[float, ...] = ()
    min_effective_samples: float = MIN_EFFECTIVE_SAMPLES

    def run(self) -> pd.DataFrame:
        """Return one row per energy: energy, log_density, density, stderr (relative), effective_samples, resolved.

        exp(log_density) integrates to the expected number of minima, density to 1; density is nan where its bulk is not
        resolved. Without given energies a coarse scan with few matrices finds the bulk, 8 e-folds below the peak on
        either side; for ``p >= 2m - 2`` the density is not integrable at ``E = 0`` and there are no rows then.
        """
        rng = _stream(self.seed, self.n_params, self.degrees_of_freedom)
        energies = np.array(self.energies) if self.energies else self._bulk(rng)
        nothing = np.empty(0)
        found = LogDensity(nothing, nothing, nothing, nothing, nothing.astype(bool))
        density = nothing
        if energies.size:
            found = self._sample(energies, self.n_samples, rng)
            try:
                density = np.exp(normalised(found).log_density)
            except UnresolvedError:
                density = np.full(energies.size, np.nan)
        return pd.DataFrame(
            {
                "energy": found.energies,
                "log_density": found.log_density,
                "density": density,
                "stderr": found.stderr,
                "effective_samples": found.effective_samples,
                "resolved": found.resolved,
            }
        )

    def _sample(self, energies: np.ndarray, n_samples: int, rng: np.random.Generator) -> LogDensity:
        return whrf_log_density(
            energies,
            self.n_params,
            self.degrees_of_freedom,
            index=0,
            n_samples=n_samples,
            rng=rng,
            min_effective_samples=self.min_effective_samples,
        )

    def _bulk(self, rng: np.random.Generator) -> np.ndarray:
        if self.n_params >= wishart_dimension(self.degrees_of_freedom) - 2:
            return np.empty(0)
        coarse = np.linspace(0.02, 1.3, 40) ** 2
        scan = self._sample(coarse, 400, rng).log_density
        bulk = np.flatnonzero(scan > scan.max() - 8)
        low, high = coarse[max(bulk[0] - 1, 0)], coarse[min(bulk[-1] + 1, len(coarse) - 1)]
        return np.linspace(np.sqrt(low), np.sqrt(high), 25) ** 2


def compare_counts(points: pd.DataFrame, theory: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Compare enumerated critical points with expected counts, index by index and all together.

    Parameters
    ----------
    points : DataFrame
        One row per critical point with the columns field and index, as :class:`qgmutils.fields.FieldEnumeration`
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
