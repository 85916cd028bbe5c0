"""What produced the tables that this process got from `tasks.run_tasks`, whenever and wherever they were computed."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import platform
from collections.abc import Iterable
from typing import Any

import qgmutils
from qgmutils.computing.code import version_of
from qgmutils.computing.processes import cpu_model

PACKAGES = ("numpy", "scipy", "numba")


@dataclasses.dataclass(frozen=True)
class Account:
    """What produced the tables that `run_tasks` has returned in this process so far; equal tasks count once.

    Attributes
    ----------
    tables : int
        Number of tables.
    cached : int
        How many of them were in the cache when they were first asked for.
    seconds : float
        Seconds that computing all of them took.
    versions : dict of str to str
        Of python, numpy, scipy, numba and qgmutils; several are joined by ", ".
    cpu : str
        Model names of the processors that computed them, joined likewise.
    first, last : str
        When the first and the last of them was computed: UTC, ISO 8601; "" if there is no table.
    code : str
        Hash of the tasks' keys in sorted order, 64 hexadecimal digits.
    """

    tables: int
    cached: int
    seconds: float
    versions: dict[str, str]
    cpu: str
    first: str
    last: str
    code: str


# By key, over all calls in this process: what made the table, and whether it was in the cache.
_tables: dict[str, tuple[dict[str, Any], bool]] = {}


def enter(key: str, made: dict[str, Any], *, cached: bool) -> None:
    """Count a table, if it is not one that was counted before."""
    _tables.setdefault(key, (made, cached))


def account() -> Account:
    """What produced the tables so far."""
    made = [record for record, _ in _tables.values()]
    dates = sorted(record["date"] for record in made)
    names = ("python", *PACKAGES, "qgmutils")
    return Account(
        tables=len(made),
        cached=sum(cached for _, cached in _tables.values()),
        seconds=sum(record["seconds"] for record in made),
        versions={name: _joined(record["versions"].get(name, "") for record in made) for name in names},
        cpu=_joined(record["cpu"] for record in made),
        first=dates[0] if dates else "",
        last=dates[-1] if dates else "",
        code=hashlib.sha256("\n".join(sorted(_tables)).encode()).hexdigest(),
    )


def circumstances(seconds: float) -> dict[str, Any]:
    """What is stored with a table that this process has just computed.

    Parameters
    ----------
    seconds : float
        How long it took.

    Returns
    -------
    dict
        Items seconds, date (UTC, ISO 8601), cpu and versions.
    """
    versions = {"python": platform.python_version(), **{name: version_of(name) for name in PACKAGES}}
    return {
        "seconds": seconds,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "versions": versions | {"qgmutils": qgmutils.__version__},
    }


def tells(made: dict[str, Any]) -> bool:
    """Whether what is stored with a table holds all that `circumstances` gives."""
    kinds = {"seconds": (int, float), "date": (str,), "cpu": (str,), "versions": (dict,)}
    if not all(isinstance(made.get(name), kind) for name, kind in kinds.items()):
        return False
    return all(isinstance(version, str) for version in made["versions"].values())


def _joined(words: Iterable[str]) -> str:
    return ", ".join(sorted({word for word in words if word}))
