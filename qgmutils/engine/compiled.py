"""The loss landscape by compiled kernels on the CPU: several starts in the lanes of the machine's registers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.circuits.circuit import Circuit, require_pair
from qgmutils.computing.simd import LANES
from qgmutils.computing.threads import one_thread
from qgmutils.engine import curvature, sweep
from qgmutils.engine.gates import pack_circuit
from qgmutils.engine.observable import DIAGONAL, PAULI, SPARSE, factor, pack_problem
from qgmutils.engine.starts import any_angle, curvature_of, is_energy, value_and_cotangent
from qgmutils.inputs import frozen
from qgmutils.losses.energy import Energy
from qgmutils.losses.loss import Loss, States

Array = NDArray[np.float64]

ROWS_BYTES = 2**19
"""Memory of the rows (start, input) that go through the gates before a loss is asked about them: few enough to stay in
a near cache, and so many that the question, which is put in Python, costs little."""


_POWERS = np.array([1, 1j, -1, -1j])
"""Of i."""


class NumbaLandscape:
    """Compiled kernels: several starts of one circuit, or inputs of one start, in the lanes of the machine's registers.

    Methods as in `Landscape`.  A start's numbers do not depend on the other starts of its batch.  An energy is one
    compiled sweep there and back; any other loss is asked, in Python and about many starts at once, between a sweep
    there and a sweep back.  Energies and gradients need two states of 2^n amplitudes and four numbers a gate for each
    start under way, other losses `ROWS_BYTES` or what one start and its inputs take, Hessians 6 q 2^n numbers for gates
    q.

    Attributes
    ----------
    circuit : Circuit
    loss : Loss
    gates : gates.Gates
        The circuit as the kernels read it.
    observable : observable.Observable or None
        H as the kernels apply it; None where the loss has to be asked.
    """

    def __init__(self, circuit: Circuit, loss: Loss) -> None:
        require_pair(circuit, loss)
        self.circuit, self.loss = circuit, loss
        self.gates = pack_circuit(circuit)
        self.observable = pack_problem(loss) if is_energy(loss) else None

    def with_circuit(self, circuit: Circuit) -> NumbaLandscape:
        """The same for another circuit of as many qubits."""
        return NumbaLandscape(circuit, self.loss)

    @any_angle
    def value(self, theta: Array) -> Array:
        values, none = np.empty(len(theta)), np.empty((len(theta), 0))
        if self.observable is not None:
            sweep.evaluate_batch(self.gates, self.observable, self.scratch(), theta, values, none)
            return values
        work, rows = self.scratch(), self._rows(1)
        for some in self._parts(len(theta)):
            values[some] = self._ask(*self._run(theta[some], work, rows))[0]
        return values

    @any_angle
    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        values, gradient = np.empty(len(theta)), np.empty_like(theta)
        work = self.scratch()
        if self.observable is not None:
            sweep.evaluate_batch(self.gates, self.observable, work, theta, values, gradient)
            return values, gradient
        parts = self._parts(len(theta))
        rows = self._rows(max((part.stop - part.start for part in parts), default=0))
        for some in parts:
            values[some], cotangents = self._ask(*self._run(theta[some], work, rows))
            sweep.undo_rows(self.gates, self._n_inputs, work, rows, cotangents, gradient[some])
        return values, gradient

    @any_angle
    def states(self, theta: Array) -> States:
        states, _ = self._run(theta, self.scratch(), self._rows(1))
        return states[:, 0] if self.loss.inputs is None else states

    @any_angle
    def hessian(self, theta: Array) -> Array:
        return self._second_order(theta, self._curvature)

    @any_angle
    def quantum_fisher(self, theta: Array) -> Array:
        return self._second_order(theta, _metric_of_all)

    def scratch(self) -> sweep.Work:
        """Memory for one evaluation at a time by the kernels."""
        return sweep.allocate(self.circuit)

    @cached_property
    def _n_inputs(self) -> int:
        return 1 if self.loss.inputs is None else len(self.loss.inputs)

    @cached_property
    def _inputs(self) -> Array:
        """The states that the circuit acts on, flat, (input, dim, re/im)."""
        inputs = self.loss.inputs
        return (
            self.gates.reference if inputs is None else frozen(inputs, np.complex128).view(np.float64).ravel()
        )

    def _parts(self, starts: int) -> list[slice]:
        """Starts that go through the gates together."""
        row = 16 * (2 * self.loss.dim + self.circuit.n_gates)
        together = max(1, ROWS_BYTES // (row * self._n_inputs))
        together -= together % LANES if together > LANES else 0  # whole groups
        return [slice(first, min(first + together, starts)) for first in range(0, starts, together)]

    def _rows(self, starts: int) -> sweep.Rows:
        """Memory for the way back of so many starts."""
        return sweep.allocate_rows(self.circuit, -(-starts * self._n_inputs // LANES))

    def _run(self, theta: Array, work: sweep.Work, rows: sweep.Rows) -> tuple[States, States]:
        """Final states (B, M, N), and their phases (B, 1, 1) relative to those that the kernels have.

        They are 1 unless the loss sees them.
        """
        dim, starts = self.loss.dim, len(theta)
        states = np.empty((starts, self._n_inputs, dim), dtype=np.complex128)
        flat = states.view(np.float64).reshape(-1, 2 * dim)
        power = np.zeros(starts, dtype=np.int64)
        seen = self.loss.phase_sensitive
        sweep.run_rows(self.gates, self._inputs, self._n_inputs, work, rows, theta, seen, power, flat)
        phases = _POWERS[power][:, None, None]
        if seen:
            states *= phases
        return states, phases

    def _ask(self, states: States, phases: States) -> tuple[Array, Array]:
        """What the loss says: values (B,), and cotangents (B M, 2 N) of the states that the kernels have."""
        with one_thread():  # the last digits of BLAS depend on its number of threads
            values, cotangents = value_and_cotangent(self.loss, states)
        if self.loss.phase_sensitive:
            cotangents = phases.conj() * cotangents
        cotangents = np.ascontiguousarray(cotangents, dtype=np.complex128)
        if not cotangents.flags.writeable:  # for which the kernels would be compiled anew
            cotangents = cotangents.copy()
        return values, cotangents.view(np.float64).reshape(-1, 2 * self.loss.dim)

    @cached_property
    def _chain(self) -> sp.csr_array | None:
        """From gate angles to parameters; None where they are the same."""
        q, p = self.circuit.n_gates, self.circuit.n_params
        chain = sp.csr_array((self.circuit.scale, (np.arange(q), self.circuit.parameter)), shape=(q, p))
        return None if q == p and (chain != sp.eye_array(q)).nnz == 0 else chain

    @cached_property
    def _root(self) -> Array | sp.csr_array:
        """A real matrix X with Re <v|H|w> = (X v) . (X w), or the real form of H where it is sparse."""
        assert isinstance(self.loss, Energy)
        assert self.observable is not None
        if self.observable.kind in (SPARSE, PAULI):
            return _real_form(sp.csr_array(self.loss.matrix))
        if self.observable.kind == DIAGONAL:
            return np.repeat(np.sqrt(self.observable.real), 2)[:, None]
        return _real_root(self.loss)

    def _second_order(self, theta: Array, matrix: Callable[[list[_Expansion]], Array]) -> Array:
        """A symmetric matrix (p, p) for each start."""
        found = np.empty((*theta.shape, theta.shape[1]))
        with one_thread():  # the last digits of BLAS depend on its number of threads
            for k, start in enumerate(theta):
                found[k] = _symmetric(matrix(list(self._expand(start))))
        return found

    def _expand(self, start: Array) -> Iterator[_Expansion]:
        """The final states of one start to second order, input by input."""
        work, angles = self.scratch(), np.repeat(start, LANES)
        if self.observable is not None:
            result = curvature.allocate_tangents(self.circuit)
            curvature.energy_derivatives(self.gates, self.observable, work, angles, result)
            yield self._in_parameters(result)
            return
        states, phases = self._run(start[None], work, self._rows(1))
        _, cotangents = self._ask(states, phases)
        for number, cotangent in enumerate(cotangents):
            work.source[:] = number
            result = curvature.allocate_tangents(self.circuit)
            curvature.derivatives(self.gates, self._inputs, work, angles, cotangent, result)
            yield self._in_parameters(result)._replace(phase=complex(phases[0, 0, 0]))

    def _in_parameters(self, result: curvature.Tangents) -> _Expansion:
        """Derivatives with respect to parameters from those with respect to gate angles."""
        q, chain = self.circuit.n_gates, self._chain
        t, s = result.tangents[:, :q], result.second[:, :q]
        return (
            _Expansion(result.psi, t, s)
            if chain is None
            else _Expansion(result.psi, t @ chain, chain.T @ (s @ chain))
        )

    def _curvature(self, inputs: list[_Expansion]) -> Array:
        """The Hessian of one start, symmetric up to rounding."""
        second = sum(each.second for each in inputs)
        if self.observable is not None:
            result: Array = 2 * (self._gram(inputs[0].tangents) + second)
            return result
        states = np.array([each.complex(each.psi) for each in inputs])
        tangents = np.stack([each.complex(each.tangents) for each in inputs], axis=1)
        return 2 * second + curvature_of(self.loss, states, tangents)

    def _gram(self, tangents: Array) -> Array:
        """Re <T_i|H|T_j> for tangents (2 N, p), real and imaginary parts in turn."""
        assert self.observable is not None
        if self.observable.kind in (SPARSE, PAULI):
            return np.asarray(tangents.T @ (self._root @ tangents))
        image = self._root * tangents if self.observable.kind == DIAGONAL else self._root @ tangents
        return np.asarray(image.T @ image)


class _Expansion(NamedTuple):
    """One final state to second order in the parameters, real and imaginary parts in turn.

    psi (2 N,), tangents T_i (2 N, p) and Re <lambda|d_i d_j psi> (p, p); psi and T lack the phase.
    """

    psi: Array
    tangents: Array
    second: Array
    phase: complex = 1.0

    def complex(self, parts: Array) -> States:
        """(..., N) from (2 N, ...), with the phase."""
        return self.phase * np.ascontiguousarray(parts.T).view(np.complex128)


def _symmetric(matrix: Any) -> Array:
    result: Array = (matrix + matrix.T) / 2
    return result


def _metric_of_all(inputs: list[_Expansion]) -> Array:
    """That of the product of all final states."""
    metric: Array = sum(_metric(each.psi, each.tangents) for each in inputs)  # type: ignore[assignment]
    return metric


def _metric(psi: Array, tangents: Array) -> Array:
    """Fubini-Study metric from a state (2 N,) and its tangents (2 N, p)."""
    overlap = np.array([psi, _times_minus_i(psi)]) @ tangents
    metric: Array = tangents.T @ tangents - overlap.T @ overlap
    return metric


def _times_minus_i(psi: Array) -> Array:
    """-i psi for a state (2 N,), real and imaginary parts in turn."""
    return np.column_stack([psi[1::2], -psi[::2]]).ravel()


def _real_form(matrix: Any) -> Any:
    """A complex matrix (M, N) as a real one (2 M, 2 N) that acts on real and imaginary parts in turn."""
    one, i = np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]])
    if sp.issparse(matrix):
        return sp.csr_array(sp.kron(matrix.real, one) + sp.kron(matrix.imag, i))
    return np.kron(matrix.real, one) + np.kron(matrix.imag, i)


@functools.lru_cache(maxsize=4)
def _real_root(problem: Energy) -> Array:
    """F^dagger in real form, with H = F F^dagger."""
    return np.ascontiguousarray(_real_form(factor(problem).conj().T))
