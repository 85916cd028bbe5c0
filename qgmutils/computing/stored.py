"""What lies in the caches, which code made it, and how to remove it: results of tasks, and folders of compiled kernels.

Only what carries the name of a result, or of a folder of kernels and a file in one, is looked at and removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from qgmutils.computing import cache, files, kernels
from qgmutils.computing.code import Code, UnknownCode, code_of
from qgmutils.computing.loaded import PACKAGE
from qgmutils.computing.threads import reproducible_environment

Origin = Literal["present", "other", "unknown", "damaged"]
"""The code that made it: that of this package as it is now; another state of it, or of the packages that it imports; or
what this process cannot tell, because code of the user's has part in it.  Damaged results say nothing."""

KERNELS = "compiled kernels"

_RESULT = re.compile(r"\w{1,100}-[0-9a-f]{64}\.npz")
_KERNELS = re.compile(r"kernels-[0-9a-f]{32}")
_KERNEL = re.compile(r".+\.(nbc|o)")
# Versions that are compared otherwise, or depend on the processor and on variables that the suite sets.
_OF_MACHINES = frozenset({"python", "blas", "simd"})


@dataclasses.dataclass(frozen=True)
class Item:
    """A result, or a folder of compiled kernels.

    Attributes
    ----------
    path : Path
        Its file or folder.
    kind : str
        Name of the task's class, or `KERNELS`.
    origin : str
        One of `Origin`.
    size : int
        Bytes.
    seconds : float
        What computing the result took; 0 for kernels, and for what is damaged.
    written : float
        When the result was computed or the kernels were last used, in seconds since 1970.
    """

    path: Path
    kind: str
    origin: Origin
    size: int
    seconds: float
    written: float


def result_files(folder: Path | None) -> list[Path]:
    """Files in a folder that carry the name of a result.

    Parameters
    ----------
    folder : Path or None
        It need not exist.
    """
    return sorted(
        Path(entry.path) for entry in _entries(folder, _RESULT) if entry.is_file(follow_symlinks=False)
    )


def kernel_folders(folder: Path | None) -> list[Path]:
    """Folders in a folder that carry the name of a folder of kernels.

    Parameters
    ----------
    folder : Path or None
        It need not exist.
    """
    return sorted(
        Path(entry.path) for entry in _entries(folder, _KERNELS) if entry.is_dir(follow_symlinks=False)
    )


def kernel_files(folder: Path) -> list[Path]:
    """Files in a folder of kernels that hold machine code.

    Parameters
    ----------
    folder : Path
        One of `kernel_folders`.
    """
    return [Path(entry.path) for entry in _entries(folder, _KERNEL) if entry.is_file(follow_symlinks=False)]


def kernels_root() -> Path | None:
    """Where folders of kernels lie; None, with a warning, where there is no place for them."""
    place = kernels.folder()
    return None if place is None else place.parent


def items() -> list[Item]:
    """Everything in the two caches, results first.

    Every result is read and its hash compared; the modules of its task's class are imported if they are of this
    package, and only then.
    """
    found = [_result(path) for path in result_files(cache.cache_directory())]
    folders = kernel_folders(kernels_root())
    present = _present_folders() if folders else set()
    return found + [_kernels(path, present) for path in folders]


def remove(item: Item) -> None:
    """Remove a result, or the kernels in a folder and the folder if nothing else is left in it.

    Parameters
    ----------
    item : Item
        From `items`.  What another process has removed already is no error.

    Raises
    ------
    OSError
        It cannot be removed.
    """
    if item.kind != KERNELS:
        item.path.unlink(missing_ok=True)
        return
    files.sweep(item.path)
    for path in kernel_files(item.path):
        path.unlink(missing_ok=True)
    if item.path.is_dir() and not any(item.path.iterdir()):
        item.path.rmdir()


def _entries(folder: Path | None, name: re.Pattern[str]) -> Iterator[os.DirEntry[str]]:
    if folder is not None:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            yield from (entry for entry in entries if name.fullmatch(entry.name))


def _result(path: Path) -> Item:
    name, _, key = path.stem.rpartition("-")
    state = path.stat()
    try:
        metadata = cache.read(path).metadata
        if metadata["key"] != key:
            raise ValueError("it is the result of another task")
        kind, origin, seconds = metadata["task"]["name"], _origin(metadata), float(metadata["seconds"])
    except Exception:  # as in `cache.Store.load`
        kind, origin, seconds = name, "damaged", 0.0
    return Item(path, kind, origin, state.st_size, seconds, state.st_mtime)


def _origin(metadata: dict[str, Any]) -> Origin:
    """Whether the modules and versions that made a result are those of now.

    Its key would say the same, but for one environment only: the suite computes in another one than users do.
    """
    code = _code(frozenset(_classes(metadata["task"])))
    if not isinstance(code, Code):
        return code
    made: dict[str, str] = metadata["versions"]
    packages = code.versions.keys() - _OF_MACHINES
    same = metadata["modules"] == code.modules and all(
        made.get(name) == code.versions[name] for name in packages
    )
    python = ".".join(map(str, sys.version_info[:2]))
    return "present" if same and f"{made.get('python')}.".startswith(f"{python}.") else "other"


@functools.cache
def _code(classes: frozenset[tuple[str, str]]) -> Code | Literal["other", "unknown"]:
    """The present code of classes, by their modules and names; "other" if there is one of them no more."""
    if any(module.partition(".")[0] != PACKAGE for module, _ in classes):
        return "unknown"
    try:
        found: list[Any] = [
            functools.reduce(getattr, name.split("."), importlib.import_module(module))
            for module, name in classes
        ]
        return code_of(*found)
    except (ModuleNotFoundError, AttributeError) as error:
        # A package that is missing here says nothing about the code that made the result.
        gone = (error.name or "").partition(".")[0] == PACKAGE or isinstance(error, AttributeError)
        return "other" if gone else "unknown"
    except (ImportError, UnknownCode):
        return "unknown"


def _classes(description: Any) -> Iterator[tuple[str, str]]:
    """Modules and names of the classes in the description of a task."""
    if isinstance(description, list):
        for part in description:
            yield from _classes(part)
    elif isinstance(description, dict) and "fields" in description:
        yield description["module"], description["name"]
        yield from _classes(list(description["fields"].values()))


def _kernels(path: Path, present: set[Path]) -> Item:
    size = sum(file.stat().st_size for file in kernel_files(path))
    return Item(path, KERNELS, "present" if path in present else "other", size, 0.0, path.stat().st_mtime)


def _present_folders() -> set[Path]:
    """Folders of the present source, here and in the environment in which the suite computes."""
    program = f"from {kernels.__name__} import folder; print(folder() or '')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ
        | reproducible_environment()
        | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    return {Path(done.stdout.strip()), *filter(None, [kernels.folder()])}
