"""Energy and gradient of starts that each have a circuit of their own.

Starts of different circuits share no index, so here WIDTH neighbouring amplitudes of one start are a vector: k and
k xor x lie in the chunks c = k // WIDTH and c xor (x // WIDTH), and x mod WIDTH permutes the amplitudes within a chunk.
A state is a flat array (chunk, re/im, amplitude within the chunk).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from qgmutils.circuits import Circuit, require_pair
from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import address, eight, inner, odd_bits, store_eight
from qgmutils.computing.threads import one_thread
from qgmutils.engine.gates import pack_circuit, tan_cos
from qgmutils.engine.llvm import Code, kernel
from qgmutils.engine.observable import LOW_RANK, costs, factor
from qgmutils.engine.starts import checked, far_starts, reduced
from qgmutils.engine.sweep import RESCALE
from qgmutils.losses.energy import Energy

WIDTH = 8
"""Amplitudes of a chunk, the same on all machines: sums over a state are taken place by place."""
CHUNK = 2 * WIDTH
"""Doubles of a chunk."""
_BITS = WIDTH.bit_length() - 1
_EXCHANGES = tuple(f"exchange{bit}" for bit in range(_BITS))


class _Ensemble(NamedTuple):
    """The gates of B circuits with q gates each, as in `gates.Gates`: (B, q), and reference (B, 2 N)."""

    x: NDArray[np.int64]
    z: NDArray[np.int64]
    odd: NDArray[np.bool_]
    turned: NDArray[np.int64]
    parameter: NDArray[np.int64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    reference: NDArray[np.float64]


def energy_and_gradient_each(
    circuits: Sequence[Circuit], problem: Energy, theta: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energy and gradient of B starts, start b in circuit b.

    For many starts of one circuit `landscape` is faster.

    Parameters
    ----------
    circuits : sequence of B Circuit
        Alike in numbers of qubits, angles and gates.
    problem : Energy
        Of as many qubits.
    theta : array_like, shape (B, p)
        Radians.

    Returns
    -------
    energy : (B,)
    gradient : (B, p)

    Raises
    ------
    ValueError
        If there is anything else than circuits, they differ in size from one another or from the problem, or theta has
        another shape or entries that are not finite.
    """
    if not isinstance(circuits, Sequence) or not all(isinstance(circuit, Circuit) for circuit in circuits):
        raise ValueError(f"circuits must be a list of circuits.Circuit, got {type(circuits).__name__}")
    sizes = {(circuit.n_qubits, circuit.n_params, circuit.n_gates) for circuit in circuits}
    if len(sizes) > 1:
        raise ValueError(f"circuits must have the same (qubits, angles, gates), got {sorted(sizes)}")
    n_params = circuits[0].n_params if circuits else (0, *np.shape(theta))[-1]
    starts = checked(theta, n_params)
    if len(starts) != len(circuits):
        raise ValueError(f"theta must have one row for each circuit, got {len(starts)} for {len(circuits)}")
    energy, gradient = np.empty(len(starts)), np.zeros_like(starts)
    if not circuits:
        return energy, gradient
    require_pair(circuits[0], problem)
    near = list(circuits)
    for b, circuit in enumerate(circuits):
        if far_starts(circuit, starts[b : b + 1]).size:
            near[b], starts[b] = reduced(circuit, starts[b]), 0.0
    apply = _operator(problem)
    together = max(1, _TOGETHER_BYTES // (32 * problem.dim))
    for first in range(0, len(starts), together):
        some = slice(first, first + together)
        gates = _pack(near[some])
        tangent, cosine = np.empty(gates.x.shape), np.empty(gates.x.shape)
        psi = np.zeros((len(gates.x), 2 * max(problem.dim, WIDTH)))
        _forward(gates, starts[some], tangent, cosine, psi)
        states = _amplitudes(psi, problem.dim)
        with one_thread():
            applied = apply(states)
        energy[some] = np.sum(states.conj() * applied, axis=1).real
        lam = np.zeros_like(psi)
        lam[:] = _chunks(applied, lam.shape[1])
        _backward(gates, tangent, cosine, psi, lam, gradient[some])
    return energy, gradient


_TOGETHER_BYTES = 2**25  # of states at a time


def _pack(circuits: Sequence[Circuit]) -> _Ensemble:
    packed = [pack_circuit(circuit) for circuit in circuits]
    return _Ensemble(*(np.array([getattr(each, name) for each in packed]) for name in _Ensemble._fields))


@functools.lru_cache(maxsize=4)
def _operator(problem: Energy) -> Callable[[NDArray[np.complex128]], NDArray[np.complex128]]:
    """H on the rows of (B, N)."""
    price = costs(problem)
    if price.get(LOW_RANK, np.inf) == min(price.values()):
        columns = factor(problem)
        return lambda states: (states @ columns.conj()) @ columns.T
    matrix = problem.matrix.T
    if np.count_nonzero(matrix) * 8 < matrix.size:
        rows = sp.csr_array(problem.matrix)
        return lambda states: np.ascontiguousarray((rows @ states.T).T)
    return lambda states: states @ matrix


def _amplitudes(states: NDArray[np.float64], dim: int) -> NDArray[np.complex128]:
    """Complex (B, N) from (B, (chunk, re/im, amplitude within the chunk))."""
    parts = states.reshape(len(states), -1, 2, WIDTH).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(parts).view(np.complex128).reshape(len(states), -1)[:, :dim]


def _chunks(states: NDArray[np.complex128], width: int) -> NDArray[np.float64]:
    """The reverse of `_amplitudes`, filled up with zeros to `width` numbers a start."""
    padded = np.zeros((len(states), width // 2), dtype=np.complex128)
    padded[:, : states.shape[1]] = states
    parts = padded.view(np.float64).reshape(len(states), -1, WIDTH, 2).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(parts).reshape(len(states), width)


def _permuted(code: Code, flags: dict[str, bool], amplitude: Any) -> Any:
    """The partners k xor x of a chunk's amplitudes, given the chunk that they lie in."""
    for bit, name in enumerate(_EXCHANGES):
        if flags[name]:
            order = [lane ^ (1 << bit) for lane in range(WIDTH)]
            amplitude = tuple(code.permute(part, order) for part in amplitude)
    return amplitude


def _turned(code: Code, odd: bool, t: Any, a: Any, partner: Any) -> Any:
    (ar, ai), (pr, pi) = a, partner
    if odd:
        return code.fnma(t, pr, ar), code.fnma(t, pi, ai)
    return code.fma(t, pi, ar), code.fnma(t, pr, ai)


def _each_pair(
    code: Code, x: Any, z: Any, turned: Any, chunks: Any, within: bool
) -> Iterator[tuple[list[Any], list[Any]]]:
    """Where the chunks lie that belong together, one or two, and where to look up the sign of each."""
    flips, signs = (code.times(code.shift_right(mask, _BITS), CHUNK) for mask in (x, z))

    def sign(k: Any) -> Any:
        return code.times(code.xor(code.odd_bits(code.both(k, signs)), turned), WIDTH)

    if within:
        with code.repeat(chunks) as number:
            k = code.times(number, CHUNK)
            yield [k], [sign(k)]
    else:
        with code.clear_of(code.top_bit(flips), code.shift_right(chunks, 1), CHUNK) as k:
            both = [k, code.xor(k, flips)]
            yield both, [sign(each) for each in both]


@kernel(6, cases=("odd", "within", *_EXCHANGES), vector=eight)
def _turn(code, x, z, turned, psi, signed, chunks, *, odd, within, **exchanges):
    """One gate; `within` says that x connects amplitudes of the same chunk.

    `signed` is the address of sigma tan a for the amplitudes of a chunk, and of minus it.
    """
    for where, signs in _each_pair(code, x, z, turned, chunks, within):
        old = [code.load_complex(psi, k) for k in where]
        partners = [_permuted(code, exchanges, each) for each in reversed(old)]
        for k, at, a, partner in zip(where, signs, old, partners, strict=True):
            code.store_complex(psi, k, _turned(code, odd, code.load(signed, at), a, partner))


@kernel(8, results=1, cases=("odd", "within", *_EXCHANGES), vector=eight)
def _undo(code, x, z, turned, psi, lam, signed, sign, chunks, *, odd, within, **exchanges):
    """Undo one gate on psi and lam, with minus the tangents in `signed`; Re <lambda| -iP |psi>, in parts."""
    total = code.variable(code.zero)
    for where, signs in _each_pair(code, x, z, turned, chunks, within):
        old = [[code.load_complex(state, k) for k in where] for state in (psi, lam)]
        partners = [[_permuted(code, exchanges, each) for each in reversed(state)] for state in old]
        for (ur, ui), (pr, pi), at in zip(old[1], partners[0], signs, strict=True):
            terms = ((ui, pi), (ur, pr)) if odd else ((ui, pr), (ur, pi))
            part = (code.fma if odd else code.fnma)(*terms[0], code.mul(*terms[1]))
            part = code.negative(part) if odd else part
            code.set(total, code.add(code.get(total), code.flip(part, code.load(sign, at))))
        for state, amplitudes, others in zip((psi, lam), old, partners, strict=True):
            for k, at, a, partner in zip(where, signs, amplitudes, others, strict=True):
                code.store_complex(state, k, _turned(code, odd, code.load(signed, at), a, partner))
    return (code.get(total),)


@kernel(4, vector=eight)
def _reduce(code, angle, tangent, cosine, count):
    """tan and cos of `count` angles, a multiple of WIDTH, without their quarter turns, which replace the angles."""
    with code.repeat(code.shift_right(count, _BITS)) as number:
        at = code.times(number, WIDTH)
        turns, t, c = tan_cos(code, code.load(angle, at))
        for place, value in ((angle, turns), (tangent, t), (cosine, c)):
            code.store(place, at, value)


@inner
def _small_angles(gates, b, theta, tangent, cosine, scratch):
    """As `gates.small_angles` for start b; returns the word left over."""
    q = gates.x.shape[1]
    padded = (q + WIDTH - 1) // WIDTH * WIDTH
    for g in range(q):
        scratch[g] = gates.scale[b, g] * theta[b, gates.parameter[b, g]] + gates.offset[b, g]
    _reduce(address(scratch), address(scratch) + 8 * padded, address(scratch) + 16 * padded, padded)
    frame_x, frame_z = 0, 0
    for g in range(q - 1, -1, -1):
        x, z = gates.x[b, g], gates.z[b, g]
        sign = 1.0 - 2.0 * odd_bits((frame_x & z) ^ (frame_z & x))
        tangent[b, g] = sign * scratch[padded + g]
        cosine[b, g] = sign * scratch[2 * padded + g]
        if int(scratch[g]) & 1:
            frame_x ^= x
            frame_z ^= z
    return frame_x, frame_z


@inner
def _patterns(value, z, signed, sign):
    """The tangent and the sign for the amplitudes of a chunk, and the same with the other sign."""
    for lane in range(WIDTH):
        turned = odd_bits(lane & z) == 1
        signed[lane] = -value if turned else value
        signed[WIDTH + lane] = -signed[lane]
        sign[lane], sign[WIDTH + lane] = (-0.0, 0.0) if turned else (0.0, -0.0)


@inner
def _flags(gates, b, g):
    """What `_turn` and `_undo` are to be written for, as bits."""
    x = gates.x[b, g]
    return gates.odd[b, g] + 2 * (x < WIDTH) + 4 * (x % WIDTH)


@compiled
def _forward(gates, theta, tangent, cosine, psi):
    """Angles and final states of B starts."""
    count, q = gates.x.shape
    dim = gates.reference.shape[1] // 2
    scratch = np.zeros(3 * (q + WIDTH))
    signed, sign = np.zeros(2 * WIDTH), np.zeros(2 * WIDTH)
    chunks = psi.shape[1] // CHUNK
    for b in range(count):
        frame_x, frame_z = _small_angles(gates, b, theta, tangent, cosine, scratch)
        state = psi[b]
        for k in range(dim):
            j = k ^ frame_x
            at = j // WIDTH * CHUNK + j % WIDTH
            factor = 1.0 - 2.0 * odd_bits(k & frame_z)
            state[at] = factor * gates.reference[b, 2 * k]
            state[at + WIDTH] = factor * gates.reference[b, 2 * k + 1]
        scale = 1.0
        for g in range(q):
            x, z = gates.x[b, g], gates.z[b, g]
            _patterns(tangent[b, g], z, signed, sign)
            _turn(_flags(gates, b, g), x, z, gates.turned[b, g], address(state), address(signed), chunks)
            scale *= cosine[b, g]
            if g % RESCALE == RESCALE - 1 or g == q - 1:
                for k in range(state.size):
                    state[k] *= scale
                scale = 1.0


@compiled
def _backward(gates, tangent, cosine, psi, lam, gradient):
    """Add the slopes of B starts to `gradient`, undoing psi and lam."""
    count, q = gates.x.shape
    signed, sign = np.zeros(2 * WIDTH), np.zeros(2 * WIDTH)
    chunks = psi.shape[1] // CHUNK
    parts = np.zeros(WIDTH)
    for b in range(count):
        scale = 1.0
        for g in range(q - 1, -1, -1):
            x, z = gates.x[b, g], gates.z[b, g]
            _patterns(-tangent[b, g], z, signed, sign)
            store_eight(
                parts,
                0,
                _undo(
                    _flags(gates, b, g),
                    x,
                    z,
                    gates.turned[b, g],
                    address(psi[b]),
                    address(lam[b]),
                    address(signed),
                    address(sign),
                    chunks,
                ),
            )
            slope = 2.0 * gates.scale[b, g] * np.sum(parts) * scale * scale
            gradient[b, gates.parameter[b, g]] += slope if cosine[b, g] > 0.0 else -slope
            scale *= cosine[b, g]
            if g % RESCALE == 0:
                for k in range(psi.shape[1]):
                    psi[b, k] *= scale
                    lam[b, k] *= scale
                scale = 1.0
