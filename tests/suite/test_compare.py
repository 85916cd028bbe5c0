from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.report import claims, figures, predicates
from qgmutils.suite import compare


def write(path: Path, table: pd.DataFrame) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, lineterminator="\n")
    return path


TABLE = pd.DataFrame({"n": [4, 6, 8], "energy": [0.5, -2.0, 1e-300], "name": list("abc")})


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, []),
        (
            {"energy": [0.5, -2.5, 1e-300]},
            ["column energy: 1 of 3 rows differ, by at most 0.5, relative 0.2 (row 1: -2.0 → -2.5)"],
        ),
        # The smallest of all changes counts too.
        (
            {"energy": [0.5, -2.0, 2e-300]},
            ["column energy: 1 of 3 rows differ, by at most 1e-300, relative 0.5 (row 2: 1e-300 → 2e-300)"],
        ),
        (
            {"energy": [np.nan, -2.0, 1e-300], "name": list("abd")},
            [
                "column energy: 1 of 3 rows differ (row 0: 0.5 → )",
                "column name: 1 of 3 rows differ (row 2: c → d)",
            ],
        ),
        ({"more": [1, 2, 3]}, ["has the columns n, energy, name, more instead of n, energy, name"]),
    ],
)
def test_tables(changes: dict[str, Any], sentences: list[str], tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.csv", TABLE), write(tmp_path / "new.csv", TABLE.assign(**changes))
    assert compare.tables(old, new) == sentences


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"energy": [0.5 + 1.9e-4, -2.0, 2e-300]}, []),
        ({"energy": [0.5, -2.0 - 2.1e-4, 1e-300]}, ["energy"]),
        ({"energy": [0.5, -2.0, np.nan]}, ["energy"]),
        ({"energy": [0.5, -2.0, np.inf], "name": list("abd")}, ["energy", "name"]),
        ({"n": [4, 6, 9]}, ["n"]),
    ],
)
def test_tables_to_four_digits(changes: dict[str, Any], columns: list[str], tmp_path: Path) -> None:
    old, new = (
        write(tmp_path / "a" / "x.csv", TABLE),
        write(tmp_path / "b" / "x.csv", TABLE.assign(**changes)),
    )
    found = compare.tables(old, new, digits=4)
    assert [sentence.split()[1] for sentence in found] == [f"{name}:" for name in columns]
    judged = compare.folders(old.parent, new.parent, labels={"x"}, digits=4)
    assert (not judged.differences) == (not columns)
    if not columns:
        assert compare.sentences(judged, committed="a", replaced=False)[0].endswith(
            "ones, tables to 4 digits"
        )


def test_tables_of_other_lengths_and_forms(tmp_path: Path) -> None:
    old = write(tmp_path / "old.csv", TABLE)
    assert compare.tables(old, write(tmp_path / "short.csv", TABLE.head(2))) == ["has 2 rows instead of 3"]
    (tmp_path / "quoted.csv").write_text(old.read_text().replace("a\n", '"a"\n'))
    assert compare.tables(old, tmp_path / "quoted.csv") == ["is written in another way"]
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read as a table" in compare.tables(old, tmp_path / "bad.csv")[0]


def draw(*, shift: float = 0.0, colour: str = "C0", size: float = 3.0, **settings: Any) -> io.BytesIO:
    figures.use_style()
    with mpl.rc_context(settings):
        fig, (left, right) = plt.subplots(1, 2, figsize=(2 * size, size))
        x = np.linspace(0, 1, 100)
        left.plot(x, np.sin(3 * x), color=colour, label="a curve with words")
        left.set(xlabel="number of parameters p", ylabel="share")
        left.legend()
        right.plot([0.2, 0.5 + shift, 0.8], [0.1, 0.9, 0.4], "o", ms=4)
        right.set(xlim=(0, 1), ylim=(0, 1))
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", metadata={"Title": str(settings)})
        plt.close(fig)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize(
    ("changes", "alike"),
    [
        ({}, True),
        # What renderers of other versions do.
        ({"path.snap": False}, True),
        ({"path.simplify": False}, True),
        # 0.01 are about three pixels: a marker moves by a third of its size.
        ({"shift": 0.01}, False),
        ({"colour": "C1"}, False),
        ({"size": 3.1}, False),
    ],
)
def test_pixels(changes: dict[str, Any], alike: bool) -> None:
    assert (compare.pixels(draw(), draw(**changes)) == 0) == alike


def test_figures(tmp_path: Path) -> None:
    for name, changes in (("a", {}), ("b", {"path.simplify": False}), ("c", {"colour": "C1"})):
        (tmp_path / f"{name}.png").write_bytes(draw(**changes).getvalue())
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert compare.figures(tmp_path / "a.png", tmp_path / "b.png") == []
    assert compare.figures(tmp_path / "a.png", tmp_path / "c.png")[0].startswith("looks different in 0.8")
    (tmp_path / "d.png").write_bytes(b"no image")
    assert "cannot be read as an image" in compare.figures(tmp_path / "a.png", tmp_path / "d.png")[0]


def record(
    folder: Path, *, notebook: str = "01_x", value: float = 1.0, seed: int = 1, **changes: Any
) -> Path:
    arguments = {"id": "law", "statement": "s", "provenance": "paper", "expected": "1", "tolerance": "0.5"}
    judged = claims.verdict(**(arguments | changes), finding=predicates.within(value, 1, tolerance=0.5))
    claims.record([judged], notebook=notebook, profile="quick", seed=seed, output_dir=folder)
    return folder / "claims.json"


def test_verdicts(tmp_path: Path) -> None:
    old = record(tmp_path / "old")
    # What it was computed with is not compared.
    assert compare.verdicts(old, record(tmp_path / "same", seed=2)) == []
    (sentence,) = compare.verdicts(old, record(tmp_path / "other", value=3.0))
    assert "01_x law: observed 1 → 3; verdict reproduced → not reproduced; numbers {" in sentence
    assert compare.verdicts(old, record(tmp_path / "new", id="new")) == [
        "01_x new is new",
        "01_x law is no longer there",
    ]
    more = record(tmp_path / "same", notebook="02_y")
    assert compare.verdicts(old, more) == ["02_y law is new"]
    assert compare.verdicts(old, more, labels={"01_x"}) == []
    (tmp_path / "damaged.json").write_text("[]")
    assert "holds no claim records" in compare.verdicts(tmp_path / "damaged.json", old)[0]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal folders with the results of 01_x, which has a part, and 02_y."""
    for folder in (tmp_path / "old", tmp_path / "new"):
        for notebook in ("01_x", "02_y"):
            record(folder, notebook=notebook)
            write(folder / f"{notebook}.csv", TABLE)
            (folder / f"{notebook}.png").write_bytes(draw().getvalue())
        write(folder / "01_x.part.csv", TABLE)
    return tmp_path / "old", tmp_path / "new"


def test_equal_folders(pair: tuple[Path, Path]) -> None:
    found = compare.folders(*pair, labels={"01_x", "02_y"})
    assert found.differences == {}
    text = "3 tables, 2 figures and 2 verdicts equal the committed ones"
    assert compare.sentences(found, committed="there", replaced=True) == [text]
    found = compare.folders(*pair, labels={"02_y"}, complete=False)
    assert str(found) == "1 table, 1 figure and 1 verdict"


def test_every_difference_of_folders_is_found(pair: tuple[Path, Path]) -> None:
    old, new = pair
    write(new / "01_x.csv", TABLE.assign(n=[4, 6, 9]))
    (new / "01_x.part.csv").unlink()
    write(new / "02_y.more.csv", TABLE)
    record(new, notebook="02_y", value=3.0)
    found = compare.folders(old, new, labels={"01_x", "02_y"})
    lines = compare.sentences(found, committed="there", replaced=True)
    assert lines[:4] == [
        "Differs from there:",
        "  new: 02_y.more.csv",
        "  no longer there: 01_x.part.csv",
        "  01_x.csv: column n: 1 of 3 rows differ, by at most 1, relative 0.11 (row 2: 8 → 9)",
    ]
    assert lines[4].startswith("  claims.json: 02_y law: observed 1 → 3")
    assert lines[5:] == [
        "3 of 4 tables, 0 of 2 figures and 1 of 2 verdicts differ from the committed ones, which are replaced"
    ]
    # Only a complete run says that something of others is gone.
    assert compare.folders(old, new, labels={"01_x"}, complete=False).differences.keys() == {
        "01_x.csv",
        "01_x.part.csv",
    }
    (old / "00_gone.csv").touch()
    assert "00_gone.csv" in compare.folders(old, new, labels={"01_x", "02_y"}).differences


def test_few_of_many_differences_are_told(tmp_path: Path) -> None:
    sentences = [f"sentence {number}" for number in range(100)]
    found = compare.Comparison(0, 0, 100, {"claims.json": sentences})
    lines = compare.sentences(found, committed="there", replaced=False)
    assert lines[-2:] == [
        f"  claims.json: and {100 - compare.SHOWN} more",
        "0 of 0 tables, 0 of 0 figures and 100 of 100 verdicts differ from the committed ones",
    ]
    assert json.dumps(lines).count("sentence") == compare.SHOWN
