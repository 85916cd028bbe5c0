"""Densities of critical points in energy, known by Monte Carlo sampling, with their errors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

__all__ = ["LogDensity", "UnresolvedError", "collect", "density_table", "normalised"]

Array = NDArray[np.float64]


class UnresolvedError(ValueError):
    """The Monte Carlo sample does not resolve the rare event that was asked for."""


@dataclass(frozen=True)
class LogDensity:
    """Natural logarithm of a density of critical points in energy, with Monte Carlo errors; arrays of shape (E,).

    Attributes
    ----------
    energies
        Normalised energies (ground state 0, mean 1).
    log_density
        ``ln rho_k(E)``; -inf where no sample had the index.
    stderr
        Standard error of ``log_density``; inf where there was no sample. Whether errors
        at different energies are independent is said where the density is made.
    effective_samples
        Independent weights that would give the same error: ``(sum w)^2 / sum w^2`` of the weights w of single
        matrices, ``1 / stderr^2`` for populations of them.
    resolved
        Where ``effective_samples`` suffices; elsewhere values are not to be used.
    """

    energies: Array
    log_density: Array
    stderr: Array
    effective_samples: Array
    resolved: NDArray[np.bool_]


def relative_variance(effective: ArrayLike, count: int) -> Any:
    """Of a mean of `count` weights of which so many are effective: (1/effective - 1/n) n/(n-1), at least 0."""
    with np.errstate(divide="ignore"):
        return np.maximum((1 / np.asarray(effective) - 1 / count) * count / (count - 1), 0.0)


def collect(energies: Array, log_weights: Sequence[Array], least: float, size: int = 1) -> LogDensity:
    """The density at each energy from one list of independent log weights per energy, each of `size` matrices.

    Effective samples are (sum w)^2 / sum w^2 for single matrices and 1/stderr^2 for populations; below `least` an
    energy is unresolved.
    """
    log_density, stderr, effective = [], [], []
    for log_w in log_weights:
        count = len(log_w)
        total = logsumexp(log_w)
        log_density.append(total - np.log(count))
        found = bool(np.isfinite(total))
        effective.append(float(np.exp(2 * total - logsumexp(2 * log_w))) if found else 0.0)
        spread = relative_variance(effective[-1], count)
        stderr.append(np.sqrt(spread))
        if found and size > 1:
            effective[-1] = min(1 / max(spread, 1e-24), float(count * size))
    number = np.array(effective)
    return LogDensity(energies, np.array(log_density), np.array(stderr), number, number >= least)


def normalised(density: LogDensity) -> LogDensity:
    """The same density, divided by its integral over its energies (increasing), so that it integrates to 1.

    For minima this is the distribution of their energies; every minimum counts the same here, while training finds
    minima in proportion to their basins.

    Raises
    ------
    UnresolvedError
        If the sample leaves the bulk of the density unresolved: no energy is resolved, the largest resolved density
        sits next to an unresolved one, or the raw estimate puts more than 2 % of the points at unresolved energies.
    ValueError
        If the energies are not at least two increasing numbers.
    """
    x, log_density, resolved = density.energies, density.log_density, density.resolved
    if x.size < 2 or not (np.diff(x) > 0).all():
        raise ValueError(f"energies must be at least two increasing numbers, got {x!r}")
    width = np.gradient(x)
    with np.errstate(divide="ignore"):
        log_mass = log_density + np.log(width)
    total = logsumexp(log_mass)
    hidden = float(np.exp(log_mass[~resolved] - total).sum()) if np.isfinite(total) else 1.0
    at_border = False
    if resolved.any():
        peak = int(np.argmax(np.where(resolved, log_density, -np.inf)))
        at_border = not resolved[max(peak - 1, 0) : peak + 2].all()
    if hidden > 0.02 or at_border or not resolved.any():
        raise UnresolvedError(
            f"the sample must resolve the bulk of the density, got {hidden:.1%} of it at energies with too few "
            "effective samples (or the peak next to such an energy); raise n_samples or lower n_params"
        )
    log_integral = logsumexp(log_density[1:] + np.log(np.diff(x) / 2))
    log_integral = np.logaddexp(log_integral, logsumexp(log_density[:-1] + np.log(np.diff(x) / 2)))
    return replace(density, log_density=log_density - log_integral)


def density_table(found: LogDensity) -> pd.DataFrame:
    """One row per energy: energy, log_density, density, stderr (relative), effective_samples, resolved.

    exp(log_density) integrates to the expected number of minima, density to 1; it is nan where the bulk is unresolved.
    """
    density = np.full(found.energies.size, np.nan)
    if found.energies.size:
        with suppress(UnresolvedError):
            density = np.exp(normalised(found).log_density)
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
