"""Run the suite: every notebook of the manifest, every figure, and the verdict on every claim.

`python -m qgmutils.suite --help` lists the options; `nox -s figures` calls it.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

import qgmutils
from qgmutils.computing import files
from qgmutils.report import claims
from qgmutils.suite import manifest
from qgmutils.suite.runner import Outcome, Runner

TIMING_BEGIN, TIMING_END = "<!-- timing:begin -->", "<!-- timing:end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite from the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        Exit status: 0, 1 if a notebook failed or a verdict is not the manifest's, 130 after an interrupt.
        Wrong arguments end the process with status 2 before anything runs.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    notebooks = options.notebooks.resolve()
    try:
        everything = manifest.load(notebooks / "claims.toml")
        if options.list:
            _print_list(everything)
            return 0
        runs = manifest.select(everything, profile=options.profile, only=options.only)
        runs, skipped = manifest.override(runs, dict(options.parameter), folder=notebooks)
        output_dir = files.writable_directory(options.output_dir or notebooks.parent / "figures")
        claims.load(output_dir / "claims.json")
    except ValueError as error:
        parser.error(str(error))
    for name, without in skipped.items():
        print(f"parameter {name} does not exist in, and is not applied to: {', '.join(without)}")
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="qgmutils-", ignore_cleanup_errors=True) as scratch:
        runner = Runner(
            runs,
            notebooks=notebooks,
            output_dir=output_dir,
            scratch=Path(scratch),
            seed=options.seed,
            jobs=options.jobs,
            cache=not options.no_cache,
            say=tqdm.write,
        )
        try:
            _watch(runner, runs)
        except KeyboardInterrupt:
            runner.stop()
            kept = (
                "nothing was kept, because of --no-cache" if options.no_cache else "finished tasks are kept"
            )
            print(f"\nInterrupted: {kept}; the same command computes only what is missing.", file=sys.stderr)
            return 130
    seconds = time.monotonic() - started
    complete = not options.only and not options.parameter
    return _report(runner.outcomes, runs, notebooks, output_dir, options, seconds, complete=complete)


def verdict_table(rows: Sequence[Sequence[str]], *, width: int) -> str:
    """Lay out rows of text in columns, the first row as the heading, and wrap the cells to the width.

    Parameters
    ----------
    rows : sequence of sequences of str
        All of one length.
    width : int
        Columns of the terminal.

    Returns
    -------
    str
        The table, without a line end.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    # Take from the widest column until the row fits, but leave words legible.
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 12:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for number, row in enumerate(rows):
        cells = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, widths)]
        for line in range(max(map(len, cells))):
            parts = (cell[line] if line < len(cell) else "" for cell in cells)
            lines.append("  ".join(part.ljust(size) for part, size in zip(parts, widths)).rstrip())
        if number == 0:
            lines.append("  ".join("-" * size for size in widths))
    return "\n".join(lines)


def timing_sentence(details: dict[str, Any]) -> str:
    """What the README says about the time of a complete run, from the content of run.json."""
    minutes = details["wall_seconds"] / 60
    amount = f"{minutes:.0f} minutes" if minutes >= 10 else f"{minutes:.1f} minutes"
    machine = f"{details['cpu_count']} cores ({details['processor']})"
    return f"Profile `{details['profile']}` took {amount} on {machine}, with nothing cached.\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nox -s figures --",
        description="Run the notebooks, regenerate their figures, and print the verdict on every claim.",
        epilog="Results are cached: an interrupted run goes on where it stopped, a second one takes seconds.",
    )
    parser.add_argument(
        "--profile",
        default="quick",
        help="quick (default; minutes), full (the paper's sizes) or large (hours)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only this notebook: its name, the beginning of its name (03), or notebook.run; may be repeated",
    )
    parser.add_argument(
        "--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="notebooks at a time (cores)"
    )
    parser.add_argument(
        "--seed", type=_seed, default=2022, metavar="S", help="root of all random numbers (2022)"
    )
    parser.add_argument("--output-dir", metavar="D", help="where the figures go (figures/ of the repository)")
    parser.add_argument(
        "-p",
        dest="parameter",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of the notebooks that have it, for example -p n_qubits=5; may be repeated. "
        "Verdicts that differ from the manifest's are then reported, but are no failure",
    )
    parser.add_argument("--no-cache", action="store_true", help="compute everything anew and store nothing")
    parser.add_argument("--list", action="store_true", help="list the runs with their parameters, and stop")
    parser.add_argument(
        "--notebooks",
        type=Path,
        default=Path(qgmutils.__file__).resolve().parent.parent / "notebooks",
        metavar="D",
        help="folder of the notebooks and of claims.toml (notebooks/ of the repository)",
    )
    return parser


def _positive(text: str) -> int:
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive integer")
    return value


def _seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no integer of at least 0")
    return int(text)


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    try:
        parsed = ast.literal_eval(value.strip())
        json.dumps(parsed)
    except (ValueError, SyntaxError, TypeError):
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
    print(verdict_table(rows, width=_width()))


def _watch(runner: Runner, runs: Sequence[manifest.Run]) -> None:
    """Run to the end, with one bar over everything on a terminal and one line per notebook elsewhere."""
    weights = {run.label: run.weight for run in runs}
    total, done, started, terminal = sum(weights.values()), 0.0, time.monotonic(), sys.stderr.isatty()
    style = "{percentage:3.0f}%|{bar:24}| {elapsed} elapsed{postfix}"
    with tqdm(total=total, bar_format=style, disable=not terminal, dynamic_ncols=True) as bar:
        while not runner.finished:
            for outcome in runner.poll():
                done += outcome.run.weight
                state = "failed" if outcome.error else "done"
                count = f"[{len(runner.outcomes)}/{len(runs)}]"
                tqdm.write(f"{count} {outcome.run.label} {state} in {_duration(outcome.seconds)}")
                sys.stdout.flush()
            fractions = runner.progress()
            reached = done + sum(weights[label] * fraction for label, fraction in fractions.items())
            # The weights are right for the machine they were measured on; trust our own pace more and more.
            elapsed = time.monotonic() - started
            pace = (reached + 20 * max(1, len(fractions))) / (elapsed + 20)
            running = ", ".join(f"{label} {fraction:.0%}" for label, fraction in fractions.items())
            bar.n = min(reached, total)
            bar.set_postfix_str(f"about {_duration((total - reached) / pace)} left: {running}", refresh=False)
            bar.refresh()
            time.sleep(0.2)


def _report(
    outcomes: Sequence[Outcome],
    runs: Sequence[manifest.Run],
    notebooks: Path,
    output_dir: Path,
    options: argparse.Namespace,
    seconds: float,
    *,
    complete: bool,
) -> int:
    failed = [outcome for outcome in outcomes if outcome.error]
    path = output_dir / "claims.json"
    if complete and not failed:
        # Records of an earlier profile or of a notebook that is gone would be taken for results of this run.
        claims.keep(path, {(run.notebook, run.name) for run in runs})
        if not any(outcome.cached for outcome in outcomes):
            details = _machine() | {
                "profile": options.profile,
                "seed": options.seed,
                "wall_seconds": round(seconds, 1),
                "commit": claims.commit(),
            }
            with files.whole_file(output_dir / "run.json") as temporary:
                temporary.write_text(json.dumps(details, indent=1) + "\n", encoding="utf-8")
    records = claims.load(path)
    rows: list[Sequence[str]] = [("notebook", "claim", "expected", "observed", "tolerance", "verdict")]
    differing: list[str] = []
    for run in runs:
        if any(outcome.run is run for outcome in failed):
            continue
        found = {c.id: c for c in records if (c.notebook, c.run) == (run.notebook, run.name)}
        for claim in found.values():
            rows.append((run.label, claim.id, claim.expected, claim.observed, claim.tolerance, claim.verdict))
            if claim.id not in run.expect:
                differing.append(
                    f"{run.label}: {claim.id} is {claim.verdict}, and the manifest does not list it"
                )
            elif claim.verdict != run.expect[claim.id]:
                expected = run.expect[claim.id]
                differing.append(
                    f"{run.label}: {claim.id} is {claim.verdict}, and the manifest says {expected}"
                )
        differing += [f"{run.label}: {name} was not recorded" for name in run.expect if name not in found]
    if len(rows) > 1:
        print("\n" + verdict_table(rows, width=_width()))
    for outcome in failed:
        print(f"\n{outcome.run.label} failed: {outcome.error}")
    if differing:
        fatal = " (no failure, since -p was given)" if options.parameter else ""
        print(f"\nDiffers from notebooks/claims.toml{fatal}:")
        print("\n".join(f"  {line}" for line in differing))
    if output_dir == notebooks.parent / "figures":
        _update_readme(notebooks.parent / "README.md", records, output_dir / "run.json")
    print(f"\nFigures, tables and claims.json: {output_dir}\nExecuted notebooks: {output_dir / 'executed'}")
    plural = "" if len(outcomes) == 1 else "s"
    failures = f", {len(failed)} failed" if failed else ""
    print(f"{len(outcomes)} notebook{plural} run in {_duration(seconds)}{failures}")
    return 1 if failed or (differing and not options.parameter) else 0


def _update_readme(readme: Path, records: Sequence[claims.Claim], run: Path) -> None:
    """Bring the table of verdicts and the sentence about the time up to date."""
    if not readme.is_file():
        return
    text = old = readme.read_text(encoding="utf-8")
    text = claims.replace_between(text, *claims.markers("quick"), claims.markdown_section(records))
    if run.is_file():
        sentence = timing_sentence(json.loads(run.read_text(encoding="utf-8")))
        text = claims.replace_between(text, TIMING_BEGIN, TIMING_END, sentence)
    if text != old:
        with files.whole_file(readme) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _machine() -> dict[str, Any]:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = lines[0].partition(":")[2].strip() if lines else processor
    return {"cpu_count": os.cpu_count(), "processor": processor, "python": platform.python_version()}


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def _width() -> int:
    return max(shutil.get_terminal_size((110, 24)).columns, 60)
