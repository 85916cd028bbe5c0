"""Tables and texts of notebooks: numbers have as many digits as their errors leave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd


def shown(
    table: pd.DataFrame,
    *,
    errors: Mapping[str, str] | None = None,
    intervals: Sequence[str] = (),
    digits: int = 3,
) -> pd.DataFrame:
    """A table as a reader wants it: errors and ends of intervals beside their numbers, all rounded.

    Parameters
    ----------
    table : DataFrame
    errors : mapping of str to str, optional
        Column of numbers -> column of their errors, not negative: "0.412 ± 0.013".
    intervals : sequence of str
        Columns x with ends in the columns x_low and x_high: "0.412 (0.39 to 0.43)".
    digits : int
        Significant digits of all other numbers that are not whole.

    Returns
    -------
    DataFrame
        Texts in place of numbers that are not whole; without the columns of errors and ends.
    """
    found, used = table.copy(), []
    for name, error in (errors or {}).items():
        found[name] = [plus_minus(*pair) for pair in zip(table[name], table[error], strict=True)]
        used.append(error)
    for name in intervals:
        ends = [f"{name}_low", f"{name}_high"]
        found[name] = [
            "{} ({} to {})".format(*(number(x, digits) for x in numbers))
            for numbers in table[[name, *ends]].itertuples(index=False)
        ]
        used += ends
    found = found.drop(columns=used)
    rest = {name: [number(x, digits) for x in found[name]] for name in found.select_dtypes("float")}
    return found.assign(**rest)


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, and with all digits before the point up to a million."""
    long = 10**digits <= abs(value) < 10**6
    return f"{value:.0f}" if long else f"{value + 0.0:.{digits}g}"  # adding 0 turns -0 into 0


def plus_minus(value: float, error: float) -> str:
    """A number with its error: the error has two significant digits, and the number ends where it does.

    Without an error (0 or nan) the number has three significant digits; with one far below 1, as for rounding errors of
    0, both are powers of ten.
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return number(value)
    digits = max(0, 1 - math.floor(math.log10(float(f"{error:.1e}"))))
    if digits > 7:
        return f"{number(value)} ± {number(error, 2)}"
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def spans(rows: pd.DataFrame, name: str, case: str) -> str:
    """Estimates with their intervals in one line: "0.12 (0.1 to 0.14) at p = 4, 0.2 (0.18 to 0.22) at p = 8".

    Parameters
    ----------
    rows : DataFrame
        With the columns ``<name>``, ``<name>_low`` and ``<name>_high``.
    name : str
        The column of the estimates.
    case : str
        How a row is named, filled with it: "p = {n_params}".

    Returns
    -------
    str
    """
    return ", ".join(
        "{} ({} to {})".format(*(number(row[name + end]) for end in ("", "_low", "_high")))
        + f" at {case.format(**row)}"
        for row in rows.to_dict("records")
    )


def starts(minima: pd.DataFrame) -> str:
    """How many starts of a table of minima were certified, and why the others were not.

    Parameters
    ----------
    minima : DataFrame
        One row a start, with the columns certified (bool) and, for those that are not, reason.

    Returns
    -------
    str
        "416 starts, all certified as local minima", or "416 starts, 3 not certified as local minima: 3 saddle".
    """
    refused = minima.loc[~minima["certified"].astype(bool), "reason"].value_counts()
    if refused.empty:
        return f"{len(minima)} starts, all certified as local minima"
    reasons = ", ".join(f"{count} {reason}" for reason, count in refused.items())
    return f"{len(minima)} starts, {refused.sum()} not certified as local minima: {reasons}"
