"""Stored results, recomputed from their fields and compared."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd

from qgmutils.computing import cache, tasks
from qgmutils.computing.notices import warn


def verify(*, sample: int, rng: np.random.Generator) -> pd.DataFrame:
    """Recompute a random sample of the results that the present code has stored, and compare every byte.

    Parameters
    ----------
    sample : int
        How many, at least 1; all if there are fewer.
    rng : Generator
        Chooses them.

    Returns
    -------
    DataFrame
        One row per recomputed result with the columns file, task, equal and difference, the largest absolute one of all
        numbers (infinite where shapes, types or words differ).  Its `attrs` count the files in the folder: `present`
        (made by the present code), `other` (by other code, or by tasks that cannot be built again, as those with arrays
        of which only a hash is stored) and `damaged`.

    Raises
    ------
    ValueError
        The sample is not positive, or there is no such folder.
    """
    if sample < 1:
        raise ValueError(f"sample is {sample}; it must be at least 1")
    place = cache.cache_directory()
    if place is None or not place.is_dir():
        raise ValueError(
            f"there is no folder {place} with results; compute some first, or name another folder in QGMUTILS_CACHE"
        )
    counts = {"present": 0, "other": 0, "damaged": 0}
    found = []
    for path in sorted(place.glob("[!.]*.npz")):  # those with a dot are not yet whole
        try:
            metadata = cache.read(path).metadata
        except Exception as error:  # as in `cache.Store.load`
            warn(f"cached result {path} is damaged ({error}); it is left out")
            counts["damaged"] += 1
            continue
        task = _task(metadata)
        counts["present" if task is not None else "other"] += 1
        if task is not None:
            found.append((path, task))
    chosen = sorted(rng.choice(len(found), size=min(sample, len(found)), replace=False)) if found else []
    rows = []
    for i in chosen:
        path, task = found[i]
        stored = cache.read(path).columns
        again = cache.to_columns(tasks.timed(task)[0], owner=f"task {type(task).__name__}")
        rows.append((path.name, repr(task), _same(stored, again), _difference(stored, again)))
    table = pd.DataFrame(rows, columns=["file", "task", "equal", "difference"])
    table.attrs |= counts
    return table


def _task(metadata: dict[str, Any]) -> tasks.Task | None:
    """The task that a result is of; None if the present code would store its result under another key."""
    try:
        task = _built(metadata["task"])
        return task if tasks.task_key(task) == metadata["key"] else None
    except Exception:  # a module, a class or a field that there is no more, in whichever way, or an array
        return None


def _built(value: Any) -> Any:
    """A value that a field had, from its description in `tasks`."""
    if isinstance(value, list):
        return tuple(map(_built, value))
    if not isinstance(value, dict):
        return value
    cls: Any = importlib.import_module(value["module"])
    for name in value["name"].split("."):
        cls = getattr(cls, name)
    return cls(**{name: _built(part) for name, part in value["fields"].items()})


def _same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return list(first) == list(second) and all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        for a, b in zip(first.values(), second.values())
    )


def _difference(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> float:
    if _same(first, second):
        return 0.0
    if list(first) != list(second):
        return np.inf
    largest = 0.0
    for a, b in zip(first.values(), second.values()):
        if (a.dtype, a.shape) != (b.dtype, b.shape) or (a.dtype.kind == "U" and not np.array_equal(a, b)):
            return np.inf
        if a.dtype.kind != "U":
            wide = complex if a.dtype.kind == "c" else np.longdouble
            gaps = np.abs(a.astype(wide) - b.astype(wide))
            gaps = np.where(np.isnan(gaps), np.where((a == b) | ((a != a) & (b != b)), 0.0, np.inf), gaps)
            largest = max(largest, float(gaps.max(initial=0.0)))
    return largest
