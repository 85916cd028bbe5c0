"""`qgm figures`: run the notebooks, draw their figures, and print the verdict on every claim."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib.util
import json
from typing import Any

from qgmutils.command import arguments
from qgmutils.computing import engines

DESCRIPTION = """\
Run the notebooks, draw their figures, and print the
verdict on every claim."""

EPILOG = """\
examples:
  qgm figures --only 01     compared with what is committed
  qgm figures --only 03_minima_distribution.tfim \\
      -p n_qubits=4 -p "param_counts=[8, 16, 30]"
  qgm figures --only 01 -p "n_qubits=[3, 5]" --seed 7
  qgm figures --profile full --jobs 2
  qgm figures --only 01 --engine pennylane \\
      --device lightning.qubit

Results are cached: an interrupted run goes on where it
stopped, a second one takes seconds.  A run writes to
outputs/<profile>, or to a folder beside it that is named
after what was changed.  A complete run of a profile with
nothing changed is then compared with figures/<profile>,
and replaces there, and in figures/VERDICTS.md and the
README, what differs.

Another engine computes the same to about ten digits, of
which the tables have six: its tables are compared to four
digits, and never replace the committed ones.

It runs from a clone of the repository and needs the extra
"suite".  `nox -s figures -- OPTIONS` installs that, in an
environment of its own, and calls this command.

exit status:
  0    everything ran, and every verdict is the one of
       claims.toml (or -p was given)
  1    a notebook failed, or a verdict is another
  2    wrong arguments, before anything ran"""

EXTRA = ("papermill", "ipykernel")
"""What the notebooks run on, of the extra `suite`."""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = arguments.add(
        commands, "figures", "every figure and verdict again", run=run, description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument(
        "--profile", help="quick (default; minutes), full (two hours on two cores) or large (longer)"
    )
    arguments.add_only(parser)
    parser.add_argument(
        "--jobs",
        type=arguments.positive,
        metavar="N",
        help="notebooks at a time (the cores that this process may use)",
    )
    parser.add_argument("--seed", type=arguments.seed, metavar="S", help="root of all random numbers (2022)")
    parser.add_argument(
        "--output-dir",
        type=arguments.name,
        metavar="D",
        help="where the notebooks write to (a folder of outputs/ of the repository)",
    )
    parser.add_argument(
        "-p",
        dest="parameters",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of the notebooks that have it; may be repeated. Verdicts that differ from those of "
        "claims.toml are then reported, but are no failure",
    )
    parser.add_argument(
        "--engine",
        choices=engines.ENGINES,
        help="what evaluates losses: compiled kernels (numba), the same on an NVIDIA GPU (cuda), or PennyLane",
    )
    parser.add_argument("--device", metavar="D", help=f"PennyLane's device ({engines.DEVICE})")
    parser.add_argument(
        "--no-cache", dest="cache", action="store_false", help="compute everything anew and store nothing"
    )
    parser.add_argument(
        "--scheduler",
        type=arguments.name,
        metavar="ADDRESS",
        help="run the tasks on the workers of this dask.distributed scheduler, as tcp://host:8786 (docs/cluster.md)",
    )
    arguments.add_notebooks(parser)


def run(options: argparse.Namespace) -> int:
    """Run the suite."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        options.error(
            f"the notebooks need the extra qgmutils[suite], of which {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not installed; install it, from your clone of the repository, "
            'with: python -m pip install ".[suite]"'
        )
    from qgmutils.suite import reproduction

    options.parameters = dict(options.parameters)
    asked = {field.name: getattr(options, field.name) for field in dataclasses.fields(reproduction.Options)}
    given = {name: value for name, value in asked.items() if value is not None}
    try:
        prepared = reproduction.prepare(reproduction.Options(**given))
    except ValueError as error:
        options.error(str(error))
    return reproduction.reproduce(prepared)


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
