"""How far random numbers may lie from what they should be, and how rarely a right program is called wrong.

A test of a mean, a share or a law takes its threshold from here, and each threshold is passed by chance with the rate
ALARM. `conftest.py` counts them: all those of a run together must stay below LIMIT.
"""

import argparse

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike

LIMIT = 1e-4
"""Chance that a run of all tests with a random seed fails although nothing is wrong."""

ALARM = 1e-7
"""Chance that one threshold is passed: a run has some 300, and skewed laws may pass theirs several times as often."""

drawn = 0
"""Thresholds given out in this run."""


def seed_of(text: str) -> int:
    """The value of --seed: a number of at least 0, or a new one for "random"."""
    if text == "random":
        return int(np.random.SeedSequence().generate_state(1)[0])
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"must be 'random' or an integer of at least 0, got {text!r}")


def alarm(comparisons: int = 1) -> float:
    """Chance to allow each of `comparisons` numbers, so that one of them is called wrong with the chance ALARM."""
    global drawn
    drawn += 1
    return ALARM / comparisons


def sigmas(comparisons: int = 1, *, freedom: float = np.inf) -> float:
    """Standard errors to allow on either side; `freedom` is that of errors estimated from few numbers (Student)."""
    return float(scipy.stats.t.isf(alarm(comparisons) / 2, freedom))


def agree(
    value: ArrayLike,
    expected: ArrayLike,
    error: ArrayLike,
    *,
    slack: ArrayLike = 0.0,
    freedom: float = np.inf,
) -> None:
    """Assert that numbers with standard errors are the expected ones, but for chance and `slack`."""
    __tracebackhide__ = True
    off = np.abs(np.subtract(value, expected))
    allowed = np.add(slack, np.multiply(sigmas(off.size, freedom=freedom), error))
    assert np.all(np.isfinite(allowed) & (off <= allowed)), f"{value} is off {expected} by {off} > {allowed}"
