from pathlib import Path

import pytest
import throwaway


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Notebooks of a throw-away repository; the cache is empty."""
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS", "QGMUTILS_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    return throwaway.make(tmp_path / "repository")
