"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks import cases, report
from benchmarks.cases import Record, Simulators, Sizes
from benchmarks.processes import UnavailableError
from qgmutils.computing import files
from qgmutils.suite import terminal


def pin_to_one_core() -> str:
    """Bind this process, and those it starts, to the core that is least busy; says what was done.

    Several packages start as many threads as there are cores, each by a setting of its own; on one core none of
    them gains by it.
    """
    process = psutil.Process()
    if not hasattr(process, "cpu_affinity"):  # macOS
        return "not bound to a core, since this operating system offers no way; one thread each"
    busy = dict(enumerate(psutil.cpu_percent(interval=0.3, percpu=True)))
    core = min(process.cpu_affinity(), key=lambda i: busy.get(i, 100.0))
    process.cpu_affinity([core])
    return f"everything runs on core {core}, one thread each, BLAS included"


Jobs = dict[str, Callable[[], list[Record]]]


def jobs(chosen: Iterable[str], sizes: Sizes, simulators: Simulators, seed: int, repeats: int) -> Jobs:
    """What there is to measure, by name; every job draws from a stream of its own."""
    every = [(case, size) for case, case_sizes in sizes.items() for size in case_sizes]
    found: Jobs = {}
    for (case, size), stream in zip(every, np.random.SeedSequence(seed).spawn(len(every)), strict=True):
        options = {"repeats": repeats, "rng": np.random.default_rng(stream)}
        if case in chosen:
            found[" ".join(map(str, (case, *size)))] = partial(
                cases.CASES[case], simulators, *size, **options
            )
    return found


def measure(todo: Jobs) -> list[Record]:
    """Run the jobs; one that cannot be done is named and left out."""
    records = []
    with threadpool_limits(1), tqdm(todo.items(), desc="bench", dynamic_ncols=True) as bar:
        for name, job in bar:
            bar.set_postfix_str(name)
            try:
                records += job()
            except UnavailableError as error:
                tqdm.write(f"{name} is left out: {error}")
    return records


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table, and write bench.json and its figure."""
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description="Time the compiled engine against other simulators: medians of interleaved repeats on one core, as "
        "ratios within one run. A package that is missing is named and left out, and so is one that takes more than "
        "two minutes or 4 GiB.",
    )
    parser.add_argument("--seed", type=int, default=0, help="draws circuits and starts (default 0)")
    help_output = "the records; the figure is written beside it as .png and .pdf (default bench.json)"
    parser.add_argument("--output", type=Path, default=Path("bench.json"), help=help_output)
    parser.add_argument("--quick", action="store_true", help="small sizes only, in a minute or two")
    help_case = "measure this case only; may be given several times"
    parser.add_argument("--case", action="append", choices=tuple(cases.CASES), help=help_case)
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error(f"--seed must not be negative, got {options.seed}")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "QULACS_NUM_THREADS"):
        os.environ[variable] = "1"  # read by the processes to come
    print(pin_to_one_core())
    sizes, repeats = (cases.QUICK, 3) if options.quick else (cases.FULL, 5)
    simulators = Simulators(tqdm.write)
    try:
        records = measure(jobs(options.case or cases.CASES, sizes, simulators, options.seed, repeats))
    except cases.DisagreementError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nInterrupted: nothing was written", file=sys.stderr)
        sys.exit(130)
    finally:
        simulators.close()
    print(report.table(records, width=terminal.width()))
    with files.whole_file(options.output) as temporary:
        text = json.dumps([dataclasses.asdict(record) for record in records], indent=1, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    print("written:", ", ".join(map(str, [options.output, *report.save(records, options.output)])))
