"""The parameters of the notebooks mean the same everywhere, and say what they mean."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from qgmutils.suite import parameters

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_parameter_has_a_comment_and_a_range(notebook: Path) -> None:
    cells = nbformat.read(notebook, as_version=4).cells
    (source,) = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    found = parameters.read(notebook)
    assert set(parameters.INJECTED) < set(found)
    for name, parameter in found.items():
        assert parameter.accept(parameter.default) == parameter.default
        (line,) = [line for line in source.splitlines() if line.startswith(f"{name}: ")]
        assert "  # " in line, name
        assert name in parameters.INJECTED or parameters.rule(name) is not None, name
