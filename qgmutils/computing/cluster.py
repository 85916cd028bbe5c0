"""Workers of a dask.distributed scheduler, on any number of machines, as an executor of tasks."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 10.0
"""Seconds in which a scheduler has to answer."""


def chosen_scheduler() -> str:
    """Address of the scheduler whose workers run tasks: the environment variable QGMUTILS_SCHEDULER; "" for none."""
    return os.environ.get("QGMUTILS_SCHEDULER", "")


def count_workers(scheduler: str) -> int:
    """How many workers a scheduler has at present; others may come and go while tasks run.

    Raises
    ------
    ValueError
        As `cluster_executor`.
    """
    with _connected(scheduler) as client:
        return len(client.nthreads())


@contextlib.contextmanager
def cluster_executor(scheduler: str) -> Iterator[Executor]:
    """Connect to a scheduler for the length of a block; what is pending at its end is cancelled.

    A worker that dies loses the tasks that it was given and has not finished: others run them.

    Parameters
    ----------
    scheduler : str
        Its address, as "tcp://host:8786".

    Yields
    ------
    Executor
        It waits for workers where there are none yet.

    Raises
    ------
    ValueError
        The package distributed is missing, this is no address, no scheduler answers there within `PATIENCE`, or one of
        its workers runs several tasks in one process.
    RuntimeError
        The connection was lost, a worker cannot import a task, or several workers died one after the other while they
        ran the same task.
    """
    with _connected(scheduler) as client:
        from distributed import KilledWorker

        if not client.nthreads():
            warnings.warn(f"the scheduler {scheduler} has no workers yet; tasks wait for them", stacklevel=3)
        try:
            yield _Workers(client)
        except KilledWorker as error:
            raise RuntimeError(
                f"{error.allowed_failures + 1} workers of the scheduler {scheduler} died while they ran the same task, "
                f"the last one at {error.last_worker.address}, most often because memory ran out; start workers with "
                "more memory each (--memory-limit), or fewer on a machine"
            ) from error
        except (ImportError, AttributeError) as error:
            if hasattr(error, "__notes__"):  # it comes from the task itself
                raise
            raise RuntimeError(
                f"a worker of the scheduler {scheduler} does not find what a task is made of ({error}); install the "
                "same packages there, and define tasks and recipes in modules, not in the program itself"
            ) from error
        except CancelledError as error:
            raise RuntimeError(
                f"the connection to the scheduler {scheduler} was lost; start the scheduler and its workers again"
            ) from error


class _Workers(Executor):
    def __init__(self, client: Client) -> None:
        # Not pure: every call has a key of its own, which is not made from its arguments.
        self._executor = client.get_executor(pure=False)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        # Bytes, for a function that every Python has: a worker that cannot import what dask sends it leaves without a
        # word, and in the end nobody is left.
        call = _Call(functools.partial(function, *arguments, **options))
        return self._executor.submit(pickle.loads, pickle.dumps(call))


@dataclasses.dataclass(frozen=True)
class _Call:
    """What loads its pickled form runs the function, and gets the result."""

    function: Callable[[], Any]

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        return self.function, ()


@contextlib.contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    if not re.fullmatch(r"(tcp|tls)://\S+:\d+", scheduler):
        raise ValueError(
            f"{scheduler!r} is no address of a scheduler; it must be of the form tcp://host:port"
        )
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError(
            f"the workers of {scheduler} need a package that is missing ({error}): "
            'pip install "qgmutils[distributed]"'
        ) from error
    try:
        _greet(scheduler)
        client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except Exception as error:  # whatever it is that answers
        reason = "" if isinstance(error, OSError) else f" ({error})"
        raise ValueError(
            f"no scheduler answers at {scheduler} within {PATIENCE:g} s{reason}; start one with `dask scheduler`, "
            "which prints its address"
        ) from error
    with client:
        _require_single_threads(client.nthreads(), scheduler)
        yield client


def _greet(address: str) -> None:
    """Ask who is there: a client itself would wait for ever for one who listens and says nothing."""
    from distributed import rpc
    from distributed.security import Security
    from distributed.utils import LoopRunner

    async def greet() -> str:
        async with rpc(address, connection_args=Security().get_connection_args("client")) as remote:
            return (await asyncio.wait_for(remote.identity(), PATIENCE))["type"]

    if (kind := LoopRunner().run_sync(greet)) != "Scheduler":
        raise ValueError(f"this is a {kind}")


def _require_single_threads(threads: dict[str, int], scheduler: str) -> None:
    # Linear algebra is held to one thread for the whole process, so tasks there wait for each other.
    wide = sorted(address for address, count in threads.items() if count > 1)
    if wide:
        raise ValueError(
            f"{len(wide)} of the {len(threads)} workers of {scheduler} want to run several tasks in one process, which "
            f"would run one after the other (the first of them is {wide[0]}); start them with --nthreads 1, and with "
            "--nworkers for as many processes as there are cores"
        )
