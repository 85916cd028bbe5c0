"""The curve that the paper's author later used for the energies of minima, to compare with Kac-Rice."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

from qgmutils.inputs import known_array, require_integer, require_positive

__all__ = ["companion_log_density"]

Array = NDArray[np.float64]


def companion_log_density(energy: ArrayLike, n_params: int, degrees_of_freedom: float) -> Array:
    """Logarithm of the companion curve ``exp(-m x) x^(m - p/2) (1 - 2x)^p`` on [0, 1/2], normalised to integrate to 1.

    The prediction for the minima's energies in the author's later code (that of Nat. Commun. 13:7760),
    another curve than Kac-Rice with the same end point ``p = 2m``; -inf outside of (0, 1/2).
    Source: general knowledge of the author's later work (field).

    Raises
    ------
    ValueError
        If ``p >= 2m + 2``, where the curve cannot be normalised, ``m`` is not positive, or an energy is nan.
    """
    p, m = require_integer(n_params, "n_params"), require_positive(degrees_of_freedom, "degrees_of_freedom")
    power = m - p / 2
    if power <= -1:
        raise ValueError(
            f"n_params must be below 2m + 2 = {2 * m + 2:g} for the curve to be integrable, got {p}"
        )

    def log_curve(y: Array) -> Array:  # in y = x^(power + 1), whose measure absorbs the power at 0
        x = y ** (1 / (power + 1))
        with np.errstate(divide="ignore"):
            return -m * x + p * np.log1p(-2 * np.minimum(x, 0.5)) - np.log(power + 1)

    # Substituting removes the singularity at 0 for negative powers; for large ones work around the peak instead.
    if power <= 0:
        log_integral = np.log(quad(lambda y: np.exp(log_curve(np.asarray(y))), 0, 0.5 ** (power + 1))[0])
    else:
        # Stationary point of power ln x - m x + p ln(1 - 2x): 2 m x^2 - (m + 2 power + 2 p) x + power = 0.
        b = m + 2 * power + 2 * p
        peak = 2 * power / (b + np.sqrt(b * b - 8 * m * power))
        top = power * np.log(peak) - m * peak + p * np.log1p(-2 * peak)
        width = (power / peak**2 + 4 * p / (1 - 2 * peak) ** 2) ** -0.5
        low, high = max(0.0, peak - 40 * width), min(0.5, peak + 40 * width)
        integral = quad(
            lambda x: np.exp(power * np.log(x) - m * x + p * np.log1p(-2 * x) - top),
            *(low, high),
            points=[peak],
            limit=200,
        )[0]
        log_integral = top + np.log(integral)
    x = known_array(energy, "energy")
    inside = (x > 0) & (x < 0.5)
    safe = np.where(inside, x, 0.25)
    value = -m * safe + power * np.log(safe) + p * np.log1p(-2 * safe) - log_integral
    return np.where(inside, value, -np.inf)
