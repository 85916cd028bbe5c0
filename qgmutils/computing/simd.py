"""Explicit vectors of doubles for numba, as wide as the machine's registers.

numba's loop vectoriser does not see that all starts of one circuit share every index, so the kernels say so
themselves: LANES starts are one LLVM <LANES x double>, which fills one register: 8 doubles with AVX-512, 4 with AVX2,
2 otherwise.  The width follows the features that numba compiles for: NUMBA_CPU_NAME and NUMBA_CPU_FEATURES force
the narrower paths on a wider machine; QGMUTILS_LANES forces the width alone.

No number depends on that width: what happens in a lane does not depend on its neighbours, and sums over the places of a
vector are taken over vectors of one width on all machines.  What does move last digits is a machine without fused
multiply-add, of which there are few with AVX2 and none with AVX-512: in software, each would cost tens of nanoseconds.
"""

from __future__ import annotations

import os

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import codegen, config
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, register_model
from numpy.typing import NDArray

_forced = getattr(config, "CPU_FEATURES")  # noqa: B009  numba makes its settings at run time
TARGET_FEATURES: str = codegen.get_host_cpu_features() if _forced is None else _forced
"""What the machine can do, as numba sees it: names with + or - in front."""
_features = {feature[1:] for feature in TARGET_FEATURES.split(",") if feature.startswith("+")}
_WIDTHS = (2, 4, 8)


def _width() -> int:
    forced = os.environ.get("QGMUTILS_LANES")
    if forced is None:
        return 8 if "avx512f" in _features else 4 if "avx2" in _features else 2
    if forced not in map(str, _WIDTHS):
        raise ValueError(
            f"the environment variable QGMUTILS_LANES is {forced!r}; it must be 2, 4 or 8, or not set"
        )
    return int(forced)


LANES = _width()
"""Doubles in one register, unless the environment variable QGMUTILS_LANES says how many to take together."""
FUSED = "fma" in _features or "avx512f" in _features
"""Whether multiply-add is one instruction with one rounding; otherwise it is a product and a sum."""

_double = ir.DoubleType()
_int64 = ir.IntType(64)


class VectorType(types.Type):
    """numba's type of a fixed number of doubles, or of single-precision numbers."""

    def __init__(self, number: types.Float, width: int) -> None:
        super().__init__(name=f"{width} x {number}")
        self.number = number
        self.llvm = ir.VectorType(_double if number == types.float64 else ir.FloatType(), width)


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.llvm)


lanes = VectorType(types.float64, LANES)


@intrinsic
def address(typingctx, array):
    """Where the elements of a flat array are, as an int64.

    Inner kernels take addresses: numba counts the references to every array that is passed, with atomic operations
    that would cost more than a gate on a small state.  The caller keeps the array alive.
    """

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, _int64)

    return types.int64(array), codegen


def spread(builder, vector, value):
    """The same number in all places of a vector."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, mask)


def _access(vector: VectorType):
    """(load, store, splat) for vectors of a type."""
    number = vector.llvm.element
    align = vector.number.bitwidth // 8

    def pointer(context, builder, kind, base, index):
        if isinstance(kind, types.Array):
            base = context.make_array(kind)(context, builder, base).data
        else:
            base = builder.inttoptr(base, number.as_pointer())
        return builder.bitcast(builder.gep(base, [index]), vector.llvm.as_pointer())

    @intrinsic
    def load(typingctx, array, index):
        """Numbers from `index` on, of a flat array or from an `address` on."""

        def codegen(context, builder, signature, args):
            return builder.load(pointer(context, builder, signature.args[0], *args), align=align)

        return vector(array, types.int64), codegen

    @intrinsic
    def store(typingctx, array, index, value):
        """Write numbers from `index` on, to a flat array or from an `address` on."""

        def codegen(context, builder, signature, args):
            builder.store(args[2], pointer(context, builder, signature.args[0], *args[:2]), align=align)
            return context.get_dummy_value()

        return types.void(array, types.int64, vector), codegen

    @intrinsic
    def splat(typingctx, value):
        """The same number in all places."""

        def codegen(context, builder, signature, args):
            return spread(builder, vector.llvm, args[0])

        return vector(vector.number), codegen

    return load, store, splat


load, store, splat = _access(lanes)
# Sums over a vector's places depend on how many there are.  Where they are taken, it is these, whatever the registers.
eight = VectorType(types.float64, 8)
load_eight, store_eight, splat_eight = _access(eight)
load_singles, store_singles, splat_singles = _access(VectorType(types.float32, 16))


def _binary(emit):
    @intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, args):
            return emit(builder, args[0], args[1])

        return a(a, b), codegen

    return operation


add = _binary(lambda builder, a, b: builder.fadd(a, b))
sub = _binary(lambda builder, a, b: builder.fsub(a, b))
mul = _binary(lambda builder, a, b: builder.fmul(a, b))


def call(builder, name, *vectors):
    """One of LLVM's functions of vectors of one type."""
    kind = vectors[0].type
    suffix = f"v{kind.count}{'f64' if kind.element == _double else 'f32'}"
    function = ir.FunctionType(kind, [kind] * len(vectors))
    return builder.call(get_or_insert_function(builder.module, function, f"llvm.{name}.{suffix}"), vectors)


copysign = _binary(lambda builder, a, b: call(builder, "copysign", a, b))


def multiply_add(builder, a, b, c):
    """a b + c in LLVM."""
    return call(builder, "fma" if FUSED else "fmuladd", a, b, c)


def multiply_subtract(builder, a, b, c):
    return multiply_add(builder, builder.fneg(a), b, c)


def _ternary(emit):
    @intrinsic
    def operation(typingctx, a, b, c):
        def codegen(context, builder, signature, args):
            return emit(builder, *args)

        return a(a, b, c), codegen

    return operation


fma = _ternary(multiply_add)  # a b + c
fnma = _ternary(multiply_subtract)  # -a b + c


@intrinsic
def horizontal_sum(typingctx, a):
    """Sum over the places of a vector, pairwise, in an order that does not depend on the machine."""

    def codegen(context, builder, signature, args):
        parts = [builder.extract_element(args[0], ir.IntType(32)(i)) for i in range(a.llvm.count)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [builder.fadd(parts[i], parts[i + half]) for i in range(half)]
        return parts[0]

    return a.number(a), codegen


inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)  # type: ignore[call-overload]
"""Decorator of functions that compiled code alone calls: the way in from Python is a good part of the compilation."""


@inner
def dot(a, i, b, j, count):
    """Sum of the products of `count` doubles, of a from i on and of b from j on: eight partial sums on any machine."""
    total, whole = splat_eight(0.0), count // 8 * 8
    for k in range(0, whole, 8):
        total = fma(load_eight(a, i + k), load_eight(b, j + k), total)
    result = horizontal_sum(total)
    for k in range(whole, count):
        result += a[i + k] * b[j + k]
    return result


_PI_HIGH = 3.141592653589793116
_PI_LOW = 1.2246467991473532e-16


@inner
def sincos(x):
    """(sin x, cos x) up to one common sign, with errors below 1e-15 for |x| < 1e4.

    That sign is free where all that matters is the double angle.  So x is reduced by the
    nearest multiple of pi, and the Taylor polynomials at half of the rest, |y| <= pi/4, are doubled: no
    table, no branch.
    """
    # The nearest integer: adding 1.5 * 2^52 leaves no bits behind the point.
    magic = splat(6755399441055744.0)
    turns = sub(add(mul(x, splat(1.0 / np.pi)), magic), magic)
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
