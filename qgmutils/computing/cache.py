"""Results of tasks on disk: one NPZ file per task, arrays without objects, written whole or not at all.

The comment at the end of the archive is the SHA-256 of all bytes before it, so nothing of a damaged file is ever used.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qgmutils.computing import accounts, files
from qgmutils.computing.folders import user_cache
from qgmutils.computing.notices import CacheWarning, warn

__all__ = ["CacheWarning", "Entry", "Store", "cache_directory", "read", "to_columns", "to_table"]

_HASH = 64  # hexadecimal digits
# A folder where one of these happens takes no other file either.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)})


class Entry(NamedTuple):
    """A stored result: its columns, and the JSON object that tells what made it."""

    columns: dict[str, np.ndarray]
    metadata: dict[str, Any]


def cache_directory() -> Path | None:
    """Folder of the results: the environment variable QGMUTILS_CACHE, else the user's cache folder.

    It may be deleted at any time; what was in it is computed again when it is asked for.

    Returns
    -------
    Path or None
        The folder, which need not exist.  None for a user who has no home.
    """
    given = os.environ.get("QGMUTILS_CACHE")
    if not given:
        return user_cache()
    path = Path(given)
    with contextlib.suppress(RuntimeError):
        path = path.expanduser()
    # A tilde that stays would become a folder of that name.
    return None if path.parts[:1] and path.parts[0].startswith("~") else path


def to_columns(table: pd.DataFrame, *, owner: str) -> dict[str, np.ndarray]:
    """Take a table apart into arrays without objects.

    Parameters
    ----------
    table : DataFrame
        Columns of booleans, integers, floats, complex numbers or strings. The index is dropped.
    owner : str
        Who made the table, for the error message.

    Returns
    -------
    dict of str to ndarray
        The columns in order.

    Raises
    ------
    ValueError
        The table is no DataFrame, its column names are not distinct strings, or a column holds anything else.
    """
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"{owner} returned {type(table).__name__}; it must return a pandas DataFrame")
    if len(set(table.columns)) < table.shape[1] or not all(isinstance(name, str) for name in table.columns):
        raise ValueError(f"{owner} returned the columns {list(table.columns)}; they must be distinct strings")
    columns = {}
    for name in table.columns:
        values = table[name].tolist() if table[name].dtype.kind not in "biufc" else None
        if values is None:
            columns[name] = table[name].to_numpy()
        elif all(isinstance(value, str) for value in values):
            columns[name] = np.array(values, dtype=str)
        if name not in columns or columns[name].dtype.kind not in "biufcU":
            raise ValueError(
                f"column {name!r} that {owner} returned has the type {table[name].dtype}; "
                "allowed are booleans, integers, floats, complex numbers and strings, without missing values"
            )
    return columns


def to_table(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Put the table together again; the same for a fresh and for a stored result."""
    return pd.DataFrame(dict(columns))


def to_bytes(entry: Entry) -> bytes:
    """The content of an entry's file."""
    rows = len(next(iter(entry.columns.values()), ()))
    metadata = entry.metadata | {"columns": list(entry.columns), "rows": rows}
    arrays = {f"column{i}": values for i, values in enumerate(entry.columns.values())}
    buffer = io.BytesIO()
    np.savez(buffer, metadata=np.array(json.dumps(metadata)), **arrays)  # type: ignore[arg-type]
    # The archive ends with the length of its comment, 0 so far.
    content = buffer.getvalue()[:-2] + _HASH.to_bytes(2, "little")
    return content + hashlib.sha256(content).hexdigest().encode("ascii")


def read(path: Path) -> Entry:
    """Read a result.

    Parameters
    ----------
    path : Path
        Its file.

    Returns
    -------
    Entry
        Exactly what was written.

    Raises
    ------
    FileNotFoundError
        There is none.
    Exception
        Of any kind: it is damaged, or cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ValueError("not a regular file")
    content = path.read_bytes()
    if hashlib.sha256(content[:-_HASH]).hexdigest().encode("ascii") != content[-_HASH:]:
        raise ValueError("its content does not agree with its hash")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        metadata = json.loads(str(file["metadata"]))
        columns = {name: file[f"column{i}"] for i, name in enumerate(metadata["columns"])}
        complete = len(file.files) == 1 + len(columns)
    for name, values in columns.items():
        if values.shape != (metadata["rows"],) or values.dtype.kind not in "biufcU":
            raise ValueError(f"column {name!r} has the shape {values.shape} and the type {values.dtype}")
    if not complete:
        raise ValueError("it holds other arrays than its columns")
    return Entry(columns, metadata)


_sweep = functools.cache(files.sweep)  # once in a process: a folder of many results takes a while


class Store:
    """The cache as `run_tasks` sees it. A failure warns once and never stops a computation.

    Parameters
    ----------
    enabled : bool
        False neither reads nor writes.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.folder = cache_directory() if enabled else None
        self._writable = self.folder is not None
        if self.folder is not None:
            _sweep(self.folder)
        elif enabled:
            self._warn_once("the user has no home")

    def load(self, key: str, name: str) -> Entry | None:
        """Read the result of the task with this hash and class name; None if there is none, or none that is whole."""
        if self.folder is None:
            return None
        path = self._path(self.folder, key, name)
        try:
            entry = read(path)
            if entry.metadata["key"] != key:
                raise ValueError("made for other parameters")
            if not accounts.tells(entry.metadata):
                raise ValueError("it does not say what made it")
            return entry
        except (FileNotFoundError, NotADirectoryError):
            return None
        # Whatever is wrong with it: a file that is not what was written may lead its reader to any error.
        except Exception as error:
            warn(f"cached result {path} is damaged ({error}); it is computed again")
            return None

    def save(self, key: str, name: str, entry: Entry) -> None:
        """Write a result."""
        if self.folder is None or not self._writable:
            return
        path = self._path(self.folder, key, name)
        try:
            with files.whole_file(path) as temporary:
                temporary.write_bytes(to_bytes(entry._replace(metadata={"key": key} | entry.metadata)))
                if path.is_dir():
                    path.rename(path.with_suffix(".damaged"))
        except OSError as error:
            if error.errno in _NO_ROOM or not files.takes_files(self.folder):
                self._writable = False
                self._warn_once(error.strerror or str(error))
            else:
                warn(f"cached result {path} cannot be written ({error.strerror or error}); the others are")

    def _path(self, folder: Path, key: str, name: str) -> Path:
        return folder / f"{name[:100]}-{key}.npz"

    def _warn_once(self, reason: str) -> None:
        where = f" in {self.folder}" if self.folder is not None else ""
        warn(
            f"results cannot be cached{where} ({reason}), so an interrupt would lose them; name a folder that can be "
            "written to, on a disk with free space, in the environment variable QGMUTILS_CACHE"
        )

    def advice(self) -> str:
        """What becomes of the finished tasks after an interrupt."""
        if self._writable:
            return f" and are kept in {self.folder}; the same command computes only the rest"
        return ", and none is kept because the cache is off or cannot be written to"
