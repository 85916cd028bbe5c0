"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks import cases, report
from benchmarks.cases import Record, Sizes
from benchmarks.processes import PeerError
from qgmutils.computing import files

CASES = ("loss_and_grad", "hessian", "minima", "roofline", "growth", "memory")


def pin_to_one_core() -> str:
    """Bind this process, and those it starts, to the core that is least busy; says what was done.

    Several packages start as many threads as there are cores, each by a setting of its own; on one core none of
    them gains by it.
    """
    process = psutil.Process()
    if not hasattr(process, "cpu_affinity"):  # macOS
        return (
            "not bound to a core: this operating system offers no way; each library is asked for one thread"
        )
    allowed = process.cpu_affinity()
    busy = psutil.cpu_percent(interval=0.3, percpu=True)
    core = min(allowed, key=lambda i: busy[i] if i < len(busy) else 100.0)
    process.cpu_affinity([core])
    return f"everything runs on core {core}, one thread each, BLAS included"


def jobs(
    chosen: tuple[str, ...], sizes: Sizes, engines: cases.Engines, seed: int, say: Callable[[str], object]
) -> list[tuple[str, Callable[[], list[Record]]]]:
    """What there is to measure, with a name each; every job draws from a stream of its own."""
    repeats = sizes.repeats
    found: list[tuple[str, Callable[..., list[Record]]]] = []
    for name, n, p in sizes.loss:
        found.append(
            (f"loss_and_grad {name} n={n} p={p}", partial(cases.loss_and_grad, engines, name, n, p, repeats))
        )
    for n, p in sizes.hessian:
        found.append((f"hessian n={n} p={p}", partial(cases.hessian, engines, n, p, repeats)))
    for n, p in sizes.minima:
        found.append((f"minima n={n} p={p}", partial(cases.minima, engines, n, p, repeats)))
    found.append(("roofline", partial(cases.roofline, sizes.roofline, repeats)))
    found.append(("growth", partial(cases.growth, sizes.growth, repeats)))
    n, params = sizes.memory
    for p in params:
        names = cases.memory_engines(engines.names, p / 2**n)
        found.append((f"memory n={n} p={p}", partial(cases.memory, n, p, names, say)))
    streams = np.random.SeedSequence(seed).spawn(len(found))
    return [
        (name, partial(job, rng=np.random.default_rng(stream)))
        for (name, job), stream in zip(found, streams, strict=True)
        if name.split()[0] in chosen
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table, and write bench.json and its figure."""
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description="Time the compiled engine against other simulators: medians of interleaved repeats on one core, as "
        "ratios within one run. A package that is missing is named and left out.",
    )
    parser.add_argument("--seed", type=int, default=0, help="draws circuits and starts (default 0)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("bench.json"),
        help="the records; the figure is written beside it as .png and .pdf (default bench.json)",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes only, in a minute or two")
    parser.add_argument(
        "--case", action="append", choices=CASES, help="measure this case only; may be given several times"
    )
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error(f"--seed must not be negative, got {options.seed}")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "QULACS_NUM_THREADS"):
        os.environ[variable] = "1"  # read by the processes to come
    print(pin_to_one_core())
    chosen = tuple(options.case or CASES)
    engines = cases.Engines(tqdm.write)
    records: list[Record] = []
    try:
        with threadpool_limits(1):
            todo = jobs(
                chosen, cases.QUICK if options.quick else cases.FULL, engines, options.seed, tqdm.write
            )
            with tqdm(todo, desc="bench") as bar:
                for name, job in bar:
                    bar.set_postfix_str(name)
                    try:
                        records += job()
                    except PeerError as error:
                        tqdm.write(f"{name} is left out: {error}")
    except cases.Disagreement as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nInterrupted: nothing was written", file=sys.stderr)
        sys.exit(130)
    finally:
        engines.close()
    print(report.table(records))
    with files.whole_file(options.output) as temporary:
        temporary.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    written = [options.output, *report.save(records, options.output)]
    print("written:", ", ".join(map(str, written)))
