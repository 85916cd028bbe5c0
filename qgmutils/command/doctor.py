"""`qgm doctor`: what there is on this machine, what works, and what to do about the rest."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import math
import os
import platform
import re
import shutil
import sys
import textwrap
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import qgmutils
from qgmutils.command import arguments
from qgmutils.command.cache import size
from qgmutils.computing import engines

State = Literal["ok", "slow", "absent", "broken"]

DESCRIPTION = """\
Say which versions, processor, engines and caches there
are, whether they work, and what to do about the rest."""

EPILOG = """\
Every engine computes one gate, and its result is compared
with the exact one.  The first time the kernels are
compiled, which takes some seconds.

states:
  ok       works
  slow     works, but costs time; a remedy is named
  absent   not needed, and not here
  broken   needed, and does not work

example:
  qgm doctor

exit status:
  0    nothing is broken
  1    something that is needed is broken"""

EXTRAS = {"suite": "qgm figures", "gpu": "NVIDIA GPUs", "distributed": "several machines"}
"""What the optional packages that users may want are for."""

TESTED = (
    ("numba", engines.DEVICE),
    ("cuda", engines.DEVICE),
    ("pennylane", engines.DEVICE),
    ("pennylane", "lightning.qubit"),
    ("pennylane", "lightning.gpu"),
)
NEEDED = {("numba", engines.DEVICE), ("pennylane", engines.DEVICE)}

LITTLE = 1e9  # bytes, of memory or of disk


class Check(NamedTuple):
    """What was looked at, what was found, and what to do about it."""

    what: str
    found: str
    state: State = "ok"
    remedy: str = ""


def add(commands: Any) -> None:
    """Declare the command."""
    arguments.add(
        commands, "doctor", "does everything work here?", run=run, description=DESCRIPTION, epilog=EPILOG
    )


def run(options: argparse.Namespace) -> int:
    """Print what was found and what to do; 1 if something that is needed is broken."""
    from qgmutils.suite import terminal

    if sys.stderr.isatty():
        print("Looking, and computing one gate on every engine …", file=sys.stderr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of is told below
        checks = [check for section in SECTIONS for check in _done(section)]
    print(report(checks, width=terminal.width()))
    return 1 if any(check.state == "broken" for check in checks) else 0


def report(checks: Sequence[Check], *, width: int) -> str:
    """The checks as a table, the remedies below it, and one line in the end.

    Parameters
    ----------
    checks : sequence of Check
        At least one.
    width : int
        Columns of the terminal.

    Returns
    -------
    str
    """
    from qgmutils.suite import terminal

    rows = [("state", "what", "found"), *((check.state, check.what, check.found) for check in checks)]
    parts = [terminal.verdict_table(rows, width=width)]
    remedies = [f"{check.what}: {check.remedy}" for check in checks if check.remedy]
    if remedies:
        lines = [
            textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
            for text in remedies
        ]
        parts.append("\n".join(["What to do about the rest:", *lines]))
    count = Counter(check.state for check in checks)
    parts.append(
        f"{count['broken']} of what is needed is broken."
        if count["broken"]
        else "Everything that is needed works."
    )
    return "\n\n".join(parts)


def _done(section: Callable[[], Iterator[Check]]) -> list[Check]:
    """The checks of a section up to where it fails, as it may where packages are broken."""
    found: list[Check] = []
    try:
        for check in section():
            found.append(check)
    except Exception as error:
        name = section.__name__.strip("_")
        found.append(Check(name, "cannot be found out", "broken", _message(error)))
    return found


def _message(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"


def _versions() -> Iterator[Check]:
    yield Check("Python", f"{platform.python_version()}, {sys.executable}")
    yield Check("qgmutils", f"{qgmutils.__version__}, {Path(qgmutils.__file__).parent}")
    try:
        requirements = importlib.metadata.requires(qgmutils.__name__) or []
    except importlib.metadata.PackageNotFoundError:
        remedy = 'it runs from its source; python -m pip install -e ".[suite]" there installs what it needs'
        yield Check("packages", "qgmutils is not installed", "absent", remedy)
        return
    groups: dict[str, list[str]] = {"": [], **{extra: [] for extra in EXTRAS}}
    for text in requirements:
        extra = text.partition("extra == ")[2].strip("'\"")
        if extra in groups:
            groups[extra].append(re.split(r"[^\w.-]", text)[0])
    yield from (_packages(extra, names) for extra, names in groups.items())


def _packages(extra: str, names: Sequence[str]) -> Check:
    """Versions of what is needed, or of what belongs to an extra."""
    versions = {name: _version(name) for name in names}
    missing = [name for name, version in versions.items() if not version]
    found = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    what = f"extra {extra}" if extra else "packages"
    if not missing:
        return Check(what, found)
    package = f"qgmutils[{extra}]" if extra else "qgmutils"
    purpose = f"for {EXTRAS[extra]}: " if extra else ""
    return Check(what, found, "absent" if extra else "broken", f'{purpose}python -m pip install "{package}"')


def _version(name: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return ""


def _processor() -> Iterator[Check]:
    from qgmutils.computing import processes, simd

    yield Check("processor", f"{processes.cpu_model()}, {platform.machine()}")
    features = set(simd.TARGET_FEATURES.split(","))
    native = 8 if "+avx512f" in features else 4 if "+avx2" in features else 2
    found = f"{simd.LANES} doubles at once, of {native} that registers hold; multiply-add "
    found += "is one instruction" if simd.FUSED else "takes two instructions, so last digits differ"
    if native != simd.LANES:
        yield Check(
            "vectors", found, "slow", "QGMUTILS_LANES sets another width than the registers': unset it"
        )
    elif native == 2 and platform.machine().lower() in ("x86_64", "amd64"):
        yield Check(
            "vectors", found, "slow", "processors with AVX2, made since 2013 and 2017, take half the time"
        )
    else:
        yield Check("vectors", found)


def _machine() -> Iterator[Check]:
    import psutil

    from qgmutils.computing import processes

    cores, load = processes.usable_cores(), psutil.getloadavg()[0]
    found = f"{cores} of {os.cpu_count()} usable, load {load:.1f}"
    busy = load > cores
    remedy = "other programs keep the cores busy, and share them with yours" if busy else ""
    yield Check("cores", found, "slow" if busy else "ok", remedy)
    workers = os.environ.get("QGMUTILS_WORKERS")
    if workers:
        right = workers.isdecimal() and int(workers) > 0
        state: State = "broken" if not right else "slow" if int(workers) < cores else "ok"
        remedy = "" if state == "ok" else f"unset QGMUTILS_WORKERS, for one worker on each of {cores} cores"
        yield Check("workers", f"QGMUTILS_WORKERS={workers}", state, remedy)
    free, total = _memory()
    scarce = free < LITTLE
    remedy = "fewer workers need less: set QGMUTILS_WORKERS=1, or end other programs" if scarce else ""
    yield Check("memory", f"{size(free)} of {size(total)} free", "slow" if scarce else "ok", remedy)
    if sys.dont_write_bytecode:
        remedy = "unset PYTHONDONTWRITEBYTECODE: without it every process imports several times as fast"
        yield Check("bytecode", "is not kept", "slow", remedy)


def _memory() -> tuple[float, float]:
    """Bytes that are free, and that there are at all, for this process."""
    import psutil

    memory = psutil.virtual_memory()
    limit = math.inf
    with contextlib.suppress(OSError, ValueError):
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())  # "max" is no number
    return min(memory.available, limit), min(memory.total, limit)


def _caches() -> Iterator[Check]:
    from qgmutils.computing import cache, stored

    place = cache.cache_directory()
    files = stored.result_files(place)
    if os.environ.get("QGMUTILS_NO_CACHE", "0") not in ("", "0"):
        remedy = "unset QGMUTILS_NO_CACHE, or everything is computed anew every time"
        yield Check("results", "are not kept", "slow", remedy)
    else:
        cost = "an interrupt loses results, and nothing is there the next time"
        yield _cache("results", place, files, "QGMUTILS_CACHE", cost)
    place = stored.kernels_root()
    files = [path for folder in stored.kernel_folders(place) for path in stored.kernel_files(folder)]
    yield _cache("kernels", place, files, "NUMBA_CACHE_DIR", "every process compiles them anew")


def _cache(what: str, place: Path | None, paths: Sequence[Path], variable: str, cost: str) -> Check:
    """A cache: where it is, what it holds, and whether it takes more."""
    from qgmutils.computing import files

    remedy = f"{cost}; name a folder that can be written to, on a disk with free space, in {variable}"
    if place is None:
        return Check(what, "have no folder, as you have no home", "slow", remedy)
    found = f"{len(paths)} files, {size(sum(path.stat().st_size for path in paths))} in {place}"
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not files.takes_files(there):
        return Check(what, f"{found}, which cannot be written to", "slow", remedy)
    free = shutil.disk_usage(there).free
    found += f"; {size(free)} free"
    if free < LITTLE:
        return Check(what, found, "slow", f"{remedy}; or make room: qgm cache prune")
    return Check(what, found)


def _engines() -> Iterator[Check]:
    for engine, device in TESTED:
        what = f"engine {engine}" + (f", {device}" if engine == "pennylane" else "")
        start = time.perf_counter()
        try:
            value, slope = one_gate(engine, device)
        except Exception as error:  # of whatever kind: this is what is asked
            broken = (engine, device) in NEEDED
            state: State = "broken" if broken else "absent"
            yield Check(what, "cannot be used", state, _message(error))
            continue
        seconds = time.perf_counter() - start
        if math.isclose(value, 1 + math.cos(ANGLE), rel_tol=1e-9) and math.isclose(
            slope, -math.sin(ANGLE), rel_tol=1e-9
        ):
            yield Check(what, f"one gate is right, after {seconds:.1f} s")
        else:
            exact = f"{1 + math.cos(ANGLE):.12g} and {-math.sin(ANGLE):.12g}"
            remedy = "do not trust its numbers; please report it, with this table"
            yield Check(what, f"gives {value:.12g} and {slope:.12g} for {exact}", "broken", remedy)


ANGLE = 0.7  # radians


def one_gate(engine: str, device: str) -> tuple[float, float]:
    """Energy and slope of one qubit, turned by `ANGLE` about x from the upper level of Z: exactly 1 + cos and -sin.

    Parameters
    ----------
    engine, device : str
        As `qgmutils.engine.landscape` takes them.

    Returns
    -------
    float, float

    Raises
    ------
    Exception
        Of any kind: the engine cannot be used.
    """
    import numpy as np

    from qgmutils.circuits.circuit import Circuit
    from qgmutils.engine import landscape
    from qgmutils.losses.hamiltonians import from_matrix

    one, zero = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    turn = Circuit(1, 1, one, zero, zero, np.array([0.5]), np.zeros(1), np.array([1.0, 0.0], dtype=complex))
    there = landscape(turn, from_matrix(np.diag([1.0, -1.0])), engine=engine, device=device)
    values, slopes = there.value_and_gradient([[ANGLE]])
    return float(values[0]), float(slopes[0, 0])


SECTIONS = (_versions, _processor, _machine, _engines, _caches)
