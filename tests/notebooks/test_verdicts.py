"""Every claim of every notebook is driven to every verdict, by running its own verdict cell on synthetic tables.

`verdicts/<notebook>.py` has `namespace()`, which makes the variables that the cell tagged "verdicts" uses, and
`CHANGES[claim][verdict]`, functions that change such a namespace so that the claim gets the verdict.

The cell has the notebook's imports and parameters, and a `session` that the harness makes; what the cell calls,
`session.claim(...)` for each claim and `session.verdicts()` at the end, records into a list instead of claims.json.
A namespace need not hold a session, and may not.
"""

from __future__ import annotations

import ast
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from qgmutils.report import claims
from qgmutils.report.session import Session
from qgmutils.suite import manifest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path(__file__).resolve().parent / "verdicts"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

Namespace = dict[str, Any]


def cells(notebook: Path, tag: str) -> list[str]:
    read = nbformat.read(notebook, as_version=4)
    return [cell.source for cell in read.cells if tag in cell.metadata.get("tags", [])]


def verdicts_of(notebook: Path, namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Run the notebook's imports, its parameters and its verdict cell; return the verdicts by claim."""
    found: list[claims.Verdict] = []

    def record(verdicts: Sequence[claims.Verdict], **_: Any) -> pd.DataFrame:
        found.extend(verdicts)
        return pd.DataFrame()

    monkeypatch.setattr(claims, "record", record)
    read = nbformat.read(notebook, as_version=4)
    code = [ast.parse(cell.source) for cell in read.cells if cell.cell_type == "code"]
    imports = [node for tree in code for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    variables: Namespace = {"display": lambda *_: None}
    exec(compile(ast.Module(imports, []), str(notebook), "exec"), variables)
    (parameters,), (verdict_cell,) = cells(notebook, "parameters"), cells(notebook, "verdicts")
    exec(parameters, variables)
    assert "session" not in namespace
    session = Session(notebook.stem, run="", profile="quick", seed=2022, output_dir="not written")
    variables |= namespace | {"session": session}
    exec(verdict_cell, variables)
    assert len({item.id for item in found}) == len(found)
    return {item.id: item.verdict for item in found}


def scenarios(
    notebook: Path,
) -> tuple[Callable[[], Namespace], dict[str, dict[str, Callable[[Namespace], None]]]]:
    module = runpy.run_path(str(FOLDER / f"{notebook.stem}.py"))
    return module["namespace"], module["CHANGES"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_claim_gets_every_verdict(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace, changes = scenarios(notebook)
    listed = manifest.load(ROOT / "notebooks" / "claims.toml")
    expected = {claim for run in listed if run.notebook == notebook.stem for claim in run.expect}
    assert set(changes) == expected
    for claim, ways in changes.items():
        assert set(ways) == set(claims.VERDICTS), claim
        for verdict, change in ways.items():
            variables = namespace()
            change(variables)
            found = verdicts_of(notebook, variables, monkeypatch)
            assert set(found) == expected
            assert found[claim] == verdict, (claim, verdict, found[claim])


def findings(node: ast.AST) -> list[ast.expr]:
    """What a call passes as a finding: by name, or to `session.claim` in the third place."""
    if isinstance(node, ast.keyword) and node.arg == "finding":
        return [node.value]
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "session.claim":
        return node.args[2:3]
    return []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_verdicts_come_from_predicates_alone(notebook: Path) -> None:
    """No `and`, `or`, `if` or comparison builds a finding: a predicate is called with numbers."""
    (source,) = cells(notebook, "verdicts")
    for node in ast.walk(ast.parse(source)):
        for finding in findings(node):
            inside = [
                type(part).__name__ for part in ast.walk(finding) if isinstance(part, (ast.BoolOp, ast.IfExp))
            ]
            assert not inside, ast.unparse(finding)
        assert not (isinstance(node, ast.Call) and ast.unparse(node.func) in ("bool", "any", "all"))
        assert not (isinstance(node, ast.Attribute) and node.attr in ("all", "any")), ast.unparse(node)


CELL = """
for id, value in values.items():
    session.claim(id, "It is 1.", predicates.within(value, 1) if value else None, expected="1", tolerance="0")
session.verdicts()
"""


def test_a_cell_records_into_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tagged = [
        nbformat.v4.new_code_cell(source, metadata={"tags": tags})
        for source, tags in (
            ("seed: int = 2022", ["parameters"]),
            ("from qgmutils.report import Session, predicates\nsession = Session('not made')", []),
            (CELL, ["verdicts"]),
        )
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=tagged), "x.ipynb")
    found = verdicts_of(Path("x.ipynb"), {"values": {"yes": 1, "no": 2}}, monkeypatch)
    assert found == {"yes": "reproduced", "no": "not reproduced"}
    assert [path.name for path in tmp_path.iterdir()] == ["x.ipynb"]  # no claims.json
    with pytest.raises(AssertionError, match="if value else None"):
        test_verdicts_come_from_predicates_alone(Path("x.ipynb"))
