"""`nox -s notebooks` sees every number: outputs are falsified one by one, and the code that makes them is broken."""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import Any

import falsify
import nbval_figures
import pytest
from nbval.plugin import IPyNbCell

NOTEBOOKS = [
    path
    for folder in ("notebooks", "notebooks/guides")
    for path in sorted((falsify.ROOT / folder).glob("*.ipynb"))
]
NUMBER = re.compile(r"(?<![\w#&.])[-−+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*[a-z])", re.IGNORECASE)


class Collected:
    """Keeps the cells that nbval would run."""

    def __init__(self) -> None:
        self.cells: list[Any] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.cells = [item for item in items if isinstance(item, IPyNbCell)]


def collected(notebook: Path) -> list[Any]:
    kept = Collected()
    options = [
        "--collect-only",
        "--quiet",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--nbval",
        str(notebook),
    ]
    assert pytest.main(options, plugins=[kept, nbval_figures]) == 0
    return kept.cells


def falsified(text: str) -> list[str]:
    """The text with the last digit of one number changed, for each of its numbers."""
    found = []
    for match in NUMBER.finditer(text):
        at = max(i for i in range(match.start(), match.end()) if text[i].isdigit())
        if "e" in match[0].lower():  # of the mantissa
            at = text.lower().index("e", match.start()) - 1
        found.append(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    return found


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_falsified_number_is_seen(notebook: Path) -> None:
    cells = collected(notebook)
    numbers = 0
    for cell in cells:
        assert cell.options["check"], f"{cell.name} is not compared"
        assert cell.compare_outputs(cell.cell.outputs, cell.cell.outputs)
        for i, output in enumerate(cell.cell.outputs):
            texts = output.get("data") or {"text": output["text"]}
            for kind, text in texts.items():
                for false in falsified(text) if kind.startswith("text") else ():
                    other = copy.deepcopy(cell.cell.outputs)
                    (other[i]["data"] if "data" in other[i] else other[i])[kind] = false
                    assert not cell.compare_outputs(other, cell.cell.outputs), f"{cell.name}: {false}"
                    numbers += 1
    assert numbers > 20


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_another_figure_is_seen(notebook: Path) -> None:
    """The picture of another notebook, in place of its own."""
    others = [
        cell for cell in collected(NOTEBOOKS[NOTEBOOKS.index(notebook) - 1]) for output in cell.cell.outputs
    ]
    figures = [o for cell in others for o in cell.cell.outputs if "image/png" in o.get("data", {})]
    seen = 0
    for cell in collected(notebook):
        for i, output in enumerate(cell.cell.outputs):
            if "image/png" in output.get("data", {}):
                other = copy.deepcopy(cell.cell.outputs)
                other[i]["data"]["image/png"] = figures[0]["data"]["image/png"]
                assert not cell.compare_outputs(other, cell.cell.outputs)
                seen += 1
    assert seen


def test_broken_code_is_seen(seed: int) -> None:
    # One of the breaks that `nox -s falsify` tries, since each compiles everything anew.
    broken = falsify.BREAKS[seed % len(falsify.BREAKS)]
    found, why = falsify.noticed(broken, falsify.nbval)
    assert found
    assert "FAILED" in why
