"""Warnings about caches, for people who see the program's warnings and for those who see only its progress file."""

from __future__ import annotations

import warnings


class CacheWarning(UserWarning):
    """The cache could not be read or written; the results are right all the same."""


_said: list[str] = []


def warn(text: str) -> None:
    """Warn, and keep the text for the progress file."""
    _said.append(text)
    warnings.warn(text, CacheWarning, stacklevel=3)


def said() -> list[str]:
    """What this process has warned of so far."""
    return list(_said)
