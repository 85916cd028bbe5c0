"""Changes of a verdict cell's variables, of which the files of `notebooks/verdicts` make their scenarios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Namespace = dict[str, Any]
Change = Callable[[Namespace], None]


def unchanged(variables: Namespace) -> None:
    """Leave the namespace as it is."""


def put(table: str, **values: Any) -> Change:
    """Replace columns of a table."""

    def change(variables: Namespace) -> None:
        variables[table] = variables[table].assign(**values)

    return change


def replace(**values: Any) -> Change:
    """Replace variables."""

    def change(variables: Namespace) -> None:
        variables |= values

    return change


def empty(table: str) -> Change:
    """Leave no row of a table."""

    def change(variables: Namespace) -> None:
        variables[table] = variables[table].iloc[:0]

    return change


def wrong(table: str, **values: Any) -> dict[str, Change]:
    """Ways to each verdict on a claim about every row of a table, which fails with these values."""
    return {"reproduced": unchanged, "not reproduced": put(table, **values), "inconclusive": empty(table)}
