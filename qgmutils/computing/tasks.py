"""Ensembles as lists of tasks: frozen parameters in, a table out, cached and resumed after an interrupt.

A task is a frozen dataclass whose fields are plain values and whose method `run` returns a DataFrame.
Its result is stored under a hash of the parameters, the package version and the source of the science
modules, so that it is computed once, and computed again when the code that produced it has changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from tqdm.auto import tqdm

import qgmutils
from qgmutils.computing import cache as caching
from qgmutils.computing import files
from qgmutils.computing.processes import process_pool
from qgmutils.computing.threads import one_thread

# These folders draw, report and drive; no result depends on them, so a change in them keeps the cache.
NOT_SCIENCE = frozenset({"bench", "report", "suite"})


class Task(Protocol):
    """What `run_tasks` accepts: a frozen dataclass with plain fields and this method."""

    def run(self) -> pd.DataFrame:
        """Compute the result. It may depend on nothing but the fields."""
        ...


def run_tasks(
    tasks: Iterable[Task],
    *,
    workers: int | None = None,
    label: str = "",
    cache: bool = True,
    executor: Executor | None = None,
) -> list[pd.DataFrame]:
    """Run tasks, or read their results from the cache.

    Every result is saved as soon as it is there: after an interrupt the same call computes only the rest.
    Results do not depend on `workers`: linear algebra runs on one thread while a task runs.

    Parameters
    ----------
    tasks : iterable of Task
        Frozen dataclasses with fields of type str, int, float, bool, None or tuples of these. Equal tasks are
        computed once.
    workers : int, optional
        Number of processes, at least 1; 1 means that this process does the work. Default: the environment
        variable QGMUTILS_WORKERS, else the number of cores.
    label : str
        What the progress bar is called.
    cache : bool
        False neither reads nor writes the cache; so does the environment variable QGMUTILS_NO_CACHE=1.
    executor : concurrent.futures.Executor, optional
        Runs the tasks instead of processes of our own, for example the one that
        `dask.distributed.Client.get_executor` returns. It is left running.

    Returns
    -------
    list of DataFrame
        In the order of the tasks, with an index 0, 1, 2, …

    Raises
    ------
    ValueError
        A task is not a frozen dataclass with plain fields, a result holds a column of objects, or the
        number of workers is not a positive integer.
    """
    requests = list(tasks)
    count = _worker_count(workers)
    keys = [task_key(task) for task in requests]
    store = caching.Store(enabled=cache and os.environ.get("QGMUTILS_NO_CACHE", "0") in ("", "0"))
    todo = dict(zip(keys, requests, strict=True))
    results: dict[str, pd.DataFrame] = {}
    for key, task in list(todo.items()):
        table = store.load(key, type(task).__name__)
        if table is not None:
            results[key] = table
            del todo[key]
    progress = _Progress(label, done=len(results), total=len(results) + len(todo))

    def finish(key: str, table: pd.DataFrame) -> None:
        name = type(todo[key]).__name__
        columns = caching.to_columns(table, owner=f"task {name}")
        store.save(key, name, columns, _fields(todo[key]))
        results[key] = caching.to_table(columns)
        progress.step()

    try:
        if executor is not None:
            _run_on(executor, todo, finish)
        elif min(count, len(todo)) > 1:
            with process_pool(count) as pool:
                _run_on(pool, todo, finish)
        else:
            for key, task in todo.items():
                finish(key, _run(task))
    except KeyboardInterrupt:
        print(
            f"\nInterrupted: {len(results)} of {progress.total} tasks finished{store.advice()}",
            file=sys.stderr,
        )
        raise
    finally:
        progress.close()
    return [results[key].copy() for key in keys]


def task_key(task: Task) -> str:
    """Hash of everything that a task's result depends on.

    Parameters
    ----------
    task : Task
        A frozen dataclass with plain fields.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    ValueError
        The task is not a frozen dataclass, or a field is not a plain value.
    """
    name = f"{type(task).__module__}.{type(task).__qualname__}"
    identity = [name, _fields(task), qgmutils.__version__, source_hash(), _foreign_source(type(task))]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@functools.cache
def source_hash() -> str:
    """Hash of the source of the science modules: every module of the package but those that draw and report.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    package = Path(qgmutils.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if name.partition("/")[0] not in NOT_SCIENCE:
            # A checkout with other line ends is the same source.
            digest.update(f"{name}\0".encode() + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def _fields(task: Task) -> dict[str, Any]:
    if not dataclasses.is_dataclass(task) or not getattr(type(task), "__dataclass_params__").frozen:  # noqa: B009
        raise ValueError(f"task {task!r} is not a frozen dataclass; declare it with @dataclass(frozen=True)")
    values = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    for name, value in values.items():
        if not _is_plain(value):
            raise ValueError(
                f"field {name!r} of task {type(task).__name__} is {value!r} of type {type(value).__name__}; "
                "allowed are str, int, float, bool, None and tuples of these, so that it can be hashed"
            )
    return values


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float, bool))


@functools.cache
def _foreign_source(cls: type) -> str:
    """Source of a task class that lives outside the package, which `source_hash` does not cover."""
    if cls.__module__.partition(".")[0] == qgmutils.__name__:
        return ""
    try:
        return inspect.getsource(cls)
    except (OSError, TypeError) as error:
        raise ValueError(
            f"the source of task class {cls.__name__} cannot be read, so a change in it would go unnoticed; "
            "define the class in a module"
        ) from error


def _worker_count(value: int | None) -> int:
    given: Any = value if value is not None else os.environ.get("QGMUTILS_WORKERS") or os.cpu_count() or 1
    try:
        count = int(given)
    except ValueError:
        count = 0
    if count < 1:
        raise ValueError(f"workers is {given!r}; it must be a positive integer (1 uses this process only)")
    return count


def _run(task: Task) -> pd.DataFrame:
    with one_thread():
        try:
            return task.run()
        except Exception as error:
            error.add_note(f"while running {task!r}")
            raise


def _run_on(executor: Executor, todo: dict[str, Task], finish: Callable[[str, pd.DataFrame], None]) -> None:
    futures = {executor.submit(_run, task): key for key, task in todo.items()}
    try:
        for future in as_completed(futures):
            finish(futures[future], future.result())
    except BaseException:
        for future in futures:
            future.cancel()
        raise


class _Progress:
    """A bar for a person, or a file for a program that watches (environment variable QGMUTILS_PROGRESS).

    The file holds {"done": d, "total": t, "cached": c} over all calls of this process so far.
    """

    past = past_cached = 0  # tasks of earlier calls in this process

    def __init__(self, label: str, *, done: int, total: int) -> None:
        self.done, self.cached, self.total = done, done, total
        self._file = os.environ.get("QGMUTILS_PROGRESS", "")
        # disable=None: no bar where the output is neither a terminal nor a notebook.
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=label or "tasks",
            leave=False,
            disable=True if self._file or done == total else None,
        )
        self._write()

    def step(self) -> None:
        self.done += 1
        self._bar.update()
        self._write()

    def close(self) -> None:
        _Progress.past += self.total
        _Progress.past_cached += self.cached
        self._bar.close()

    def _write(self) -> None:
        # Progress is a courtesy: a failure to report it must not stop the work.
        if self._file:
            state = {"done": self.past + self.done, "total": self.past + self.total}
            state["cached"] = self.past_cached + self.cached
            with contextlib.suppress(OSError), files.whole_file(self._file) as temporary:
                temporary.write_text(json.dumps(state))


@dataclasses.dataclass(frozen=True)
class Account:
    """What the tables that this process took from `run_tasks` were computed with (a stub)."""

    tables: int = 0
    cached: int = 0
    seconds: float = 0.0
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    cpu: str = ""
    first: str = ""
    last: str = ""
    code: str = ""


def account() -> Account:
    return Account()
