"""The manifest notebooks/claims.toml: which notebook runs with which parameters, and which verdicts it gives.

    [[run]]
    notebook = "03_minima_distribution"
    name = "tfim"                                # only where the notebook has several runs
    after = "02_hessian_spectrum"                # only where it takes that notebook's results from the cache
    parameters = {hamiltonian = "tfim"}          # in every profile
    expect = {ridge = "reproduced"}              # claim id = verdict
    quick = {weight = 40, parameters = {n_qubits = 6}}
    full = {weight = 300, parameters = {n_qubits = 8}, expect = {ridge = "inconclusive"}}

A run belongs to the profiles that it has a table for. `weight` is about how many seconds one core needs for
it; the time left is estimated from it. What a profile says replaces, name by name, what the run says. Values of
parameters are checked as `qgmutils.suite.parameters` says.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qgmutils.report import claims
from qgmutils.suite import parameters
from qgmutils.suite.parameters import INJECTED, Parameter

PROFILES = ("quick", "full", "large")
LONGEST = 1e7  # seconds, four months: the sum of such weights is still a number


class ManifestError(ValueError):
    """The manifest, or what was asked of it, is wrong; the message names the place and what is allowed."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One execution of a notebook.

    Attributes
    ----------
    notebook, name, profile : str
        Which; `name` is "" where the notebook has one run only.
    parameters : dict
        What differs from the notebook's defaults.
    weight : float
        Seconds on one core, positive.
    expect : dict of str to str
        Claim id to verdict.
    after : str
        A notebook whose runs have to end first, as results of theirs are needed again; "" for none.
    """

    notebook: str
    name: str
    profile: str
    parameters: dict[str, Any]
    weight: float
    expect: dict[str, str]
    after: str = ""

    @property
    def label(self) -> str:
        """Name of the run and of its files: <notebook> or <notebook>.<name>."""
        return claims.label(self.notebook, self.name)


def load(path: str | os.PathLike[str]) -> list[Run]:
    """Read the manifest; every run occurs once for each of its profiles.

    Parameters
    ----------
    path : path
        The TOML file; the notebooks lie beside it.

    Returns
    -------
    list of Run
        In the order of the file.

    Raises
    ------
    ManifestError
        The file is missing, is no TOML, or has an unknown key, a value of a wrong type, a notebook that
        does not exist, a parameter that its notebook does not have or that has another type or range, or runs
        that cannot be told apart.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(
            f"{path} cannot be read ({error.strerror}); the suite runs from a clone"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeError) as error:
        raise ManifestError(f"{path} is no valid TOML: {error}") from error
    _check_keys(content, {"run": list}, where=str(path))
    entries = content.get("run", [])
    runs = [run for number, entry in enumerate(entries, 1) for run in _read(entry, path, f"run {number}")]
    count = Counter(entry["notebook"] for entry in entries)
    labels = Counter((run.label, run.profile) for run in runs)
    for run in runs:
        if bool(run.name) != (count[run.notebook] > 1):
            rule = (
                "needs a name, since the notebook has several runs" if not run.name else "must have no name"
            )
            raise ManifestError(f"{path}: {run.label} {rule}")
        if labels[run.label, run.profile] > 1:
            raise ManifestError(f"{path}: there are several runs {run.label}; give them different names")
        if run.after and (run.after not in count or run.after == run.notebook):
            others = [notebook for notebook in count if notebook != run.notebook]
            raise ManifestError(f"{path}: {run.label} is after {_unknown('notebook', run.after, others)}")
    known = {notebook: _notebook(path.parent, notebook) for notebook in count}
    checked = []
    for run in runs:
        mine = known[run.notebook]
        for name in run.parameters:
            if name in INJECTED:
                raise ManifestError(f"{path}: {run.label} sets {name!r}, which is for the suite to set")
            if name not in mine:
                raise ManifestError(f"{path}: {run.label} sets {_unknown('parameter', name, mine)}")
        checked.append(
            _with(run, run.parameters, mine, where=f"{path}, {run.label}, profile {run.profile}: ")
        )
    return checked


def select(runs: Iterable[Run], *, profile: str | None, only: Sequence[str] = ()) -> list[Run]:
    """Choose the runs of a profile, or of all.

    Parameters
    ----------
    runs : iterable of Run
        The manifest.
    profile : str, optional
        One of `PROFILES`; None for all.
    only : sequence of str
        Names of notebooks, the beginnings of such names, or <notebook>.<run>. Default: everything.

    Returns
    -------
    list of Run
        In the order of the manifest.

    Raises
    ------
    ManifestError
        The profile or one of the names is unknown, or the profile has no run of that name.
    """
    runs = list(runs)
    profiles = [name for name in PROFILES if any(run.profile == name for run in runs)]
    if profile is not None and profile not in profiles:
        raise ManifestError(_unknown("profile", profile, profiles))
    chosen: set[str] = set()
    for pattern in only or [""]:
        labels = _matches(pattern, runs)
        here = {run.label for run in runs if run.label in labels and profile in (None, run.profile)}
        if not labels:
            names = [run.label for run in runs] + [run.notebook for run in runs]
            raise ManifestError(_unknown("notebook", pattern, dict.fromkeys(names)))
        if not here:
            where = [name for name in profiles if any(r.label in labels and r.profile == name for r in runs)]
            raise ManifestError(f"profile {profile} has no run {pattern!r}; it is part of {', '.join(where)}")
        chosen |= here
    return [run for run in runs if profile in (None, run.profile) and run.label in chosen]


def override(
    runs: Sequence[Run], values: Mapping[str, Any], *, folder: str | os.PathLike[str]
) -> tuple[list[Run], dict[str, list[str]]]:
    """Set parameters of the chosen runs, where their notebooks know them.

    Parameters
    ----------
    runs : sequence of Run
        The chosen runs.
    values : mapping of str to object
        Parameter values.
    folder : path
        Where the notebooks lie.

    Returns
    -------
    runs : list of Run
        With the new values.
    skipped : dict of str to list of str
        For each parameter, the chosen notebooks that do not know it (none is no entry).

    Raises
    ------
    ManifestError
        A parameter is known to none of the chosen notebooks, is one that the suite sets, or has another type or range.
    """
    chosen = dict.fromkeys(run.notebook for run in runs)
    names = {path.stem: parameters.read(path) for path in sorted(Path(folder).glob("*.ipynb"))}
    skipped: dict[str, list[str]] = {}
    for name in values:
        if name in INJECTED:
            remedy = {"run": "--only", "profile": "--profile", "seed": "--seed", "output_dir": "--output-dir"}
            raise ManifestError(f"parameter {name!r} cannot be set with -p; use {remedy[name]}")
        if not any(name in names[notebook] for notebook in chosen):
            known = sorted(set().union(*(names[notebook] for notebook in chosen)) - set(INJECTED))
            others = [notebook for notebook, have in names.items() if name in have]
            elsewhere = f"; {', '.join(others)} would know it" if others else ""
            raise ManifestError(f"{_unknown('parameter', name, known)} for {', '.join(chosen)}{elsewhere}")
        without = [notebook for notebook in chosen if name not in names[notebook]]
        if without:
            skipped[name] = without
    changed = [
        _with(run, {k: v for k, v in values.items() if k in names[run.notebook]}, names[run.notebook])
        for run in runs
    ]
    return changed, skipped


def _notebook(folder: Path, name: str) -> dict[str, Parameter]:
    path = folder / f"{name}.ipynb"
    if not path.is_file():
        present = sorted(other.stem for other in folder.glob("*.ipynb"))
        raise ManifestError(f"{folder} has no notebook: {_unknown('notebook', name, present)}")
    found = parameters.read(path)
    missing = [name for name in INJECTED if name not in found]
    if missing:
        raise ManifestError(f"{path.name}: its cell of parameters lacks {', '.join(missing)}")
    return found


def _with(run: Run, values: Mapping[str, Any], known: Mapping[str, Parameter], *, where: str = "") -> Run:
    """The run with some parameters set, if they are what its notebook takes."""
    try:
        accepted = {name: known[name].accept(value) for name, value in values.items()}
    except parameters.ParameterError as error:
        raise ManifestError(f"{where}{error}") from error
    return dataclasses.replace(run, parameters=run.parameters | accepted)


def _read(entry: Any, path: Path, where: str) -> list[Run]:
    where = f"{path}, {where}"
    if not isinstance(entry, dict):
        raise ManifestError(f"{where} is {entry!r}; it must be a table [[run]]")
    common = {"parameters": dict, "expect": dict}
    names = dict.fromkeys(("notebook", "name", "after"), str)
    _check_keys(entry, {**names, **common, **dict.fromkeys(PROFILES, dict)}, where=where)
    if "notebook" not in entry:
        raise ManifestError(f"{where} has no key 'notebook'")
    for key in ("notebook", "name"):
        # They name files, which may lie nowhere but in the folders of the suite.
        if key in entry and not re.fullmatch(r"[\w-]{1,60}", entry[key]):
            raise ManifestError(
                f"{where}: {key} is {entry[key]!r}; it names files, so only letters, digits, '_' and '-' are allowed, "
                "60 at most"
            )
    where = f"{where} ({'.'.join(filter(None, (entry['notebook'], entry.get('name'))))})"
    runs = []
    for profile in PROFILES:
        if profile not in entry:
            continue
        details = entry[profile]
        _check_keys(details, {"weight": (int, float), **common}, where=f"{where}, {profile}")
        weight = details.get("weight", 0)
        if isinstance(weight, bool) or not 0 < weight <= LONGEST:
            raise ManifestError(
                f"{where}, {profile}: weight is {weight!r}; give the seconds that it takes, above 0 to {LONGEST:g}"
            )
        expect = entry.get("expect", {}) | details.get("expect", {})
        for claim, verdict in expect.items():
            if verdict not in claims.VERDICTS:
                raise ManifestError(
                    f"{where}, {profile}: claim {claim}: {_unknown('verdict', verdict, claims.VERDICTS)}"
                )
        values = entry.get("parameters", {}) | details.get("parameters", {})
        name, after = entry.get("name", ""), entry.get("after", "")
        runs.append(Run(entry["notebook"], name, profile, values, float(weight), expect, after))
    if not runs:
        raise ManifestError(
            f"{where} belongs to no profile; give it a table for one of {', '.join(PROFILES)}"
        )
    return runs


def _check_keys(table: Mapping[str, Any], allowed: Mapping[str, Any], *, where: str) -> None:
    for key, value in table.items():
        if key not in allowed:
            raise ManifestError(f"{where}: {_unknown('key', key, allowed)}")
        if not isinstance(value, allowed[key]):
            raise ManifestError(f"{where}: {key} is {value!r}, which has the wrong type")


def _matches(pattern: str, runs: Iterable[Run]) -> set[str]:
    # A full name means that run or notebook alone, although it may be the beginning of another name.
    pairs = {(run.label, run.notebook) for run in runs}
    for exact in ({a for a, _ in pairs if a == pattern}, {a for a, b in pairs if b == pattern}):
        if exact:
            return exact
    return {label for label, _ in pairs if label.startswith(pattern)}


def _unknown(kind: str, name: object, known: Iterable[str]) -> str:
    known = list(known)
    return f"unknown {kind} {name!r}{_close(str(name), known)}; known: {', '.join(map(str, known))}"


def _close(name: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, list(known), n=3)
    return f" (did you mean {' or '.join(matches)}?)" if matches else ""
