"""How the number of minima depends on sigma^2 = <(H - E)^2>, given the energy: theory, corrected by pilot populations.

E[det M; M > 0] falls with sigma^2 nearly exponentially, by e-folds for a few per cent at large p.  The theory of
large N (:mod:`qgmutils.beyond.large_dimension.pushed`) gives the curve, and pilots by how much its slope is off
(derived; `docs/finite_dimension.md`, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qgmutils.beyond.large_dimension.complexity import variance_range
from qgmutils.beyond.large_dimension.pushed import pushed_log_determinant

__all__ = ["Response", "corrected", "theory_response"]

Array = NDArray[np.float64]

_FRACTIONS = np.linspace(0.0, 1.0, 202)[1:-1] ** 2  # of the range of sigma^2, where theory is asked
_NEIGHBOUR = 0.7  # what an energy counts for the next one


@dataclass(frozen=True)
class Response:
    """ln E[det M; M > 0] of one energy as a function of sigma^2.

    Attributes
    ----------
    variances : ndarray, shape (V,)
        sigma^2, increasing, over all that profiles of this energy can have.
    log_determinant, cost : ndarray, shape (V,)
        What theory expects: ln E[det M; M > 0], and -ln P(M > 0).
    tilt : float
        By how much the slope in sigma^2 is another than theory's.
    """

    variances: Array
    log_determinant: Array
    cost: Array
    tilt: float = 0.0

    def theory(self, spread: Array) -> Array:
        """ln E[det M; M > 0] up to a constant, for profiles of that sigma^2, as theory has it."""
        found: Array = np.interp(spread, self.variances, self.log_determinant)
        return found

    def expected(self, spread: Array) -> Array:
        """The same with the tilt."""
        return self.theory(spread) + self.tilt * spread

    def scatter(self, spread: Array, size: int) -> Array:
        """Variance of the logarithm of the estimate of a population of that size.

        Measured: within a factor of two at N = 16 to 256, for costs up to 30 and populations of 32 to 128.
        """
        cost: Array = np.interp(spread, self.variances, self.cost)
        return cost * (4 + cost / 5) / size


def theory_response(h: Array, energy: float, p: int) -> Response:
    """The response that theory expects for these sorted levels."""
    least, most = variance_range(h, energy)
    variances = np.unique(least + _FRACTIONS * (most - least))  # a single one if there are but two levels
    return Response(variances, *pushed_log_determinant(h, energy, variances, p))


def corrected(responses: list[Response], variances: Array, seen: list[Array], size: int) -> list[Response]:
    """Responses with the slopes that pilots saw, for energies in ascending order.

    Parameters
    ----------
    responses : list of Response
        One per energy.
    variances : ndarray, shape (E,)
        sigma^2 of minima at each energy.  In units of it the correction changes smoothly with the energy, so that an
        energy shares it with its neighbours, which count less.
    seen : list of ndarray, shape (S, 2)
        sigma^2 and ln estimate of the pilots at each energy.
    size : int
        Matrices of a pilot.
    """
    result = []
    for e, (response, variance) in enumerate(zip(responses, variances, strict=True)):
        near = np.array([0.95, 1.05]) * variance
        slope = np.diff(response.theory(near)).item() / 0.1
        # Pilots scatter by about one, and theory is seldom off by more than a quarter.
        products, squares = 0.0, 1 / (1 + (slope / 4) ** 2)
        for k in range(max(e - 2, 0), min(e + 3, len(seen))):
            if len(seen[k]):
                spread, log = seen[k].T
                missed = log + responses[k].scatter(spread, size) / 2 - responses[k].theory(spread)
                x = (spread - spread.mean()) / variances[k]
                products += _NEIGHBOUR ** abs(k - e) * (x @ missed)
                squares += _NEIGHBOUR ** abs(k - e) * (x @ x)
        result.append(replace(response, tilt=float(products / squares / variance)))
    return result
