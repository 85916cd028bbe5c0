"""Files that are written whole or not at all, and the check that a folder can be written to."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the path of a temporary file that replaces `path` when the block ends without an exception.

    The file is flushed to the disk before it is renamed, so that `path` holds the old or the new content,
    never a part of one, whatever happens in between. The folder is made if it does not exist.

    Parameters
    ----------
    path : path
        The file to write.

    Yields
    ------
    Path
        A file in the same folder with the same suffix, for the block to write to.

    Raises
    ------
    OSError
        The folder cannot be made or written to, or the disk is full. `path` is then unchanged.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files that nobody else may read; give this one the permissions of an ordinary file.
        temporary.chmod(0o666 & ~_umask())
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def writable_directory(path: str | os.PathLike[str]) -> Path:
    """Make a folder if it is not there, and make sure that a file can be written into it.

    Parameters
    ----------
    path : path
        The folder.

    Returns
    -------
    Path
        Its absolute path.

    Raises
    ------
    ValueError
        The folder cannot be made or written to. The message names it, the reason and the remedy.
    """
    folder = Path(path).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permission bits say little (root, read-only and network file systems): only writing tells.
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        raise ValueError(
            f"output_dir {os.fspath(path)!r} cannot be written to ({error.strerror or error}); "
            "name a folder in which you may create files"
        ) from error
    return folder


def _umask() -> int:
    # The mask can be read only by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
