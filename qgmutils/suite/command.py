"""Run the suite: every notebook of the manifest, every figure, and the verdict on every claim.

`python -m qgmutils.suite --help` lists the options; `nox -s figures` calls it.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np
from tqdm import tqdm

import qgmutils
from qgmutils.computing import engines, files, processes
from qgmutils.inputs import MAX_SEED
from qgmutils.report import claims
from qgmutils.suite import compare, environment, manifest, publish, terminal
from qgmutils.suite.runner import Outcome, Runner

SEED = 2022
"""Root of all random numbers of what is committed."""

SAMPLE = 20
"""How many results `--verify` computes again."""

EPILOG = f"""\
examples:
  nox -s figures -- --only 01        one notebook, compared with what is committed
  nox -s figures -- --only 03_minima_distribution.tfim -p n_qubits=4 -p "param_counts=[8, 16, 30]"
  nox -s figures -- --only 01 -p "n_qubits=[3, 5]" -p n_starts=32 --seed 7
  nox -s figures -- --profile full --jobs 2
  nox -s figures -- --only 01 --engine pennylane --device lightning.qubit
  nox -s figures -- --verify 50

Another engine computes the same to about ten digits, of which the tables have
six: its tables are compared to {compare.DIGITS} digits, and never replace the committed ones.

Results are cached: an interrupted run goes on where it stopped, a second one
takes seconds.  A run writes to outputs/<profile>, or to a folder beside it
that is named after what was changed.  A complete run of a profile with nothing
changed is then compared with figures/<profile>, and replaces there, and in
figures/VERDICTS.md and the README, what differs.

exit status:
  0    everything ran, and every verdict is the manifest's (or -p was given);
       --verify: all results are the same
  1    a notebook failed, or a verdict is not the manifest's;
       --verify: a result is another
  2    wrong arguments, before anything ran;
       --verify: there is nothing to verify
  130  interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite from the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        Exit status, as the help says. Wrong arguments end the process with status 2 before anything runs.
    """
    terminal.show_what_can_be_shown()
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.verify:
        # As notebooks compute, so that nothing of the user's makes a difference.
        return environment.main([sys.executable, "-m", "qgmutils.suite.verification", str(options.verify)])
    notebooks = options.notebooks.resolve()
    try:
        _require_engine(options.engine, options.device)
        everything = manifest.load(notebooks / "claims.toml")
        if options.list:
            named = parser.parse_args(arguments, argparse.Namespace(profile=None)).profile
            _print_list(manifest.select(everything, profile=named, only=options.only))
            return 0
        runs = manifest.select(everything, profile=options.profile, only=options.only)
        runs, skipped = manifest.override(runs, dict(options.parameter), folder=notebooks)
        output_dir = _output_folder(options, notebooks.parent)
        claims.load(output_dir / "claims.json")
        lock = filelock.FileLock(output_dir / ".suite.lock")
        lock.acquire(blocking=False)
    except ValueError as error:
        parser.error(str(error))
    except filelock.Timeout:
        parser.error(f"another suite is writing to {output_dir}; wait for it, or name another --output-dir")
    for name, without in skipped.items():
        print(f"parameter {name} does not exist in, and is not applied to: {', '.join(without)}")
    started = time.monotonic()
    terminal.interrupt_on_signals()
    try:
        outcomes = _execute(runs, notebooks, output_dir, options)
        seconds = time.monotonic() - started
        return _report(outcomes, runs, notebooks.parent, output_dir, options, seconds)
    except KeyboardInterrupt:
        kept = "nothing was kept, because of --no-cache" if options.no_cache else "finished tasks are kept"
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(f"\nInterrupted: {kept}; the same command computes only what is missing.", file=sys.stderr)
        return 130
    finally:
        lock.release()


def _execute(
    runs: Sequence[manifest.Run], notebooks: Path, output_dir: Path, options: argparse.Namespace
) -> list[Outcome]:
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
        notebooks=notebooks,
        output_dir=output_dir,
        scratch=scratch,
        seed=options.seed,
        jobs=options.jobs,
        cache=not options.no_cache,
        engine=(options.engine, options.device),
        say=tqdm.write,
    )
    try:
        _watch(runner, runs)
    finally:
        runner.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    return runner.outcomes


def _output_folder(options: argparse.Namespace, repository: Path) -> Path:
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
    changes |= dict(options.parameter)
    if changes:
        text = json.dumps(changes, sort_keys=True)
        words = re.sub(r"[^\w.=]+", "_", " ".join(f"{key}={value}" for key, value in sorted(changes.items())))
        name += f"-{words[:60].strip('_')}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    return files.writable_directory(repository / "outputs" / name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nox -s figures --",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Run the notebooks, draw their figures, and print the verdict on every claim.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "--profile",
        default="quick",
        help="quick (default; minutes), full (the paper's sizes) or large (hours)",
    )
    parser.add_argument(
        "--only",
        type=_name,
        action="append",
        default=[],
        metavar="NAME",
        help="only this notebook: its name, the beginning of its name (03), or notebook.run; may be repeated",
    )
    parser.add_argument(
        "--jobs",
        type=_positive,
        default=processes.usable_cores(),
        metavar="N",
        help="notebooks at a time (the cores that this process may use)",
    )
    parser.add_argument(
        "--seed", type=_seed, default=SEED, metavar="S", help=f"root of all random numbers ({SEED})"
    )
    parser.add_argument(
        "--output-dir",
        type=_name,
        metavar="D",
        help="where the notebooks write to (a folder of outputs/ of the repository)",
    )
    parser.add_argument(
        "-p",
        dest="parameter",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of the notebooks that have it; may be repeated. Verdicts that differ from the manifest's "
        "are then reported, but are no failure",
    )
    parser.add_argument(
        "--engine",
        choices=engines.ENGINES,
        default=engines.ENGINES[0],
        help="what evaluates losses: compiled kernels (numba), the same on an NVIDIA GPU (cuda), or PennyLane",
    )
    parser.add_argument(
        "--device", default=engines.DEVICE, metavar="D", help=f"PennyLane's device ({engines.DEVICE})"
    )
    parser.add_argument("--no-cache", action="store_true", help="compute everything anew and store nothing")
    parser.add_argument(
        "--list",
        action="store_true",
        help="list the runs with their parameters, those of all profiles unless --profile names one, and stop",
    )
    parser.add_argument(
        "--verify",
        type=_positive,
        nargs="?",
        const=SAMPLE,
        metavar="N",
        help=f"compute N stored results, drawn at random, again and compare ({SAMPLE}), and stop",
    )
    parser.add_argument(
        "--notebooks",
        type=Path,
        default=Path(qgmutils.__file__).resolve().parent.parent / "notebooks",
        metavar="D",
        help="folder of the notebooks and of claims.toml (notebooks/ of the repository)",
    )
    return parser


def _require_engine(engine: str, device: str) -> None:
    """Raise ValueError for an engine that cannot compute here, before anything runs."""
    engines.require_engine(engine, device)
    if engine != engines.ENGINES[0]:
        from qgmutils.circuits import random_circuit
        from qgmutils.engine import landscape
        from qgmutils.losses.hamiltonians import tfim

        landscape(random_circuit(2, 1, rng=np.random.default_rng(1)), tfim(2), engine=engine, device=device)


def _positive(text: str) -> int:
    value = int(text) if text.isdecimal() and len(text) < 20 else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive integer")
    return value


def _name(text: str) -> str:
    # A shell passes "" for a variable that is not set; it must mean neither every notebook nor the folder one is in.
    if not text.strip():
        raise argparse.ArgumentTypeError("a name is needed, got an empty one")
    return text


def _seed(text: str) -> int:
    # int() itself refuses thousands of digits.
    if not (text.isdecimal() and len(text) <= 39 and int(text) <= MAX_SEED):
        raise argparse.ArgumentTypeError(f"{text!r} is no integer from 0 to 2^128 - 1")
    return int(text)


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    try:
        parsed = ast.literal_eval(value.strip())
        json.dumps(parsed)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        parsed = value  # a bare word is a string, so that quotes need no quoting
    return name, parsed


def _print_list(runs: Sequence[manifest.Run]) -> None:
    rows = [("profile", "run", "seconds", "parameters")]
    for profile in manifest.PROFILES:
        for run in runs:
            if run.profile == profile:
                parameters = ", ".join(f"{name}={value!r}" for name, value in run.parameters.items())
                rows.append(
                    (profile, run.label, f"{run.weight:.0f}", parameters or "the notebook's defaults")
                )
    print(terminal.verdict_table(rows, width=terminal.width()))


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
            reached = done + sum(weights[label] * fraction for label, (fraction, _) in states.items())
            # The weights are right for the machine they were measured on; trust our own pace more and more.
            elapsed = time.monotonic() - started
            pace = (reached + 20 * max(1, len(states))) / (elapsed + 20)
            running = ", ".join(f"{label} {fraction:.0%}" for label, (fraction, _) in states.items())
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
    repository: Path,
    output_dir: Path,
    options: argparse.Namespace,
    seconds: float,
) -> int:
    """Write what is to be written, and only then say how it went; return the exit status."""
    failed = [outcome for outcome in outcomes if outcome.error]
    standard = not options.parameter and options.seed == SEED
    complete = not options.only and not options.parameter and not failed
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
        fatal = " (no failure, since -p was given)" if options.parameter else ""
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
    return 1 if failed or obstacle or (differing and not options.parameter) else 0


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
