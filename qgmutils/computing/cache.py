"""Results of tasks on disk: one NPZ file per task, arrays without objects, written whole or not at all."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs

from qgmutils.computing import files


class CacheWarning(UserWarning):
    """The cache could not be read or written; the results are right all the same."""


def cache_directory() -> Path:
    """Folder of the results: the environment variable QGMUTILS_CACHE, else the user's cache folder.

    It may be deleted at any time; what was in it is computed again when it is asked for.

    Returns
    -------
    Path
        The folder, which need not exist.
    """
    return Path(os.environ.get("QGMUTILS_CACHE") or platformdirs.user_cache_path("qgmutils"))


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


class Store:
    """The cache as `run_tasks` sees it. A failure warns once and never stops a computation.

    Parameters
    ----------
    enabled : bool
        False neither reads nor writes.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self.folder = cache_directory()
        self._writable = True

    def path(self, key: str, name: str) -> Path:
        """File of the task with this hash and class name."""
        return self.folder / f"{name}-{key}.npz"

    def load(self, key: str, name: str) -> pd.DataFrame | None:
        """Read a result; None if there is none, or none that is whole."""
        path = self.path(key, name)
        if not self.enabled:
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                if not isinstance(file, np.lib.npyio.NpzFile):
                    raise ValueError("not an NPZ file")
                metadata = json.loads(str(file["metadata"]))
                if metadata["key"] != key:
                    raise ValueError("made for other parameters")
                return to_table({name: file[f"column{i}"] for i, name in enumerate(metadata["columns"])})
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            warnings.warn(
                f"cached result {path} is damaged ({error}); it is computed again", CacheWarning, stacklevel=3
            )
            return None

    def save(self, key: str, name: str, columns: dict[str, np.ndarray], parameters: dict[str, Any]) -> None:
        """Write a result. A full disk or a folder that cannot be written to warns once."""
        if not (self.enabled and self._writable):
            return
        metadata = json.dumps({"key": key, "parameters": parameters, "columns": list(columns)})
        arrays = {f"column{i}": values for i, values in enumerate(columns.values())}
        try:
            with files.whole_file(self.path(key, name)) as temporary:
                np.savez(temporary, metadata=np.array(metadata), **arrays)  # type: ignore[arg-type]
        except OSError as error:
            self._writable = False
            warnings.warn(
                f"results cannot be cached in {self.folder} ({error.strerror or error}), so an interrupt "
                "would lose them; free some space there, or name another folder in the environment variable "
                "QGMUTILS_CACHE",
                CacheWarning,
                stacklevel=3,
            )

    def advice(self) -> str:
        """What becomes of the finished tasks after an interrupt."""
        if self.enabled and self._writable:
            return f" and are kept in {self.folder}; the same command computes only the rest"
        return ", and none is kept because the cache is off or cannot be written to"
