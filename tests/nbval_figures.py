"""Plugin for nbval: figures in the outputs of cells are compared as well, by `qgmutils.suite.compare.pixels`.

nbval skips images, since their bytes depend on the version of the renderer.  Their pixels hardly do.  And it passes a
cell that was stored without having been run.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from qgmutils.suite import compare

_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()[:10]


class Picture(str):
    """An image in base64 that equals another one that looks the same."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Picture):
            return False
        first, second = (io.BytesIO(base64.b64decode(text)) for text in (self, other))
        return str.__eq__(self, other) or compare.pixels(first, second) == 0

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class Cell(IPyNbCell):
    """A cell whose images are compared."""

    def sanitize(self, s: Any) -> Any:
        """Text as nbval compares it, images as pictures."""
        text = super().sanitize(s)
        return Picture(text) if isinstance(text, str) and text.startswith(_PNG) else text


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, IPyNbCell):
            item.__class__ = Cell
            assert isinstance(item.parent, IPyNbFile)
            item.parent.skip_compare = tuple(kind for kind in item.parent.skip_compare if kind != "image/png")
            if item.cell.execution_count is None:
                raise pytest.UsageError(
                    f"{item.nodeid} was stored without having been run, so its output would not be compared; "
                    "nox -s notebooks -- --update stores it"
                )
