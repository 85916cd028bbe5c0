"""Profiles |psi_a|^2 of Haar-random states of a given energy, drawn by importance.

The profile of a Haar-random state of C^N in the basis of the observable is uniform on the simplex.  Each sample has the
energy asked for exactly, and a weight with respect to the Haar measure, without any kernel width (derived;
`docs/finite_dimension.md`, section 6).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln

from qgmutils.beyond.large_dimension.edges import inside
from qgmutils.inputs import real_array, require_integer, require_positive

__all__ = ["entropic_variance", "profile_rates", "sample_profiles"]

Array = NDArray[np.float64]


def even_levels(levels: ArrayLike) -> Array:
    h = np.sort(real_array(levels, "levels")) if np.ndim(levels) == 1 else np.empty(0)
    if len(h) < 4 or len(h) % 2 or not np.isfinite(h).all() or not h[-1] > h[0]:
        raise ValueError(
            "levels must be an even number, at least 4, of finite numbers that are not all equal "
            f"(a reflection has as many eigenvalues +1 as -1), got {levels!r}"
        )
    return h


def profile_rates(levels: ArrayLike, energy: float, variance: float | None = None) -> Array:
    """Rates w_a of the profile of largest entropy with this energy, and this variance if given.

    Parameters
    ----------
    levels : array_like, shape (N,)
        Normalised levels, in any order.
    energy : float
        Between the lowest and the highest level.
    variance : float, optional
        sigma^2 = sum pi_a h_a^2 - E^2, positive. Values that no profile has are moved into the possible range.

    Returns
    -------
    ndarray, shape (N,)
        Positive, in the order of the sorted levels: w_a = 1 + beta x_a + eta (x_a^2 - variance), x_a = h_a - energy.
        The profile itself is 1 / (N w_a).

    Notes
    -----
    Haar measure gives a profile the weight prod 1 over the simplex; near a mean profile pi its entropy is
    sum ln(N pi_a).  Its maximum under linear constraints is the minimum of the convex function -sum ln w_a of
    (beta, eta), found by Newton's method (derived).
    """
    h = even_levels(levels)
    x = h - inside(energy, h)
    features = x[:, None]
    if variance is not None:
        variance = require_positive(variance, "variance")
        low, high = x[x <= 0].max(), x[x > 0].min()
        least, most = -low * high, -x[0] * x[-1]
        margin = 0.02 * (most - least)
        if most - least > 1e-9 * most:  # with two levels the energy fixes the variance
            features = np.column_stack([x, x**2 - np.clip(variance, least + margin, most - margin)])
    scale = np.abs(features).max(axis=0)
    features = features / scale
    point, w = np.zeros(features.shape[1]), np.ones(len(h))
    for _ in range(200):
        slope = -(features / w[:, None]).sum(axis=0)
        curvature = (features / w[:, None]).T @ (features / w[:, None])
        step = -np.linalg.solve(curvature + 1e-12 * np.trace(curvature) * np.eye(len(point)), slope)
        size, value = 1.0, -np.log(w).sum()
        while size > 1e-12:
            trial = 1 + features @ (point + size * step)
            if trial.min() > 0 and -np.log(trial).sum() <= value + 1e-4 * size * (slope @ step):
                break
            size /= 2
        else:
            break
        point, w = point + size * step, trial
        if -slope @ step < 1e-16:
            break
    return w


def sample_profiles(
    levels: ArrayLike, energy: float, size: int, rng: np.random.Generator, *, rates: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Draw profiles |psi_a|^2 of a given energy, with exact weights with respect to Haar-random states.

    Parameters
    ----------
    levels : array_like, shape (N,)
    energy : float
        Between the lowest and the highest level.
    size : int
        Number of profiles.
    rng : numpy.random.Generator
    rates : array_like, shape (N,), optional
        Positive, in the order of the sorted levels; by default those of :func:`profile_rates`.

    Returns
    -------
    profiles : ndarray, shape (size, N)
        In the order of the sorted levels; each sums to 1 and has the energy exactly.
    log_weights : ndarray, shape (size,)
        mean(exp(log_weights) f(profiles)) estimates the Haar mean of delta(E - <H>) f.

    Notes
    -----
    A Haar profile is uniform on the simplex.  Its share t on the N+ levels above E, and the two normalised parts, are
    independent: t ~ Beta(N+, N-), the parts uniform on their simplices.  With mean energies e+ and e- of the parts,
    t = (E - e-) / (e+ - e-) solves the constraint with Jacobian 1 / (e+ - e-).  Each part is drawn as
    exponentials divided by the rates (angular central Gaussian), of density prod w_a (sum D_a w_a)^-N+ relative to
    uniform (derived).
    """
    h = even_levels(levels)
    energy, size = inside(energy, h), require_integer(size, "size")
    w = profile_rates(h, energy) if rates is None else np.asarray(rates, dtype=np.float64)
    if w.shape != h.shape or not (np.isfinite(w).all() and (w > 0).all()):
        raise ValueError(f"rates must be {len(h)} positive finite numbers, got {rates!r}")
    profiles = rng.standard_exponential((size, len(h))) / w
    log_weights = np.zeros(size)
    means = []
    above = h > energy
    for part in (above, ~above):
        profiles[:, part] /= profiles[:, part].sum(axis=1, keepdims=True)
        log_weights += part.sum() * np.log(profiles[:, part] @ w[part]) - np.log(w[part]).sum()
        means.append(profiles[:, part] @ h[part])
    count_above, count_below = above.sum(), (~above).sum()
    share = (energy - means[1]) / (means[0] - means[1])
    log_weights += (count_above - 1) * np.log(share) + (count_below - 1) * np.log1p(-share)
    log_weights -= betaln(count_above, count_below) + np.log(means[0] - means[1])
    profiles[:, above] *= share[:, None]
    profiles[:, ~above] *= 1 - share[:, None]
    return profiles, log_weights


def entropic_variance(levels: ArrayLike, energy: float) -> float:
    """sigma^2 of the profile of largest entropy at this energy; arguments as in :func:`profile_rates`."""
    h = even_levels(levels)
    return float(np.mean((h - energy) ** 2 / profile_rates(h, energy)))
