"""`qgm cache`: what lies in the caches of results and of compiled kernels, and less of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qgmutils.command import arguments

if TYPE_CHECKING:
    from qgmutils.computing.stored import Item

DESCRIPTION = """\
Results of tasks and compiled kernels are kept, each with
what made it.  All of it can be made again at any time:
removing costs time, never a number."""

EPILOG = """\
examples:
  qgm cache info
  qgm cache prune --dry-run
  qgm cache prune --older-than 30 --yes

QGMUTILS_CACHE names the folder of results, and
NUMBA_CACHE_DIR that of kernels; without them both lie in
your cache folder.

exit status:
  0    done
  1    something could not be removed, or you said no
  2    wrong arguments, or nobody there to ask"""

INFO = """\
Say where the caches are, and what is in them, by class of
the task."""

CLEAR = """\
Remove all results and all compiled kernels."""

PRUNE = """\
Remove the results and kernels that other code has made
than the one that runs: older versions, other checkouts,
other versions of packages.  What code of your own has
made stays, and is removed by age alone."""

REMOVING = """\
Files that qgmutils did not write are never removed.

exit status:
  0    removed, or nothing to remove
  1    something could not be removed, or you said no
  2    wrong arguments, or nobody there to ask"""

ORIGINS = {
    "present": "the present code",
    "other": "other code",
    "unknown": "your own code",
    "damaged": "damaged",
}


def add(commands: Any) -> None:
    """Declare the command and its own subcommands."""
    parser = arguments.add(
        commands,
        "cache",
        "what the caches hold; remove old parts",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    actions = arguments.subcommands(parser)
    arguments.add(
        actions,
        "info",
        "folders, entries and sizes",
        run=run_info,
        description=INFO,
        epilog="example:\n  qgm cache info\n\nexit status:\n  0    told",
    )
    prune = arguments.add(
        actions,
        "prune",
        "remove what other code has made",
        run=run_prune,
        description=PRUNE,
        epilog=f"examples:\n  qgm cache prune --dry-run\n  qgm cache prune --older-than 30\n\n{REMOVING}",
    )
    prune.add_argument(
        "--older-than",
        type=arguments.positive,
        metavar="DAYS",
        help="instead, whatever code has made it: results computed, and kernels last used, more than DAYS days ago",
    )
    clear = arguments.add(
        actions,
        "clear",
        "remove everything",
        run=run_clear,
        description=CLEAR,
        epilog=f"example:\n  qgm cache clear --dry-run\n\n{REMOVING}",
    )
    for action in (prune, clear):
        action.add_argument("--dry-run", action="store_true", help="say what would be removed, and stop")
        action.add_argument("--yes", action="store_true", help="remove without asking")


def run_info(options: argparse.Namespace) -> int:
    """Print the two folders and what they hold."""
    from qgmutils.computing import cache, stored
    from qgmutils.suite import terminal

    print(f"Results:          {cache.cache_directory() or 'no folder, as you have no home'}")
    print(f"Compiled kernels: {stored.kernels_root() or 'no folder, as you have no home'}\n")
    items = stored.items()
    print(_table(items, width=terminal.width()))
    count: Counter[str] = Counter(item.origin for item in items)
    if count["other"] or count["damaged"]:
        print(f"\nqgm cache prune removes {_what(count)}.")
    return 0


def run_prune(options: argparse.Namespace) -> int:
    """Remove what other code has made, or what is old."""
    from qgmutils.computing import stored

    if options.older_than is None:
        return _remove([item for item in stored.items() if item.origin in ("other", "damaged")], options)
    oldest = time.time() - 86400.0 * options.older_than
    return _remove([item for item in stored.items() if item.written < oldest], options)


def run_clear(options: argparse.Namespace) -> int:
    """Remove everything."""
    from qgmutils.computing import stored

    return _remove(stored.items(), options)


def _remove(items: Sequence[Item], options: argparse.Namespace) -> int:
    """Say what goes, ask, and remove it; return the exit status."""
    from qgmutils.computing import stored
    from qgmutils.suite import terminal

    if not items:
        print("There is nothing to remove.")
        return 0
    print(_table(items, width=terminal.width()))
    print("\nfrom " + " and ".join(sorted({str(item.path.parent) for item in items})))
    if options.dry_run:
        print("\nNothing is removed, because of --dry-run.")
        return 0
    if not options.yes:
        if not sys.stdin.isatty():
            options.error("nobody is there to ask whether to remove this; say --yes, or --dry-run")
        try:
            answer = input("\nRemove all this? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing is removed.")
            return 1
    failed = 0
    for item in items:
        try:
            stored.remove(item)
        except OSError as error:
            failed += 1
            print(f"{item.path} cannot be removed ({error.strerror or error})", file=sys.stderr)
    done = (
        f"Removed {size(sum(item.size for item in items))}." if not failed else f"{failed} are still there."
    )
    print(f"\n{done}")
    return 1 if failed else 0


def _table(items: Sequence[Item], *, width: int) -> str:
    """Number, size and cost of items by kind and origin."""
    from qgmutils.suite import terminal

    rows = [("what", "made by", "number", "size", "to make it again")]
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.kind, item.origin), []).append(item)
    for (kind, origin), group in sorted(groups.items()):
        seconds = sum(item.seconds for item in group)
        rows.append(
            (
                kind,
                ORIGINS[origin],
                str(len(group)),
                size(sum(item.size for item in group)),
                terminal.duration(seconds) if seconds else "",
            )
        )
    return terminal.verdict_table(rows, width=width) if items else "Nothing is kept there."


def _what(count: Counter[str]) -> str:
    words = {"other": "made by other code", "damaged": "damaged"}
    return " and ".join(f"the {count[name]} {text}" for name, text in words.items() if count[name])


def size(n_bytes: float) -> str:
    """A number of bytes in words, as "3.4 MB"."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"
