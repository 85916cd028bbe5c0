"""Quasi-Newton descent of many starts, several at a time.

BFGS keeps an inverse Hessian per lane, limited-memory BFGS the last steps only.  Each lane runs its own line
search (weak Wolfe conditions by bracketing, with the approximate Wolfe test of Hager and Zhang 2005 near the
minimum, where differences of losses drown in rounding); a lane that has finished takes the next start from
the queue, so that all lanes stay busy.  What happens in a lane does not depend on its neighbours, so results
do not depend on how starts are grouped.

A search alternates `propose`, an evaluation of the proposed angles by whatever engine, and `receive`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import (
    aligned_zeros,
    dot,
    fma,
    horizontal_sum,
    inner,
    load_eight,
    splat_eight,
    store_eight,
)
from qgmutils.engine.sweep import evaluate

CONVERGED, ITERATIONS, LINE_SEARCH = 1, 2, 3

_ARMIJO = 1e-4
_CURVATURE = 0.9
_LINE_SEARCH_STEPS = 50


_LANE = np.dtype(
    [
        ("start", np.int64),  # it works on; -1 for none
        ("fresh", np.bool_),  # nothing is known about it yet
        ("reset", np.bool_),  # the direction is that of the gradient
        ("iterations", np.int64),
        # Line search: where it set out (value, slope), the trial step, how many, and the bracket.
        ("value", np.float64),
        ("slope", np.float64),
        ("step", np.float64),
        ("tries", np.int64),
        ("low", np.float64),
        ("value_low", np.float64),
        ("slope_low", np.float64),
        ("high", np.float64),
        ("value_high", np.float64),
        ("slope_high", np.float64),
        # BFGS: s.y and y.H.y of the update of the inverse Hessian that is still to be made, 0 for none.
        ("sy", np.float64),
        ("yhy", np.float64),
        # L-BFGS: the slot of the newest pair, and how many there are.
        ("newest", np.int64),
        ("stored", np.int64),
    ]
)
# The vectors of a lane: the point, its gradient, the search direction, the last step with its change of gradient, the
# inverse Hessian times the gradient, and what the update still to be made is made of.
_X, _GRADIENT, _DIRECTION, _STEP, _CHANGE, _PRODUCT, _UPDATE_S, _UPDATE_U = range(8)
_VECTORS = 8


class Search(NamedTuple):
    """State of a search with L lanes; `size` is p padded to a multiple of eight.

    Attributes
    ----------
    angles, slopes : (p, L)
        What to evaluate, and its gradient.
    values : (L,)
        Their losses.
    queue : (1,)
        The next start.
    lanes : (L,)
        Records of `_LANE`.
    vectors : (L * _VECTORS * size,)
    inverse : (L * size * size,)
        BFGS: inverse Hessians, but for the update still to be made.
    steps, changes : (L * memory * size,)
        L-BFGS: the last `memory` pairs; rho (L, memory) is 1 / s.y, alpha (memory,) scratch.
    """

    angles: NDArray[np.float64]
    slopes: NDArray[np.float64]
    values: NDArray[np.float64]
    queue: NDArray[np.int64]
    lanes: NDArray[np.void]
    vectors: NDArray[np.float64]
    inverse: NDArray[np.float64]
    steps: NDArray[np.float64]
    changes: NDArray[np.float64]
    rho: NDArray[np.float64]
    alpha: NDArray[np.float64]


class Settings(NamedTuple):
    """When a search ends, and what it remembers.

    Attributes
    ----------
    tolerance : float
        Largest entry of the gradient at which a start has converged.
    noise : float
        Rounding error of a value.
    max_iterations : int
    memory : int
        Steps that L-BFGS keeps; 0 selects BFGS.
    """

    tolerance: float
    noise: float
    max_iterations: int
    memory: int


class Found(NamedTuple):
    """End points of B starts: theta (B, p), and (B,) each of value, largest gradient entry, iterations and reason."""

    theta: NDArray[np.float64]
    value: NDArray[np.float64]
    norm: NDArray[np.float64]
    iterations: NDArray[np.int64]
    reason: NDArray[np.int64]


def begin(n_lanes: int, n_params: int, memory: int) -> Search:
    """A search with no start under way."""
    size = -(-n_params // 8) * 8
    lanes = np.zeros(n_lanes, _LANE)
    lanes["start"] = -1
    return Search(
        angles=np.zeros((n_params, n_lanes)),
        slopes=np.zeros((n_params, n_lanes)),
        values=np.zeros(n_lanes),
        queue=np.zeros(1, np.int64),
        lanes=lanes,
        vectors=aligned_zeros(n_lanes * _VECTORS * size),
        inverse=aligned_zeros(n_lanes * size * size if memory == 0 else 0),
        steps=aligned_zeros(n_lanes * memory * size),
        changes=aligned_zeros(n_lanes * memory * size),
        rho=np.zeros((n_lanes, max(memory, 1))),
        alpha=np.zeros(max(memory, 1)),
    )


@inner
def _axpy(factor, a, i, b, j, size):
    """b += factor a."""
    f = splat_eight(factor)
    for k in range(0, size, 8):
        store_eight(b, j + k, fma(f, load_eight(a, i + k), load_eight(b, j + k)))


@inner
def _largest(a, i, size):
    result = 0.0
    for k in range(size):
        result = max(result, abs(a[i + k]))
    return result


@inner
def _size(search):
    return search.vectors.size // (_VECTORS * search.values.size)


@inner
def _update_and_multiply(search, lane, size):
    """Make the update of the inverse Hessian still to be made, and multiply it with the gradient, in one pass."""
    vectors, inverse, state = search.vectors, search.inverse, search.lanes[lane]
    base = lane * _VECTORS * size
    g, s, u = base + _GRADIENT * size, base + _UPDATE_S * size, base + _UPDATE_U * size
    product, sy = base + _PRODUCT * size, state.sy
    ss = (1.0 + state.yhy / sy) / sy if sy != 0.0 else 0.0
    for k in range(size):
        row = (lane * size + k) * size
        if sy == 0.0:
            vectors[product + k] = dot(inverse, row, vectors, g, size)
            continue
        from_s = splat_eight(ss * vectors[s + k] - vectors[u + k] / sy)
        from_u = splat_eight(-vectors[s + k] / sy)
        total = splat_eight(0.0)
        for c in range(0, size, 8):
            value = fma(from_s, load_eight(vectors, s + c), load_eight(inverse, row + c))
            value = fma(from_u, load_eight(vectors, u + c), value)
            store_eight(inverse, row + c, value)
            total = fma(value, load_eight(vectors, g + c), total)
        vectors[product + k] = horizontal_sum(total)
    state.sy = 0.0


@inner
def _bfgs_direction(search, lane, size, sy):
    """The next direction after a step with s.y = sy, and the update of the inverse Hessian that belongs to it."""
    vectors, inverse, state = search.vectors, search.inverse, search.lanes[lane]
    base = lane * _VECTORS * size
    g, d = base + _GRADIENT * size, base + _DIRECTION * size
    s, y, product = base + _STEP * size, base + _CHANGE * size, base + _PRODUCT * size
    update_s, u = base + _UPDATE_S * size, base + _UPDATE_U * size
    if state.reset and sy > 0.0:  # start from a multiple of the identity with the curvature just seen
        gamma = sy / dot(vectors, y, vectors, y, size)
        for k in range(lane * size * size, (lane + 1) * size * size):
            inverse[k] = 0.0
        for k in range(size):
            inverse[(lane * size + k) * size + k] = gamma
            vectors[u + k] = gamma * vectors[y + k]
            vectors[product + k] = gamma * vectors[g + k]
        state.sy = 0.0
    else:
        _update_and_multiply(search, lane, size)
        # The direction was minus the inverse Hessian times the gradient before, so this is the inverse times y.
        for k in range(size):
            vectors[u + k] = vectors[product + k] + vectors[d + k]
    if not sy > 0.0:
        for k in range(size):
            vectors[d + k] = -vectors[product + k]
        return
    state.sy, state.yhy = sy, dot(vectors, y, vectors, u, size)
    sg, ug = dot(vectors, s, vectors, g, size), dot(vectors, u, vectors, g, size)
    along_s = ug / sy - (1.0 + state.yhy / sy) / sy * sg
    for k in range(size):
        vectors[update_s + k] = vectors[s + k]
        vectors[d + k] = along_s * vectors[s + k] + sg / sy * vectors[u + k] - vectors[product + k]


@inner
def _lbfgs_direction(search, lane, size, sy, memory):
    """The next direction after a step with s.y = sy, by the two-loop recursion of L-BFGS."""
    vectors, state, alpha, rho = search.vectors, search.lanes[lane], search.alpha, search.rho
    steps, changes = search.steps, search.changes
    base, pairs = lane * _VECTORS * size, lane * memory * size
    g, d = base + _GRADIENT * size, base + _DIRECTION * size
    if sy > 0.0:
        state.newest = (state.newest + 1) % memory
        state.stored = min(state.stored + 1, memory)
        rho[lane, state.newest] = 1.0 / sy
        at = pairs + state.newest * size
        for k in range(size):
            steps[at + k], changes[at + k] = (
                vectors[base + _STEP * size + k],
                vectors[base + _CHANGE * size + k],
            )
    for k in range(size):
        vectors[d + k] = -vectors[g + k]
    for back in range(state.stored):
        slot = (state.newest - back) % memory
        at = pairs + slot * size
        alpha[slot] = rho[lane, slot] * dot(steps, at, vectors, d, size)
        _axpy(-alpha[slot], changes, at, vectors, d, size)
    if state.stored > 0:
        at = pairs + state.newest * size
        scale = 1.0 / (rho[lane, state.newest] * dot(changes, at, changes, at, size))
        for k in range(size):
            vectors[d + k] *= scale
    for back in range(state.stored - 1, -1, -1):
        slot = (state.newest - back) % memory
        at = pairs + slot * size
        beta = rho[lane, slot] * dot(changes, at, vectors, d, size)
        _axpy(alpha[slot] - beta, steps, at, vectors, d, size)


@inner
def _next_step(state):
    """Next trial: twice the step while there is no bracket, then the cubic's minimum kept inside it."""
    low, high, slope_low, slope_high = state.low, state.high, state.slope_low, state.slope_high
    if high == np.inf:
        return 2.0 * state.step if state.step > 0 else 1.0
    width = high - low
    a = slope_low + slope_high - 3.0 * (state.value_high - state.value_low) / width
    root = a * a - slope_low * slope_high
    trial = 0.5 * (low + high)
    if root > 0.0:
        b = np.sqrt(root)
        denominator = slope_high - slope_low + 2.0 * b
        if denominator != 0.0:
            trial = high - width * (slope_high + b - a) / denominator
    if not trial > low + 0.1 * width:
        trial = low + 0.1 * width
    if not trial < high - 0.1 * width:
        trial = high - 0.1 * width
    return trial


@inner
def propose(search, starts):
    """Give idle lanes their next start and fill search.angles; the number of lanes at work, 0 at the end."""
    n_starts, p = starts.shape
    size, active = _size(search), 0
    for lane in range(search.values.size):
        state = search.lanes[lane]
        x, d = (lane * _VECTORS + _X) * size, (lane * _VECTORS + _DIRECTION) * size
        if state.start < 0 and search.queue[0] < n_starts:
            state.start = search.queue[0]
            search.queue[0] += 1
            for i in range(p):
                search.vectors[x + i] = starts[state.start, i]
                search.vectors[d + i] = 0.0
            state.fresh, state.step, state.iterations = True, 0.0, 0
        if state.start >= 0:
            active += 1
            for i in range(p):
                search.angles[i, lane] = search.vectors[x + i] + state.step * search.vectors[d + i]
    return active


@inner
def receive(search, settings, found):
    """Take in search.values and search.slopes; whoever has finished is written to `found`."""
    p, size = search.angles.shape[0], _size(search)
    vectors = search.vectors
    for lane in range(search.values.size):
        state = search.lanes[lane]
        if state.start < 0:
            continue
        base = lane * _VECTORS * size
        x, g, d = base + _X * size, base + _GRADIENT * size, base + _DIRECTION * size
        s, y = base + _STEP * size, base + _CHANGE * size
        stop, steepest = 0, False
        if state.fresh or _accepts(search, settings, lane, d):
            for i in range(p):
                new = search.slopes[i, lane]
                vectors[s + i] = state.step * vectors[d + i]
                vectors[y + i] = new - vectors[g + i]
                vectors[x + i] += vectors[s + i]
                vectors[g + i] = new
            state.value = search.values[lane]
            sy = 0.0
            if state.fresh:
                state.fresh, state.reset = False, True
            else:
                state.iterations += 1
                sy = dot(vectors, s, vectors, y, size)
            if _largest(vectors, g, p) <= settings.tolerance:
                stop = CONVERGED
            elif state.iterations >= settings.max_iterations:
                stop = ITERATIONS
            elif state.reset and not sy > 0.0:
                steepest = True
            else:
                if settings.memory == 0:
                    _bfgs_direction(search, lane, size, sy)
                else:
                    _lbfgs_direction(search, lane, size, sy, settings.memory)
                if sy > 0.0:
                    state.reset = False
        elif state.tries <= _LINE_SEARCH_STEPS:
            state.step = _next_step(state)
            continue
        elif state.reset:
            stop = LINE_SEARCH
        else:  # the line search found nothing along d: forget the curvature once, then give up
            steepest = True
        if stop > 0:
            start = state.start
            found.value[start], found.norm[start] = state.value, _largest(vectors, g, p)
            found.iterations[start], found.reason[start] = state.iterations, stop
            for i in range(p):
                found.theta[start, i] = vectors[x + i]
            state.start = -1
            continue
        descent = 0.0 if steepest else dot(vectors, g, vectors, d, size)
        if not descent < 0.0:
            state.reset = True
            state.stored, state.newest = 0, 0
            for i in range(size):
                vectors[d + i] = -vectors[g + i]
            descent = -dot(vectors, g, vectors, g, size)
        state.slope = descent
        # A step beyond one radian leaves the valley it was made for.
        state.step = min(1.0, 1.0 / _largest(vectors, d, size))
        state.low, state.value_low, state.slope_low = 0.0, state.value, descent
        state.high, state.tries = np.inf, 0


@inner
def _accepts(search, settings, lane, d):
    """Whether the trial meets the Wolfe conditions; otherwise it becomes an end of the bracket."""
    state, value, slope = search.lanes[lane], search.values[lane], 0.0
    for i in range(search.angles.shape[0]):
        slope += search.slopes[i, lane] * search.vectors[d + i]
    enough = value <= state.value + _ARMIJO * state.step * state.slope or (
        value <= state.value + settings.noise and slope <= (2.0 * _ARMIJO - 1.0) * state.slope
    )
    if enough and slope >= _CURVATURE * state.slope:
        return True
    state.tries += 1
    if enough:
        state.low, state.value_low, state.slope_low = state.step, value, slope
    else:
        state.high, state.value_high, state.slope_high = state.step, value, slope
    return False


@compiled
def descend(gates, observable, work, search, settings, starts, found):
    """Minimise from every row of `starts` (B, p) with the compiled engine; `search` has LANES lanes."""
    angles, slopes = search.angles.reshape(search.angles.size), search.slopes.reshape(search.slopes.size)
    while propose(search, starts) > 0:
        evaluate(gates, observable, work, angles, search.values, slopes)
        receive(search, settings, found)


@compiled
def next_angles(search, starts):
    """`propose` for a search whose values come from Python."""
    return propose(search, starts)


@compiled
def take_in(search, settings, found):
    """`receive` for a search whose values come from Python."""
    receive(search, settings, found)
