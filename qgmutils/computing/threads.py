"""Linear algebra on one thread, so that results do not depend on how many threads there are."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
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
def arithmetic() -> dict[str, str]:
    """What the last digits of NumPy's and SciPy's results depend on, beside their versions.

    Returns
    -------
    dict of str to str
        blas: name and version of the linear algebra, and the processor that its code is for, as "openblas 0.3.31
        Haswell"; copies that other installed packages bring along do not count.  simd: the instructions that NumPy's
        own loops use.
    """
    found = set()
    for library in _libraries().info():
        parts = Path(library["filepath"]).parts
        after = parts[parts.index("site-packages") + 1] if "site-packages" in parts else "numpy"
        if library["user_api"] == "blas" and after.partition(".")[0] in ("numpy", "scipy"):
            found.add(
                " ".join([library["internal_api"], library["version"], library.get("architecture", "")])
            )
    simd = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return {"blas": ", ".join(sorted(found)), "simd": " ".join(simd)}


def reproducible_environment() -> dict[str, str]:
    """Environment variables with which numbers do not depend on the processor, for a process that is to be started.

    Libraries choose among code for several generations of x86-64 processors when they are loaded, and the choice moves
    last digits.  With these variables all processors since Haswell and Zen (2013 and 2017) take the same code.  Older
    ones cannot, and other architectures have no such choice.

    Returns
    -------
    dict of str to str
        Empty on a processor without AVX2.
    """
    from llvmlite.binding import get_host_cpu_features

    features = get_host_cpu_features()
    if not (features.get("avx2") and features.get("fma")):
        return {}
    return {
        # OpenBLAS splits sums by the size of the registers.
        "OPENBLAS_CORETYPE": "Haswell",
        # NumPy has an exp, log, sin and cos of its own for AVX-512; names up to NumPy 2.3 and since.
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR X86_V4",
        # numba uses Intel's vector library where it is installed.
        "NUMBA_DISABLE_INTEL_SVML": "1",
    }
