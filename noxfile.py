"""Options of a session follow after `--`, as in `nox -s figures -- --help`."""

import json
import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["figures"]

# Those that test claims, then the guides.
NOTEBOOKS = [
    path for folder in ("notebooks", "notebooks/guides") for path in sorted(Path(folder).glob("*.ipynb"))
]
PYTHON_CODE = ["qgmutils", "benchmarks", "tests", "noxfile.py"]
# Not the folder: ruff would format the examples in its pages too.
PYTHON_CODE += map(str, [*sorted(Path("docs").glob("*.py")), *NOTEBOOKS])
# One thread for linear algebra: the processes of the suite and of the tests share the cores already.
ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Every kernel and worker imports the same packages: without stored bytecode that takes three times as long.
ENVIRONMENT["PYTHONDONTWRITEBYTECODE"] = ""
# Modules of other environments stay outside.
ENVIRONMENT["PYTHONPATH"] = ""
# Runs a command in the environment in which the suite runs notebooks.
LIKE_THE_SUITE = ["python", "-m", "qgmutils.suite.environment", "python", "-m"]


def install(session: nox.Session) -> None:
    # Editable, since a reused environment would keep the state of the package in which it was made.
    session.install("-e", ".[dev]")


@nox.session
def figures(session: nox.Session) -> None:
    """Run the notebooks; compare figures, tables and verdicts."""
    install(session)
    # After Ctrl-C the suite ends its notebooks first; nox would kill it after a third of a second.
    session.run("qgm", "figures", *session.posargs, env=ENVIRONMENT, interrupt_timeout=20)


@nox.session
def tests(session: nox.Session) -> None:
    """Test package and suite (-- takes options of pytest)."""
    install(session)
    session.run(
        "python",
        "-m",
        "pytest",
        *(session.posargs or ["--numprocesses=logical", "--dist=worksteal"]),
        env=ENVIRONMENT,
    )


@nox.session
def notebooks(session: nox.Session) -> None:
    """Run notebooks, compare outputs (-- --update stores them)."""
    install(session)
    names = [argument for argument in session.posargs if argument != "--update"]
    paths = [Path(name) for name in names] or NOTEBOOKS
    if not paths:
        session.skip("there are no notebooks")
    files = [str(path) for path in paths]
    if "--update" not in session.posargs:
        options = ["-p", "no:cacheprovider", "-p", "tests.nbval_figures", "--nbval"]
        options.append("--nbval-cell-timeout=600")
        environment = dict(ENVIRONMENT)
        if len(files) > 1:  # side by side, each on one core, instead of one after the other on all
            options += ["--numprocesses=logical", "--dist=loadfile"]
            environment["QGMUTILS_WORKERS"] = "1"
        session.run(*LIKE_THE_SUITE, "pytest", *options, *files, env=environment, interrupt_timeout=20)
        return
    convert = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    # Execution times would make every update a change.
    convert.append("--ExecutePreprocessor.record_timing=False")
    session.run(*LIKE_THE_SUITE, *convert, *files, env=ENVIRONMENT, interrupt_timeout=20)
    for path in paths:
        clean(path)


@nox.session
def falsify(session: nox.Session) -> None:
    """Break copies on purpose; see that the checks notice."""
    install(session)
    session.run("python", "-m", "tests.falsify", env=ENVIRONMENT, interrupt_timeout=20)


@nox.session
def independent(session: nox.Session) -> None:
    """Compare diagnoses with training by SciPy and JAX."""
    session.install("-e", ".[dev,bench]")
    session.run("python", "-m", "tests.independent", *session.posargs, env=ENVIRONMENT)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format of code and notebooks."""
    session.install("ruff")
    session.run("ruff", "check", "--quiet", *PYTHON_CODE)
    session.run("ruff", "format", "--check", "--quiet", *PYTHON_CODE)
    problems = [f"{path}: {problem}" for path in NOTEBOOKS for problem in foreign(path)]
    if problems:
        session.error("\n".join([*problems, "nox -s notebooks -- --update NOTEBOOK stores it anew"]))


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the type hints with mypy."""
    install(session)
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site, strictly, in outputs/site."""
    session.install("-e", ".[docs]")
    # Pages of modules and notebooks that are gone must not stay.
    for folder in ("docs/api", "outputs/site"):
        shutil.rmtree(folder, ignore_errors=True)
    options = ["--fresh-env", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", "auto"]
    session.run("sphinx-build", *options, "--conf-dir", "docs", ".", "outputs/site", env=ENVIRONMENT)
    session.run("python", "docs/links.py", "outputs/site", env=ENVIRONMENT)
    session.log("outputs/site/index.html is the first page")


@nox.session
def bench(session: nox.Session) -> None:
    """Time the engine against other simulators (-- --help)."""
    session.install("-e", ".[dev,bench]")
    session.run("python", "-m", "benchmarks", *session.posargs, env=ENVIRONMENT)


def metadata() -> dict[str, object]:
    return {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def clean(path: Path) -> None:
    """Leave nothing in a notebook that depends on the machine or on the time."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"] = metadata()
    for cell in notebook["cells"]:
        cell["metadata"] = {name: cell["metadata"][name] for name in ("tags",) if name in cell["metadata"]}
        if "outputs" in cell:
            cell["outputs"] = joined(cell["outputs"])
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def joined(outputs: list[dict[str, object]]) -> list[dict[str, object]]:
    """Outputs with what is printed in one piece: a kernel sends more of them when it computes in between."""
    found: list[dict[str, object]] = []
    for output in outputs:
        if found and output["output_type"] == found[-1]["output_type"] == "stream":
            found[-1] = found[-1] | {"text": found[-1]["text"] + output["text"]}
        else:
            found.append(output)
    return found


def foreign(path: Path) -> list[str]:
    """What a notebook carries that `clean` would remove."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    found = []
    if notebook["metadata"] != metadata():
        found.append("its metadata is not that of a plain python3 notebook")
    for number, cell in enumerate(notebook["cells"], 1):
        others = sorted(set(cell["metadata"]) - {"tags"})
        if others:
            found.append(f"cell {number} has the metadata {', '.join(others)}")
    return found
