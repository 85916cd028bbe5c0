"""Files that are written whole or not at all, and the check that a folder can be written to."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

# Of temporary files: which processes can see each other, which of them made it, and something random.
_TEMPORARY = re.compile(r"\..*~([0-9a-f]{8})-(\d+)-\w{8}(\..*)?")
_FORGOTTEN = 7 * 86400.0  # seconds: no block takes so long


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
    owner = f".{target.stem[:80]}~{_place()}-{os.getpid()}-"
    handle, name = tempfile.mkstemp(prefix=owner, suffix=target.suffix, dir=target.parent)
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


def sweep(folder: str | os.PathLike[str]) -> list[Path]:
    """Delete the temporary files that `whole_file` could not delete because its process was killed.

    Parameters
    ----------
    folder : path
        The folder; those below it are left alone.

    Returns
    -------
    list of Path
        What was deleted.  Files of processes that live are left alone, and so are those of other machines for a week.
    """
    deleted = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            match = _TEMPORARY.fullmatch(entry.name)
            if match is None:
                continue
            import psutil  # not needed where there is nothing to sweep

            with contextlib.suppress(OSError):
                here = match[1] == _place()
                forgotten = time.time() - entry.stat(follow_symlinks=False).st_mtime > _FORGOTTEN
                if forgotten or (here and not psutil.pid_exists(int(match[2]))):
                    os.unlink(entry.path)
                    deleted.append(Path(entry.path))
    return deleted


def takes_files(folder: str | os.PathLike[str]) -> bool:
    """Whether a file can be written into a folder."""
    # Permission bits say little (root, read-only and network file systems): only writing tells.
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0")
        return True
    return False


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


@functools.cache
def _place() -> str:
    """Processes with the same one have different numbers."""
    place = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    with contextlib.suppress(OSError):
        place += os.readlink("/proc/self/ns/pid")
    return f"{zlib.crc32(place.encode()):08x}"


def _umask() -> int:
    # The mask can be read only by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
