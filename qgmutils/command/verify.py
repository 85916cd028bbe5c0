"""`qgm verify`: compute stored results again, and compare."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from qgmutils.command import arguments

SAMPLE = 20
"""How many results are computed again where no number is given."""

DESCRIPTION = """\
Compute stored results, drawn at random, again and compare
every byte.  Those of other code are left out."""

EPILOG = f"""\
examples:
  qgm verify        {SAMPLE} results
  qgm verify 200

exit status:
  0    all results are the same
  1    a result is another
  2    wrong arguments, or there is nothing to verify"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = arguments.add(
        commands,
        "verify",
        "compute stored results again, compare",
        run=run,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument(
        "sample", type=arguments.positive, nargs="?", default=SAMPLE, metavar="N", help=f"how many ({SAMPLE})"
    )


def run(options: argparse.Namespace) -> int:
    """Verify as notebooks compute, so that nothing of the user's makes a difference."""
    from qgmutils.suite import environment

    return environment.main([sys.executable, "-m", "qgmutils.suite.verification", str(options.sample)])
