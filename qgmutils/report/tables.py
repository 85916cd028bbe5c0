"""Tables that notebooks print: numbers have as many digits as their errors leave."""

from __future__ import annotations

import math

import pandas as pd


def with_errors(table: pd.DataFrame, errors: dict[str, str]) -> pd.DataFrame:
    """Join columns and their standard errors to texts such as "0.412 ± 0.013".

    Parameters
    ----------
    table : DataFrame
    errors : dict of str to str
        Column of numbers -> column of their errors, not negative.

    Returns
    -------
    DataFrame
        The table without the columns of errors.
    """
    joined = {
        name: [plus_minus(*pair) for pair in zip(table[name], table[error], strict=True)]
        for name, error in errors.items()
    }
    return table.assign(**joined).drop(columns=list(errors.values()))


def plus_minus(value: float, error: float) -> str:
    """A number with its error: the error has two significant digits, and the number ends where it does.

    Without an error (0 or nan) the number has three significant digits.
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return f"{value:.3g}"
    digits = max(0, 1 - math.floor(math.log10(float(f"{error:.1e}"))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"
