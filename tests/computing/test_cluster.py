"""Tasks on the workers of a dask.distributed scheduler: real processes, which find each other on this machine."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import every_task
import pandas as pd
import psutil
import pytest
import throwaway
from sample_tasks import Company, Draw, Interrupted, Logged

from qgmutils.command.__main__ import main
from qgmutils.computing import cluster
from qgmutils.computing.cache import to_columns
from qgmutils.computing.tasks import OtherCode, run_tasks

TESTS = Path(__file__).parents[1]
NOBODY = "tcp://127.0.0.1:1"
POWER = """import dataclasses
import pandas as pd

@dataclasses.dataclass(frozen=True)
class Power:
    x: float

    def run(self):
        return pd.DataFrame({"y": [self.x**2]})
"""
IN_THE_SUITES_ENVIRONMENT = [sys.executable, "-m", "qgmutils.suite.environment"]

needs_distributed = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason='needs pip install "qgmutils[distributed]"'
)


class Cluster:
    """A scheduler and its workers, whose own folder holds modules that they find before others."""

    def __init__(self, folder: Path, *prefix: str) -> None:
        self.folder, self._prefix = folder, prefix
        self._file = folder / "scheduler.json"
        self._processes = [self._start("scheduler", "--host", "127.0.0.1", "--port", "0")]
        self.workers: list[subprocess.Popen[bytes]] = []

    def complete(self, workers: int) -> str:
        """Start what is missing of so many workers, and return the address of the scheduler."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < workers:
            self.add("--nthreads", "1")
        wait_for(self._file.exists)
        address = json.loads(self._file.read_text())["address"]
        wait_for(lambda: cluster.count_workers(address) == workers)
        return address

    def add(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker; without a nanny it is one process, and stays dead."""
        self.workers.append(self._start("worker", "--no-nanny", *options))
        self._processes.append(self.workers[-1])
        return self.workers[-1]

    def stop(self) -> None:
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
            process.kill()
            process.wait()

    def _start(self, role: str, *options: str) -> subprocess.Popen[bytes]:
        program = [*self._prefix, sys.executable, "-m", "dask", role, "--scheduler-file", str(self._file)]
        with (self.folder / f"{role}.log").open("ab") as log:
            return subprocess.Popen(
                [*program, "--no-dashboard", *options],
                cwd=self.folder,
                env=throwaway.environment(PYTHONPATH=str(TESTS)),
                stdout=log,
                stderr=log,
            )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def content(tables: list[pd.DataFrame]) -> list[dict[str, tuple[str, bytes]]]:
    """All bytes of the tables."""
    return [
        {name: (values.dtype.str, values.tobytes()) for name, values in to_columns(table, owner="").items()}
        for table in tables
    ]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.stop()


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS", "QGMUTILS_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def two(shared: Cluster, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster with two workers, which the environment names."""
    monkeypatch.setenv("QGMUTILS_SCHEDULER", shared.complete(2))
    return shared


@needs_distributed
def test_both_workers_compute_what_one_process_does_and_the_caller_keeps_it(
    two: Cluster, cache_folder: Path
) -> None:
    found = pd.concat(run_tasks([Company(number) for number in range(6)], cache=False))
    assert set(found["process"]) == {worker.pid for worker in two.workers}
    requests = [*map(Draw, range(5)), every_task.TASKS[0]]
    tables = run_tasks(requests)
    assert len(list(cache_folder.glob("*.npz"))) == len(requests)
    assert content(tables) == content(run_tasks(requests, workers=1, cache=False))
    # Who asks for processes of its own gets these.
    assert run_tasks([Company(1)], workers=1, cache=False)[0]["process"].tolist() == [os.getpid()]


@needs_distributed
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_that_is_killed_loses_only_what_it_was_running(two: Cluster, tmp_path: Path) -> None:
    log = tmp_path / "log"
    killed = []

    def kill() -> None:
        wait_for(lambda: (tmp_path / "0").exists() and (tmp_path / "0").read_text().endswith("\n"))
        wait_for(lambda: log.exists() and len(log.read_text().split()) > 4)
        killed.append(int((tmp_path / "0").read_text()))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    requests = [Logged(-1, str(log)), Logged(-2, str(log)), Interrupted(0, str(tmp_path))]
    requests += [Logged(number, str(log), "linger") for number in range(8)]
    tables = run_tasks(requests)
    killer.join()
    assert killed[0] in [worker.pid for worker in two.workers]
    assert content(tables) == content(run_tasks(requests, workers=1, cache=False))
    numbers = log.read_text().split()[: -len(requests) + 1]
    assert sorted(map(int, numbers)) == [-2, -1, *range(8)]


@needs_distributed
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("heed_interrupts")
def test_an_interrupt_cancels_what_is_pending(
    two: Cluster, tmp_path: Path, cache_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"

    def interrupt() -> None:
        wait_for(lambda: any(cache_folder.glob("Logged*.npz")) and len(log.read_text().split()) == 3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_tasks([Logged(0, str(log)), *(Logged(number, str(log), "wait") for number in range(1, 60))])
    assert re.search("[01] of 60 tasks finished and are kept", capsys.readouterr().err)
    assert len(list(cache_folder.glob("Logged*.npz"))) == 1
    # Both workers end what they had begun, and perhaps begin what each had in hand; had all been left, they came first.
    (tmp_path / "log.go").touch()
    run_tasks([Draw(1), Draw(2)])
    assert len(log.read_text().split()) < 10


@needs_distributed
def test_workers_with_other_code_are_refused(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two.folder / "power.py").write_text(POWER.replace("**2", "**3"))
    (tmp_path / "power.py").write_text(POWER)
    monkeypatch.syspath_prepend(tmp_path)
    power = importlib.import_module("power")
    with pytest.raises(
        OtherCode, match=r"other code of Power than .* other content of power; restart Python"
    ):
        run_tasks([power.Power(3.0)])
    # So it is not that nobody may come from this folder.
    assert run_tasks([power.Power(3.0)], workers=1)[0]["y"].tolist() == [9.0]


@needs_distributed
def test_workers_survive_what_they_cannot_import(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nowhere_else.py").write_text(POWER)
    monkeypatch.syspath_prepend(tmp_path)
    power = importlib.import_module("nowhere_else")
    with pytest.raises(
        RuntimeError, match=r"what a task is made of \(No module named 'nowhere_else'\); install the same"
    ):
        run_tasks([power.Power(float(x)) for x in range(4)])
    assert content(run_tasks([Draw(7)])) == content([Draw(7).run()])
    assert [worker.poll() for worker in two.workers] == [None, None]


@needs_distributed
def test_workers_with_several_threads_are_refused(two: Cluster, cache_folder: Path) -> None:
    wide = two.add("--nthreads", "2")
    try:
        wait_for(lambda: refusal() != "")
        assert "1 of the 3 workers of tcp://127.0.0.1:" in refusal()
        assert "start them with --nthreads 1" in refusal()
    finally:
        wide.kill()
        wide.wait()


def refusal() -> str:
    """Why the cluster that the environment names does not run tasks, or ""."""
    try:
        run_tasks([Draw(1)], cache=False)
    except ValueError as error:
        return str(error)
    return ""


def test_tasks_in_one_process_run_one_after_the_other(cache_folder: Path) -> None:
    with ThreadPoolExecutor(3) as executor:
        found = pd.concat(run_tasks([Company(i) for i in range(3)], executor=executor, cache=False))
    assert set(found["process"]) == {os.getpid()}
    assert set(found["tasks"]) == {1}


@needs_distributed
def test_the_suite_computes_on_workers_in_its_environment(tmp_path: Path, cache_folder: Path) -> None:
    notebooks = throwaway.make(tmp_path / "repository")
    there = tmp_path / "there"
    there.mkdir()
    shutil.copy(notebooks / "toy.py", there)
    started = Cluster(there, *IN_THE_SUITES_ENVIRONMENT)
    try:
        address = started.complete(1)
        done = throwaway.run(notebooks, "--only", "01", "--scheduler", address)
    finally:
        started.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{address} has 1 worker" in done.stdout
    assert len(list(cache_folder.glob("Toy-*.npz"))) == 3
    # Tasks write beside the module that they were imported from.
    assert len((there / "log.txt").read_text().split()) == 3
    assert not (notebooks / "log.txt").exists()


@needs_distributed
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("localhost", "'localhost' is no address of a scheduler; it must be of the form tcp://host:port"),
        (NOBODY, f"no scheduler answers at {NOBODY} within 0.5 s; start one with `dask scheduler`"),
    ],
)
def test_who_does_not_answer_stops_the_suite_before_it_runs(
    address: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    notebooks = throwaway.make(tmp_path / "repository")
    with pytest.raises(SystemExit) as caught:
        main(["figures", "--notebooks", str(notebooks), "--scheduler", address])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "repository" / "outputs").exists()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv("QGMUTILS_SCHEDULER", NOBODY)
    assert 'pip install "qgmutils[distributed]"' in refusal()
