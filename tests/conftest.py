"""Shared fixtures: random inputs differ from run to run, and the seed is printed so that a failure can be replayed."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest


def pytest_report_header() -> str:
    return f"QGMUTILS_TEST_SEED={_seed()} (set this variable to replay the run)"


def _seed() -> int:
    if "QGMUTILS_TEST_SEED" not in os.environ:
        os.environ["QGMUTILS_TEST_SEED"] = str(np.random.SeedSequence().entropy % 2**32)
    return int(os.environ["QGMUTILS_TEST_SEED"])


@pytest.fixture
def heed_interrupts() -> Iterator[None]:
    """Let processes that the test starts be interrupted: what a shell starts in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator that depends on the run's seed and on the test's name, not on the order of tests."""
    return np.random.default_rng([_seed(), *request.node.nodeid.encode()])
