from __future__ import annotations

import math

import pandas as pd
import pytest

from qgmutils.report import tables


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.41234, 0.0127, "0.412 ± 0.013"),
        (0.41234, 0.0996, "0.41 ± 0.10"),
        (123.4, 15.6, "123 ± 16"),
        (2.0, 0.0, "2"),
        (0.12345, math.nan, "0.123"),
        (math.nan, 0.1, "nan"),
        (0.000476, 0.00007, "0.000476 ± 0.000070"),
        (3.94e-17, 2.17e-18, "3.94e-17 ± 2.2e-18"),
    ],
)
def test_digits_follow_the_error(value: float, error: float, text: str) -> None:
    assert tables.plus_minus(value, error) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (1234.5, "1234"), (-123456.7, "-123457"), (1.2345e7, "1.23e+07"), (-0.0, "0")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert tables.number(value) == text


TABLE = pd.DataFrame(
    {
        "p": [4, 8],
        "mean": [0.5, 0.25],
        "sem": [0.01, math.nan],
        "slope": [-1.0, -2.0],
        "slope_low": [-1.5, -2.25],
        "slope_high": [-0.5, -1.75],
        "z": [1.23456, 12345.6],
        "name": ["a", "b"],
    }
)


def test_errors_and_intervals_stand_beside_their_numbers() -> None:
    assert tables.shown(TABLE, errors={"mean": "sem"}, intervals=["slope"]).to_dict("list") == {
        "p": [4, 8],
        "mean": ["0.500 ± 0.010", "0.25"],
        "slope": ["-1 (-1.5 to -0.5)", "-2 (-2.25 to -1.75)"],
        "z": ["1.23", "12346"],
        "name": ["a", "b"],
    }
    assert TABLE["z"].dtype == float  # the table itself stays as it is


def test_spans_name_the_cases() -> None:
    assert tables.spans(TABLE, "slope", "p = {p}") == (
        "-1 (-1.5 to -0.5) at p = 4, -2 (-2.25 to -1.75) at p = 8"
    )
    assert tables.spans(TABLE[:0], "slope", "p = {p}") == ""


def test_starts_are_counted_with_reasons() -> None:
    minima = pd.DataFrame(
        {"certified": [True, False, False, False], "reason": ["", "saddle", "flat", "saddle"]}
    )
    assert tables.starts(minima) == "4 starts, 3 not certified as local minima: 2 saddle, 1 flat"
    assert tables.starts(minima[:1]) == "1 starts, all certified as local minima"
