"""Circuits of several samples, whose fixed angles differ, as one circuit.

As long as only the data differ, before the first gate that is trained, a sample is a state that the circuit acts on.
An angle a_m behind trained gates makes one circuit of all: more qubits hold the number m of the sample, and the gate

    sum_m |m><m| exp(-i a_m P)  =  prod_s exp(-i w_s Z_s P),    w_s = 2^-k sum_m (-1)^(s.m) a_m

is a product of commuting rotations, with Z_s = Z on the k qubits whose bits are set in s and s.m the number of bits
that s and m have in common: Z_s is (-1)^(s.m) at m, and Walsh functions invert themselves (derived).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.clifford import rotated
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.inputs import MAX_QUBITS
from qgmutils.losses.blocks import Blocks
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.loss import States
from qgmutils.qnodes.recording import Recording

Array = NDArray[np.float64]

_ZERO = 1e-14  # of a Walsh coefficient, a mean of angles of some radians


class Assembly(NamedTuple):
    """A recording as a circuit of the trained numbers.

    Attributes
    ----------
    circuit : Circuit
    inputs : complex array, shape (M, 2^n), or None
        Samples at the beginning; None where the recording is of one circuit.
    is_joint : bool
        Whether the circuit holds all samples in one state, as `losses.blocks.Blocks`.
    """

    circuit: Circuit
    inputs: States | None
    is_joint: bool


def assemble(recording: Recording, matrix: sp.csr_array, offset: Array) -> Assembly:
    """The circuit with angles A theta + b; a rotation that several numbers drive is one for each of them.

    Parameters
    ----------
    recording : Recording
    matrix : sparse array, shape (K, p)
        A; K counts an angle that differs between samples once for each.
    offset : float array, shape (K,)
        b.

    Raises
    ------
    ValueError
        If nothing is driven, or the samples are too many to be held in one state.
    """
    if matrix.nnz == 0:
        raise ValueError(
            "no angle of a gate depends on the trained arguments; see which of them enter the circuit"
        )
    n_qubits, count = len(recording.wires), recording.samples
    bounds = np.cumsum([0, *(np.size(rotation.angle) for rotation in recording.rotations)])
    gates = [
        (rotation.x, rotation.z, matrix[first:last], offset[first:last])
        for rotation, first, last in zip(recording.rotations, bounds[:-1], bounds[1:], strict=True)
    ]
    if count is None:
        return Assembly(_circuit(n_qubits, gates, recording.reference[0]), None, False)
    inputs = np.broadcast_to(recording.reference, (count, 2**n_qubits))
    first_driven = next(number for number, gate in enumerate(gates) if gate[2].nnz)
    for x, z, _, angle in gates[:first_driven]:
        inputs = rotated(inputs, x, z, angle[:, None])
    gates = gates[first_driven:]
    if count == 1 or all(len(angle) == 1 for *_, angle in gates):
        return Assembly(_circuit(n_qubits, gates, inputs[0]), inputs, False)
    more = (count - 1).bit_length()
    if n_qubits + more > MAX_QUBITS:
        raise ValueError(
            f"{count} samples with data behind trained gates take {more} qubits beside the circuit's {n_qubits}, "
            f"more than {MAX_QUBITS} in all; translate the QNode with at most {2 ** (MAX_QUBITS - n_qubits)} of them"
        )
    walsh = scipy.linalg.hadamard(2**more)[:, :count] / 2**more
    joint = []
    for x, z, rows, angle in gates:
        if len(angle) == 1:
            joint.append((x, z, rows, angle))
            continue
        weights, shifts = sp.csr_array(walsh @ rows.toarray()), walsh @ angle
        weights.data[np.abs(weights.data) < _ZERO] = 0.0
        weights.eliminate_zeros()
        joint += [
            (x, z + (s << n_qubits), weights[s : s + 1], shifts[s : s + 1])
            for s in range(2**more)
            if weights[s : s + 1].nnz or abs(shifts[s]) > _ZERO
        ]
    reference = np.zeros((2**more, 2**n_qubits), dtype=complex)
    reference[:count] = inputs / np.sqrt(count)
    return Assembly(_circuit(n_qubits + more, joint, reference.reshape(-1)), inputs, True)


def of_sample(circuit: Circuit, n_qubits: int, number: int) -> Circuit:
    """The circuit of `n_qubits` that one of the samples sees in a circuit that holds them all."""
    dim = 2**n_qubits
    sign = 1.0 - 2.0 * (np.bitwise_count((circuit.z >> n_qubits) & number) % 2)
    block = circuit.reference.reshape(-1, dim)[number]
    return Circuit(
        n_qubits,
        circuit.n_params,
        circuit.x % dim,
        circuit.z % dim,
        circuit.parameter,
        sign * circuit.scale,
        sign * circuit.offset,
        block / np.linalg.norm(block),
    )


def quantum_fisher(surface: Landscape, theta: Array) -> Array:
    """Fubini-Study metric (B, p, p) at angles (B, p), summed over the samples.

    One state that holds all samples would also see phases between them, which mean nothing.
    """
    if not isinstance(surface.loss, Blocks):
        return surface.quantum_fisher(theta)
    alone = surface.loss.loss
    assert alone.inputs is not None
    each = (of_sample(surface.circuit, alone.n_qubits, number) for number in range(len(alone.inputs)))
    return np.sum([landscape(one, Fidelity(one.reference)).quantum_fisher(theta) for one in each], axis=0)


def _circuit(n_qubits: int, gates: list[tuple[int, int, sp.csr_array, Array]], reference: States) -> Circuit:
    x, z, parameter, scale, shift = [], [], [], [], []
    for gate_x, gate_z, row, (offset,) in gates:
        drives = list(zip(row.indices, row.data, strict=True)) or [(0, 0.0)]
        for number, (which, factor) in enumerate(drives):
            x.append(gate_x)
            z.append(gate_z)
            parameter.append(int(which))
            scale.append(float(factor))
            shift.append(float(offset) if number == 0 else 0.0)
    return Circuit(
        n_qubits,
        gates[0][2].shape[1],
        np.array(x, dtype=np.int64),
        np.array(z, dtype=np.int64),
        np.array(parameter, dtype=np.int64),
        np.array(scale),
        np.array(shift),
        reference,
    )
