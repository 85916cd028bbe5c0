"""Blocks on one thread: what they limit, that they end, and that inner ones cost nothing."""

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
