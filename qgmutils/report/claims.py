"""Claims and verdicts: what a notebook tested, where the statement comes from, and what came out."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import filelock
import pandas as pd

import qgmutils
from qgmutils.computing import files, tasks
from qgmutils.report.predicates import Finding

PROVENANCE = {
    "paper": "stated in the paper's abstract or in a caption of it that is at hand",
    "field": "general knowledge of the paper's construction",
    "published": "stated in another paper, which the claim names",
    "derived": "derived for this project",
}
VERDICTS = ("reproduced", "not reproduced", "inconclusive")
DIGITS = 6
"""Significant digits of the numbers in claims.json: far more than any claim has, fewer than machines agree on."""


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
    expected, observed, tolerance : str
        What the claim says, what was found, and by how much they may differ, in words.
    verdict : str
        One of `VERDICTS`.
    numbers : dict
        The same as numbers, rounded to `DIGITS`: value, uncertainty, expected (a number, or an interval [low, high]
        with null as an open end), tolerance, cases and failing, as in `Finding`; null without data.
    """

    id: str
    statement: str
    provenance: str
    expected: str
    observed: str
    tolerance: str
    verdict: str
    numbers: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Claim:
    """A verdict and the run that gave it: a record of claims.json, field by field.

    Attributes
    ----------
    id, statement, provenance, expected, observed, tolerance, verdict, numbers
        As in `Verdict`.
    notebook, run : str
        What tested it; `run` is "" where the notebook has one run only.

    Raises
    ------
    ValueError
        The verdict is none of `VERDICTS`, or is a yes or a no without a finite number.
    """

    id: str
    notebook: str
    run: str
    statement: str
    provenance: str
    expected: str
    observed: str
    tolerance: str
    verdict: str
    numbers: dict[str, Any]

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(
                f"claim {self.id} has the verdict {self.verdict!r}; known: {', '.join(VERDICTS)}"
            )
        value = self.numbers.get("value")
        if self.verdict != "inconclusive" and not (value is not None and math.isfinite(value)):
            raise ValueError(
                f"claim {self.id} is {self.verdict} with the value {value!r}; without data it is open"
            )


def verdict(
    *,
    id: str,
    statement: str,
    provenance: Literal["paper", "field", "published", "derived"],
    expected: str,
    tolerance: str,
    finding: Finding,
    observed: str = "",
) -> Verdict:
    """State a claim and what a predicate found.

    Parameters
    ----------
    id, statement : str
        Its name and its sentence, not empty.
    provenance : {"paper", "field", "published", "derived"}
        Where it comes from.
    expected, tolerance : str
        What the claim says and by how much the data may differ, in words.
    finding : Finding
        From one of `qgmutils.report.predicates`.
    observed : str
        What was found, in words; default is the finding's own text, and "no data" where there is none.

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
    if not isinstance(finding, Finding):
        raise ValueError(f"finding is {finding!r}; it must come from one of qgmutils.report.predicates")
    word = dict(zip((True, False, None), VERDICTS, strict=True))[finding.holds]
    numbers = {
        name: _rounded(getattr(finding, name))
        for name in ("value", "uncertainty", "expected", "tolerance", "cases", "failing")
    }
    words = (observed or finding.text) if finding.value is not None else "no data"
    return Verdict(id, statement, provenance, expected, words, tolerance, word, numbers)


def record(
    verdicts: Sequence[Verdict],
    *,
    notebook: str,
    profile: str,
    seed: int,
    output_dir: str | os.PathLike[str],
    run: str = "",
) -> None:
    """Write the verdicts of a run to `output_dir`/claims.json, in place of what the same run wrote before.

    Beside them stands what they were computed with: the versions, processor, dates and seconds of all tables that this
    process took from `run_tasks`, whenever those were computed.  Several processes may write at the same time.

    Parameters
    ----------
    verdicts : sequence of Verdict
        With distinct ids.
    notebook, run : str
        As in `Claim`.
    profile : str
        The sizes they were tested with.
    seed : int
        Root of all random streams.
    output_dir : path
        Folder of the figures; made if it does not exist.

    Raises
    ------
    ValueError
        An id occurs twice, `output_dir` cannot be written to, or the claims.json in it holds no records.
    """
    ids = [item.id for item in verdicts]
    if len(set(ids)) < len(ids):
        raise ValueError(f"the claims of {notebook} have the ids {ids}; each may occur only once")
    new = [Claim(**dataclasses.asdict(item), notebook=notebook, run=run) for item in verdicts]
    account = {"profile": profile, "seed": int(seed), **dataclasses.asdict(tasks.account())}
    folder = files.writable_directory(output_dir)
    with filelock.FileLock(folder / ".claims.json.lock"):
        path = folder / "claims.json"
        kept = [claim for claim in load(path) if (claim.notebook, claim.run) != (notebook, run)]
        claims = sorted(kept + new, key=lambda claim: (claim.notebook, claim.run))
        _write(path, claims, computed(path) | {label(notebook, run): account})


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a notebook shows of its verdicts: lines of numbers as text, which `nbval` compares, and a table in words."""

    verdicts: tuple[Verdict, ...]

    def __repr__(self) -> str:
        rows = [
            {
                "id": item.id,
                **{name: item.numbers[name] for name in ("value", "uncertainty")},
                "verdict": item.verdict,
            }
            for item in self.verdicts
        ]
        return pd.DataFrame(rows).to_string(index=False, float_format="{:.4g}".format)

    def _repr_markdown_(self) -> str:
        heads = ["Claim", "Source", "Expected", "Tolerance", "Observed", "Verdict"]
        rows = [
            [f"`{v.id}` {v.statement}", v.provenance, v.expected, v.tolerance, v.observed, f"**{v.verdict}**"]
            for v in self.verdicts
        ]
        return _markdown(heads, rows)


def label(notebook: str, run: str) -> str:
    """Name of a run: "03_minima_distribution.tfim", or that of the notebook where it has one run only."""
    return f"{notebook}.{run}" if run else notebook


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
        The file holds no records.
    """
    try:
        return [Claim(**item) for item in _read(path)["claims"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} holds no claim records ({error}); delete it, and the next run writes it anew"
        ) from error


def computed(path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """What runs were computed with: the fields of `tasks.Account`, profile and seed, by name of the run."""
    return dict(_read(path)["computed"])


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
        claims = [claim for claim in load(path) if (claim.notebook, claim.run) in runs]
        names = {label(claim.notebook, claim.run) for claim in claims}
        _write(path, claims, {name: entry for name, entry in computed(path).items() if name in names})


def verdicts_page(profiles: Mapping[str, Iterable[Claim]]) -> str:
    """Render every claim of every profile, for figures/VERDICTS.md.

    Parameters
    ----------
    profiles : mapping of str to iterable of Claim
        The records of each profile, by its name, in the order of the columns.

    Returns
    -------
    str
        A Markdown page, ending with a line end: how many verdicts of each kind every notebook has, then a table of the
        claims of each.  A claim has one row, with a column for each profile; where profiles word it differently, as
        with other sizes in it, each wording has a row.
    """
    records = {profile: list(claims) for profile, claims in profiles.items()}
    notebooks = sorted({claim.notebook for claims in records.values() for claim in claims})
    parts = [
        "# Every claim and its verdict\n",
        f"Written by `nox -s figures`, one column for each profile ({', '.join(records)}). *Source* is "
        + "; ".join(f"`{source}`: {meaning}" for source, meaning in PROVENANCE.items())
        + ". A claim without data, or within its error, is inconclusive. `claims.json` beside the figures has the "
        "numbers.\n",
    ]
    counts = []
    for notebook in notebooks:
        found = [[c.verdict for c in claims if c.notebook == notebook] for claims in records.values()]
        numbers = [
            " / ".join(str(words.count(verdict)) for verdict in VERDICTS) if words else "" for words in found
        ]
        counts.append([f"[{notebook}](#{notebook})", *numbers])
    parts.append(_markdown([" / ".join(VERDICTS), *records], counts))
    for notebook in notebooks:
        rows: dict[tuple[str, ...], dict[str, str]] = {}
        for profile, claims in records.items():
            for c in claims:
                if c.notebook == notebook:
                    wording = (
                        c.run,
                        f"`{c.id}` {c.statement}",
                        c.provenance,
                        f"{c.expected} ({c.tolerance})",
                    )
                    rows.setdefault(wording, {})[profile] = f"**{c.verdict}**: {c.observed}"
        table = [
            [*wording, *(found.get(profile, "") for profile in records)] for wording, found in rows.items()
        ]
        several = any(row[0] for row in table)
        heads = ["Run", "Claim", "Source", "Expected (tolerance)", *records]
        shown = _markdown(heads, table) if several else _markdown(heads[1:], [row[1:] for row in table])
        parts.append(f"## {notebook}\n\n[The notebook](../notebooks/{notebook}.ipynb)\n\n{shown}")
    return "\n".join(parts)


def replace_between(text: str, begin: str, end: str, content: str) -> str:
    """Replace what stands between two marker lines; a text without both markers is returned as it is."""
    head, found_begin, rest = text.partition(begin)
    _, found_end, tail = rest.partition(end)
    return f"{head}{begin}\n{content}{end}{tail}" if found_begin and found_end else text


def commit() -> str:
    """Commit of the repository that this package lies in.

    Returns
    -------
    str
        40 hexadecimal digits, followed by "-dirty" if the package or a notebook differs from the commit;
        "unknown" outside a repository of this package.
    """
    root = Path(qgmutils.__file__).resolve().parent.parent

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=30
        )

    try:
        # An installed copy may lie inside the repository of something else.
        tracked = git("ls-files", "--error-unmatch", "qgmutils/report/claims.py").returncode == 0
        head = git("rev-parse", "HEAD").stdout.strip()
        changed = git("diff", "--quiet", "HEAD", "--", "qgmutils/*.py", "notebooks/*.ipynb").returncode
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("-dirty" if changed else "") if tracked and head else "unknown"


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, ending with a line end; cells may hold bars and line ends."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for cells in rows:
        lines.append("| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"claims": [], "computed": {}}


def _write(path: Path, claims: Iterable[Claim], computed: dict[str, dict[str, Any]]) -> None:
    content = {
        "claims": [dataclasses.asdict(claim) for claim in claims],
        "computed": dict(sorted(computed.items())),
    }
    with files.whole_file(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def _rounded(value: Any) -> Any:
    """The number with `DIGITS` significant digits, also in an interval; counts and None stay as they are."""
    if isinstance(value, tuple):
        return [_rounded(end) for end in value]
    return float(f"{value:.{DIGITS}g}") + 0.0 if isinstance(value, float) else value
