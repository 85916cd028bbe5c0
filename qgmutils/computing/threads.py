"""Linear algebra on one thread, so that results do not depend on how many threads there are."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from pathlib import Path

import scipy.linalg  # noqa: F401  its BLAS is the one that compiled code calls, and has to be there to be found
import threadpoolctl

_held = threading.local()


@functools.cache
def _libraries() -> threadpoolctl.ThreadpoolController:
    """The libraries of NumPy and SciPy; finding them takes milliseconds, more than many a matrix."""
    return threadpoolctl.ThreadpoolController()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run a block with linear algebra on one thread: sums that are split over several round differently.

    Blocks may be nested; only the outermost one does anything.
    """
    if getattr(_held, "held", False):
        yield
        return
    with _libraries().limit(limits=1):
        _held.held = True
        try:
            yield
        finally:
            _held.held = False


@functools.cache
def blas() -> str:
    """Name and version of NumPy's and SciPy's linear algebra, whose sums depend on it.

    Returns
    -------
    str
        As "openblas 0.3.31".  Copies that other installed packages bring along do not count.
    """
    found = set()
    for library in _libraries().info():
        parts = Path(library["filepath"]).parts
        after = parts[parts.index("site-packages") + 1] if "site-packages" in parts else "numpy"
        if library["user_api"] == "blas" and after.partition(".")[0] in ("numpy", "scipy"):
            found.add(f"{library['internal_api']} {library['version']}")
    return ", ".join(sorted(found))
