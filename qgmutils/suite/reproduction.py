"""One run of the suite: every chosen notebook, every figure, the verdict on every claim, and what differs."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np
from tqdm import tqdm

from qgmutils.computing import cluster, engines, files, processes
from qgmutils.report import claims
from qgmutils.suite import compare, manifest, publish, terminal
from qgmutils.suite.runner import Outcome, Runner

SEED = 2022
"""Root of all random numbers of what is committed."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What is to be run, and how.

    Attributes
    ----------
    notebooks : Path
        Folder of the notebooks and of claims.toml, in the repository.
    profile : str
        One of `manifest.PROFILES`.
    only : sequence of str
        Names of notebooks, as `manifest.select` takes them; none for all.
    jobs : int
        Notebooks at a time, at least 1.
    seed : int
        Root of all random numbers, 0 to 2^128 - 1.
    output_dir : str or None
        Where the notebooks write to; None for a folder of outputs/ that is named after what was changed.
    parameters : mapping of str to object
        Values of parameters, for the notebooks that have them.
    engine, device : str
        What evaluates losses, as `engines.require_engine` takes it.
    cache : bool
        False computes everything anew and stores nothing.
    scheduler : str
        Address of the dask.distributed scheduler whose workers run the tasks; "" for processes of this machine.
    """

    notebooks: Path
    profile: str = manifest.PROFILES[0]
    only: Sequence[str] = ()
    jobs: int = dataclasses.field(default_factory=processes.usable_cores)
    seed: int = SEED
    output_dir: str | None = None
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    engine: str = engines.ENGINES[0]
    device: str = engines.DEVICE
    cache: bool = True
    scheduler: str = dataclasses.field(default_factory=cluster.chosen_scheduler)


class Reproduction(NamedTuple):
    """A run that can start: its parameters are right, and nobody else writes to its folder."""

    options: Options
    runs: list[manifest.Run]
    skipped: dict[str, list[str]]
    output_dir: Path
    lock: filelock.BaseFileLock


def prepare(options: Options) -> Reproduction:
    """Check everything that can be wrong before anything runs.

    Parameters
    ----------
    options : Options
        What is asked for.

    Returns
    -------
    Reproduction
        It holds the lock of its folder until `reproduce` has ended.

    Raises
    ------
    ValueError
        An engine that cannot compute here, a scheduler that does not answer, a manifest or a parameter that is wrong,
        or a folder that cannot be written to or that another run writes to. The message says what is allowed.
    """
    _require_engine(options.engine, options.device)
    runs = manifest.load(options.notebooks / "claims.toml")
    runs = manifest.select(runs, profile=options.profile, only=options.only)
    runs, skipped = manifest.override(runs, options.parameters, folder=options.notebooks)
    if options.scheduler:
        count = cluster.count_workers(options.scheduler)
        print(f"{options.scheduler} has {count} worker{'s' * (count != 1)}; tasks wait for one that is free")
    output_dir = _output_folder(options, options.notebooks.parent)
    claims.load(output_dir / "claims.json")
    lock = filelock.FileLock(output_dir / ".suite.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise ValueError(
            f"another suite is writing to {output_dir}; wait for it, or name another --output-dir"
        ) from None
    return Reproduction(options, runs, skipped, output_dir, lock)


def reproduce(prepared: Reproduction) -> int:
    """Run the notebooks, draw their figures, and say how it went.

    Parameters
    ----------
    prepared : Reproduction
        From `prepare`.

    Returns
    -------
    int
        Exit status: 0, 1 after a failure or with a verdict that is not the manifest's, 130 after an interrupt.
    """
    options, runs, skipped, output_dir, lock = prepared
    for name, without in skipped.items():
        print(f"parameter {name} does not exist in, and is not applied to: {', '.join(without)}")
    started = time.monotonic()
    terminal.interrupt_on_signals()
    try:
        outcomes = _execute(runs, output_dir, options)
        return _report(outcomes, runs, output_dir, options, time.monotonic() - started)
    except KeyboardInterrupt:
        kept = "finished tasks are kept" if options.cache else "nothing was kept, because of --no-cache"
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(f"\nInterrupted: {kept}; the same command computes only what is missing.", file=sys.stderr)
        return 130
    finally:
        lock.release()


def _execute(runs: Sequence[manifest.Run], output_dir: Path, options: Options) -> list[Outcome]:
    """Run everything; whatever ends it, no process and no file of passing interest is left."""
    scratch = output_dir / ".scratch"
    # A suite that was killed has left what it had.
    shutil.rmtree(scratch, ignore_errors=True)
    files.sweep(output_dir)
    if options.output_dir is None:
        for run in runs:
            for path in compare.outputs(output_dir, run.label):
                path.unlink()
    scratch.mkdir()
    runner = Runner(
        runs,
        notebooks=options.notebooks,
        output_dir=output_dir,
        scratch=scratch,
        seed=options.seed,
        jobs=options.jobs,
        cache=options.cache,
        engine=(options.engine, options.device),
        scheduler=options.scheduler,
        say=tqdm.write,
    )
    try:
        _watch(runner, runs)
    finally:
        runner.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    return runner.outcomes


def _output_folder(options: Options, repository: Path) -> Path:
    """Where the notebooks write to: never what is committed, and another folder for other parameters."""
    committed = repository / "figures"
    if options.output_dir is not None:
        folder = Path(options.output_dir).expanduser().resolve()
        if folder.is_relative_to(committed):
            raise ValueError(
                f"--output-dir {options.output_dir!r} lies in {committed}, which holds what complete runs of the "
                "profiles gave and changes with them alone; name another folder"
            )
        return files.writable_directory(folder)
    name = options.profile
    usual = {"seed": SEED, "engine": engines.ENGINES[0], "device": engines.DEVICE}
    changes = {key: getattr(options, key) for key in usual if getattr(options, key) != usual[key]}
    changes |= options.parameters
    if changes:
        text = json.dumps(changes, sort_keys=True)
        words = re.sub(r"[^\w.=]+", "_", " ".join(f"{key}={value}" for key, value in sorted(changes.items())))
        name += f"-{words[:60].strip('_')}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    return files.writable_directory(repository / "outputs" / name)


def _require_engine(engine: str, device: str) -> None:
    """Raise ValueError for an engine that cannot compute here, before anything runs."""
    engines.require_engine(engine, device)
    if engine != engines.ENGINES[0]:
        from qgmutils.circuits import random_circuit
        from qgmutils.engine import landscape
        from qgmutils.losses.hamiltonians import tfim

        landscape(random_circuit(2, 1, rng=np.random.default_rng(1)), tfim(2), engine=engine, device=device)


def _watch(runner: Runner, runs: Sequence[manifest.Run]) -> None:
    """Run to the end, with one bar over everything on a terminal and one line per notebook elsewhere."""
    weights = {run.label: run.weight for run in runs}
    total, done, started, shown = sum(weights.values()), 0.0, time.monotonic(), sys.stderr.isatty()
    style = "{percentage:3.0f}%|{bar:12}| {elapsed} elapsed{postfix}"
    with tqdm(total=total, bar_format=style, disable=not shown, dynamic_ncols=True) as bar:
        while not runner.finished:
            for outcome in runner.poll():
                done += outcome.run.weight
                state = "failed" if outcome.error else "done"
                count = f"[{len(runner.outcomes)}/{len(runs)}]"
                tqdm.write(f"{count} {outcome.run.label} {state} in {terminal.duration(outcome.seconds)}")
                sys.stdout.flush()
            states = runner.progress()
            reached = done + sum(
                weights[label] * (fraction or 0.0) for label, (fraction, _) in states.items()
            )
            # The weights are right for the machine they were measured on; trust our own pace more and more.
            elapsed = time.monotonic() - started
            pace = (reached + 20 * max(1, len(states))) / (elapsed + 20)
            # Jupyter takes some seconds before the first task can begin.
            running = ", ".join(
                f"{label} starts" if fraction is None else f"{label} {fraction:.0%}"
                for label, (fraction, _) in states.items()
            )
            busy = "compiling kernels, " if any(compiling for _, compiling in states.values()) else ""
            bar.n = min(reached, total)
            bar.set_postfix_str(
                f"{busy}about {terminal.duration((total - reached) / pace)} left: {running}", refresh=False
            )
            bar.refresh()
            time.sleep(0.2)


def _report(
    outcomes: Sequence[Outcome],
    runs: Sequence[manifest.Run],
    output_dir: Path,
    options: Options,
    seconds: float,
) -> int:
    """Write what is to be written, and only then say how it went; return the exit status."""
    repository = options.notebooks.parent
    failed = [outcome for outcome in outcomes if outcome.error]
    standard = not options.parameters and options.seed == SEED
    complete = not options.only and not options.parameters and not failed
    committed = repository / "figures" / options.profile
    if complete:
        # Records of a notebook that is gone would be taken for results of this run.
        claims.keep(output_dir / "claims.json", {(run.notebook, run.name) for run in runs})
        details = publish.keep_details(
            output_dir, profile=options.profile, seed=options.seed, seconds=seconds
        )
    comparison, replaced, obstacle = None, False, ""
    if standard and not failed:
        labels = {run.label for run in runs}
        digits = None if options.engine == engines.ENGINES[0] else compare.DIGITS
        comparison = compare.folders(committed, output_dir, labels=labels, complete=complete, digits=digits)
        replaced = complete and options.output_dir is None and digits is None
    if replaced and comparison is not None:
        try:
            publish.publish(output_dir, committed, comparison=comparison)
            if not options.scheduler:  # it tells the time that one machine takes
                publish.update_readme(repository / "README.md", details, changed=bool(comparison.differences))
        except OSError as error:
            place = error.filename2 or committed
            replaced, obstacle = False, f"{place} cannot be brought up to date ({error.strerror or error})"
        except ValueError as error:  # of the records of another profile
            obstacle = f"{committed.parent / publish.PAGE} cannot be brought up to date: {error}"
    rows, differing = _verdicts(runs, failed, output_dir / "claims.json")
    if len(rows) > 1:
        print("\n" + terminal.verdict_table(rows, width=terminal.width()))
    for outcome in failed:
        print(f"\n{outcome.run.label} failed: {outcome.error}")
    if differing:
        fatal = " (no failure, since -p was given)" if options.parameters else ""
        print(f"\nDiffers from notebooks/claims.toml{fatal}:")
        print("\n".join(f"  {line}" for line in differing))
    print(f"\nFigures, tables, claims.json and executed notebooks: {output_dir}")
    plural = "" if len(outcomes) == 1 else "s"
    failures = f", {len(failed)} failed" if failed else ""
    print(f"{len(outcomes)} notebook{plural} run in {terminal.duration(seconds)}{failures}")
    if comparison is not None:
        print("\n".join(compare.sentences(comparison, committed=str(committed), replaced=replaced)))
    if obstacle:
        print(f"{obstacle}; the results are in {output_dir}, and the same command tries again")
    return 1 if failed or obstacle or (differing and not options.parameters) else 0


def _verdicts(
    runs: Sequence[manifest.Run], failed: Sequence[Outcome], path: Path
) -> tuple[list[Sequence[str]], list[str]]:
    """Rows of the table of verdicts, and how they differ from the manifest."""
    records = claims.load(path)
    rows: list[Sequence[str]] = [("notebook", "claim", "expected", "observed", "tolerance", "verdict")]
    differing: list[str] = []
    for run in runs:
        if any(outcome.run is run for outcome in failed):
            continue
        found = {c.id: c for c in records if (c.notebook, c.run) == (run.notebook, run.name)}
        for claim in found.values():
            rows.append((run.label, claim.id, claim.expected, claim.observed, claim.tolerance, claim.verdict))
            expected = run.expect.get(claim.id)
            if expected is None:
                differing.append(
                    f"{run.label}: {claim.id} is {claim.verdict}, and the manifest does not list it"
                )
            elif claim.verdict != expected:
                differing.append(
                    f"{run.label}: {claim.id} is {claim.verdict}, and the manifest says {expected}"
                )
        differing += [f"{run.label}: {name} was not recorded" for name in run.expect if name not in found]
    return rows, differing
