"""The environment in which notebooks run: what a user has set for other programs stays outside.

`python -m qgmutils.suite.environment COMMAND …` runs a command in it, as `nox -s notebooks` does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import qgmutils
from qgmutils.computing.threads import reproducible_environment
from qgmutils.suite import terminal

# Variables that begin so change which kernel starts, what it imports or runs first, which engine computes, how it draws
# and what it prints.
FOREIGN = (
    *("QGMUTILS_ENGINE", "QGMUTILS_DEVICE"),
    *("JUPYTER", "IPYTHON", "PYTHON", "MPLBACKEND", "MATPLOTLIBRC", "LC_", "LANG"),
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
)


def notebook_environment(folder: Path, outside: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment variables for a process that runs notebooks.

    Kernels named python3 are of this very interpreter, whatever else is installed; settings, histories and connection
    files of Jupyter and IPython lie in a folder of their own. matplotlib's own settings are the business of
    `qgmutils.report.figures.use_style`, so that a notebook that is opened by hand draws the same.

    Parameters
    ----------
    folder : Path
        An existing folder for the files of Jupyter and IPython.
    outside : mapping of str to str
        The variables to start from.

    Returns
    -------
    dict of str to str
    """
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": command, "display_name": "Python 3 (ipykernel)", "language": "python"}
    kernel.write_text(json.dumps(content), encoding="utf-8")
    kept = {name: value for name, value in outside.items() if not name.upper().startswith(FOREIGN)}
    return {
        **kept,
        # Jupyter looks here before it looks anywhere else.
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter" / "config"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter" / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter" / "runtime"),
        "JUPYTER_NO_CONFIG": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        # The package that runs the suite, from wherever it was imported, and nothing else.
        "PYTHONPATH": str(Path(qgmutils.__file__).resolve().parent.parent),
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LC_ALL": "C",
        # The processes of the suite share the cores already.
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        **reproducible_environment(),
    }


def main(command: Sequence[str]) -> int:
    """Run a command in the environment of notebooks, without progress bars, and return its exit status."""
    terminal.interrupt_on_signals()
    with tempfile.TemporaryDirectory(prefix="qgmutils-", ignore_cleanup_errors=True) as folder:
        environment = notebook_environment(Path(folder))
        environment["QGMUTILS_PROGRESS"] = str(Path(folder) / "progress.json")
        # The files by which Jupyter finds its kernels stay where they are made when a kernel is killed.
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)
        try:
            return subprocess.run(command, env=environment, check=False).returncode
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
