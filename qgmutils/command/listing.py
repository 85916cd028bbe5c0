"""`qgm list`: the runs of the suite and their parameters."""

from __future__ import annotations

import argparse
from typing import Any

from qgmutils.command import arguments

DESCRIPTION = """\
List the runs of the notebooks with their parameters and
about how many seconds of one core they take."""

EPILOG = """\
examples:
  qgm list                  of all profiles
  qgm list --profile quick
  qgm list --only 03

exit status:
  0    listed
  2    wrong arguments"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = arguments.add(
        commands,
        "list",
        "runs of the notebooks, with parameters",
        run=run,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument("--profile", help="only quick, full or large (all)")
    arguments.add_only(parser)
    arguments.add_notebooks(parser)


def run(options: argparse.Namespace) -> int:
    """Print one line a run, or one paragraph where lines are too short."""
    from qgmutils.suite import manifest, terminal

    try:
        runs = manifest.load(options.notebooks / "claims.toml")
        chosen = manifest.select(runs, profile=options.profile, only=options.only)
    except ValueError as error:
        options.error(str(error))
    rows = [("profile", "run", "seconds", "parameters")]
    for profile in manifest.PROFILES:
        for run in chosen:
            if run.profile == profile:
                parameters = ", ".join(f"{name}={value!r}" for name, value in run.parameters.items())
                rows.append(
                    (profile, run.label, f"{run.weight:.0f}", parameters or "the notebook's defaults")
                )
    print(terminal.verdict_table(rows, width=terminal.width()))
    return 0
