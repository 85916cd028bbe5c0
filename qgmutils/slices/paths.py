"""Paths between two points of a landscape, and how high they climb.

The highest loss on any path between two minima, above the higher of them, is an upper bound for the barrier between
them.  The straight path gives a first bound, a relaxed one a better one.  A lowest path has its highest point at a
saddle, where the gradient is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax

from qgmutils.computing.threads import one_thread
from qgmutils.engine import Landscape
from qgmutils.inputs import require_integer
from qgmutils.minimize import GRADIENT_TOLERANCE, GROUND_TOLERANCE
from qgmutils.slices.points import point

Array = NDArray[np.float64]
Curve = Callable[[Array], Array]  # from shares of the way (S,) to angles (S, p)

_MODES = 4
"""Waves of the path in the first round; each round doubles them."""
_POINTS = 16
"""Points at which a path is held down, for each of its waves."""
_SHARPNESS = 30.0
"""Of the smooth maximum in the first round, over the barrier; each round has four times as much."""
_TENSION = 10.0
"""What the mean square of the speed costs, over that of the straight path and in units in which the smooth maximum is b
times a loss.  At 1 a path was 1.4 times as long and no lower: it wound between the points that hold it down (measured:
one pair of minima, n = 4, p = 12)."""
_ASIDE = 0.05  # of the straight path's length
_ITERATIONS = 200
_NEWTON_STEPS = 12
SADDLE = 1e-6
"""Largest gradient entry at a top that counts as a saddle; its height is right to the square of it over a curvature."""


@dataclass(frozen=True, eq=False)
class Path:
    """A path from one point to another, at S points, the summits among them.

    Attributes
    ----------
    theta : (S, p)
        Radians.
    share : (S,)
        0 at one end, 1 at the other: of the straight path there, if this one is bent.
    x : (S,)
        Length of the path up to there, radians.
    loss, gradient_norm : (S,)
        L and max |dL/dtheta|.
    """

    theta: Array
    share: Array
    x: Array
    loss: Array
    gradient_norm: Array

    @property
    def top(self) -> int:
        """Number of the highest point."""
        return int(np.argmax(self.loss))

    @property
    def barrier(self) -> float:
        """Height of the highest point above the higher end, 0 or more: no lowest path has a higher one."""
        return float(self.loss.max() - max(self.loss[0], self.loss[-1]))


def straight(surface: Landscape, first: ArrayLike, second: ArrayLike, *, steps: int = 401) -> Path:
    """The straight path; `periods.nearest_copy` of the second point makes it short.

    Parameters
    ----------
    surface : Landscape
    first, second : array_like, shape (p,)
        Its ends, radians.
    steps : int
        Points on the path, equally far from each other; its summits are sought between them and added.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the ends are not two different points of the landscape, or steps are fewer than 3.
    """
    return _sampled(surface, _line(*_ends(surface, first, second)), steps)


def relaxed(
    surface: Landscape, first: ArrayLike, second: ArrayLike, *, rounds: int = 4, steps: int = 401
) -> Path:
    """A low path with fixed ends, never higher than the straight one.

    The straight path is bent by waves sin(pi m t), whose amplitudes minimise a smooth maximum of the loss on the path,
    log sum exp(b L) / b, and the mean square of its speed (L-BFGS).  At first a single wave leads aside along the most
    negative curvature across the top, lest a path over a maximum stay there by symmetry.  Each round doubles the waves
    and quadruples b.  At last Newton's method takes the highest point to a saddle, if there is one near.

    Elastic bands and strings sink everywhere, until the whole path is a line of steepest descent, and wind through the
    many minima on the way.  Strings of 31 images were 1.9 to 4.3 times as long as these paths after 1500 steps, and
    higher for 10 of 11 pairs of minima (measured: TFIM, n = 4 and p = 12 or 34, n = 6 and p = 32).

    Parameters
    ----------
    surface : Landscape
    first, second : array_like, shape (p,)
        Its ends, radians.  For barriers they should be minima.
    rounds : int
        More make a finer path, 1 to 6.
    steps : int
        Points on the path, as of `straight`.

    Returns
    -------
    Path
        Its barrier is an upper bound: another path, say around the period of an angle, may have a lower one.  Where
        `gradient_norm` at the top is below `SADDLE`, it is the height of a saddle.

    Raises
    ------
    ValueError
        If the ends are not two different points of the landscape, or a number is out of range.
    """
    ends = _ends(surface, first, second)
    curve = _line(*ends)
    best = curve, _sampled(surface, curve, steps)
    waves = _aside(surface, ends, best[1])
    with one_thread():  # the last digits of BLAS depend on its number of threads
        for number in range(require_integer(rounds, "rounds", high=6)):
            if best[1].barrier <= GROUND_TOLERANCE:
                break
            sharpness = _SHARPNESS * 4**number / best[1].barrier
            waves = _lowered(surface, ends, _padded(waves, _MODES * 2**number), sharpness)
            curve = _bent(ends, waves)
            best = min(best, (curve, _sampled(surface, curve, steps)), key=lambda found: found[1].barrier)
        if best[1].barrier <= GROUND_TOLERANCE:  # the highest point may be an end
            return best[1]
        curve = _through_saddle(surface, *best)
    return min(best[1], _sampled(surface, curve, steps), key=lambda path: path.barrier)


def _ends(surface: Landscape, first: ArrayLike, second: ArrayLike) -> Array:
    ends = np.array([point(surface, first, "first"), point(surface, second, "second")])
    if np.array_equal(*ends):
        raise ValueError("first and second must differ: a path needs two ends, got the same angles twice")
    return ends


def _line(first: Array, second: Array) -> Curve:
    # Exact at both ends.
    return lambda t: (1 - t[:, None]) * first + t[:, None] * second


def _waves(shares: Array, count: int) -> Array:
    """Their values (S, count); divided by m, so that the mean square of the speed is pi^2 / 2 times that of the
    amplitudes, besides that of the straight path."""
    m = np.arange(1, count + 1)
    return np.sin(np.pi * shares[:, None] * m) / m


def _padded(waves: Array, count: int) -> Array:
    return np.concatenate([waves, np.zeros((count - len(waves), waves.shape[1]))])


def _bent(ends: Array, waves: Array) -> Curve:
    line = _line(*ends)
    # sin(pi m) is not quite zero.
    return lambda t: line(t) + np.where(t[:, None] < 1, _waves(t, len(waves)) @ waves, 0.0)


def _aside(surface: Landscape, ends: Array, straight_path: Path) -> Array:
    """The first wave (1, p)."""
    way = ends[1] - ends[0]
    length = float(np.linalg.norm(way))
    across = np.eye(len(way)) - np.outer(way, way) / length**2
    hessian = surface.hessian(straight_path.theta[[straight_path.top]])[0]
    with one_thread():
        _, directions = np.linalg.eigh(across @ hessian @ across)
    return _ASIDE * length * directions[:, :1].T


def _lowered(surface: Landscape, ends: Array, waves: Array, sharpness: float) -> Array:
    """Amplitudes (M, p) of a lower path."""
    shares = np.linspace(0, 1, _POINTS * len(waves) + 1)[1:-1]
    basis, line = _waves(shares, len(waves)), _line(*ends)(shares)
    tension = _TENSION / np.sum(np.diff(ends, axis=0) ** 2)

    def cost(amplitudes: Array) -> tuple[float, Array]:
        loss, gradient = surface.value_and_gradient(line + basis @ amplitudes.reshape(waves.shape))
        pull = sharpness * basis.T @ (softmax(sharpness * loss)[:, None] * gradient)
        total = logsumexp(sharpness * loss) + tension * amplitudes @ amplitudes
        return float(total), pull.ravel() + 2 * tension * amplitudes

    options = {"maxiter": _ITERATIONS, "maxcor": 20, "gtol": 1e-3}
    found = scipy.optimize.minimize(cost, waves.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(waves.shape)


def _through_saddle(surface: Landscape, curve: Curve, path: Path) -> Curve:
    """The curve, shifted so that its highest point is a saddle; as it was, if Newton's method finds none."""
    start = theta = path.theta[path.top]
    for _ in range(_NEWTON_STEPS):
        _, gradient = surface.value_and_gradient(theta[None])
        if np.abs(gradient).max() <= GRADIENT_TOLERANCE:
            break
        # Least squares: along a valley of saddles there is nothing to be done.
        theta = theta - np.linalg.lstsq(surface.hessian(theta[None])[0], gradient[0], rcond=1e-6)[0]
    else:
        return curve
    share = path.share[path.top]
    return lambda t: curve(t) + np.minimum(t / share, (1 - t) / (1 - share))[:, None] * (theta - start)


def _sampled(surface: Landscape, curve: Curve, steps: int) -> Path:
    """A curve on [0, 1] at equal steps, and at its summits."""
    shares = np.linspace(0, 1, require_integer(steps, "steps", low=3))
    loss = surface.value(curve(shares))

    def depth(share: float) -> float:
        return -float(surface.value(curve(np.array([share])))[0])

    summits = 1 + np.flatnonzero((loss[1:-1] > loss[:-2]) & (loss[1:-1] >= loss[2:]))
    for highest in summits:
        bounds = shares[highest - 1], shares[highest + 1]
        found = scipy.optimize.minimize_scalar(
            depth, bounds=bounds, method="bounded", options={"xatol": 1e-9}
        )
        if -found.fun > loss[highest]:
            shares = np.append(shares, found.x)
    shares = np.sort(shares)
    theta = curve(shares)
    loss, gradient = surface.value_and_gradient(theta)
    lengths = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(theta, axis=0), axis=1)))
    return Path(theta, shares, lengths, loss, np.abs(gradient).max(axis=1))
