"""The sweeps through a circuit: energy and gradient of LANES starts at once.

The gradient is the reversible adjoint: run forward, apply H once, then undo the gates on |psi> and on
|lambda> = H|psi> together and collect dE/da = 2 Re <lambda| -iP |psi> on the way.  Two states of memory, whatever
the number of gates.

The cosines that a pass leaves out let the states grow; every RESCALE gates they are scaled back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qgmutils.circuits import Circuit
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
from qgmutils.engine.passes import STATE

RESCALE = 64
"""Gates between two rescalings; a state grows by at most 2^32 in between, which costs no digit."""


class Work(NamedTuple):
    """Scratch of one evaluation, allocated once: two states and two numbers a gate."""

    psi: NDArray[np.float64]
    lam: NDArray[np.float64]
    tangent: NDArray[np.float64]
    cosine: NDArray[np.float64]
    signed: NDArray[np.float64]
    scale: NDArray[np.float64]
    sign: NDArray[np.float64]
    frame_x: NDArray[np.int64]
    frame_z: NDArray[np.int64]


def allocate(circuit: Circuit) -> Work:
    """Scratch for evaluations of this circuit; one evaluation at a time may use it."""
    state, angles = STATE * 2**circuit.n_qubits, LANES * circuit.n_gates
    sign = aligned_zeros(2 * LANES)
    sign[LANES:] = -0.0
    return Work(
        aligned_zeros(state),
        aligned_zeros(state),
        aligned_zeros(angles),
        aligned_zeros(angles),
        aligned_zeros(4 * LANES),
        aligned_zeros(LANES),
        sign,
        np.zeros(LANES, np.int64),
        np.zeros(LANES, np.int64),
    )


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
def _into_lanes(theta, first, used, out):
    """Starts first ... first + used - 1 of (B, p) as (parameter, lane); the last one fills the lanes left over."""
    for lane in range(LANES):
        row = first + min(lane, used - 1)
        for i in range(theta.shape[1]):
            out[LANES * i + lane] = theta[row, i]


@inner
def set_out(gates, work, theta):
    """The reduced angles, and in work.psi the states that the gates act on."""
    frame_x, frame_z = address(work.frame_x), address(work.frame_z)
    small_angles(
        address(gates.x),
        address(gates.z),
        address(gates.parameter),
        address(gates.scale),
        address(gates.offset),
        gates.x.size,
        address(theta),
        address(work.tangent),
        address(work.cosine),
        frame_x,
        frame_z,
    )
    start_states(address(gates.reference), address(work.psi), frame_x, frame_z, gates.reference.size // 2)


@inner
def _run(gates, work, theta):
    """Leaves the final states in work.psi."""
    set_out(gates, work, theta)
    forward(gates, work)


@inner
def evaluate_energy(gates, observable, work, theta, energy):
    """Energy (LANES,); leaves the final states in work.psi and H times them in work.lam."""
    _run(gates, work, theta)
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
        used = min(LANES, starts - first)
        _into_lanes(theta, first, used, lanes_theta)
        if energy_only:
            evaluate_energy(gates, observable, work, lanes_theta, lanes_energy)
        else:
            evaluate(gates, observable, work, lanes_theta, lanes_energy, lanes_gradient)
        for lane in range(used):
            energy[first + lane] = lanes_energy[lane]
            for i in range(gradient.shape[1]):
                gradient[first + lane, i] = lanes_gradient[LANES * i + lane]


@compiled
def final_states(gates, work, theta, states):
    """|theta> (B, N), up to a phase, of starts theta (B, p)."""
    starts, p = theta.shape
    lanes_theta = np.zeros(LANES * p)
    for first in range(0, starts, LANES):
        used = min(LANES, starts - first)
        _into_lanes(theta, first, used, lanes_theta)
        _run(gates, work, lanes_theta)
        for lane in range(used):
            for k in range(states.shape[1]):
                at = STATE * k + lane
                states[first + lane, k] = complex(work.psi[at], work.psi[at + LANES])
