"""The same tables, byte for byte, on cold and warm kernels, any width of registers, numbers of threads and of workers.

All of these are chosen before anything is imported, hence the processes.
"""

import os
import subprocess
import sys
from pathlib import Path

import every_task
import pytest

from qgmutils.computing.simd import LANES
from qgmutils.computing.threads import reproducible_environment

ROOT = Path(__file__).parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def lines(kernels, *, workers=1, threads=1, **environment):
    """A line for each task, from a process that keeps its kernels in the folder `kernels`."""
    variables = os.environ | reproducible_environment() | dict.fromkeys(THREADS, str(threads))
    variables |= {"NUMBA_CACHE_DIR": str(kernels), "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "every_task.py"), str(workers)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def cold(kernels):
    """What comes from kernels that have just been compiled."""
    return lines(kernels)


def test_every_class_of_tasks_is_there(cold):
    assert {type(task) for task in every_task.TASKS} == every_task.task_classes()
    assert len(cold) == len(every_task.TASKS)


def test_warm_kernels_two_threads_and_two_workers(cold, kernels):
    before = {path: path.stat().st_mtime_ns for path in kernels.rglob("*.nbc")}
    assert lines(kernels, threads=2, workers=2) == cold
    assert {path: path.stat().st_mtime_ns for path in kernels.rglob("*.nbc")} == before != {}


# Two lanes, which compile all kernels once more, are compared in engine/test_lanes.py.
@pytest.mark.parametrize("width", sorted({4, 8} - {LANES}))
def test_registers_of_another_width(cold, kernels, width):
    assert lines(kernels, QGMUTILS_LANES=str(width)) == cold
