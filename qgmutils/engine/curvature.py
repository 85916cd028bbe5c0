"""Second derivatives: tangent vectors and Hessian of one start, and Hessian-vector products of LANES starts.

With |psi> the state after all q gates and T_g = d_g |psi>, the Hessian in gate angles is 2 Re <T_g|H|T_h> + 2 S_gh,
S_gh = Re <H psi|d_g d_h psi>.  All T_g travel through one sweep, LANES of them in the lanes of one state.  S_gh, g < h,
is the overlap of T_g on its way, at gate h, with one vector that does not depend on g (`_collect`), and S_gg = -E.
What is left is matrix products, for BLAS.

The Hessian-vector product differentiates the sweep of the gradient along a direction: two more states, no matrix.
"""

from __future__ import annotations

import numpy as np

from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import LANES, add, address, copysign, fma, inner, load, mul, splat, store, sub
from qgmutils.engine import passes
from qgmutils.engine.observable import apply
from qgmutils.engine.passes import STATE
from qgmutils.engine.sweep import RESCALE, evaluate_energy, set_out, set_signed, slope, turn

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


@compiled
def derivatives(gates, observable, work, theta, psi, tangents, second, kicks, pulls, states):
    """State, tangent vectors and second derivatives of one start in gate angles.

    `theta` (p * LANES,) holds the same start in all lanes.  Fills psi (2 dim,), in the order (dim, re/im), the tangents
    T_g (2 dim, q padded to LANES) and S (q, q padded to LANES).  Scratch: kicks and pulls (q, 2 dim), states (q padded,
    2 dim).
    """
    dim, q = gates.reference.size // 2, gates.x.size
    energies = np.empty(LANES)
    evaluate_energy(gates, observable, work, theta, energies)
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
        second[h, h] = -energies[0]
        for g in range(h):
            sign = work.cosine[LANES * g] * work.cosine[LANES * h]
            second[h, g] = np.copysign(1.0, sign) * second[h, g]
            second[g, h] = second[h, g]


@inner
def _along(gates, work, theta_dot, g):
    """Derivative of the reduced angle of gate g along the direction, one a lane."""
    factor = mul(splat(gates.scale[g]), load(theta_dot, LANES * gates.parameter[g]))
    return mul(factor, copysign(splat(1.0), load(work.cosine, LANES * g)))


@inner
def _add_change(gates, work, g, state, change, factor):
    """change += factor (-iP) state for the word of gate g; addresses of states."""
    set_signed(work.signed, 0, factor)
    dim = gates.reference.size // 2
    passes.add_word(
        gates.odd[g], gates.x[g], gates.z[g], gates.turned[g], state, change, address(work.signed), dim
    )


@compiled
def hessian_vector(gates, observable, work, change, theta, theta_dot, product):
    """Hessian times vector of LANES starts: theta, theta_dot and product (p * LANES,), laid out (parameter, lane).

    `change` is scratch like `work`, for the derivatives of its states along the direction.
    """
    dim, q = gates.reference.size // 2, gates.x.size
    psi, lam, signed, sign = address(work.psi), address(work.lam), address(work.signed), address(work.sign)
    psi_dot, lam_dot, factor = address(change.psi), address(change.lam), address(work.scale)
    energy = np.empty(LANES)
    set_out(gates, work, theta)
    change.psi[:] = 0.0
    scale, since = splat(1.0), 0
    for g in range(q):
        set_signed(work.signed, 0, load(work.tangent, LANES * g))
        turn(gates, g, psi, signed)
        turn(gates, g, psi_dot, signed)
        _add_change(gates, work, g, psi, psi_dot, _along(gates, work, theta_dot, g))
        scale = mul(scale, load(work.cosine, LANES * g))
        since += 1
        if since == RESCALE or g == q - 1:
            store(work.scale, 0, scale)
            passes.scale(psi, factor, dim)
            passes.scale(psi_dot, factor, dim)
            scale, since = splat(1.0), 0
    apply(observable, work.psi, work.lam, energy)
    apply(observable, change.psi, change.lam, energy)
    product[:] = 0.0
    for g in range(q - 1, -1, -1):
        both = add(slope(gates, g, psi, lam_dot, sign), slope(gates, g, psi_dot, lam, sign))
        at = LANES * gates.parameter[g]
        chain = mul(splat(2.0 * gates.scale[g]), copysign(mul(scale, scale), load(work.cosine, LANES * g)))
        store(product, at, fma(chain, both, load(product, at)))
        back = sub(splat(0.0), _along(gates, work, theta_dot, g))
        _add_change(gates, work, g, psi, psi_dot, back)
        _add_change(gates, work, g, lam, lam_dot, back)
        set_signed(work.signed, 0, sub(splat(0.0), load(work.tangent, LANES * g)))
        for state in (psi, lam, psi_dot, lam_dot):
            turn(gates, g, state, signed)
        scale = mul(scale, load(work.cosine, LANES * g))
        since += 1
        if since == RESCALE:
            store(work.scale, 0, scale)
            for state in (psi, lam, psi_dot, lam_dot):
                passes.scale(state, factor, dim)
            scale, since = splat(1.0), 0
