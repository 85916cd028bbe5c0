"""Explicit vectors of eight doubles for numba.

numba's loop vectoriser does not see that eight starts of one circuit share every index, so the kernels say so
themselves: a `Lanes` value is one LLVM <8 x double>, which the compiler keeps in one AVX-512 register, two
AVX2 ones or four SSE ones.  Multiply-add is always the fused instruction and sums over lanes run in a fixed
order, so the numbers do not depend on the width of the machine's registers.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, register_model
from numpy.typing import NDArray

LANES = 8

_double = ir.DoubleType()
_int64 = ir.IntType(64)
_vector = ir.VectorType(_double, LANES)


class LanesType(types.Type):
    """numba's type of eight doubles."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = LanesType()
_buffer = types.Array(types.float64, 1, "C")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _vector)


def _pointer(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _vector.as_pointer())


@intrinsic
def load(typingctx, array, index):
    """Eight doubles of a flat array from `index` on."""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        return builder.load(pointer, align=8)

    return lanes(array, types.int64), codegen


@intrinsic
def store(typingctx, array, index, value):
    """Write eight doubles to a flat array from `index` on."""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), codegen


@intrinsic
def splat(typingctx, value):
    """The same double in all lanes."""

    def codegen(context, builder, signature, args):
        first = builder.insert_element(ir.Constant(_vector, ir.Undefined), args[0], ir.IntType(32)(0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, ir.Constant(_vector, ir.Undefined), mask)

    return lanes(types.float64), codegen


def _unary(name):
    @intrinsic
    def operation(typingctx, a):
        def codegen(context, builder, signature, args):
            function = get_or_insert_function(builder.module, ir.FunctionType(_vector, [_vector]), name)
            return builder.call(function, args)

        return lanes(lanes), codegen

    return operation


def _binary(emit):
    @intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, args):
            return emit(builder, args[0], args[1])

        return lanes(lanes, lanes), codegen

    return operation


add = _binary(lambda builder, a, b: builder.fadd(a, b))
sub = _binary(lambda builder, a, b: builder.fsub(a, b))
mul = _binary(lambda builder, a, b: builder.fmul(a, b))
rint = _unary("llvm.rint.v8f64")


def _fused(negate):
    @intrinsic
    def operation(typingctx, a, b, c):
        def codegen(context, builder, signature, args):
            kind = ir.FunctionType(_vector, [_vector] * 3)
            function = get_or_insert_function(builder.module, kind, "llvm.fma.v8f64")
            first = builder.fneg(args[0]) if negate else args[0]
            return builder.call(function, [first, args[1], args[2]])

        return lanes(lanes, lanes, lanes), codegen

    return operation


fma = _fused(negate=False)  # a b + c
fnma = _fused(negate=True)  # -a b + c


@intrinsic
def horizontal_sum(typingctx, a):
    """Sum of the lanes, pairwise, in an order that does not depend on the machine."""

    def codegen(context, builder, signature, args):
        parts = [builder.extract_element(args[0], ir.IntType(32)(i)) for i in range(LANES)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [builder.fadd(parts[i], parts[i + half]) for i in range(half)]
        return parts[0]

    return types.float64(lanes), codegen


_PI_HIGH = 3.141592653589793116
_PI_LOW = 1.2246467991473532e-16


@njit(cache=True)
def sincos(x):
    """(sin x, cos x) up to one common sign, with errors below 1e-15 for |x| < 1e4.

    The sign common to both is free in exp(-i x P), which changes by a phase only.  So x is reduced by the
    nearest multiple of pi, and the Taylor polynomials at half of the rest, |y| <= pi/4, are doubled: no
    table, no branch.
    """
    turns = rint(mul(x, splat(1.0 / np.pi)))
    y = mul(splat(0.5), fnma(turns, splat(_PI_LOW), fnma(turns, splat(_PI_HIGH), x)))
    y2 = mul(y, y)
    s = splat(-7.647163731819816e-13)  # -1/15!
    s = fma(s, y2, splat(1.6059043836821613e-10))
    s = fma(s, y2, splat(-2.505210838544172e-08))
    s = fma(s, y2, splat(2.755731922398589e-06))
    s = fma(s, y2, splat(-0.0001984126984126984))
    s = fma(s, y2, splat(0.008333333333333333))
    s = fma(s, y2, splat(-0.16666666666666666))
    s = fma(mul(s, y2), y, y)
    c = splat(4.779477332387385e-14)  # 1/16!
    c = fma(c, y2, splat(-1.1470745597729725e-11))
    c = fma(c, y2, splat(2.08767569878681e-09))
    c = fma(c, y2, splat(-2.755731922398589e-07))
    c = fma(c, y2, splat(2.48015873015873e-05))
    c = fma(c, y2, splat(-0.001388888888888889))
    c = fma(c, y2, splat(0.041666666666666664))
    c = fma(c, y2, splat(-0.5))
    c = fma(c, y2, splat(1.0))
    two_s = add(s, s)
    return mul(two_s, c), fnma(two_s, s, splat(1.0))


def aligned_zeros(size: int) -> NDArray[np.float64]:
    """Zeros that start on a cache line: a 64-byte load across two lines would cost two."""
    raw = np.zeros(size + 8)
    start = (-raw.ctypes.data // 8) % 8
    return raw[start : start + size]
