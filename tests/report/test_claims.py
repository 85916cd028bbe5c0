from __future__ import annotations

import dataclasses
import json
import multiprocessing
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qgmutils
from qgmutils.computing import tasks
from qgmutils.report import claims
from qgmutils.report.predicates import Finding, above, within
from qgmutils.suite import manifest

ROOT = Path(__file__).resolve().parent.parent.parent
KEYS = "id notebook run statement provenance expected observed tolerance verdict numbers"
NUMBERS = "value uncertainty expected tolerance cases failing"


def judged(name: str = "law", **changes: Any) -> claims.Verdict:
    arguments = {
        "id": name,
        "statement": "the law holds",
        "provenance": "derived",
        "expected": "ratio 1",
        "tolerance": "3 standard errors",
        "finding": within(1.01, 1, error=0.01, sigmas=3),
    }
    return claims.verdict(**(arguments | changes))


def record(verdicts: list[claims.Verdict], folder: Path, **changes: Any) -> None:
    arguments = {"notebook": "01_x", "profile": "quick", "seed": 7}
    claims.record(verdicts, output_dir=folder, **(arguments | changes))


def _record_many(folder: Path, notebook: str) -> None:
    for _ in range(10):
        record([judged(), judged("other")], folder, notebook=notebook)


@pytest.mark.parametrize(
    ("finding", "word"),
    [
        (within(1, 1), "reproduced"),
        (within(2, 1), "not reproduced"),
        (within(2, 1, error=1, doubt=3), "inconclusive"),
        (within([], 1), "inconclusive"),
    ],
)
def test_verdict_words(finding: Finding, word: str) -> None:
    assert judged(finding=finding).verdict == word


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"provenance": "rumour"},
            "provenance is 'rumour'; it must be one of paper, field, published, derived",
        ),
        ({"statement": ""}, "neither may be empty"),
        ({"finding": True}, "finding is True; it must come from one of"),
    ],
)
def test_wrong_verdict_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judged(**changes)


def test_records_are_complete(tmp_path: Path) -> None:
    empty = judged("empty", finding=within([], 1), observed="nan of 0")
    record([judged(finding=above(np.float64(4 / 3), 1)), empty], tmp_path / "new")
    content = json.loads((tmp_path / "new" / "claims.json").read_text())
    assert [list(item) for item in content["claims"]] == [KEYS.split()] * 2
    first, second = content["claims"]
    assert list(first["numbers"]) == NUMBERS.split()
    assert first["numbers"] == {
        "value": 1.33333, "uncertainty": 0, "expected": [1, None], "tolerance": 0, "cases": 1, "failing": 0,
    }  # fmt: skip
    assert first["observed"] == "1.33"
    assert second["observed"] == "no data"
    assert second["numbers"]["value"] is None
    assert set(content["computed"]) == {"01_x"}
    account = content["computed"]["01_x"]
    assert (account["profile"], account["seed"]) == ("quick", 7)
    assert set(account) == {"profile", "seed"} | {field.name for field in dataclasses.fields(tasks.Account)}


def test_recording_replaces_the_same_run_only(tmp_path: Path) -> None:
    record([judged(), judged("old")], tmp_path, notebook="02_y")
    record([judged()], tmp_path, notebook="01_x", run="b")
    record([judged()], tmp_path, notebook="01_x", run="a")
    record([judged("new")], tmp_path, notebook="02_y")
    found = [(claim.notebook, claim.run, claim.id) for claim in claims.load(tmp_path / "claims.json")]
    assert found == [("01_x", "a", "law"), ("01_x", "b", "law"), ("02_y", "", "new")]
    claims.keep(tmp_path / "claims.json", {("01_x", "b")})
    assert [claim.run for claim in claims.load(tmp_path / "claims.json")] == ["b"]
    assert set(claims.computed(tmp_path / "claims.json")) == {"01_x.b"}


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
    for content in ("[{", '{"claims": [{"id": "law"}]}', "7"):
        (tmp_path / "claims.json").write_text(content)
        with pytest.raises(ValueError, match="holds no claim records"):
            record([judged()], tmp_path)
        assert (tmp_path / "claims.json").read_text() == content


def test_yes_without_a_number_cannot_be_loaded(tmp_path: Path) -> None:
    record([judged()], tmp_path)
    path = tmp_path / "claims.json"
    content = json.loads(path.read_text())
    content["claims"][0]["numbers"]["value"] = None
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="without data it is open"):
        claims.load(path)


def test_a_notebook_shows_numbers_as_text_and_words_as_markdown() -> None:
    shown = claims.Shown((judged(statement="|x| is small"), judged("other", finding=within([], 1))))
    assert [line.split() for line in repr(shown).splitlines()] == [
        ["id", "value", "uncertainty", "verdict"],
        ["law", "1.01", "0.01", "reproduced"],
        ["other", "NaN", "NaN", "inconclusive"],
    ]
    assert shown._repr_markdown_().splitlines()[2] == (
        r"| `law` \|x\| is small | derived | ratio 1 | 3 standard errors | 1.01 ± 0.01 | **reproduced** |"
    )


def test_page_has_a_row_a_claim_and_a_column_a_profile(tmp_path: Path) -> None:
    found = {}
    for profile, value in (("full", 1.01), ("quick", 2.0)):
        law = judged(finding=within(value, 1, error=0.01, sigmas=3))
        sized = judged("sized", statement=f"true of {profile}")
        record([law, sized], tmp_path / profile, run="a")
        found[profile] = claims.load(tmp_path / profile / "claims.json")
    record([judged("only")], tmp_path / "full", notebook="02_y")
    found["full"] = claims.load(tmp_path / "full" / "claims.json")
    page = claims.verdicts_page(found)
    assert "`paper`: stated in the paper's abstract" in page
    assert "| [01_x](#01_x) | 2 / 0 / 0 | 1 / 1 / 0 |\n| [02_y](#02_y) | 1 / 0 / 0 |  |\n" in page
    first, second = page.split("## 01_x\n")[1].split("## 02_y\n")
    assert "(../notebooks/01_x.ipynb)" in first
    words = "derived | ratio 1 (3 standard errors)"
    assert [line for line in first.splitlines() if line.startswith("|")][2:] == [
        f"| a | `law` the law holds | {words} | **reproduced**: 1.01 ± 0.01 | **not reproduced**: 2 ± 0.01 |",
        f"| a | `sized` true of full | {words} | **reproduced**: 1.01 ± 0.01 |  |",
        f"| a | `sized` true of quick | {words} |  | **reproduced**: 1.01 ± 0.01 |",
    ]
    assert "| `only` the law holds |" in second
    assert "| Run |" not in second


def test_replace_between() -> None:
    assert claims.replace_between("a <b>\nold\n<e> c", "<b>", "<e>", "new\n") == "a <b>\nnew\n<e> c"
    assert claims.replace_between("no markers", "<b>", "<e>", "new\n") == "no markers"


def test_commit_is_that_of_this_repository() -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    if head.returncode:
        assert claims.commit() == "unknown"
    else:
        assert claims.commit().removesuffix("-dirty") == head.stdout.strip()


def test_commit_notices_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "qgmutils"
    for folder in ("report", "losses"):
        (package / folder).mkdir(parents=True)
    monkeypatch.setattr(qgmutils, "__file__", str(package / "__init__.py"))
    assert claims.commit() == "unknown"
    (tmp_path / "notebooks").mkdir()
    for name in (
        "qgmutils/report/claims.py",
        "qgmutils/losses/hamiltonians.py",
        "notebooks/01_x.ipynb",
        "README.md",
    ):
        (tmp_path / name).write_text("1\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(tmp_path)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run(git + arguments, check=True)
    clean = claims.commit()
    assert re.fullmatch("[0-9a-f]{40}", clean)
    for name, expected in (
        ("README.md", clean),
        ("qgmutils/report/claims.py", f"{clean}-dirty"),
        ("qgmutils/losses/hamiltonians.py", f"{clean}-dirty"),
        ("notebooks/01_x.ipynb", f"{clean}-dirty"),
    ):
        (tmp_path / name).write_text("2\n")
        assert claims.commit() == expected
        (tmp_path / name).write_text("1\n")


def test_the_page_shows_the_recorded_verdicts() -> None:
    folder = ROOT / "figures"
    found = {profile: claims.load(folder / profile / "claims.json") for profile in manifest.PROFILES}
    page = claims.verdicts_page({profile: records for profile, records in found.items() if records})
    assert (folder / "VERDICTS.md").read_text(encoding="utf-8") == page
