"""Kernels that call kernels of another file, before and after that file has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import qgmutils
from qgmutils.computing.kernels import drop_stale

INNER = """import numba

@numba.njit(cache=True)
def inner(x):
    return x + {shift}
"""
OUTER = """import numba
from toy.inner import inner

@numba.njit(cache=True)
def outer(x):
    return 2 * inner(x)
"""
PROGRAM = """import pathlib, sys
from qgmutils.computing.kernels import drop_stale
if {renew}:
    drop_stale(pathlib.Path({package!r}))
sys.path.insert(0, {root!r})
from toy.outer import outer
print(outer(1))
"""


def run(root: Path, *, renew: bool) -> int:
    program = PROGRAM.format(renew=renew, package=str(root / "toy"), root=str(root))
    environment = os.environ | {"PYTHONPATH": str(Path(qgmutils.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_changed_kernel_reaches_its_callers(tmp_path, monkeypatch, elsewhere):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    if elsewhere:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "outer.py").write_text(OUTER)
    (package / "inner.py").write_text(INNER.format(shift=1))
    assert run(tmp_path, renew=True) == 4
    (package / "inner.py").write_text(INNER.format(shift=10))
    assert run(tmp_path, renew=False) == 4, "numba has learned to see it; drop_stale may go"
    assert run(tmp_path, renew=True) == 22


def test_kernels_stay_as_long_as_the_source_does(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    package = tmp_path / "toy"
    package.mkdir()
    (package / "inner.py").write_text(INNER.format(shift=1))
    kept = tmp_path / "cache" / "toy_1" / "inner.inner-3.py311.nbi"
    foreign = tmp_path / "cache" / "other_1" / "something.else-3.py311.nbi"
    for path in (kept, foreign):
        path.parent.mkdir(parents=True)
        path.write_text("")
    assert drop_stale(package)
    assert foreign.exists()
    assert not kept.exists()
    kept.write_text("")
    assert not drop_stale(package)
    assert kept.exists()
