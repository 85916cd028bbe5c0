"""What is measured: each case gives records, dictionaries of plain values.

Every record has the keys case, engine, n_qubits, n_params, milliseconds (median per start of a circuit, None where
nothing was timed), ratio_to_this_engine (None likewise) and peak_mib (None where not measured).  It may have note,
extrapolated, share_of_peak, gflops and relative_to_median as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import roofline as machine
from benchmarks.processes import Child, PeerError
from benchmarks.simulators import ENGINES, JAX_SCAN, LIGHTNING, ONE_START, QULACS, THIS
from qgmutils import circuits
from qgmutils.circuits import Circuit
from qgmutils.engine import sweep
from qgmutils.engine.gates import pack_circuit
from qgmutils.engine.observable import DIAGONAL, Observable
from qgmutils.engine.simd import LANES
from qgmutils.losses import hamiltonians
from qgmutils.losses.energy import Energy

Array = NDArray[np.float64]
Record = dict[str, Any]

TOLERANCE = 1e-8
"""By which energies, gradients and Hessians may differ from this engine's; rounding stays far below."""
LIMIT = 120.0
"""Seconds after which an engine that has not compiled or evaluated a circuit is given up."""
SEARCH_LIMIT = 150.0
"""A peer's searches are carried out if they are expected to take fewer seconds, and extrapolated otherwise."""
MINIMA = 52
COUNTED = 8
"""Of so many starts the evaluations of a search are counted, where the peer's time is extrapolated."""


class Disagreement(RuntimeError):
    """An engine computes something else than this engine; nothing may be timed."""


@dataclass(frozen=True)
class Sizes:
    """Sizes (n, p) or n or p of every case, and how often times are repeated."""

    loss: tuple[tuple[str, int, int], ...]
    hessian: tuple[tuple[int, int], ...]
    minima: tuple[tuple[int, int], ...]
    roofline: tuple[int, ...]
    growth: tuple[int, ...]
    memory: tuple[int, tuple[int, ...]]
    repeats: int


FULL = Sizes(
    loss=(
        *(("gue", n, factor * 2**n) for n in (4, 6, 8, 10) for factor in (1, 2)),
        *(("tfim", 10, factor * 2**10) for factor in (1, 2)),
    ),
    hessian=((6, 128), (8, 512)),
    minima=((6, 32), (6, 126)),
    roofline=(6, 7, 8, 9, 10),
    growth=tuple(range(6, 15)),
    memory=(10, tuple(factor * 2**10 for factor in (1, 4, 16, 64))),
    repeats=5,
)
QUICK = Sizes(
    loss=(("gue", 2, 8), ("gue", 4, 32), ("tfim", 6, 64)),
    hessian=((4, 32),),
    minima=((3, 7),),
    roofline=(6, 8),
    growth=(6, 8, 10),
    memory=(8, (2**8, 2**12)),
    repeats=3,
)


class Engines:
    """The engines' processes, started when they are first needed; `say` tells once why one is not there."""

    def __init__(self, say: Callable[[str], object], names: Iterable[str] = tuple(ENGINES)) -> None:
        self.names, self.say = list(names), say
        self._children: dict[str, Child] = {}
        self._gone: dict[str, str] = {}
        self._too_large: dict[str, int] = {}

    def ask(self, name: str, method: str, *arguments: Any, limit: float | None = None) -> Any:
        """As `Child.ask`; an engine whose package is missing is not tried again."""
        if name in self._gone:
            raise PeerError(self._gone[name])
        child = self._children.get(name) or self._children.setdefault(name, Child(name))
        return child.ask(method, *arguments, limit=limit)

    def prepare(self, name: str, circuit: Circuit, problem: Energy, method: str, theta: Array) -> Any:
        """Build an evaluator and give its method's first result, after which it is compiled.

        Raises
        ------
        PeerError
            It cannot be had, or did not answer within `LIMIT` seconds, now or at a circuit no larger than this one.
        """
        work = circuit.n_gates * 4**circuit.n_qubits
        if work >= self._too_large.get(name, work + 1):
            raise PeerError(f"{name}: not tried, since a smaller circuit took more than {LIMIT:.0f} s")
        try:
            self.ask(name, "build", circuit, problem, limit=LIMIT)
            return self.ask(name, "call", method, theta, limit=LIMIT)
        except PeerError as error:
            child = self._children.pop(name, None)
            if child is not None:
                child.close()
            text = str(error)
            if "no result within" in text:
                self._too_large[name] = work
                n, p = circuit.n_qubits, circuit.n_params
                what = "did not compile" if ENGINES[name].compiles else "gave no result"
                text = f"{name}: {what} in {LIMIT:.0f} s at n = {n}, p = {p}"
                self.say(f"{text}; larger circuits are not tried")
                raise PeerError(text) from error
            if name not in self._gone:
                self._gone[name] = text
                self.say(f"{text}; going on without it")
            raise

    def close(self) -> None:
        """End all processes."""
        for child in self._children.values():
            child.close()
        self._children.clear()


def record(
    case: str,
    engine: str,
    n_qubits: int,
    n_params: int,
    *,
    milliseconds: float | None = None,
    ratio: float | None = None,
    peak_mib: float | None = None,
    **more: Any,
) -> Record:
    """A record with all the keys that every record has."""
    return {
        "case": case,
        "engine": engine,
        "n_qubits": n_qubits,
        "n_params": n_params,
        "milliseconds": milliseconds,
        "ratio_to_this_engine": ratio,
        "peak_mib": peak_mib,
        **more,
    }


def require_agreement(name: str, what: str, found: Any, expected: Any) -> None:
    """Compare arrays, or tuples of arrays, with this engine's.

    Raises
    ------
    Disagreement
        They differ by more than `TOLERANCE`, or in shape.
    """
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    for a, b in pairs:
        if np.shape(a) != np.shape(b) or not np.max(np.abs(np.subtract(a, b))) <= TOLERANCE:
            raise Disagreement(
                f"{name} disagrees with this engine: {what} differ by more than {TOLERANCE:g}, "
                "so that its times mean nothing"
            )


def interleaved(runs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Medians of the repeats, which take turns, so that what slows one engine slows the others."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            times[name].append(run())
    return {name: float(np.median(values)) for name, values in times.items()}


def _reason(name: str, error: PeerError) -> str:
    return str(error).removeprefix(f"{name}: ")


def _random(n_qubits: int, n_params: int, starts: int, rng: np.random.Generator) -> tuple[Circuit, Array]:
    circuit = circuits.random_circuit(n_qubits, n_params, rng=rng, reference_state="zero")
    return circuit, rng.uniform(0, np.pi, (starts, n_params))


def _compare(
    engines: Engines,
    case: str,
    names: Iterable[str],
    method: str,
    circuit: Circuit,
    problem: Energy,
    theta: Array,
    repeats: int,
) -> list[Record]:
    """Times of one method, every engine on as many of the starts as it evaluates in one call."""
    size = circuit.n_qubits, circuit.n_params
    expected = engines.prepare(THIS, circuit, problem, method, theta)
    runs: dict[str, Callable[[], float]] = {}
    given_up = []
    for name in names:
        part = theta[: ENGINES[name].starts]
        try:
            found = engines.prepare(name, circuit, problem, method, part) if name != THIS else expected
        except PeerError as error:
            given_up.append(record(case, name, *size, problem=problem.name, note=_reason(name, error)))
            continue
        if isinstance(found, tuple):
            wanted: Any = tuple(array[: len(part)] for array in expected)
        else:
            wanted = expected[: len(part)]
        require_agreement(name, f"results of {method}", found, wanted)
        runs[name] = lambda name=name, part=part: engines.ask(name, "time", method, part)  # type: ignore[misc]
    medians = interleaved(runs, repeats)
    return [
        *(
            record(
                case,
                name,
                *size,
                milliseconds=value,
                ratio=value / medians[THIS],
                problem=problem.name,
                starts_per_call=min(ENGINES[name].starts, len(theta)),
            )
            for name, value in medians.items()
        ),
        *given_up,
    ]


def loss_and_grad(
    engines: Engines, name: str, n_qubits: int, n_params: int, repeats: int, rng: np.random.Generator
) -> list[Record]:
    """Time of the loss and its gradient, by engine."""
    circuit, theta = _random(n_qubits, n_params, ENGINES[THIS].starts, rng)
    problem = hamiltonians.build(name, n_qubits)
    return _compare(
        engines, "loss_and_grad", engines.names, "value_and_gradient", circuit, problem, theta, repeats
    )


def hessian(
    engines: Engines, n_qubits: int, n_params: int, repeats: int, rng: np.random.Generator
) -> list[Record]:
    """Time of the Hessian of one start for a dense H, against forward-over-reverse differentiation by JAX."""
    circuit, theta = _random(n_qubits, n_params, 1, rng)
    names = [name for name in (THIS, JAX_SCAN) if name in engines.names]
    return _compare(
        engines, "hessian", names, "hessian", circuit, hamiltonians.gue(n_qubits), theta, min(repeats, 3)
    )


def minima(
    engines: Engines, n_qubits: int, n_params: int, repeats: int, rng: np.random.Generator
) -> list[Record]:
    """Time to `MINIMA` certified minima of the transverse-field Ising ring, against lightning.qubit and scipy.

    The peer is asked for less: a small gradient is enough, without a look at the Hessian.  Where its searches would
    take too long, they are carried out with this engine's energies, and the evaluations, which are the same for any
    simulator, are counted and multiplied by the peer's time for one.
    """
    case, size = "minima", (n_qubits, n_params)
    circuit, starts = _random(n_qubits, n_params, MINIMA, rng)
    problem = hamiltonians.tfim(n_qubits)
    expected = engines.prepare(THIS, circuit, problem, "value_and_gradient", starts)
    batches, certified = [starts], engines.ask(THIS, "minimize", starts)[0]
    while certified < MINIMA:
        if len(batches) == 10:
            raise PeerError(f"{THIS}: {certified} certified minima from 10 batches of starts")
        batches.append(rng.uniform(0, np.pi, (MINIMA - certified, n_params)))
        certified += engines.ask(THIS, "minimize", batches[-1])[0]

    def this() -> float:
        return sum(engines.ask(THIS, "minimize", batch)[1] for batch in batches)

    def finished(engine: str, seconds: float, ratio: float, **more: Any) -> Record:
        milliseconds = 1e3 * seconds / MINIMA
        more |= {"problem": problem.name, "minima": MINIMA, "seconds_for_all": seconds}
        return record(case, engine, *size, milliseconds=milliseconds, ratio=ratio, **more)

    # One start a call is what scipy's searches ask for.
    engines.prepare(ONE_START, circuit, problem, "value_and_gradient", starts[:1])
    try:
        if LIGHTNING not in engines.names:
            raise PeerError(f"{LIGHTNING}: left out")
        found = engines.prepare(LIGHTNING, circuit, problem, "value_and_gradient", starts[:1])
    except PeerError as error:
        seconds = interleaved({THIS: this}, repeats)[THIS]
        return [finished(THIS, seconds, 1.0), record(case, LIGHTNING, *size, note=_reason(LIGHTNING, error))]
    require_agreement(LIGHTNING, "energies or gradients", found, tuple(array[:1] for array in expected))
    medians = interleaved(
        {THIS: this, LIGHTNING: lambda: engines.ask(LIGHTNING, "time", "value_and_gradient", starts[:1])},
        repeats,
    )
    reached, evaluations, _ = engines.ask(ONE_START, "search", starts[:COUNTED])
    each = evaluations / max(reached, 1)
    seconds = 1e-3 * medians[LIGHTNING] * each * MINIMA
    note = (
        f"{each:.0f} evaluations a minimum, from {COUNTED} searches of which {reached} reached the tolerance, "
        f"times {medians[LIGHTNING]:.3g} ms"
    )
    extrapolated = seconds > SEARCH_LIMIT
    if not extrapolated:
        reached, evaluations, taken = engines.ask(LIGHTNING, "search", starts)
        seconds = taken * MINIMA / max(reached, 1)
        note = f"{reached} of {MINIMA} searches reached the tolerance, in {evaluations} evaluations"
    return [
        finished(THIS, medians[THIS], 1.0, note="certificates included"),
        finished(
            f"{LIGHTNING}, scipy L-BFGS-B",
            seconds,
            seconds / medians[THIS],
            extrapolated=extrapolated,
            note=note,
        ),
    ]


def _sweep(n_qubits: int, n_gates: int, rng: np.random.Generator) -> Callable[[], float]:
    """Milliseconds per start of energies and gradients by the kernels alone, with a diagonal H, the cheapest."""
    dim = 2**n_qubits
    # What the kernels read of a `Circuit`, which itself ends at the largest dense H.
    circuit: Any = SimpleNamespace(
        n_qubits=n_qubits,
        n_gates=n_gates,
        x=rng.integers(0, dim, n_gates),
        z=rng.integers(0, dim, n_gates),
        parameter=np.arange(n_gates),
        scale=np.ones(n_gates),
        offset=np.zeros(n_gates),
        reference=circuits.haar_state(dim, rng),
    )
    # So many starts a call that the call itself takes no part of the time.
    starts = LANES * max(1, min(64, 2 ** (16 - n_qubits)))
    theta = rng.uniform(0, np.pi, (starts, n_gates))
    nothing = np.empty(0, np.int64)
    levels = rng.uniform(0, 2, dim)
    diagonal = Observable(DIAGONAL, nothing, nothing, nothing, nothing, levels, np.empty(0))
    arguments = pack_circuit(circuit), diagonal, sweep.allocate(circuit), theta
    results = np.empty(len(theta)), np.empty_like(theta)
    rounds = max(1, 2**24 // (n_gates * dim * starts))

    def run() -> float:
        begin = time.perf_counter()
        for _ in range(rounds):
            sweep.evaluate_batch(*arguments, *results)
        return 1e3 * (time.perf_counter() - begin) / (rounds * starts)

    run()  # compiles
    return run


def roofline(sizes: Iterable[int], repeats: int, rng: np.random.Generator) -> list[Record]:
    """Share of one core's measured peak that the gates' sweeps reach, with 2^(n+1) gates."""
    runs: dict[str, Callable[[], float]] = {"peak": lambda: 1 / machine.peak_flops()}
    runs |= {str(n): _sweep(n, 2 ** (n + 1), rng) for n in sizes}
    medians = interleaved(runs, repeats)
    peak = 1 / medians["peak"]
    records = []
    for n in sizes:
        rate = 1e3 * machine.flops(n, 2 ** (n + 1)) / medians[str(n)]
        more: dict[str, Any] = {"share_of_peak": rate / peak, "gflops": rate / 1e9, "peak_gflops": peak / 1e9}
        records.append(
            record("roofline", THIS, n, 2 ** (n + 1), milliseconds=medians[str(n)], ratio=1.0, **more)
        )
    return records


def growth(sizes: Iterable[int], repeats: int, rng: np.random.Generator) -> list[Record]:
    """Time of a sweep with 256 gates over q 2^n, relative to its median over the sizes."""
    medians = interleaved({str(n): _sweep(n, 256, rng) for n in sizes}, repeats)
    scaled = {int(n): value / (256 * 2 ** int(n)) for n, value in medians.items()}
    typical = float(np.median(list(scaled.values())))
    return [
        record(
            "growth",
            THIS,
            n,
            256,
            milliseconds=medians[str(n)],
            ratio=1.0,
            relative_to_median=value / typical,
        )
        for n, value in scaled.items()
    ]


def memory(
    n_qubits: int, n_params: int, names: Iterable[str], say: Callable[[str], object], rng: np.random.Generator
) -> list[Record]:
    """Peak memory of one loss and gradient of one start, each in a fresh process."""
    circuit, theta = _random(n_qubits, n_params, 1, rng)
    problem = hamiltonians.tfim(n_qubits)
    records = []
    for name in names:
        child = Child(name, own_pages=True)
        try:
            peak = child.ask("peak", circuit, problem, theta, limit=LIMIT)
            note = "this operating system does not tell"
            if peak is not None:
                # A simulator that kept the states for its backward sweep would take one a gate.
                note = (
                    f"{1024 * peak / n_params:.2g} KiB an angle, where a state takes {2**n_qubits / 64:g} KiB"
                )
        except PeerError as error:
            say(f"memory: {error}")
            peak, note = None, _reason(name, error)
        finally:
            child.close()
        records.append(record("memory", name, n_qubits, n_params, peak_mib=peak, note=note))
    return records


def memory_engines(names: Iterable[str], factor: float) -> list[str]:
    """Engines whose memory is measured with factor * 2^n angles: the slow ones only up to four."""
    slow = (QULACS, LIGHTNING, JAX_SCAN) if factor <= 4 else ()
    return [name for name in names if name == THIS or name in slow]
