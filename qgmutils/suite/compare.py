"""What differs between two outputs of the suite: tables, figures, verdicts, and folders of them.

Every function returns sentences, none where the outputs are equal.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from PIL import Image

from qgmutils.report import claims

BLOCK = 4
"""Figures are compared in blocks of so many pixels a side, each by its mean colour."""

LEVELS = 64
"""By how much of 255 the mean colour of a block may differ: an edge of the strongest contrast that moves by one pixel.

Between versions of the renderer edges move by less: matplotlib without snapping to pixels, on curves, markers and text,
changes blocks by 54 at most; a curve that moves by its width changes some by more than 100, a marker by more than 150.
Text set with another hinting moves by whole pixels (100 to 140): such a figure does look different.
"""

DIGITS = 4
"""To how many digits of a column's largest number tables of another engine are compared.  Engines agree to about ten;
tables are rounded to six, and a fit or a minimum that is known to 1e-8 loses some of the rest."""

GONE = "is no longer there"
SHOWN = 12
"""How many differences of one file are told."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What two folders have in common and what not.

    Attributes
    ----------
    tables, figures, verdicts : int
        How many there are, in one of the folders or both.
    differences : dict of str to list of str
        For each file that differs, what differs in it.
    digits : int or None
        To how many digits tables were compared; None for every byte.
    """

    tables: int
    figures: int
    verdicts: int
    differences: dict[str, list[str]]
    digits: int | None = None

    def __str__(self) -> str:
        """How many there are and, where some differ, how many of them do."""
        some = [sum(name.endswith(kind) for name in self.differences) for kind in (".csv", ".png")]
        some.append(len(self.differences.get("claims.json", [])))
        counts = {"table": self.tables, "figure": self.figures, "verdict": self.verdicts}
        first, second, third = (
            f"{f'{differing} of ' if self.differences else ''}{count} {name}{'' if count == 1 else 's'}"
            for differing, (name, count) in zip(some, counts.items())
        )
        return f"{first}, {second} and {third}"


def folders(
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    *,
    labels: Collection[str],
    complete: bool = True,
    digits: int | None = None,
) -> Comparison:
    """Compare what runs have left in two folders: tables, figures, verdicts.

    Parameters
    ----------
    old, new : path
        The folders.
    labels : collection of str
        Names of the runs whose files are compared.
    complete : bool
        Whether the runs are all there should be, so that files and verdicts of others in `old` are too many.
    digits : int, optional
        Of the tables, as in `tables`.

    Returns
    -------
    Comparison
    """
    old, new, labels = Path(old), Path(new), set(labels)
    names = sorted(
        {path.name for label in labels for folder in (old, new) for path in outputs(folder, label)}
        | (
            {path.name for kind in ("csv", "png") for path in old.glob(f"[!.]*.{kind}") if path.is_file()}
            if complete
            else set()
        )
    )
    differences = {}
    for name in names:
        if not (new / name).is_file():
            found = [GONE]
        elif not (old / name).is_file():
            found = ["is new"]
        else:
            pair = old / name, new / name
            found = tables(*pair, digits=digits) if name.endswith(".csv") else figures(*pair)
        if found:
            differences[name] = found
    found = verdicts(old / "claims.json", new / "claims.json", labels=None if complete else labels)
    if found:
        differences["claims.json"] = found
    n_tables, n_figures = (sum(name.endswith(kind) for name in names) for kind in (".csv", ".png"))
    count = sum(
        claims.label(claim.notebook, claim.run) in labels for claim in claims.load(new / "claims.json")
    )
    count += sum(sentence.endswith(GONE) for sentence in found)
    return Comparison(n_tables, n_figures, count, differences, digits)


def sentences(comparison: Comparison, *, committed: str, replaced: bool) -> list[str]:
    """Say how a run compares with what is committed: lines with what differs, if anything does, and a last one.

    Parameters
    ----------
    comparison : Comparison
        What differs.
    committed : str
        Name of the folder.
    replaced : bool
        Whether the files there have been replaced.

    Returns
    -------
    list of str
    """
    if not comparison.differences:
        to = "" if comparison.digits is None else f", tables to {comparison.digits} digits"
        return [f"{comparison} equal the committed ones{to}"]
    simple = ["is new"], [GONE]
    lines = [f"Differs from {committed}:"]
    for found in simple:
        names = [name for name, other in comparison.differences.items() if other == found]
        lines += [f"  {found[0][3:]}: {', '.join(names)}"] if names else []
    for name, found in comparison.differences.items():
        if found not in simple:
            lines += [f"  {name}: {sentence}" for sentence in found[:SHOWN]]
            lines += [f"  {name}: and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    tail = ", which are replaced" if replaced else ""
    return [*lines, f"{comparison} differ from the committed ones{tail}"]


def outputs(folder: Path, label: str) -> list[Path]:
    """Tables and figures of one run: <label>.csv, <label>.png and <label>.<part>.csv."""
    parts = [path for path in folder.glob("*") if path.suffix in (".csv", ".png")]
    return sorted(path for path in parts if path.name.startswith(f"{label}."))


def tables(
    old: str | os.PathLike[str], new: str | os.PathLike[str], *, digits: int | None = None
) -> list[str]:
    """Compare two CSV files; where they differ, say in which columns and by how much.

    Parameters
    ----------
    old, new : path
        The files.
    digits : int, optional
        Numbers that differ by less than 10^-digits of the largest one of their column count as equal.  Default: the
        files are compared byte for byte.

    Returns
    -------
    list of str
        One sentence for each column that differs, or for the shape.
    """
    if Path(old).read_bytes() == Path(new).read_bytes():
        return []
    try:
        # As text: a number is what is written.
        a, b = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in (old, new))
    except (ValueError, UnicodeError) as error:
        return [f"cannot be read as a table ({error})"]
    if list(a.columns) != list(b.columns):
        return [f"has the columns {', '.join(b.columns)} instead of {', '.join(a.columns)}"]
    if len(a) != len(b):
        return [f"has {len(b)} rows instead of {len(a)}"]
    found = [
        _column(name, a[name], b[name])
        for name in a
        if not a[name].equals(b[name]) and (digits is None or not _agree(a[name], b[name], digits))
    ]
    return found or ([] if digits is not None else ["is written in another way"])


def pixels(old: str | os.PathLike[str] | IO[bytes], new: str | os.PathLike[str] | IO[bytes]) -> float:
    """Share of a figure's blocks whose mean colours differ by more than `LEVELS`.

    Parameters
    ----------
    old, new : path or binary file
        The images; transparency is drawn on white.

    Returns
    -------
    float
        0 to 1, 0 for figures that look alike; 1 if their sizes differ.
    """
    first, second = (_blocks(image) for image in (old, new))
    if first.shape != second.shape:
        return 1.0
    return float((np.abs(first - second).max(axis=-1) > LEVELS).mean())


def figures(old: str | os.PathLike[str], new: str | os.PathLike[str]) -> list[str]:
    """Compare two PNG files byte for byte, or else by `pixels`.

    Parameters
    ----------
    old, new : path
        The files.

    Returns
    -------
    list of str
        One sentence if they look different.
    """
    if Path(old).read_bytes() == Path(new).read_bytes():
        return []
    try:
        share = pixels(old, new)
    except OSError as error:
        return [f"cannot be read as an image ({error})"]
    return [f"looks different in {share:.2%} of its area"] if share else []


def verdicts(
    old: str | os.PathLike[str], new: str | os.PathLike[str], *, labels: Collection[str] | None = None
) -> list[str]:
    """Compare the claims of two claims.json; what they were computed with, and how fast, may differ.

    Parameters
    ----------
    old, new : path
        The files; one that does not exist has no claims.
    labels : collection of str, optional
        Names of the runs whose claims are compared. Default: all.

    Returns
    -------
    list of str
        One sentence for each claim that differs.

    Raises
    ------
    ValueError
        `new` holds no claim records.
    """
    after = _claims(new, labels)
    try:
        before = _claims(old, labels)
    except ValueError as error:
        return [str(error)]
    found = [f"{name} is new" for name in after if name not in before]
    found += [f"{name} {GONE}" for name in before if name not in after]
    for name in before:
        if name in after and before[name] != after[name]:
            fields = [key for key in before[name] if before[name][key] != after[name][key]]
            found.append(
                f"{name}: "
                + "; ".join(
                    f"{key} {_short(before[name][key])} → {_short(after[name][key])}" for key in fields
                )
            )
    return found


def _agree(old: pd.Series, new: pd.Series, digits: int) -> bool:
    rows = np.flatnonzero(old.to_numpy() != new.to_numpy())
    a, b = (pd.to_numeric(column, errors="coerce").to_numpy(float) for column in (old, new))
    largest = np.abs(a[np.isfinite(a)]).max(initial=0.0)
    return bool(np.all(np.abs(a[rows] - b[rows]) < 10.0**-digits * largest))  # nan, of words too, is not


def _column(name: str, old: pd.Series, new: pd.Series) -> str:
    rows = np.flatnonzero(old.to_numpy() != new.to_numpy())
    text = f"column {name}: {len(rows)} of {len(old)} rows differ"
    a, b = (pd.to_numeric(column.iloc[rows], errors="coerce").to_numpy(float) for column in (old, new))
    difference = np.abs(a - b)
    worst = 0
    if np.isfinite(difference).all():
        worst = int(np.argmax(difference))
        scale = np.maximum(np.abs(a), np.abs(b))
        relative = np.divide(difference, scale, out=np.zeros_like(scale), where=scale > 0).max()
        text += f", by at most {difference[worst]:.3g}, relative {relative:.2g}"
    row = rows[worst]
    return f"{text} (row {row}: {old.iloc[row]} → {new.iloc[row]})"


def _blocks(image: str | os.PathLike[str] | IO[bytes]) -> np.ndarray:
    with Image.open(image) as opened:
        drawn = opened.convert("RGBA")
    white = Image.new("RGBA", drawn.size, "white")
    return np.asarray(Image.alpha_composite(white, drawn).convert("RGB").reduce(BLOCK), dtype=float)


def _claims(path: str | os.PathLike[str], labels: Collection[str] | None) -> dict[str, dict[str, Any]]:
    named = [(claims.label(claim.notebook, claim.run), claim) for claim in claims.load(path)]
    return {
        f"{label} {claim.id}": dataclasses.asdict(claim)
        for label, claim in named
        if labels is None or label in labels
    }


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
