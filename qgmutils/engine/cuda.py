"""The loss landscape on an NVIDIA GPU."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit, require_pair
from qgmutils.engine.gates import pack_circuit
from qgmutils.engine.starts import any_angle, is_energy
from qgmutils.losses.energy import Energy
from qgmutils.losses.loss import Loss

Array = NDArray[np.float64]
Indices = NDArray[np.int32]

MAX_BYTES = 4 * 2**30
"""Device memory of one launch's starts at most; half of what is free, where that is less."""

HESSIAN_STARTS = 8192
"""Shifted starts of one round of Hessians."""


class _Room(NamedTuple):
    """Arrays on the device for up to `starts` starts of one mode."""

    starts: int
    theta: Any
    source: Any
    shifted: Any
    shift: Any
    energy: Any
    gradient: Any
    states: Any
    slopes: Any
    scratch: Any


class CudaLandscape:
    """Compiled GPU kernels, in double precision: one thread block evaluates one start from beginning to end.

    Methods as in `Landscape`.  A start's numbers do not depend on the other starts of its batch, and are the same
    in every run on the same GPU.

    States of N = 2^n amplitudes take 16 N bytes.  The gradient holds two of them, energies and states one, in the
    shared memory of the block, with 64 bytes more per thread (at most 512) and 2 KiB.  At n = 12 this makes
    162 KiB: an H100 or H200 offers 227 KiB, an A100 163 KiB.  Where a block has too little, as for gradients of 13
    qubits, its states lie in global memory, which is slower.  H takes 20 N bytes times the largest number of
    entries in a row (1.25 GiB for a dense matrix of 13 qubits), the results of a launch at most 4 GiB and half of
    the free memory; larger batches are evaluated in parts.

    The Hessian takes 2q gradients a start, the quantum Fisher metric q + 1 states of 16 N bytes on the host.

    Parameters
    ----------
    circuit : Circuit
    loss : Energy
        Of as many qubits.

    Raises
    ------
    ValueError
        For another loss, without numba's CUDA target or without a GPU that it can use, with its own message.
    """

    def __init__(self, circuit: Circuit, loss: Loss) -> None:
        require_pair(circuit, loss)
        if not is_energy(loss):
            raise ValueError(
                f"engine='cuda' serves losses.energy.Energy without inputs only, got {type(loss).__name__}; "
                "engine='numba' serves any loss"
            )
        self.circuit, self.loss = circuit, loss
        self._kernels = _load_kernels()
        self._dim = 2**circuit.n_qubits
        # A power of two.  Four amplitudes a thread keep its loads independent of one another.
        self._threads = max(1, min(self._kernels.MAX_THREADS, self._dim // 4))
        self._constants = [self._kernels.cuda.to_device(array) for array in _pack(circuit, loss)]
        self._chain = sp.csr_array(
            (circuit.scale, (np.arange(circuit.n_gates), circuit.parameter)),
            shape=(circuit.n_gates, circuit.n_params),
        )
        self._rooms: dict[int, _Room] = {}
        self._lock = threading.Lock()

    def with_circuit(self, circuit: Circuit) -> CudaLandscape:
        """The same for another circuit of as many qubits."""
        return CudaLandscape(circuit, self.loss)

    @any_angle
    def value(self, theta: Array) -> Array:
        return self._run(self._kernels.ENERGY, theta, *_unshifted(len(theta)))[0]

    @any_angle
    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        energy, gradient, _ = self._run(self._kernels.GRADIENT, theta, *_unshifted(len(theta)))
        return energy, gradient

    @any_angle
    def states(self, theta: Array) -> NDArray[np.complex128]:
        return self._run(self._kernels.STATES, theta, *_unshifted(len(theta)))[2]

    @any_angle
    def hessian(self, theta: Array) -> Array:
        result = np.empty((*theta.shape, theta.shape[1]))
        for k, rows in enumerate(self._gradient_changes(theta)):
            result[k] = self._chain.T @ rows
        return (result + result.transpose(0, 2, 1)) / 2

    def _gradient_changes(self, theta: Array) -> Iterator[Array]:
        """Derivatives of the gradient with respect to the gates' angles a, (q, p) for each start.

        Shift rule: dE/da_g is a sinusoid of frequency 2 in each of them, so that d/da_g of a gradient is its value at
        a_g + pi/4 minus that at a_g - pi/4, exactly.
        """
        q, p = self.circuit.n_gates, self.circuit.n_params
        together = max(1, HESSIAN_STARTS // (2 * q))
        for begin in range(0, len(theta), together):
            part = theta[begin : begin + together]
            source = np.repeat(np.arange(len(part)), 2 * q)
            shifted = np.tile(np.repeat(np.arange(q), 2), len(part))
            shift = np.tile([np.pi / 4, -np.pi / 4], q * len(part))
            gradient = self._run(self._kernels.GRADIENT, part, source, shifted, shift)[1]
            up, down = gradient.reshape(len(part), q, 2, p).transpose(2, 0, 1, 3)
            yield from up - down

    @any_angle
    def quantum_fisher(self, theta: Array) -> Array:
        """From states alone: d psi / da = psi(a + pi/2), exactly, for a gate exp(-i a P)."""
        q = self.circuit.n_gates
        result = np.empty((*theta.shape, theta.shape[1]))
        shifted, shift = np.arange(-1, q), np.full(q + 1, np.pi / 2)
        for k in range(len(theta)):
            source = np.zeros(q + 1, dtype=int)
            states = self._run(self._kernels.STATES, theta[k : k + 1], source, shifted, shift)[2]
            psi, tangents = states[0], states[1:].T @ self._chain
            overlap = psi.conj() @ tangents
            result[k] = np.real(tangents.conj().T @ tangents) - np.real(np.outer(overlap.conj(), overlap))
        return result

    def _run(
        self, mode: int, theta: Array, source: NDArray[Any], shifted: NDArray[Any], shift: Array
    ) -> tuple[Array, Array, NDArray[np.complex128]]:
        """Energies (B,), gradients (B, p) and states (B, N), as far as `mode` asks for them.

        Start b has the parameters theta[source[b]], source ascending without gaps, and `shift[b]` is added to
        the angle of gate `shifted[b]`, unless that is -1.
        """
        kernels = self._kernels
        total = len(source)
        energy = np.empty(total)
        gradient = np.empty((total if mode == kernels.GRADIENT else 0, self.circuit.n_params))
        states = np.empty((total if mode == kernels.STATES else 0, self._dim), dtype=np.complex128)
        if total == 0:
            return energy, gradient, states
        with self._lock:  # the arrays on the device serve one call at a time
            planes = 4 if mode == kernels.GRADIENT else 2
            sums = 8 * kernels.GROUP * self._threads
            in_shared = 8 * planes * self._dim + sums + kernels.STATIC_BYTES <= kernels.shared_limit()
            dynamic = sums + (8 * planes * self._dim if in_shared else 0)
            room = self._room(mode, total, 0 if in_shared else planes * self._dim)
            for begin in range(0, total, room.starts):
                end = min(begin + room.starts, total)
                low, high, n = int(source[begin]), int(source[end - 1]) + 1, end - begin
                room.theta[: high - low].copy_to_device(theta[low:high])
                room.source[:n].copy_to_device((source[begin:end] - low).astype(np.int32))
                room.shifted[:n].copy_to_device(shifted[begin:end].astype(np.int32))
                room.shift[:n].copy_to_device(shift[begin:end])
                kernels.launch(in_shared, n, self._threads, dynamic, mode, *self._constants, *room[1:])
                if mode == kernels.STATES:
                    planes_of_states = room.states[:n].copy_to_host()
                    states[begin:end] = planes_of_states[:, 0] + 1j * planes_of_states[:, 1]
                else:
                    energy[begin:end] = room.energy[:n].copy_to_host()
                if mode == kernels.GRADIENT:
                    gradient[begin:end] = room.gradient[:n].copy_to_host()
        return energy, gradient, states

    def _room(self, mode: int, starts: int, scratch: int) -> _Room:
        """Arrays for as many of `starts` starts as fit, `scratch` numbers of global memory each; kept."""
        room = self._rooms.get(mode)
        if room is not None and room.starts >= starts:
            return room
        kernels, p, q = self._kernels, self.circuit.n_params, self.circuit.n_gates
        slopes = q if mode == kernels.GRADIENT else 0
        gradient = p if mode == kernels.GRADIENT else 0
        states = self._dim if mode == kernels.STATES else 0
        each = 8 * (p + 3 + gradient + slopes + 2 * states + scratch)
        held = 0 if room is None else room.starts * each
        free, _ = kernels.cuda.current_context().get_memory_info()
        starts = max(1, min(starts, int(min((free + held) / 2, MAX_BYTES)) // each))
        if room is not None and room.starts >= starts:
            return room
        self._rooms.pop(mode, None)
        del room  # before the new arrays are made

        def make(*shape: int, dtype: Any = np.float64) -> Any:
            # What a mode does not use has one entry.
            shape = shape if all(shape) else (1,) * len(shape)
            return kernels.cuda.device_array(shape, dtype=dtype)

        self._rooms[mode] = _Room(
            starts,
            theta=make(starts, p),
            source=make(starts, dtype=np.int32),
            shifted=make(starts, dtype=np.int32),
            shift=make(starts),
            energy=make(starts),
            gradient=make(starts, gradient),
            states=make(starts, 2, states),
            slopes=make(starts, slopes),
            scratch=make(starts * scratch),
        )
        return self._rooms[mode]


def _load_kernels() -> ModuleType:
    """The module of kernels, with the main one compiled; ValueError where there is no GPU to run it."""
    remedy = (
        "it needs an NVIDIA GPU with its driver and `pip install qgmutils[gpu]`; "
        "engine='numba' runs on any CPU"
    )
    try:
        from qgmutils.engine import cuda_kernels
    except ImportError as error:
        raise ValueError(f"engine='cuda' cannot load numba.cuda: {error}; {remedy}") from error
    if not cuda_kernels.cuda.is_available():
        reason = " ".join(
            str(cuda_kernels.cuda.cuda_error() or "numba finds no CUDA toolkit").split()
        ).rstrip(".")
        raise ValueError(f"engine='cuda' finds no GPU: {reason}; {remedy}")
    try:
        cuda_kernels.compiled(True)
    except Exception as error:  # of many types: of the driver, the compiler and the linker
        raise ValueError(f"engine='cuda' cannot compile its kernels: {error}; {remedy}") from error
    return cuda_kernels


def _unshifted(starts: int) -> tuple[NDArray[Any], NDArray[Any], Array]:
    """Source, shifted and shift of starts as they are."""
    return np.arange(starts), np.full(starts, -1), np.zeros(starts)


def _pack(circuit: Circuit, problem: Energy) -> tuple[Any, ...]:
    """Circuit and H as the kernel reads them: its arguments from `words` to `member`."""
    gates, rows = pack_circuit(circuit), sp.csr_array(problem.matrix)
    top = [(1 << int(x).bit_length()) >> 1 for x in gates.x]
    kind = np.asarray(gates.odd, dtype=np.int64) + 2 * np.asarray(gates.turned, dtype=np.int64)
    words = np.array([gates.x, gates.z, top, kind, gates.parameter], dtype=np.int32)
    affine = np.array([gates.scale, gates.offset])
    reference = np.array([circuit.reference.real, circuit.reference.imag])
    first = np.searchsorted(np.sort(gates.parameter), np.arange(circuit.n_params + 1)).astype(np.int32)
    member = np.argsort(gates.parameter, kind="stable").astype(np.int32)

    # Entry number s of every row side by side, since neighbouring threads take neighbouring rows.  Short rows
    # are filled up with zeros.
    lengths = np.diff(rows.indptr)
    row = np.repeat(np.arange(problem.dim), lengths)
    slot = np.arange(len(row)) - np.repeat(rows.indptr[:-1], lengths)
    column = np.zeros((lengths.max(), problem.dim), dtype=np.int32)
    entry = np.zeros((2, *column.shape))
    column[slot, row] = rows.indices
    entry[0, slot, row], entry[1, slot, row] = rows.data.real, rows.data.imag
    return words, affine, reference, column, entry, first, member
