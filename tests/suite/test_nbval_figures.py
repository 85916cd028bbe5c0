from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import throwaway

SOURCES = [
    "width = 1",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2], lw=width)\nplt.show()",
    "print(1 / 3)",
]


def nbval(path: Path) -> subprocess.CompletedProcess[str]:
    options = ["-p", "no:cacheprovider", "--nbval", "-p", "qgmutils.suite.nbval_figures", "-q"]
    command = [
        sys.executable,
        "-m",
        "qgmutils.suite.environment",
        sys.executable,
        "-m",
        "pytest",
        *options,
        str(path),
    ]
    return subprocess.run(
        command, env=throwaway.environment(), cwd=path.parent, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook with a figure and a number, with its outputs."""
    path = tmp_path_factory.mktemp("nbval") / "x.ipynb"
    throwaway.write_notebook(path, SOURCES)
    convert = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(path)]
    command = [sys.executable, "-m", "qgmutils.suite.environment", sys.executable, "-m", *convert]
    subprocess.run(command, env=throwaway.environment(), capture_output=True, check=True)
    return path


def test_the_same_outputs_pass(executed: Path) -> None:
    done = nbval(executed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # The stored figure has the thin line, the drawn one a thick one.
        ("width = 1", "width = 6", "figure 1 of the cell looks different in 0."),
        ("plt.show()", "plt.close()", "0 figures instead of 1"),
        ("print(1 / 3)", "print(1 / 3 + 1e-16)", "0.3333333333333334"),
    ],
)
def test_another_figure_or_digit_fails(old: str, new: str, said: str, executed: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(executed, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, tmp_path / "x.ipynb")
    done = nbval(tmp_path / "x.ipynb")
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout
    assert "1 failed, 2 passed" in done.stdout
