"""What a theory says about the Hessian at points of given energies: random matrices to compare sampled spectra with.

At a point of energy E that is not critical, the WHRF's Hessian is that of a critical point plus a term of rank one,

    Hess | (E, g) = Hess | (E, g = 0) + g g^T / (2 E),       g the gradient,

because F = |f|^2 / m and the gradient is 2 (f . d_i f) / m: conditioning on g = 0 removes one of the 2m directions of
the Wishart matrix, and the direction removed is g itself.  On average the curvature A = Hess / 2 along the gradient is
1 - E + (p - 1) / (2m), across it 1 - E - 1 / (2m).  A term of rank one moves the distribution function of the
eigenvalues by at most 1/p, and the index by at most 1.  For circuits the same excess is s (p - 1) / (2m) up to 1/N,
with s the third-moment ratio of `haar`.  Source: derived for this project (derived); the law at critical points is
general knowledge of the construction (field).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from qgmutils.field import haar, spectra
from qgmutils.field.polynomials import sample_whrf
from qgmutils.losses.energy import Energy
from qgmutils.statistics.estimates import binned_means, cluster_estimate, distribution_gap

Array = NDArray[np.float64]

THEORIES = ("whrf", "tangent")

Samples = Mapping[tuple[str, str], pd.DataFrame]
"""(model, kind of points) -> table of a `SampleTask` of spectra.  Kinds are "random" (uniform angles), "graded" (such
angles, chosen so that their losses are spread out) and "minimum" (what the search finds)."""
Energies = Mapping[str, Energy]
"""Model -> its loss."""
Reference = tuple[Array, Array]
"""Eigenvalues (K, p) of a theory's matrices, and their weights (K,)."""


def reference_spectra(
    theory: str,
    problem: Energy,
    n_params: int,
    energies: ArrayLike,
    variances: ArrayLike,
    *,
    minima: bool,
    rng: np.random.Generator,
    draws: int = 8,
    rounds: int = 5,
) -> Reference:
    """Eigenvalues of A = Hess / 2 that a theory predicts at points of these energies.

    Parameters
    ----------
    theory : {"whrf", "tangent"}
        The field with the problem's m (2m rounded as in `spectra.wishart_dimension`), or random unit tangents in
        the problem's Hilbert space (`haar.sample_tangent_hessians`).
    energies, variances : array_like, shape (B,)
        E and sigma^2 of the points.
    minima : bool
        True: the law at local minima by the Kac-Rice formula, that is positive definite matrices weighted with
        their determinant.  False: at random angles; the WHRF then has its rank-one term.
    draws, rounds : int
        Matrices for each energy; energies at which none is positive definite are tried again in further rounds,
        with twice as many each time.

    Returns
    -------
    spectra : (K, p)
        One row a matrix, ascending.
    weights : (K,)
        The weights of each energy sum to 1, or to 0 where no matrix of that energy was positive definite.

    Raises
    ------
    ValueError
        For an unknown theory.
    """
    if theory not in THEORIES:
        raise ValueError(f"unknown theory {theory!r}: choose one of {', '.join(THEORIES)}")
    levels, spreads = np.asarray(energies, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    energy = np.repeat(levels, draws)
    if theory == "tangent":
        variance = np.repeat(spreads, draws)
        matrices = haar.sample_tangent_hessians(problem.levels, energy, variance, n_params, rng)
    else:
        wishart, symmetric = spectra.sample_hessian_parts(
            n_params, problem.degrees_of_freedom, len(energy), rng
        )
        if not minima:
            extra = rng.standard_normal((len(energy), n_params))
            wishart += (
                extra[:, :, None] * extra[:, None, :] / spectra.wishart_dimension(problem.degrees_of_freedom)
            )
        matrices = wishart + np.sqrt(energy)[:, None, None] * symmetric
        matrices[:, np.arange(n_params), np.arange(n_params)] -= energy[:, None]
    eigenvalues = np.asarray(np.linalg.eigvalsh(matrices), dtype=np.float64)
    if not minima:
        return eigenvalues, np.full(len(energy), 1 / draws, dtype=np.float64)
    stable = eigenvalues[:, 0] > 0
    log_det = np.where(stable, np.log(np.where(stable[:, None], eigenvalues, 1.0)).sum(axis=1), -np.inf)
    grouped = log_det.reshape(-1, draws)
    top = grouped.max(axis=1, keepdims=True)
    weights: Array = np.exp(grouped - np.where(np.isfinite(top), top, 0.0))
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    empty = total[:, 0] == 0
    if not empty.any() or rounds <= 1:
        return eigenvalues, weights.ravel()
    again = reference_spectra(
        theory,
        problem,
        n_params,
        levels[empty],
        spreads[empty],
        minima=True,
        rng=rng,
        draws=2 * draws,
        rounds=rounds - 1,
    )
    return np.concatenate([eigenvalues, again[0]]), np.concatenate([weights.ravel(), again[1]])


def limiting_density(x: ArrayLike, gamma: float, energies: ArrayLike, *, n_energies: int = 25) -> Array:
    """Mean of Marchenko-Pastur [+] semicircle - E (`spectra.hessian_density`) over the quantiles of these energies."""
    levels = np.quantile(np.asarray(energies, dtype=np.float64), (np.arange(n_energies) + 0.5) / n_energies)
    return np.asarray(np.mean([spectra.hessian_density(x, gamma, float(e)) for e in levels], axis=0))


def limiting_index(gamma: float, energies: ArrayLike, *, n_points: int = 200) -> Array:
    """Share of negative eigenvalues in the limit of many angles, at critical points of these energies.

    The density is integrated from its left edge to 0; below the threshold energy the share is 0.
    """
    result = []
    for energy in np.atleast_1d(np.asarray(energies, dtype=np.float64)):
        left = float(spectra.hessian_edges(gamma, energy)[0])
        if left >= 0:
            result.append(0.0)
            continue
        # The density starts as a square root; nodes quadratic in the distance to the edge make the integrand smooth.
        t = (np.arange(n_points) + 0.5) / n_points
        x = left - left * t**2
        result.append(float(np.mean(spectra.hessian_density(x, gamma, energy) * 2 * t) * -left))
    return np.array(result)


def width(eigenvalues: ArrayLike, weights: Array | None = None) -> float:
    """Standard deviation of the eigenvalues about the mean of their own matrix: (K, p), weights (K,)."""
    return float(np.sqrt(_mean(np.asarray(eigenvalues, dtype=np.float64).var(axis=1), weights)))


def _mean(values: Array, weights: Array | None) -> float:
    """Weighted mean; nan where a theory has no matrix, so that all weights are 0."""
    return float(np.average(values, weights=weights)) if weights is None or weights.any() else float("nan")


@dataclass(frozen=True)
class FieldTask:
    """Points of sampled random fields, to test what holds for the field itself; at most 10 angles.

    `run` returns one row a point: circuit (number of the field), start, loss, gradient_square (sum), curvature (mean
    diagonal of A = Hessian / 2), along_gradient (g.A.g / g.g).
    """

    n_params: int
    degrees_of_freedom: float
    n_fields: int
    n_starts: int
    seed: int

    def run(self) -> pd.DataFrame:
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(0, self.n_params)))
        tables = []
        for number in range(self.n_fields):
            field = sample_whrf(self.n_params, self.degrees_of_freedom, rng)
            theta = rng.uniform(0, np.pi, (self.n_starts, self.n_params))
            gradient, halves = field.gradient(theta), field.hessian(theta) / 2
            square = np.sum(gradient**2, axis=1)
            part = {
                "circuit": number,
                "start": np.arange(self.n_starts),
                "loss": field.value(theta),
                "gradient_square": square,
                "curvature": np.trace(halves, axis1=1, axis2=2) / self.n_params,
                "along_gradient": np.einsum("bi,bij,bj->b", gradient, halves, gradient) / square,
            }
            tables.append(pd.DataFrame(part))
        return pd.concat(tables, ignore_index=True)


def spectra_table(
    samples: Samples, energies: Energies, *, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[tuple[str, str], dict[str, Reference]]]:
    """`compare_spectra` of every sample: one row each, with model, points (the kind) and hamiltonian; references."""
    rows, references = [], {}
    for (model, kind), table in samples.items():
        row, references[model, kind] = compare_spectra(
            table, energies[model], minima=kind == "minimum", rng=rng
        )
        rows.append({"model": model, "points": kind, "hamiltonian": energies[model].name, **row})
    return pd.DataFrame(rows), references


def compare_spectra(
    table: pd.DataFrame, energy: Energy, *, minima: bool, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, Reference]]:
    """Compare the certified points of a `SampleTask` of spectra with every theory at the same losses.

    Returns
    -------
    row : dict
        n_qubits, n_params, gamma, count and left_out (points that are not certified), loss (mean); for the sample and,
        with the theory's name behind, each theory: width (of the spectrum), lowest and highest (mean extreme
        eigenvalues), all nan where a theory has no minimum at any of these losses; width_se: cluster standard error of
        the sample's width; gap and gap_se with the theory's name: `estimates.distribution_gap`; left_edge, right_edge:
        of the limiting density at the mean loss.
    references : dict
        The theory's name to its `reference_spectra`.
    """
    n_params = int(table["position"].max()) + 1
    certified = table[table["certified"]]
    points = certified[certified["position"] == 0]
    observed = certified["eigenvalue"].to_numpy().reshape(-1, n_params)
    gamma, loss = n_params / (2 * energy.degrees_of_freedom), points["loss"].mean()
    left, right = spectra.hessian_edges(gamma, loss)
    # From a stream of its own, so that it does not change the matrices below.
    square, error = cluster_estimate(observed.var(axis=1), points["circuit"], rng=rng.spawn(1)[0])
    row = {
        "n_qubits": energy.n_qubits,
        "n_params": n_params,
        "gamma": gamma,
        "count": len(points),
        "left_out": (len(table) - len(certified)) // n_params,
        "loss": loss,
        "left_edge": float(left),
        "right_edge": float(right),
        "width": np.sqrt(square),
        "width_se": error / (2 * np.sqrt(square)),
        "lowest": observed[:, 0].mean(),
        "highest": observed[:, -1].mean(),
    }
    references = {}
    for theory in THEORIES:
        values, weights = reference_spectra(
            theory,
            energy,
            n_params,
            points["loss"],
            points["variance"],
            minima=minima,
            rng=rng,
            draws=8 if minima else 4,
        )
        references[theory] = values, weights
        gap = float("nan"), float("nan")
        if weights.any():
            each = np.repeat(weights, n_params)
            gap = distribution_gap(
                certified["eigenvalue"], certified["circuit"], values.ravel(), weights=each, rng=rng
            )
        row |= {
            f"gap_{theory}": gap[0],
            f"gap_{theory}_se": gap[1],
            f"width_{theory}": width(values, weights),
        }
        row |= {f"lowest_{theory}": _mean(values[:, 0], weights)}
        row |= {f"highest_{theory}": _mean(values[:, -1], weights)}
    return row, references


def density_table(
    samples: Samples, energies: Energies, references: Mapping[tuple[str, str], Mapping[str, Reference]]
) -> pd.DataFrame:
    """Densities of eigenvalues: at random angles of losses in the lowest and highest quarter, and at minima.

    One row a bin, whose ends are left and right, with the columns model, points, part ("lowest quarter" and "highest
    quarter" of the graded points, "all" minima), count (points), low, mean and high (losses), sample (density),
    limit (`limiting_density` in the middle of the bin at the same losses), and at minima whrf and tangent (of the
    references; nan where a theory has no minimum).
    """
    tables = []
    for (model, kind), table in samples.items():
        if kind == "random":
            continue
        certified = table[table["certified"]]
        values, losses = certified["eigenvalue"], certified["loss"]
        gamma = (table["position"].max() + 1) / (2 * energies[model].degrees_of_freedom)
        if kind == "minimum":
            # Zero is an end of a bin; the limit spills below it.
            edges, parts = values.max() * np.arange(-4, 37) / 33, {"all": losses > -np.inf}
        else:
            edges = np.linspace(1.1 * values.min(), 1.1 * values.max(), 46)
            quarters = losses.quantile([0.25, 0.75]).to_list()
            parts = {"lowest quarter": losses <= quarters[0], "highest quarter": losses >= quarters[1]}
        for part, chosen in parts.items():
            points = certified.loc[chosen & (certified["position"] == 0), "loss"]
            found = {"model": model, "points": kind, "part": part, "count": len(points)}
            found |= {"low": points.min(), "mean": points.mean(), "high": points.max()}
            found |= {"left": edges[:-1], "right": edges[1:], "sample": _density(values[chosen], edges)}
            found["limit"] = limiting_density((edges[1:] + edges[:-1]) / 2, gamma, points)
            if kind == "minimum":
                for theory, (spectrum, weights) in references[model, kind].items():
                    found[theory] = _density(spectrum, edges, np.repeat(weights, spectrum.shape[1]))
            tables.append(pd.DataFrame(found))
    return pd.concat(tables, ignore_index=True)


def _density(values: ArrayLike, edges: Array, weights: Array | None = None) -> Array:
    """Histogram of which the area is 1 with what lies outside; nan if all weights are 0."""
    flat = np.ravel(np.asarray(values, dtype=np.float64))
    total = len(flat) if weights is None else weights.sum()
    if not total:
        return np.full(len(edges) - 1, np.nan)
    return np.asarray(np.histogram(flat, edges, weights=weights)[0] / (total * np.diff(edges)))


def index_table(
    samples: Samples,
    energies: Energies,
    references: Mapping[tuple[str, str], Mapping[str, Reference]],
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """`index_by_loss` of the graded points of every model against the WHRF, with model, hamiltonian and gamma."""
    tables = []
    for (model, kind), table in samples.items():
        if kind == "graded":
            energy = energies[model]
            bins = index_by_loss(table, references[model, kind]["whrf"][0], rng=rng)
            bins["gamma"] = (table["position"].max() + 1) / (2 * energy.degrees_of_freedom)
            tables.append(bins.assign(model=model, hamiltonian=energy.name))
    return pd.concat(tables, ignore_index=True)


def index_by_loss(
    table: pd.DataFrame, eigenvalues: Array, *, rng: np.random.Generator, n_bins: int = 9
) -> pd.DataFrame:
    """Share of negative eigenvalues in quantile bins of the loss, from a `SampleTask` of spectra at random angles.

    `eigenvalues` are the theory's (K, p), as many matrices for each point, in the order of the points.  The result has
    the columns of `estimates.binned_means`, and miss, miss_se: mean of observed - theory, point by point.
    """
    points = table.groupby(["circuit", "start"])
    share = points["eigenvalue"].agg(lambda values: np.mean(values < 0)).to_numpy()
    loss = points["loss"].first()
    theory = (eigenvalues < 0).mean(axis=1).reshape(len(loss), -1).mean(axis=1)
    edges = np.quantile(loss, np.linspace(0, 1, n_bins + 1))
    circuit = loss.index.get_level_values("circuit")
    bins = binned_means(loss, share, circuit, edges, rng=rng)
    miss = binned_means(loss, share - theory, circuit, edges, rng=rng)
    return bins.assign(miss=miss["y"], miss_se=miss["se"])


def excess_table(
    samples: Samples, energies: Energies, field: FieldTask, drawn: pd.DataFrame, *, rng: np.random.Generator
) -> pd.DataFrame:
    """`gradient_excess` of the random points of every model, and of sampled fields with and without the rank-one term.

    Parameters
    ----------
    samples, energies
        As elsewhere; points of the kind "random" are used.
    field, drawn
        A task of fields and its table.

    Returns
    -------
    DataFrame
        points (whose), observed, se, theory, and samples (circuits, or fields): the theory is s of `haar` for a
        model, 1 for the fields, and -1 / (p - 1) without the term g g^T / (2 E) of the Hessian.
    """
    rows = []
    for (model, kind), table in samples.items():
        if kind == "random":
            energy, points = energies[model], table[table["position"] == 0]
            p = int(table["position"].max()) + 1
            found = gradient_excess(points, energy.degrees_of_freedom, p, rng=rng)
            theory = float(np.round(haar.third_moment_ratio(energy.levels), 10)) + 0.0
            rows.append((energy.name, *found, theory, table["circuit"].nunique()))
    m, p = field.degrees_of_freedom, field.n_params
    without = drawn.assign(
        along_gradient=drawn["along_gradient"] - drawn["gradient_square"] / (4 * drawn["loss"])
    )
    for name, points, theory in (
        ("sampled field", drawn, 1.0),
        ("sampled field without the rank-one term", without, -1 / (p - 1)),
    ):
        rows.append((name, *gradient_excess(points, m, p, rng=rng), theory, field.n_fields))
    return pd.DataFrame(rows, columns=["points", "observed", "se", "theory", "samples"])


def gradient_excess(
    points: pd.DataFrame, degrees_of_freedom: float, n_params: int, *, rng: np.random.Generator
) -> tuple[float, float]:
    """Excess of the curvature along the gradient over 1 - E in units of (p - 1) / 2m, with its cluster standard error.

    `points` has the columns circuit, loss and along_gradient, one row a random point; p >= 2.  The WHRF has 1.
    """
    unit = (n_params - 1) / (2 * degrees_of_freedom)
    return cluster_estimate(
        (points["along_gradient"] + points["loss"] - 1) / unit, points["circuit"], rng=rng
    )
