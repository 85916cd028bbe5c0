from __future__ import annotations

import json
import multiprocessing
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qgmutils
from qgmutils.report import claims

ROOT = Path(__file__).resolve().parent.parent.parent
KEYS = "id notebook run statement provenance expected observed tolerance verdict profile seed versions commit seconds"


def judged(name: str = "law", **changes: Any) -> claims.Verdict:
    arguments = {
        "id": name,
        "statement": "the law holds",
        "provenance": "derived",
        "expected": 1.0,
        "observed": np.float64(1.01),
        "tolerance": "3 standard errors",
        "holds": True,
    }
    return claims.verdict(**(arguments | changes))


def record(verdicts: list[claims.Verdict], folder: Path, **changes: Any) -> Any:
    arguments = {"notebook": "01_x", "profile": "quick", "seed": 7, "started": time.perf_counter() - 2}
    return claims.record(verdicts, output_dir=folder, **(arguments | changes))


def _record_many(folder: Path, notebook: str) -> None:
    for _ in range(10):
        record([judged(), judged("other")], folder, notebook=notebook)


@pytest.mark.parametrize(
    ("holds", "word"),
    [(True, "reproduced"), (np.False_, "not reproduced"), (np.True_, "reproduced"), (None, "inconclusive")],
)
def test_verdict_words(holds: bool | None, word: str) -> None:
    assert judged(holds=holds).verdict == word


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"provenance": "rumour"}, "provenance is 'rumour'; it must be one of paper, field, derived"),
        ({"statement": ""}, "neither may be empty"),
        ({"holds": 1}, "holds is 1"),
        ({"holds": "yes"}, "holds is 'yes'"),
        ({"observed": [1, 2]}, r"observed is \[1, 2\]"),
    ],
)
def test_wrong_verdict_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judged(**changes)


def test_records_are_complete(tmp_path: Path) -> None:
    table = record([judged(observed=np.inf), judged("other", expected=np.int64(3))], tmp_path / "new")
    assert list(table.columns) == ["id", "expected", "observed", "tolerance", "verdict"]
    content = json.loads((tmp_path / "new" / "claims.json").read_text())
    assert [list(item) for item in content] == [KEYS.split()] * 2
    first, second = content
    assert first["observed"] == "inf"
    assert second["expected"] == 3
    assert first["versions"]["qgmutils"] == qgmutils.__version__
    assert re.fullmatch("[0-9a-f]{64}", first["versions"]["source"])
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?|unknown", first["commit"])
    # Two seconds were put in; a busy machine adds to that.
    assert 2 <= first["seconds"] < 60


def test_recording_replaces_the_same_run_only(tmp_path: Path) -> None:
    record([judged(), judged("old")], tmp_path, notebook="02_y")
    record([judged()], tmp_path, notebook="01_x", run="b")
    record([judged()], tmp_path, notebook="01_x", run="a")
    record([judged("new")], tmp_path, notebook="02_y")
    found = [(claim.notebook, claim.run, claim.id) for claim in claims.load(tmp_path / "claims.json")]
    assert found == [("01_x", "a", "law"), ("01_x", "b", "law"), ("02_y", "", "new")]
    claims.keep(tmp_path / "claims.json", {("01_x", "b")})
    assert [claim.run for claim in claims.load(tmp_path / "claims.json")] == ["b"]


def test_processes_do_not_lose_each_others_records(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names = [f"0{i}_x" for i in range(3)]
    processes = [context.Process(target=_record_many, args=(tmp_path, name)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert [claim.notebook for claim in claims.load(tmp_path / "claims.json")] == sorted(names * 2)


def test_wrong_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="each may occur only once"):
        record([judged(), judged()], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"output_dir .*file.* cannot be written to"):
        record([judged()], tmp_path / "file" / "below")
    for content in ("[{", '[{"id": "law"}]', "7"):
        (tmp_path / "claims.json").write_text(content)
        with pytest.raises(ValueError, match="is not a list of claim records"):
            record([judged()], tmp_path)
        assert (tmp_path / "claims.json").read_text() == content


def test_markdown_table_escapes_cells(tmp_path: Path) -> None:
    record([judged(statement="|x| is\nsmall", observed=1 / 3)], tmp_path, run="a")
    lines = claims.markdown_table(claims.load(tmp_path / "claims.json")).splitlines()
    assert len(lines) == 3
    assert lines[2] == (
        r"| a | \|x\| is small | derived | 1 | 0.3333 | 3 standard errors "
        "| **reproduced** |"
    )


def test_markdown_section_counts_and_folds(tmp_path: Path) -> None:
    record([judged(), judged("other", holds=False)], tmp_path, run="a")
    text = claims.markdown_section(claims.load(tmp_path / "claims.json"))
    assert "| [01_x](notebooks/01_x.ipynb) | 1 | 1 |  |" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert claims.markdown_table(claims.load(tmp_path / "claims.json")) in text


def test_replace_between() -> None:
    assert claims.replace_between("a <b>\nold\n<e> c", "<b>", "<e>", "new\n") == "a <b>\nnew\n<e> c"
    assert claims.replace_between("no markers", "<b>", "<e>", "new\n") == "no markers"


def test_commit_is_that_of_this_repository() -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    if head.returncode:
        assert claims.commit() == "unknown"
    else:
        assert claims.commit().removesuffix("-dirty") == head.stdout.strip()


def test_commit_notices_changed_science_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "qgmutils"
    (package / "report").mkdir(parents=True)
    monkeypatch.setattr(qgmutils, "__file__", str(package / "__init__.py"))
    assert claims.commit() == "unknown"
    (tmp_path / "notebooks").mkdir()
    for name in ("qgmutils/report/claims.py", "qgmutils/problems.py", "notebooks/01_x.ipynb", "README.md"):
        (tmp_path / name).write_text("1\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(tmp_path)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run(git + arguments, check=True)
    clean = claims.commit()
    assert re.fullmatch("[0-9a-f]{40}", clean)
    for name, expected in (
        ("qgmutils/report/claims.py", clean),
        ("README.md", clean),
        ("qgmutils/problems.py", f"{clean}-dirty"),
        ("notebooks/01_x.ipynb", f"{clean}-dirty"),
    ):
        (tmp_path / name).write_text("2\n")
        assert claims.commit() == expected
        (tmp_path / name).write_text("1\n")


def test_readme_shows_the_recorded_verdicts() -> None:
    readme, recorded = ROOT / "README.md", ROOT / "figures" / "claims.json"
    if not (readme.is_file() and recorded.is_file()):
        pytest.skip("there is no README.md or no figures/claims.json yet")
    text = readme.read_text(encoding="utf-8")
    assert claims.VERDICTS_BEGIN in text
    table = claims.markdown_section(claims.load(recorded))
    assert claims.replace_between(text, claims.VERDICTS_BEGIN, claims.VERDICTS_END, table) == text
