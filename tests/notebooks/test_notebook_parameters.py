"""The parameters of the notebooks mean the same everywhere, and say what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    ("notebook", "changes", "message"),
    [
        ("03_minima_distribution", {"n_circuits": 9}, "n_circuits is 9.* errors"),
        ("10_basin_weights", {"basin_n_circuits": 9}, "basin_n_circuits is 9.* errors"),
        ("10_basin_weights", {"mean_n_circuits": 2}, "mean_n_circuits is 2.* errors"),
        ("10_basin_weights", {"limit_n_circuits": [99, 99, 99, 9]}, "limit_n_circuits is 9.* errors"),
    ],
)
def test_few_circuits_give_no_standard_error(notebook: str, changes: dict[str, Any], message: str) -> None:
    cells = nbformat.read(NOTEBOOKS[0].parent / f"{notebook}.ipynb", as_version=4).cells
    first, second = [cell.source for cell in cells if cell.cell_type == "code"][:2]
    variables: dict[str, Any] = {}
    exec(first, variables)
    with pytest.raises(ValueError, match=message):
        exec(second, variables | changes)
