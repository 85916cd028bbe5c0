"""Periods of the loss in each angle, and the copy of a point that lies nearest to another."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.engine import Landscape
from qgmutils.slices.points import point

Array = NDArray[np.float64]

_LARGEST = 1000  # numerator and denominator of ratios of scales that count as fractions


def periods(surface: Landscape) -> Array:
    """The period of the loss in each angle.

    A gate exp(-i a P) changes its sign when its angle a = scale * theta + offset grows by pi, which no loss sees but
    one that depends on the phase.  An angle with one scale s thus has the period pi / |s|.  Where gates with the scales
    s_g share it, the period is pi t with the least t > 0 for which all s_g t are whole numbers; for a loss that
    depends on the phase twice that, unless the signs of its gates cancel.

    Words of several gates can cancel, too, and give the loss shorter periods than these; they are not looked for.

    Parameters
    ----------
    surface : Landscape

    Returns
    -------
    array, shape (p,)
        Radians; 0 where the loss does not depend on the angle, as no gate has it, and inf where there is no period, as
        scales have a ratio that is no fraction of numbers up to 1000.
    """
    circuit = surface.circuit
    return np.array(
        [
            _period(circuit.scale[circuit.parameter == k], signed=surface.loss.phase_sensitive)
            for k in range(circuit.n_params)
        ]
    )


def nearest_copy(surface: Landscape, theta: ArrayLike, other: ArrayLike) -> Array:
    """The copy of a point, shifted by periods of its angles, that is nearest to another point.

    Parameters
    ----------
    surface : Landscape
    theta : array_like, shape (p,)
        The point to be near to, radians.
    other : array_like, shape (p,)
        The point of which a copy is wanted, radians.

    Returns
    -------
    array, shape (p,)
        Each angle is within half a period of that of `theta`; the loss is that at `other`, to rounding.

    Raises
    ------
    ValueError
        If these are not two points of the landscape.
    """
    here, there, period = point(surface, theta, "theta"), point(surface, other, "other"), periods(surface)
    repeats = np.isfinite(period) & (period > 0)
    turns = np.rint((there - here) / np.where(repeats, period, np.inf))
    return np.where(period == 0, here, there - turns * np.where(repeats, period, 0.0))


def _period(scales: Array, *, signed: bool) -> float:
    """The period in one angle, given the scales of its gates."""
    scales = np.abs(scales[scales != 0])
    if not len(scales):
        return 0.0
    ratios = [Fraction(scale / scales[0]).limit_denominator(_LARGEST) for scale in scales]
    exact = [float(ratio) for ratio in ratios]
    if not np.allclose(exact, scales / scales[0], rtol=4 * np.finfo(np.float64).eps, atol=0):
        return np.inf
    # s_g t are whole numbers for t = k / (s_0 q), with q the greatest common divisor of the ratios.
    divisor = Fraction(gcd(*(r.numerator for r in ratios)), lcm(*(r.denominator for r in ratios)))
    odd = sum(int(ratio / divisor) for ratio in ratios) % 2 == 1
    return float(np.pi / (scales[0] * float(divisor))) * (2 if signed and odd else 1)
