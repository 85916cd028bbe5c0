from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import throwaway

from qgmutils.suite.environment import notebook_environment


def test_settings_of_the_user_stay_outside(tmp_path: Path) -> None:
    foreign = [
        *(
            "JUPYTER_PATH",
            "JUPYTER_DATA_DIR",
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_CONFIG_PATH",
            "JUPYTER_RUNTIME_DIR",
        ),
        *("QGMUTILS_ENGINE", "QGMUTILS_DEVICE"),
        *("IPYTHONDIR", "PYTHONSTARTUP", "PYTHONPATH", "PYTHONWARNINGS", "PYTHONOPTIMIZE", "PYTHONHASHSEED"),
        *("MPLBACKEND", "MATPLOTLIBRC", "LC_ALL", "LC_NUMERIC", "LANG", "LANGUAGE", "COLUMNS", "NO_COLOR"),
    ]
    outside = dict.fromkeys(foreign, "foreign") | {"PATH": "kept", "HOME": "kept", "QGMUTILS_CACHE": "kept"}
    found = notebook_environment(tmp_path, outside)
    assert "foreign" not in found.values()
    assert {name for name, value in found.items() if value == "kept"} == {"PATH", "HOME", "QGMUTILS_CACHE"}
    # Nothing is written but below the folder.
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        assert Path(found[name]).is_relative_to(tmp_path)


def test_the_kernel_is_of_this_interpreter(tmp_path: Path) -> None:
    own = tmp_path / "{seed} own"
    own.mkdir()
    other = tmp_path / "other" / "kernels" / "python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text(
        json.dumps({"argv": ["false"], "display_name": "other", "language": "python"})
    )
    foreign = {name: str(tmp_path / "other") for name in ("JUPYTER_PATH", "JUPYTER_DATA_DIR")}
    environment = notebook_environment(own, os.environ | foreign)
    code = "from jupyter_client.kernelspec import *; print(KernelSpecManager().get_kernel_spec('python3').argv[0])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == sys.executable


@pytest.mark.parametrize("status", [0, 3])
def test_a_command_runs_in_the_environment(status: int) -> None:
    code = (
        f"import os, sys; print(os.environ['JUPYTER_PATH'], 'MPLBACKEND' in os.environ); sys.exit({status})"
    )
    command = [sys.executable, "-m", "qgmutils.suite.environment", sys.executable, "-c", code]
    done = subprocess.run(
        command, env=throwaway.environment(MPLBACKEND="agg"), capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    folder, backend = done.stdout.split()
    assert backend == "False"
    assert not Path(folder).exists()
