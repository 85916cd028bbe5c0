"""Compiled kernels on disk: never stale, never in the way, whatever happens to their folder.

A copy of the package with nothing but its computing modules and two kernels of its own compiles in no time.
"""

import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import qgmutils

INNER = """from qgmutils.computing.kernels import compiled

@compiled
def inner(x):
    return x + {shift}
"""
OUTER = """from qgmutils.computing.kernels import compiled
from qgmutils.inner import inner

@compiled
def outer(x):
    return 2 * inner(x)
"""
PROGRAM = "import qgmutils.outer as o; print(o.outer(1))"
WARNING = "CacheWarning: compiled kernels cannot be kept"


@pytest.fixture
def root(tmp_path):
    """The folder of a small package; its kernels are to be kept in the folder `cache` beside it."""
    package, real = tmp_path / "qgmutils", Path(qgmutils.__file__).parent
    shutil.copytree(real / "computing", package / "computing", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(real / "__init__.py", package)
    (package / "inner.py").write_text(INNER.format(shift=1))
    (package / "outer.py").write_text(OUTER)
    return tmp_path


def start(root, program=PROGRAM, before="", **environment):
    """A process that runs a program on the small package."""
    variables = os.environ | {"PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(root / "cache"), **environment}
    return subprocess.Popen(
        [sys.executable, "-B", "-W", "always", "-c", before + program],
        env={name: value for name, value in variables.items() if value is not None},
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    """What it printed, and how often it warned."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip(), err.count(WARNING)


def run(root, *args, **options):
    return outcome(start(root, *args, **options))


def kept(root):
    return sorted(root.joinpath("cache").rglob("*.nbc"))


def test_a_changed_kernel_reaches_its_callers(root):
    assert run(root) == ("4", 0)
    before = kept(root)
    (root / "qgmutils" / "inner.py").write_text(INNER.format(shift=10))
    assert run(root) == ("22", 0)
    assert set(before) < set(kept(root)), "the old kernels stay for whoever goes back"
    (root / "qgmutils" / "inner.py").write_text(INNER.format(shift=1))
    assert run(root) == ("4", 0)


def test_an_edit_behind_the_import_leaves_the_folder_alone(root):
    edit = f"""import pathlib, qgmutils
pathlib.Path("qgmutils/inner.py").write_text({INNER.format(shift=100)!r})
"""
    assert run(root) == ("4", 0)
    before = {path: path.read_bytes() for path in kept(root)}
    assert run(root, before=edit) == ("202", 0)
    assert {path: path.read_bytes() for path in kept(root)} == before


def test_an_outdated_compiled_copy_of_the_source_is_not_taken(root):
    path = root / "qgmutils" / "inner.py"
    for shift in (1, 7):
        # Python trusts a copy of a file of the same length and second of change.
        path.write_text(INNER.format(shift=shift))
        os.utime(path, (1e9, 1e9))
        if shift == 1:
            py_compile.compile(path, doraise=True)
        assert run(root) == (str(2 * (1 + shift)), 0)
    shutil.rmtree(root / "qgmutils" / "__pycache__")
    assert run(root) == ("16", 0)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_what_other_users_have_written_is_not_loaded(root):
    assert run(root) == ("4", 0)
    for path in kept(root):
        os.chown(path, 12345, -1)
    before = [path.read_bytes() for path in kept(root)]
    hits = "import qgmutils.outer as o; o.outer(1); print(sum(o.outer.stats.cache_hits.values()))"
    assert run(root, hits) == ("0", 1)
    assert len(kept(root)) == len(before)
    assert run(root, hits) == ("1", 0)  # root's own again


def test_kernels_are_compiled_once(root):
    assert run(root) == ("4", 0)
    written = [path.stat().st_mtime_ns for path in kept(root)]
    hits = "import qgmutils.outer as o; o.outer(1); print(sum(o.outer.stats.cache_hits.values()))"
    assert run(root, hits) == ("1", 0)
    assert [path.stat().st_mtime_ns for path in kept(root)] == written


WATCHED = """import time, threading
from qgmutils.computing import kernels
changes = []
kernels.on_compiling(changes.append)
import qgmutils.outer as o
assert not kernels.compiling()
o.outer(1)
print(changes, kernels.compiling())
"""


def test_it_is_known_when_kernels_are_compiled(root):
    assert run(root, WATCHED) == ("[1, -1] False", 0)  # once for both
    assert run(root, WATCHED) == ("[] False", 0)
    for path in kept(root):
        replace_by_garbage(path)
    assert run(root, WATCHED) == ("[1, -1] False", 1)
    # Where nothing can be kept, and where a compilation fails.
    assert run(root, WATCHED, NUMBA_CACHE_DIR="/proc/none") == ("[1, -1] False", 1)
    failing = """
try: o.outer("a")
except Exception as error: print(type(error).__name__, changes, kernels.compiling())
kernels.stop_waiting(); print(changes, kernels.compiling())
"""
    assert run(root, WATCHED + failing)[0].splitlines()[-2:] == [
        "TypingError [1] True",
        "[1, -1] False",
    ]


def test_other_threads_run_while_a_kernel_does(root):
    (root / "qgmutils" / "long.py").write_text(
        """from qgmutils.computing.kernels import compiled

@compiled
def spin(n):
    x = 1
    for _ in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) >> 1
    return x
"""
    )
    program = """import threading, time
from qgmutils.long import spin
spin(1)
ticks, ended = [], threading.Event()
def tick():
    while not ended.wait(0.01): ticks.append(time.monotonic())
threading.Thread(target=tick).start()
start = time.monotonic(); spin(10**9); end = time.monotonic(); ended.set()
print(end - start > 0.2, sum(start + 0.05 < t < end - 0.05 for t in ticks) > 3)
"""
    assert run(root, program) == ("True True", 0)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def replace_by_garbage(path):
    payload = b"no pickle at all"
    path.write_bytes(hashlib.sha256(payload).digest() + payload)


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, replace_by_garbage, replace_by_folder])
def test_damage(root, damage):
    assert run(root) == ("4", 0)
    for path in kept(root):
        damage(path)
    assert run(root) == ("4", 1)
    # A folder in the way stays, as we did not make it; anything else has been repaired.
    assert run(root) == ("4", int(damage is replace_by_folder))


def test_a_folder_that_goes_away(root):
    gone = """import shutil, qgmutils.outer as o
print(o.outer(1)); shutil.rmtree("cache"); print(o.outer(1.0))
"""
    assert run(root, gone) == ("4\n4.0", 0)
    assert run(root, "import qgmutils.outer as o; print(o.outer(1.0))") == ("4.0", 0)


def test_a_full_disk(root):
    # A file may hold 64 bytes: writing more fails as on a full disk, but for the number of the error.
    full = """import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
"""
    pytest.importorskip("resource")
    assert run(root, before=full) == ("4", 1)
    assert not [path for path in root.joinpath("cache").rglob("*") if path.is_file()]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that nobody can write to")
def test_a_home_that_cannot_be_written_to(root):
    assert run(root, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=None, HOME="/proc/none") == ("4", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="a user id without an entry in the passwd file")
def test_a_user_without_home(root):
    nobody = """import pwd
def getpwuid(uid):
    raise KeyError(uid)
pwd.getpwuid = getpwuid
"""
    assert run(root, before=nobody, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=None, HOME=None) == ("4", 1)
    assert {path.name for path in root.iterdir()} == {"qgmutils"}


def test_two_processes_at_once(root):
    processes = [start(root) for _ in range(2)]
    assert [outcome(process) for process in processes] == [("4", 0)] * 2
    files = [path.name for path in root.joinpath("cache").rglob("*") if path.is_file()]
    assert sorted(name.partition("-")[0] for name in files) == ["inner", "outer"]


def test_settings_of_the_compiler_have_folders_of_their_own(root):
    run(root)
    run(root, NUMBA_BOUNDSCHECK="1")
    run(root, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert len(list((root / "cache" / "qgmutils").iterdir())) == 3


def test_folders_that_nobody_uses_are_removed(root):
    folders = root / "cache" / "qgmutils"
    names = {"old": "kernels-" + 32 * "0", "recent": "kernels-" + 32 * "1", "foreign": "kernels-of-my-own"}
    long_ago = time.time() - 31 * 86400
    for name in names.values():
        (folders / name).mkdir(parents=True)
        (folders / name / "outer.nbc").touch()
        if name != names["recent"]:
            os.utime(folders / name, (long_ago, long_ago))
    run(root)
    assert not (folders / names["old"]).exists()
    assert (folders / names["recent"] / "outer.nbc").exists()
    assert (folders / names["foreign"] / "outer.nbc").exists()
    (own,) = {path.parent for path in kept(root)} - {folders / name for name in names.values()}
    os.utime(own, (long_ago, long_ago))
    run(root)
    assert time.time() - own.stat().st_mtime < 3600, "use renews a folder"


def test_without_the_compiler(root):
    process = start(root, NUMBA_DISABLE_JIT="1")
    assert (
        "NUMBA_DISABLE_JIT is set, but the kernels of qgmutils need the compiler" in process.communicate()[1]
    )
    assert process.returncode == 1
