"""A circuit as the kernels read it, and its angles brought to small rotations.

P|k> = i^ny (-1)^popcount(k & z) |k xor x>, so exp(-i a P) mixes only the pairs (k, k xor x), in place.  Up to the
factor cos a it is 1 - i tan(a) P, one multiply-add per real number.  For that the tangent must be small: with
a = turns pi/2 + y and |y| <= pi/4,

    exp(-i a P) = exp(-i y P) (-iP)^turns,

and the Pauli words left over where `turns` is odd are moved through the earlier gates to the reference state; on
the way they turn the sign of y in every gate with which they anticommute.  Derivatives with respect to a are those with
respect to the new angle times that sign.

Most losses do not see a phase of the whole state, and it is dropped then.  It is a power of i (derived): (-iP)^turns
brings (-i)^turns; an odd one the factor i^ny of its word, and (-1)^popcount(z & x') where the word (x', z') joins those
that it meets, (x, z); and the passes multiply with cos y' for the angle y' of the opposite sign, so that each turned
sign of an angle leaves -1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit
from qgmutils.computing.simd import LANES
from qgmutils.engine.llvm import kernel
from qgmutils.inputs import frozen


class Gates(NamedTuple):
    """A circuit of q gates.

    `odd` and `turned` encode i^ny: ny mod 2, and whether i^ny has a sign.  `pivots` is about a gate and the next one:
    two bits such that each set {k, k^x, k^x', k^x^x'} has one element with both of them clear, or 0 where the sets
    have fewer than four elements.  `reference` is flat, (dim, re/im).
    """

    x: NDArray[np.int64]
    z: NDArray[np.int64]
    odd: NDArray[np.bool_]
    turned: NDArray[np.int64]
    parameter: NDArray[np.int64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    pivots: NDArray[np.int64]
    reference: NDArray[np.float64]


def pack_circuit(circuit: Circuit) -> Gates:
    """The circuit as flat arrays, with the sign of every Pauli word worked out."""
    bytes_of = (circuit.x & circuit.z).view(np.uint8).reshape(-1, 8)
    ny = np.unpackbits(bytes_of, axis=1).sum(axis=1, dtype=np.int64)
    # The circuit's own arrays can be neither out of range nor changed, and nor can these.
    return Gates(
        circuit.x,
        circuit.z,
        frozen(ny % 2 == 1, np.bool_),
        frozen(ny // 2 % 2, np.int64),
        circuit.parameter,
        circuit.scale,
        circuit.offset,
        frozen(_pivots(circuit.x), np.int64),
        circuit.reference.view(np.float64),
    )


def _top_bits(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Highest power of two in each number, 0 for 0."""
    return np.where(x > 0, 1 << np.maximum(np.frexp(x.astype(np.float64))[1] - 1, 0), 0)


def _pivots(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """`Gates.pivots` of all gates."""
    one, two = x, np.append(x[1:], 0)
    first = _top_bits(one)
    second = _top_bits(np.where(two & first, one ^ two, two))
    return np.where((one > 0) & (two > 0) & (one != two), first | second, 0)


_HALF_PI = 1.5707963267948966, 6.123233995736766e-17
"""pi/2 as the sum of two doubles."""
_TERMS = 8  # of the Taylor series: 1/17! and 1/18! are below the rounding at pi/4


def tan_cos(code, x):
    """(turns, tan y, cos y) with x = turns pi/2 + y, |y| <= pi/4, and errors below 1e-15 for |x| up to `starts.FAR`."""
    turns = code.round(code.mul(x, code.constant(2.0 / np.pi)))
    y = x
    for part in _HALF_PI:
        y = code.fnma_exactly(turns, code.constant(part), y)
    y2 = code.mul(y, y)
    sine, cosine = (
        [(-1.0) ** k / math.factorial(2 * k + shift) for k in reversed(range(_TERMS + 1 - shift))]
        for shift in (1, 0)
    )
    s, c = (code.polynomial(terms, y2) for terms in (sine, cosine))
    return turns, code.div(code.mul(s, y), c), c


@kernel(13, cases=("phases",))
def small_angles(
    code,
    x,
    z,
    turned,
    parameter,
    scale,
    offset,
    n_gates,
    theta,
    tangent,
    cosine,
    frame_x,
    frame_z,
    phase,
    *,
    phases,
):
    """Reduce the angles of all gates, lane by lane.

    x, z, turned, parameter, scale and offset are those of `Gates`; theta (p * LANES,) is laid out (parameter, lane).
    Fills tangent and cosine (q * LANES,): tan and cos of the new angles, the cosine with the sign of the chain rule.
    What is left over of each lane is the Pauli word X^frame_x Z^frame_z, to be applied to the reference state: bit
    masks, int64 (LANES,).  With `phases`, the final state is i^phase times what the passes make of it, int64 (LANES,)
    in 0 ... 3.  All arguments are addresses but n_gates.
    """
    frames = [code.variable(code.bits(code.zero)) for _ in range(2)]
    power = code.variable(code.bits(code.zero))
    one = code.bits_constant(1)
    with code.repeat(n_gates) as number:
        g = code.minus(code.minus(n_gates, number), 1)
        at = code.times(g, LANES)
        angle = code.load(theta, code.times(code.load_integer(parameter, g), LANES))
        angle = code.fma(code.load_splat(scale, g), angle, code.load_splat(offset, g))
        turns, t, c = tan_cos(code, angle)
        word = [code.splat_integer(code.load_integer(mask, g)) for mask in (x, z)]
        fx, fz = map(code.get, frames)
        crossed = _parity(code, code.xor(code.both(fx, word[1]), code.both(fz, word[0])))
        turn = code.shift_left(crossed, code.bits_constant(63))
        for address, value in ((tangent, t), (cosine, c)):
            code.store(address, at, code.doubles(code.xor(code.bits(value), turn)))
        # Added to 1.5 * 2^52, an integer stands in the low bits of the sum.
        turns = code.bits(code.add(turns, code.constant(6755399441055744.0)))
        odd = code.both(turns, one)
        everywhere = code.minus(code.bits_constant(0), odd)
        for frame, old, mask in zip(frames, (fx, fz), word, strict=True):
            code.set(frame, code.xor(old, code.both(mask, everywhere)))
        if phases:
            ny = code.plus(
                code.odd_bits(code.both(code.load_integer(x, g), code.load_integer(z, g))),
                code.times(code.load_integer(turned, g), 2),
            )
            joined = _twice(code, _parity(code, code.both(fz, word[0])))
            of_word = code.both(code.plus(code.splat_integer(ny), joined), everywhere)
            total = code.minus(code.plus(code.get(power), of_word), turns)
            code.set(power, code.plus(total, _twice(code, crossed)))
    for address, frame in zip((frame_x, frame_z), frames, strict=True):
        code.store(address, 0, code.doubles(code.get(frame)))
    if phases:
        code.store(phase, 0, code.doubles(code.both(code.get(power), code.bits_constant(3))))


def _parity(code, masks):
    """The parity of the number of set bits in the lowest bit, lane by lane: masks have at most 16 bits."""
    for shift in (8, 4, 2, 1):
        masks = code.xor(masks, code.shift_right(masks, code.bits_constant(shift)))
    return masks


def _twice(code, parity):
    """2 or 0."""
    return code.both(code.shift_left(parity, code.bits_constant(1)), code.bits_constant(2))


@kernel(6)
def start_states(code, inputs, source, psi, frame_x, frame_z, dim):
    """psi = X^frame_x Z^frame_z |input>, lane by lane.

    `inputs` are states, flat, (input, dim, re/im), and `source` says which one each lane takes, int64 (LANES,).
    """
    with code.repeat(LANES) as lane:
        x, z = code.load_integer(frame_x, lane), code.load_integer(frame_z, lane)
        first = code.times(code.load_integer(source, lane), dim)
        with code.repeat(dim) as k:
            at = code.plus(code.times(code.xor(k, x), 2 * LANES), lane)
            odd = code.odd_bits(code.both(k, z))
            for i in range(2):
                value = code.load_double(inputs, code.plus(code.times(code.plus(first, k), 2), i))
                value = code.choose(odd, code.negative(value), value)
                code.store_double(psi, code.plus(at, i * LANES), value)
