"""How many cores there are for workers, and what is said when one of them ends."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import qgmutils
from qgmutils.computing import processes, tasks

ROOT = Path(qgmutils.__file__).parent.parent


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "program.py"
    path.write_text(textwrap.dedent(script))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QGMUTILS_")}
    environment |= {"PYTHONPATH": str(ROOT), "QGMUTILS_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, str(path)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_affinity_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
        import os
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        from qgmutils.computing import processes, tasks
        print(processes.usable_cores(), tasks._worker_count(None))
    """
    assert run(script, tmp_path).stdout.split() == ["1", "1"]


@pytest.mark.parametrize(
    ("membership", "tree", "limits"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "250000 100000"}, [3]),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "100000 100000"}, [1]),
        # A container sees its own group at the top, under the name that the host gives it.
        ("0::/docker/12ab\n", {"cpu.max": "150000 100000"}, [2]),
        ("0::/a\n", {"a/cpu.max": "max 100000"}, []),
        (
            "5:cpuacct,cpu:/a\n4:memory:/a\n",
            {"cpuacct,cpu/a/cpu.cfs_quota_us": "50000", "cpuacct,cpu/a/cpu.cfs_period_us": "100000"},
            [1],
        ),
        ("5:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, []),
        ("nonsense\n", {}, []),
        (None, {}, []),
    ],
)
def test_quotas_of_control_groups(
    membership: str | None, tree: dict[str, str], limits: list[int], tmp_path: Path
) -> None:
    if membership is not None:
        (tmp_path / "cgroup").write_text(membership)
    for name, content in tree.items():
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    assert sorted(set(processes._quotas(tmp_path / "cgroup", tmp_path / "sys"))) == limits


def test_quota_limits_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QGMUTILS_WORKERS", raising=False)
    monkeypatch.setattr(processes, "_quotas", lambda membership, root: iter([1]))
    assert processes.usable_cores() == 1
    assert tasks._worker_count(None) == 1
    monkeypatch.setattr(processes, "_quotas", lambda membership, root: iter([10**6]))
    assert 1 <= processes.usable_cores() <= (os.cpu_count() or 1)


MINE = """
    import dataclasses, os, sys
    import pandas as pd
    from qgmutils.computing.tasks import run_tasks
    @dataclasses.dataclass(frozen=True)
    class Mine:
        x: float
        def run(self):
            {action}
            return pd.DataFrame({{"y": [2 * self.x]}})
    {guard}run_tasks([Mine(3.0), Mine(4.0)], workers=2, cache=False)
"""


@pytest.mark.parametrize("before", ["", "run_tasks([Mine(3.0)], workers=1); "])
def test_missing_guard_is_named(before: str, tmp_path: Path) -> None:
    done = run(MINE.format(action="pass", guard=before), tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: one of 2 worker processes ended while it started")
    assert 'if __name__ == "__main__":' in last
    assert "memory" not in last


def test_killed_worker_is_not_taken_for_that(tmp_path: Path) -> None:
    guard = 'if __name__ == "__main__": '
    done = run(MINE.format(action="os.kill(os.getpid(), 9)", guard=guard), tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: one of 2 worker processes died, most often because memory ran out")
    assert run(MINE.format(action="pass", guard=guard), tmp_path).returncode == 0


def test_model_of_the_processor_has_a_name() -> None:
    assert processes.cpu_model()
