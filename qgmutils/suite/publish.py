"""From the folder that a run wrote to what is committed: figures/<profile>, the page of all verdicts, the README."""

from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from qgmutils.computing import files, processes
from qgmutils.report import claims
from qgmutils.suite import terminal
from qgmutils.suite.compare import Comparison
from qgmutils.suite.manifest import PROFILES

PAGE = "VERDICTS.md"
"""Name of the page with every claim of every profile, beside their folders."""


def publish(new: Path, committed: Path, *, comparison: Comparison) -> None:
    """Bring the committed folder of a profile and `PAGE` up to date; files that are equal stay untouched.

    Parameters
    ----------
    new, committed : Path
        The folders, as they were compared.
    comparison : Comparison
        What differs.

    Raises
    ------
    OSError
        A file cannot be replaced.  Those before it have been; the next run replaces the rest.
    ValueError
        Another profile's claims.json holds no records, so that only the page cannot be written.
    """
    committed.mkdir(parents=True, exist_ok=True)
    files.sweep(committed)
    for name in comparison.differences:
        if (new / name).is_file():
            with files.whole_file(committed / name) as temporary:
                shutil.copyfile(new / name, temporary)
        else:
            (committed / name).unlink(missing_ok=True)
    paths = {name: committed.parent / name / "claims.json" for name in PROFILES}
    records = {name: claims.load(path) for name, path in paths.items() if path.is_file()}
    _write(committed.parent / PAGE, claims.verdicts_page(records))


def update_readme(readme: Path, details: dict[str, Any], *, changed: bool) -> None:
    """Bring the sentence about a profile's time up to date, where the README has it.

    A time is another one in every run: the sentence is replaced when something else has changed, or is missing.

    Parameters
    ----------
    readme : Path
        The file; nothing happens without it.
    details : dict
        Content of run.json.
    changed : bool
        Whether anything else has changed.
    """
    if not readme.is_file():
        return
    text = readme.read_text(encoding="utf-8")
    begin, end = timing_markers(details["profile"])
    if changed or f"{begin}\n{end}" in text:
        _write(readme, claims.replace_between(text, begin, end, timing_sentence(details)))


def timing_markers(profile: str) -> tuple[str, str]:
    """The lines of the README between which the sentence about a profile's time stands."""
    return f"<!-- timing:{profile}:begin -->", f"<!-- timing:{profile}:end -->"


def timing_sentence(details: dict[str, Any]) -> str:
    """What the README says about the time of a complete run, from the content of run.json."""
    cached = f"{details['cached_share']:.0%}" if details["cached_share"] else "none"
    return (
        f"Profile `{details['profile']}` took {terminal.duration(details['wall_seconds'])} on "
        f"{details['cores']} cores ({details['processor']}), with {cached} of its tables "
        f"from the cache; their computing takes {terminal.duration(details['computing_seconds'])} on one core.\n"
    )


def keep_details(folder: Path, *, profile: str, seed: int, seconds: float) -> dict[str, Any]:
    """Write run.json: what a complete run took, and what there was to compute.

    Parameters
    ----------
    folder : Path
        What the run wrote to, with its claims.json.
    profile, seed
        Of the run.
    seconds : float
        Wall time.

    Returns
    -------
    dict
        The content: profile, seed, wall_seconds, computing_seconds (of all tables, whenever that was), tables,
        cached_share, cores, processor, python, versions (that the tables were computed with) and commit.
    """
    accounts = claims.computed(folder / "claims.json").values()
    tables = sum(account["tables"] for account in accounts)
    versions: dict[str, set[str]] = {}
    for account in accounts:
        for name, several in account["versions"].items():
            # A notebook without tables names none.
            versions.setdefault(name, set()).update(filter(None, several.split(", ")))
    details = {
        "profile": profile,
        "seed": seed,
        "wall_seconds": round(seconds, 1),
        "computing_seconds": round(sum(account["seconds"] for account in accounts), 1),
        "tables": tables,
        "cached_share": round(sum(account["cached"] for account in accounts) / max(tables, 1), 4),
        "cores": processes.usable_cores(),
        "processor": processes.cpu_model(),
        "python": platform.python_version(),
        "versions": {name: ", ".join(sorted(several)) for name, several in sorted(versions.items())},
        "commit": claims.commit(),
    }
    _write(folder / "run.json", json.dumps(details, indent=1) + "\n")
    return details


def _write(path: str | os.PathLike[str], text: str) -> None:
    path = Path(path)
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text:
        return
    with files.whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
