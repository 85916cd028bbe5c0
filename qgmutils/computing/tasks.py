"""Ensembles as lists of tasks: frozen parameters in, a table out, cached and resumed after an interrupt.

A task is a frozen dataclass whose fields are plain values and whose method `run` returns a DataFrame.
Its result is stored under a hash of the fields and of the code that is loaded, so that it is computed once, and
computed again when the code that produced it has changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import math
import operator
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, as_completed
from typing import Any, NamedTuple, Protocol

import pandas as pd
from tqdm.auto import tqdm

from qgmutils.computing import accounts, files, notices
from qgmutils.computing import cache as caching
from qgmutils.computing.accounts import Account, account
from qgmutils.computing.code import Code, UnknownCode, code_of
from qgmutils.computing.processes import process_pool, require_guard, usable_cores
from qgmutils.computing.threads import one_thread

__all__ = ["Account", "OtherCode", "Task", "account", "fields_of", "run_tasks", "task_key", "timed"]


class OtherCode(RuntimeError):
    """A worker process has loaded other code than the process that it works for."""


class Task(Protocol):
    """What `run_tasks` accepts: a frozen dataclass with plain fields and this method."""

    def run(self) -> pd.DataFrame:
        """Compute the result. It may depend on nothing but the fields."""
        ...


class _Request(NamedTuple):
    task: Task
    key: str
    code: Code | None  # None where it is not known which code is loaded


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

    A result belongs to the code that made it, `code.code_of` the task's class.  Where it is not known which code is
    loaded, for example because a file was edited after it was imported, this is said once, nothing is read or kept, and
    this process alone computes.

    Parameters
    ----------
    tasks : iterable of Task
        Frozen dataclasses with fields of type str, int, float, bool, None or tuples of these. Equal tasks are
        computed once.
    workers : int, optional
        Number of processes, at least 1; 1 means that this process does the work. Default: the environment
        variable QGMUTILS_WORKERS, else the number of cores that this process may use.
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
    RuntimeError
        Worker processes have loaded other code than this process, or died, or cannot import the program's main module.
    """
    require_guard()
    requests = list(tasks)
    count = _worker_count(workers)
    store = caching.Store(enabled=cache and os.environ.get("QGMUTILS_NO_CACHE", "0") in ("", "0"))
    codes: dict[type, Code | None] = {}
    for task in requests:
        if type(task) not in codes:
            fields_of(task)
            codes[type(task)] = _known_code(type(task))
    keys = [_key(task, codes[type(task)]) for task in requests]
    todo = {key: _Request(task, key, codes[type(task)]) for key, task in zip(keys, requests, strict=True)}
    results: dict[str, pd.DataFrame] = {}
    for key, request in list(todo.items()):
        entry = store.load(key, type(request.task).__name__) if request.code else None
        if entry is not None:
            results[key] = caching.to_table(entry.columns)
            accounts.enter(key, entry.metadata, cached=True)
            del todo[key]
    progress = _Progress(label, done=len(results), total=len(results) + len(todo))

    def finish(request: _Request, result: tuple[pd.DataFrame, dict[str, Any]]) -> None:
        task, key, code = request
        table, made = result
        columns = caching.to_columns(table, owner=f"task {type(task).__name__}")
        # Again: a file may have changed since, and a module may have been imported only by running.
        if code is not None and _known_code(type(task)) == code:
            made |= {"task": _description(task), "modules": code.modules}
            made["versions"] = code.versions | made["versions"]
            store.save(key, type(task).__name__, caching.Entry(columns, made))
        accounts.enter(key, made, cached=False)
        results[key] = caching.to_table(columns)
        progress.step()

    # Others would import files anew, which need not give them the code that this process has.
    shared = [request for request in todo.values() if request.code is not None]
    try:
        if executor is not None:
            _run_on(executor, shared, finish)
        elif min(count, len(shared)) > 1:
            with process_pool(count) as pool:
                _run_on(pool, shared, finish)
        for request in todo.values():
            if request.key not in results:
                finish(request, timed(request.task))
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
    """Hash of everything that a task's result depends on: its class, its fields, and the code that is loaded.

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
    UnknownCode
        It is not known which code is loaded.
    """
    fields_of(task)
    return _key(task, code_of(type(task)))


def timed(task: Task, code: str = "") -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run a task, with linear algebra on one thread.

    Parameters
    ----------
    task : Task
        The task.
    code : str
        Digest of the code that has to be loaded here; "" if any will do.

    Returns
    -------
    table : DataFrame
        Its result.
    made : dict
        Seconds, date, processor and versions: see `accounts.circumstances`.

    Raises
    ------
    OtherCode
        Other code is loaded.
    """
    if code:
        _require(code, type(task))
    start = time.perf_counter()
    with one_thread():
        try:
            table = task.run()
        except Exception as error:
            error.add_note(f"while running {task!r}")
            raise
    return table, accounts.circumstances(time.perf_counter() - start)


def fields_of(task: Task) -> dict[str, Any]:
    """Fields of a task by name.

    Raises
    ------
    ValueError
        The task is not a frozen dataclass, a field is not a plain value, or its seed is None, which names no result.
    """
    if not dataclasses.is_dataclass(task) or not getattr(type(task), "__dataclass_params__").frozen:  # noqa: B009
        raise ValueError(f"task {task!r} is not a frozen dataclass; declare it with @dataclass(frozen=True)")
    values = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    # What such a class is given beside its fields is not known here, and may change the result.
    others = getattr(type(task), "__dataclass_fields__").keys() - values.keys()  # noqa: B009
    passed = [name for name in sorted(others) if _is_passed_on(type(task), name)]
    if passed:
        raise ValueError(f"{passed[0]!r} of task {type(task).__name__} is an InitVar; make it a field")
    for name, value in values.items():
        if not _is_plain(value):
            raise ValueError(
                f"field {name!r} of task {type(task).__name__} is {value!r} of type {type(value).__name__}; "
                "allowed are str, int, float (but not NaN), bool, None and tuples of these, so that it can be hashed"
            )
    if "seed" in values and values["seed"] is None:
        raise ValueError(
            f"the seed of task {type(task).__name__} is None, which draws other numbers every time, and a result is "
            "stored under its seed; give an integer of at least 0"
        )
    return values


def _is_passed_on(cls: Any, name: str) -> bool:
    kind = cls.__dataclass_fields__[name].type
    return isinstance(kind, dataclasses.InitVar) or (isinstance(kind, str) and "InitVar" in kind)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    if isinstance(value, float) and math.isnan(value):
        return False
    return value is None or isinstance(value, (str, int, float, bool))


def _description(task: Task) -> dict[str, Any]:
    return {"module": type(task).__module__, "name": type(task).__qualname__, "fields": fields_of(task)}


def _key(task: Task, code: Code | None) -> str:
    # JSON tells 1, 1.0 and true apart, and 0.0 and -0.0, which compare equal and may give different results.
    identity = [_description(task), code.digest if code else None]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _known_code(cls: type) -> Code | None:
    try:
        return code_of(cls)
    except UnknownCode as error:
        _say_once(
            f"results of {cls.__name__} are computed by this process alone and neither kept nor taken from the cache: "
            f"{error}"
        )
        return None


@functools.cache
def _say_once(text: str) -> None:
    notices.warn(text)


def _require(code: str, cls: type) -> None:
    try:
        present, reason = code_of(cls).digest, "its modules or packages differ"
    except UnknownCode as error:
        present, reason = "", str(error)
    if present != code:
        raise OtherCode(
            f"a worker process has loaded other code of {cls.__name__} than the process that it works for: {reason}; "
            "restart Python, or pass workers=1"
        )


def _worker_count(value: int | None) -> int:
    given: Any = value if value is not None else os.environ.get("QGMUTILS_WORKERS") or usable_cores()
    try:
        count = int(given) if isinstance(given, str) else operator.index(given)
    except (ValueError, TypeError):
        count = 0
    if count < 1:
        raise ValueError(f"workers is {given!r}; it must be a positive integer (1 uses this process only)")
    return count


def _run_on(
    executor: Executor,
    requests: list[_Request],
    finish: Callable[[_Request, tuple[pd.DataFrame, dict[str, Any]]], None],
) -> None:
    futures = {
        executor.submit(timed, request.task, request.code.digest): request
        for request in requests
        if request.code
    }
    try:
        for future in as_completed(futures):
            finish(futures[future], future.result())
    except BaseException:
        for future in futures:
            future.cancel()
        raise


class _Progress:
    """A bar for a person, or a file for a program that watches (environment variable QGMUTILS_PROGRESS).

    The file holds {"done": d, "total": t, "cached": c, "warnings": [text, …]} over all calls of this process so far.
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
        self._ended = threading.Event()
        self._ticking = threading.Thread(target=self._tick, daemon=True)
        if not self._bar.disable:
            self._ticking.start()
        self._write()

    def step(self) -> None:
        self.done += 1
        self._bar.update()
        self._write()

    def close(self) -> None:
        _Progress.past += self.total
        _Progress.past_cached += self.cached
        self._ended.set()
        if self._ticking.is_alive():
            self._ticking.join()
        self._bar.close()

    def _tick(self) -> None:
        # A task may take minutes, and a clock that stands still looks like one that has died.
        while not self._ended.wait(1):
            self._bar.refresh()

    def _write(self) -> None:
        # Progress is a courtesy: a failure to report it must not stop the work.
        if self._file:
            state: dict[str, Any] = {"done": self.past + self.done, "total": self.past + self.total}
            state |= {"cached": self.past_cached + self.cached, "warnings": notices.said()}
            with contextlib.suppress(OSError), files.whole_file(self._file) as temporary:
                temporary.write_text(json.dumps(state))
