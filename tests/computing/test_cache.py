"""Entries of the result cache: what is in them, and what becomes of damaged and of unwritable ones."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sample_tasks import Draw

import qgmutils
from qgmutils.computing import cache, files, folders, notices
from qgmutils.computing.cache import CacheWarning
from qgmutils.computing.tasks import run_tasks


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS", "QGMUTILS_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def only(folder: Path) -> Path:
    (path,) = folder.glob("*.npz")
    return path


def test_entry_tells_what_made_it(folder: Path) -> None:
    run_tasks([Draw(3)], workers=1)
    metadata = cache.read(only(folder)).metadata
    assert set(metadata) == {
        "key",
        "task",
        "modules",
        "versions",
        "cpu",
        "seconds",
        "date",
        "columns",
        "rows",
    }
    fields = {"seed": 3, "size": 4, "words": ["x"], "recipe": None}
    assert metadata["task"] == {"module": "sample_tasks", "name": "Draw", "fields": fields}
    assert metadata["key"] in only(folder).name
    assert (metadata["rows"], metadata["columns"][:2]) == (4, ["value", "norm"])
    assert set(metadata["modules"]) == {"sample_tasks"}
    assert {"python", "numpy", "scipy", "numba", "qgmutils", "pandas", "blas", "simd"} == set(
        metadata["versions"]
    )
    assert metadata["cpu"]
    assert metadata["seconds"] > 0
    assert pd.Timestamp(metadata["date"]).utcoffset() == pd.Timedelta(0)
    # Other programs can read it, too.
    with np.load(only(folder)) as file:
        assert_frame_equal(
            pd.DataFrame({"value": file["column0"]}), Draw(3).run()[["value"]], check_exact=True
        )


def test_whichever_bit_is_flipped(folder: Path, rng: np.random.Generator) -> None:
    (whole,) = run_tasks([Draw(1)], workers=1)
    path = only(folder)
    content = path.read_bytes()
    # All bits of the first record of the central directory and of what ends the archive, and some of the others.
    directory, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    bits = [*range(8 * directory, 8 * directory + 368), *range(8 * end, 8 * end + 176)]
    bits += rng.integers(8 * len(content), size=1000).tolist()
    for bit in bits:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="does not agree with its hash"):
            cache.read(path)
    for length in (0, 1, 63, 64, 65, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="does not agree with its hash"):
            cache.read(path)
    with pytest.warns(CacheWarning, match=path.name) as caught:
        (again,) = run_tasks([Draw(1)], workers=1)
    assert len(caught) == 1
    assert_frame_equal(again, whole, check_exact=True)
    assert path.read_bytes() != bytes(damaged)
    assert_frame_equal(cache.to_table(cache.read(path).columns), whole, check_exact=True)


def forged(path: Path, **changes: np.ndarray) -> bytes:
    """The archive with other arrays, and a hash that agrees with it."""
    with np.load(path) as file:
        arrays = dict(file) | changes
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()[:-2] + (64).to_bytes(2, "little")
    return content + hashlib.sha256(content).hexdigest().encode()


@pytest.mark.parametrize(
    "damage",
    ["archive", "rows", "dtype", "objects", "more", "key", "text", "array", "none", "seconds", "date"],
)
def test_forged_entry_is_computed_again(damage: str, folder: Path) -> None:
    (whole,) = run_tasks([Draw(1)], workers=1)
    path = only(folder)
    metadata = cache.read(path).metadata
    if damage == "archive":  # of valid form, as numpy writes it
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **(arrays | {"column0": arrays["column0"] + 1}))
    elif damage == "array":
        np.save(path, np.ones(3))
        path.with_suffix(".npz.npy").replace(path)
    elif damage == "none":
        path.write_bytes(forged(path, metadata=np.array("null")))
    else:
        changes = {
            "rows": {"column0": np.ones(3)},
            "dtype": {"column0": np.array(["2020"] * 4, "M8[Y]")},
            "objects": {"column0": np.array([{}, 1, 2, 3])},
            "more": {"column99": np.ones(4)},
            "key": {"metadata": np.array(json.dumps(metadata | {"key": "0" * 64}))},
            "text": {"metadata": np.array("{")},
            "seconds": {"metadata": np.array(json.dumps(metadata | {"seconds": "1"}))},
            "date": {"metadata": np.array(json.dumps(metadata | {"date": None}))},
        }[damage]
        path.write_bytes(forged(path, **changes))
    with pytest.warns(CacheWarning, match=path.name) as caught:
        (again,) = run_tasks([Draw(1)], workers=1)
    assert len(caught) == 1
    assert_frame_equal(again, whole, check_exact=True)
    assert_frame_equal(run_tasks([Draw(1)], workers=1)[0], whole, check_exact=True)


@pytest.mark.parametrize("what", ["folder", "full folder", "pipe", "loop", "unreadable"])
def test_what_is_no_file_is_replaced(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = run_tasks([Draw(1)], workers=1)
    path = only(folder)
    if what != "unreadable":
        path.unlink()
    if "folder" in what:
        path.mkdir()
        if what == "full folder":
            (path / "kept").write_text("x")
    elif what == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no named pipes here")
        os.mkfifo(path)
    elif what == "loop":
        path.symlink_to(path)
    else:
        path.chmod(0)
        if os.access(path, os.R_OK):

            def refuse(self: Path) -> bytes:
                raise PermissionError(errno.EACCES, "Permission denied", str(self))

            monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.warns(CacheWarning, match=path.name) as caught:
        (again,) = run_tasks([Draw(1)], workers=1)
    assert len(caught) == 1
    assert_frame_equal(again, whole, check_exact=True)
    monkeypatch.undo()
    assert_frame_equal(cache.to_table(cache.read(path).columns), whole, check_exact=True)
    if what == "full folder":
        assert (path.with_suffix(".damaged") / "kept").read_text() == "x"


def test_one_unwritable_entry_leaves_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def refuse_one(source: Path, target: Path) -> None:
        if refused:
            replace(source, target)
        else:
            refused.append(target)
            raise PermissionError(errno.EACCES, "Permission denied", str(target))

    refused: list[Path] = []
    monkeypatch.setattr(os, "replace", refuse_one)
    with pytest.warns(CacheWarning, match="cannot be written .Permission denied.; the others are") as caught:
        run_tasks([Draw(i) for i in range(4)], workers=1)
    assert len(caught) == 1
    assert len(list(folder.iterdir())) == 3
    assert refused[0] not in folder.iterdir()


def test_unwritable_folder_is_said_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    with pytest.warns(CacheWarning, match="results cannot be cached in .*Permission denied") as caught:
        run_tasks([Draw(i) for i in range(4)], workers=1)
    assert len(caught) == 1


def test_no_home_is_said_once_and_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QGMUTILS_CACHE")
    monkeypatch.setattr(cache, "user_cache", lambda: None)
    with pytest.warns(CacheWarning, match="the user has no home.*QGMUTILS_CACHE") as caught:
        (table,) = run_tasks([Draw(1)], workers=1)
    assert len(caught) == 1
    assert_frame_equal(table, Draw(1).run(), check_exact=True)
    run_tasks([Draw(1)], workers=1, cache=False)  # a warning would be an error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["~nobody-of-this-name/cache", "~/cache"])
def test_tilde_is_a_home_or_nothing(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("QGMUTILS_CACHE", given)
    assert cache.cache_directory() == (tmp_path / "home" / "cache" if given == "~/cache" else None)


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="only root can become someone else")
@pytest.mark.parametrize("caching", [True, False])
def test_user_without_home_and_name(caching: bool, tmp_path: Path) -> None:
    package = tmp_path / "root" / "qgmutils"
    shutil.copytree(Path(qgmutils.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package.parent / "mine.py").write_text((Path(__file__).parent.parent / "sample_tasks.py").read_text())
    work = tmp_path / "work"
    work.mkdir(mode=0o777)
    for path in (work, *tmp_path.parents[:2], tmp_path):
        path.chmod(0o777 if path == work else 0o755)
    # Python itself may be where nobody else reads.
    script = (
        "import os\nfrom mine import Draw\nfrom qgmutils.computing.tasks import run_tasks\nos.setuid(54321)\n"
    )
    script += f"print(run_tasks([Draw(1)], workers=1, cache={caching})[0].shape)"
    environment = {"PYTHONPATH": str(package.parent), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=work, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "(4, 6)", done.stderr
    assert done.stderr.count("results cannot be cached (the user has no home)") == int(caching)
    assert list(work.iterdir()) == []


def test_warnings_reach_the_progress_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_tasks([Draw(1)], workers=1)
    only(folder).write_bytes(b"")
    monkeypatch.setattr(notices, "_said", [])
    monkeypatch.setenv("QGMUTILS_PROGRESS", str(tmp_path / "progress.json"))
    with pytest.warns(CacheWarning) as caught:
        run_tasks([Draw(1)], workers=1)
    found = json.loads((tmp_path / "progress.json").read_text())["warnings"]
    assert found == [str(warning.message) for warning in caught]


def test_leftovers_of_killed_processes_are_swept(folder: Path) -> None:
    script = f"""
import os, sys
from pathlib import Path
from qgmutils.computing import files
with files.whole_file(Path({str(folder)!r}) / "Draw-1.npz") as temporary:
    temporary.write_bytes(b"half")
    print(temporary.name, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""
    root = str(Path(qgmutils.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": root}, stdin=-1, stdout=-1, text=True
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    others = [folder / other for other in ("mine.txt", ".mine~00000000-1-abcdefgh.npz", ".half-12345678.npz")]
    for path in others:
        path.write_text("x")
    assert files.sweep(folder) == []  # its process lives
    process.communicate("\n", timeout=60)
    assert files.sweep(folder) == [folder / name]
    assert sorted(folder.iterdir()) == sorted(others)
    os.utime(others[1], (0, 0))  # of another machine, and forgotten
    assert files.sweep(folder) == [others[1]]
    assert files.sweep(folder / "none") == []


def test_run_sweeps_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[Path] = []
    monkeypatch.setattr(cache, "_sweep", swept.append)
    run_tasks([Draw(1)], workers=1)
    run_tasks([Draw(1)], workers=1, cache=False)
    assert swept == [folder]


def test_user_cache_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QGMUTILS_CACHE")
    assert cache.cache_directory() == folders.user_cache()
