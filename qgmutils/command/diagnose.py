"""`qgm diagnose`: will a model train, and how many parameters does that take?"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from qgmutils.command import arguments

DESCRIPTION = """\
Say whether a model will train, and how many parameters
that takes.  MODEL is module:name or file.py:name of a QNode
or of a Model; the folder where the command runs is searched
first.  An ARGUMENT of the QNode is a name in that module, a
number, or a list in JSON."""

EPILOG = """\
examples:
  qgm diagnose mine:circuit weights
  qgm diagnose mine:circuit "[[0.1, 0.2]]" --starts 256
  qgm diagnose mine:model --json > diagnosis.json

exit status:
  0    diagnosed
  1    the module cannot be imported
  2    wrong arguments, or a circuit that cannot be
       translated"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = arguments.add(
        commands, "diagnose", "will my model train?", run=run, description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument("model", metavar="MODEL", type=arguments.name, help="module:name, as mine:circuit")
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="of the QNode")
    parser.add_argument("--starts", type=arguments.positive, default=128, metavar="N", help="searches (128)")
    parser.add_argument(
        "--seconds", type=arguments.positive, default=240, metavar="S", help="computing to spend, about (240)"
    )
    parser.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="of the starts (0)")
    parser.add_argument("--point", action="store_true", help="describe the arguments as a point, too")
    parser.add_argument("--json", action="store_true", help="all numbers as JSON")
    parser.add_argument(
        "--figure", type=arguments.picture, metavar="FILE", help="draw it, as PNG, PDF or SVG"
    )


def run(options: argparse.Namespace) -> int:
    """Import the model, diagnose it, and print the answers."""
    from qgmutils.diagnosis import diagnose

    module_name, _, name = options.model.partition(":")
    if not (module_name and name):
        options.error(f"{options.model!r} names no model; write module:name, as in mine:circuit")
    found_in, imported = Path.cwd(), module_name
    if module_name.endswith(".py"):  # a file, maybe of another folder
        found_in, imported = Path(module_name).resolve().parent, Path(module_name).stem
    sys.path.insert(0, str(found_in))
    try:
        module = importlib.import_module(imported)
    except (Exception, SystemExit) as error:  # whatever the user's module raises
        print(
            f"{module_name} cannot be imported: {type(error).__name__}: {error}; {found_in} was searched first",
            file=sys.stderr,
        )
        return 1
    if not hasattr(module, name):
        options.error(f"{module_name} has no {name!r}")
    try:
        given = [_argument(module, text) for text in options.arguments]
        found = diagnose(
            getattr(module, name),
            *given,
            starts=options.starts,
            seconds=options.seconds,
            seed=options.seed,
            at_arguments=options.point,
        )
        if options.figure is not None:
            found.plot().savefig(options.figure)
    except (ValueError, OSError) as error:
        options.error(str(error))
    print(found.to_json() if options.json else found)
    return 0


def _argument(module: Any, text: str) -> Any:
    """A value of the module, or what the text says in JSON, a list as an array."""
    if hasattr(module, text):
        return getattr(module, text)
    import numpy as np

    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"argument {text!r} is neither a name in {module.__name__} nor JSON: {error}"
        ) from error
    if not isinstance(value, list):
        return value
    try:
        return np.array(value, dtype=float)
    except ValueError as error:  # NumPy's says nothing of the text
        raise ValueError(
            f"argument {text!r} has lists of different lengths or no numbers; give an array"
        ) from error
