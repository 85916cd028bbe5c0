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
    ],
)
def test_digits_follow_the_error(value: float, error: float, text: str) -> None:
    assert tables.plus_minus(value, error) == text


def test_columns_of_errors_are_joined() -> None:
    table = pd.DataFrame({"p": [4], "mean": [0.5], "sem": [0.01]})
    assert tables.with_errors(table, {"mean": "sem"}).to_dict("list") == {"p": [4], "mean": ["0.500 ± 0.010"]}
