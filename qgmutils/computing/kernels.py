"""Compiled kernels on disk: one folder for each state of the source, of the compilers and of the machine.

numba looks for changes in a function's own file only, not in those of the kernels that it calls.  So its own cache is
not used: what is compiled here lies in a folder whose name is a hash of all that it depends on, and the code of another
state of the source is never found.  Nothing but the time to compile depends on that folder.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import pickle
import platform
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qgmutils.computing import files, notices
from qgmutils.computing.folders import user_cache

_UNUSED_AFTER = 30 * 86400.0  # seconds: folders of other states of the source are then removed
_WITHOUT_EFFECT = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS"}  # on the code that numba makes
_HASH = hashlib.sha256().digest_size


def _seen(paths: list[Path]) -> list[tuple[int, int]]:
    """When the files were written and how long they are; unlike their contents, fast to look up."""
    return [(found.st_mtime_ns, found.st_size) for found in map(os.stat, paths)]


def _digest(package: Path, paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


# Taken when the package is imported, before any of its modules is loaded: see `_place`.
_PACKAGE = Path(__file__).resolve().parents[1]
_SOURCES = sorted(_PACKAGE.rglob("*.py"))
_SEEN = _seen(_SOURCES)
_SOURCE = _digest(_PACKAGE, _SOURCES)


# What `load` did not find and `keep` was not given yet.
_wanted: set[str] = set()
_listeners: list[Callable[[int], None]] = []


def compiling() -> bool:
    """Whether this process is compiling kernels, as far as it has not failed."""
    return bool(_wanted)


def on_compiling(listener: Callable[[int], None]) -> None:
    """Call `listener` with 1 whenever this process begins to compile, and with -1 when it has ended."""
    _listeners.append(listener)


def stop_waiting() -> None:
    """Forget what was to be compiled: at the end of a task nothing is, even where a compilation has failed."""
    for name in list(_wanted):
        _note(name, wanted=False)


def _note(name: str, *, wanted: bool) -> None:
    before = compiling()
    (_wanted.add if wanted else _wanted.discard)(name)
    if compiling() != before:
        for listener in _listeners:
            listener(1 if wanted else -1)


def compiled(function: Callable[..., Any]) -> Any:
    """Decorator: `numba.njit`, with the machine code kept for the next process.

    While it runs other threads may, so that a progress bar ticks.

    Raises
    ------
    RuntimeError
        NUMBA_DISABLE_JIT is set: the kernels are written for the compiler and do not run without it.
    """
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise RuntimeError(
            "NUMBA_DISABLE_JIT is set, but the kernels of qgmutils need the compiler; unset it"
        )
    dispatcher: Any = numba.njit(nogil=True)(function)
    dispatcher._cache = _FunctionCache(function)
    return dispatcher


def load(name: str) -> bytes | None:
    """What was kept under a name; None if there is nothing, or nothing that is whole: then it is to be compiled."""
    found = _load(name)
    if found is None:
        _note(name, wanted=True)
    return found


def _load(name: str) -> bytes | None:
    place = _place()
    if place is None:
        return None
    try:
        with open(place / name, "rb") as file:
            owner = os.fstat(file.fileno()).st_uid
            stored = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        _warn(place, error)
        return None
    if hasattr(os, "geteuid") and owner not in (os.geteuid(), 0):
        _warn(place, f"{name} belongs to another user")
        return None
    if hashlib.sha256(stored[_HASH:]).digest() != stored[:_HASH]:
        _warn(place, f"{name} is damaged")
        return None
    _mark_as_used(place)
    return stored[_HASH:]


def keep(name: str, payload: bytes) -> None:
    """Keep something under a name, with a hash of it; where that is not possible, warn once and go on."""
    _note(name, wanted=False)
    place = _place()
    if place is None:
        return
    try:
        if not place.exists():
            _remove_unused(place)
        with files.whole_file(place / name) as temporary:
            temporary.write_bytes(hashlib.sha256(payload).digest() + payload)
    except OSError as error:
        _warn(place, error)


def _place() -> Path | None:
    """The folder; None if there is none, or if the package is no longer the one that was imported."""
    # Modules are loaded one by one: after an edit, nobody knows which of them are those that the folder is named after.
    try:
        return folder() if _seen(_SOURCES) == _SEEN else None
    except OSError:
        return None


@functools.cache
def folder() -> Path | None:
    """Where the kernels of this source, these compilers and this machine are kept.

    Returns
    -------
    Path or None
        In the environment variable NUMBA_CACHE_DIR, else in the user's cache folder; it need not exist.  None, with a
        warning, where there is neither, or where the package's source cannot be read.
    """
    import llvmlite.binding
    import numba
    import numpy as np
    from numba.core import codegen, config

    chosen: str = config.CACHE_DIR  # type: ignore[attr-defined]
    root = Path(chosen).absolute() / "qgmutils" if chosen else user_cache()
    if root is None:
        _warn(None, "the user has no home")
        return None
    if not _SOURCES:
        _warn(root, "the source of the package cannot be read")
        return None
    identity = [
        _SOURCE,
        numba.__version__,
        llvmlite.__version__,
        np.__version__,
        sys.version,
        platform.machine(),
        llvmlite.binding.get_host_cpu_name(),
        codegen.get_host_cpu_features(),
        *(getattr(config, name) for name in ("CPU_NAME", "CPU_FEATURES", "OPT", "USING_SVML")),
        sorted(
            item
            for item in os.environ.items()
            if item[0].startswith("NUMBA_") and item[0] not in _WITHOUT_EFFECT
        ),
        os.environ.get("QGMUTILS_LANES"),
    ]
    return root / f"kernels-{hashlib.sha256(repr(identity).encode()).hexdigest()[:32]}"


@functools.cache
def _mark_as_used(place: Path) -> None:
    with contextlib.suppress(OSError):
        os.utime(place)


def _remove_unused(place: Path) -> None:
    """Remove folders of ours that no process has used for long."""
    for other in place.parent.glob("kernels-" + 32 * "[0-9a-f]"):
        with contextlib.suppress(OSError):
            if time.time() - other.stat().st_mtime > _UNUSED_AFTER:
                shutil.rmtree(other)


_warned = itertools.count()


def _warn(place: Path | None, reason: object) -> None:
    if next(_warned):
        return
    notices.warn(
        f"compiled kernels cannot be kept{f' in {place}' if place else ''} ({reason}), so every process compiles them "
        "anew; name a folder that can be written to in the environment variable NUMBA_CACHE_DIR"
    )


class _FunctionCache:
    """One function's cache as numba's dispatcher uses it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @property
    def cache_path(self) -> str:
        return str(folder())

    def _name(self, signature: Any, target: Any) -> str:
        code = self._function.__code__
        place = (self._function.__module__, self._function.__qualname__, code.co_firstlineno, code.co_code)
        place += tuple(cell.cell_contents for cell in self._function.__closure__ or ())
        key = hashlib.sha256(repr((place, str(signature), target.magic_tuple())).encode()).hexdigest()
        return f"{self._function.__name__}-{key[:32]}.nbc"

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled function, or None."""
        from numba.core.compiler import CompileResult

        context.refresh()
        name = self._name(signature, context.codegen())
        payload = load(name)
        if payload is None:
            return None
        try:
            # numba's own format.  The hash keeps damage out, and `load` what other users have written.
            return CompileResult._rebuild(context, *pickle.loads(payload))
        except Exception as error:  # whatever a pickle can raise; the function is compiled instead
            _warn(folder(), f"{self._function.__qualname__}: {error!r}")
            _note(name, wanted=True)
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled function."""
        from numba.core.serialize import dumps

        name = self._name(signature, result.codegen)
        _note(name, wanted=False)
        if not result.library.has_dynamic_globals and not result.lifted:
            keep(name, dumps(result._reduce()))

    def enable(self) -> None:
        """Nothing to do."""

    disable = flush = enable
