"""The most that one core can do, and how much of it a sweep needs."""

from __future__ import annotations

import time

from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import LANES, add, fma, horizontal_sum, splat

FLOPS_PER_AMPLITUDE_AND_GATE = 16
"""4 forward; 12 backward: 4 for each of two states, and 4 for the slope.  A fused multiply-add counts as two."""


def flops(n_qubits: int, n_gates: int) -> int:
    """Floating-point operations of one loss and gradient of one start, without H and the angles' tangents."""
    return FLOPS_PER_AMPLITUDE_AND_GATE * n_gates * 2**n_qubits


@compiled
def _chains6(rounds, factor, term):
    a, b = splat(factor), splat(term)
    c0, c1, c2 = splat(0.0), splat(1.0), splat(2.0)
    c3, c4, c5 = splat(3.0), splat(4.0), splat(5.0)
    for _ in range(rounds):
        c0, c1, c2 = fma(a, c0, b), fma(a, c1, b), fma(a, c2, b)
        c3, c4, c5 = fma(a, c3, b), fma(a, c4, b), fma(a, c5, b)
    return horizontal_sum(add(add(add(c0, c1), add(c2, c3)), add(c4, c5)))


@compiled
def _chains12(rounds, factor, term):
    a, b = splat(factor), splat(term)
    c0, c1, c2, c3 = splat(0.0), splat(1.0), splat(2.0), splat(3.0)
    c4, c5, c6, c7 = splat(4.0), splat(5.0), splat(6.0), splat(7.0)
    c8, c9, c10, c11 = splat(8.0), splat(9.0), splat(10.0), splat(11.0)
    for _ in range(rounds):
        c0, c1, c2, c3 = fma(a, c0, b), fma(a, c1, b), fma(a, c2, b), fma(a, c3, b)
        c4, c5, c6, c7 = fma(a, c4, b), fma(a, c5, b), fma(a, c6, b), fma(a, c7, b)
        c8, c9, c10, c11 = fma(a, c8, b), fma(a, c9, b), fma(a, c10, b), fma(a, c11, b)
    part = add(add(add(c0, c1), add(c2, c3)), add(add(c4, c5), add(c6, c7)))
    return horizontal_sum(add(part, add(add(c8, c9), add(c10, c11))))


def peak_flops(rounds: int = 2_000_000) -> float:
    """Measured floating-point operations a second of one core, from independent chains of fused multiply-adds.

    Two units with a latency of up to five cycles need ten chains.  Where one `Lanes` value is two registers, six
    chains are twelve already, and twelve would not fit into sixteen registers: the better of the two counts.
    """
    rates = []
    for chains, kernel in ((6, _chains6), (12, _chains12)):
        kernel(1, 0.5, 0.25)  # compiles
        begin = time.perf_counter()
        kernel(rounds, 0.5, 0.25)
        rates.append(2 * LANES * chains * rounds / (time.perf_counter() - begin))
    return max(rates)
