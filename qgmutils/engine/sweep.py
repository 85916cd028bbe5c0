"""The sweeps through a circuit: loss and gradient of LANES states at once.

The gradient is the reversible adjoint: run forward, ask for |lambda> = dL/d<psi|, which is H|psi> for an energy, then
undo the gates on |psi> and |lambda> together and collect dL/da = 2 Re <lambda| -iP |psi> on the way.  Two states of
memory, whatever the number of gates.

An energy takes one sweep there and back, `evaluate`.  Any other loss is asked in between, outside of compiled code and
for many starts at once: `run_rows` goes there and `undo_rows` back, on rows (start, input).

The cosines that a pass leaves out let the states grow; every RESCALE gates they are scaled back.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit
from qgmutils.computing.kernels import compiled
from qgmutils.computing.simd import (
    LANES,
    address,
    aligned_zeros,
    copysign,
    fma,
    inner,
    load,
    mul,
    splat,
    store,
    sub,
)
from qgmutils.engine import passes
from qgmutils.engine.gates import small_angles, start_states
from qgmutils.engine.observable import apply
from qgmutils.engine.passes import STATE, into_lanes, out_of_lanes

RESCALE = 64
"""Gates between two rescalings; a state grows by at most 2^32 in between, which costs no digit."""


class Work(NamedTuple):
    """Scratch of one evaluation, allocated once: two states and two numbers a gate.

    `source` is the number of the input that each lane starts from, `phase` the power of i that the passes leave out,
    and `row` where in an array of rows the lane's one is.
    """

    psi: NDArray[np.float64]
    lam: NDArray[np.float64]
    tangent: NDArray[np.float64]
    cosine: NDArray[np.float64]
    signed: NDArray[np.float64]
    scale: NDArray[np.float64]
    sign: NDArray[np.float64]
    frame_x: NDArray[np.int64]
    frame_z: NDArray[np.int64]
    source: NDArray[np.int64]
    phase: NDArray[np.int64]
    row: NDArray[np.int64]


class Rows(NamedTuple):
    """What the way back needs of rows, LANES of them a group: final states and angles, (groups, ...)."""

    psi: NDArray[np.float64]
    tangent: NDArray[np.float64]
    cosine: NDArray[np.float64]


def allocate(circuit: Circuit) -> Work:
    """Scratch for evaluations of this circuit; one evaluation at a time may use it."""
    state, angles = _sizes(circuit)
    doubles = _pieces(state, state, angles, angles, 4 * LANES, LANES, 2 * LANES)
    doubles[-1][LANES:] = -0.0
    masks = np.zeros((5, LANES), np.int64)
    return Work(*doubles, *masks)  # type: ignore[arg-type]


def allocate_rows(circuit: Circuit, groups: int) -> Rows:
    """Room for that many groups of rows."""
    state, angles = _sizes(circuit)
    psi, tangent, cosine = _pieces(groups * state, groups * angles, groups * angles)
    return Rows(psi.reshape(groups, state), *(each.reshape(groups, angles) for each in (tangent, cosine)))


def _sizes(circuit: Circuit) -> tuple[int, int]:
    """Doubles of a state and of the gates' angles, for all lanes."""
    return STATE * 2**circuit.n_qubits, LANES * circuit.n_gates


def _pieces(*sizes: int) -> list[NDArray[np.float64]]:
    """Aligned arrays in one piece of memory: on small circuits, to make each takes as long as an energy."""
    starts = [0, *itertools.accumulate(-(-size // 8) * 8 for size in sizes)]
    whole = aligned_zeros(starts.pop())
    return [whole[start : start + size] for start, size in zip(starts, sizes, strict=True)]


@inner
def set_signed(signed, at, t):
    """T for both signs of a word, as the passes look it up."""
    store(signed, at, t)
    store(signed, at + LANES, sub(splat(0.0), t))


@inner
def turn(gates, g, state, signed):
    """Gate g alone, with the address of T and -T."""
    x, dim = gates.x[g], gates.reference.size // 2
    passes.turn_one((x == 0) + 2 * gates.odd[g], x, gates.z[g], gates.turned[g], state, signed, dim)


@inner
def slope(gates, g, psi, lam, sign):
    """Re <lambda| -iP |psi> for the word of gate g."""
    x, dim = gates.x[g], gates.reference.size // 2
    return passes.slope_one((x == 0) + 2 * gates.odd[g], x, gates.z[g], gates.turned[g], psi, lam, sign, dim)


@inner
def forward(gates, work):
    """Run the gates on work.psi, which stays normalised."""
    dim, q = gates.reference.size // 2, gates.x.size
    psi, signed = address(work.psi), address(work.signed)
    scale, since = splat(1.0), 0
    g = 0
    while g < q:
        set_signed(work.signed, 0, load(work.tangent, LANES * g))
        scale = mul(scale, load(work.cosine, LANES * g))
        if gates.pivots[g] != 0:
            h = g + 1
            set_signed(work.signed, 2 * LANES, load(work.tangent, LANES * h))
            scale = mul(scale, load(work.cosine, LANES * h))
            passes.turn_two(
                gates.odd[g] + 2 * gates.odd[h],
                gates.x[g],
                gates.z[g],
                gates.turned[g],
                gates.x[h],
                gates.z[h],
                gates.turned[h],
                gates.pivots[g],
                psi,
                signed,
                dim,
            )
        else:
            h = g
            turn(gates, g, psi, signed)
        since += h + 1 - g
        g = h + 1
        if since >= RESCALE or g == q:
            store(work.scale, 0, scale)
            passes.scale(psi, address(work.scale), dim)
            scale, since = splat(1.0), 0


@inner
def _add_slope(gates, g, work, scale, slope, gradient):
    """Undo what the scale does to a slope, and apply the chain rule."""
    at = LANES * gates.parameter[g]
    factor = copysign(mul(scale, scale), load(work.cosine, LANES * g))
    store(gradient, at, fma(mul(splat(2.0 * gates.scale[g]), factor), slope, load(gradient, at)))


@inner
def backward(gates, work, gradient):
    """Undo the gates on work.psi and work.lam and add the slopes to `gradient`."""
    dim = gates.reference.size // 2
    psi, lam, signed, sign = address(work.psi), address(work.lam), address(work.signed), address(work.sign)
    scale, since = splat(1.0), 0
    h = gates.x.size - 1
    while h >= 0:
        if h > 0 and gates.pivots[h - 1] != 0:
            g = h - 1
            set_signed(work.signed, 0, sub(splat(0.0), load(work.tangent, LANES * g)))
            set_signed(work.signed, 2 * LANES, sub(splat(0.0), load(work.tangent, LANES * h)))
            first, second = passes.undo_two(
                gates.odd[g] + 2 * gates.odd[h],
                gates.x[g],
                gates.z[g],
                gates.turned[g],
                gates.x[h],
                gates.z[h],
                gates.turned[h],
                gates.pivots[g],
                psi,
                lam,
                signed,
                sign,
                dim,
            )
            _add_slope(gates, h, work, scale, second, gradient)
            scale = mul(scale, mul(load(work.cosine, LANES * g), load(work.cosine, LANES * h)))
            _add_slope(gates, g, work, scale, first, gradient)
        else:
            g = h
            _add_slope(gates, g, work, scale, slope(gates, g, psi, lam, sign), gradient)
            set_signed(work.signed, 0, sub(splat(0.0), load(work.tangent, LANES * g)))
            turn(gates, g, psi, signed)
            turn(gates, g, lam, signed)
            scale = mul(scale, load(work.cosine, LANES * g))
        since += h + 1 - g
        h = g - 1
        if since >= RESCALE:
            store(work.scale, 0, scale)
            passes.scale(psi, address(work.scale), dim)
            passes.scale(lam, address(work.scale), dim)
            scale, since = splat(1.0), 0


@inner
def set_out(gates, inputs, work, theta, phases):
    """The reduced angles, and in work.psi the states that the gates act on; work.phase if `phases`."""
    frame_x, frame_z = address(work.frame_x), address(work.frame_z)
    small_angles(
        1 if phases else 0,
        address(gates.x),
        address(gates.z),
        address(gates.turned),
        address(gates.parameter),
        address(gates.scale),
        address(gates.offset),
        gates.x.size,
        address(theta),
        address(work.tangent),
        address(work.cosine),
        frame_x,
        frame_z,
        address(work.phase),
    )
    dim = gates.reference.size // 2
    start_states(address(inputs), address(work.source), address(work.psi), frame_x, frame_z, dim)


@inner
def evaluate_energy(gates, observable, work, theta, energy):
    """Energy (LANES,); leaves the final states in work.psi and H times them in work.lam."""
    set_out(gates, gates.reference, work, theta, False)
    forward(gates, work)
    apply(observable, work.psi, work.lam, energy)


@inner
def evaluate(gates, observable, work, theta, energy, gradient):
    """Energy (LANES,) and gradient (p * LANES,); `theta` is flat, (parameter, lane)."""
    evaluate_energy(gates, observable, work, theta, energy)
    for at in range(0, gradient.size, LANES):
        store(gradient, at, splat(0.0))
    backward(gates, work, gradient)


@compiled
def evaluate_batch(gates, observable, work, theta, energy, gradient):
    """Energy (B,) and gradient (B, p) of any number of starts (B, p), LANES at a time.

    A `gradient` of zero columns asks for energies only.
    """
    starts, p = theta.shape
    energy_only = gradient.shape[1] == 0
    lanes_theta, lanes_gradient = np.zeros(LANES * p), np.zeros(LANES * p)
    lanes_energy = np.zeros(LANES)
    for first in range(0, starts, LANES):
        used = _take(work, theta, first, 1, lanes_theta)
        if energy_only:
            evaluate_energy(gates, observable, work, lanes_theta, lanes_energy)
        else:
            evaluate(gates, observable, work, lanes_theta, lanes_energy, lanes_gradient)
        for lane in range(used):
            energy[first + lane] = lanes_energy[lane]
            for i in range(gradient.shape[1]):
                gradient[first + lane, i] = lanes_gradient[LANES * i + lane]


@inner
def _take(work, array, first, repeats, out):
    """Rows first, first + 1 ... of an array (R, count), each `repeats` times, as (count, lane); returns how many lanes.

    The last row fills the lanes left over.
    """
    rows, count = repeats * array.shape[0], array.shape[1]
    used = min(LANES, rows - first)
    for lane in range(LANES):
        work.row[lane] = (first + min(lane, used - 1)) // repeats * count
    into_lanes(address(array), address(work.row), address(out), count)
    return used


@inner
def _group(work, rows, group):
    """Scratch with the states and angles of a group of rows."""
    return Work(
        rows.psi[group],
        work.lam,
        rows.tangent[group],
        rows.cosine[group],
        work.signed,
        work.scale,
        work.sign,
        work.frame_x,
        work.frame_z,
        work.source,
        work.phase,
        work.row,
    )


@compiled
def run_rows(gates, inputs, n_inputs, work, rows, theta, phases, power, states):
    """Final states (R, 2 N) of starts theta (B, p) from M inputs (flat) each, R = B M.

    They lack i^power, (B,), worked out only if `phases`.  Groups of rows take turns where `rows` has room for fewer:
    there is no way back then.
    """
    lanes_theta = np.empty(LANES * theta.shape[1])
    for first in range(0, len(states), LANES):
        here = _group(work, rows, first // LANES % len(rows.psi))
        used = _take(work, theta, first, n_inputs, lanes_theta)
        for lane in range(LANES):
            row = first + min(lane, used - 1)
            work.source[lane], work.row[lane] = row % n_inputs, row * states.shape[1]
        set_out(gates, inputs, here, lanes_theta, phases)
        forward(gates, here)
        out_of_lanes(address(here.psi), address(work.row), address(states), states.shape[1])
        for lane in range(used):
            power[(first + lane) // n_inputs] = work.phase[lane]


@compiled
def undo_rows(gates, n_inputs, work, rows, cotangents, gradient):
    """Gradient (B, p) from the cotangents dL/d<psi| (R, 2 N) of the rows that `run_rows` has left.

    The slopes of a start's rows are added up in the order of the rows.
    """
    p = gradient.shape[1]
    lanes_gradient = np.empty(LANES * p)
    gradient[:] = 0.0
    for first in range(0, len(cotangents), LANES):
        here = _group(work, rows, first // LANES)
        used = _take(work, cotangents, first, 1, here.lam)
        lanes_gradient[:] = 0.0
        backward(gates, here, lanes_gradient)
        for lane in range(used):
            row = (first + lane) // n_inputs
            for i in range(p):
                gradient[row, i] += lanes_gradient[LANES * i + lane]
