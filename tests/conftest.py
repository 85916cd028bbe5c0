"""Shared fixtures, and the seed from which all random inputs of a run are drawn: fixed unless asked otherwise.

A run with a random seed fails by chance less than once in 10,000 times: `statistical.py` holds the thresholds, and the
summary of the run says how many there were.
"""

import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import statistical

from qgmutils.suite import terminal

DEFAULT_SEED = 2022


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed",
        type=statistical.seed_of,
        default=DEFAULT_SEED,
        help=f"seed of all random inputs: a number ({DEFAULT_SEED} by default), or 'random' to draw one",
    )


def pytest_report_header(config: pytest.Config) -> str:
    seed = config.getoption("seed")
    return f"seed {seed} (replay with: nox -s tests -- --seed {seed}; draw another with: --seed random)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if statistical.drawn:
        rate = statistical.drawn * statistical.ALARM
        terminalreporter.write_line(
            f"{statistical.drawn} statistical thresholds: a random seed passes one by chance with the rate {rate:.0e}"
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # of one of several processes
        session.config.workeroutput["thresholds"] = statistical.drawn
    if statistical.drawn * statistical.ALARM > statistical.LIMIT:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    statistical.drawn += getattr(node, "workeroutput", {}).get("thresholds", 0)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run."""
    return request.config.getoption("seed")


@pytest.fixture
def heed_interrupts() -> Iterator[None]:
    """Let processes that the test starts be interrupted: what runs in the background or under nohup ignores signals."""
    before = {
        number: signal.signal(number, signal.SIG_DFL) for number in terminal.ENDING if number != signal.SIGINT
    }
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def rng(request: pytest.FixtureRequest, seed: int) -> np.random.Generator:
    """A generator that depends on the run's seed and on the test's name, not on the order of tests."""
    return np.random.default_rng([seed, *request.node.nodeid.encode()])
