"""The suite itself, over throw-away notebooks with a manifest of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import qgmutils
from qgmutils.report import claims
from qgmutils.suite import command, manifest, runner

PARAMETERS = """seed = 2022
profile = "quick"
run = ""
output_dir = "outputs"
size = 3
"""
BODY = """import time
started = time.perf_counter()
import pandas as pd
from qgmutils.report import claims
from qgmutils.computing.tasks import run_tasks
from toy import Toy

name = "NAME"
tables = run_tasks([Toy(name + run, number, seed) for number in range(size)])
path = f"{output_dir}/{name}{run}.csv"
pd.concat(tables).to_csv(path, index=False)
"""
VERDICT = """verdicts = [
    claims.verdict(
        id="large", statement="The size is at least 3.", provenance="derived",
        expected=3, observed=size, tolerance=0, holds=size >= 3,
    )
]
claims.record(
    verdicts, notebook=name, run=run, profile=profile, seed=seed, output_dir=output_dir, started=started
)
"""
# Every task says in a file that it ran; the second one waits as long as there is a file `wait`.
TOY = """import dataclasses, pathlib, time
import numpy as np, pandas as pd

@dataclasses.dataclass(frozen=True)
class Toy:
    owner: str
    number: int
    seed: int

    def run(self):
        folder = pathlib.Path(__file__).parent
        with (folder / "log.txt").open("a") as file:
            file.write(f"{self.owner}-{self.number}\\n")
        while self.number == 1 and (folder / "wait").exists():
            time.sleep(0.05)
        rng = np.random.default_rng([self.seed, self.number])
        return pd.DataFrame({"number": self.number, "value": rng.normal(size=3)})
"""
MANIFEST = """
[[run]]
notebook = "01_sizes"
expect = {large = "reproduced"}
quick = {weight = 3}

[[run]]
notebook = "02_sums"
name = "small"
parameters = {size = 2}
quick = {weight = 2, expect = {large = "not reproduced"}}

[[run]]
notebook = "02_sums"
name = "odd"
full = {weight = 1, parameters = {size = 2}, expect = {large = "reproduced"}}

[[run]]
notebook = "03_fails"
full = {weight = 1}
"""
README = "# Title\n<!-- verdicts:begin -->\n<!-- verdicts:end -->\n<!-- timing:begin -->\n<!-- timing:end -->\nend\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with three notebooks; the cache is empty."""
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS", "QGMUTILS_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    notebooks = tmp_path / "repository" / "notebooks"
    notebooks.mkdir(parents=True)
    (notebooks / "toy.py").write_text(TOY)
    (notebooks / "claims.toml").write_text(MANIFEST)
    (notebooks.parent / "README.md").write_text(README)
    cells = {
        "01_sizes": (PARAMETERS, BODY, VERDICT),
        "02_sums": (PARAMETERS + "terms = [1, 2]\n", BODY, VERDICT),
        "03_fails": (PARAMETERS, "before = 1", "values = {}\nvalues['missing']"),
    }
    for name, sources in cells.items():
        write_notebook(notebooks / f"{name}.ipynb", [source.replace("NAME", name) for source in sources])
    return notebooks


def write_notebook(path: Path, sources: list[str]) -> None:
    first, *others = sources
    cells = [new_code_cell(first, metadata={"tags": ["parameters"]}), *map(new_code_cell, others)]
    kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), path)


def suite_command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "qgmutils.suite", "--notebooks", str(folder), *arguments]


def environment() -> dict[str, str]:
    root = str(Path(qgmutils.__file__).parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def run_suite(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        suite_command(folder, *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def tables(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.csv"))}


def test_complete_run_and_the_same_numbers_in_another_way(folder: Path, tmp_path: Path) -> None:
    figures, log = folder.parent / "figures", folder / "log.txt"
    done = run_suite(folder, "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert any(line.split() == ["01_sizes", "large", "3", "3", "0", "reproduced"] for line in lines)
    assert any(
        line.split() == ["02_sums.small", "large", "3", "2", "0", "not", "reproduced"] for line in lines
    )
    assert str(figures) in done.stdout
    # Without a terminal there is one line for each run, and no bar.
    assert sum(line.startswith(("[1/2]", "[2/2]")) for line in lines) == 2
    assert "\r" not in done.stdout + done.stderr
    records = claims.load(figures / "claims.json")
    assert [(c.notebook, c.run, c.profile, c.seed) for c in records] == [
        ("01_sizes", "", "quick", 2022),
        ("02_sums", "small", "quick", 2022),
    ]
    details = json.loads((figures / "run.json").read_text())
    keys = {"profile", "seed", "wall_seconds", "cpu_count", "processor", "python", "commit"}
    assert set(details) == keys
    readme = (folder.parent / "README.md").read_text()
    assert claims.markdown_section(records) in readme
    assert command.timing_sentence(details) in readme
    assert readme.endswith("<!-- timing:end -->\nend\n")
    assert sorted(path.name for path in (figures / "executed").iterdir()) == [
        "01_sizes.ipynb",
        "02_sums.small.ipynb",
    ]
    assert len(log.read_text().split()) == 5

    # One at a time, so with more workers each, and all computed anew: the same numbers, for `terms` is not used.
    arguments = ("--jobs", "1", "--no-cache", "--output-dir", str(tmp_path / "other"), "-p", "terms=(5, 6)")
    other = run_suite(folder, *arguments)
    assert other.returncode == 0, other.stdout + other.stderr
    assert len(log.read_text().split()) == 10
    assert tables(tmp_path / "other") == tables(figures)
    assert list(tables(figures)) == ["01_sizes.csv", "02_sumssmall.csv"]
    assert "parameter terms does not exist in, and is not applied to: 01_sizes" in other.stdout
    copy = nbformat.read(tmp_path / "other" / "executed" / "02_sums.small.ipynb", as_version=4)
    assert "terms = [5, 6]" in copy.cells[1].source
    # Somebody's own folder is not what the README shows.
    assert (folder.parent / "README.md").read_text() == readme


def test_failure_and_difference_are_named_and_fail(folder: Path) -> None:
    done = run_suite(folder, "--profile", "full", "--seed", "7")
    assert done.returncode == 1
    copy = folder.parent / "figures" / "executed" / "03_fails.ipynb"
    assert copy.is_file()
    for part in ("03_fails failed: cell", "KeyError: 'missing'", "values['missing']", str(copy)):
        assert part in done.stdout
    assert "02_sums.odd: large is not reproduced, and the manifest says reproduced" in done.stdout
    assert [claim.seed for claim in claims.load(folder.parent / "figures" / "claims.json")] == [7]
    # A run that is not complete says nothing about the time of a complete one.
    assert not (folder.parent / "figures" / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "recorded", "status", "said"),
    [
        ([], {"large": True}, 0, ""),
        ([], {"large": False}, 1, "01_sizes: large is not reproduced, and the manifest says reproduced"),
        ([], {"large": None}, 1, "01_sizes: large is inconclusive, and the manifest says reproduced"),
        ([], {}, 1, "01_sizes: large was not recorded"),
        (
            [],
            {"large": True, "new": True},
            1,
            "01_sizes: new is reproduced, and the manifest does not list it",
        ),
        (["-p", "size=1"], {"large": False}, 0, "no failure, since -p was given"),
    ],
)
def test_verdicts_are_compared_with_the_manifest(
    arguments: list[str],
    recorded: dict[str, bool | None],
    status: int,
    said: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = command._parser().parse_args(arguments)
    common: dict[str, Any] = {
        "statement": "s",
        "provenance": "paper",
        "expected": 1,
        "observed": 1,
        "tolerance": 0,
    }
    found = [claims.verdict(id=name, holds=holds, **common) for name, holds in recorded.items()]
    claims.record(found, notebook="01_sizes", profile="quick", seed=1, output_dir=tmp_path, started=0)
    runs = manifest.select(manifest.load(folder / "claims.toml"), profile="quick", only=["01"])
    outcomes = [runner.Outcome(runs[0], 1.0, 0, "")]
    assert command._report(outcomes, runs, folder, tmp_path, options, 1.0, complete=False) == status
    output = capsys.readouterr().out
    assert said in output
    assert ("Differs from" in output) == bool(said)


def test_complete_run_leaves_no_records_of_others_and_times_itself_only_without_cache(
    folder: Path, tmp_path: Path
) -> None:
    options = command._parser().parse_args([])
    for notebook in ("00_gone", "01_sizes"):
        claims.record([], notebook=notebook, profile="full", seed=1, output_dir=tmp_path, started=0)
        common: dict[str, Any] = {"statement": "s", "provenance": "paper", "expected": 1, "observed": 1}
        verdict = claims.verdict(id="large", holds=True, tolerance=0, **common)
        claims.record([verdict], notebook=notebook, profile="quick", seed=1, output_dir=tmp_path, started=0)
    runs = manifest.select(manifest.load(folder / "claims.toml"), profile="quick", only=["01"])
    for cached in (1, 0):
        outcomes = [runner.Outcome(runs[0], 1.0, cached, "")]
        assert command._report(outcomes, runs, folder, tmp_path, options, 61.0, complete=True) == 0
        assert [claim.notebook for claim in claims.load(tmp_path / "claims.json")] == ["01_sizes"]
        assert (tmp_path / "run.json").exists() == (not cached)
    assert json.loads((tmp_path / "run.json").read_text())["wall_seconds"] == 61.0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("heed_interrupts")
def test_interrupted_run_ends_its_processes_and_resumes(folder: Path, tmp_path: Path) -> None:
    log, wait = folder / "log.txt", folder / "wait"
    wait.touch()
    process = subprocess.Popen(
        suite_command(folder, "--only", "01"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 200
        # Two workers: task 0 and then 2 are finished by one, task 1 keeps the other busy; one worker: only 0 is.
        expected = {"0", "2"} if (os.cpu_count() or 1) > 1 else {"0"}
        while len(list((tmp_path / "cache").glob("Toy-*"))) < len(expected) or "-1" not in log.read_text():
            assert time.monotonic() < deadline, "the tasks did not start"
            assert process.poll() is None
            time.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Interrupted: finished tasks are kept; the same command computes only what is missing." in output
    wait.unlink()
    log.unlink()
    assert run_suite(folder, "--only", "01").returncode == 0
    ran = {line.rpartition("-")[2] for line in log.read_text().split()}
    assert ran == {"0", "1", "2"} - expected


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
        (["-p", "seed=3"], "parameter 'seed' cannot be set with -p; use --seed"),
        (["-p", "size"], "'size' is not of the form NAME=VALUE"),
        (["--jobs", "0"], "'0' is no positive integer"),
        (["--seed", "-1"], "'-1' is no integer of at least 0"),
        (["--output-dir", "FILE/below"], "cannot be written to (Not a directory); name a folder"),
        (["--notebooks", "FILE"], "the suite runs from a clone"),
    ],
)
def test_wrong_arguments_end_before_anything_runs(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(folder / "toy.py")
    with pytest.raises(SystemExit) as caught:
        command.main(["--notebooks", str(folder), *(text.replace("FILE", file) for text in arguments)])
    assert caught.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (folder.parent / "figures" / "executed").exists()


def test_damaged_claims_are_found_before_anything_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / "figures").mkdir()
    (folder.parent / "figures" / "claims.json").write_text("[{")
    with pytest.raises(SystemExit):
        command.main(["--notebooks", str(folder)])
    assert "is not a list of claim records" in capsys.readouterr().err


def test_a_reader_who_leaves_is_no_error(folder: Path) -> None:
    arguments = [sys.executable, "-m", "qgmutils.suite", "--notebooks", str(folder), "--list"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_list_and_help(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert command.main(["--notebooks", str(folder), "--list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["quick", "02_sums.small", "2", "size=2"] in lines
    assert ["full", "02_sums.odd", "1", "size=2"] in lines
    with pytest.raises(SystemExit) as caught:
        command.main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for option in (
        "--profile",
        "--only",
        "--jobs",
        "--seed",
        "--output-dir",
        "-p NAME=VALUE",
        "--no-cache",
        "--list",
    ):
        assert option in shown


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
    assert command._parameter(text) == ("n", value)


def entry(**changes: Any) -> str:
    keys = {"notebook": '"01_sizes"', "quick": "{weight = 1}"} | changes
    return "[[run]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[run]", "is no valid TOML"),
        ("runs = []", "unknown key 'runs' .did you mean run"),
        ("run = 3", "run is 3, which has the wrong type"),
        (entry(notebook=None), "has no key 'notebook'"),
        (entry(notebook='"01_size"'), "unknown notebook '01_size' .did you mean 01_sizes"),
        (entry(notebok='"x"'), "unknown key 'notebok'"),
        (entry(quick=None), "belongs to no profile"),
        (entry(quick="{weight = 0}"), "weight is 0; give the seconds"),
        (entry(quick="{}"), "weight is 0; give the seconds"),
        (entry(quick='{weight = "1"}'), "weight is '1', which has the wrong type"),
        (entry(quick="{weight = 1, size = 2}"), "unknown key 'size'"),
        (entry(expect='{a = "true"}'), "claim a: unknown verdict 'true'"),
        (entry(parameters="{sise = 2}"), "sets unknown parameter 'sise' .did you mean size"),
        (entry(parameters="{seed = 2}"), "sets 'seed', which is for the suite to set"),
        (entry(name='"x"'), "must have no name"),
        (entry() + entry(), "needs a name"),
        (entry(name='"x"') + entry(name='"x"'), "several runs 01_sizes.x"),
    ],
)
def test_wrong_manifest_is_refused(content: str, message: str, folder: Path) -> None:
    (folder / "claims.toml").write_text(content)
    with pytest.raises(manifest.ManifestError, match=message):
        manifest.load(folder / "claims.toml")


def test_notebook_without_the_parameters_of_the_suite_is_refused(folder: Path) -> None:
    write_notebook(folder / "01_sizes.ipynb", ["seed = 1\nsize = 2"])
    with pytest.raises(manifest.ManifestError, match="lacks profile, run, output_dir"):
        manifest.load(folder / "claims.toml")


def test_profiles_replace_common_values_one_by_one(folder: Path) -> None:
    (folder / "claims.toml").write_text(
        entry(
            notebook='"02_sums"',
            parameters="{size = 1, terms = [1]}",
            expect='{a = "reproduced", b = "inconclusive"}',
            full='{weight = 2.5, parameters = {size = 9}, expect = {b = "not reproduced"}}',
        )
    )
    quick, full = manifest.load(folder / "claims.toml")
    assert quick.parameters == {"size": 1, "terms": [1]}
    assert full.parameters == {"size": 9, "terms": [1]}
    assert full.expect == {"a": "reproduced", "b": "not reproduced"}
    assert (quick.weight, full.weight) == (1.0, 2.5)


@pytest.mark.parametrize(
    ("only", "labels"),
    [
        ([], ["01_a.x", "01_a.xy", "01_ab", "02_b"]),
        (["01_a.x"], ["01_a.x"]),
        (["01_a"], ["01_a.x", "01_a.xy"]),
        (["01"], ["01_a.x", "01_a.xy", "01_ab"]),
        (["02", "01_ab"], ["01_ab", "02_b"]),
    ],
)
def test_selection(only: list[str], labels: list[str]) -> None:
    names = [("01_a", "x"), ("01_a", "xy"), ("01_ab", ""), ("02_b", "")]
    runs = [manifest.Run(notebook, name, "quick", {}, 1.0, {}) for notebook, name in names]
    assert [run.label for run in manifest.select(runs, profile="quick", only=only)] == labels


@pytest.mark.parametrize(("failures", "error"), [(1, False), (2, True)])
def test_kernel_that_dies_at_its_start_is_started_once_more(
    failures: int, error: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen, count, said = subprocess.Popen, [0], []

    def start(arguments: list[str], **options: Any) -> subprocess.Popen[bytes]:
        count[0] += 1
        died = count[0] <= failures
        text = f"import sys; sys.exit({'RuntimeError: Kernel died before replying to kernel_info' if died else 0!r})"
        return popen([sys.executable, "-c", text], **options)

    monkeypatch.setattr(runner.subprocess, "Popen", start)
    monkeypatch.setattr(runner, "START_DELAY", 0.0)
    (folder / "scratch").mkdir()
    watched = runner.Runner(
        [manifest.Run("01_sizes", "", "quick", {}, 1.0, {})],
        notebooks=folder,
        output_dir=folder,
        scratch=folder / "scratch",
        seed=1,
        jobs=1,
        cache=True,
        say=said.append,
    )
    while not watched.finished:
        watched.poll()
    assert count[0] == 2
    assert said == ["01_sizes: the kernel died at its start; starting it once more"]
    assert [bool(outcome.error) for outcome in watched.outcomes] == [error]


@pytest.mark.parametrize(
    ("weight", "others", "jobs", "cores", "workers"),
    [
        (1.0, [1.0] * 16, 2, 2, 1),
        (60.0, [1.0] * 16, 2, 2, 2),  # most of the work
        (1.0, [60.0] + [1.0] * 15, 2, 2, 1),
        (1.0, [], 2, 2, 2),  # the last one
        (1.0, [1.0] * 16, 4, 16, 4),
        (1.0, [5.0], 8, 1, 1),
    ],
)
def test_cores_are_shared_out(
    weight: float, others: list[float], jobs: int, cores: int, workers: int
) -> None:
    assert runner.workers_of(weight, others, jobs=jobs, cores=cores) == workers


def test_table_fits_the_width() -> None:
    rows = [("notebook", "claim"), ("01_x", "a rather long sentence that has to be wrapped " * 3)]
    lines = command.verdict_table(rows, width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith("--------")
    assert len(lines) > 4
