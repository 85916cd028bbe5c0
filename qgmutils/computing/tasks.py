"""Ensembles as lists of tasks: frozen parameters in, a table out, cached and resumed after an interrupt.

A task is a frozen dataclass whose method `run` returns a DataFrame.  Its fields are plain values, read-only arrays, and
recipes: frozen dataclasses of such fields, as losses and circuits are.  A result is stored under a hash of the fields
and of the code of the task and of its recipes, so that it is computed once, and again when that code has changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import operator
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, as_completed
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from qgmutils.computing import accounts, files, kernels, notices, processes
from qgmutils.computing import cache as caching
from qgmutils.computing.accounts import Account, account
from qgmutils.computing.cluster import chosen_scheduler, cluster_executor
from qgmutils.computing.code import Code, UnknownCode, code_of
from qgmutils.computing.processes import process_pool, require_guard, usable_cores
from qgmutils.computing.threads import one_thread

__all__ = ["Account", "OtherCode", "Task", "account", "run_tasks", "task_key", "timed"]


# Linear algebra is held to one thread for a whole process: a task that ends would let go of it under another one.
_ALONE = threading.RLock()


class OtherCode(RuntimeError):
    """A worker process has loaded other code than the process that it works for."""


class Task(Protocol):
    """What `run_tasks` accepts: a frozen dataclass with fields as the module says, and this method."""

    def run(self) -> pd.DataFrame:
        """Compute the result. It may depend on nothing but the fields."""
        ...


class _Request(NamedTuple):
    task: Task
    description: dict[str, Any]
    classes: frozenset[type]
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

    A result belongs to the code that made it, `code.code_of` the classes of the task and of its recipes.  Where it is
    not known which code is loaded, for example because a file was edited after it was imported or a recipe was defined
    in a notebook, this is said once, nothing is read or kept, and this process alone computes.

    Parameters
    ----------
    tasks : iterable of Task
        Frozen dataclasses with fields of type str, int, float, bool, None, read-only NumPy arrays, frozen dataclasses
        with fields of these types, or tuples of all these.  Tasks with equal fields are computed once, whether or not
        Python compares them by their fields.
    workers : int, optional
        Number of processes, at least 1; 1 means that this process does the work. Default: the workers of the
        dask.distributed scheduler that the environment variable QGMUTILS_SCHEDULER names, as tcp://host:8786, else as
        many as QGMUTILS_WORKERS says, else the number of cores that this process may use.
    label : str
        What the progress bar is called.
    cache : bool
        False neither reads nor writes the cache; so does the environment variable QGMUTILS_NO_CACHE=1.
    executor : concurrent.futures.Executor, optional
        Runs the tasks instead of all these, for example the one that `dask.distributed.Client.get_executor` returns.
        It is left running. Tasks that it runs in one process run there one after the other.

    Returns
    -------
    list of DataFrame
        In the order of the tasks, with an index 0, 1, 2, …

    Raises
    ------
    ValueError
        A task is not a frozen dataclass with such fields, a result holds a column of objects, or the number of workers
        is not a positive integer, or the scheduler cannot be used: see `cluster.cluster_executor`.
    RuntimeError
        Worker processes have loaded other code than this process, or died, or cannot import the program's main module,
        or the scheduler was lost.
    """
    require_guard()
    requests = list(tasks)
    count = _worker_count(workers)
    scheduler = chosen_scheduler() if workers is None else ""
    store = caching.Store(enabled=cache and os.environ.get("QGMUTILS_NO_CACHE", "0") in ("", "0"))
    describe, known_code = _Describer(), functools.cache(_known_code)
    todo: dict[str, _Request] = {}
    keys = []
    for task in requests:
        description, classes = describe(task)
        code = known_code(classes)
        keys.append(_key(description, code))
        todo[keys[-1]] = _Request(task, description, classes, keys[-1], code)
    results: dict[str, pd.DataFrame] = {}
    for key, request in list(todo.items()):
        entry = store.load(key, type(request.task).__name__) if request.code else None
        if entry is not None:
            results[key] = caching.to_table(entry.columns)
            accounts.enter(key, entry.metadata, cached=True)
            del todo[key]
    progress = _Progress(label, done=len(results), total=len(results) + len(todo))

    def finish(request: _Request, result: tuple[pd.DataFrame, dict[str, Any]]) -> None:
        task, description, classes, key, code = request
        table, made = result
        columns = caching.to_columns(table, owner=f"task {type(task).__name__}")
        # Again: a file may have changed since, and a module may have been imported only by running.
        if code is not None and _known_code(classes) == code:
            made |= {"task": description, "modules": code.modules}
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
        elif scheduler and shared:
            with cluster_executor(scheduler) as cluster:
                _run_on(cluster, shared, finish)
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
    """Hash of everything that a task's result depends on: its class, its fields, and the code of it and its recipes.

    Parameters
    ----------
    task : Task
        A frozen dataclass, as for `run_tasks`.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    ValueError
        The task or one of its recipes is not a frozen dataclass, or a field has another type.
    UnknownCode
        It is not known which code is loaded.
    """
    description, classes = _Describer()(task)
    return _key(description, code_of(*classes))


def timed(task: Task, code: Code | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run a task, with linear algebra on one thread, and after any other that this process runs.

    Parameters
    ----------
    task : Task
        The task.
    code : code.Code, optional
        The code that has to be loaded here; any will do if it is not given.

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
    if code is not None:
        _require(code, task)
    with _ALONE, one_thread():
        start = time.perf_counter()
        try:
            table = task.run()
        except Exception as error:
            error.add_note(f"while running {task!r}")
            raise
        finally:
            kernels.stop_waiting()
        return table, accounts.circumstances(time.perf_counter() - start)


class _Describer:
    """Tasks as JSON that tells any two of them apart, and the classes whose code they run.

    An array is described by its type, shape and SHA-256.  One that several tasks have in common is hashed once, so that
    a describer must not outlive them.
    """

    def __init__(self) -> None:
        self._hashes: dict[int, str] = {}  # by `id` of the array

    def __call__(self, task: Task) -> tuple[dict[str, Any], frozenset[type]]:
        """The description of a task, and its class with those of its recipes.

        Raises
        ------
        ValueError
            The task or a recipe is not a frozen dataclass, a field has a type that is not allowed or is an array that
            can be written to, or a seed is None, which names no result.
        """
        if not _is_recipe(task):
            raise ValueError(
                f"task {task!r} is not a frozen dataclass; declare it with @dataclass(frozen=True)"
            )
        return self._recipe(task, f"task {type(task).__name__}"), _classes(task)

    def _recipe(self, recipe: Any, called: str) -> dict[str, Any]:
        cls = type(recipe)
        values = _values(recipe)
        # What such a class is given beside its fields is not known here, and may change the result.
        passed = [
            name
            for name in sorted(cls.__dataclass_fields__.keys() - values.keys())
            if _is_passed_on(cls, name)
        ]
        if passed:
            raise ValueError(f"{passed[0]!r} of {called} is an InitVar; make it a field")
        if "seed" in values and values["seed"] is None:
            raise ValueError(
                f"the seed of {called} is None, which draws other numbers every time, and a result is stored under its "
                "seed; give an integer of at least 0"
            )
        fields = {name: self._value(value, f"field {name!r} of {called}") for name, value in values.items()}
        return {"module": cls.__module__, "name": cls.__qualname__, "fields": fields}

    def _value(self, value: Any, called: str) -> Any:
        if isinstance(value, tuple):
            return [self._value(part, called) for part in value]
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufcSU":
            if value.flags.writeable:
                raise ValueError(
                    f"{called} is an array that can be written to, while a result is stored under its content; make it "
                    "read-only with array.setflags(write=False)"
                )
            return {"dtype": value.dtype.str, "shape": list(value.shape), "sha256": self._hash(value)}
        if _is_recipe(value):
            return self._recipe(value, f"{type(value).__name__}, {called}")
        if not isinstance(value, (str, int, float, bool, type(None))) or value != value:
            raise ValueError(
                f"{called} is {value!r} of type {type(value).__name__}; allowed are str, int, float (but not NaN), "
                "bool, None, read-only arrays of numbers, frozen dataclasses with such fields, and tuples of these, so "
                "that it can be hashed"
            )
        return value

    def _hash(self, array: np.ndarray) -> str:
        if id(array) not in self._hashes:
            self._hashes[id(array)] = hashlib.sha256(array.tobytes()).hexdigest()
        return self._hashes[id(array)]


def _is_recipe(value: Any) -> bool:
    cls = type(value)
    return dataclasses.is_dataclass(cls) and getattr(cls, "__dataclass_params__").frozen  # noqa: B009


def _values(recipe: Any) -> dict[str, Any]:
    """Fields by name: not what an object keeps beside them, as cached properties do."""
    return {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}


def _classes(value: Any) -> frozenset[type]:
    """Classes of all recipes in a value."""
    if isinstance(value, tuple):
        return frozenset().union(*map(_classes, value))
    return (
        frozenset({type(value)}).union(*map(_classes, _values(value).values()))
        if _is_recipe(value)
        else frozenset()
    )


def _is_passed_on(cls: Any, name: str) -> bool:
    kind = cls.__dataclass_fields__[name].type
    return isinstance(kind, dataclasses.InitVar) or (isinstance(kind, str) and "InitVar" in kind)


def _key(description: dict[str, Any], code: Code | None) -> str:
    # JSON tells 1, 1.0 and true apart, and 0.0 and -0.0, which compare equal and may give different results.
    identity = [description, code.digest if code else None]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _known_code(classes: frozenset[type]) -> Code | None:
    try:
        return code_of(*classes)
    except UnknownCode as error:
        _say_once(
            f"results of {_named(classes)} are computed by this process alone and neither kept nor taken from the "
            f"cache: {error}"
        )
        return None


def _named(classes: frozenset[type]) -> str:
    return ", ".join(sorted(cls.__name__ for cls in classes))


@functools.cache
def _say_once(text: str) -> None:
    notices.warn(text)


def _require(code: Code, task: Task) -> None:
    classes = _classes(task)
    try:
        present = code_of(*classes)
        if present.digest == code.digest:
            return
        reason = _difference(present, code)
    except UnknownCode as error:
        reason = str(error)
    raise OtherCode(
        f"a worker process has loaded other code of {_named(classes)} than the process that it works for: on "
        f"{platform.node()} {reason}; restart Python, or pass workers=1; workers of a cluster need the modules, "
        "packages and environment of the process that they work for (python -m qgmutils.suite.environment COMMAND "
        "starts a command as the suite starts notebooks)"
    )


def _difference(present: Code, wanted: Code) -> str:
    found = [
        f"{name} is {there or 'missing'} instead of {here or 'missing'}"
        for name, there, here in _differing(present.versions, wanted.versions)
    ]
    modules = [name for name, _, _ in _differing(present.modules, wanted.modules)]
    return ", ".join(found + [f"other content of {name}" for name in modules])


def _differing(first: dict[str, str], second: dict[str, str]) -> list[tuple[str, str, str]]:
    names = sorted(first.keys() | second.keys())
    pairs = [(name, first.get(name, ""), second.get(name, "")) for name in names]
    return [(name, one, other) for name, one, other in pairs if one != other]


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
    futures = {executor.submit(timed, request.task, request.code): request for request in requests}
    try:
        for future in as_completed(futures):
            # What is forgotten here need not be kept by a worker, nor computed again when that worker dies.
            finish(futures.pop(future), future.result())
    except BaseException:
        for future in futures:
            future.cancel()
        raise


class _Progress:
    """A bar for a person, or a file for a program that watches (environment variable QGMUTILS_PROGRESS).

    The file holds {"done": d, "total": t, "cached": c, "compiling": bool, "warnings": [text, …]} over all calls of this
    process so far.
    """

    past = past_cached = 0  # tasks of earlier calls in this process

    def __init__(self, label: str, *, done: int, total: int) -> None:
        self.done, self.cached, self.total = done, done, total
        self._label, self._compiling = label or "tasks", False
        self._file = os.environ.get("QGMUTILS_PROGRESS", "")
        # disable=None: no bar where the output is neither a terminal nor a notebook.
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=self._label,
            leave=False,
            disable=True if self._file or done == total else None,
        )
        self._ended = threading.Event()
        self._ticking = threading.Thread(target=self._tick, daemon=True)
        if done < total and (self._file or not self._bar.disable):
            self._ticking.start()
        self._write()

    def step(self) -> None:
        self.done += 1
        self._look()
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
            if self._look():
                self._write()
            self._bar.refresh()

    def _look(self) -> bool:
        """Find out whether kernels are being compiled; return whether that has changed."""
        before, self._compiling = self._compiling, processes.compiling()
        if self._compiling != before:
            self._bar.set_description("compiling kernels" if self._compiling else self._label, refresh=False)
        return self._compiling != before

    def _write(self) -> None:
        # Progress is a courtesy: a failure to report it must not stop the work.
        if self._file:
            state: dict[str, Any] = {"done": self.past + self.done, "total": self.past + self.total}
            state |= {"cached": self.past_cached + self.cached, "compiling": self._compiling}
            state["warnings"] = notices.said()
            with contextlib.suppress(OSError), files.whole_file(self._file) as temporary:
                temporary.write_text(json.dumps(state))
