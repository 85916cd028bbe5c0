"""What lies in the caches is told apart by the code that made it, and nothing else is ever removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import throwaway
from sample_tasks import Draw, Echo, Mean

from qgmutils.computing import cache, kernels, stored
from qgmutils.computing.tasks import run_tasks
from qgmutils.computing.threads import reproducible_environment


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS", "QGMUTILS_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "kernels"
    root.mkdir()
    monkeypatch.setattr(kernels, "folder", lambda: root / ("kernels-" + 32 * "0"))
    monkeypatch.setattr(stored, "_present_folders", lambda: {kernels.folder()})
    # Tasks of the tests stand for those of the package.
    monkeypatch.setattr(stored, "PACKAGE", "sample_tasks")
    stored._code.cache_clear()
    return tmp_path / "cache"


def store(*seeds: int) -> list[Path]:
    before = set(stored.result_files(cache.cache_directory()))
    run_tasks([Draw(seed) for seed in seeds], workers=1)
    return sorted(set(stored.result_files(cache.cache_directory())) - before)


def rewrite(path: Path, **changes: object) -> None:
    columns, metadata = cache.read(path)
    path.write_bytes(cache.to_bytes(cache.Entry(columns, metadata | changes)))


def origins() -> dict[str, str]:
    return {item.path.name: item.origin for item in stored.items()}


def test_results_belong_to_the_code_that_made_them(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.ones(2)
    array.setflags(write=False)
    run_tasks(
        [Echo(Mean(array))], workers=1
    )  # a task that cannot be built again, and is of this code all the same
    paths = store(*range(7))
    metadata = cache.read(paths[0]).metadata
    task, versions = metadata["task"], metadata["versions"]
    rewrite(paths[0], modules={"sample_tasks": 12 * "0"})
    rewrite(paths[1], versions=versions | {"numpy": "1.0"})
    rewrite(paths[2], versions=versions | {"python": "3.1.4"})
    rewrite(paths[3], task=task | {"name": "Nothing"})
    rewrite(
        paths[4], versions=versions | {"blas": "openblas 0 Prescott", "simd": "none"}
    )  # of another environment
    rewrite(paths[5], key=64 * "0")
    found = origins()
    assert [found[path.name] for path in paths] == 4 * ["other"] + ["present", "damaged", "present"]
    (echo,) = (item for item in stored.items() if item.kind == "Echo")
    assert (echo.origin, echo.size) == ("present", echo.path.stat().st_size)
    assert 0 < echo.seconds < 60
    # Of tasks and recipes outside of the package nothing is known, and their modules are not imported.
    rewrite(paths[6], task=task | {"module": "this", "fields": {}})
    assert origins()[paths[6].name] == "unknown"
    assert "this" not in sys.modules
    nested = task | {"fields": {"recipe": [{"module": "this", "name": "X", "fields": {}}]}}
    rewrite(paths[6], task=nested)
    assert origins()[paths[6].name] == "unknown"


def make_kernels(name: str) -> Path:
    place = stored.kernels_root()
    assert place is not None
    folder = place / name
    folder.mkdir()
    (folder / f"f-{32 * '1'}.nbc").write_bytes(b"code")
    (folder / "engine.o").write_bytes(b"more code")
    return folder


def test_kernels_of_the_present_source_are_told_apart() -> None:
    present, other = make_kernels("kernels-" + 32 * "0"), make_kernels("kernels-" + 32 * "a")
    found = {item.path: item for item in stored.items()}
    assert {path: item.origin for path, item in found.items()} == {present: "present", other: "other"}
    assert {(item.kind, item.size) for item in found.values()} == {(stored.KERNELS, 13)}
    stored.remove(found[other])
    stored.remove(found[other])
    assert [item.path for item in stored.items()] == [present]
    assert not other.exists()


def test_the_present_source_has_a_folder_here_and_one_in_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    program = "from qgmutils.computing import kernels; print(kernels.folder())"
    expected = set()
    for changes in ({}, reproducible_environment()):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=throwaway.environment(**changes),
            capture_output=True,
            text=True,
            check=True,
        )
        expected.add(Path(done.stdout.strip()))
    assert stored._present_folders() == expected


def test_what_is_not_ours_stays(folder: Path, tmp_path: Path) -> None:
    (path,) = store(1)
    ours = make_kernels("kernels-" + 32 * "b")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.nbc").touch()
    root = ours.parent
    foreign = [
        *(folder / name for name in ("notes.txt", "Draw.npz", "data-1234.npz", f".Draw-{64 * '0'}.npz")),
        *(
            ours / "notes.txt",
            root / "kernels-mine",
            root / f"kernels-{33 * '0'}",
            elsewhere / "precious.nbc",
        ),
    ]
    for other in foreign:
        other.touch()
    (folder / f"Folder-{64 * '0'}.npz").mkdir()
    links = [folder / f"Link-{64 * '0'}.npz", root / f"kernels-{32 * 'c'}"]
    links[0].symlink_to(foreign[0])
    links[1].symlink_to(elsewhere)
    for item in stored.items():
        stored.remove(item)
    assert not path.exists()
    assert [name.name for name in ours.iterdir()] == ["notes.txt"]
    assert all(other.exists() for other in (*foreign, *links))
    assert (folder / f"Folder-{64 * '0'}.npz").is_dir()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root removes everything")
def test_what_cannot_be_removed_is_an_error(folder: Path) -> None:
    store(1)
    (item,) = stored.items()
    folder.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            stored.remove(item)
    finally:
        folder.chmod(0o700)


def test_there_need_be_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored.result_files(None) == stored.kernel_folders(None) == stored.items() == []
    monkeypatch.setattr(kernels, "folder", lambda: None)
    assert stored.kernels_root() is None
    assert stored.items() == []
