"""The commands that run the suite: their arguments, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import examples
import pytest

from qgmutils.command import figures, verify
from qgmutils.command.__main__ import main, parser
from qgmutils.suite import compare, environment, manifest, reproduction


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "quik"], "unknown profile 'quik' (did you mean quick?); known: quick, full"),
        (["--only", "02_sum.small"], "unknown notebook '02_sum.small' (did you mean 02_sums.small"),
        (["--only", "03"], "profile quick has no run '03'; it is part of full"),
        (
            ["-p", "sise=3"],
            "unknown parameter 'sise' (did you mean size?); known: size, terms for 01_sizes, 02_sums",
        ),
        (
            ["--only", "01", "-p", "terms=3"],
            "unknown parameter 'terms'; known: size for 01_sizes; 02_sums would know it",
        ),
        (["-p", "size=1e1"], "parameter 'size' of 01_sizes is 10.0; it must be int"),
        (["-p", "size=true"], "parameter 'size' of 01_sizes is 'true'; it must be int"),
        (["-p", 'terms={"a": 1}'], "parameter 'terms' of 02_sums is {'a': 1}; it must be list[int]"),
        (["-p", "size=" + "[" * 9999], "parameter 'size' of 01_sizes is '[[["),
        (["-p", "seed=3"], "parameter 'seed' cannot be set with -p; use --seed"),
        (["-p", "size"], "'size' is not of the form NAME=VALUE"),
        (["--jobs", "0"], "'0' is no positive integer"),
        (["--jobs", "²"], "'²' is no positive integer"),
        (["--seed", "-1"], "'-1' is no integer from 0 to 2^128 - 1"),
        (["--seed", str(2**128)], "is no integer from 0 to 2^128 - 1"),
        (["--jobs", "9" * 5000], "is no positive integer"),
        (["--only", ""], "argument --only: a name is needed, got an empty one"),
        (["--output-dir", " "], "argument --output-dir: a name is needed, got an empty one"),
        (["--engine", "jax"], "argument --engine: invalid choice: 'jax' (choose from"),
        (["--device", "lightning.gpu"], "needs the engine pennylane, not numba"),
        (["--engine", "pennylane", "--device", "none"], "PennyLane cannot create the device 'none'"),
        (["--output-dir", "FILE/below"], "cannot be written to (Not a directory); name a folder"),
        (["--output-dir", "FIGURES/full"], "which holds what complete runs of the profiles gave"),
        (["--notebooks", "FILE"], "the suite runs from a clone"),
    ],
)
def test_wrong_arguments_end_before_anything_runs(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"FILE": str(folder / "toy.py"), "FIGURES": str(folder.parent / "figures")}
    for name, place in places.items():
        arguments = [text.replace(name, place) for text in arguments]
    with pytest.raises(SystemExit) as caught:
        main(["figures", "--notebooks", str(folder), *arguments])
    assert caught.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (folder.parent / "figures").exists()
    assert not (folder.parent / "outputs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--profile", "fast"], "unknown profile 'fast'"),
        (["list", "--only", "09"], "unknown notebook '09'"),
        (["verify", "none"], "'none' is no positive integer"),
    ],
)
def test_wrong_arguments_of_the_others(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebooks = ["--notebooks", str(folder)] if arguments[0] == "list" else []
    with pytest.raises(SystemExit) as caught:
        main([*arguments, *notebooks])
    assert caught.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_list(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["list", "--notebooks", str(folder)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    small, odd = lines.index(["quick", "02_sums.small", "2"]), lines.index(["full", "02_sums.odd", "1"])
    assert lines[small + 1] == lines[odd + 1] == ["size=2"]
    assert main(["list", "--notebooks", str(folder), "--profile", "full", "--only", "02_sums.odd"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:3] == [["full", "02_sums.odd", "1"], ["size=2"]]
    assert lines[3] == []


def test_list_breaks_no_name(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    terms = ", ".join(["1000"] * 40)
    text = (folder / "claims.toml").read_text()
    (folder / "claims.toml").write_text(text.replace("{size = 2}", f"{{size = 2, terms = [{terms}]}}", 1))
    assert main(["list", "--notebooks", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines).split()).count("1000, ") == 39


def test_what_the_notebooks_need_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "EXTRA", ("json", "no_such_package"))
    with pytest.raises(SystemExit) as caught:
        main(["figures", "--notebooks", str(folder)])
    assert caught.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "extra qgmutils[suite], of which no_such_package is not installed" in said
    assert 'python -m pip install ".[suite]"' in said


def test_options_are_those_of_the_suite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[reproduction.Options] = []

    def prepare(options: reproduction.Options) -> None:
        asked.append(options)

    monkeypatch.setattr(reproduction, "prepare", prepare)
    monkeypatch.setattr(reproduction, "reproduce", lambda prepared: 5)
    place = ["figures", "--notebooks", str(folder)]
    assert main(place) == 5
    arguments = (
        "--profile full --only 01 --only 02 --jobs 3 --seed 7 --output-dir d -p n=5 -p name=x --no-cache"
    )
    assert main([*place, *arguments.split(), "--engine", "pennylane", "--device", "lightning.qubit"]) == 5
    plain, changed = asked
    assert plain == reproduction.Options(folder, only=[], parameters={})
    assert changed == reproduction.Options(
        folder,
        profile="full",
        only=["01", "02"],
        jobs=3,
        seed=7,
        output_dir="d",
        parameters={"n": 5, "name": "x"},
        engine="pennylane",
        device="lightning.qubit",
        cache=False,
    )


def test_help_names_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["figures", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"root of all random numbers ({reproduction.SEED})" in shown
    assert "quick (default;" in shown
    assert reproduction.Options(Path()).profile == "quick"
    assert (compare.DIGITS, "compared to four digits" in shown) == (4, True)


def test_examples_fit_the_notebooks() -> None:
    """Every example is accepted for the notebooks of this repository, up to the point where they would run."""
    notebooks = Path(figures.__file__).parents[2] / "notebooks"
    if not notebooks.is_dir():
        pytest.skip("there are no notebooks beside the installed package")
    everything = manifest.load(notebooks / "claims.toml")
    found = list(examples.of(figures.EPILOG))
    assert len(found) >= 4
    for words in found:
        options: Any = parser().parse_args(words)
        runs = manifest.select(everything, profile=options.profile or "quick", only=options.only)
        manifest.override(runs, dict(options.parameters), folder=notebooks)


@pytest.mark.parametrize("status", [0, 1, 2])
def test_verification_runs_as_notebooks_do(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def run(arguments: list[str]) -> int:
        commands.append(arguments[1:])
        return status

    monkeypatch.setattr(environment, "main", run)
    assert main(["verify"]) == main(["verify", "7"]) == status
    assert commands == [["-m", "qgmutils.suite.verification", str(number)] for number in (verify.SAMPLE, 7)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=5", 5),
        ("n=[1, 2]", [1, 2]),
        ("n=tfim", "tfim"),
        ("n='5'", "5"),
        ("n=a=b", "a=b"),
        ("n=1e-3", 0.001),
    ],
)
def test_values_of_parameters_are_literals_or_strings(text: str, value: object) -> None:
    assert figures._parameter(text) == ("n", value)
