"""Parts of pages that are made from what is committed, on a repository made up here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import generated
import pytest

from qgmutils.computing import front
from qgmutils.report import claims, predicates


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("figures/quick", "figures/full", "notebooks"):
        (tmp_path / name).mkdir(parents=True)
    cell = {"cell_type": "markdown", "source": ["# The transition\n", "\n", "Text."]}
    (tmp_path / "notebooks" / "04_scaling.ipynb").write_text(json.dumps({"cells": [cell]}))
    for figure in ("quick/04_scaling.tfim", "quick/04_scaling.xxz", "full/04_scaling.tfim", "full/08_gone"):
        (tmp_path / "figures" / f"{figure}.png").touch()
    for run, values in {"tfim": [1.0, 5.0, 1.0], "xxz": [5.0]}.items():
        verdicts = [
            claims.verdict(
                id=f"claim-{number}",
                statement="It is one.",
                provenance="paper" if number else "field",
                expected="1",
                tolerance="0.1",
                finding=predicates.within([value], 1.0, tolerance=0.1),
            )
            for number, value in enumerate(values)
        ]
        folder = tmp_path / "figures" / "quick"
        claims.record(verdicts, notebook="04_scaling", run=run, profile="quick", seed=1, output_dir=folder)
    return tmp_path


def test_every_figure_has_a_card_with_its_counts(repository: Path) -> None:
    quick, full = generated.gallery(repository).split("{tab-item} Profile full")
    cards = re.findall(r"\{grid-item-card\} (.*)\n:link: (.*)\n", quick)
    assert cards == [(f"The transition ({run})", "/notebooks/04_scaling") for run in ("tfim", "xxz")]
    assert re.findall(r"\{image\} (.*)", quick) == [
        f"/figures/quick/04_scaling.{run}.png" for run in ("tfim", "xxz")
    ]
    assert re.findall(r"^\d.*", quick, re.MULTILINE) == ["2 reproduced, 1 not reproduced", "1 not reproduced"]
    # The figure of a notebook that is gone is left out; a profile without records has figures alone.
    assert re.findall(r"\{image\} (.*)", full) == ["/figures/full/04_scaling.tfim.png"]
    assert "reproduced" not in full


def test_a_repository_without_figures_has_an_empty_gallery(tmp_path: Path) -> None:
    assert "grid" not in generated.gallery(tmp_path)


def test_verdicts_are_counted_by_source(repository: Path) -> None:
    rows = [line.strip("|").split("|") for line in generated.verdict_counts(repository).split("\n")[2:]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["quick", "paper", "1", "1", "0"],
        ["quick", "field", "1", "1", "0"],
        ["quick", "published", "0", "0", "0"],
        ["quick", "derived", "0", "0", "0"],
    ]


def test_the_front_door_names_the_home_of_everything() -> None:
    homes = re.findall(r"~(\S+)", generated.front_door())
    assert sorted(home.rpartition(".")[2] for home in homes) == sorted(front.PLACES)
    assert "qgmutils.engine.landscape.landscape" in homes
    assert "qgmutils.losses.hamiltonians" in homes
