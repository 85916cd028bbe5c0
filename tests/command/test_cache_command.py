"""`qgm cache` says what there is and what will go, asks, and removes just that."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from qgmutils.command import cache as command
from qgmutils.command.__main__ import main
from qgmutils.computing import stored
from qgmutils.computing.stored import Item, Origin


@pytest.fixture
def items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """A result of every origin, the older the later in the alphabet, and kernels."""
    origins: dict[str, Origin] = {"A": "present", "B": "other", "C": "unknown", "D": "damaged"}
    found = []
    for days, (name, origin) in enumerate(origins.items()):
        path = tmp_path / f"{name}-{64 * '0'}.npz"
        path.write_bytes(1000 * b"x")
        found.append(Item(path, name, origin, 1000, 90.0, time.time() - 86400 * (days + 0.5)))
    place = tmp_path / ("kernels-" + 32 * "0")
    place.mkdir()
    (place / "engine.o").write_bytes(b"code")
    found.append(Item(place, stored.KERNELS, "other", 4, 0.0, time.time()))
    monkeypatch.setattr(stored, "items", lambda: found)
    monkeypatch.setenv("COLUMNS", "100")
    return found


def left(items: list[Item]) -> str:
    return "".join(item.kind[0] for item in items if item.path.exists())


def test_info(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "info"]) == 0
    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines()]
    assert ["A", "the", "present", "code", "1", "1", "kB", "1", "min", "30", "s"] in lines
    assert ["compiled", "kernels", "other", "code", "1", "4", "B"] in lines
    assert "qgm cache prune removes the 2 made by other code and the 1 damaged." in said
    assert left(items) == "ABCDc"


@pytest.mark.parametrize(
    ("arguments", "stays"),
    [
        (["clear"], ""),
        (["prune"], "AC"),
        (["prune", "--older-than", "2"], "ABc"),
        (["prune", "--older-than", "9"], "ABCDc"),
    ],
)
def test_what_is_removed(
    arguments: list[str], stays: str, items: list[Item], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", *arguments, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert ("Nothing is removed, because of --dry-run" in said) == (stays != "ABCDc")
    for item in items:
        listed = any(line.startswith(f"{item.kind} ") for line in said.splitlines())
        assert listed == (item.kind[0] not in stays)
    assert left(items) == "ABCDc"
    assert main(["cache", *arguments, "--yes"]) == 0
    assert left(items) == stays


@pytest.mark.parametrize(("answer", "status", "stays"), [("y", 0, ""), ("n", 1, "ABCDc"), ("", 1, "ABCDc")])
def test_it_asks(
    answer: str,
    status: int,
    stays: str,
    items: list[Item],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["cache", "clear"]) == status
    assert left(items) == stays


def test_nobody_to_ask(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["cache", "clear"])
    assert caught.value.code == 2
    assert "say --yes, or --dry-run" in " ".join(capsys.readouterr().err.split())
    assert left(items) == "ABCDc"


def test_what_cannot_be_removed_is_named_and_fails(
    items: list[Item], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(item: Item) -> None:
        if item.kind == "B":
            raise PermissionError(13, "Permission denied")
        os.unlink(item.path)

    monkeypatch.setattr(stored, "remove", refuse)
    del items[4:]
    assert main(["cache", "clear", "--yes"]) == 1
    assert f"{items[1].path} cannot be removed (Permission denied)" in capsys.readouterr().err
    assert left(items) == "B"


def test_an_empty_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stored, "items", list)
    assert main(["cache", "info"]) == 0
    assert "Nothing is kept there." in capsys.readouterr().out
    assert main(["cache", "clear"]) == 0
    assert "There is nothing to remove." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.34e6, "2.34 MB"), (5e12, "5e+03 GB")],
)
def test_sizes_in_words(number: float, said: str) -> None:
    assert command.size(number) == said


def test_days_are_positive(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cache", "prune", "--older-than", "0"])
    assert "'0' is no positive integer" in capsys.readouterr().err
