"""Executes notebooks with papermill, each in a process of its own, several at a time.

`python -m qgmutils.suite.runner <job.json>` executes one notebook; `Runner` starts and watches such processes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from qgmutils.computing import files, processes
from qgmutils.suite.environment import notebook_environment

if TYPE_CHECKING:
    # Every notebook's process imports this module; it need not wait for what the manifest needs.
    from qgmutils.suite.manifest import Run

# Before any cell has run, kernels that start at the same instant may die with the first of these messages; on a laden
# machine, or after a jump of its clock, a kernel is given up with the second.
START_FAILURES = ("Kernel died before replying", "Kernel didn't respond in")
START_TIMEOUT = 300  # seconds
START_DELAY = 1.5  # seconds between two starts


def import_papermill() -> Any:
    """The package papermill, imported when it is needed, in less than half of its usual time.

    Its check of notebooks would load a grammar of internationalised addresses, which no notebook needs.
    """
    optional = "rfc3987_syntax"
    hide = optional not in sys.modules
    if hide:
        sys.modules[optional] = None  # type: ignore[assignment]
    try:
        import papermill
    finally:
        if hide:
            del sys.modules[optional]
    return papermill


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    run : Run
        The run.
    seconds : float
        Wall time.
    error : str
        "" if the notebook ran to its end, else what went wrong, in several lines.
    """

    run: Run
    seconds: float
    error: str


@dataclasses.dataclass
class _Job:
    run: Run
    process: subprocess.Popen[bytes]
    started: float
    folder: Path


class Runner:
    """Executes runs and tells how far they are.

    Parameters
    ----------
    runs : sequence of Run
        What to execute; the longest are started first.
    notebooks : Path
        Folder of the notebooks; they are executed there.
    output_dir : Path
        Absolute path that the notebooks write to; the executed copies go to its folder `executed`, each when it has
        ended.
    scratch : Path
        An empty folder for files that are of no interest afterwards.
    seed : int
        The notebooks' seed.
    jobs : int
        How many notebooks run at a time, at least 1. The cores are shared out among them, by weight if one has most.
    cache : bool
        Whether results of tasks may come from the cache.
    engine : tuple of two str
        Engine and device that evaluate losses: see `computing.engines`.
    scheduler : str
        Address of the scheduler whose workers run the tasks; "" for processes on this machine.
    say : callable
        Takes a line for the reader.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        *,
        notebooks: Path,
        output_dir: Path,
        scratch: Path,
        seed: int,
        jobs: int,
        cache: bool,
        engine: tuple[str, str],
        scheduler: str,
        say: Callable[[str], None],
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._queue = sorted(runs, key=lambda run: -run.weight)
        self._running: list[_Job] = []
        self._retried: set[str] = set()
        self._notebooks, self._output_dir, self._scratch = notebooks, output_dir, scratch
        self._seed, self._jobs, self._cache, self._say = seed, jobs, cache, say
        self._engine, self._scheduler = engine, scheduler
        self._last_start = -START_DELAY
        self._executed = output_dir / "executed"
        self._warnings: set[str] = set()

    def poll(self) -> list[Outcome]:
        """Start what can be started; return what has ended since the last call."""
        ended = [job for job in self._running if job.process.poll() is not None]
        self._pass_warnings_on()
        new = []
        for job in ended:
            self._running.remove(job)
            outcome = self._outcome(job)
            failed = any(message in outcome.error for message in START_FAILURES)
            if failed and job.run.label not in self._retried:
                self._say(f"{job.run.label}: the kernel did not start; starting it once more")
                self._retried.add(job.run.label)
                self._queue.insert(0, job.run)
            else:
                new.append(outcome)
        self.outcomes += new
        if len(self._running) < self._jobs and time.monotonic() - self._last_start >= START_DELAY:
            waiting = {run.notebook for run in self._queue} | {job.run.notebook for job in self._running}
            # All that is left may be after one another: the first one then waits no longer.
            ready = [run for run in self._queue if run.after not in waiting]
            if ready or (self._queue and not self._running):
                self._start((ready or self._queue)[0])
        return new

    @property
    def finished(self) -> bool:
        """Whether everything has ended."""
        return not (self._queue or self._running)

    def progress(self) -> dict[str, tuple[float | None, bool]]:
        """How far each running notebook is, as far as its tasks have reported it.

        Returns
        -------
        dict of str to (float or None, bool)
            The fraction that is done, 0 … 1, None until the first task has begun, and whether kernels are being
            compiled.
        """
        found: dict[str, tuple[float | None, bool]] = {}
        for job in self._running:
            state = _read_json(job.folder / "progress.json")
            total = state.get("total", 0)
            fraction = min(state.get("done", 0) / total, 1.0) if total else None
            found[job.run.label] = fraction, bool(state.get("compiling"))
        return found

    def stop(self) -> None:
        """End all running notebooks, with their kernels and worker processes."""
        processes = [process for job in self._running for process in _family(job.process.pid)]
        _end(processes)
        self._running.clear()
        self._queue.clear()

    def _start(self, run: Run) -> None:
        self._queue.remove(run)
        folder = self._scratch / f"{run.label}-{len(self._retried)}"
        folder.mkdir()
        common = {
            "profile": run.profile,
            "run": run.name,
            "seed": self._seed,
            "output_dir": str(self._output_dir),
        }
        job = {
            "input": str(self._notebooks / f"{run.notebook}.ipynb"),
            "output": str(folder / "executed.ipynb"),
            "parameters": run.parameters | common,
            "error": str(folder / "error.json"),
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        others = [job.run.weight for job in self._running] + [run.weight for run in self._queue]
        workers = workers_of(run.weight, others, jobs=self._jobs, cores=processes.usable_cores())
        environment = notebook_environment(folder) | {
            "QGMUTILS_ENGINE": self._engine[0],
            "QGMUTILS_DEVICE": self._engine[1],
            "QGMUTILS_SCHEDULER": self._scheduler,
            "QGMUTILS_WORKERS": str(workers),
            "QGMUTILS_PROGRESS": str(folder / "progress.json"),
            **({} if self._cache else {"QGMUTILS_NO_CACHE": "1"}),
        }
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "qgmutils.suite.runner", str(folder / "job.json")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self._notebooks,
                # Ctrl-C is for the suite alone, which then ends its notebooks.
                start_new_session=True,
            )
        self._running.append(_Job(run, process, time.monotonic(), folder))
        self._last_start = time.monotonic()

    def _outcome(self, job: _Job) -> Outcome:
        error = ""
        executed, copy = job.folder / "executed.ipynb", self._executed / f"{job.run.label}.ipynb"
        if executed.is_file():
            with files.whole_file(copy) as temporary:
                shutil.copyfile(executed, temporary)
        if job.process.returncode != 0:
            details = _read_json(job.folder / "error.json")
            log = (job.folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip()
            error = details.get("text") or f"exit status {job.process.returncode}\n{log[-2000:]}"
            error += f"\nexecuted copy: {copy}" if executed.is_file() else ""
        return Outcome(job.run, time.monotonic() - job.started, error)

    def _pass_warnings_on(self) -> None:
        """Say what tasks have warned of, as that their results cannot be stored, once for all notebooks."""
        for job in self._running:
            for warning in _read_json(job.folder / "progress.json").get("warnings", []):
                if warning not in self._warnings:
                    self._warnings.add(warning)
                    self._say(f"{job.run.label}: {warning}")


def workers_of(weight: float, others: Sequence[float], *, jobs: int, cores: int) -> int:
    """Workers that a run starts with: an equal share of the cores, or one like its share of the work if that is more.

    Parameters
    ----------
    weight : float
        Its weight.
    others : sequence of float
        Weights of the runs that have not ended yet.
    jobs, cores : int
        How many runs may go on at a time, and cores that there are.
    """
    together = min(jobs, len(others) + 1)
    return max(cores // together, math.ceil(cores * weight / (weight + sum(others))))


def execute(job: dict[str, Any]) -> int:
    """Execute one notebook; what goes wrong in a cell is written to the file `job["error"]`.

    Parameters
    ----------
    job : dict
        Paths `input`, `output`, `error`, and the `parameters`.

    Returns
    -------
    int
        Exit status: 0, or 1 if a cell failed.
    """
    papermill = import_papermill()
    # The file by which Jupyter finds the kernel stays where it is made when this process is killed.
    tempfile.tempdir = str(Path(job["output"]).parent)
    # papermill fills the parameters into braces in paths.
    source, target = (job[name].replace("{", "{{").replace("}", "}}") for name in ("input", "output"))
    try:
        papermill.execute_notebook(
            source,
            target,
            parameters=job["parameters"],
            kernel_name="python3",
            progress_bar=False,
            start_timeout=START_TIMEOUT,
            cwd=str(Path(job["input"]).parent),
        )
    except papermill.PapermillExecutionError as error:
        text = (
            f"cell {error.cell_index} (In [{error.exec_count}]) failed with {error.ename}: {error.evalue}\n"
        )
        text += "".join(f"    {line}\n" for line in error.source.strip().splitlines()[:12])
        Path(job["error"]).write_text(json.dumps({"text": text.rstrip()}), encoding="utf-8")
        return 1
    return 0


def _follow_suite(suite: psutil.Process) -> None:
    # The suite may be killed without a chance to end its notebooks.
    while suite.is_running() and suite.status() != psutil.STATUS_ZOMBIE:
        time.sleep(1)
    _end(psutil.Process().children(recursive=True))
    os._exit(1)


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [*process.children(recursive=True), process]
    return []


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=3)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


if __name__ == "__main__":
    parent = psutil.Process().parent()
    if parent is not None:
        threading.Thread(target=_follow_suite, args=(parent,), daemon=True).start()
    sys.exit(execute(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
