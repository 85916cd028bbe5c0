"""Blocks on one thread: what they limit, that they end, and that inner ones cost nothing."""

import os
import subprocess
import sys

import numpy as np
import pytest
import threadpoolctl

from qgmutils.computing import threads


def counts():
    np.linalg.eigvalsh(np.eye(2))
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]


def test_nested_blocks_limit_and_restore():
    before = counts()
    with threads.one_thread():
        with threads.one_thread():
            assert set(counts()) <= {1}
        assert set(counts()) <= {1}  # the inner block leaves the limit to the outer one
    assert counts() == before


def test_an_exception_ends_the_block():
    before = counts()
    with pytest.raises(ZeroDivisionError), threads.one_thread():
        raise ZeroDivisionError
    assert counts() == before
    with threads.one_thread():
        assert set(counts()) <= {1}


def test_the_environment_reaches_the_libraries():
    chosen = threads.reproducible_environment()
    if not chosen:
        pytest.skip("this processor has no AVX2")
    program = """import threadpoolctl, numpy as np, numba, scipy.linalg
found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
cores = {each["architecture"] for each in threadpoolctl.threadpool_info() if each["internal_api"] == "openblas"}
print([name for name in found if "512" in name or "V4" in name], cores <= {"Haswell"}, numba.config.DISABLE_INTEL_SVML)
"""
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, env=os.environ | chosen, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["[]", "True", "1"]
    assert not found.stderr
