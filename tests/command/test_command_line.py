"""The command as a whole: its help, its ends, and what it costs to ask for help."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import examples
import pytest
import throwaway

import qgmutils
from qgmutils.command import listing
from qgmutils.command.__main__ import main, parser


def commands(parent: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of all its subcommands."""
    yield parent
    for action in parent._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from commands(child)


ALL = {each.prog: each for each in commands(parser())}


def test_commands_are_those_that_are_documented() -> None:
    assert {name.removeprefix("qgm").strip() for name in ALL} == {
        *("", "diagnose", "figures", "list", "verify", "doctor", "cite", "completion"),
        *("cache", "cache info", "cache prune", "cache clear"),
    }


@pytest.mark.parametrize("name", ALL)
def test_help_fits_narrow_terminals_and_tells_exit_statuses(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = ALL[name].format_help()
    assert [line for line in shown.splitlines() if len(line) > 60] == []
    assert "example" in shown
    statuses = shown.partition("exit status:\n")[2].splitlines()
    assert statuses[0].startswith("  0    ")
    assert statuses[-1] == "  130  interrupted"


@pytest.mark.parametrize("name", ALL)
def test_examples_are_accepted(name: str) -> None:
    found = list(examples.of(ALL[name].epilog or ""))
    assert found
    for words in found:
        assert words[: len(name.split()) - 1] == name.split()[1:]
        if "--help" not in words:
            parser().parse_args(words)


def test_asking_for_help_loads_nothing_that_takes_time() -> None:
    heavy = {"numpy", "scipy", "pandas", "numba", "matplotlib", "pennylane", "psutil", "filelock", "shtab"}
    program = f"""import sys
from qgmutils.command.__main__ import main
try: main(["--help"])
except SystemExit: pass
print(sorted({heavy} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=throwaway.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().out == parser().format_help()
    assert main(["cache"]) == 2
    assert "usage: qgm cache" in capsys.readouterr().out


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"qgm {qgmutils.__version__}\n"


def test_an_interrupt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(options: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "run", interrupt)
    assert main(["list"]) == 130
    assert "Interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["list"], ["--help"]])
def test_a_reader_who_leaves_is_no_error(arguments: list[str], folder: Path) -> None:
    command = (
        throwaway.command(folder, subcommand="list")
        if arguments == ["list"]
        else [sys.executable, "-m", "qgmutils.command", *arguments]
    )
    with subprocess.Popen(
        command, env=throwaway.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
