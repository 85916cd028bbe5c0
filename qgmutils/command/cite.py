"""`qgm cite`: BibTeX of this project, of the paper, and of the sources of claims.

The entries are in references.bib; its field `keywords` lists the claims and notebooks that rest on a reference.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgmutils.command import arguments

if TYPE_CHECKING:
    from qgmutils.report.claims import Claim

ALWAYS = ("qgmutils", "anschuetz2022")
"""This project and the paper."""

DESCRIPTION = """\
Print BibTeX of this project and of the paper; for claims
and notebooks also who says what they test, and the other
sources that they rest on."""

EPILOG = """\
examples:
  qgm cite > references.bib
  qgm cite field-count-finite     a claim
  qgm cite 03_minima_distribution     a notebook, or just 03
  qgm cite --all      every source of the documentation

Names of claims stand in figures/VERDICTS.md.  Sources
carry what the documentation says of them, no more.

exit status:
  0    printed
  2    wrong arguments, as an unknown name"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = arguments.add(
        commands,
        "cite",
        "BibTeX of project, paper and sources",
        run=run,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument("names", type=arguments.name, nargs="*", metavar="NAME", help="a claim or a notebook")
    parser.add_argument("--all", action="store_true", help="all sources of the documentation")
    arguments.add_notebooks(parser)


def run(options: argparse.Namespace) -> int:
    """Print comments on what was named, and the entries."""
    claims: list[Claim] = []
    if options.names:
        from qgmutils.report.claims import PROVENANCE

        try:
            claims = _named(options.names, _claims(options.notebooks.parent / "figures"))
        except ValueError as error:
            options.error(str(error))
        for line in dict.fromkeys(
            f"% {claim.notebook}, {claim.id}: {claim.statement} ({claim.provenance}: {PROVENANCE[claim.provenance]})"
            for claim in claims
        ):
            print(line)
        print()
    rest_on = {claim.id for claim in claims} | {
        claim.notebook for claim in claims if claim.id not in options.names
    }
    chosen = [
        text
        for key, (text, keywords) in entries().items()
        if options.all or key in ALWAYS or rest_on & keywords
    ]
    print("\n\n".join(chosen))
    return 0


def entries() -> dict[str, tuple[str, frozenset[str]]]:
    """The references by their keys: the text of each, and the claims and notebooks that rest on it."""
    text = resources.files(__package__).joinpath("references.bib").read_text(encoding="utf-8")
    found = {}
    for entry in re.split(r"\n\n(?=@)", text.strip()):
        key = entry.partition("{")[2].partition(",")[0]
        keywords = re.search(r"^  keywords = \{(.*)\}", entry, re.MULTILINE)
        found[key] = entry, frozenset(keywords[1].split(", ") if keywords else ())
    return found


def _claims(figures: Path) -> list[Claim]:
    """The claims of all profiles.

    Raises
    ------
    ValueError
        There is none, or a file of them is damaged.
    """
    from qgmutils.report import claims

    found = [claim for path in sorted(figures.glob("*/claims.json")) for claim in claims.load(path)]
    if not found:
        raise ValueError(
            f"{figures} holds no claims; run this in your clone of the repository, or name its --notebooks"
        )
    return found


def _named(names: Sequence[str], claims: Sequence[Claim]) -> list[Claim]:
    """The claims with one of the names, or in a notebook with one of them or one that begins so.

    Raises
    ------
    ValueError
        A name is of neither.
    """
    chosen: list[Claim] = []
    for name in names:
        found = [claim for claim in claims if claim.id == name] or [
            claim for claim in claims if claim.notebook.startswith(name)
        ]
        if not found:
            known = sorted({claim.id for claim in claims} | {claim.notebook for claim in claims})
            close = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "figures/VERDICTS.md lists the claims"
            raise ValueError(f"there is no claim or notebook {name!r}; {hint}")
        chosen += found
    return chosen
