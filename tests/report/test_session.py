from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qgmutils.report import claims, predicates
from qgmutils.report.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    with mpl.rc_context({"backend": "agg"}):
        yield Session("01_x", run="a", profile="quick", seed=7, output_dir=tmp_path)
    plt.close("all")


def test_streams_are_those_of_the_seed_and_begin_anew(session: Session) -> None:
    expected = np.random.default_rng(7).random(3)
    np.testing.assert_array_equal(session.rng().random(3), expected)
    np.testing.assert_array_equal(session.rng().random(3), expected)
    keyed = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(1,))).random(3)
    np.testing.assert_array_equal(session.rng(1).random(3), keyed)


def test_figures_carry_seed_profile_and_parameters(session: Session, tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1.0, 2.0]})
    session.save(plt.figure(figsize=(2, 2)), table, parts={"more": table}, n_circuits=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "01_x.a.csv",
        "01_x.a.more.csv",
        "01_x.a.pdf",
        "01_x.a.png",
    ]
    with Image.open(tmp_path / "01_x.a.png") as image:
        assert json.loads(image.info["Description"])["parameters"] == {
            "seed": 7,
            "profile": "quick",
            "n_circuits": 3,
        }


def test_text_that_cannot_be_read_is_warned_of(session: Session) -> None:
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.set_xlabel("tiny", fontsize=4)
    with pytest.warns(UserWarning, match="figure of 01_x: 'tiny' has 4 points"):
        session.save(fig, pd.DataFrame({"x": [1]}))


def test_claims_are_written_and_shown(session: Session, tmp_path: Path) -> None:
    rows = pd.DataFrame({"p": [4, 8], "ratio": [1.0, 1.5]})
    words = {"expected": "ratio 1", "tolerance": "0.1"}
    yes, no = predicates.within(1, 1, tolerance=0.1), predicates.within(rows["ratio"], 1, tolerance=0.1)
    session.claim("law", "It holds.", yes, source="paper", **words)
    session.claim("case", "It holds.", no, rows=rows, case="p = {p}", **words)
    session.claim("both", "It holds.", no, observed="1 of 2", rows=rows, case="p = {p}", **words)
    shown = session.verdicts()
    written = claims.load(tmp_path / "claims.json")
    assert [(c.notebook, c.run, c.id, c.provenance, c.verdict, c.observed) for c in written] == [
        ("01_x", "a", "law", "paper", "reproduced", "1"),
        ("01_x", "a", "case", "derived", "not reproduced", "1.5, worst of 2, of which 1 fail: p = 8"),
        ("01_x", "a", "both", "derived", "not reproduced", "1 of 2; 1.5, worst of 2, of which 1 fail: p = 8"),
    ]
    assert shown.verdicts == tuple(session.found)
    assert (claims.computed(tmp_path / "claims.json"))["01_x.a"]["seed"] == 7


def test_allowed_parameters_pass(session: Session) -> None:
    session.require(n_circuits=20, sizes=[4, 6], each={"a": [2, 8]}, low=2, high=20, even=True, why="x")
    session.require(sizes=[4, 4, 6], distinct=2, why="x")
    assert session.paired(p=[2, 2, 3], m=[1.0, 1.0, 4.0]) == [(2, 1.0), (3, 4.0)]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"n_circuits": 9, "low": 10}, "n_circuits is 9; it must be at least 10: errors need it"),
        ({"sizes": [4, 3], "low": 4}, r"sizes is 3 \(of \[4, 3\]\); it must be at least 4: errors need it"),
        ({"counts": {"4": [8, 16]}, "high": 10}, r"counts is 16 \(of .*\); it must be at most 10: errors"),
        ({"sizes": [4, 5], "even": True}, r"sizes is 5 \(of \[4, 5\]\); it must be even: errors need it"),
        ({"sizes": []}, r"sizes is \[\]; it needs 1 different values or more: errors need it"),
        ({"sizes": [4, 4, 5], "distinct": 3}, r"it needs 3 different values or more: errors need it"),
    ],
)
def test_other_parameters_are_refused(session: Session, rule: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        session.require(why="errors need it", **rule)  # type: ignore[arg-type]


@pytest.mark.parametrize("lists", [{"p": [1, 2], "m": [3]}, {"p": [], "m": []}])
def test_lists_of_different_lengths_are_no_pairs(session: Session, lists: dict[str, list[int]]) -> None:
    with pytest.raises(ValueError, match=r"len\(p\) = \d, len\(m\) = \d; they are paired"):
        session.paired(**lists)
