"""The sweeps of `CudaLandscape`: one thread block evaluates one start.

The arithmetic is that of `qgmutils.engine.kernels`.  A gate mixes each pair (a, b) of amplitudes, k and k xor x, as

    a <- cos a + sigma sin m,    b <- cos b + sigma sin n,    sigma = +-1,

    ny even: m = -i b, n = -i a;    ny odd: m = -b, n = a,

and the pair adds sigma Re(<lambda_a, m> + <lambda_b, n>) to the gate's slope Re <lambda| -iP |psi>.

Indices are unsigned and of 32 bits, cast after each step since numba widens every sum: signed ones are compared
with zero at each access, and wider ones take twice the instructions.  There is no min(): the CUDA target that comes
with numba 0.68 fails to compile it.

Imported only when the engine is asked for, since it loads `numba.cuda`.
"""

from __future__ import annotations

import ctypes
import math
import sys
import warnings
from functools import cache
from typing import Any

from numba import config, cuda, float64, int32, uint32

SIMULATED = bool(getattr(config, "ENABLE_CUDASIM", False))
"""Whether NUMBA_ENABLE_CUDASIM has replaced the GPU by Python threads."""

ENERGY, GRADIENT, STATES = 0, 1, 2
"""What a launch is asked for."""

MAX_THREADS = 512
"""Threads of a block at most; their number is a power of two."""

REGISTERS = 128
"""Registers of a thread at most: the compiler does not know how many threads there will be."""

STAGE = 64
"""Gates whose words, sines and cosines a block holds in shared memory at a time."""

GROUP_BITS = 3
GROUP = 1 << GROUP_BITS
"""Gates whose slopes a block sums at a time, and the arity of that sum."""

# The sizes of the two arrays: numba takes no expression for them.
_WORDS, _ANGLES = 4 * STAGE, 2 * STAGE

STATIC_BYTES = 4 * _WORDS + 8 * _ANGLES
"""Shared memory of a block for its stage of gates."""

_MAX_DYNAMIC_SHARED = 8
"""CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES."""

SIGNATURE = (
    "void(int64, int32[:,::1], float64[:,::1], float64[:,::1], int32[:,::1], float64[:,:,::1], int32[::1], "
    "int32[::1], float64[:,::1], int32[::1], int32[::1], float64[::1], float64[::1], float64[:,::1], "
    "float64[:,:,::1], float64[:,::1], float64[::1])"
)


@cuda.jit(device=True)
def _stage(words, affine, theta, source, shifted, shift, b, begin, count, t, threads, staged, angles):
    """Words, cosines and sines of the gates begin ... begin + count - 1: one thread a gate, once a block."""
    cuda.syncthreads()
    s = t
    while s < count:
        g = begin + s
        for i in range(4):
            staged[i * STAGE + s] = words[i, g]
        angle = affine[0, g] * theta[source[b], words[4, g]] + affine[1, g]
        if g == shifted[b]:
            angle += shift[b]
        angles[s] = math.cos(angle)
        angles[STAGE + s] = math.sin(angle)
        s = uint32(s + threads)
    cuda.syncthreads()


@cuda.jit(device=True)
def _first_of_pair(i, x, top):
    """Member of pair number i: a zero inserted at the highest bit of x, or its partner.

    A half warp should touch 16 different banks of 8 bytes.  It does where x has a bit above the fourth; else
    half of its threads start from the other member, which fills the banks that the first members leave out.
    """
    k = uint32(2 * i - (i & (top - 1)))
    if top < 16 and k & 16:
        k = uint32(k ^ x)
    return k


@cuda.jit(device=True)
def _forward(state, base, dim, staged, angles, count, t, threads):
    """Gates on psi; planes of `state` from `base` on: re, im.  One barrier a gate."""
    half = uint32(dim >> 1)
    for s in range(count):
        x, z = uint32(staged[s]), uint32(staged[STAGE + s])
        top, kind = uint32(staged[2 * STAGE + s]), staged[3 * STAGE + s]
        c, sine = angles[s], angles[STAGE + s]
        if x == 0:
            k = t
            while k < dim:
                w = -sine if cuda.popc(uint32(k & z)) & 1 else sine
                p = uint32(base + k)
                r, i = state[p], state[p + dim]
                state[p] = c * r + w * i
                state[p + dim] = c * i - w * r
                k = uint32(k + threads)
        else:
            n = t
            while n < half:
                k = _first_of_pair(n, x, top)
                w = -sine if (cuda.popc(uint32(k & z)) + (kind >> 1)) & 1 else sine
                p, q = uint32(base + k), uint32(base + (k ^ x))
                ar, ai, br, bi = state[p], state[p + dim], state[q], state[q + dim]
                if kind & 1:
                    state[p] = c * ar - w * br
                    state[p + dim] = c * ai - w * bi
                    state[q] = c * br + w * ar
                    state[q + dim] = c * bi + w * ai
                else:
                    state[p] = c * ar + w * bi
                    state[p + dim] = c * ai - w * br
                    state[q] = c * br + w * ai
                    state[q + dim] = c * bi - w * ar
                n = uint32(n + threads)
        cuda.syncthreads()


@cuda.jit(device=True)
def _apply(column, entry, state, base, dim, keep, t, threads):
    """This thread's part of <psi|H|psi>; where `keep`, H psi goes to the planes that follow psi."""
    total = 0.0
    k = t
    while k < dim:
        r, i = 0.0, 0.0
        for slot in range(column.shape[0]):
            j = uint32(base + column[slot, k])
            hr, hi = entry[0, slot, k], entry[1, slot, k]
            ar, ai = state[j], state[j + dim]
            r += hr * ar - hi * ai
            i += hr * ai + hi * ar
        p = uint32(base + k)
        total += state[p] * r + state[p + dim] * i
        if keep:
            state[p + 2 * dim], state[p + 3 * dim] = r, i
        k = uint32(k + threads)
    return total


@cuda.jit(device=True)
def _sum(partial, at, count, t, threads):
    """partial[at + s * threads] = the sum of the `threads` numbers from there on, for each s < count.

    A tree, so always in the same order.  Thread s modulo `threads` may read sum s at once, others after a barrier.
    """
    bits = cuda.popc(threads - 1)
    while bits > 0:
        step = bits if bits < GROUP_BITS else GROUP_BITS
        bits -= step
        cuda.syncthreads()
        i = t
        while i < count << bits:
            p = uint32(at + (i >> bits) * threads + (i & ((1 << bits) - 1)))
            total = partial[p]
            for a in range(1, 1 << step):
                total += partial[p + (a << bits)]
            partial[p] = total
            i = uint32(i + threads)


@cuda.jit(device=True)
def _backward(state, base, dim, staged, angles, affine, begin, count, t, threads, partial, at, slopes, b):
    """Undo gates on psi and lambda; slopes[b] = dE / d theta of each gate alone.

    A thread leaves its share of a slope in `partial`; the shares are summed for GROUP gates at a time.
    """
    half = uint32(dim >> 1)
    for s in range(count - 1, -1, -1):
        x, z = uint32(staged[s]), uint32(staged[STAGE + s])
        top, kind = uint32(staged[2 * STAGE + s]), staged[3 * STAGE + s]
        c, sine = angles[s], angles[STAGE + s]
        slope = 0.0
        if x == 0:
            k = t
            while k < dim:
                p = uint32(base + k)
                r, i, u, v = state[p], state[p + dim], state[p + 2 * dim], state[p + 3 * dim]
                part = u * i - v * r
                w = sine
                if cuda.popc(uint32(k & z)) & 1:
                    w, part = -w, -part
                slope += part
                state[p] = c * r - w * i
                state[p + dim] = c * i + w * r
                state[p + 2 * dim] = c * u - w * v
                state[p + 3 * dim] = c * v + w * u
                k = uint32(k + threads)
        else:
            n = t
            while n < half:
                k = _first_of_pair(n, x, top)
                p, q = uint32(base + k), uint32(base + (k ^ x))
                ar, ai, br, bi = state[p], state[p + dim], state[q], state[q + dim]
                ur, ui = state[p + 2 * dim], state[p + 3 * dim]
                vr, vi = state[q + 2 * dim], state[q + 3 * dim]
                minus = (cuda.popc(uint32(k & z)) + (kind >> 1)) & 1
                w = -sine if minus else sine
                if kind & 1:
                    part = vr * ar + vi * ai - ur * br - ui * bi
                    state[p] = c * ar + w * br
                    state[p + dim] = c * ai + w * bi
                    state[q] = c * br - w * ar
                    state[q + dim] = c * bi - w * ai
                    state[p + 2 * dim] = c * ur + w * vr
                    state[p + 3 * dim] = c * ui + w * vi
                    state[q + 2 * dim] = c * vr - w * ur
                    state[q + 3 * dim] = c * vi - w * ui
                else:
                    part = ur * bi - ui * br + vr * ai - vi * ar
                    state[p] = c * ar - w * bi
                    state[p + dim] = c * ai + w * br
                    state[q] = c * br - w * ai
                    state[q + dim] = c * bi + w * ar
                    state[p + 2 * dim] = c * ur - w * vi
                    state[p + 3 * dim] = c * ui + w * vr
                    state[q + 2 * dim] = c * vr - w * ui
                    state[q + 3 * dim] = c * vi + w * ur
                slope += -part if minus else part
                n = uint32(n + threads)
        partial[uint32(at + (s & (GROUP - 1)) * threads + t)] = slope
        if s & (GROUP - 1) == 0:
            size = GROUP if s + GROUP <= count else count - s
            _sum(partial, at, size, t, threads)
            i = t
            while i < size:
                g = begin + s + i
                slopes[b, g] = 2.0 * affine[0, g] * partial[at + i * threads]
                i = uint32(i + threads)
        cuda.syncthreads()


def _kernel(in_shared: bool) -> Any:
    """The kernel as a Python function, its states in dynamic shared memory or in global memory (`scratch`)."""

    def evaluate(
        mode,  # ENERGY, GRADIENT or STATES
        words,  # (5, q): x, z, highest bit of x, [ny odd] + 2 flip, parameter
        affine,  # (2, q): scale, offset
        reference,  # (2, N): re, im
        column,  # (w, N): slot s of row k of H lies at [s, k], so that a warp reads consecutive numbers
        entry,  # (2, w, N): re, im
        first,  # (p + 1,): the gates of parameter i are member[first[i]:first[i + 1]]
        member,  # (q,)
        theta,  # (R, p)
        source,  # (B,): row of theta of each start
        shifted,  # (B,): the gate whose angle is shifted, or -1
        shift,  # (B,)
        energy,  # (B,)
        gradient,  # (B, p)
        states,  # (B, 2, N)
        slopes,  # (B, q)
        scratch,  # (B * planes * N,), unless the states are in shared memory
    ):
        staged = cuda.shared.array(_WORDS, int32)
        angles = cuda.shared.array(_ANGLES, float64)
        buffer = cuda.shared.array(0, float64)
        t, threads, b = uint32(cuda.threadIdx.x), uint32(cuda.blockDim.x), uint32(cuda.blockIdx.x)
        gates, dim = words.shape[1], uint32(reference.shape[1])
        planes = 4 if mode == GRADIENT else 2
        if in_shared:
            state, base, at = buffer, uint32(0), uint32(planes * dim)
        else:
            state, base, at = scratch, uint32(b * planes * dim), uint32(0)

        k = t
        while k < dim:
            state[base + k], state[base + dim + k] = reference[0, k], reference[1, k]
            k = uint32(k + threads)
        for begin in range(0, gates, STAGE):
            count = STAGE if begin + STAGE <= gates else gates - begin
            _stage(words, affine, theta, source, shifted, shift, b, begin, count, t, threads, staged, angles)
            _forward(state, base, dim, staged, angles, count, t, threads)

        if mode == STATES:
            k = t
            while k < dim:
                states[b, 0, k], states[b, 1, k] = state[base + k], state[base + dim + k]
                k = uint32(k + threads)
            return
        buffer[at + t] = _apply(column, entry, state, base, dim, mode == GRADIENT, t, threads)
        _sum(buffer, at, 1, t, threads)
        if t == 0:
            energy[b] = buffer[at]
        if mode == ENERGY:
            return

        last = (gates - 1) // STAGE * STAGE
        for begin in range(last, -1, -STAGE):
            count = STAGE if begin + STAGE <= gates else gates - begin
            _stage(words, affine, theta, source, shifted, shift, b, begin, count, t, threads, staged, angles)
            _backward(
                state, base, dim, staged, angles, affine, begin, count, t, threads, buffer, at, slopes, b
            )
        # A barrier makes the block's own writes to global memory visible to it.
        i = t
        while i < first.size - 1:
            total = 0.0
            for e in range(first[i], first[i + 1]):
                total += slopes[b, member[e]]
            gradient[b, i] = total
            i = uint32(i + threads)

    return evaluate


@cache
def compiled(in_shared: bool) -> Any:
    """The kernel for the current GPU, compiled once a process; arguments as in `_kernel`."""
    if SIMULATED:
        return cuda.jit(_kernel(in_shared))
    options: dict[str, Any] = {"max_registers": REGISTERS}  # unknown to the simulator
    kernel = cuda.jit(SIGNATURE, **options)(_kernel(in_shared))
    if in_shared:
        _allow_shared(kernel, shared_limit() - STATIC_BYTES)
    return kernel


def shared_limit() -> int:
    """Bytes of shared memory that a block of the current GPU may have at most."""
    if SIMULATED:
        return 48 * 1024
    return int(cuda.get_current_device().MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)


def _allow_shared(kernel: Any, size: int) -> None:
    """Let launches of `kernel` ask for `size` bytes of dynamic shared memory; 48 KiB are allowed without.

    numba has no call for this, so the driver is asked directly, about the handle that numba launches.

    Raises
    ------
    RuntimeError
        If the driver refuses, with its error number.
    """
    (overload,) = kernel.overloads.values()
    handle = overload.library.get_cufunc().handle
    pointer = ctypes.c_void_p(handle.value if isinstance(handle, ctypes.c_void_p) else int(handle))
    device = cuda.get_current_device().id
    driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    if type(handle).__name__ == "CUkernel":  # numba-cuda since 0.24 loads kernels without a context
        status = driver.cuKernelSetAttribute(_MAX_DYNAMIC_SHARED, size, pointer, device)
    else:
        status = driver.cuFuncSetAttribute(pointer, _MAX_DYNAMIC_SHARED, size)
    if status != 0:
        raise RuntimeError(f"the CUDA driver refused {size} bytes of shared memory a block: error {status}")


def launch(in_shared: bool, blocks: int, threads: int, dynamic: int, *arguments: Any) -> None:
    """Run the kernel on `blocks` starts; its arguments as in `_kernel`, on the device."""
    with warnings.catch_warnings():
        # A single start leaves most of the GPU idle, as whoever asks for it knows.
        warnings.filterwarnings("ignore", message="Grid size")
        configured = compiled(in_shared)[blocks, threads, 0, dynamic]
    configured(*arguments)
