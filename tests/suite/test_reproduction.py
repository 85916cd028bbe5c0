"""The suite itself, over throw-away notebooks with a manifest of their own."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import filelock
import nbformat
import psutil
import pytest
import throwaway

from qgmutils.computing import processes
from qgmutils.report import claims, predicates
from qgmutils.suite import compare, manifest, publish, reproduction, runner

EQUAL = "2 tables, 2 figures and 2 verdicts equal the committed ones"


def snapshot(repository: Path) -> dict[str, tuple[bytes, int]]:
    """What would show up in `git status`, with the times at which it was written."""
    found = [path for path in repository.rglob("*") if path.is_file() and "outputs" not in path.parts]
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in found
        if path.name != "log.txt" and path.suffix != ".pyc"
    }


def foreign_settings(folder: Path) -> dict[str, str]:
    """A user's settings, each of which would change what notebooks compute or draw, or keep them from running."""
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    (folder / "matplotlib").mkdir()
    kernel.write_text(json.dumps({"argv": ["false"], "display_name": "other", "language": "python"}))
    (folder / "matplotlib" / "matplotlibrc").write_text(
        "lines.linewidth: 9\nfont.family: serif\naxes.facecolor: red\n"
    )
    (folder / "startup.py").write_text("raise SystemExit('the start-up file ran')\n")
    (folder / "ipython" / "profile_default" / "startup").mkdir(parents=True)
    (folder / "ipython" / "profile_default" / "startup" / "0.py").write_text(
        "size = 0; raise SystemExit(1)\n"
    )
    (folder / "junk").mkdir()
    (folder / "junk" / "toy.py").write_text("raise ImportError('the wrong toy')\n")
    (folder / "junk" / "seaborn.py").write_text("raise ImportError('the wrong seaborn')\n")
    return {
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": "agg",
        "MATPLOTLIBRC": str(folder / "matplotlib"),
        "XDG_CONFIG_HOME": str(folder),
        "PYTHONSTARTUP": str(folder / "startup.py"),
        "PYTHONPATH": str(folder / "junk"),
        "PYTHONIOENCODING": "latin-1",
        "LC_ALL": "POSIX",
    }


def test_a_clean_tree_is_the_reproduction(folder: Path, tmp_path: Path) -> None:
    repository, log = folder.parent, folder / "log.txt"
    committed, outputs = repository / "figures" / "quick", repository / "outputs" / "quick"
    # What a killed run, and a run that is no more, have left.
    (outputs / ".scratch" / "jupyter").mkdir(parents=True)
    (outputs / "01_sizes.old.csv").touch()
    committed.mkdir(parents=True)
    (committed / "00_gone.csv").touch()

    first = throwaway.run(folder, "--jobs", "2")
    assert first.returncode == 0, first.stdout + first.stderr
    lines = first.stdout.splitlines()
    assert [line.split() for line in lines if "01_sizes  " in line and "large" in line] == [
        ["01_sizes", "large", "3", "3", "≥", "3", "none", "reproduced"]
    ]
    # Without a terminal there is one line for each run, and no bar.
    assert sum(line.startswith(("[1/2]", "[2/2]")) for line in lines) == 2
    assert "\r" not in first.stdout + first.stderr
    assert f"Differs from {committed}:" in lines
    assert "  no longer there: 00_gone.csv" in lines
    assert lines[-1].startswith("3 of 3 tables, 2 of 2 figures and 2 of 2 verdicts differ")
    names = [
        "01_sizes.csv",
        "01_sizes.png",
        "02_sums.small.csv",
        "02_sums.small.png",
        "claims.json",
    ]
    assert sorted(path.name for path in committed.iterdir()) == names
    assert not (outputs / ".scratch").exists()
    executed = sorted(path.name for path in (outputs / "executed").iterdir())
    assert executed == ["01_sizes.ipynb", "02_sums.small.ipynb"]
    records = claims.load(committed / "claims.json")
    details = json.loads((outputs / "run.json").read_text())
    assert details["tables"] == 5
    readme = (repository / "README.md").read_text()
    page = (committed.parent / "VERDICTS.md").read_text()
    assert page == claims.verdicts_page({"quick": records})
    assert publish.timing_sentence(details) in readme
    assert readme.endswith("<!-- timing:quick:end -->\nend\n")
    assert len(log.read_text().split()) == 5

    # Another time, from the cache, with the settings of somebody else: nothing is written anew.
    before = snapshot(repository)
    again = throwaway.run(folder, encoding="latin-1", **foreign_settings(tmp_path / "foreign"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.splitlines()[-1] == EQUAL
    assert "3 ? 3" in again.stdout
    assert snapshot(repository) == before
    assert len(log.read_text().split()) == 5
    images = [
        output
        for cell in nbformat.read(outputs / "executed" / "01_sizes.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(images) == 1

    # One at a time, so with more workers each, and all computed anew, elsewhere, in a place with an odd name.
    other = tmp_path / "other {seed} 'é%"
    moved = throwaway.run(folder, "--jobs", "1", "--no-cache", "--output-dir", str(other))
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert moved.stdout.splitlines()[-1] == EQUAL
    assert len(log.read_text().split()) == 10
    assert snapshot(repository) == before

    # Parts of it and other parameters go elsewhere.
    changed = throwaway.run(folder, "--only", "02", "-p", "size=1", "-p", "terms=5")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    (place,) = (repository / "outputs").glob("quick-size=1_terms=5-*")
    assert str(place) in changed.stdout
    assert "equal" not in changed.stdout
    copy = nbformat.read(place / "executed" / "02_sums.small.ipynb", as_version=4)
    assert "terms = [5]" in copy.cells[1].source
    assert snapshot(repository) == before
    part = throwaway.run(folder, "--only", "01")
    assert part.stdout.splitlines()[-1] == "1 table, 1 figure and 1 verdict equal the committed ones"
    assert snapshot(repository) == before


def test_failure_and_difference_are_named_and_fail(folder: Path) -> None:
    outputs = folder.parent / "outputs"
    done = throwaway.run(folder, "--profile", "full", "--seed", "7")
    assert done.returncode == 1
    (place,) = outputs.glob("full-seed=7-*")
    copy = place / "executed" / "03_fails.ipynb"
    assert copy.is_file()
    for part in ("03_fails failed: cell", "KeyError: 'missing'", "values['missing']", str(copy)):
        assert part in done.stdout
    assert "02_sums.odd: large is not reproduced, and the manifest says reproduced" in done.stdout
    assert claims.computed(place / "claims.json")["02_sums.odd"]["seed"] == 7
    # A run that is not complete says nothing about the time of a complete one, and changes nothing.
    assert not (place / "run.json").exists()
    assert not (folder.parent / "figures").exists()


def report(folder: Path, written: Path, **changes: Any) -> int:
    """Report on a run of one notebook that has ended."""
    options = reproduction.Options(folder, **changes)
    runs = manifest.select(manifest.load(folder / "claims.toml"), profile="quick", only=["01"])
    outcomes = [runner.Outcome(run, 1.0, "") for run in runs]
    return reproduction._report(outcomes, runs, written, options, 61.0)


def judge(folder: Path, *, notebook: str = "01_sizes", **found: bool | None) -> None:
    """Record verdicts by name."""
    judged = [
        claims.verdict(
            id=name,
            statement="s",
            provenance="paper",
            expected="1",
            tolerance="0",
            finding=predicates.equal([] if holds is None else 1, 1 if holds else 2),
        )
        for name, holds in found.items()
    ]
    claims.record(judged, notebook=notebook, profile="quick", seed=1, output_dir=folder)


@pytest.mark.parametrize(
    ("parameters", "recorded", "status", "said"),
    [
        ({}, {"large": True}, 0, ""),
        ({}, {"large": False}, 1, "01_sizes: large is not reproduced, and the manifest says reproduced"),
        ({}, {"large": None}, 1, "01_sizes: large is inconclusive, and the manifest says reproduced"),
        ({}, {}, 1, "01_sizes: large was not recorded"),
        (
            {},
            {"large": True, "new": True},
            1,
            "01_sizes: new is reproduced, and the manifest does not list it",
        ),
        ({"size": 1}, {"large": False}, 0, "no failure, since -p was given"),
    ],
)
def test_verdicts_are_compared_with_the_manifest(
    parameters: dict[str, int],
    recorded: dict[str, bool | None],
    status: int,
    said: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    judge(tmp_path / "d", **recorded)
    assert report(folder, tmp_path / "d", only=["01"], parameters=parameters) == status
    output = capsys.readouterr().out
    assert said in output
    assert ("Differs from notebooks/claims.toml" in output) == bool(said)


def test_what_cannot_be_replaced_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, output = folder.parent, folder.parent / "outputs" / "quick"
    committed = repository / "figures" / "quick"
    judge(output, large=True)
    (output / "01_sizes.csv").write_text("a,b\n1,2\n")
    (committed / "other.csv").mkdir(parents=True)  # no table, and none of ours
    (committed / "01_sizes.csv").mkdir()
    assert report(folder, output) == 1
    said = capsys.readouterr().out
    assert f"{committed / '01_sizes.csv'} cannot be brought up to date" in said
    assert "are replaced" not in said
    (committed / "01_sizes.csv").rmdir()
    # A publication that was killed leaves such a file.
    (committed / ".01_sizes~00000000-1-abcdefgh.png").write_bytes(b"")
    (committed.parent / "VERDICTS.md").write_bytes(b"\xff\xfe")
    assert report(folder, output) == 0
    assert "no longer there" not in capsys.readouterr().out
    assert (committed / "01_sizes.csv").is_file()
    assert (committed / "other.csv").is_dir()

    # Only the page needs the records of another profile.
    other = committed.parent / "full" / "claims.json"
    other.parent.mkdir()
    other.write_text("[]")
    assert report(folder, output) == 1
    said = capsys.readouterr().out
    assert (
        f"{committed.parent / 'VERDICTS.md'} cannot be brought up to date: {other} holds no claim records"
        in said
    )
    other.unlink()
    assert report(folder, output) == 0

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    # Nothing is written where nothing differs.
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    comparison = compare.folders(committed, output, labels={"01_sizes"})
    assert not comparison.differences
    publish.publish(output, committed, comparison=comparison)


def test_a_complete_run_replaces_what_differs_and_leaves_no_records_of_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository, output = folder.parent, folder.parent / "outputs" / "quick"
    committed = repository / "figures" / "quick"
    for notebook in ("00_gone", "01_sizes"):
        judge(output, notebook=notebook, large=True)
    for name in ("01_sizes.csv", "01_sizes.part.csv"):
        (output / name).write_text("a,b\n1,2\n")
    assert report(folder, output) == 0
    assert [claim.notebook for claim in claims.load(committed / "claims.json")] == ["01_sizes"]
    assert capsys.readouterr().out.splitlines()[-1].endswith("which are replaced")
    before = snapshot(repository)
    assert "took 1 min 01 s" in before[str(repository / "README.md")][0].decode()

    assert report(folder, output) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "2 tables, 0 figures and 1 verdict equal the committed ones"
    )
    assert snapshot(repository) == before

    (output / "01_sizes.csv").write_text("a,b\n1,2.5\n")
    # Neither another seed nor another folder nor a part of the runs nor other parameters.
    elsewhere = tmp_path / "elsewhere"
    others: list[dict[str, Any]] = [{"seed": 3}, {"only": ["01"]}, {"parameters": {"size": 3}}]
    others += [{"output_dir": str(elsewhere)}, {"engine": "pennylane"}, {"engine": "cuda"}]
    for changes in others:
        assert report(folder, output, **changes) == 0
        assert "are replaced" not in capsys.readouterr().out
        assert snapshot(repository) == before
    capsys.readouterr()
    assert report(folder, output) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "  01_sizes.csv: column b: 1 of 1 rows differ, by at most 0.5, relative 0.2 (row 0: 2 → 2.5)",
        "1 of 2 tables, 0 of 0 figures and 0 of 1 verdict differ from the committed ones, which are replaced",
    ]
    after = snapshot(repository)
    assert {name for name in after if after[name] != before[name]} == {
        str(committed / "01_sizes.csv"),
    }


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("heed_interrupts")
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_interrupted_run_ends_its_processes_and_resumes(name: str, folder: Path, tmp_path: Path) -> None:
    log, wait = folder / "log.txt", folder / "wait"
    wait.touch()
    process = subprocess.Popen(
        throwaway.command(folder, "--only", "01"),
        env=throwaway.environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 200
        # Two workers: task 0 and then 2 are finished by one, task 1 keeps the other busy; one worker: only 0 is.
        expected = {"0", "2"} if processes.usable_cores() > 1 else {"0"}
        while len(list((tmp_path / "cache").glob("Toy-*"))) < len(expected) or "-1" not in log.read_text():
            assert time.monotonic() < deadline, "the tasks did not start"
            assert process.poll() is None
            time.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(getattr(signal, name))
        output, _ = process.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Interrupted: finished tasks are kept; the same command computes only what is missing." in output
    # Neither the scratch folder nor anything in the folder for temporary files is left.
    assert not [path for path in tmp_path.rglob("*") if path.name == ".scratch" or "kernel-" in path.name]
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "repository"}
    if name == "SIGINT":
        wait.unlink()
        log.unlink()
        assert throwaway.run(folder, "--only", "01").returncode == 0
        ran = {line.rpartition("-")[2] for line in log.read_text().split()}
        assert ran == {"0", "1", "2"} - expected


def test_damaged_claims_are_found_before_anything_runs(folder: Path) -> None:
    output = folder.parent / "outputs" / "quick"
    output.mkdir(parents=True)
    (output / "claims.json").write_text("[{")
    with pytest.raises(ValueError, match="holds no claim records"):
        reproduction.prepare(reproduction.Options(folder))


def test_two_suites_do_not_write_to_one_folder(folder: Path) -> None:
    output = folder.parent / "outputs" / "quick"
    output.mkdir(parents=True)
    match = "another suite is writing to"
    with filelock.FileLock(output / ".suite.lock"), pytest.raises(ValueError, match=match):
        reproduction.prepare(reproduction.Options(folder))


def place(folder: Path, **changes: Any) -> str:
    return reproduction._output_folder(reproduction.Options(folder, **changes), folder.parent).name


def test_other_parameters_have_other_folders(folder: Path) -> None:
    assert place(folder) == place(folder, only=["01"]) == place(folder, seed=2022) == "quick"
    assert place(folder, profile="full") == "full"
    assert place(folder, seed=7).startswith("quick-seed=7-")
    assert place(folder, engine="pennylane").startswith("quick-engine=pennylane-")
    assert place(folder, engine="numba") == "quick"
    values = ([1, 2], "[1, 2]", "1_2")
    assert len({place(folder, parameters={"sizes": value}) for value in values}) == 3
    assert len(place(folder, parameters={"name": "x" * 5000})) < 100
    assert place(folder, parameters={"a": 1, "b": 2}) == place(folder, parameters={"b": 2, "a": 1})
