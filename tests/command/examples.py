"""The examples in the help of a command, as words of its command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator


def of(epilog: str) -> Iterator[list[str]]:
    """Arguments of every example: without what follows two spaces, and without what the shell does with its output."""
    for line in re.sub(r"\\\n +", "", epilog).splitlines():
        if line.startswith("  qgm "):
            yield shlex.split(re.split("  +| >", line.strip())[0])[1:]
