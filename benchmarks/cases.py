"""What is measured: each case takes sizes and gives records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import roofline as machine
from benchmarks.processes import OverLimitError, Process, UnavailableError, Worker
from benchmarks.simulators import JAX_SCAN, LIGHTNING, QULACS, SIMULATORS, THIS
from qgmutils import circuits
from qgmutils.circuits import Circuit
from qgmutils.losses import hamiltonians
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.energy import Energy
from qgmutils.losses.least_squares import LeastSquares

Array = NDArray[np.float64]

TOLERANCE = 1e-8
"""By which losses, gradients and Hessians may differ from this engine's; rounding stays far below."""
TIME_LIMIT = 120.0
"""Seconds after which a simulator that has not compiled or evaluated a circuit is given up."""
STARTS = 52
"""Starts of searches for minima."""
COUNTED = 8
"""Of so many starts the evaluations of scipy's searches are counted."""
GATES = 256
"""Gates of the circuits whose time is compared with the peak."""


class DisagreementError(RuntimeError):
    """A simulator computes something else than this engine; nothing may be timed."""


@dataclass(frozen=True)
class Record:
    """One measurement.

    Attributes
    ----------
    case, simulator, loss : str
    n_qubits, n_params : int
    milliseconds : float or None
        Median per start of a circuit, or per minimum; None where nothing was timed.
    ratio_to_this_engine : float or None
    peak_mib : float or None
        Memory at its peak.
    share_of_peak : float or None
        Share of the most that one core can compute.
    note : str
        What else there is to say, or why nothing was measured.
    """

    case: str
    simulator: str
    n_qubits: int
    n_params: int
    loss: str = ""
    milliseconds: float | None = None
    ratio_to_this_engine: float | None = None
    peak_mib: float | None = None
    share_of_peak: float | None = None
    note: str = ""


class Simulators:
    """Processes of the simulators, started when they are first needed; `say` tells once why one is left out."""

    def __init__(
        self, say: Callable[[str], object], names: Sequence[str] = tuple(SIMULATORS), **limits: int
    ) -> None:
        self.names, self._say, self._limits = names, say, limits
        self._processes: dict[str, Process] = {}
        self._given_up: dict[str, tuple[float, str]] = {}

    def ask(self, name: str, method: str, *arguments: Any, **limit: float) -> Any:
        """As `Process.ask`."""
        if name not in self._processes:
            self._processes[name] = Process(SIMULATORS[name], **self._limits)
        try:
            return self._processes[name].ask(method, *arguments, **limit)
        except UnavailableError:
            self._processes.pop(name).close()
            raise

    def prepare(
        self, name: str, circuit: Circuit, loss: Energy, method: str, theta: Array
    ) -> tuple[Array, ...]:
        """Build a landscape and give its method's first results, after which it is compiled.

        Raises
        ------
        UnavailableError
            It cannot be had, or went over a limit now or at a circuit no larger than this one.
        """
        work = circuit.n_gates * 4**circuit.n_qubits
        least, reason = self._given_up.get(name, (np.inf, ""))
        if work >= least:
            raise UnavailableError(reason)
        try:
            self.ask(name, "build", circuit, loss, seconds=TIME_LIMIT)
            found: tuple[Array, ...] = self.ask(name, "call", method, theta, seconds=TIME_LIMIT)
        except OverLimitError as error:
            reason = f"{error} at n = {circuit.n_qubits}, p = {circuit.n_params}"
            self._given_up[name] = work, reason
            self._say(f"{name}: {reason}; larger circuits are not tried")
            raise UnavailableError(reason) from error
        except UnavailableError as error:
            self._given_up[name] = 0, str(error)
            self._say(f"{name}: {error}; going on without it")
            raise
        return found

    def close(self) -> None:
        """End all processes."""
        while self._processes:
            self._processes.popitem()[1].close()


def require_agreement(name: str, found: Iterable[Any], expected: Iterable[Any]) -> None:
    """Compare arrays with this engine's.

    Raises
    ------
    DisagreementError
        They differ by more than `TOLERANCE`, or in shape.
    """
    for a, b in zip(found, expected, strict=True):
        if np.shape(a) != np.shape(b) or not np.max(np.abs(np.subtract(a, b))) <= TOLERANCE:
            raise DisagreementError(
                f"{name} disagrees with this engine by more than {TOLERANCE:g}, so that its times mean nothing"
            )


def interleaved(runs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Medians of the repeats, which take turns, so that what slows one simulator slows the others."""
    times = [[run() for run in runs.values()] for _ in range(repeats)]
    return dict(zip(runs, np.median(times, axis=0).tolist(), strict=True))


def random_start(
    n_qubits: int, n_params: int, starts: int, rng: np.random.Generator
) -> tuple[Circuit, Array]:
    """A random circuit on |0...0> and angles (starts, p)."""
    circuit = circuits.random_circuit(n_qubits, n_params, rng=rng, reference_state="zero")
    return circuit, rng.uniform(0, np.pi, (starts, n_params))


def compare(
    simulators: Simulators,
    loss_name: str,
    n_qubits: int,
    n_params: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    case: str,
    method: str,
    names: Collection[str],
    starts: int,
) -> list[Record]:
    """Times of one method, every simulator on as many of the starts as it evaluates in one call."""
    circuit, theta = random_start(n_qubits, n_params, starts, rng)
    loss = hamiltonians.build(loss_name, n_qubits)
    record = partial(Record, case, n_qubits=n_qubits, n_params=n_params, loss=loss.name)
    expected = simulators.prepare(THIS, circuit, loss, method, theta)
    runs, left_out = {THIS: partial(simulators.ask, THIS, "time", method, theta)}, []
    for name in [name for name in simulators.names if name in names and name != THIS]:
        part = theta[: SIMULATORS[name].starts]
        try:
            found = simulators.prepare(name, circuit, loss, method, part)
        except UnavailableError as error:
            left_out.append(record(simulator=name, note=str(error)))
            continue
        require_agreement(name, found, [array[: len(part)] for array in expected])
        runs[name] = partial(simulators.ask, name, "time", method, part)
    medians = interleaved(runs, repeats)
    timed = [
        record(simulator=name, milliseconds=time, ratio_to_this_engine=time / medians[THIS])
        for name, time in medians.items()
    ]
    return timed + left_out


def minima(
    simulators: Simulators, n_qubits: int, n_params: int, repeats: int, rng: np.random.Generator
) -> list[Record]:
    """Time per certified minimum of the transverse-field Ising ring, against lightning.qubit and scipy.

    Scipy's searches are asked for less: a small gradient is enough, without a look at the Hessian.  Their evaluations,
    which are the same for any simulator, are counted with this engine and multiplied by lightning.qubit's time for one.
    """
    circuit, theta = random_start(n_qubits, n_params, STARTS, rng)
    loss = hamiltonians.tfim(n_qubits)
    record = partial(Record, "minima", n_qubits=n_qubits, n_params=n_params, loss=loss.name)
    method = "value_and_gradient"
    expected = simulators.prepare(THIS, circuit, loss, method, theta)
    found = simulators.prepare(LIGHTNING, circuit, loss, method, theta[:1])
    require_agreement(LIGHTNING, found, [array[:1] for array in expected])
    runs = {
        THIS: partial(simulators.ask, THIS, "certified_minimum", theta),
        LIGHTNING: partial(simulators.ask, LIGHTNING, "time", method, theta[:1]),
    }
    this, one = interleaved(runs, repeats).values()
    evaluations = simulators.ask(THIS, "evaluations", theta[:COUNTED])
    other = evaluations * one
    note = f"by L-BFGS-B: {evaluations:.0f} evaluations of {one:.3g} ms"
    return [
        record(simulator=THIS, milliseconds=this, ratio_to_this_engine=1.0, note="with certificates"),
        record(simulator=LIGHTNING, milliseconds=other, ratio_to_this_engine=other / this, note=note),
    ]


def _gates_alone(n_qubits: int, n_gates: int, rng: np.random.Generator) -> Callable[[], float]:
    """Times a loss and gradient whose H is diagonal, which costs next to nothing beside the gates."""
    levels = np.linspace(0, 2, 2**n_qubits)
    loss = Energy("diagonal", n_qubits, np.diag(levels), levels, ground_energy=0, mean_energy=1)
    # So many starts a call that the call itself takes no part of the time.
    circuit, theta = random_start(n_qubits, n_gates, 8 * max(1, min(64, 2 ** (16 - n_qubits))), rng)
    worker = Worker(SIMULATORS[THIS])
    worker.build(circuit, loss)
    worker.call("value_and_gradient", theta)  # compiles
    return partial(worker.time, "value_and_gradient", theta, least=0.05)


def roofline(_: Simulators, first: int, last: int, repeats: int, rng: np.random.Generator) -> list[Record]:
    """Share of one core's measured peak that the gates reach, from `first` to `last` qubits.

    Where it does not change, the time grows as gates times 2^n.
    """
    qubits = range(first, last + 1)
    runs = {str(n): _gates_alone(n, GATES, rng) for n in qubits}
    *times, peak = interleaved({**runs, "peak": lambda: 1e3 / machine.peak_flops()}, repeats).values()
    records = []
    for n, time in zip(qubits, times, strict=True):
        share = machine.flops(n, GATES) * peak / time
        note = f"{share:.0%} of {1e-6 / peak:.1f} Gflop/s"
        records.append(Record("roofline", THIS, n, GATES, "diagonal", time, 1.0, None, share, note))
    return records


def losses(
    _: Simulators, n_qubits: int, n_params: int, n_inputs: int, repeats: int, rng: np.random.Generator
) -> list[Record]:
    """Time of loss and gradient per input, relative to an energy's: of a Born machine, and of least squares."""
    circuit, theta = random_start(n_qubits, n_params, SIMULATORS[THIS].starts, rng)
    energy = hamiltonians.tfim(n_qubits)
    inputs = np.array([circuits.haar_state(2**n_qubits, rng) for _ in range(n_inputs)])
    targets = LeastSquares(inputs, energy.matrix, rng.uniform(0, 2, n_inputs))
    runs: dict[str, Callable[[], float]] = {}
    for loss in (energy, BornMachine(rng.dirichlet(np.ones(2**n_qubits))), targets):
        worker = Worker(SIMULATORS[THIS])
        worker.build(circuit, loss)
        worker.call("value_and_gradient", theta)  # compiles
        runs[loss.name] = partial(worker.time, "value_and_gradient", theta)
    each = {
        name: ms / (n_inputs if name == targets.name else 1)
        for name, ms in interleaved(runs, repeats).items()
    }
    return [
        Record("losses", THIS, n_qubits, n_params, name, ms, ms / each[energy.name], note="per input")
        for name, ms in each.items()
    ]


def memory(
    simulators: Simulators, n_qubits: int, n_params: int, repeats: int, rng: np.random.Generator
) -> list[Record]:
    """Peak memory of one loss and gradient of one start; the slow simulators only up to four times 2^n angles."""
    del repeats  # it is always the same
    circuit, theta = random_start(n_qubits, n_params, 1, rng)
    loss = hamiltonians.tfim(n_qubits)
    record = partial(Record, "memory", n_qubits=n_qubits, n_params=n_params, loss=loss.name)
    slow = {QULACS, LIGHTNING, JAX_SCAN} if n_params <= 4 * 2**n_qubits else set()
    records = []
    for name in [name for name in simulators.names if name in {THIS, *slow}]:
        process = Process(SIMULATORS[name])
        try:
            peak = process.ask("peak", circuit, loss, theta, seconds=TIME_LIMIT)
            # A simulator that kept the states for its backward sweep would take one a gate.
            note = f"{1024 * peak / n_params:.2g} KiB an angle; a state is {2**n_qubits / 64:g} KiB"
            records.append(record(simulator=name, peak_mib=peak, note=note))
        except UnavailableError as error:
            records.append(record(simulator=name, note=str(error)))
        finally:
            process.close()
    return records


CASES: dict[str, Callable[..., list[Record]]] = {
    "loss_and_grad": partial(
        compare,
        case="loss_and_grad",
        method="value_and_gradient",
        names=SIMULATORS,
        starts=SIMULATORS[THIS].starts,
    ),
    # Of a dense H; JAX differentiates forward over reverse.
    "hessian": partial(compare, case="hessian", method="hessian", names=[JAX_SCAN], starts=1),
    "minima": minima,
    "losses": losses,
    "roofline": roofline,
    "memory": memory,
}
Sizes = dict[str, list[tuple[Any, ...]]]
"""Of every case what follows after the simulators."""
FULL: Sizes = {
    "loss_and_grad": [
        *(("gue", n, factor * 2**n) for n in (4, 6, 8, 10) for factor in (1, 2)),
        *(("tfim", 10, factor * 2**10) for factor in (1, 2)),
    ],
    "hessian": [("gue", 6, 128), ("gue", 8, 512)],
    "minima": [(6, 32), (6, 126)],
    "losses": [(n, 2 ** (n + 1), 8) for n in (4, 6, 8, 10)],
    "roofline": [(6, 12)],
    "memory": [(10, factor * 2**10) for factor in (1, 4, 16, 64)],
}
QUICK: Sizes = {
    "loss_and_grad": [("gue", 2, 8), ("gue", 4, 32), ("tfim", 6, 64)],
    "hessian": [("gue", 4, 32)],
    "minima": [(3, 7)],
    "losses": [(4, 32, 4), (6, 128, 4)],
    "roofline": [(6, 10)],
    "memory": [(8, 2**8), (8, 2**12)],
}
