"""Passes over a state: one gate, or two at once, and what is read off on the way.

With T = sigma tan a, sigma = +-1 the sign of the word at k and (a, b) the amplitudes of the pair (k, k xor x), the gate
exp(-i a P) / cos a is

    ny even:  a <- a - i T b,   b <- b - i T a
    ny odd:   a <- a - T b,     b <- b + T a.

Two gates whose x differ act in one pass, on the four amplitudes k, k xor x1, k xor x2 and k xor x1 xor x2, which stay
in registers in between.

Arguments are int64 throughout.  A gate is x, z and `turned`, whether i^ny has a sign; `odd`, the flag, is ny mod 2.
`state`, psi and lam are addresses of states, flat arrays (amplitude, re/im, lane); dim is 2^n.  `signed` is the address
of T for sigma = 1 and for sigma = -1, of one gate or of two; `sign` that of 0.0 and -0.0, each in all lanes.
"""

from __future__ import annotations

from qgmutils.computing.simd import LANES
from qgmutils.engine.llvm import kernel

STATE = 2 * LANES
"""Doubles of one amplitude."""
_AHEAD = 4  # rounds of a loop
_SHIFT = (
    LANES.bit_length() - 1
)  # from an index into a lane state to one into a state (dim, re/im) of one lane


def _turn(code, odd, t, a, b):
    (ar, ai), (br, bi) = a, b
    if odd:
        return (code.fnma(t, br, ar), code.fnma(t, bi, ai)), (code.fma(t, ar, br), code.fma(t, ai, bi))
    return (code.fma(t, bi, ar), code.fnma(t, br, ai)), (code.fma(t, ai, br), code.fnma(t, ar, bi))


def _slope(code, odd, a, b, u, v):
    """Re <lambda| -iP |psi> of one pair with sigma = 1; psi = (a, b), lambda = (u, v)."""
    (ar, ai), (br, bi), (ur, ui), (vr, vi) = a, b, u, v
    if odd:
        plus, minus = ((vr, ar), (vi, ai)), ((ur, br), (ui, bi))
    else:
        plus, minus = ((ur, bi), (vr, ai)), ((ui, br), (vi, ar))
    total = code.fma(*plus[1], code.mul(*plus[0]))
    for pair in minus:
        total = code.fnma(*pair, total)
    return total


def _scaled(code, *masks):
    """Bit masks of amplitudes as masks of their positions in a state."""
    return [code.times(mask, STATE) for mask in masks]


class _Quads:
    """The sets of four amplitudes that two gates connect, one after the other."""

    def __init__(self, code, x1, z1, turned1, x2, z2, turned2, pivots, dim):
        self.code = code
        self.pivots, self.x1, self.z1, self.x2, self.z2 = _scaled(code, pivots, x1, z1, x2, z2)
        self.turned1, self.turned2, self.count = turned1, turned2, code.shift_right(dim, 2)
        # Whether the sign of one word differs between the two pairs, which the other word's x connects.
        self.change1 = code.times(code.odd_bits(code.both(x2, z1)), LANES)
        self.change2 = code.times(code.odd_bits(code.both(x1, z2)), LANES)

    def __iter__(self):
        code = self.code
        with code.clear_of(self.pivots, self.count, STATE) as k:
            k1, k2 = code.xor(k, self.x1), code.xor(k, self.x2)
            self.where = k, k1, k2, code.xor(k1, self.x2)
            first = code.times(code.xor(code.odd_bits(code.both(k, self.z1)), self.turned1), LANES)
            second = code.times(code.xor(code.odd_bits(code.both(k, self.z2)), self.turned2), LANES)
            # Where to look up the signs: of word 1 at k and k ^ x2, of word 2 at k and k ^ x1.
            self.signs1 = first, code.xor(first, self.change1)
            self.signs2 = second, code.xor(second, self.change2)
            yield self.where

    def prefetch(self, *states):
        """Bring near what will be read soon: with 13 qubits and more, states lie in the farthest cache."""
        ahead = self.code.plus(self.where[0], _AHEAD * STATE)
        for x in (0, self.x1, self.x2, self.code.xor(self.x1, self.x2)):
            for state in states:
                self.code.prefetch(state, self.code.xor(ahead, x))

    def tangents(self, signed):
        """T of gate 1 for its two pairs, and of gate 2."""
        code = self.code
        second = [code.plus(sign, 2 * LANES) for sign in self.signs2]
        return [[code.load(signed, sign) for sign in signs] for signs in (self.signs1, second)]


@kernel(10, cases=("odd1", "odd2"))
def turn_two(code, x1, z1, turned1, x2, z2, turned2, pivots, psi, signed, dim, *, odd1, odd2):
    """Two gates, the first one first."""
    quads = _Quads(code, x1, z1, turned1, x2, z2, turned2, pivots, dim)
    for where in quads:
        (t1, t1_), (t2, t2_) = quads.tangents(signed)
        a, b, c, d = (code.load_complex(psi, k) for k in where)
        a, b = _turn(code, odd1, t1, a, b)
        c, d = _turn(code, odd1, t1_, c, d)
        a, c = _turn(code, odd2, t2, a, c)
        b, d = _turn(code, odd2, t2_, b, d)
        for k, value in zip(where, (a, b, c, d), strict=True):
            code.store_complex(psi, k, value)


@kernel(12, results=2, cases=("odd1", "odd2"))
def undo_two(code, x1, z1, turned1, x2, z2, turned2, pivots, psi, lam, signed, sign, dim, *, odd1, odd2):
    """Undo two gates on psi and lam, with -T in `signed`.

    Returns Re <lambda| -iP |psi> of the first word in front of both gates and of the second word behind them, and so in
    either case with values that are in memory: psi and lam take turns in the registers, of which AVX2 has 16.
    """
    sums = [code.variable(code.zero) for _ in range(2)]

    def collect(which, odd, signs, pairs):
        for at, pair in zip(signs, pairs, strict=True):
            part = code.flip(_slope(code, odd, *pair), code.load(sign, at))
            code.set(sums[which], code.add(code.get(sums[which]), part))

    quads = _Quads(code, x1, z1, turned1, x2, z2, turned2, pivots, dim)
    for where in quads:
        (t1, t1_), (t2, t2_) = quads.tangents(signed)
        a, b, c, d = (code.load_complex(psi, k) for k in where)
        quads.prefetch(psi, lam)
        u, v, w, y = (code.load_complex(lam, k) for k in where)
        collect(1, odd2, quads.signs2, ((a, c, u, w), (b, d, v, y)))
        a, c = _turn(code, odd2, t2, a, c)
        b, d = _turn(code, odd2, t2_, b, d)
        a, b = _turn(code, odd1, t1, a, b)
        c, d = _turn(code, odd1, t1_, c, d)
        for k, value in zip(where, (a, b, c, d), strict=True):
            code.store_complex(psi, k, value)
        code.fence()
        u, v, w, y = (code.load_complex(lam, k) for k in where)
        u, w = _turn(code, odd2, t2, u, w)
        v, y = _turn(code, odd2, t2_, v, y)
        u, v = _turn(code, odd1, t1, u, v)
        w, y = _turn(code, odd1, t1_, w, y)
        for k, value in zip(where, (u, v, w, y), strict=True):
            code.store_complex(lam, k, value)
        a, b, c, d = (code.load_complex(psi, k) for k in where)
        collect(0, odd1, quads.signs1, ((a, b, u, v), (c, d, w, y)))
    return [code.get(each) for each in sums]


@kernel(12, results=2, cases=("odd1", "odd2"))
def overlap_two(
    code, x1, z1, turned1, x2, z2, turned2, pivots, state, pull1, pull2, signed, dim, *, odd1, odd2
):
    """Two gates; the overlaps with pull1 in front of them and with pull2 behind them.

    The pulls are addresses of states (dim, re/im) of one lane.
    """
    # Two sums each: a chain of dependent additions half as long.
    sums = [[code.variable(code.zero) for _ in range(2)] for _ in range(2)]

    def collect(which, pull, where, values):
        for k, value in zip(where, values, strict=True):
            at = code.shift_right(k, _SHIFT)
            for i in range(2):
                factor = code.load_splat(pull, code.plus(at, i))
                code.set(sums[which][i], code.fma(factor, value[i], code.get(sums[which][i])))

    quads = _Quads(code, x1, z1, turned1, x2, z2, turned2, pivots, dim)
    for where in quads:
        (t1, t1_), (t2, t2_) = quads.tangents(signed)
        k, k1, k2, k12 = where
        a, b = code.load_complex(state, k), code.load_complex(state, k1)
        collect(0, pull1, (k, k1), (a, b))
        a, b = _turn(code, odd1, t1, a, b)
        c, d = code.load_complex(state, k2), code.load_complex(state, k12)
        collect(0, pull1, (k2, k12), (c, d))
        c, d = _turn(code, odd1, t1_, c, d)
        a, c = _turn(code, odd2, t2, a, c)
        code.store_complex(state, k, a)
        code.store_complex(state, k2, c)
        collect(1, pull2, (k, k2), (a, c))
        b, d = _turn(code, odd2, t2_, b, d)
        code.store_complex(state, k1, b)
        code.store_complex(state, k12, d)
        collect(1, pull2, (k1, k12), (b, d))
    return [code.add(*map(code.get, pair)) for pair in sums]


def _pairs(code, x, z, turned, dim):
    """The pairs that a gate with x > 0 connects: where they are and where to look up the sign."""
    pivot, x, z = _scaled(code, code.top_bit(x), x, z)
    with code.clear_of(pivot, code.shift_right(dim, 1), STATE) as k:
        yield k, code.xor(k, x), code.times(code.xor(code.odd_bits(code.both(k, z)), turned), LANES)


def _singles(code, z, dim):
    """The amplitudes of a diagonal gate: where they are and where to look up the sign."""
    (z,) = _scaled(code, z)
    with code.repeat(dim) as number:
        k = code.times(number, STATE)
        yield k, code.times(code.odd_bits(code.both(k, z)), LANES)


@kernel(6, cases=("diagonal", "odd"))
def turn_one(code, x, z, turned, state, signed, dim, *, diagonal, odd):
    """One gate; `diagonal` says that x = 0."""
    if diagonal:
        for k, at in _singles(code, z, dim):
            t, (r, i) = code.load(signed, at), code.load_complex(state, k)
            code.store_complex(state, k, (code.fma(t, i, r), code.fnma(t, r, i)))
        return
    for k, j, at in _pairs(code, x, z, turned, dim):
        a, b = _turn(
            code, odd, code.load(signed, at), code.load_complex(state, k), code.load_complex(state, j)
        )
        code.store_complex(state, k, a)
        code.store_complex(state, j, b)


@kernel(7, results=1, cases=("diagonal", "odd"))
def slope_one(code, x, z, turned, psi, lam, sign, dim, *, diagonal, odd):
    """Re <lambda| -iP |psi>."""
    total = code.variable(code.zero)
    if diagonal:
        for k, at in _singles(code, z, dim):
            (r, i), (u, w) = code.load_complex(psi, k), code.load_complex(lam, k)
            part = code.flip(code.fnma(w, r, code.mul(u, i)), code.load(sign, at))
            code.set(total, code.add(code.get(total), part))
    else:
        for k, j, at in _pairs(code, x, z, turned, dim):
            pair = [code.load_complex(state, index) for state in (psi, lam) for index in (k, j)]
            part = code.flip(_slope(code, odd, *pair), code.load(sign, at))
            code.set(total, code.add(code.get(total), part))
    return (code.get(total),)


@kernel(3)
def scale(code, state, factor, dim):
    """Multiply a state by one number a lane, at the address `factor`."""
    by = code.load(factor, 0)
    with code.repeat(code.times(dim, 2)) as number:
        k = code.times(number, LANES)
        code.store(state, k, code.mul(by, code.load(state, k)))


@kernel(3, results=1)
def overlap(code, state, pull, dim):
    """Re <pull|state> with a state (dim, re/im) of one lane."""
    total = code.variable(code.zero)
    with code.repeat(code.times(dim, 2)) as k:
        value = code.load(state, code.times(k, LANES))
        code.set(total, code.fma(code.load_splat(pull, k), value, code.get(total)))
    return (code.get(total),)


@kernel(4)
def add_to_lanes(code, source, factors, state, dim):
    """state += source, of one lane (dim, re/im), times one factor a lane."""
    factor = code.load(factors, 0)
    with code.repeat(code.times(dim, 2)) as number:
        k = code.times(number, LANES)
        code.store(state, k, code.fma(code.load_splat(source, number), factor, code.load(state, k)))


@kernel(4)
def into_lanes(code, source, rows, out, count):
    """out (count, lane) from `count` numbers of `source` for each lane, from where `rows` says, int64 (LANES,)."""
    first = [code.load_integer(rows, lane) for lane in range(LANES)]
    with code.repeat(count) as k:
        for lane in range(LANES):
            value = code.load_double(source, code.plus(first[lane], k))
            code.store_double(out, code.plus(code.times(k, LANES), lane), value)


@kernel(4)
def out_of_lanes(code, source, rows, out, count):
    """The reverse of `into_lanes`; of lanes with the same place the last one stays."""
    first = [code.load_integer(rows, lane) for lane in range(LANES)]
    with code.repeat(count) as k:
        for lane in range(LANES):
            value = code.load_double(source, code.plus(code.times(k, LANES), lane))
            code.store_double(out, code.plus(first[lane], k), value)


@kernel(7, cases=("odd",))
def word_of_lane_zero(code, x, z, turned, state, factor, out, dim, *, odd):
    """out = factor (-iP) state of lane 0, as a state (dim, re/im) of one lane; `factor` is the address of a number."""
    plus = code.load_double(factor, 0)
    minus = code.negative(plus)
    with code.repeat(dim) as k:
        j = code.times(code.xor(k, x), 2)
        f = code.choose(code.xor(code.odd_bits(code.both(k, z)), turned), minus, plus)
        r = code.mul(f, code.load_double(state, code.times(k, STATE)))
        i = code.mul(f, code.load_double(state, code.plus(code.times(k, STATE), LANES)))
        code.store_double(out, j, r if odd else i)
        code.store_double(out, code.plus(j, 1), i if odd else code.negative(r))
