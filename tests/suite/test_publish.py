"""What is kept about a run beside its results."""

from __future__ import annotations

from pathlib import Path

import pytest

from qgmutils.computing import accounts
from qgmutils.report import claims
from qgmutils.suite import publish


def test_versions_are_those_of_the_notebooks_that_computed_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for notebook, tables in (("00_none", {}), ("01_one", {"key": (accounts.circumstances(1.0), False)})):
        monkeypatch.setattr(accounts, "_tables", tables)
        claims.record([], notebook=notebook, profile="quick", seed=1, output_dir=tmp_path)
    details = publish.keep_details(tmp_path, profile="quick", seed=1, seconds=1.0)
    assert details["tables"] == 1
    assert details["versions"] == accounts.circumstances(1.0)["versions"]
