"""Entry point of `qgm`, and of `python -m qgmutils.command`, which does the same without being installed.

A subcommand is a module with a function `add`, which declares its options, and a function that runs it.  `qgm --help`
and completion by the shell import all of them, so they import at their top only what costs no time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import qgmutils
from qgmutils.command import arguments, cache, cite, completion, diagnose, doctor, figures, listing, verify
from qgmutils.suite import terminal

SUBCOMMANDS = (diagnose, figures, listing, verify, doctor, cache, cite, completion)

DESCRIPTION = """\
Critical points in quantum generative models: a
replication, and a package to study loss landscapes."""

EPILOG = f"""\
examples:
  qgm doctor           does everything work here?
  qgm figures          every figure and verdict again
  qgm figures --help   options and examples of one command

exit status:
  0    everything is as it should be
  1    something failed, differs or is broken
  2    wrong arguments, or nothing to do
{arguments.INTERRUPTED}"""


def main(given: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    given : sequence of str, optional
        Its arguments.  Default: those of the process.

    Returns
    -------
    int
        Exit status, as the help says.  Wrong arguments end the process with status 2 before anything runs.
    """
    terminal.show_what_can_be_shown()
    try:
        try:
            options = parser().parse_args(given)
            return options.run(options)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has seen enough, as in `qgm list | head`; the interpreter's last flush must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parser() -> argparse.ArgumentParser:
    """The parser of all subcommands.

    Returns
    -------
    ArgumentParser
        Its result has the function to call, `run`, and this parser, `top`.
    """
    top = argparse.ArgumentParser(
        prog="qgm",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.set_defaults(top=top)
    top.add_argument("-V", "--version", action="version", version=f"qgm {qgmutils.__version__}")
    commands = arguments.subcommands(top)
    for module in SUBCOMMANDS:
        module.add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
