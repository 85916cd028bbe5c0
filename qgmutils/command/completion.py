"""`qgm completion`: a script by which the shell completes commands and options."""

from __future__ import annotations

import argparse
from typing import Any

from qgmutils.command import arguments

DESCRIPTION = """\
Print a script by which your shell completes the commands
and options of qgm when you press Tab."""

EPILOG = """\
examples:
  qgm completion bash > \\
      ~/.local/share/bash-completion/completions/qgm
  qgm completion zsh > ~/.zfunc/_qgm
      with fpath+=~/.zfunc before compinit in ~/.zshrc

exit status:
  0    printed
  2    wrong arguments"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = arguments.add(
        commands, "completion", "let the shell complete qgm", run=run, description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument("shell", choices=("bash", "zsh"), help="your shell")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    print(shtab.complete(options.top, shell=options.shell))
    return 0
