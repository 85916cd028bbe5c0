"""Kernels written in LLVM: what is spelled out here compiles in milliseconds, where numba's inference takes seconds.

`kernel` turns a Python function that writes the body, with a `Code` to write it with, into a function that compiled
code calls with int64 arguments: numbers, and addresses of float64 or int64 arrays (`simd.address`).
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from qgmutils.computing import kernels
from qgmutils.computing.simd import LANES, TARGET_FEATURES, call, lanes, multiply_add, spread

_INT = ir.IntType(64)
_DOUBLE = ir.DoubleType()


class Code:
    """Writes one kernel.  Integers are int64, vectors `width` doubles, complex numbers pairs of vectors."""

    def __init__(self, builder, width):
        self.builder, self.width = builder, width
        self.vector, self.integers = ir.VectorType(_DOUBLE, width), ir.VectorType(_INT, width)
        self.zero = self.constant(0.0)

    def integer(self, value):
        """An int64; Python numbers become constants."""
        return _INT(value) if isinstance(value, int) else value

    def _binary(self, name, a, b):
        return getattr(self.builder, name)(self.integer(a), self.integer(b))

    def plus(self, a, b):
        return self._binary("add", a, b)

    def minus(self, a, b):
        return self._binary("sub", a, b)

    def times(self, a, b):
        return self._binary("mul", a, b)

    def xor(self, a, b):
        return self._binary("xor", a, b)

    def both(self, a, b):
        """Bits that are set in a and in b."""
        return self._binary("and_", a, b)

    def either(self, a, b):
        """Bits that are set in a or in b."""
        return self._binary("or_", a, b)

    def without(self, a, b):
        """Bits that are set in a but not in b."""
        return self.both(a, self.builder.not_(self.integer(b)))

    def shift_right(self, a, by):
        return self._binary("lshr", a, by)

    def shift_left(self, a, by):
        return self._binary("shl", a, by)

    def top_bit(self, a):
        """Highest power of two in a > 0: of a pair (k, k ^ a) one index has this bit clear."""
        kind = ir.FunctionType(_INT, [_INT, ir.IntType(1)])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.ctlz.i64")
        return self.builder.lshr(_INT(-(2**63)), self.builder.call(function, [a, ir.IntType(1)(1)]))

    def odd_bits(self, a):
        """1 if the number of set bits is odd, else 0."""
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(_INT, [_INT]), "llvm.ctpop.i64"
        )
        return self.both(self.builder.call(function, [a]), 1)

    def choose(self, condition, yes, no):
        """`yes` where the integer is 1, `no` where it is 0."""
        yes, no = self.integer(yes), self.integer(no)
        return self.builder.select(self.builder.trunc(condition, ir.IntType(1)), yes, no)

    def is_zero(self, a):
        """1 where a double is 0, else 0."""
        return self.builder.zext(self.builder.fcmp_ordered("==", a, _DOUBLE(0.0)), _INT)

    def _pointer(self, kind, address, index):
        return self.builder.gep(self.builder.inttoptr(address, kind.as_pointer()), [self.integer(index)])

    def load_integer(self, address, index):
        """Element `index` of an array of int64."""
        return self.builder.load(self._pointer(_INT, address, index))

    def load_double(self, address, index):
        """Element `index` of an array of float64."""
        return self.builder.load(self._pointer(_DOUBLE, address, index))

    def store_double(self, address, index, value):
        self.builder.store(value, self._pointer(_DOUBLE, address, index))

    def load(self, address, index):
        """A vector from element `index` on."""
        pointer = self.builder.bitcast(self._pointer(_DOUBLE, address, index), self.vector.as_pointer())
        return self.builder.load(pointer, align=8)

    def store(self, address, index, value):
        pointer = self.builder.bitcast(self._pointer(_DOUBLE, address, index), self.vector.as_pointer())
        self.builder.store(value, pointer, align=8)

    def load_complex(self, address, index):
        """An amplitude: its real parts from `index` on, and then its imaginary ones."""
        return self.load(address, index), self.load(address, self.plus(index, self.width))

    def store_complex(self, address, index, value):
        self.store(address, index, value[0])
        self.store(address, self.plus(index, self.width), value[1])

    def splat(self, value):
        """One double in all lanes."""
        return spread(self.builder, self.vector, value)

    def splat_integer(self, value):
        """One int64 in all lanes: a vector of integers, as `bits` makes them."""
        return spread(self.builder, self.integers, value)

    def constant(self, value):
        return ir.Constant(self.vector, [value] * self.width)

    def bits_constant(self, value):
        return ir.Constant(self.integers, [value] * self.width)

    def bits(self, a):
        """The bits of doubles as integers, for `xor`, `both` and the like."""
        return self.builder.bitcast(a, self.integers)

    def doubles(self, a):
        """The reverse of `bits`."""
        return self.builder.bitcast(a, self.vector)

    def round(self, a):
        """To the nearest integers."""
        return call(self.builder, "rint", a)

    def polynomial(self, terms, x):
        """Value at x of the polynomial with these coefficients, highest first."""
        value = self.constant(terms[0])
        for term in terms[1:]:
            value = self.fma(value, x, self.constant(term))
        return value

    def load_splat(self, address, index):
        return self.splat(self.load_double(address, index))

    def add(self, a, b):
        return self.builder.fadd(a, b)

    def mul(self, a, b):
        return self.builder.fmul(a, b)

    def div(self, a, b):
        return self.builder.fdiv(a, b)

    def negative(self, a):
        return self.builder.fneg(a)

    def fma(self, a, b, c):
        """a b + c, rounded once where the machine can."""
        return multiply_add(self.builder, a, b, c)

    def fnma(self, a, b, c):
        """c - a b, rounded once where the machine can."""
        return multiply_add(self.builder, self.negative(a), b, c)

    def fnma_exactly(self, a, b, c):
        """c - a b, rounded once on any machine; slow where it is no instruction."""
        return call(self.builder, "fma", self.negative(a), b, c)

    def flip(self, a, mask):
        """`a` with the signs turned where `mask` is -0.0 and kept where it is 0.0."""
        return self.doubles(self.xor(self.bits(a), self.bits(mask)))

    def prefetch(self, address, index):
        """Bring element `index` of an array of float64 near, which need not exist."""
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0i8")
        pointer = self.builder.bitcast(self._pointer(_DOUBLE, address, index), byte)
        self.builder.call(function, [pointer, i32(0), i32(3), i32(1)])  # for reading, to be kept, data

    def fence(self):
        """Loads behind it read memory again, instead of keeping registers occupied since before."""
        self.builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], side_effect=True)

    def variable(self, value):
        """A variable, to be read with `get` and changed with `set`, that starts with an integer or a vector."""
        value = self.integer(value)
        with self.builder.goto_entry_block():
            place = self.builder.alloca(value.type)
        self.builder.store(value, place)
        return place

    def get(self, variable):
        return self.builder.load(variable)

    def set(self, variable, value):
        self.builder.store(value, variable)

    @contextlib.contextmanager
    def repeat(self, count):
        """The block runs `count` times; yields the number of the round."""
        with cgutils.for_range(self.builder, self.integer(count), intp=_INT) as loop:
            yield loop.index

    @contextlib.contextmanager
    def clear_of(self, pivots, count, step):
        """The block runs for the first `count` multiples of `step`, a power of two, with all bits of `pivots` clear."""
        k = self.variable(0)
        with self.repeat(count):
            now = self.get(k)
            yield now
            self.set(k, self.without(self.plus(self.either(now, pivots), step), pivots))


class _Kernel(NamedTuple):
    body: Callable
    n_arguments: int
    results: int
    cases: tuple[str, ...]

    def variants(self):
        """(symbol, flags) for all values of the flags."""
        for flags in itertools.product((False, True), repeat=len(self.cases)):
            name = [
                __package__,
                self.body.__module__.rpartition(".")[2],
                self.body.__name__,
                *map(str, map(int, flags)),
            ]
            yield "_".join(name).replace(".", "_"), flags

    def type(self):
        result = ir.LiteralStructType([lanes.llvm] * self.results) if self.results else ir.VoidType()
        return ir.FunctionType(result, [_INT] * self.n_arguments)

    def write(self, module):
        for name, flags in self.variants():
            function = ir.Function(module, self.type(), name)
            code = Code(ir.IRBuilder(function.append_basic_block("entry")), LANES)
            # Two blocks: variables go to the end of the first one.
            start = function.append_basic_block("start")
            code.builder.branch(start)
            code.builder.position_at_end(start)
            vectors = self.body(code, *function.args, **dict(zip(self.cases, flags, strict=True)))
            if not self.results:
                code.builder.ret_void()
                continue
            value = ir.Constant(function.return_value.type, ir.Undefined)
            for i, vector in enumerate(vectors):
                value = code.builder.insert_value(value, vector, i)
            code.builder.ret(value)


_FILE = "engine.o"
_kernels: list[_Kernel] = []
_engines: list[Any] = []


def kernel(n_arguments, *, results=0, cases=()):
    """Decorator: a function callable from compiled code, from what writes its body.

    Parameters
    ----------
    n_arguments : int
        Number of int64 arguments.
    results : int
        Number of vectors returned.
    cases : sequence of str
        Names of flags.  The kernel is written once for all their values, which the body gets as Python bools by
        keyword; callers pass them as the bits of one number, their first argument.

    Returns
    -------
    Callable
        Applied to ``body(code, *arguments, **flags) -> vectors``.
    """

    def decorate(body):
        made = _Kernel(body, n_arguments, results, tuple(cases))
        _kernels.append(made)

        def codegen(context, builder, signature, args):
            numbers = args[1:] if cases else args
            chosen = {
                values: cgutils.get_or_insert_function(builder.module, made.type(), name)
                for name, values in made.variants()
            }
            for i in reversed(range(len(cases))):
                bit = builder.trunc(builder.lshr(args[0], _INT(i)), ir.IntType(1))
                chosen = {
                    values[:i]: builder.select(bit, chosen[(*values[:i], True)], chosen[(*values[:i], False)])
                    for values in chosen
                    if not values[i]
                }
            value = builder.call(chosen[()], numbers)
            if results > 1:
                vectors = [builder.extract_value(value, i) for i in range(results)]
                return context.make_tuple(builder, signature.return_type, vectors)
            return builder.extract_value(value, 0) if results else context.get_dummy_value()

        returned = types.UniTuple(lanes, results) if results > 1 else lanes if results else types.void
        arguments = [types.int64] * (bool(cases) + n_arguments)
        # numba asks for named arguments.
        names = ", ".join(f"a{i}" for i in range(len(arguments)))
        typing = eval(f"lambda typingctx, {names}: made", {"made": (returned(*arguments), codegen)})
        typing.__name__ = body.__name__
        return intrinsic(typing)

    return decorate


def load_kernels():
    """Compile all kernels and make them known to numba; must come before any code that calls them.

    They are compiled once, so that numba need not do so again for every function that calls one, and kept beside
    what numba compiles.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu = llvm.get_host_cpu_name() if config.CPU_NAME is None else config.CPU_NAME
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=TARGET_FEATURES, opt=3, reloc="default", codemodel="jitdefault", jit=True
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(_object_code(machine)))
    engine.finalize_object()
    for each in _kernels:
        for name, _ in each.variants():
            llvm.add_symbol(name, engine.get_function_address(name))
    _engines.append(engine)  # owns the code


def _object_code(machine):
    """What `_compile` returns, from the last time if there was one."""
    code = kernels.load(_FILE)
    if code is None:
        code = _compile(machine)
        kernels.keep(_FILE, code)
    return code


def _compile(machine):
    """Object code of all kernels."""
    module = ir.Module("qgmutils")
    module.triple = llvm.get_process_triple()
    for each in _kernels:
        each.write(module)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(parsed, builder)
    return machine.emit_object(parsed)
