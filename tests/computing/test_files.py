"""Files that are whole: on the disk before they have their name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qgmutils.computing import files


def test_content_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    events = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        state = os.fstat(descriptor)
        events.append(("on disk", state.st_ino, state.st_size))
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> None:
        state = os.stat(source)
        events.append(("named", state.st_ino, state.st_size))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    with files.whole_file(path) as temporary:
        temporary.write_text("new content")
        assert path.read_text() == "old"
    found = path.stat()
    assert events == [("on disk", found.st_ino, 11), ("named", found.st_ino, 11)]


def test_old_content_stays_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), files.whole_file(path) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_file_has_the_suffix_and_a_name_that_fits(tmp_path: Path) -> None:
    with files.whole_file(tmp_path / ("n" * 240 + ".png")) as temporary:
        assert temporary.suffix == ".png"
        assert files._TEMPORARY.fullmatch(temporary.name)
    assert len(list(tmp_path.iterdir())) == 1
