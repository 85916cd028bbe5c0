"""The user's cache folder, with and without a home."""

import importlib
import os
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


@ON_POSIX
def test_a_user_without_home(monkeypatch):
    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr(importlib.import_module("pwd"), "getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert user_cache() is None
