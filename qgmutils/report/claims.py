"""Claims and verdicts: what a notebook tested, where the statement comes from, and what came out."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import itertools
import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import filelock
import pandas as pd

import qgmutils
from qgmutils.computing import files

Scalar = str | int | float | bool | None

PROVENANCE = {
    "paper": "stated in the paper's abstract or in a caption of it that is at hand",
    "field": "general knowledge of the paper's construction",
    "derived": "derived for this project",
}
VERDICTS = ("reproduced", "not reproduced", "inconclusive")
VERDICTS_BEGIN, VERDICTS_END = "<!-- verdicts:begin -->", "<!-- verdicts:end -->"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One claim, compared with what was computed.

    Attributes
    ----------
    id : str
        Name of the claim, for example "gamma-law".
    statement : str
        The claim in one sentence.
    provenance : str
        A key of `PROVENANCE`.
    expected, observed, tolerance : str, number, bool or None
        What the claim says, what was found, and by how much they may differ.
    verdict : str
        One of `VERDICTS`.
    """

    id: str
    statement: str
    provenance: str
    expected: Scalar
    observed: Scalar
    tolerance: Scalar
    verdict: str


@dataclasses.dataclass(frozen=True)
class Claim:
    """A verdict with all that is needed to find it again: a record of claims.json, field by field.

    Attributes
    ----------
    id, statement, provenance, expected, observed, tolerance, verdict
        As in `Verdict`.
    notebook, run : str
        What tested it; `run` is "" where the notebook has one run only.
    profile : str
        The sizes it was tested with.
    seed : int
        Root of all random streams.
    versions : dict of str to str
        Python and the packages that the numbers depend on; "source" is the hash of the science modules.
    commit : str
        The commit of the repository, with "-dirty" if science modules or notebooks were modified;
        or "unknown".
    seconds : float
        Wall time of the notebook up to the verdict.
    """

    id: str
    notebook: str
    run: str
    statement: str
    provenance: str
    expected: Scalar
    observed: Scalar
    tolerance: Scalar
    verdict: str
    profile: str
    seed: int
    versions: dict[str, str]
    commit: str
    seconds: float


def verdict(
    *,
    id: str,
    statement: str,
    provenance: Literal["paper", "field", "derived"],
    expected: Any,
    observed: Any,
    tolerance: Any,
    holds: bool | None,
) -> Verdict:
    """Judge a claim.

    Parameters
    ----------
    id, statement : str
        Its name and its sentence, not empty.
    provenance : {"paper", "field", "derived"}
        Where it comes from.
    expected, observed, tolerance : str, number, bool or None
        NumPy scalars are allowed; numbers that are not finite become words.
    holds : bool or None
        Whether it was found to hold; None if the data cannot tell.

    Returns
    -------
    Verdict
        True is "reproduced", False is "not reproduced", None is "inconclusive".

    Raises
    ------
    ValueError
        An argument is none of what is allowed.
    """
    if provenance not in PROVENANCE:
        raise ValueError(f"provenance is {provenance!r}; it must be one of {', '.join(PROVENANCE)}")
    if not (id and statement):
        raise ValueError(f"claim {id!r} has the statement {statement!r}; neither may be empty")
    holds = _scalar(holds, "holds")  # type: ignore[assignment]
    if holds is not None and not isinstance(holds, bool):
        raise ValueError(f"holds is {holds!r}; it must be True, False, or None where the data cannot tell")
    word = dict(zip((True, False, None), VERDICTS, strict=True))[holds]
    numbers = (_scalar(expected, "expected"), _scalar(observed, "observed"), _scalar(tolerance, "tolerance"))
    return Verdict(id, statement, provenance, *numbers, word)


def record(
    verdicts: Sequence[Verdict],
    *,
    notebook: str,
    profile: str,
    seed: int,
    output_dir: str | os.PathLike[str],
    started: float,
    run: str = "",
) -> pd.DataFrame:
    """Write the verdicts of a run to `output_dir`/claims.json, in place of what the same run wrote before.

    Several processes may do so at the same time.

    Parameters
    ----------
    verdicts : sequence of Verdict
        With distinct ids.
    notebook, run, profile, seed
        As in `Claim`.
    output_dir : path
        Folder of the figures; made if it does not exist.
    started : float
        `time.perf_counter()` at the top of the notebook.

    Returns
    -------
    DataFrame
        Columns id, expected, observed, tolerance, verdict, for display.

    Raises
    ------
    ValueError
        An id occurs twice, `output_dir` cannot be written to, or the claims.json in it is no list of records.
    """
    ids = [item.id for item in verdicts]
    if len(set(ids)) < len(ids):
        raise ValueError(f"the claims of {notebook} have the ids {ids}; each may occur only once")
    common: dict[str, Any] = {
        "notebook": notebook,
        "run": run,
        "profile": profile,
        "seed": int(seed),
        "versions": versions(),
        "commit": commit(),
        "seconds": round(time.perf_counter() - started, 1),
    }
    new = [Claim(**dataclasses.asdict(item), **common) for item in verdicts]
    folder = files.writable_directory(output_dir)
    with filelock.FileLock(folder / ".claims.json.lock"):
        path = folder / "claims.json"
        kept = [claim for claim in load(path) if (claim.notebook, claim.run) != (notebook, run)]
        claims = sorted(kept + new, key=lambda claim: (claim.notebook, claim.run))
        _write(path, claims)
    columns = ["id", "expected", "observed", "tolerance", "verdict"]
    return pd.DataFrame([dataclasses.asdict(item) for item in verdicts], columns=columns)


def load(path: str | os.PathLike[str]) -> list[Claim]:
    """Read the records of a claims.json.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    list of Claim
        Its records; none if there is no such file.

    Raises
    ------
    ValueError
        The file is not a list of records.
    """
    try:
        return [Claim(**item) for item in json.loads(Path(path).read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is not a list of claim records ({error}); delete it, and the next run writes it anew"
        ) from error


def keep(path: str | os.PathLike[str], runs: Container[tuple[str, str]]) -> None:
    """Drop the records of all other runs from a claims.json.

    Parameters
    ----------
    path : path
        The file.
    runs : container of (notebook, run)
        What to keep.
    """
    path = Path(path)
    with filelock.FileLock(path.parent / ".claims.json.lock"):
        _write(path, [claim for claim in load(path) if (claim.notebook, claim.run) in runs])


def markdown_table(claims: Iterable[Claim]) -> str:
    """Render records as a Markdown table.

    Parameters
    ----------
    claims : iterable of Claim
        In the order of the rows.

    Returns
    -------
    str
        A Markdown table, ending with a line end.
    """
    rows = ["| Run | Claim | Source | Expected | Observed | Tolerance | Verdict |", "|" + "---|" * 7]
    for claim in claims:
        values = [text(value) for value in (claim.expected, claim.observed, claim.tolerance)]
        cells = [claim.run, claim.statement, claim.provenance, *values, f"**{claim.verdict}**"]
        rows.append("| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def markdown_section(claims: Iterable[Claim]) -> str:
    """Render records for the README: how many verdicts of each kind a notebook has, and its table to unfold.

    Parameters
    ----------
    claims : iterable of Claim
        Those of one notebook follow each other.

    Returns
    -------
    str
        Markdown with the HTML of foldable parts, ending with a line end.
    """
    groups = {name: list(rows) for name, rows in itertools.groupby(claims, key=lambda claim: claim.notebook)}
    lines = ["| Notebook | " + " | ".join(VERDICTS) + " |", "|---|" + "---|" * len(VERDICTS)]
    parts = []
    for name, rows in groups.items():
        numbers = [sum(claim.verdict == word for claim in rows) for word in VERDICTS]
        lines.append(
            f"| [{name}](notebooks/{name}.ipynb) | " + " | ".join(str(n or "") for n in numbers) + " |"
        )
        parts.append(
            f"<details><summary>{name}: every claim</summary>\n\n{markdown_table(rows)}\n</details>\n"
        )
    return "\n".join(lines) + "\n\n" + "\n".join(parts)


def replace_between(text: str, begin: str, end: str, content: str) -> str:
    """Replace what stands between two marker lines; a text without both markers is returned as it is."""
    head, found_begin, rest = text.partition(begin)
    _, found_end, tail = rest.partition(end)
    return f"{head}{begin}\n{content}{end}{tail}" if found_begin and found_end else text


def text(value: Scalar) -> str:
    """A value of a record as the tables show it: numbers with four digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@functools.cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "numba", "pennylane"):
        found[name] = importlib.metadata.version(name)
    return {**found, "qgmutils": qgmutils.__version__}


def versions() -> dict[str, str]:
    """Python and the packages that the numbers depend on, and the hash of the science modules' source."""
    return dict(_versions())


def commit() -> str:
    """Commit of the repository that this package lies in.

    Returns
    -------
    str
        40 hexadecimal digits, followed by "-dirty" if a science module or a notebook differs from the commit;
        "unknown" outside a repository of this package.
    """
    root = Path(qgmutils.__file__).resolve().parent.parent

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=30
        )

    # What only draws and reports leaves the numbers alone.
    others = [f":(exclude)qgmutils/{name}" for name in ("bench", "report", "suite")]
    try:
        # An installed copy may lie inside the repository of something else.
        tracked = git("ls-files", "--error-unmatch", "qgmutils/report/claims.py").returncode == 0
        head = git("rev-parse", "HEAD").stdout.strip()
        changed = git(
            "diff", "--quiet", "HEAD", "--", "qgmutils/*.py", "notebooks/*.ipynb", *others
        ).returncode
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("-dirty" if changed else "") if tracked and head else "unknown"


def _write(path: Path, claims: Iterable[Claim]) -> None:
    content = json.dumps([dataclasses.asdict(claim) for claim in claims], indent=1, ensure_ascii=False)
    with files.whole_file(path) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def _scalar(value: Any, name: str) -> Scalar:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise ValueError(
        f"{name} is {value!r} of type {type(value).__name__}; it must be a string, a number or a bool"
    )
