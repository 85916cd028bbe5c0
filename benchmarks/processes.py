"""Each engine runs in a process of its own: it can be given up after a while, and its memory is its own."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.simulators import ENGINES, Evaluator
from qgmutils.circuits import Circuit, random_circuit
from qgmutils.engine import Landscape
from qgmutils.losses.energy import Energy
from qgmutils.losses.hamiltonians import tfim
from qgmutils.minimize import GRADIENT_TOLERANCE, minimize

Array = NDArray[np.float64]


class PeerError(RuntimeError):
    """An engine cannot be measured; the message names it and says why."""


class Child:
    """A process that serves one engine.

    Parameters
    ----------
    name : str
        One of `ENGINES`.
    own_pages : bool
        Take blocks from 64 KiB on straight from the operating system (with glibc), as `Server.peak` needs it.
    """

    def __init__(self, name: str, *, own_pages: bool = False) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, name), daemon=True)
        with _environment("MALLOC_MMAP_THRESHOLD_", "65536") if own_pages else contextlib.nullcontext():
            self._process.start()
        other.close()

    def ask(self, method: str, *arguments: Any, limit: float | None = None) -> Any:
        """The answer of `Server`'s method of that name.

        Raises
        ------
        PeerError
            The package is not there or fails, the process died, or the answer took longer than `limit` seconds; after
            the last two the process is gone.
        """
        try:
            self._connection.send((method, arguments))
            if not self._connection.poll(limit):
                self.close()
                raise PeerError(f"{self.name}: no result within {limit:g} s")
            error, answer = self._connection.recv()
        except (EOFError, ConnectionError) as death:
            self._process.join(5)
            raise PeerError(f"{self.name}: its process ended (exit code {self._process.exitcode})") from death
        if error is not None:
            raise PeerError(error)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()
        self._connection.close()


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _serve(connection: Connection, name: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    server = Server(name)
    while True:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        error = answer = None
        try:
            # Here, since each package brings libraries along that have threads of their own.
            with threadpool_limits(1):
                answer = getattr(server, method)(*arguments)
        except ModuleNotFoundError as missing:
            error = (
                f"{name}: the package {server.engine.package} is not installed ({missing}); "
                "python3 -m pip install 'qgmutils[bench]' brings it"
            )
        except Exception as failure:
            error = f"{name} (package {server.engine.package}): {type(failure).__name__}: {failure}"
        connection.send((error, answer))


class Server:
    """What a child does for its parent; usable without a process as well."""

    def __init__(self, name: str) -> None:
        self.engine = ENGINES[name]
        self.evaluator: Any = None

    def build(self, circuit: Circuit, problem: Energy) -> None:
        """Evaluate this circuit and this problem from now on."""
        self.evaluator = None
        gc.collect()
        self.evaluator = self.engine.build(circuit, problem)

    def call(self, method: str, theta: Array) -> Any:
        """The evaluator's method on the angles (B, p)."""
        return getattr(self.evaluator, method)(theta)

    def time(self, method: str, theta: Array, least: float = 0.02) -> float:
        """Milliseconds a start: mean over as many calls as take `least` seconds together, at least one."""
        run = getattr(self.evaluator, method)
        calls, begin = 0, time.perf_counter()
        while calls == 0 or time.perf_counter() - begin < least:
            run(theta)
            calls += 1
        return 1e3 * (time.perf_counter() - begin) / (calls * len(theta))

    def minimize(self, starts: Array) -> tuple[int, float]:
        """Number of certified minima among the end points, and the seconds that search and certificates took."""
        begin = time.perf_counter()
        found = minimize(self.evaluator, starts)
        return int(np.sum(found.certified)), time.perf_counter() - begin

    def search(self, starts: Array) -> tuple[int, int, float]:
        """Number of end points with a gradient below the tolerance, evaluations and seconds of scipy's L-BFGS-B."""
        begin = time.perf_counter()
        found = [_scipy_search(self.evaluator, start) for start in starts]
        seconds = time.perf_counter() - begin
        return sum(reached for reached, _ in found), sum(count for _, count in found), seconds

    def peak(self, circuit: Circuit, problem: Energy, theta: Array) -> float | None:
        """MiB by which one loss and gradient raises the memory of this process at its peak.

        None where the operating system cannot tell: only Linux can start its record of the peak anew.  The evaluator
        counts as well, except where building it compiles; then this is what the second call takes.
        """

        def build_and_evaluate() -> None:
            self.build(circuit, problem)
            self.evaluator.value_and_gradient(theta)

        if self.engine.compiles:
            build_and_evaluate()
            return _peak(lambda: self.evaluator.value_and_gradient(theta))
        # Imports and the machine code of kernels are no part of the evaluation.
        small = random_circuit(2, 4, rng=np.random.default_rng(0), reference_state="zero")
        self.build(small, tfim(2))
        self.evaluator.value_and_gradient(np.zeros((1, 4)))
        return _peak(build_and_evaluate)


def _scipy_search(evaluator: Evaluator | Landscape, start: Array) -> tuple[bool, int]:
    def objective(x: Array) -> tuple[float, Array]:
        energy, gradient = evaluator.value_and_gradient(x[None])
        return float(energy[0]), gradient[0]

    # The tolerance of the gradient decides; no search ends for another reason that could be avoided.
    options = {"gtol": GRADIENT_TOLERANCE, "ftol": 0.0, "maxiter": 10**6, "maxfun": 10**7}
    found = scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return bool(np.max(np.abs(found.jac)) <= GRADIENT_TOLERANCE), int(found.nfev)


def _peak(action: Callable[[], object]) -> float | None:
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # other C libraries do without
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the record of the peak starts anew
        before = _status("VmRSS")
    except OSError:
        return None
    action()
    return (_status("VmHWM") - before) / 1024


def _status(entry: str) -> int:
    """An entry of this process's status, KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{entry}:"):
            return int(line.split()[1])
    raise OSError(f"/proc/self/status has no entry {entry}")
