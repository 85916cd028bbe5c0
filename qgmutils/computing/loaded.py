"""What the files of modules held when the modules were imported.

A result is stored under a hash of the code that made it, and that is the code in memory: a file may be edited after it
was imported.  So `watch` puts a finder before all others.  It leaves finding to them and takes down what the file of
every module of our own holds: those of this package, and those of the user, which lie outside of the folders that
packages are installed into.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

PACKAGE = __name__.partition(".")[0]
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Source:
    """The file of a module.

    Attributes
    ----------
    origin : str
        Its path; "" for a namespace package, which has none.
    folders : list of str or None
        Where submodules are, if the module is a package.
    contents : list of bytes
        What the file held when the module was imported, then all else that it has held since, as far as was seen.
    doubt : str
        Why the first of these may not be what is loaded; "" if it is.
    """

    def __init__(self, origin: str, folders: Sequence[str] | None, loader: Any) -> None:
        self.origin, self.folders, self.doubt = origin, None if folders is None else list(folders), ""
        self.contents: list[bytes] = []
        self._loader, self._state = loader, None
        self.look()

    def look(self) -> None:
        """Read the file again if it has changed."""
        if not self.origin:
            self.contents = [b""]
            return
        state: Any = None
        with contextlib.suppress(OSError):  # a module in an archive has no file of its own
            found = os.stat(self.origin)
            state = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        if self.contents and state == self._state:
            return
        self._state = state
        try:
            content = self._loader.get_data(self.origin)
        except (OSError, AttributeError):
            content = b""
        if content not in self.contents:
            self.contents.append(content)


_sources: dict[str, Source] = {}


class _SourceLoader(SourceFileLoader):
    """A loader that takes no compiled copy."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _Watch:
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                _take_down(name, spec)
                return spec
        return None


_WATCH = _Watch()


def watch() -> None:
    """Begin to take down; modules that were imported before are dealt with in `source`."""
    if _WATCH not in sys.meta_path:
        sys.meta_path.insert(0, _WATCH)
        spec = sys.modules[PACKAGE].__spec__
        if spec is not None:
            _take_down(PACKAGE, spec)


def source(name: str) -> Source | None:
    """What is known about the file of a module; None for modules that are not our own, or that are not found.

    Nothing is imported.

    Parameters
    ----------
    name : str
        Its full name.
    """
    if name == "__main__" and name in _sources:
        # Interactive sessions run one program after another, and have no file themselves.
        spec = _spec_of(name, sys.modules[name])
        if spec is None or spec.origin != _sources[name].origin:
            del _sources[name]
    if name not in _sources:
        if name in sys.modules:
            _take_down_late(name, sys.modules[name])
        else:
            _find(name)
    return _sources.get(name)


def _take_down(name: str, spec: ModuleSpec) -> None:
    if not _is_own(name, spec):
        return
    origin = (spec.origin or "") if spec.has_location else ""
    known = _sources.get(name)
    if known is not None and known.origin == origin:
        known.look()
        return
    found = Source(origin, spec.submodule_search_locations, spec.loader)
    found.doubt = _outdated(spec, found.contents[0])
    if found.doubt and name.partition(".")[0] == PACKAGE and type(spec.loader) is SourceFileLoader:
        # Compiled kernels are kept under a hash of the package's source, which is to be what runs.
        spec.loader, found.doubt = _SourceLoader(name, origin), ""
    if known is not None:
        # Others may have kept what they imported from the first one.
        found.contents = list(dict.fromkeys([*known.contents, *found.contents]))
    _sources[name] = found


def _take_down_late(name: str, module: ModuleType) -> None:
    """A module that the finder did not see: the program itself, or what was imported before this package."""
    spec = _spec_of(name, module)
    if spec is None or not (spec.has_location or spec.submodule_search_locations) or not _is_own(name, spec):
        return
    _take_down(name, spec)
    with contextlib.suppress(OSError):
        found = os.stat(_sources[name].origin)
        # A process needs longer than this to come to its first module, and clocks of files are no finer.
        if max(found.st_mtime, found.st_ctime) > _started() + 0.01:
            _sources[name].doubt = (
                "was changed after this process had started, and was not imported after qgmutils, which would have "
                "seen what it held; restart Python"
            )


def _spec_of(name: str, module: ModuleType) -> ModuleSpec | None:
    spec = getattr(module, "__spec__", None)
    if spec is None and getattr(module, "__file__", None):
        origin = os.path.abspath(str(module.__file__))
        spec = ModuleSpec(name, SourceFileLoader(name, origin), origin=origin)
        spec.has_location = True
    return spec


def _find(name: str) -> None:
    parent, _, _ = name.rpartition(".")
    folders = None
    if parent:
        above = source(parent)
        folders = above.folders if above is not None else None
        if folders is None:
            return
    with contextlib.suppress(ImportError, ValueError):
        _WATCH.find_spec(name, folders)


def _is_own(name: str, spec: ModuleSpec) -> bool:
    if name.partition(".")[0] == PACKAGE:
        return True
    place = spec.origin if spec.has_location else next(iter(spec.submodule_search_locations or ()), None)
    return place is not None and not (
        place.startswith(_STANDARD_LIBRARY) or _INSTALLED & set(place.split(os.sep))
    )


def _outdated(spec: ModuleSpec, content: bytes) -> str:
    """Whether Python runs a compiled copy that is not of this source, and what to do.

    It trusts a copy whose source has the same length and second of change, or any if that is said in it.
    """
    if not (spec.cached and spec.origin):
        return ""
    from importlib.util import MAGIC_NUMBER, source_hash

    try:
        with open(spec.cached, "rb") as file:
            head = file.read(16)
            copied = os.fstat(file.fileno()).st_mtime_ns
            written = os.stat(spec.origin)
            if len(head) < 16 or head[:4] != MAGIC_NUMBER:
                return ""
            words = [int.from_bytes(head[i : i + 4], "little") for i in (4, 8, 12)]
            if words[0]:
                outdated = words[0] == 1 and head[8:] != source_hash(content)
            else:
                trusted = words[1:] == [int(written.st_mtime) & 0xFFFFFFFF, written.st_size & 0xFFFFFFFF]
                # Copying tools set the time of change back, but not that of the file's entry.
                later = max(written.st_mtime_ns, written.st_ctime_ns) >= copied
                outdated = trusted and later and _differs(file.read(), content)
    except (OSError, ValueError, EOFError, TypeError, SyntaxError):
        return ""
    return f"is not what Python runs, an outdated compiled copy; delete {spec.cached}" if outdated else ""


def _differs(copy: bytes, content: bytes) -> bool:
    import marshal

    return marshal.loads(copy) != compile(content, "", "exec", dont_inherit=True)


def _started() -> float:
    """When this process started, in seconds of the clock that files are stamped with, to a hundredth."""
    if _STARTED is not None:
        return _STARTED
    import psutil  # exact where there is no /proc

    return psutil.Process().create_time()


def _started_by_proc() -> float | None:
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        return time.time() - age
    except (OSError, AttributeError, ValueError, IndexError):
        return None


# Taken now, so that it holds for processes that are forked off as well.
_STARTED = _started_by_proc()
