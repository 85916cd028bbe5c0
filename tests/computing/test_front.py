"""What `import qgmutils` offers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import qgmutils
from qgmutils.computing import code, front

ROOT = Path(qgmutils.__file__).parent.parent


def session(script: str) -> str:
    command = [sys.executable, "-c", script]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_nothing_that_takes_long() -> None:
    heavy = {"numpy", "scipy", "pandas", "numba", "pennylane", "matplotlib", "tqdm", "multiprocessing"}
    script = (
        "import sys; before = {*sys.modules}; import qgmutils; dir(qgmutils); print(*{*sys.modules} - before)"
    )
    found = session(script).split()
    assert heavy.isdisjoint(found)
    assert len(found) < 100  # NumPy alone loads more
    assert {name.split(".")[1] for name in found if name.startswith("qgmutils.")} == {"computing"}


@pytest.mark.parametrize("name", qgmutils.__all__)
def test_every_name_is_found_and_comes_from_where_the_table_says(name: str) -> None:
    found = getattr(qgmutils, name)
    place = front.PLACES[name]
    if isinstance(found, type(sys)):
        assert found.__name__ == place
    else:
        assert found is getattr(sys.modules[place], name)
        assert found.__module__.startswith("qgmutils.")


def test_no_name_is_taken_by_a_module() -> None:
    package = ROOT / "qgmutils"
    present = {path.stem for path in package.glob("[!_]*") if path.suffix == ".py" or path.is_dir()}
    assert {
        name for name in present & set(qgmutils.__all__) if front.PLACES[name] != f"qgmutils.{name}"
    } == set()


def test_names_are_listed_and_others_are_refused() -> None:
    assert set(dir(qgmutils)) == {*qgmutils.__all__, "__version__"}
    with pytest.raises(AttributeError, match="module 'qgmutils' has no attribute 'tfmi'"):
        _ = qgmutils.tfmi
    with pytest.raises(ImportError, match="cannot import name 'tfmi' from 'qgmutils'"):
        from qgmutils import tfmi  # noqa: F401
    assert session("from qgmutils import *; print(tfim(3).n_qubits)") == "3"


USES = """
import dataclasses
{imports}

@dataclasses.dataclass(frozen=True)
class Mine:
    x: int

    def run(self):
        return {value}
"""


@pytest.mark.parametrize(
    ("imports", "value"),
    [
        ("import qgmutils as qgm", "qgm.tfim(3)"),
        ("from qgmutils import tfim", "tfim(3)"),
        ("import qgmutils", "qgmutils.hamiltonians.tfim(3)"),
        ("import qgmutils as qgm", "qgm.losses.hamiltonians.tfim(3)"),
        ("from qgmutils.losses.hamiltonians import tfim", "tfim(3)"),
    ],
)
def test_code_of_what_is_taken_by_name_counts(
    imports: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"uses_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(USES.format(imports=imports, value=value))
    monkeypatch.syspath_prepend(tmp_path)
    modules = code.code_of(__import__(name).Mine).modules
    assert {"qgmutils", "qgmutils.losses.hamiltonians", "qgmutils.losses.energy", "qgmutils.inputs"} <= set(
        modules
    )
    assert {"qgmutils.circuits", "qgmutils.engine"}.isdisjoint(modules)
