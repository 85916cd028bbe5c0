"""`qgm diagnose`: from a module of the user to the report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from qgmutils.command.__main__ import main

MODULE = """
import numpy as np
import pennylane as qml

weights = np.ones((1, 2))


@qml.qnode(qml.device("default.qubit", wires=2))
def circuit(weights):
    qml.BasicEntanglerLayers(weights, wires=range(2), rotation=qml.RY)
    return qml.expval(qml.X(0) @ qml.X(1) + 0.5 * qml.Z(0))


@qml.qnode(qml.device("default.qubit", wires=1))
def noisy(weights):
    qml.RX(weights[0, 0], 0)
    qml.DepolarizingChannel(0.1, 0)
    return qml.expval(qml.Z(0))


@qml.qnode(qml.device("default.qubit", wires=1))
def fails(weights):
    return {}["a"]
"""


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_for_tests.py").write_text(MODULE)
    (tmp_path / "broken_for_tests.py").write_text("1 / 0")
    (tmp_path / "ends_for_tests.py").write_text("raise SystemExit(0)")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "also_for_tests.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("mine_for_tests", None)


def test_numbers_and_text_of_a_circuit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "mine_for_tests:circuit", "weights", "--starts", "16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n_qubits"], found["reach"]["own_rank"]) == (2, 2)
    arguments = [
        "mine_for_tests:circuit",
        "[[0.1, 0.2]]",
        "--starts",
        "16",
        "--point",
        "--figure",
        "found.png",
    ]
    assert main(["diagnose", *arguments]) == 0
    assert "What is this point?" in capsys.readouterr().out
    assert Path("found.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["mine_for_tests"], 2, "write module:name"),
        (["mine_for_tests:"], 2, "write module:name"),
        ([":circuit"], 2, "write module:name"),
        ([""], 2, "a name is needed, got an empty one"),
        (["ends_for_tests:circuit"], 1, "ends_for_tests cannot be imported: SystemExit"),
        (["elsewhere/mine.py:circuit"], 1, "elsewhere/mine.py cannot be imported: ModuleNotFoundError"),
        (["mine_for_tests:nothing"], 2, "mine_for_tests has no 'nothing'"),
        (["nowhere_for_tests:circuit"], 1, "nowhere_for_tests cannot be imported: ModuleNotFoundError"),
        (["broken_for_tests:circuit"], 1, "ZeroDivisionError"),
        (
            ["mine_for_tests:circuit", "wheights"],
            2,
            "'wheights' is neither a name in mine_for_tests nor JSON",
        ),
        (["mine_for_tests:circuit", "[[0.1,"], 2, "'[[0.1,' is neither a name in mine_for_tests nor JSON"),
        (
            ["mine_for_tests:circuit", "[[0.1], [0.2, 0.3]]"],
            2,
            "has lists of different lengths or no numbers; give an array",
        ),
        (["mine_for_tests:circuit", "[[0.1, NaN]]"], 2, "weights must hold finite numbers, got inf or nan"),
        (["mine_for_tests:circuit", '[["a", 2]]'], 2, "has lists of different lengths or no numbers"),
        (["mine_for_tests:circuit", "0.3"], 2, "the QNode raises ValueError: Weights tensor must be"),
        (["mine_for_tests:circuit"], 2, "missing a required argument: 'weights'"),
        (["mine_for_tests:fails", "weights"], 2, "the QNode raises KeyError: 'a'; call it by itself"),
        (["mine_for_tests:noisy", "weights"], 2, "DepolarizingChannel"),
        (["other/also_for_tests.py:noisy", "weights"], 2, "DepolarizingChannel"),
        (["mine_for_tests:weights"], 2, "must be a pennylane.QNode"),
        (["mine_for_tests:circuit", "weights", "--seconds", "-1"], 2, "'-1' is no positive integer"),
        (
            ["mine_for_tests:circuit", "weights", "--seed", "1.5"],
            2,
            "'1.5' is no integer from 0 to 2^128 - 1",
        ),
        (
            ["mine_for_tests:circuit", "weights", "--figure", "a.xyz"],
            2,
            "'a.xyz' must end in .png, .pdf, .svg",
        ),
        (["mine_for_tests:circuit", "weights", "--figure", "."], 2, "'.' must end in .png, .pdf, .svg"),
        (
            ["mine_for_tests:circuit", "weights", "--figure", "no/a.png"],
            2,
            "'no/a.png' is in no folder that exists",
        ),
        (
            ["mine_for_tests:circuit", "weights", "--starts", "2"],
            2,
            "starts must be an integer of at least 8",
        ),
    ],
)
def test_wrong_calls(
    arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        found = main(["diagnose", *arguments])
    except SystemExit as end:
        found = int(end.code or 0)
    assert found == status
    assert message in " ".join(capsys.readouterr().err.split())
