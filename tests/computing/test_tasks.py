from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from compiling_tasks import Compiles
from pandas.testing import assert_frame_equal
from sample_tasks import Draw, Echo, Logged, Mean, Returns, Shift
from tqdm import tqdm

import qgmutils
from qgmutils.circuits import Circuit, random_circuit
from qgmutils.computing import cache, code, kernels, notices, processes, tasks
from qgmutils.computing.tasks import run_tasks, task_key
from qgmutils.losses import hamiltonians
from qgmutils.losses.energy import Energy


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS", "QGMUTILS_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_same(first: list[pd.DataFrame], second: list[pd.DataFrame]) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second):
        assert_frame_equal(a, b, check_exact=True)


def test_same_tables_on_one_and_two_workers_and_from_the_cache(rng: np.random.Generator) -> None:
    requests = [Draw(int(seed)) for seed in rng.integers(2**31, size=5)]
    serial = run_tasks(requests, workers=1, cache=False)
    assert_same(serial, run_tasks(requests, workers=2))
    assert_same(serial, run_tasks(requests, workers=1))
    for task, table in zip(requests, serial):
        assert_frame_equal(table, task.run(), check_exact=True)


def test_any_executor_is_used_and_left_running(rng: np.random.Generator) -> None:
    requests = [Draw(int(seed)) for seed in rng.integers(2**31, size=3)]
    with ThreadPoolExecutor(2) as executor:
        found = run_tasks(requests, executor=executor, cache=False)
        assert executor.submit(int, "7").result() == 7
    assert_same(found, run_tasks(requests, workers=1, cache=False))


def test_finished_and_equal_tasks_run_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    requests = [Logged(number, str(log)) for number in (1, 2, 1)]
    first = run_tasks(requests, workers=1)
    assert_same(first, run_tasks(requests, workers=1))
    assert log.read_text().split() == ["1", "2"]
    # The caller may change what it got without changing what others get.
    first[0].loc[0, "number"] = 99
    assert first[2].loc[0, "number"] == 1


@pytest.mark.parametrize("off", ["argument", "environment"])
def test_cache_can_be_switched_off(
    off: str, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, task = tmp_path / "log", Logged(1, str(tmp_path / "log"))
    run_tasks([task], workers=1)
    if off == "environment":
        monkeypatch.setenv("QGMUTILS_NO_CACHE", "1")
    run_tasks([task, Logged(2, str(log))], workers=1, cache=off != "argument")
    assert log.read_text().split() == ["1", "1", "2"]
    assert len(list(cache_folder.iterdir())) == 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped", "foreign"])
def test_damaged_file_is_computed_again_and_said_so(
    damage: str, cache_folder: Path, rng: np.random.Generator
) -> None:
    task = Draw(int(rng.integers(2**31)), size=2000)
    (whole,) = run_tasks([task], workers=1)
    (path,) = cache_folder.iterdir()
    content = path.read_bytes()
    if damage == "foreign":
        run_tasks([Draw(0)], workers=1)
        content = next(other for other in cache_folder.iterdir() if other != path).read_bytes()
    elif damage == "flipped":
        middle = len(content) // 2
        content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    else:
        content = {"truncated": content[: len(content) // 2], "empty": b"", "text": b"value\n1\n"}[damage]
    path.write_bytes(content)
    with pytest.warns(cache.CacheWarning, match=path.name):
        (again,) = run_tasks([task], workers=1)
    assert_frame_equal(again, whole, check_exact=True)
    # The file is whole again: a warning would be an error here.
    assert_same([whole], run_tasks([task], workers=1))


def test_unwritable_cache_warns_once_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A path below a regular file cannot be made, whoever runs the test.
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(cache.CacheWarning, match="QGMUTILS_CACHE") as caught:
        found = run_tasks([Draw(1), Draw(2), Draw(3)], workers=1)
    assert sum(issubclass(w.category, cache.CacheWarning) for w in caught) == 1
    assert_same(found, [Draw(i).run() for i in (1, 2, 3)])


def test_full_disk_warns_and_leaves_no_partial_file(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(cache.CacheWarning, match="No space left") as caught:
        found = run_tasks([Draw(1), Draw(2)], workers=1)
    assert_same(found, [Draw(1).run(), Draw(2).run()])
    assert len(caught) == 1
    assert list(cache_folder.iterdir()) == []


def test_interrupt_keeps_finished_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = str(tmp_path / "log")
    with pytest.raises(KeyboardInterrupt):
        run_tasks([Logged(1, log), Logged(2, log, "interrupt"), Logged(3, log)], workers=1)
    assert "1 of 3 tasks finished" in capsys.readouterr().err
    (tmp_path / "log").unlink()
    run_tasks([Logged(number, log) for number in (1, 2, 3)], workers=1)
    assert (tmp_path / "log").read_text().split() == ["2", "3"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("heed_interrupts")
@pytest.mark.parametrize("signal", ["SIGINT", "SIGKILL"])
def test_ended_run_keeps_finished_tasks_and_leaves_no_process(
    signal: str, tmp_path: Path, cache_folder: Path
) -> None:
    import signal as signals

    log = tmp_path / "log"
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path[:0] = [{str(Path(__file__).parent.parent)!r}, {str(Path(qgmutils.__file__).parent.parent)!r}]
            from sample_tasks import Logged
            from qgmutils.computing.tasks import run_tasks
            if __name__ == "__main__":
                log = {str(log)!r}
                run_tasks([Logged(1, log), Logged(2, log, "wait"), Logged(3, log, "wait")], workers=2)
            """
        )
    )
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 200
        while not (log.exists() and len(log.read_text().split()) == 3 and list(cache_folder.glob("Logged*"))):
            assert time.monotonic() < deadline, "the tasks did not start"
            assert process.poll() is None
            time.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(getattr(signals, signal))
        _, errors = process.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
    finally:
        process.kill()
    if signal == "SIGINT":
        assert "1 of 3 tasks finished" in errors
    log.unlink()
    run_tasks([Logged(1, str(log)), Logged(4, str(log))], workers=1)
    assert log.read_text().split() == ["4"]


@pytest.mark.parametrize("workers", [1, 2])
def test_failing_task_is_named_and_others_are_kept(workers: int, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    run_tasks([Logged(1, log)], workers=1)
    with pytest.raises(ZeroDivisionError) as caught:
        run_tasks([Logged(1, log), Logged(2, log, "fail"), Logged(3, log)], workers=workers)
    assert "Logged(number=2" in "".join(caught.value.__notes__)


def test_key_depends_on_the_class_every_field_and_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    key = task_key(Draw(1))
    assert key == task_key(Draw(1, size=4))
    others = [
        task_key(Draw(2)),
        task_key(Draw(1, size=5)),
        task_key(Draw(1, words=("y",))),
        task_key(Returns("list")),
    ]
    other = dataclasses.replace(code.code_of(Draw), digest="0")
    monkeypatch.setattr(tasks, "code_of", lambda *classes: other)
    others.append(task_key(Draw(1)))
    assert len({key, *others}) == 6


def constant(values: Any) -> np.ndarray:
    array = np.asarray(values).copy()
    array.setflags(write=False)
    return array


def test_recipes_are_told_apart_by_class_fields_and_content_of_arrays(rng: np.random.Generator) -> None:
    values = rng.normal(size=6)
    nudged = values.copy()
    nudged[3] = np.nextafter(nudged[3], 9)
    arrays = [values, nudged, values.reshape(2, 3), values.astype(complex), values.astype(">f8")]
    recipes = [Mean(constant(array)) for array in arrays]
    recipes += [Mean(recipes[0].values, Shift(1.0)), Mean(recipes[0].values, Shift(1))]
    requests = [Echo(recipe) for recipe in (*recipes, Shift(1.0), (Shift(1.0),), (Shift(1.0), Shift(1.0)))]
    requests += [Echo(recipes[0].values), Echo(dataclasses.astuple(Shift(1.0)))]
    assert len({task_key(task) for task in requests}) == len(requests)
    # The same numbers elsewhere in memory and in another order there; and what is kept beside the fields.
    other = Mean(constant(np.asfortranarray(values.reshape(2, 3))))
    assert other.total == pytest.approx(values.sum())
    assert task_key(Echo(other)) == task_key(Echo(recipes[2]))


def test_equal_recipes_are_computed_once_though_python_does_not_compare_them(tmp_path: Path) -> None:
    log = tmp_path / "log"
    requests = [Logged(1, str(log), recipe=Mean(constant([1.0, 2.0]))) for _ in range(2)]
    assert requests[0] != requests[1]
    run_tasks(requests, workers=1)
    run_tasks(requests, workers=1)
    assert log.read_text().split() == ["1"]


def test_losses_and_circuits_are_recipes(cache_folder: Path) -> None:
    def made() -> tuple[Energy, Circuit]:
        return hamiltonians.tfim(3), random_circuit(3, 5, rng=np.random.default_rng(1))

    (first, second), others = made(), made()
    assert first.first_gap > 0  # is kept with the object
    assert task_key(Echo(others)) == task_key(Echo((first, second)))
    assert (
        len({task_key(Echo(value)) for value in (first, second, hamiltonians.tfim(4), (first, second))}) == 4
    )
    assert_same(
        run_tasks([Draw(1, recipe=first), Draw(2, recipe=second)], workers=2), [Draw(1).run(), Draw(2).run()]
    )
    (path,) = cache_folder.glob(f"*{task_key(Draw(1, recipe=first))}*")
    metadata = cache.read(path).metadata
    matrix = metadata["task"]["fields"]["recipe"]["fields"]["matrix"]
    assert (matrix["dtype"], matrix["shape"], len(matrix["sha256"])) == ("<c16", [8, 8], 64)
    assert {"qgmutils.losses.energy", "sample_tasks"} <= set(metadata["modules"])
    assert "qgmutils.circuits.circuit" not in metadata["modules"]


def test_wrong_recipes_are_refused() -> None:
    @dataclasses.dataclass
    class Thawed:
        x: int = 1

    @dataclasses.dataclass(frozen=True)
    class Seeded:
        seed: int | None = None

    for recipe, message in {
        Mean(
            np.ones(2)
        ): r"field 'values' of Mean, field 'value' of task Echo is an array that can be written to.*"
        r"array.setflags\(write=False\)",
        Mean(
            constant(np.array([None]))
        ): "field 'values' of Mean, field 'value' of task Echo is .* of type ndarray",
        Shift(float("nan")): r"field 'by' of Shift, field 'value' of task Echo is nan .*but not NaN",
        Seeded(): "the seed of Seeded, field 'value' of task Echo is None",
    }.items():
        with pytest.raises(ValueError, match=message):
            task_key(Echo(recipe))
    with pytest.raises(ValueError, match="of type Thawed"):
        task_key(Echo(Thawed()))
    with pytest.raises(ValueError, match="'secret' of Passed, field 'value' of task Echo is an InitVar"):
        task_key(Echo(Passed(1)))


@dataclasses.dataclass(frozen=True)
class Passed:
    number: int
    secret: dataclasses.InitVar[int] = 1

    def __post_init__(self, secret: int) -> None:
        object.__setattr__(self, "_secret", secret)


def test_arguments_that_are_no_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="'secret' of task Passed is an InitVar; make it a field"):
        task_key(Passed(1, 2))


def test_values_that_compare_equal_have_keys_of_their_own(rng: np.random.Generator) -> None:
    requests = [
        Echo(value) for value in (1, 1.0, True, "1", 0, 0.0, -0.0, False, (1,), ((1,),), None, "None")
    ]
    assert len({task_key(task) for task in requests}) == len(requests)
    order = rng.permutation(len(requests))
    run_tasks([requests[i] for i in order], workers=1)
    found = [table.loc[0, "value"] for table in run_tasks(requests, workers=1)]
    assert found == [repr(task.value) for task in requests]


@pytest.mark.parametrize("what", ["list", "object", "missing", "twice"])
def test_wrong_result_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match="task Returns"):
        run_tasks([Returns(what)], workers=1, cache=False)


def test_wrong_tasks_are_refused() -> None:
    @dataclasses.dataclass
    class Thawed:
        def run(self) -> pd.DataFrame:
            return pd.DataFrame()

    with pytest.raises(ValueError, match="not a frozen dataclass"):
        run_tasks([Thawed()])
    with pytest.raises(ValueError, match=r"field 'seed' of task Draw is .*int64"):
        run_tasks([Draw(np.int64(1))])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="field 'words'"):
        run_tasks([Draw(1, words=["x"])])  # type: ignore[arg-type]
    for value in (float("nan"), np.float64("nan"), (1.0, float("nan"))):
        with pytest.raises(ValueError, match=r"field 'value'.*but not NaN"):
            run_tasks([Echo(value)])


@pytest.mark.parametrize("value", [0, -1, 2.9, "2.0"])
def test_wrong_number_of_workers_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=f"workers is {value!r}; it must be a positive integer"):
        run_tasks([], workers=value)


def test_wrong_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QGMUTILS_WORKERS", "many")
    with pytest.raises(ValueError, match="workers is 'many'"):
        run_tasks([Draw(1)])


def test_progress_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress.json"
    monkeypatch.setattr(tasks._Progress, "past", 0)
    monkeypatch.setattr(tasks._Progress, "past_cached", 0)
    monkeypatch.setattr(notices, "_said", [])
    monkeypatch.setenv("QGMUTILS_PROGRESS", str(path))
    run_tasks([Draw(1), Draw(2)], workers=1)
    assert json.loads(path.read_text()) == {
        "done": 2,
        "total": 2,
        "cached": 0,
        "compiling": False,
        "warnings": [],
    }
    run_tasks([Draw(1), Draw(3)], workers=1)
    assert json.loads(path.read_text()) == {
        "done": 4,
        "total": 4,
        "cached": 1,
        "compiling": False,
        "warnings": [],
    }


class Shown(tqdm):
    """A bar that takes down what it shows."""

    seen: list[tuple[int, str]]

    def __init__(self, **options: Any) -> None:
        type(self).seen = []
        super().__init__(**options | {"disable": False})

    def refresh(self, *arguments: Any, **options: Any) -> None:
        self.seen.append((self.n, self.desc.removesuffix(": ")))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_bar_ticks_and_says_when_kernels_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "tqdm", Shown)
    progress = tasks._Progress("draws", done=0, total=1)
    wait_for(lambda: len(Shown.seen) > 1)
    assert set(Shown.seen) == {(0, "draws")}
    monkeypatch.setattr(kernels, "_wanted", {"a kernel"})
    wait_for(lambda: Shown.seen[-1] == (0, "compiling kernels"))
    monkeypatch.setattr(kernels, "_wanted", set())
    wait_for(lambda: Shown.seen[-1] == (0, "draws"))
    progress.close()
    assert not progress._ticking.is_alive()


def test_file_says_when_a_worker_compiles_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress.json"
    monkeypatch.setenv("QGMUTILS_PROGRESS", str(path))
    monkeypatch.setattr(processes, "_pools", {})
    found = []

    def watch() -> None:
        wait_for(lambda: path.exists() and json.loads(path.read_text())["compiling"])
        found.append(processes.compiling())
        (tmp_path / "go").touch()

    watcher = threading.Thread(target=watch)
    watcher.start()
    tables = run_tasks([Compiles(i, str(tmp_path / "go")) for i in range(2)], workers=2, cache=False)
    watcher.join()
    assert found == [True]
    assert [table.loc[0, "compiled"] for table in tables] == [True, True]
    assert not processes.compiling()
    assert not json.loads(path.read_text())["compiling"]


def test_a_task_without_a_seed_is_refused() -> None:
    with pytest.raises(
        ValueError, match="the seed of task Draw is None, which draws other numbers every time"
    ):
        run_tasks([Draw(None)], workers=1)  # type: ignore[arg-type]
