"""Compiled quasi-Newton descent of many starts of one circuit, eight at a time.

BFGS keeps an inverse Hessian per lane, limited-memory BFGS the last steps only.  Each lane runs its own line
search (weak Wolfe conditions by bracketing, with the approximate Wolfe test of Hager and Zhang 2005 near the
minimum, where differences of energies drown in rounding); a lane that has finished takes the next start from
the queue, so that all lanes stay busy.  What happens in a lane does not depend on its neighbours, so results
do not depend on how starts are grouped.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from qgmutils.engine.kernels import evaluate
from qgmutils.engine.simd import fma, horizontal_sum, load, splat, store

CONVERGED, ITERATIONS, LINE_SEARCH = 1, 2, 3

_ARMIJO = 1e-4
_CURVATURE = 0.9
_LINE_SEARCH_STEPS = 50


@njit(cache=True)
def _dot(a, i, b, j, size):
    total = splat(0.0)
    for k in range(0, size, 8):
        total = fma(load(a, i + k), load(b, j + k), total)
    return horizontal_sum(total)


@njit(cache=True)
def _axpy(factor, a, i, b, j, size):
    """b += factor a."""
    f = splat(factor)
    for k in range(0, size, 8):
        store(b, j + k, fma(f, load(a, i + k), load(b, j + k)))


@njit(cache=True)
def _largest(a, i, size):
    result = 0.0
    for k in range(size):
        result = max(result, abs(a[i + k]))
    return result


@njit(cache=True)
def _bfgs_update(inverse, base, s, y, at, product, size, sy, first):
    """Inverse Hessian after the step s with gradient change y; `product` is scratch for inverse @ y."""
    if first:  # scale the identity to the curvature just seen
        gamma = sy / _dot(y, at, y, at, size)
        for k in range(size):
            inverse[base + k * size + k] = gamma
    for k in range(size):
        product[k] = _dot(inverse, base + k * size, y, at, size)
    yhy = _dot(product, 0, y, at, size)
    ss = (1.0 + yhy / sy) / sy
    for k in range(size):
        row = base + k * size
        from_s = splat(ss * s[at + k] - product[k] / sy)
        from_product = splat(-s[at + k] / sy)
        for c in range(0, size, 8):
            value = fma(from_s, load(s, at + c), load(inverse, row + c))
            store(inverse, row + c, fma(from_product, load(product, c), value))


@njit(cache=True)
def _two_loop(gradient, at, steps, changes, rho, base, newest, stored, memory, size, out, alpha):
    """out = -(inverse Hessian) gradient by the two-loop recursion of L-BFGS."""
    for k in range(size):
        out[at + k] = -gradient[at + k]
    for back in range(stored):
        slot = (newest - back) % memory
        i = base + slot * size
        alpha[slot] = rho[slot] * _dot(steps, i, out, at, size)
        _axpy(-alpha[slot], changes, i, out, at, size)
    if stored > 0:
        i = base + newest * size
        scale = 1.0 / (rho[newest] * _dot(changes, i, changes, i, size))
        for k in range(size):
            out[at + k] *= scale
    for back in range(stored - 1, -1, -1):
        slot = (newest - back) % memory
        i = base + slot * size
        beta = rho[slot] * _dot(changes, i, out, at, size)
        _axpy(alpha[slot] - beta, steps, i, out, at, size)


@njit(cache=True)
def _next_step(t, low, f_low, slope_low, high, f_high, slope_high):
    """Next trial: twice the step while there is no bracket, then the cubic's minimum kept inside it."""
    if high == np.inf:
        return 2.0 * t if t > 0 else 1.0
    width = high - low
    a = slope_low + slope_high - 3.0 * (f_high - f_low) / width
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


@njit(cache=True)
def descend(
    gates,
    rows,
    work,
    starts,
    tolerance,
    noise,
    max_iterations,
    memory,
    theta,
    energy,
    norm,
    iterations,
    reason,
):
    """Minimise from every row of `starts` (B, p); the last five arguments are filled in, one entry per start.

    `memory` = 0 selects BFGS, otherwise L-BFGS with that many steps; `noise` is the rounding error of an
    energy.
    """
    n_starts, p = starts.shape
    size = (p + 7) // 8 * 8
    x, g, d = np.zeros(8 * size), np.zeros(8 * size), np.zeros(8 * size)
    trial, s, y = np.zeros(8 * size), np.zeros(8 * size), np.zeros(8 * size)
    inverse = np.zeros(8 * size * size if memory == 0 else 1)
    kept = max(memory, 1)
    steps = np.zeros(8 * kept * size if memory > 0 else 1)
    changes = np.zeros(8 * kept * size if memory > 0 else 1)
    rho, alpha, product = np.zeros((8, kept)), np.zeros(kept), np.zeros(size)
    newest, stored = np.zeros(8, np.int64), np.zeros(8, np.int64)
    angles, slopes, values = np.zeros(8 * p), np.zeros(8 * p), np.zeros(8)
    who = np.full(8, -1, np.int64)
    fresh, reset = np.zeros(8, np.bool_), np.zeros(8, np.bool_)
    f0, slope0, t = np.zeros(8), np.zeros(8), np.zeros(8)
    low, f_low, slope_low = np.zeros(8), np.zeros(8), np.zeros(8)
    high, f_high, slope_high = np.zeros(8), np.zeros(8), np.zeros(8)
    tries, count = np.zeros(8, np.int64), np.zeros(8, np.int64)
    queue = 0
    while True:
        active = 0
        for lane in range(8):
            at = lane * size
            if who[lane] < 0 and queue < n_starts:
                who[lane] = queue
                for i in range(p):
                    x[at + i] = starts[queue, i]
                    d[at + i] = 0.0
                queue += 1
                fresh[lane] = True
                t[lane], count[lane] = 0.0, 0
            if who[lane] >= 0:
                active += 1
                for i in range(p):
                    angles[8 * i + lane] = x[at + i] + t[lane] * d[at + i]
        if active == 0:
            return
        evaluate(gates, rows, work, angles, values, slopes)
        for lane in range(8):
            if who[lane] < 0:
                continue
            at = lane * size
            f = values[lane]
            for i in range(p):
                trial[at + i] = slopes[8 * i + lane]
            accepted = False
            if fresh[lane]:
                accepted = True
            else:
                slope = _dot(trial, at, d, at, size)
                enough = f <= f0[lane] + _ARMIJO * t[lane] * slope0[lane] or (
                    f <= f0[lane] + noise and slope <= (2.0 * _ARMIJO - 1.0) * slope0[lane]
                )
                if not enough:
                    high[lane], f_high[lane], slope_high[lane] = t[lane], f, slope
                elif slope < _CURVATURE * slope0[lane]:
                    low[lane], f_low[lane], slope_low[lane] = t[lane], f, slope
                else:
                    accepted = True
            if not accepted:
                tries[lane] += 1
                if tries[lane] <= _LINE_SEARCH_STEPS:
                    t[lane] = _next_step(
                        t[lane],
                        low[lane],
                        f_low[lane],
                        slope_low[lane],
                        high[lane],
                        f_high[lane],
                        slope_high[lane],
                    )
                    continue
            stop = 0
            if accepted:
                sy = 0.0
                for i in range(p):
                    s[at + i] = t[lane] * d[at + i]
                    y[at + i] = trial[at + i] - g[at + i]
                    x[at + i] += s[at + i]
                    g[at + i] = trial[at + i]
                f0[lane] = f
                if fresh[lane]:
                    reset[lane] = True
                    fresh[lane] = False
                else:
                    count[lane] += 1
                    sy = _dot(s, at, y, at, size)
                    if sy > 0.0:
                        if memory == 0:
                            _bfgs_update(inverse, at * size, s, y, at, product, size, sy, reset[lane])
                        else:
                            newest[lane] = (newest[lane] + 1) % memory
                            stored[lane] = min(stored[lane] + 1, memory)
                            base = at * memory + newest[lane] * size
                            rho[lane, newest[lane]] = 1.0 / sy
                            for i in range(size):
                                steps[base + i], changes[base + i] = s[at + i], y[at + i]
                        reset[lane] = False
                largest = _largest(g, at, p)
                if largest <= tolerance:
                    stop = CONVERGED
                elif count[lane] >= max_iterations:
                    stop = ITERATIONS
                fresh_direction = reset[lane]
            else:  # the line search found nothing along d: forget the curvature once, then give up
                stop = LINE_SEARCH if reset[lane] else 0
                fresh_direction = True
            if stop > 0:
                start = who[lane]
                energy[start], norm[start] = f0[lane], _largest(g, at, p)
                iterations[start], reason[start] = count[lane], stop
                for i in range(p):
                    theta[start, i] = x[at + i]
                who[lane] = -1
                continue
            descent = 0.0
            if not fresh_direction:
                if memory == 0:
                    for k in range(size):
                        d[at + k] = -_dot(inverse, (at + k) * size, g, at, size)
                else:
                    _two_loop(
                        g,
                        at,
                        steps,
                        changes,
                        rho[lane],
                        at * memory,
                        newest[lane],
                        stored[lane],
                        memory,
                        size,
                        d,
                        alpha,
                    )
                descent = _dot(g, at, d, at, size)
            if fresh_direction or not descent < 0.0:
                reset[lane] = True
                stored[lane], newest[lane] = 0, 0
                if memory == 0:
                    for k in range(size * size):
                        inverse[at * size + k] = 0.0
                for i in range(p):
                    d[at + i] = -g[at + i]
                descent = -_dot(g, at, g, at, size)
            slope0[lane] = descent
            longest = _largest(d, at, p)
            t[lane] = min(1.0, 1.0 / longest)  # a step beyond one radian leaves the valley it was made for
            low[lane], f_low[lane], slope_low[lane] = 0.0, f0[lane], descent
            high[lane] = np.inf
            tries[lane] = 0
