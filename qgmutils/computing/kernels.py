"""Compiled kernels on disk, and when they are out of date.

numba keeps what it has compiled beside the source, or in the folder NUMBA_CACHE_DIR, and compiles a function again when
its own file has changed, but not when a kernel that it calls from another file has.  A result computed by such a stale
kernel would be stored under the hash of a source that did not make it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from qgmutils.computing import files

STAMP = "kernels.sha256"


def drop_stale(package: Path) -> bool:
    """Delete numba's index files of a package if any of its source has changed since they were written.

    Parameters
    ----------
    package : Path
        The package's folder.

    Returns
    -------
    bool
        Whether the source had changed.  A folder that cannot be written to stays as it is, and numba does not use it.
    """
    digest = hashlib.sha256()
    sources = sorted(package.rglob("*.py"))
    for path in sources:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    elsewhere = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(elsewhere) / package.name if elsewhere else package / "__pycache__"
    stamp, state = folder / STAMP, digest.hexdigest()
    with contextlib.suppress(OSError):
        if stamp.read_text(encoding="ascii") == state:
            return False
    # NUMBA_CACHE_DIR may hold kernels of other packages; file names begin with the module's.
    modules = {path.stem for path in sources}
    with contextlib.suppress(OSError):
        for path in (Path(elsewhere) if elsewhere else package).rglob("*.nbi"):
            if path.name.partition(".")[0] in modules:
                path.unlink(missing_ok=True)
        with files.whole_file(stamp) as temporary:
            temporary.write_text(state, encoding="ascii")
    return True
