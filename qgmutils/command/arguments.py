"""What the subcommands have in common: how they are declared, and what their arguments may be."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qgmutils

INTERRUPTED = "  130  interrupted"
"""Last line of every list of exit statuses."""

PICTURES = (".png", ".pdf", ".svg")
"""Endings of the files that a figure may be drawn to."""


def subcommands(parser: argparse.ArgumentParser) -> Any:
    """Let a parser have subcommands; without one of them it prints its help, with status 2.

    Returns
    -------
    object
        What `add` takes.
    """

    def run(options: argparse.Namespace) -> int:
        parser.print_help()
        return 2

    parser.set_defaults(run=run)
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def add(
    commands: Any,
    name: str,
    summary: str,
    *,
    description: str,
    epilog: str,
    run: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    """Declare a subcommand.

    Parameters
    ----------
    commands : object
        From `subcommands`.
    name, summary : str
        How it is called, and what it does, in less than 40 characters.
    description, epilog : str
        Above and below the options in its help; lines of at most 58 characters, as they are shown.
    run : callable, optional
        Gets the parsed arguments and returns the exit status.  Their attribute `error`, called with a message, ends the
        process with status 2, as wrong arguments do.  Not for a command that has subcommands.

    Returns
    -------
    ArgumentParser
        For its options.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"{epilog}\n{INTERRUPTED}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, error=parser.error)
    return parser


def add_notebooks(parser: argparse.ArgumentParser) -> None:
    """Declare the option --notebooks: by default those of the clone that runs, else of the folder where it is run."""
    own, here = Path(qgmutils.__file__).resolve().parent.parent / "notebooks", Path("notebooks").resolve()
    parser.add_argument(
        "--notebooks",
        type=folder,
        default=own if own.is_dir() else here,
        metavar="D",
        help="folder of the notebooks and of claims.toml (notebooks/ of your clone of the repository)",
    )


def add_only(parser: argparse.ArgumentParser) -> None:
    """Declare the option --only, which may be repeated."""
    parser.add_argument(
        "--only",
        type=name,
        action="append",
        default=[],
        metavar="NAME",
        help="only this notebook: its name, the beginning of its name (03), or notebook.run; may be repeated",
    )


def positive(text: str) -> int:
    """A positive integer."""
    value = int(text) if text.isdecimal() and len(text) < 20 else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive integer")
    return value


def seed(text: str) -> int:
    """A seed of random numbers."""
    from qgmutils.inputs import MAX_SEED

    # int() itself refuses thousands of digits.
    if not (text.isdecimal() and len(text) <= 39 and int(text) <= MAX_SEED):
        raise argparse.ArgumentTypeError(f"{text!r} is no integer from 0 to 2^128 - 1")
    return int(text)


def picture(text: str) -> Path:
    """A file that a figure can be written to."""
    path = folder(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(PICTURES)}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is in no folder that exists; make {path.parent} before")
    return path


def name(text: str) -> str:
    """Anything but nothing: a shell passes "" for a variable that is not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a name is needed, got an empty one")
    return text


def folder(text: str) -> Path:
    """A path, made absolute."""
    return Path(name(text)).resolve()
