"""Second derivatives: tangent vectors and Hessian of one start.

With |psi> the state after all q gates, T_g = d_g |psi> and |lambda> = dL/d<psi|, the Hessian in gate angles is 2 S_gh,
S_gh = Re <lambda|d_g d_h psi>, and what the loss says of its curvature along T_g and T_h, 2 Re <T_g|H|T_h> for an
energy.  All T_g travel through one sweep, LANES of them in the lanes of one state.  S_gh, g < h, is the overlap of T_g
on its way, at gate h, with one vector that does not depend on g (`_collect`), and S_gg = -Re <lambda|psi>, which is -E
for an energy.  What is left is matrix products, for BLAS.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit
from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import LANES, address, inner, load, mul, splat, store, sub
from qgmutils.engine import passes
from qgmutils.engine.passes import STATE
from qgmutils.engine.sweep import RESCALE, evaluate_energy, forward, set_out, set_signed, turn

_TILE_BYTES = 2**17


@inner
def _word_of_lane_zero(gates, g, state, scale, out):
    """out = scale (-iP) state for the word of gate g and lane 0; `out` is a row (2 dim,), re and im in turn."""
    passes.word_of_lane_zero(
        gates.odd[g],
        gates.x[g],
        gates.z[g],
        gates.turned[g],
        address(state),
        address(scale),
        address(out),
        gates.reference.size // 2,
    )


@inner
def _rescale(work, state, factor, dim):
    store(work.scale, 0, splat(factor))
    passes.scale(state, address(work.scale), dim)


@inner
def _collect(gates, work, kicks, pulls):
    """What the tangents start from and what they are compared with, from final states in work.psi and work.lam.

    kicks[h] = -iP_h |psi> behind gate h.  pulls[h] = (-iP_h)^dagger |lambda> in front of gate h for even h and behind
    it for odd h, the frame in which `_overlaps` meets it; both (q, 2 dim).
    """
    dim, q = gates.reference.size // 2, gates.x.size
    psi, lam, signed = address(work.psi), address(work.lam), address(work.signed)
    factor = np.ones(2)  # what the states have to be multiplied with, and minus it
    since = 0
    for h in range(q - 1, -1, -1):
        factor[1] = -factor[0]
        _word_of_lane_zero(gates, h, work.psi, factor[:1], kicks[h])
        if h % 2 == 1:
            _word_of_lane_zero(gates, h, work.lam, factor[1:], pulls[h])
        set_signed(work.signed, 0, sub(splat(0.0), load(work.tangent, LANES * h)))
        turn(gates, h, psi, signed)
        turn(gates, h, lam, signed)
        factor[0] *= abs(work.cosine[LANES * h])
        factor[1] = -factor[0]
        if h % 2 == 0:
            _word_of_lane_zero(gates, h, work.lam, factor[1:], pulls[h])
        since += 1
        if since == RESCALE:
            _rescale(work, psi, factor[0], dim)
            _rescale(work, lam, factor[0], dim)
            factor[0], since = 1.0, 0


@inner
def _overlaps(gates, work, first, begin, end, state, kicks, pulls, second):
    """Carry the tangents of gates first ... first + LANES - 1, the lanes of `state`, through gates begin ... end - 1.

    Writes their overlaps with the pulls of these gates to second[h, first:]; tangents of gates in between set out here.
    `state` is an address.  Rounding is that of eight lanes also where there are fewer: it is eight tangents that start
    from a scale of 1 together, and two gates take one pass where none of the eight sets out.
    """
    dim, width = gates.reference.size // 2, second.shape[1]
    signed, size = address(work.signed), 16 * dim
    kick, pull, rows = address(kicks), address(pulls), address(second)
    eight = first // 8 * 8
    scale, g = 1.0, max(begin, first)
    for h in range(max(begin, eight), g):
        scale *= abs(work.cosine[LANES * h])
    while g < end:
        set_signed(work.signed, 0, load(work.tangent, LANES * g))
        lane, h = g - first, g + 1
        if g >= eight + 8 and g % 2 == 0 and h < end and gates.pivots[g] != 0:
            set_signed(work.signed, 2 * LANES, load(work.tangent, LANES * h))
            sum1, sum2 = passes.overlap_two(
                gates.odd[g] + 2 * gates.odd[h],
                gates.x[g],
                gates.z[g],
                gates.turned[g],
                gates.x[h],
                gates.z[h],
                gates.turned[h],
                gates.pivots[g],
                state,
                pull + g * size,
                pull + h * size,
                signed,
                dim,
            )
            store(rows, g * width + first, mul(splat(scale), sum1))
            scale *= abs(work.cosine[LANES * g] * work.cosine[LANES * h])
            store(rows, h * width + first, mul(splat(scale), sum2))
            g += 2
            continue
        if g % 2 == 0:
            store(rows, g * width + first, mul(splat(scale), passes.overlap(state, pull + g * size, dim)))
        turn(gates, g, state, signed)
        scale *= abs(work.cosine[LANES * g])
        if g % 2 == 1:
            store(rows, g * width + first, mul(splat(scale), passes.overlap(state, pull + g * size, dim)))
        if lane < LANES:
            store(work.scale, 0, splat(0.0))
            work.scale[lane] = 1.0 / scale
            passes.add_to_lanes(kick + g * size, address(work.scale), state, dim)
        g += 1
    _rescale(work, state, scale, dim)


class Tangents(NamedTuple):
    """What there is to know of one start and one input to second order, in gate angles, and scratch for it.

    psi (2 dim,) is in the order (dim, re/im), the tangents T_g are (2 dim, q padded to LANES) and S is (q, q padded to
    LANES).  Scratch: kicks and pulls (q, 2 dim), states (q padded, 2 dim).
    """

    psi: NDArray[np.float64]
    tangents: NDArray[np.float64]
    second: NDArray[np.float64]
    kicks: NDArray[np.float64]
    pulls: NDArray[np.float64]
    states: NDArray[np.float64]


def allocate_tangents(circuit: Circuit) -> Tangents:
    """Room for the second derivatives of one start and input at a time."""
    q, size = circuit.n_gates, 2 * 2**circuit.n_qubits
    padded = -(-q // LANES) * LANES
    shapes = (size,), (size, padded), (q, padded), (q, size), (q, size), (padded, size)
    return Tangents(*map(np.empty, shapes))


@compiled
def energy_derivatives(gates, observable, work, theta, result):
    """Fill `result` for the energy of one start; `theta` (p * LANES,) holds it in all lanes."""
    energies = np.empty(LANES)
    evaluate_energy(gates, observable, work, theta, energies)
    _derivatives(gates, work, energies[0], result)


@compiled
def derivatives(gates, inputs, work, theta, cotangent, result):
    """Fill `result` for one start and the input in work.source, with its cotangent (2 N,); all lanes hold the same."""
    set_out(gates, inputs, work, theta, False)
    forward(gates, work)
    overlap = 0.0
    for k in range(cotangent.size):
        work.lam[LANES * k : LANES * (k + 1)] = cotangent[k]
        overlap += work.psi[LANES * k] * cotangent[k]
    _derivatives(gates, work, overlap, result)


@inner
def _derivatives(gates, work, overlap, result):
    """Fill `result` from work.psi and work.lam, of which `overlap` is Re <lambda|psi>."""
    dim, q = gates.reference.size // 2, gates.x.size
    psi, tangents, second, kicks, pulls, states = result
    for k in range(2 * dim):
        psi[k] = work.psi[LANES * k]
    _collect(gates, work, kicks, pulls)
    second[:] = 0.0
    states[:] = 0.0
    width, size = second.shape[1], STATE * dim
    # All tangents meet the same few pulls before the next ones, which then come from a near cache.
    tile = min(RESCALE, max(8, _TILE_BYTES // (16 * dim)))
    for begin in range(0, q, tile):
        end = min(q, begin + tile)
        for block in range(-(-end // LANES)):
            _overlaps(
                gates,
                work,
                block * LANES,
                begin,
                end,
                address(states) + 8 * block * size,
                kicks,
                pulls,
                second,
            )
    into, flat = address(tangents), address(states)
    for block in range(width // LANES):
        for k in range(2 * dim):
            store(into, k * width + block * LANES, load(flat, block * size + LANES * k))
    # From the reduced angles to those of the gates: they differ by signs.
    for g in range(q):
        if work.cosine[LANES * g] < 0.0:
            for k in range(2 * dim):
                tangents[k, g] = -tangents[k, g]
    for h in range(q):
        second[h, h] = -overlap
        for g in range(h):
            sign = work.cosine[LANES * g] * work.cosine[LANES * h]
            second[h, g] = np.copysign(1.0, sign) * second[h, g]
            second[g, h] = second[h, g]
