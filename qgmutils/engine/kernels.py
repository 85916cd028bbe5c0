"""Compiled sweeps: energy and gradient of eight starts of one circuit, and the Hessian of one start.

P|k> = i^ny (-1)^popcount(k & z) |k xor x>, so exp(-i a P) mixes only the pairs (k, k xor x), in place.  With
sigma = +-1 the sign below and (a, b) the amplitudes of a pair,

    ny even:  a <- cos a - i sigma sin b,    b <- cos b - i sigma sin a
    ny odd:   a <- cos a - sigma sin b,      b <- cos b + sigma sin a.

The gradient is the reversible adjoint: run forward, apply H once, then undo the gates on |psi> and on H|psi>
together and collect dE/da = 2 Re <lambda| -iP |psi> on the way.  Two states of memory, whatever the number of
gates.

A state is a flat array (amplitude, re/im, lane).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

from qgmutils.circuits import Circuit
from qgmutils.engine.simd import LANES, aligned_zeros, fma, fnma, load, mul, sincos, splat, store, sub
from qgmutils.problems import Problem


class Gates(NamedTuple):
    """A circuit as the kernels read it; `odd` and `flip` encode i^ny as described above."""

    x: NDArray[np.int64]
    z: NDArray[np.int64]
    odd: NDArray[np.bool_]
    flip: NDArray[np.int64]
    parameter: NDArray[np.int64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    reference: NDArray[np.complex128]
    parity: NDArray[np.int64]


class Rows(NamedTuple):
    """H in compressed sparse rows: exact for diagonal, Pauli-sum, sparse and dense matrices alike."""

    start: NDArray[np.int64]
    column: NDArray[np.int64]
    real: NDArray[np.float64]
    imag: NDArray[np.float64]


class Work(NamedTuple):
    """Scratch of one evaluation, allocated once: two states, the gates' sines and cosines, +-1."""

    psi: NDArray[np.float64]
    lam: NDArray[np.float64]
    cosine: NDArray[np.float64]
    sine: NDArray[np.float64]
    sign: NDArray[np.float64]


def pack_circuit(circuit: Circuit) -> Gates:
    """The circuit as flat arrays, with the sign of every Pauli word worked out."""
    ny = np.array([int(v).bit_count() for v in circuit.x & circuit.z], dtype=np.int64)
    parity = np.array([k.bit_count() & 1 for k in range(2**circuit.n_qubits)], dtype=np.int64)
    return Gates(
        np.array(circuit.x, dtype=np.int64, order="C"),
        np.array(circuit.z, dtype=np.int64, order="C"),
        ny % 2 == 1,
        ny // 2 % 2,
        np.array(circuit.parameter, dtype=np.int64, order="C"),
        np.array(circuit.scale, dtype=np.float64, order="C"),
        np.array(circuit.offset, dtype=np.float64, order="C"),
        np.array(circuit.reference, dtype=np.complex128, order="C"),
        parity,
    )


def pack_problem(problem: Problem) -> Rows:
    """The normalised H row by row, zeros left out."""
    rows = sp.csr_array(problem.matrix)
    return Rows(
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.int64),
        np.ascontiguousarray(rows.data.real),
        np.ascontiguousarray(rows.data.imag),
    )


def allocate(circuit: Circuit) -> Work:
    """Scratch for evaluations of this circuit; one evaluation at a time may use it."""
    state, angles = 2 * LANES * 2**circuit.n_qubits, LANES * circuit.n_gates
    sign = aligned_zeros(2 * LANES)
    sign[:LANES], sign[LANES:] = 1.0, -1.0
    return Work(
        aligned_zeros(state), aligned_zeros(state), aligned_zeros(angles), aligned_zeros(2 * angles), sign
    )


@njit(cache=True)
def _top_bit(x):
    """Highest power of two in x > 0: of a pair (k, k ^ x) exactly one index has this bit clear."""
    bit = 1
    while 2 * bit <= x:
        bit *= 2
    return bit


@njit(cache=True)
def _forward(gates, work, dim):
    """work.psi = the gates on the reference state, lane by lane."""
    psi, cosine, sine, parity = work.psi, work.cosine, work.sine, gates.parity
    for k in range(dim):
        store(psi, 16 * k, splat(gates.reference[k].real))
        store(psi, 16 * k + 8, splat(gates.reference[k].imag))
    for g in range(gates.x.size):
        x, z, flip = gates.x[g], gates.z[g], gates.flip[g]
        c = load(cosine, 8 * g)
        if x == 0:
            for k in range(dim):
                t = load(sine, 16 * g + 8 * parity[k & z])
                r, i = load(psi, 16 * k), load(psi, 16 * k + 8)
                store(psi, 16 * k, fma(t, i, mul(c, r)))
                store(psi, 16 * k + 8, fnma(t, r, mul(c, i)))
            continue
        top = _top_bit(x)
        for block in range(0, dim, 2 * top):
            for k in range(block, block + top):
                j = k ^ x
                t = load(sine, 16 * g + 8 * (parity[k & z] ^ flip))
                ar, ai = load(psi, 16 * k), load(psi, 16 * k + 8)
                br, bi = load(psi, 16 * j), load(psi, 16 * j + 8)
                if gates.odd[g]:
                    store(psi, 16 * k, fnma(t, br, mul(c, ar)))
                    store(psi, 16 * k + 8, fnma(t, bi, mul(c, ai)))
                    store(psi, 16 * j, fma(t, ar, mul(c, br)))
                    store(psi, 16 * j + 8, fma(t, ai, mul(c, bi)))
                else:
                    store(psi, 16 * k, fma(t, bi, mul(c, ar)))
                    store(psi, 16 * k + 8, fnma(t, br, mul(c, ai)))
                    store(psi, 16 * j, fma(t, ai, mul(c, br)))
                    store(psi, 16 * j + 8, fnma(t, ar, mul(c, bi)))


@njit(cache=True)
def _apply(rows, psi, out, energy, dim):
    """out = H psi and energy = Re <psi|H|psi>, lane by lane."""
    total = splat(0.0)
    for k in range(dim):
        r, i = splat(0.0), splat(0.0)
        for e in range(rows.start[k], rows.start[k + 1]):
            j = 16 * rows.column[e]
            hr, hi = splat(rows.real[e]), splat(rows.imag[e])
            pr, pi = load(psi, j), load(psi, j + 8)
            r = fnma(hi, pi, fma(hr, pr, r))
            i = fma(hi, pr, fma(hr, pi, i))
        store(out, 16 * k, r)
        store(out, 16 * k + 8, i)
        total = fma(load(psi, 16 * k), r, fma(load(psi, 16 * k + 8), i, total))
    store(energy, 0, total)


@njit(cache=True)
def _backward(gates, work, gradient, dim):
    """Undo the gates on work.psi and work.lam and add the slopes to `gradient`."""
    psi, lam, cosine, sine, sign = work.psi, work.lam, work.cosine, work.sine, work.sign
    parity = gates.parity
    for g in range(gates.x.size - 1, -1, -1):
        x, z, flip = gates.x[g], gates.z[g], gates.flip[g]
        c = load(cosine, 8 * g)
        slope = splat(0.0)
        if x == 0:
            for k in range(dim):
                s = parity[k & z]
                t = load(sine, 16 * g + 8 * s)
                r, i = load(psi, 16 * k), load(psi, 16 * k + 8)
                u, w = load(lam, 16 * k), load(lam, 16 * k + 8)
                slope = fma(load(sign, 8 * s), fnma(w, r, mul(u, i)), slope)
                store(psi, 16 * k, fnma(t, i, mul(c, r)))
                store(psi, 16 * k + 8, fma(t, r, mul(c, i)))
                store(lam, 16 * k, fnma(t, w, mul(c, u)))
                store(lam, 16 * k + 8, fma(t, u, mul(c, w)))
        else:
            top = _top_bit(x)
            for block in range(0, dim, 2 * top):
                for k in range(block, block + top):
                    j = k ^ x
                    s = parity[k & z] ^ flip
                    t = load(sine, 16 * g + 8 * s)
                    ar, ai = load(psi, 16 * k), load(psi, 16 * k + 8)
                    br, bi = load(psi, 16 * j), load(psi, 16 * j + 8)
                    ur, ui = load(lam, 16 * k), load(lam, 16 * k + 8)
                    vr, vi = load(lam, 16 * j), load(lam, 16 * j + 8)
                    if gates.odd[g]:
                        part = fma(vi, ai, mul(vr, ar))
                        part = fnma(ui, bi, fnma(ur, br, part))
                        store(psi, 16 * k, fma(t, br, mul(c, ar)))
                        store(psi, 16 * k + 8, fma(t, bi, mul(c, ai)))
                        store(psi, 16 * j, fnma(t, ar, mul(c, br)))
                        store(psi, 16 * j + 8, fnma(t, ai, mul(c, bi)))
                        store(lam, 16 * k, fma(t, vr, mul(c, ur)))
                        store(lam, 16 * k + 8, fma(t, vi, mul(c, ui)))
                        store(lam, 16 * j, fnma(t, ur, mul(c, vr)))
                        store(lam, 16 * j + 8, fnma(t, ui, mul(c, vi)))
                    else:
                        part = fnma(ui, br, mul(ur, bi))
                        part = fnma(vi, ar, fma(vr, ai, part))
                        store(psi, 16 * k, fnma(t, bi, mul(c, ar)))
                        store(psi, 16 * k + 8, fma(t, br, mul(c, ai)))
                        store(psi, 16 * j, fnma(t, ai, mul(c, br)))
                        store(psi, 16 * j + 8, fma(t, ar, mul(c, bi)))
                        store(lam, 16 * k, fnma(t, vi, mul(c, ur)))
                        store(lam, 16 * k + 8, fma(t, vr, mul(c, ui)))
                        store(lam, 16 * j, fnma(t, ui, mul(c, vr)))
                        store(lam, 16 * j + 8, fma(t, ur, mul(c, vi)))
                    slope = fma(load(sign, 8 * s), part, slope)
        at = 8 * gates.parameter[g]
        factor = splat(2.0 * gates.scale[g])
        store(gradient, at, fma(factor, slope, load(gradient, at)))


@njit(cache=True)
def _evaluate_energy(gates, rows, work, theta, energy, dim):
    """Energy (8,); leaves the final states in work.psi and H times them in work.lam."""
    for g in range(gates.x.size):
        angle = fma(splat(gates.scale[g]), load(theta, 8 * gates.parameter[g]), splat(gates.offset[g]))
        s, c = sincos(angle)
        store(work.cosine, 8 * g, c)
        store(work.sine, 16 * g, s)
        store(work.sine, 16 * g + 8, sub(splat(0.0), s))
    _forward(gates, work, dim)
    _apply(rows, work.psi, work.lam, energy, dim)


@njit(cache=True)
def evaluate(gates, rows, work, theta, energy, gradient):
    """Energy (8,) and gradient (p * 8,) of eight starts; `theta` is flat, (parameter, lane)."""
    dim = gates.reference.size
    _evaluate_energy(gates, rows, work, theta, energy, dim)
    for at in range(0, gradient.size, 8):
        store(gradient, at, splat(0.0))
    _backward(gates, work, gradient, dim)


@njit(cache=True)
def evaluate_batch(gates, rows, work, theta, energy, gradient):
    """Energy (B,) and gradient (B, p) of any number of starts (B, p), eight at a time.

    A `gradient` of zero columns asks for energies only.
    """
    starts, p = theta.shape
    energy_only = gradient.shape[1] == 0
    dim = gates.reference.size
    lanes_theta, lanes_gradient, lanes_energy = np.zeros(8 * p), np.zeros(8 * p), np.zeros(8)
    for first in range(0, starts, 8):
        used = min(8, starts - first)
        for lane in range(8):
            row = first + min(lane, used - 1)
            for i in range(p):
                lanes_theta[8 * i + lane] = theta[row, i]
        if energy_only:
            _evaluate_energy(gates, rows, work, lanes_theta, lanes_energy, dim)
        else:
            evaluate(gates, rows, work, lanes_theta, lanes_energy, lanes_gradient)
        for lane in range(used):
            energy[first + lane] = lanes_energy[lane]
            for i in range(gradient.shape[1]):
                gradient[first + lane, i] = lanes_gradient[8 * i + lane]


@njit(cache=True)
def _rotate(x, z, flip, odd, parity, cosine, sine, re, im):
    """exp(-i a P) on the columns of (re, im), shape (dim, columns)."""
    dim, columns = re.shape
    if x == 0:
        for k in range(dim):
            t = sine if parity[k & z] == 0 else -sine
            for d in range(columns):
                r, i = re[k, d], im[k, d]
                re[k, d] = cosine * r + t * i
                im[k, d] = cosine * i - t * r
        return
    top = _top_bit(x)
    for block in range(0, dim, 2 * top):
        for k in range(block, block + top):
            j = k ^ x
            t = sine if parity[k & z] == flip else -sine
            if odd:
                for d in range(columns):
                    a, b = re[k, d], re[j, d]
                    re[k, d], re[j, d] = cosine * a - t * b, cosine * b + t * a
                    a, b = im[k, d], im[j, d]
                    im[k, d], im[j, d] = cosine * a - t * b, cosine * b + t * a
            else:
                for d in range(columns):
                    ar, ai, br, bi = re[k, d], im[k, d], re[j, d], im[j, d]
                    re[k, d], im[k, d] = cosine * ar + t * bi, cosine * ai - t * br
                    re[j, d], im[j, d] = cosine * br + t * ai, cosine * bi - t * ar


@njit(cache=True)
def _generate(x, z, flip, odd, parity, re, im, out_re, out_im):
    """out = -iP (re + i im), vectors of length dim."""
    for k in range(re.size):
        j = k ^ x
        sign = 1.0 if parity[k & z] == flip else -1.0
        if odd:  # -i i^ny is real
            out_re[j], out_im[j] = sign * re[k], sign * im[k]
        else:
            out_re[j], out_im[j] = sign * im[k], -sign * re[k]


@njit(cache=True)
def final_state(gates, angles):
    """psi (dim, 1) of one start as a (re, im) pair, from its gate angles (q,)."""
    dim = gates.reference.size
    psi_re, psi_im = np.empty((dim, 1)), np.empty((dim, 1))
    psi_re[:, 0], psi_im[:, 0] = gates.reference.real, gates.reference.imag
    for g in range(gates.x.size):
        c, s = np.cos(angles[g]), np.sin(angles[g])
        _rotate(gates.x[g], gates.z[g], gates.flip[g], gates.odd[g], gates.parity, c, s, psi_re, psi_im)
    return psi_re, psi_im


@njit(cache=True)
def derivatives(gates, rows, angles):
    """State, tangent vectors and second derivatives of one start, gate by gate, from its gate angles (q,).

    Returns psi (dim, 1), the tangents d_g psi (dim, q) and the matrix S_gh = Re <H psi | d_g d_h psi> (q, q),
    all as (re, im) pairs where complex.  All tangents travel through one sweep; at gate h the row S_gh, g <=
    h, is one product of the tangents so far with the vector (-iP_h)^dagger U_{>h}^dagger H psi.
    """
    dim, q = gates.reference.size, gates.x.size
    parity = gates.parity
    psi_re, psi_im = final_state(gates, angles)
    lam_re, lam_im = np.zeros((dim, 1)), np.zeros((dim, 1))
    for k in range(dim):
        for e in range(rows.start[k], rows.start[k + 1]):
            j = rows.column[e]
            lam_re[k, 0] += rows.real[e] * psi_re[j, 0] - rows.imag[e] * psi_im[j, 0]
            lam_im[k, 0] += rows.real[e] * psi_im[j, 0] + rows.imag[e] * psi_re[j, 0]
    for g in range(q - 1, -1, -1):
        c, s = np.cos(angles[g]), np.sin(angles[g])
        _rotate(gates.x[g], gates.z[g], gates.flip[g], gates.odd[g], parity, c, -s, lam_re, lam_im)
    psi_re[:, 0], psi_im[:, 0] = gates.reference.real, gates.reference.imag
    tan_re, tan_im = np.zeros((dim, q)), np.zeros((dim, q))
    second = np.zeros((q, q))
    new_re, new_im = np.empty(dim), np.empty(dim)
    pull_re, pull_im = np.empty(dim), np.empty(dim)
    for h in range(q):
        x, z, flip, odd = gates.x[h], gates.z[h], gates.flip[h], gates.odd[h]
        c, s = np.cos(angles[h]), np.sin(angles[h])
        _rotate(x, z, flip, odd, parity, c, s, psi_re, psi_im)
        _rotate(x, z, flip, odd, parity, c, s, lam_re, lam_im)
        _rotate(x, z, flip, odd, parity, c, s, tan_re[:, :h], tan_im[:, :h])
        _generate(x, z, flip, odd, parity, psi_re[:, 0], psi_im[:, 0], new_re, new_im)
        tan_re[:, h], tan_im[:, h] = new_re, new_im
        _generate(x, z, flip, odd, parity, lam_re[:, 0], lam_im[:, 0], pull_re, pull_im)  # (-iP)^+ = -(-iP)
        for k in range(dim):
            a, b = pull_re[k], pull_im[k]
            for g in range(h + 1):
                second[h, g] -= a * tan_re[k, g] + b * tan_im[k, g]
    for h in range(q):
        for g in range(h):
            second[g, h] = second[h, g]
    return psi_re, psi_im, tan_re, tan_im, second
