"""What is said in several files must be the same everywhere."""

from __future__ import annotations

import ast
import graphlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import MatchSpec

import qgmutils
from qgmutils.computing import front
from qgmutils.suite import manifest

ROOT = Path(__file__).resolve().parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PYPROJECT = tomllib.loads(read("pyproject.toml"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
ENVIRONMENT: dict[str, Any] = yaml.safe_load(read("environment.yml"))
CITATION: dict[str, Any] = yaml.safe_load(read("CITATION.cff"))
CODECHECK: dict[str, Any] = yaml.safe_load(read("codecheck.yml"))
CONDA = [item for item in ENVIRONMENT["dependencies"] if isinstance(item, str)]
# Needed by the package, its suite, on one machine or several, or by its developers; conda names all as PyPI does.
EXTRAS = ("suite", "distributed", "bench", "dev")
# The benchmark goes on without it, and not every version of Python has it.
PYPI_ONLY = {"qulacs"}
OWN = f"{PROJECT['name']}["  # an extra that another one includes


def wanted(*extras: str) -> list[str]:
    """What is installed with some extras."""
    texts = [text for name in extras for text in PROJECT["optional-dependencies"][name]]
    return [*PROJECT["dependencies"], *(text for text in texts if not text.startswith(OWN))]


REQUIRED = wanted(*EXTRAS)


def conda_versions() -> dict[str, str]:
    specs = [MatchSpec(text, strict=True) for text in CONDA]
    return {str(text).split()[0]: str(spec.version or "") for text, spec in zip(CONDA, specs)}


@pytest.mark.parametrize("text", CONDA)
def test_conda_spec_is_valid_and_plain(text: str) -> None:
    spec = MatchSpec(text, strict=True)
    # Builds and channels tie an environment to a platform.
    assert (spec.channel, spec.build, spec.build_number) == (None, None, None)
    assert text == text.lower()


def test_conda_and_pyproject_ask_for_the_same() -> None:
    asked = {}
    for text in REQUIRED:
        requirement = Requirement(text)
        if requirement.name in PYPI_ONLY:
            continue
        assert not requirement.marker, f"{text}: conda has no markers"
        asked[canonicalize_name(requirement.name)] = str(requirement.specifier)
    asked |= {"python": PROJECT["requires-python"], "pip": ""}
    assert conda_versions() == asked


def test_pip_part_of_the_environment_is_the_gpu_extra() -> None:
    (pip,) = (item["pip"] for item in ENVIRONMENT["dependencies"] if isinstance(item, dict))
    assert list(map(str, map(Requirement, pip))) == list(
        map(str, map(Requirement, PROJECT["optional-dependencies"]["gpu"]))
    )
    assert any(Requirement(text).name == "pennylane-lightning-gpu" for text in pip)


def test_environment_uses_conda_forge_only() -> None:
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    assert ENVIRONMENT["name"] == PROJECT["name"]


def test_extras_are_those_that_are_documented() -> None:
    assert set(PROJECT["optional-dependencies"]) == {"gpu", "docs", *EXTRAS}


def imported(paths: Iterable[Path]) -> set[str]:
    names = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    return names


SUITE = set(ROOT.glob("qgmutils/suite/*.py"))
BENCH = set(ROOT.glob("benchmarks/*.py"))
DOCS = set(ROOT.glob("docs/*.py"))
PATHS = {
    (): set(ROOT.glob("qgmutils/**/*.py")) - SUITE,
    ("suite",): SUITE,
    ("bench",): BENCH,
    ("docs",): DOCS,
    EXTRAS: set(ROOT.glob("tests/**/*.py")),
}


@pytest.mark.parametrize("extras", PATHS)
def test_every_import_is_declared(extras: tuple[str, ...]) -> None:
    declared = {canonicalize_name(Requirement(text).name) for text in wanted(*extras)}
    other_names = {"pil": "pillow", "rattler": "py-rattler", "yaml": "pyyaml", "llvmlite": "numba"}
    other_names |= {"docutils": "sphinx", "autograd": "pennylane"}  # which install them
    # Optional packages are imported where they are used, and only there.
    declared |= {"cupy", "cuda", "distributed", "ipywidgets", "ipython", "jax"}
    own = {"qgmutils", "benchmarks", *(path.stem for path in PATHS[EXTRAS] | BENCH | DOCS)}
    found = {canonicalize_name(name) for name in imported(PATHS[extras]) - set(sys.stdlib_module_names) - own}
    assert {other_names.get(name, name) for name in found} - declared == set()


def test_nothing_is_required_without_being_imported() -> None:
    modules = {canonicalize_name(name) for name in imported(PATHS[()])}
    assert {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]} <= modules


# The order of CONTRIBUTING.md: each imports only what stands above it.
LAYERS = (
    *("computing", "inputs", "losses", "circuits", "engine", "descent", "minimize", "slices", "statistics"),
    *("field", "ensembles", "qnodes", "report", "beyond", "diagnosis", "suite", "command"),
)


def module_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(ROOT / "qgmutils").with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {module_of(path): path for path in sorted((ROOT / "qgmutils").rglob("*.py"))}


def own_imports(path: Path) -> set[tuple[str, ...]]:
    """Modules of the package that a file imports, wherever in it, without those that are only for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = set()
    for node in set(ast.walk(tree)) - typing:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    found = set()
    for first, *parts in (name.split(".") for name in names):
        while parts and tuple(parts) not in MODULES:
            parts.pop()  # what is imported from a module
        found |= {tuple(parts)} if first == "qgmutils" and parts else set()
    return found


IMPORTS = {module: own_imports(path) for module, path in MODULES.items()}
PACKAGES = sorted({module[:depth] for module in MODULES for depth in range(len(module))})


def between_children(package: tuple[str, ...]) -> dict[str, set[str]]:
    """What each direct child of a package imports of the other children, at any depth of both."""
    depth = len(package)
    children: dict[str, set[str]] = {
        m[depth]: set() for m in MODULES if len(m) > depth and m[:depth] == package
    }
    for module, others in IMPORTS.items():
        if len(module) > depth and module[:depth] == package:
            inside = {other[depth] for other in others if len(other) > depth and other[:depth] == package}
            children[module[depth]] |= inside - {module[depth]}
    return children


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: ".".join(("qgmutils", *package)))
def test_children_of_a_package_import_each_other_in_no_circle(package: tuple[str, ...]) -> None:
    # It raises CycleError, which names the circle.
    graphlib.TopologicalSorter(between_children(package)).prepare()


def test_a_package_does_not_need_its_own_door() -> None:
    # A module that imports its own package waits for what that package imports, which may be the module itself.
    found = {
        module: others & {module[:depth] for depth in range(1, len(module))}
        for module, others in IMPORTS.items()
    }
    assert {module for module, others in found.items() if others} == set()


def test_data_flows_one_way() -> None:
    present = {module[0] for module in MODULES if module}
    assert present == set(LAYERS)
    wrong = {
        (module, other)
        for module, others in IMPORTS.items()
        for other in others
        if module and {module[0], other[0]} <= present and LAYERS.index(other[0]) > LAYERS.index(module[0])
    }
    assert wrong == set()


def test_layers_are_those_that_are_documented() -> None:
    table = read("CONTRIBUTING.md").partition("| part of `qgmutils`")[2].partition("\n\n")[0]
    first_column = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert re.findall(r"`(\w+)/?`", " ".join(first_column)) == list(LAYERS)


# Called by others, or by users alone.
CALLED_FROM_OUTSIDE = {
    *front.PLACES,
    *("_repr_html_", "_repr_markdown_", "get_code"),  # by Jupyter, and by the import system
    *("_VectorModel", "cache_path", "load_overload", "save_overload"),  # by numba
}


GUIDES = sorted(ROOT.glob("notebooks/guides/*.ipynb"))


def test_the_site_has_every_guide() -> None:
    (listed,) = re.findall(r":caption: Tutorials\n\n(.*?)```", read("docs/index.md"), re.DOTALL)
    assert sorted(listed.split()) == [f"/notebooks/guides/{path.stem}" for path in GUIDES]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_is_no_claim(guide: Path) -> None:
    cells = json.loads(guide.read_text(encoding="utf-8"))["cells"]
    assert [cell["metadata"] for cell in cells if cell["metadata"]] == []  # neither parameters nor verdicts
    assert guide.stem not in {run.notebook for run in manifest.load(ROOT / "notebooks" / "claims.toml")}


def programs() -> Iterable[str]:
    """All code but that of tests: package, benchmarks, sessions, notebooks, and the examples of the documentation."""
    for pattern in ("qgmutils/**/*.py", "benchmarks/*.py", "docs/*.py", "noxfile.py"):
        yield from (path.read_text(encoding="utf-8") for path in ROOT.glob(pattern))
    for path in [*ROOT.glob("notebooks/*.ipynb"), *GUIDES]:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield from ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for path in ROOT.glob("docs/**/*.md"):
        yield from re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def names_used(node: ast.AST, inside: frozenset[str] = frozenset()) -> set[str]:
    """Names that code reads, without those of definitions in their own bodies."""
    if isinstance(node, ast.Name):
        return {node.id} - inside
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        inside |= {node.name}
    found = {node.attr} if isinstance(node, ast.Attribute) else set()
    return found.union(*(names_used(child, inside) for child in ast.iter_child_nodes(node)))


def test_everything_has_a_caller_besides_its_tests() -> None:
    used = set().union(*(names_used(ast.parse(re.sub(r"(?m)^[%!].*", "", text))) for text in programs()))
    defined = {
        node.name: f"{'.'.join(module)}: {node.name}"
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("__")
    }
    assert [defined[name] for name in sorted(defined.keys() - used - CALLED_FROM_OUTSIDE)] == []
    assert CALLED_FROM_OUTSIDE - front.PLACES.keys() <= defined.keys() - used


def test_versions_agree() -> None:
    assert qgmutils.__version__ == PROJECT["version"] == CITATION["version"]
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)[1] == PROJECT["version"]  # type: ignore[index]


def test_citation_names_the_software_and_the_paper() -> None:
    for key in ("cff-version", "message", "title", "authors", "version", "license"):
        assert CITATION[key]
    assert CITATION["license"] == PROJECT["license"] == "Apache-2.0"
    assert [author["name"] for author in CITATION["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]
    (paper,) = CITATION["references"]
    assert paper["authors"] == [{"family-names": "Anschuetz", "given-names": "Eric R."}]
    assert paper["title"] in CITATION["title"]
    assert paper["title"] in PROJECT["description"]
    assert paper["year"] == 2022
    assert [item["value"] for item in paper["identifiers"]] == ["arXiv:2109.06957"]
    assert "2109.06957" in read("README.md")


def test_manifest_of_outputs_lists_every_figure_and_all_verdicts() -> None:
    assert read("codecheck.yml").startswith("---\n")
    paper, reference = CODECHECK["paper"], CITATION["references"][0]
    assert (paper["title"], paper["reference"]) == (reference["title"], reference["url"])
    names = [f"{author['given-names']} {author['family-names']}" for author in reference["authors"]]
    assert [author["name"] for author in paper["authors"]] == names
    expected = {}
    for profile in (path.name for path in ROOT.glob("figures/*/")):
        expected[f"figures/{profile}/claims.json"] = f"The verdict on every claim ({profile})"
        for run in manifest.load(ROOT / "notebooks" / "claims.toml"):
            if run.profile == profile:
                cells = json.loads(read(f"notebooks/{run.notebook}.ipynb"))["cells"]
                title = "".join(cells[0]["source"]).splitlines()[0].removeprefix("# ")
                comment = f"{title} ({', '.join(filter(None, (run.name, profile)))})"
                expected[f"figures/{profile}/{run.label}.png"] = comment
    listed = {item["file"]: item["comment"] for item in CODECHECK["manifest"]}
    assert listed.items() <= expected.items()
    # A run may be newer than the last complete one of its profile.
    assert {name for name in expected if (ROOT / name).is_file()} <= set(listed)


def test_licence_is_whole() -> None:
    text = read("LICENSE")
    assert text.split(maxsplit=4)[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text
    assert "Copyright The qgmutils authors" in text


def sessions() -> dict[str, str | None]:
    functions = [node for node in ast.parse(read("noxfile.py")).body if isinstance(node, ast.FunctionDef)]
    return {
        node.name: ast.get_docstring(node)
        for node in functions
        if any(ast.unparse(decorator).startswith("nox.session") for decorator in node.decorator_list)
    }


def test_every_session_is_documented() -> None:
    assert {"figures", "tests", "notebooks", "lint", "typecheck"} <= set(sessions())
    for name, docstring in sessions().items():
        assert docstring, f"session {name} has no docstring for `nox -l`"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".ci/run"])
def test_named_sessions_exist(name: str) -> None:
    for words in re.findall(r"nox -s ((?:\w+ ?)+)", read(name)):
        assert words.split()[0] in sessions()


def test_readme_has_both_commands() -> None:
    text = read("README.md")
    for session in ("figures", "tests"):
        assert re.search(rf"pip install .*nox\[uv\].*nox -s {session}\b", text)


def test_no_generated_file_is_tracked() -> None:
    try:
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git repository")
    for pattern in (
        r"(^|/)outputs/",
        r"^figures/.*(?<!\.csv)(?<!\.png)(?<!/claims\.json)(?<!/claims\.md)(?<!^figures/VERDICTS\.md)$",
        r"__pycache__",
        r"\.lock$",
        r"\.pyc$",
        r"\.pkl$",
    ):
        assert not [line for line in listed.stdout.splitlines() if re.search(pattern, line)]
