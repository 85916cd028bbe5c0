"""The engine on narrower and wider registers than this machine's: the tests of the engine, in another process.

Which registers there are is decided when the package is imported, so each width needs a process of its own.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from qgmutils.computing.simd import TARGET_FEATURES

# Every representation of H at several sizes, lane remainders, second derivatives, hundreds of gates, vectors.
CHOSEN = "many_gates or vector or reduced or left_over or batches or (representation and few)"
ON_X86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="these are features of x86-64"
)


def outcome(environment, tmp_path, seed):
    here = Path(__file__).parent
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--seed",
            str(seed),
            "-k",
            CHOSEN,
            str(here / "test_engine.py"),
        ],
        cwd=here.parent,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_eight_lanes(tmp_path, seed):
    # On AVX2 each takes two registers.  Two lanes are those of the older machines below.
    assert " passed" in outcome({"QGMUTILS_LANES": "8"}, tmp_path, seed)


@ON_X86
@pytest.mark.parametrize(
    "features",
    [
        # What every x86-64 has: no fused multiply-add, no instruction that counts bits.
        "+sse2,+cx16",
        pytest.param(
            "+avx,+avx2,+fma,+popcnt,+sse4.2",
            marks=pytest.mark.skipif("+avx2" not in TARGET_FEATURES, reason="this machine has no AVX2"),
        ),
    ],
)
def test_older_machines(features, tmp_path, seed):
    environment = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": features}
    assert " passed" in outcome(environment, tmp_path, seed)


def test_a_width_that_does_not_exist(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", "import qgmutils.engine"],
        env={**os.environ, "QGMUTILS_LANES": "5"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "QGMUTILS_LANES is '5'; it must be 2, 4 or 8, or not set" in found.stderr
