"""The thresholds of statistical tests, and the values of --seed."""

import argparse

import numpy as np
import pytest
from statistical import ALARM, agree, alarm, seed_of, sigmas


def test_numbers_off_by_more_than_chance_are_seen():
    allowed = sigmas()
    assert 5 < allowed < 6
    agree(1 + 0.99 * allowed * 0.1, 1, 0.1)
    agree([1, 1 + 1.01 * allowed * 0.1], 1, 0.1)  # two numbers may be off by a little more
    agree(1.5 + 0.99 * allowed * 0.1, 1, 0.1, slack=0.5)
    for value, error in (
        (1 + 1.01 * allowed * 0.1, 0.1),
        (np.nan, 0.1),
        (1.0, np.nan),
        (1.0, np.inf),
        ([1, 2], 0.1),
    ):
        with pytest.raises(AssertionError, match="is off 1 by"):
            agree(value, 1, error)


def test_more_comparisons_and_fewer_numbers_allow_more():
    assert alarm() == 10 * alarm(10) == ALARM
    assert sigmas() < sigmas(10) < sigmas(10, freedom=20)


def test_values_of_the_seed():
    assert seed_of("123") == 123
    assert seed_of("random") != seed_of("random")
    for text in ("-1", "1.5", "randm", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="'random' or an integer of at least 0, got"):
            seed_of(text)
