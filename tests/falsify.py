"""Break the project on purpose, one thing at a time in a scratch copy, and see whether its checks notice.

`nox -s falsify` runs it.  Results of tasks may come from the cache: what a break changes has another key.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = "03_minima_distribution"


@dataclasses.dataclass(frozen=True)
class Break:
    """One thing to break: `old` stands once in `file` and becomes `new`."""

    what: str
    file: str
    old: str
    new: str


BREAKS = (
    Break(
        "energy scale",
        "engine/observable.py",
        "real, imag = entries.real.ravel(), entries.imag.ravel()",
        "real, imag = 1.01 * entries.real.ravel(), 1.01 * entries.imag.ravel()",
    ),
    Break(
        "sign of the gradient of one gate",
        "engine/sweep.py",
        "splat(2.0 * gates.scale[g])",
        "splat((2.0 if g > 0 else -2.0) * gates.scale[g])",
    ),
    Break(
        "one factor of the Kac-Rice formula",
        "field/kac_rice.py",
        "+ (m - 1) * np.log(energies)",
        "+ m * np.log(energies)",
    ),
    Break(
        "count of certified starts",
        "minimize.py",
        "certified & resolved,",
        "certified & resolved & (np.arange(count) > 0),",
    ),
    Break(
        "standard error of a bootstrap",
        "statistics/intervals.py",
        "np.std(values[1:], ddof=1) * np.sqrt",
        "np.std(values[1:], ddof=1) / np.sqrt",
    ),
)
CLAIM = BREAKS[2]
"""What the suite has to notice: with this factor the claim "all-minima" is no longer reproduced."""


def scratch(folder: Path, broken: Break | None) -> Path:
    """Copy what the checks need to an empty folder, break it, and return the folder."""
    for name in ("qgmutils", "notebooks", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "outputs"))
    if broken is not None:
        path = folder / "qgmutils" / broken.file
        text = path.read_text(encoding="utf-8")
        if text.count(broken.old) != 1:
            raise ValueError(
                f"{broken.old!r} stands {text.count(broken.old)} times in {broken.file}, not once"
            )
        path.write_text(text.replace(broken.old, broken.new), encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python on a scratch copy."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def nbval(folder: Path) -> subprocess.CompletedProcess[str]:
    """Compare the outputs of the notebook with the stored ones, as `nox -s notebooks` does."""
    options = (
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.nbval_figures",
        "--nbval",
        "--nbval-cell-timeout=600",
    )
    command = ("qgmutils.suite.environment", sys.executable, "-m", "pytest", *options)
    return run(folder, *command, f"notebooks/{NOTEBOOK}.ipynb")


def suite(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the notebook as `nox -s figures` does, and compare its verdicts with the manifest."""
    return run(
        folder,
        "qgmutils.command",
        "figures",
        "--only",
        f"{NOTEBOOK}.projector",
        "--output-dir",
        str(folder / "out"),
    )


def noticed(
    broken: Break | None, check: Callable[[Path], subprocess.CompletedProcess[str]]
) -> tuple[bool, str]:
    """Whether a check fails on a copy with this break, and the lines of its output that say why."""
    with tempfile.TemporaryDirectory(prefix="qgmutils-") as folder:
        done = check(scratch(Path(folder), broken))
    said = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr).splitlines()
    telling = [line for line in said if line.startswith("FAILED") or "manifest says" in line]
    return done.returncode != 0, "\n".join(telling or said[-15:] if done.returncode else [])


def main() -> int:
    """Break one thing after the other, and say what the checks noticed; 0 if they noticed all, and nothing else."""
    trials: Sequence[tuple[str, Break | None, Callable[[Path], subprocess.CompletedProcess[str]]]] = [
        ("stored outputs", None, nbval),
        *(("stored outputs", broken, nbval) for broken in BREAKS),
        ("verdicts", None, suite),
        ("verdicts", CLAIM, suite),
    ]
    wrong = 0
    for kind, broken, check in trials:
        found, why = noticed(broken, check)
        right = found == (broken is not None)
        wrong += not right
        print(
            f"{kind}, {broken.what if broken else 'nothing'} broken: {'noticed' if found else 'nothing noticed'}",
            flush=True,
        )
        for line in why.splitlines() if found else ():
            print(f"    {line[:160]}")
    print(f"{len(trials) - wrong} of {len(trials)} as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
