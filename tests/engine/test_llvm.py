"""Kernels written in LLVM: their machine code is kept, and never trusted blindly."""

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from qgmutils import circuits, engine
from qgmutils.losses import hamiltonians
circuit = circuits.random_circuit(2, 3, rng=np.random.default_rng(1))
energy = engine.landscape(circuit, hamiltonians.tfim(2)).value(np.ones((1, 3)))
print(repr(float(energy[0])))
"""


def run(folder):
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return float(found.stdout)


def stored(folder):
    (path,) = folder.rglob("engine.o")
    return path


def test_stored_code_is_used_and_damage_is_repaired(tmp_path):
    expected = run(tmp_path)
    whole, written = stored(tmp_path).read_bytes(), stored(tmp_path).stat().st_mtime_ns
    assert run(tmp_path) == expected
    assert stored(tmp_path).stat().st_mtime_ns == written
    for damaged in (whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        stored(tmp_path).write_bytes(damaged)
        assert run(tmp_path) == expected
        assert stored(tmp_path).read_bytes() == whole
