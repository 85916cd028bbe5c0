"""Worker processes that are kept for the next use and leave nothing behind, whichever way their owner ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

_pools: dict[int, ProcessPoolExecutor] = {}  # by number of workers


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
        A worker died, most often because memory ran out.
    """
    if count not in _pools:
        context = multiprocessing.get_context("spawn")
        _pools[count] = ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker)
    executor = _pools[count]
    try:
        yield executor
    except BaseException as error:
        del _pools[count]
        # shutdown() forgets the processes and lets running tasks finish; hence the list and terminate().
        running = list((executor._processes or {}).values())
        executor.shutdown(wait=False, cancel_futures=True)
        for process in running:
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise RuntimeError(
                f"one of {count} worker processes died, most often because memory ran out; "
                "fewer workers need less: set QGMUTILS_WORKERS=1 or pass workers=1"
            ) from error
        raise


def _start_worker() -> None:
    # Ctrl-C reaches the whole process group; the owner alone decides, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A worker waits for work for ever, also when its owner was killed.
    threading.Thread(target=_follow_owner, daemon=True).start()


def _follow_owner() -> None:
    owner = multiprocessing.parent_process()
    if owner is not None:
        owner.join()
        os._exit(1)
