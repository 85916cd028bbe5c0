"""`qgm list`: the runs of the suite and their parameters."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping
from typing import Any

from qgmutils.command import arguments

DESCRIPTION = """\
List the runs of the notebooks, about how many seconds of
one core they take, and their parameters."""

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
    """Print one line a run, and below it the parameters that differ from the notebook's defaults."""
    from qgmutils.suite import manifest, terminal

    try:
        runs = manifest.load(options.notebooks / "claims.toml")
        chosen = manifest.select(runs, profile=options.profile, only=options.only)
    except ValueError as error:
        options.error(str(error))
    widest = max(len(run.label) for run in chosen)
    print(f"{'profile':<9}{'run':<{widest}}  seconds")
    for profile in manifest.PROFILES:
        for run in chosen:
            if run.profile == profile:
                print(f"{profile:<9}{run.label:<{widest}}  {run.weight:>7.0f}")
                print(_parameters(run.parameters, width=terminal.width()), end="")
    print("\nBelow a run: what differs from its notebook's defaults.")
    return 0


def _parameters(values: Mapping[str, Any], *, width: int) -> str:
    """Lines `name=value, …`, indented, that end between two parameters or, in long ones, between two numbers."""
    text = ", ".join(f"{name}={value!r}" for name, value in values.items())
    lines = textwrap.wrap(text, width - 11, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{'':11}{line}\n" for line in lines)
