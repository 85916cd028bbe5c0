"""What the suite and its terminal say to each other: tables of text, durations, encodings and signals."""

from __future__ import annotations

import io
import shutil
import signal
import sys
import textwrap
from collections.abc import Sequence
from types import FrameType
from typing import Any

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


def show_what_can_be_shown() -> None:
    """Let characters that the encoding of the output lacks appear as "?", instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def interrupt_on_signals() -> None:
    """Let every signal that would end this process raise KeyboardInterrupt, once: nothing disturbs the cleaning up.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored.
    """
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def verdict_table(rows: Sequence[Sequence[str]], *, width: int) -> str:
    """Lay out rows of text in columns, the first row as the heading, and wrap the cells to the width.

    Where columns would be too narrow to read, every row becomes a paragraph of its cells with their headings.

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
    words = [
        max((len(word) for row in rows for word in row[i].split()), default=0) for i in range(len(widths))
    ]
    # Take from the widest column until the row fits: as long as no word breaks, and then so that words stay legible.
    for least in (words, [0] * len(widths)):
        while sum(widths) + 2 * (len(widths) - 1) > width:
            wide = [i for i, size in enumerate(widths) if size > max(12, least[i])]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
    if sum(widths) + 2 * (len(widths) - 1) > width:
        return "\n\n".join(_paragraph(rows[0], row, width) for row in rows[1:])
    lines = []
    for number, row in enumerate(rows):
        cells = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, widths)]
        for line in range(max(map(len, cells))):
            parts = (cell[line] if line < len(cell) else "" for cell in cells)
            lines.append("  ".join(part.ljust(size) for part, size in zip(parts, widths)).rstrip())
        if number == 0:
            lines.append("  ".join("-" * size for size in widths))
    return "\n".join(lines)


def _paragraph(heading: Sequence[str], row: Sequence[str], width: int) -> str:
    size = max(map(len, heading)) + 2
    options: dict[str, Any] = {"width": max(width, size + 12), "subsequent_indent": " " * size}
    return "\n".join(
        textwrap.fill(cell, initial_indent=name.ljust(size), **options) if cell else name
        for name, cell in zip(heading, row, strict=True)
    )


def duration(seconds: float) -> str:
    """A time in words, as "2 h 05 min", "3 min 20 s" or "4 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def width() -> int:
    """Columns of the terminal, 60 at least."""
    return max(shutil.get_terminal_size((110, 24)).columns, 60)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt
