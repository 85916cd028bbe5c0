"""Worker processes that are kept for the next use and leave nothing behind, whichever way their owner ends.

Also how many cores there are for them, and of what kind.
"""

from __future__ import annotations

import contextlib
import functools
import math
import multiprocessing
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import NamedTuple

from qgmutils.computing import kernels

NO_GUARD = (
    "worker processes import the program's main module and so start it again: put what it does, not what it defines, "
    'behind a line `if __name__ == "__main__":`, or pass workers=1'
)


class _Pool(NamedTuple):
    executor: ProcessPoolExecutor
    compiling: Synchronized[int]  # how many of the workers are compiling kernels


_pools: dict[int, _Pool] = {}  # by number of workers


def compiling() -> bool:
    """Whether this process or one of its workers is compiling kernels."""
    return kernels.compiling() or any(pool.compiling.value for pool in list(_pools.values()))


def require_guard() -> None:
    """Refuse to compute in a worker process that is importing the program's main module.

    Raises
    ------
    RuntimeError
        The message says what to change in the program.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(NO_GUARD)


@contextlib.contextmanager
def process_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Lend worker processes for the length of a block; an exception in the block ends them at once.

    The workers are spawned, not forked, so that they inherit no threads and no state: a result is the same
    whether it was computed here or there. Starting one costs seconds of imports, so they are kept for the next
    block and end with this process.

    Parameters
    ----------
    count : int
        Number of processes, at least 1.

    Yields
    ------
    ProcessPoolExecutor
        The pool.

    Raises
    ------
    RuntimeError
        A worker died, most often because memory ran out, or could not import the program's main module.
    """
    if count not in _pools:
        context = multiprocessing.get_context("spawn")
        busy = context.Value("i", 0)
        executor = ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker, initargs=(busy,))
        _pools[count] = _Pool(executor, busy)
    executor = _pools[count].executor
    try:
        yield executor
    except BaseException as error:
        del _pools[count]
        # shutdown() forgets the processes and lets running tasks finish; hence the list and terminate().
        running = list((executor._processes or {}).values())
        executor.shutdown(wait=False, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            # Who is killed for its memory ends by a signal; who cannot be imported, by an exception.
            failed = [process for process in running if _exit_status(process) > 0]
        for process in running:
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            if failed:
                raise RuntimeError(
                    f"one of {count} worker processes ended while it started; {NO_GUARD}"
                ) from error
            raise RuntimeError(
                f"one of {count} worker processes died, most often because memory ran out; "
                "fewer workers need less: set QGMUTILS_WORKERS=1 or pass workers=1"
            ) from error
        raise


def usable_cores() -> int:
    """Cores that this process may use: those of the machine, of its affinity mask, and of its cgroup's quota.

    Returns
    -------
    int
        At least 1.  A quota of 1.5 cores counts as 2.
    """
    if hasattr(os, "process_cpu_count"):  # since Python 3.13
        allowed = os.process_cpu_count()
    else:
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min([allowed or 1, *_quotas(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))]))


def _quotas(membership: Path, root: Path) -> Iterator[int]:
    """Limits of the cgroups that this process is in, and of those that these are in."""
    with contextlib.suppress(OSError, ValueError):
        for line in membership.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            mounts = [root] if not controllers else [root / controllers, root / "cpu"]
            if controllers and "cpu" not in controllers.split(","):
                continue
            for mount in mounts:
                inside = mount / path.lstrip("/")
                # In a container the path may be the host's, and the mount the container's own group.
                for folder in [inside, *(above for above in inside.parents if above.is_relative_to(mount))]:
                    yield from _quota(folder)


def _quota(folder: Path) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()  # version 2; "max" is no number
        yield math.ceil(int(quota) / int(period))
    with contextlib.suppress(OSError, ValueError):
        quota = (folder / "cpu.cfs_quota_us").read_text()  # version 1; -1 is no limit
        if int(quota) > 0:
            yield math.ceil(int(quota) / int((folder / "cpu.cfs_period_us").read_text()))


@functools.cache
def cpu_model() -> str:
    """Model name of the processor, as its maker calls it."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line for line in lines if line.startswith("model name")).partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _exit_status(process: multiprocessing.process.BaseProcess) -> int:
    process.join(timeout=1)
    # The executor's thread waits for the process, too.  Who comes second finds no process to wait for, and learns
    # the status only when the first has written it down.
    until = time.monotonic() + 1
    while process.exitcode is None and time.monotonic() < until:
        time.sleep(0.001)
    return process.exitcode or 0


def _start_worker(compiling: Synchronized[int]) -> None:
    def add(change: int) -> None:
        with compiling.get_lock():
            compiling.value += change

    kernels.on_compiling(add)
    # Ctrl-C reaches the whole process group; the owner alone decides, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A worker waits for work for ever, also when its owner was killed.
    threading.Thread(target=_follow_owner, daemon=True).start()


def _follow_owner() -> None:
    owner = multiprocessing.parent_process()
    if owner is not None:
        owner.join()
        os._exit(1)
