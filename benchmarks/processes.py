"""Each simulator runs in a process of its own, which is ended when it takes too long or too much memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import scipy.optimize
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.simulators import Simulator
from qgmutils.circuits import Circuit
from qgmutils.losses.energy import Energy
from qgmutils.losses.loss import Loss
from qgmutils.minimize import GRADIENT_TOLERANCE, minimize

Array = NDArray[np.float64]

MEMORY_LIMIT = 4 * 2**30
"""Bytes in memory above which a process is ended: compiling a large circuit gate by gate takes tens of GB."""
WATCH = 0.1
"""Seconds between two looks at the memory; a process that writes 3 GB/s goes over the limit by 0.3 GB."""


class UnavailableError(RuntimeError):
    """A simulator gives no result; the message says why."""


class OverLimitError(UnavailableError):
    """It took too long or too much memory, and its process was ended."""


class Process:
    """A process that serves one simulator, within `memory` bytes.

    The memory that counts is what is resident, looked at from outside: a limit on the address space would forbid what
    JAX and numba reserve and never use, and a process that ran into it would end without saying why.
    """

    def __init__(self, simulator: Simulator, memory: int = MEMORY_LIMIT) -> None:
        self._memory = memory
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, simulator), daemon=True)
        self._process.start()
        self.pid = self._process.pid
        other.close()

    def ask(self, method: str, *arguments: Any, seconds: float = math.inf) -> Any:
        """The answer of `Worker`'s method of that name.

        Raises
        ------
        OverLimitError
            It took more than `seconds` or more memory than allowed; the process is gone.
        UnavailableError
            The package is missing or fails, or the process died.
        """
        end = time.monotonic() + seconds
        try:
            self._connection.send((method, arguments))
            while not self._connection.poll(max(0.0, min(WATCH, end - time.monotonic()))):
                over = "" if time.monotonic() < end else f"no result within {seconds:g} s"
                with contextlib.suppress(psutil.Error):  # it has just died, and `recv` will tell
                    if psutil.Process(self.pid).memory_info().rss > self._memory:
                        over = f"over {self._memory / 2**30:.3g} GiB"
                if over:
                    self.close()
                    raise OverLimitError(over)
            error, answer = self._connection.recv()
        except (EOFError, ConnectionError) as death:
            self._process.join(5)
            raise UnavailableError(f"its process ended (exit code {self._process.exitcode})") from death
        if error is not None:
            raise UnavailableError(error)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, simulator: Simulator) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    worker = Worker(simulator)
    while True:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        error = answer = None
        try:
            # Here, since each package brings libraries along that have threads of their own.
            with threadpool_limits(1):
                answer = getattr(worker, method)(*arguments)
        except ModuleNotFoundError as missing:
            error = f"{missing}; python3 -m pip install {worker.simulator.package} brings it"
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
        connection.send((error, answer))


class Worker:
    """What a process does for its parent; usable without a process as well."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.landscape: Any = None

    def build(self, circuit: Circuit, loss: Loss) -> None:
        """Evaluate this circuit and this loss from now on."""
        self.landscape = None
        self.landscape = self.simulator.build(circuit, loss)

    def call(self, method: str, theta: Array) -> tuple[Array, ...]:
        """What a method of the landscape gives for the angles (B, p), as a tuple of arrays."""
        found = getattr(self.landscape, method)(theta)
        return found if isinstance(found, tuple) else (found,)

    def time(self, method: str, theta: Array, least: float = 0.02) -> float:
        """Milliseconds a start: mean over as many calls as take `least` seconds together, at least one."""
        run = getattr(self.landscape, method)
        calls, begin = 0, time.perf_counter()
        while calls == 0 or time.perf_counter() - begin < least:
            run(theta)
            calls += 1
        return 1e3 * (time.perf_counter() - begin) / (calls * len(theta))

    def certified_minimum(self, starts: Array) -> float:
        """Milliseconds that searches and certificates take for each minimum that is certified."""
        begin = time.perf_counter()
        certified = int(np.sum(minimize(self.landscape, starts).certified))
        return 1e3 * (time.perf_counter() - begin) / _some(certified, len(starts))

    def evaluations(self, starts: Array) -> float:
        """Evaluations by scipy's L-BFGS-B for each start that reaches a gradient below the tolerance."""

        def objective(x: Array) -> tuple[float, Array]:
            value, gradient = self.landscape.value_and_gradient(x[None])
            return float(value[0]), gradient[0]

        # The tolerance of the gradient decides; no search ends for another reason that could be avoided.
        options = {"gtol": GRADIENT_TOLERANCE, "ftol": 0.0, "maxiter": 10**6, "maxfun": 10**7}
        found = [
            scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
            for start in starts
        ]
        reached = sum(np.max(np.abs(end.jac)) <= GRADIENT_TOLERANCE for end in found)
        return float(sum(end.nfev for end in found) / _some(reached, len(starts)))

    def peak(self, circuit: Circuit, loss: Energy, theta: Array) -> float:
        """MiB by which one evaluation of loss and gradient raises the memory of this process at its peak.

        The landscape counts as well, except where building it compiles.
        """

        def evaluate() -> None:
            if self.landscape is None:
                self.build(circuit, loss)
            self.landscape.value_and_gradient(theta)

        evaluate()  # imports and machine code are no part of it
        if not self.simulator.compiles:
            self.landscape = None
        return peak_of(evaluate)


def _some(count: int, starts: int) -> int:
    if count == 0:
        raise RuntimeError(f"no search from {starts} starts reached a minimum")
    return count


def peak_of(action: Callable[[], object]) -> float:
    """MiB by which an action raises the memory of this process at its peak.

    Raises
    ------
    OSError
        Not on Linux, which alone can start its record of the peak anew.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # other C libraries do without
        libc = ctypes.CDLL(None)
        libc.mallopt(
            -3, 2**16
        )  # M_MMAP_THRESHOLD: blocks from 64 KiB on come from, and return to, the system
        libc.malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        raise OSError("this operating system does not tell the peak of a process's memory") from None
    before = _status("VmRSS")
    action()
    return (_status("VmHWM") - before) / 1024


def _status(entry: str) -> int:
    """An entry of this process's status, KiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{entry}:")[2].split()[0])
