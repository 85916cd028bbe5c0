"""A plugin of pytest (`-p qgmutils.suite.nbval_figures`) by which nbval compares figures too, by their pixels.

nbval itself compares all outputs of a cell but images, and has no hook for them; so its method is wrapped.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

from nbval.plugin import IPyNbCell

from qgmutils.suite import compare

IMAGE = "image/png"
_compare_text = IPyNbCell.compare_outputs


def pytest_configure() -> None:
    """Install the comparison when pytest loads the plugin."""
    IPyNbCell.compare_outputs = _compare_all


def figure_differences(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[str]:
    """Compare the figures among the outputs of a cell.

    Parameters
    ----------
    old, new : sequence of outputs
        As a notebook stores them.

    Returns
    -------
    list of str
        One sentence for each figure that looks different, or for their number.
    """
    before, after = (
        [output["data"][IMAGE] for output in outputs if IMAGE in output.get("data", {})]
        for outputs in (old, new)
    )
    if len(before) != len(after):
        return [f"{len(after)} figures instead of {len(before)}"]
    shares = [compare.pixels(_image(a), _image(b)) for a, b in zip(before, after)]
    return [
        f"figure {number} of the cell looks different in {share:.2g} of its area"
        for number, share in enumerate(shares, 1)
        if share
    ]


def _compare_all(cell: Any, test: Any, ref: Any, skip_compare: Any = None) -> bool:
    equal = _compare_text(cell, test, ref, skip_compare)
    differences = figure_differences(ref, test)
    cell.comparison_traceback += differences
    return equal and not differences


def _image(text: str) -> io.BytesIO:
    return io.BytesIO(base64.b64decode(text))
