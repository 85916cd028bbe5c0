"""Stored results are recomputed and compared, and tables are accounted for."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from sample_tasks import Draw, Echo, Mean, Shift

from qgmutils.computing import accounts, cache, tasks, verify
from qgmutils.computing.cache import CacheWarning
from qgmutils.computing.tasks import account, run_tasks, task_key


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS", "QGMUTILS_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(accounts, "_tables", {})
    return tmp_path / "cache"


def rewrite(path: Path, *, value: float | None = None, **changes: object) -> None:
    """Store other numbers, or another description, as if they had been computed."""
    columns, metadata = cache.read(path)
    if value is not None:
        columns["value"] = columns["value"].copy()
        columns["value"][1] += value
    path.write_bytes(cache.to_bytes(cache.Entry(columns, metadata | changes)))


def test_right_results_are_found_right(rng: np.random.Generator) -> None:
    run_tasks([Draw(i, words=("a", "b")) for i in range(3)], workers=1)
    run_tasks([Echo((1.5, (None, "x"), True))], workers=1)
    found = verify.verify(sample=10, rng=rng)
    assert list(found.columns) == ["file", "task", "equal", "difference"]
    assert found["equal"].tolist() == [True] * 4
    assert found["difference"].tolist() == [0.0] * 4
    assert found.attrs == {"present": 4, "other": 0, "damaged": 0}


def test_tasks_with_recipes_are_built_again_unless_they_hold_arrays(rng: np.random.Generator) -> None:
    array = np.ones(2)
    array.setflags(write=False)
    run_tasks([Echo((Shift(1.5), (Shift(2), "x"))), Echo(Mean(array))], workers=1)
    found = verify.verify(sample=10, rng=rng)
    assert found["equal"].tolist() == [True]
    assert "Shift(by=1.5)" in found.loc[0, "task"]
    assert found.attrs == {"present": 1, "other": 1, "damaged": 0}


def test_wrong_number_is_found(folder: Path, rng: np.random.Generator) -> None:
    run_tasks([Draw(i) for i in range(3)], workers=1)
    wrong = sorted(folder.glob("*.npz"))[1]
    rewrite(wrong, value=1e-12)
    found = verify.verify(sample=3, rng=rng)
    assert found.loc[~found["equal"], "file"].tolist() == [wrong.name]
    assert found["difference"].max() == pytest.approx(1e-12, rel=1e-3)
    rewrite(wrong, value=float("nan"))
    assert verify.verify(sample=3, rng=rng)["difference"].max() == np.inf


def test_results_of_other_code_are_counted(folder: Path, rng: np.random.Generator) -> None:
    run_tasks([Draw(i) for i in range(6)], workers=1)
    paths = sorted(folder.glob("*.npz"))
    task = cache.read(paths[0]).metadata["task"]
    rewrite(paths[0], key="0" * 64)
    rewrite(paths[1], task=task | {"module": "no_such_module"})
    rewrite(paths[2], task=task | {"name": "Nothing"})
    rewrite(paths[3], task=task | {"fields": {"colour": 1}})
    paths[4].write_bytes(b"")
    (folder / ".Draw-half.npz").write_bytes(b"")  # another process is writing it
    with pytest.warns(CacheWarning, match=f"{paths[4].name} is damaged"):
        found = verify.verify(sample=6, rng=rng)
    assert found["file"].tolist() == [paths[5].name]
    assert found.attrs == {"present": 1, "other": 4, "damaged": 1}


def test_sample_is_random_and_as_large_as_asked(rng: np.random.Generator) -> None:
    run_tasks([Draw(i) for i in range(6)], workers=1)
    seen = [verify.verify(sample=2, rng=rng)["file"].tolist() for _ in range(12)]
    assert {len(files) for files in seen} == {2}
    # Twelve times the same two of six, by chance: 15^-11.
    assert len({tuple(files) for files in seen}) > 1


def test_wrong_requests_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    with pytest.raises(ValueError, match="sample is 0; it must be at least 1"):
        verify.verify(sample=0, rng=rng)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="there is no folder"):
        verify.verify(sample=1, rng=rng)


def test_nothing_has_no_account() -> None:
    found = account()
    assert (found.tables, found.cached, found.seconds, found.cpu, found.first, found.last) == (
        0,
        0,
        0,
        "",
        "",
        "",
    )


def test_account_is_of_what_was_returned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [Draw(1), Draw(2), Draw(1)]
    run_tasks(requests, workers=1)
    first = account()
    assert (first.tables, first.cached) == (2, 0)
    assert set(first.versions) == {"python", "numpy", "scipy", "numba", "qgmutils"}
    assert all(first.versions.values())
    keys = sorted({task_key(task) for task in requests})
    assert first.code == hashlib.sha256("\n".join(keys).encode()).hexdigest()
    run_tasks(requests, workers=1)  # the same tables again
    run_tasks(requests, workers=1, cache=False)
    assert account() == first

    # Another process, which reads them: long ago, with another numpy, on another processor.
    monkeypatch.setattr(accounts, "_tables", {})
    path = next(folder.glob(f"*{task_key(Draw(2))}*"))
    versions = cache.read(path).metadata["versions"] | {"numpy": "1.0"}
    rewrite(path, date="2020-01-01T00:00:00+00:00", seconds=1000.0, cpu="Z80", versions=versions)
    run_tasks(requests, workers=1)
    found = account()
    assert (found.tables, found.cached, found.code) == (2, 2, first.code)
    assert 1000 < found.seconds < 1100
    assert (found.first, found.last) == ("2020-01-01T00:00:00+00:00", first.last)
    assert found.versions == first.versions | {"numpy": f"1.0, {np.__version__}"}
    assert sorted(found.cpu.split(", ")) == sorted([first.cpu, "Z80"])


@pytest.mark.parametrize("workers", [1, 2])
def test_seconds_are_those_of_computing(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run_tasks([Draw(1, size=5), Draw(2, size=5)], workers=workers, cache=False)
    assert account().tables == 2
    assert 0 < account().seconds < 100
    assert dataclasses.asdict(account())["cached"] == 0


def test_tables_of_unknown_code_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_known_code", lambda classes: None)
    run_tasks([Draw(1), Draw(2)], workers=2)
    assert account().tables == 2
