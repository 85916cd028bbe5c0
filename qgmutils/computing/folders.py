"""Where this user's files may go: results and compiled kernels, which can be made again at any time."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def user_cache() -> Path | None:
    """The package's folder in the user's cache.

    Returns
    -------
    Path or None
        An absolute path, which need not exist or be writable.  None where the user has no home: HOME is not set
        and the user id is not in the passwd file.
    """
    try:
        path = platformdirs.user_cache_path("qgmutils")
    except (RuntimeError, OSError):
        return None
    # Without a home the tilde stays in the path, and would become a folder of that name in the working directory.
    return path if path.is_absolute() else None
