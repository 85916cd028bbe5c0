"""Results belong to the code that ran: what a key depends on, and sessions whose code is not that of the files."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import pytest
from sample_tasks import Draw

import qgmutils
from qgmutils.computing import code, tasks

ROOT = Path(qgmutils.__file__).parent.parent

TASK = """
import dataclasses
import pandas as pd
{imports}

FACTOR = 2

def law(x):
    return FACTOR * x

@dataclasses.dataclass(frozen=True)
class Mine:
    x: float

    def run(self):
        {inside}
        return pd.DataFrame({{"y": [{value}]}})
"""


def write(
    folder: Path, name: str, *, imports: str = "", inside: str = "pass", value: str = "law(self.x)"
) -> Path:
    path = folder / f"{name}.py"
    path.write_text(TASK.format(imports=imports, inside=inside, value=value))
    return path


def session(folder: Path, script: str, *, root: Path = ROOT) -> tuple[str, str]:
    """Run a script in a new process that finds the folder's modules and the package in `root`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QGMUTILS_")}
    environment |= {"PYTHONPATH": f"{folder}{os.pathsep}{root}", "QGMUTILS_CACHE": str(folder / "cache")}
    command = [sys.executable, "-P", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def stored(folder: Path) -> int:
    return len(list((folder / "cache").glob("*.npz")))


def put_back(path: Path, old: str, new: str) -> None:
    """Replace text in a file, as an editor would."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


RUN = """
from {module} import Mine
from qgmutils.computing.tasks import run_tasks
def show(**options):
    print(run_tasks([Mine(1.0)], **({{"workers": 1}} | options))[0].y.tolist())
show()
"""


def test_helpers_are_followed_wherever_they_are(tmp_path: Path) -> None:
    (tmp_path / "pack" / "inner").mkdir(parents=True)
    helpers = [
        tmp_path / name for name in ("plain.py", "pack/part.py", "pack/inner/deep.py", "pack/__init__.py")
    ]
    helpers.append(write(tmp_path, "same"))
    (tmp_path / "pack" / "inner" / "__init__.py").write_text("from .. import part\nfrom . import deep\n")
    for path in helpers[:4]:
        path.write_text("def helper(x):\n    return 2 * x\n")
    write(tmp_path, "of_module", imports="import plain", value="plain.helper(self.x)")
    write(tmp_path, "of_submodule", imports="from pack import part", value="part.helper(self.x)")
    write(tmp_path, "of_function", inside="from pack.inner.deep import helper", value="helper(self.x)")
    write(tmp_path, "of_package", imports="from pack import helper", value="helper(self.x)")
    write(tmp_path, "of_another", imports="import pack.inner", value="pack.inner.part.helper(self.x)")
    names = ["same", "of_module", "of_submodule", "of_function", "of_package", "of_another"]
    script = "from qgmutils.computing.tasks import run_tasks\nfound = []\n"
    script += "".join(f"import {name}\nfound += run_tasks([{name}.Mine(1.0)], workers=1)\n" for name in names)
    script += "print([float(table.y[0]) for table in found])"
    assert session(tmp_path, script)[0] == str([2.0] * 6)
    assert stored(tmp_path) == 6
    for path in helpers:
        # Neither a docstring nor a comment makes another code of it, nor do other line ends.
        text = path.read_text().replace("(x):\n", '(x):\n    """Say it."""  # aloud\n\n')
        path.write_bytes(text.replace("\n", "\r\n").encode())
    assert session(tmp_path, script)[0] == str([2.0] * 6)
    assert stored(tmp_path) == 6
    for path in helpers:
        put_back(
            path,
            "FACTOR = 2" if path.stem == "same" else "2 * x",
            "FACTOR = 3" if path.stem == "same" else "3 * x",
        )
    assert session(tmp_path, script)[0] == str([3.0] * 6)
    assert stored(tmp_path) == 12


RECIPE = """
import dataclasses

@dataclasses.dataclass(frozen=True)
class Recipe:
    x: float

    def build(self):
        return {factor} * self.x
"""
TAKES_RECIPES = """
import dataclasses
import pandas as pd

@dataclasses.dataclass(frozen=True)
class Mine:
    recipe: object

    def run(self):
        parts = self.recipe if isinstance(self.recipe, tuple) else (self.recipe,)
        return pd.DataFrame({"y": [sum(part.build() for part in parts)]})
"""
RUN_RECIPES = """
import first, second
from mine import Mine
from qgmutils.computing.tasks import run_tasks, task_key
a, b = first.Recipe(1.0), second.Recipe(10.0)
if __name__ == "__main__":
    tasks = [Mine(a), Mine(b), Mine((a, (b,)[0]))]
    print([float(table.y[0]) for table in run_tasks(tasks, workers={workers})])
    print(*map(task_key, tasks))
"""


def test_code_of_a_recipe_belongs_to_the_tasks_that_use_it_and_to_no_other(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TAKES_RECIPES)
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(RECIPE.format(factor=2))
    values, before = session(tmp_path, RUN_RECIPES.format(workers=1))[0].splitlines()
    assert (values, stored(tmp_path)) == ("[2.0, 20.0, 22.0]", 3)
    # Of another length: Python runs an outdated compiled copy after an edit of one length within a second.
    (tmp_path / "second.py").write_text(RECIPE.format(factor=30))
    values, after = session(tmp_path, RUN_RECIPES.format(workers=2))[0].splitlines()
    assert (values, stored(tmp_path)) == ("[2.0, 300.0, 302.0]", 5)
    assert [a == b for a, b in zip(before.split(), after.split())] == [True, False, False]


def test_worker_with_other_code_of_a_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TAKES_RECIPES)
    (tmp_path / "first.py").write_text(RECIPE.format(factor=2))
    script = """
    import first, mine
    from qgmutils.computing import code, tasks
    for wanted in (code.code_of(mine.Mine, first.Recipe), code.code_of(mine.Mine)):
        try:
            print(tasks.timed(mine.Mine((first.Recipe(1.0),)), wanted)[0].y.tolist())
        except tasks.OtherCode as error:
            print(error)
    """
    right, wrong = session(tmp_path, script)[0].splitlines()
    assert right == "[2.0]"
    assert wrong.startswith("a worker process has loaded other code of Mine, Recipe than the process")
    assert " other content of first; restart Python" in wrong


def test_recipe_of_a_notebook_is_run_here_and_not_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TAKES_RECIPES)
    script = RECIPE.format(factor=2) + (
        "from mine import Mine\nfrom qgmutils.computing.tasks import run_tasks\n"
        "print([table.y[0].item() for table in run_tasks([Mine(Recipe(1.0)), Mine(Recipe(2.0))], workers=2)])"
    )
    found, errors = session(tmp_path, script)
    assert (found, stored(tmp_path)) == ("[2.0, 4.0]", 0)
    assert errors.count("results of Mine, Recipe are computed by this process alone") == 1
    assert "Recipe is not defined in a file (module __main__); define it in a module" in errors


EDIT = 'import time; open("helper.py", "w").write("def helper(x):\\n    return 30 * x\\n")'
UNDO = 'open("helper.py", "w").write("def helper(x):\\n    return 2 * x\\n")'


@pytest.mark.parametrize(
    ("change", "value", "reason"),
    [
        (EDIT + "\nshow()", 2.0, "helper.*has changed since it was imported"),
        # Worker processes would import the new one.
        (EDIT + "\nshow(workers=2)", 2.0, "helper.*has changed since it was imported"),
        # The old one again, but another was seen.
        (EDIT + f"\nshow(cache=False); {UNDO}; show()", 2.0, "helper.*has changed since it was imported"),
        (EDIT + "\nimport importlib, helper; importlib.reload(helper); show()", 2.0, "helper.*has changed since"),
        # The task has the function of the first one, whatever is loaded again.
        (
            f"{EDIT}\nimport importlib, helper; importlib.reload(helper); {UNDO}; show()",
            2.0,
            "helper.*has changed since",
        ),
        ("import mine; mine.FACTOR = 7; mine.helper = mine.law; show()", 7.0, "mine.FACTOR is not what .*mine.py says"),
        ("import mine; mine.helper = lambda x: 8.0; show()", 8.0, "mine.helper is not what .*mine.py says"),
        ("import helper; helper.helper = lambda x: 8.0; show()", 2.0, "mine.helper is not what .*mine.py says"),
        ("Mine.run = lambda self: __import__('pandas').DataFrame({'y': [9.0]}); show()", 9.0, "Mine.run is not what"),
    ],
)  # fmt: skip
def test_code_that_is_not_that_of_the_files_is_neither_kept_nor_taken(
    change: str, value: float, reason: str, tmp_path: Path
) -> None:

    (tmp_path / "helper.py").write_text("def helper(x):\n    return 2 * x\n")
    write(tmp_path, "mine", imports="from helper import helper", value="helper(self.x)")
    script = f'if __name__ == "__main__":\n{textwrap.indent(RUN.format(module="mine") + change, "    ")}'
    found, errors = session(tmp_path, script)
    assert found.splitlines()[-1] == str([value])
    assert stored(tmp_path) == 1  # that of before the change
    assert len(re.findall("CacheWarning: .*", errors)) == 1
    assert re.search(f"CacheWarning: .*{reason}", errors)
    # What is kept is what the first code gave.
    (tmp_path / "helper.py").write_text("def helper(x):\n    return 2 * x\n")
    assert session(tmp_path, RUN.format(module="mine")) == ("[2.0]", "")


PATCHED = """
import dataclasses, functools
import pandas as pd

SHIFT = -1.0
PAIR = (1.0, 2.0)

@functools.cache
def law(x):
    return 2 * x

class Settings:
    scale = 1.0

@dataclasses.dataclass(frozen=True)
class Mine:
    x: float
    factor = 1.0
    __secret = 1.0

    def __hidden(self):
        return self.__secret

    def run(self):
        scale = self.factor * Settings.scale * self.__hidden()
        return pd.DataFrame({"y": [law(self.x) * scale + SHIFT + PAIR[0]]})
"""


def test_constants_decorated_functions_and_attributes_of_classes_are_compared(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PATCHED)
    # The last one begins in the line of the function that it replaces.
    patches = {
        "mine.SHIFT = -50.0": -47.0,
        "mine.PAIR = (5.0, 0.0)": 6.0,
        "mine.Settings.scale = 5.0": 10.0,
        "Mine.factor = 10.0": 20.0,
        "mine.law = lambda x: 77 * x": 77.0,
        r"exec(8 * '\n' + 'def run(self):\n return mine.pd.DataFrame({\'y\': [8.0]})'); Mine.run = run": 8.0,
    }
    line = PATCHED.splitlines().index("    def run(self):")
    script = (
        RUN.format(module="mine")
        + "import mine, sys\nkeep = [dict(vars(x)) for x in (mine, Mine, mine.Settings)]\n"
    )
    for patch in patches:
        script += patch.replace("8 * ", f"{line} * ") + "\nshow()\n"
        script += (
            "vars(mine).update(keep[0]); Mine.factor = mine.Settings.scale = 1.0; Mine.run = keep[1]['run']\n"
        )
    found, errors = session(tmp_path, script + "show()")
    assert found.splitlines() == [str([value]) for value in (2.0, *patches.values(), 2.0)]
    assert stored(tmp_path) == 1
    assert len(re.findall("CacheWarning: .*is not what", errors)) == len(patches)


def test_programs_that_one_session_runs_are_told_apart(tmp_path: Path) -> None:
    for name, factor in {"first": 2, "second": 3}.items():
        path = write(tmp_path, name)
        put_back(path, "FACTOR = 2", f"FACTOR = {factor}")
        path.write_text(path.read_text() + RUN.format(module="__main__"))
    script = """
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    shell.run_cell("%run first.py")
    shell.run_cell("%run second.py")
    shell.run_cell(open("first.py").read().replace("FACTOR = 2", "FACTOR = 4"))
    """
    assert session(tmp_path, script)[0].split() == ["[2.0]", "[3.0]", "[4.0]"]
    assert stored(tmp_path) == 2  # a cell is no file
    # What the prompt defines after a program does not belong to the program.
    script = """
    import subprocess, sys
    other = open("first.py").read().split("@")[1].replace("Mine", "Other").replace("law(", "5 * law(")
    other = other.replace("\\n\\n", "\\n")
    prompt = "@" + other.split("from")[0].strip() + "\\n\\nprint(run_tasks([Other(1.0)], workers=1)[0].y.tolist())\\n"
    print(subprocess.run([sys.executable, "-i", "first.py"], input=prompt, capture_output=True, text=True).stdout)
    """
    assert session(tmp_path, script)[0].split() == ["[2.0]", "[10.0]"]
    assert stored(tmp_path) == 2


def test_modules_that_are_reached_in_other_ways_belong_to_the_code(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    helpers = {
        "attribute": "pack/part.py",
        "function": "plain.py",
        "installed": "site-packages/unversioned.py",
    }
    write(tmp_path, "attribute", imports="import pack as p", value="p.part.FACTOR * self.x")
    write(
        tmp_path,
        "function",
        imports="import importlib",
        value="importlib.import_module('plain').FACTOR * self.x",
    )
    write(tmp_path, "installed", imports="from unversioned import FACTOR as F", value="F * self.x")
    for factor in (2, 3):
        for name, helper in helpers.items():
            (tmp_path / helper).write_text(f"FACTOR = {factor}\n")
            script = "import sys; sys.path.append('site-packages'); import pack.part\n" + RUN.format(
                module=name
            )
            assert session(tmp_path, script) == (f"[{factor}.0]", ""), name
    assert stored(tmp_path) == 6


def test_code_without_assertions_is_another(tmp_path: Path) -> None:
    write(tmp_path, "mine", value="float(__debug__)")
    assert session(tmp_path, RUN.format(module="mine"))[0] == "[1.0]"
    script = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-O', '-c', {RUN.format(module='mine')!r}])"
    )
    assert session(tmp_path, script)[0] == "[0.0]"
    assert stored(tmp_path) == 2


def test_nothing_is_kept_of_a_file_that_changes_while_its_task_runs(tmp_path: Path) -> None:
    inside = 'from pathlib import Path; path = Path("helper.py"); path.write_text(path.read_text().replace("2", "3"))'
    (tmp_path / "helper.py").write_text("def helper(x):\n    return 2 * x\n")
    write(tmp_path, "mine", inside=inside + "; from helper import helper", value="helper(self.x)")
    found, errors = session(tmp_path, RUN.format(module="mine"))
    assert (found, stored(tmp_path)) == ("[3.0]", 0)
    assert "has changed since it was imported" in errors


def test_autoreload_runs_new_code_and_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def helper(x):\n    return 2 * x\n")
    write(tmp_path, "mine", imports="import helper", value="helper.helper(self.x)")
    cells = ["%load_ext autoreload\n%autoreload 2", RUN.format(module="mine"), "show()", "show(workers=2)"]
    script = f"""
        import time
        from IPython.core.interactiveshell import InteractiveShell
        if __name__ == "__main__":
            shell = InteractiveShell.instance()
            for cell in {cells[:2]!r}:
                shell.run_cell(cell).raise_error()
            time.sleep(1.1)
            {EDIT}
            for cell in {cells[2:]!r}:
                shell.run_cell(cell).raise_error()
    """
    found, errors = session(tmp_path, script)
    assert found.split() == ["[2.0]", "[30.0]", "[30.0]"]
    assert stored(tmp_path) == 1
    assert errors.count("has changed since it was imported") == 1
    (tmp_path / "helper.py").write_text("def helper(x):\n    return 2 * x\n")
    assert session(tmp_path, RUN.format(module="mine"))[0] == "[2.0]"


@pytest.mark.parametrize("mode", ["timestamp", "unchecked-hash"])
def test_outdated_compiled_copy_is_refused(mode: str, tmp_path: Path) -> None:
    path = write(tmp_path, "mine")
    os.utime(path, (10**9, 10**9))
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", mode, str(path)]
    subprocess.run(command, check=True, timeout=60)
    put_back(path, "FACTOR = 2", "FACTOR = 3")
    # The same length and second as before: Python trusts its copy.
    os.utime(path, ns=(10**18, 10**18 + 10**8))
    (copy,) = (tmp_path / "__pycache__").glob("*.pyc")
    os.utime(copy, ns=(10**18, 10**18 + 10**7))
    found, errors = session(tmp_path, RUN.format(module="mine"))
    assert (found, stored(tmp_path)) == ("[2.0]", 0)
    assert f"an outdated compiled copy; delete {copy}" in errors
    copy.unlink()
    assert session(tmp_path, RUN.format(module="mine")) == ("[3.0]", "")


def test_module_that_was_imported_before_the_package(tmp_path: Path) -> None:
    path = write(tmp_path, "mine")
    script = "from mine import Mine\n{between}" + RUN.format(module="mine").replace("{", "{{").replace(
        "}", "}}"
    )
    assert session(tmp_path, script.format(between="")) == ("[2.0]", "")
    edit = 'open("mine.py", "a").write("x = 1")\n'
    found, errors = session(tmp_path, script.format(between=edit))
    assert (found, stored(tmp_path)) == ("[2.0]", 1)
    assert "was changed after this process had started" in errors
    put_back(path, "x = 1", "")


def test_own_tasks_in_scripts_cells_functions_and_archives(tmp_path: Path) -> None:
    show = "\nfrom qgmutils.computing.tasks import run_tasks\nprint(run_tasks([Mine(1.0)], workers=1)[0].y.tolist())"
    path = write(tmp_path, "program")
    path.write_text(path.read_text() + show)
    script = "import runpy, sys, subprocess; sys.exit(subprocess.call([sys.executable, 'program.py']))"
    assert session(tmp_path, script) == ("[2.0]", "")
    assert session(tmp_path, script) == ("[2.0]", "")
    assert stored(tmp_path) == 1
    put_back(path, "FACTOR = 2", "FACTOR = 3")
    assert session(tmp_path, script) == ("[3.0]", "")
    assert stored(tmp_path) == 2

    text = path.read_text()
    cell = f"from IPython.core.interactiveshell import InteractiveShell\nInteractiveShell.instance().run_cell({text!r})"
    function = f"def make():\n{textwrap.indent(TASK.format(imports='', inside='pass', value='law(self.x)'), '    ')}\n"
    function += "    return Mine\nMine = make()\n"
    (tmp_path / "factory.py").write_text(function)
    for script, value, reason in (
        (cell, "[3.0]", "Mine is not defined in a file (module __main__); define it in a module"),
        (text, "[3.0]", "Mine is not defined in a file (module __main__); define it in a module"),
        ("from factory import Mine" + show, "[2.0]", "is defined in a function; define it at the top level"),
    ):
        found, errors = session(tmp_path, script)
        assert (found, stored(tmp_path)) == (value, 2)
        assert reason in errors

    write(tmp_path, "packed")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.write(tmp_path / "packed.py", "packed.py")
    (tmp_path / "packed.py").unlink()
    script = "import sys; sys.path.insert(0, 'archive.zip')" + RUN.format(module="packed")
    assert session(tmp_path, script) == ("[2.0]", "")
    assert stored(tmp_path) == 3

    write(tmp_path, "bare")
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-b", "bare.py"], cwd=tmp_path, check=True, timeout=60
    )
    (tmp_path / "bare.py").unlink()
    found, errors = session(tmp_path, RUN.format(module="bare"))
    assert (found, stored(tmp_path)) == ("[2.0]", 3)
    assert "bare.pyc is no source of Python" in errors


def test_worker_with_other_code_is_refused() -> None:
    wanted = code.code_of(Draw)
    table, made = tasks.timed(Draw(1), wanted)
    assert len(table) == 4
    assert made["seconds"] > 0
    older = dataclasses.replace(
        wanted, digest="0" * 64, versions=wanted.versions | {"numpy": "1.0", "gone": "2"}
    )
    reason = (
        r"gone is missing instead of 2, numpy is [2-9]\S* instead of 1.0; restart Python, or pass workers=1"
    )
    with pytest.raises(tasks.OtherCode, match=rf"other code of Draw .* {reason}"):
        tasks.timed(Draw(1), older)


def test_workers_that_import_a_later_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def helper(x):\n    return 2 * x\n")
    write(tmp_path, "mine", imports="from helper import helper", value="helper(self.x)")
    script = f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from mine import Mine
        from qgmutils.computing.tasks import OtherCode, run_tasks

        class Late(ProcessPoolExecutor):
            def submit(self, *arguments):
                {EDIT}
                return super().submit(*arguments)

        if __name__ == "__main__":
            with Late(1, mp_context=multiprocessing.get_context("spawn")) as executor:
                try:
                    print(run_tasks([Mine(1.0)], executor=executor))
                except OtherCode as error:
                    print(error)
    """
    found, _ = session(tmp_path, script)
    assert "a worker process has loaded other code of Mine than the process that it works for" in found
    assert stored(tmp_path) == 0


def test_versions_of_what_is_imported_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    found = code.code_of(Draw)
    assert set(found.versions) == {"python", "blas", "simd", "numpy", "pandas"}
    import numpy as np

    code._identity.cache_clear()
    monkeypatch.setattr(np, "__version__", "2.0.0")
    other = code.code_of(Draw)
    code._identity.cache_clear()
    assert other.modules == found.modules
    assert other.digest != found.digest


def test_a_thousand_tasks_are_keyed_in_no_time() -> None:
    tasks.task_key(Draw(0))
    start = time.process_time()
    found = code.code_of(Draw)
    describe = tasks._Describer()
    keys = {tasks._key(describe(Draw(i))[0], found) for i in range(1000)}
    # 15 ms on one core of 2023; the rest is for slower ones.
    assert time.process_time() - start < 0.1
    assert len(keys) == 1000


KEYS = """
import dataclasses, importlib, inspect, json, pkgutil
import qgmutils
from qgmutils.computing import code, loaded
classes = {}
for info in pkgutil.walk_packages(qgmutils.__path__, "qgmutils."):
    if info.name.split(".")[1] in ("ensembles", "beyond", "field"):
        for name, cls in vars(importlib.import_module(info.name)).items():
            if inspect.isclass(cls) and cls.__module__ == info.name and dataclasses.is_dataclass(cls):
                if hasattr(cls, "run"):
                    classes[f"{info.name}.{name}"] = cls
keys = lambda: {name: code.code_of(cls).digest for name, cls in classes.items()}
found = keys()
"""
# As if the modules had been loaded from edited files.
EDITS = """
code._require_unchanged = code._require_unpatched = lambda name, module: None
changed = {}
for edited in %r:
    source = loaded.source(edited)
    first = source.contents[0]
    source.contents[0] += b"\\n_EDITED = 1\\n"
    changed[edited] = sorted(name.rpartition(".")[2] for name, key in keys().items() if key != found[name])
    source.contents[0] = first
"""


def test_an_edit_recomputes_the_users_of_what_was_edited_only(tmp_path: Path) -> None:
    edits = {
        "ensembles.basins": ["EnumerateTask"],
        "field.haar": ["FieldTask", "FiniteMinimaDensity", "LowestMinima", "SampleTask"],
        "field.bulk": ["CountTask", "FiniteMinimaDensity", "LowestMinima", "MinimaDensity"],
        "beyond.finite_dimension.positive_reflections": ["FiniteMinimaDensity", "LowestMinima"],
        "report.figures": [],
        "computing.cache": [],
        "computing.tasks": [],
    }
    script = KEYS + EDITS % [f"qgmutils.{name}" for name in edits] + "print(json.dumps([found, changed]))"
    before, changed = json.loads(session(tmp_path, script)[0])
    assert len(before) >= 10
    assert changed == {f"qgmutils.{name}": users for name, users in edits.items()}

    package = tmp_path / "qgmutils"
    shutil.copytree(ROOT / "qgmutils", package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in package.rglob("*.py"):
        text = path.read_text().replace('"""', '"""Another docstring. ', 1)
        path.write_text(text + "# and a comment\n")
    put_back(package / "__init__.py", '__version__ = "', '__version__ = "9.')
    script = KEYS + "print(json.dumps([qgmutils.__file__, found]))"
    where, after = json.loads(session(tmp_path, script, root=tmp_path)[0])
    assert Path(where).parent == package
    assert after == before
