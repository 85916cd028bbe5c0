"""The user's cache folder, with and without a home."""

import os
import subprocess
import sys

import pytest

from qgmutils.computing.folders import user_cache

ON_POSIX = pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="XDG folders")


@ON_POSIX
def test_it_is_in_the_cache_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache() == tmp_path / "qgmutils"


@ON_POSIX
@pytest.mark.parametrize("home", ["", "relative", "~"])
def test_a_relative_folder_is_none(home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", home)
    assert user_cache() is None or user_cache().is_absolute()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may take another user id")
def test_a_user_without_home(tmp_path):
    tmp_path.chmod(0o777)
    program = "import os; from qgmutils.computing.folders import user_cache; os.setuid(2**31 - 9); print(user_cache())"
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "None"
    assert not list(tmp_path.iterdir())
