from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qgmutils.suite import manifest, runner


def watched(folder: Path, said: list[str], *others: manifest.Run, jobs: int = 1) -> runner.Runner:
    (folder / "scratch").mkdir()
    return runner.Runner(
        [manifest.Run("01_sizes", "", "quick", {}, 1.0, {}), *others],
        notebooks=folder,
        output_dir=folder,
        scratch=folder / "scratch",
        seed=1,
        jobs=jobs,
        cache=True,
        engine=("pennylane", "lightning.qubit"),
        scheduler="tcp://host:1",
        say=said.append,
    )


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Python code, one string a start, that runs instead of notebooks; `folder` is the folder of the job."""
    popen, codes = subprocess.Popen, []

    def start(arguments: list[str], **options: Any) -> subprocess.Popen[bytes]:
        folder = Path(arguments[-1]).parent
        head = f"import pathlib, sys; folder = pathlib.Path({str(folder)!r})\n"
        return popen([sys.executable, "-c", head + codes.pop(0)], **options)

    monkeypatch.setattr(runner.subprocess, "Popen", start)
    monkeypatch.setattr(runner, "START_DELAY", 0.0)
    return codes


def wait(watched: runner.Runner) -> None:
    while not watched.finished:
        watched.poll()


@pytest.mark.parametrize(
    ("after", "order"), [("", ["02_later", "01_sizes"]), ("01_sizes", ["01_sizes", "02_later"])]
)
def test_a_run_waits_for_the_one_whose_results_it_needs(
    after: str, order: list[str], folder: Path, replaced: list[str]
) -> None:
    replaced += ["import time; time.sleep(0.5)"] * 2
    job = watched(folder, [], manifest.Run("02_later", "", "quick", {}, 9.0, {}, after), jobs=2)
    started: list[str] = []
    while not job.finished:
        job.poll()
        started += [label for label in job.progress() if label not in started]
        assert not after or len(job.progress()) < 2
    assert started == order


def test_progress_is_unknown_until_the_first_task_has_begun(folder: Path, replaced: list[str]) -> None:
    go, wrote = folder / "go", folder / "wrote"
    replaced.append(
        "import json, time\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        "(folder / 'progress.json').write_text(json.dumps({'done': 1, 'total': 4}))\n"
        f"pathlib.Path({str(wrote)!r}).touch()\n"
        "time.sleep(60)"
    )
    job = watched(folder, [])
    job.poll()
    try:
        assert job.progress() == {"01_sizes": (None, False)}
        go.touch()
        while not wrote.exists():
            time.sleep(0.01)
        assert job.progress() == {"01_sizes": (0.25, False)}
    finally:
        job.stop()


@pytest.mark.parametrize("message", runner.START_FAILURES)
@pytest.mark.parametrize(("failures", "error"), [(1, False), (2, True)])
def test_kernel_that_does_not_start_is_started_once_more(
    message: str, failures: int, error: bool, folder: Path, replaced: list[str]
) -> None:
    died = f"sys.exit({f'RuntimeError: {message} …'!r})"
    replaced += [died] * failures + ["pass"] * (2 - failures)
    said: list[str] = []
    job = watched(folder, said)
    wait(job)
    assert replaced == []
    assert said == ["01_sizes: the kernel did not start; starting it once more"]
    assert [bool(outcome.error) for outcome in job.outcomes] == [error]


def test_warnings_of_tasks_are_passed_on_once(folder: Path, replaced: list[str]) -> None:
    state = json.dumps(
        {"done": 1, "total": 1, "cached": 0, "warnings": ["the cache is full", "the cache is full"]}
    )
    replaced.append(f"(folder / 'progress.json').write_text({state!r})")
    said: list[str] = []
    wait(watched(folder, said))
    assert said == ["01_sizes: the cache is full"]


def test_engine_and_scheduler_reach_the_notebook(
    folder: Path, replaced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QGMUTILS_ENGINE", "cuda")
    monkeypatch.setenv("QGMUTILS_SCHEDULER", "tcp://other:1")
    names = ("QGMUTILS_ENGINE", "QGMUTILS_DEVICE", "QGMUTILS_SCHEDULER")
    replaced.append(f"import os; sys.exit(' '.join(os.environ[name] for name in {names!r}))")
    job = watched(folder, [])
    wait(job)
    assert "pennylane lightning.qubit tcp://host:1" in job.outcomes[0].error


def test_executed_copies_replace_links(folder: Path, replaced: list[str]) -> None:
    replaced.append("(folder / 'executed.ipynb').write_text('copy')")
    source = folder / "01_sizes.ipynb"
    before = source.read_bytes()
    copy = folder / "executed" / "01_sizes.ipynb"
    copy.parent.mkdir()
    copy.symlink_to(source)
    wait(watched(folder, []))
    assert source.read_bytes() == before
    assert not copy.is_symlink()
    assert copy.read_text() == "copy"
    assert [path.name for path in copy.parent.iterdir()] == ["01_sizes.ipynb"]


@pytest.mark.parametrize(
    ("weight", "others", "jobs", "cores", "workers"),
    [
        (1.0, [1.0] * 16, 2, 2, 1),
        (60.0, [1.0] * 16, 2, 2, 2),  # most of the work
        (1.0, [60.0] + [1.0] * 15, 2, 2, 1),
        (1.0, [], 2, 2, 2),  # the last one
        (1.0, [1.0] * 16, 4, 16, 4),
        (1.0, [5.0], 8, 1, 1),
    ],
)
def test_cores_are_shared_out(
    weight: float, others: list[float], jobs: int, cores: int, workers: int
) -> None:
    assert runner.workers_of(weight, others, jobs=jobs, cores=cores) == workers
