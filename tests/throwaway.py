"""A throw-away repository for tests of the suite: three notebooks with a manifest, a task and a README."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import qgmutils

PARAMETERS = """seed: int = 2022
profile: str = "quick"
run: str = ""
output_dir: str = "outputs"
size: int = 3  # tables
"""
BODY = """import matplotlib.pyplot as plt
import pandas as pd
from qgmutils.report import claims, figures, predicates
from qgmutils.computing.tasks import run_tasks
from toy import Toy

figures.use_style()
name = "NAME"
table = pd.concat(run_tasks([Toy(name + run, number, seed) for number in range(size)]))
fig, ax = plt.subplots(figsize=(3, 2))
ax.plot(table["value"])
figures.save(fig, table, notebook=name, run=run, output_dir=output_dir, parameters={"seed": seed})
plt.show()
"""
VERDICT = """verdicts = [
    claims.verdict(
        id="large", statement="The size is at least 3.", provenance="derived",
        expected="3", tolerance="none", finding=predicates.above(size, 2.5), observed=f"{size} ≥ 3",
    )
]
claims.record(verdicts, notebook=name, run=run, profile=profile, seed=seed, output_dir=output_dir)
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
README = """# Title
<!-- timing:quick:begin -->
<!-- timing:quick:end -->
end
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Notebooks of a throw-away repository; the cache is empty."""
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS", "QGMUTILS_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    return make(tmp_path / "repository")


def make(repository: Path) -> Path:
    """Write the repository; return the folder of its notebooks."""
    notebooks = repository / "notebooks"
    notebooks.mkdir(parents=True)
    (notebooks / "toy.py").write_text(TOY)
    (notebooks / "claims.toml").write_text(MANIFEST)
    (repository / "README.md").write_text(README)
    cells = {
        "01_sizes": (PARAMETERS, BODY, VERDICT),
        "02_sums": (PARAMETERS + "terms: list[int] = [1, 2]\n", BODY, VERDICT),
        "03_fails": (PARAMETERS, "before = 1", "values = {}\nvalues['missing']"),
    }
    for name, sources in cells.items():
        write_notebook(notebooks / f"{name}.ipynb", [source.replace("NAME", name) for source in sources])
    return notebooks


def write_notebook(path: Path, sources: list[str]) -> None:
    """Write code cells, the first of which sets the parameters."""
    first, *others = sources
    cells = [new_code_cell(first, metadata={"tags": ["parameters"]}), *map(new_code_cell, others)]
    kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), path)


def command(folder: Path, *arguments: str, subcommand: str = "figures") -> list[str]:
    """A command of the suite for a folder of notebooks."""
    return [sys.executable, "-m", "qgmutils.command", subcommand, "--notebooks", str(folder), *arguments]


def environment(**changes: str) -> dict[str, str]:
    """Variables with which a process imports this package."""
    root = str(Path(qgmutils.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, changes.pop("PYTHONPATH", os.environ.get("PYTHONPATH"))]))
    return os.environ | changes | {"PYTHONPATH": path}


def run(
    folder: Path, *arguments: str, encoding: str = "utf-8", **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run the suite to its end."""
    return subprocess.run(
        command(folder, *arguments),
        env=environment(**changes),
        capture_output=True,
        encoding=encoding,
        timeout=400,
        check=False,
    )
