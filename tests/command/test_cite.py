"""What is cited: entries that say no more than the documentation, for claims that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from qgmutils.command import cite
from qgmutils.command.__main__ import main
from qgmutils.report.claims import PROVENANCE

ROOT = Path(__file__).resolve().parents[2]


def field(key: str, name: str) -> str:
    found = re.search(rf"^  {name} = \{{(.*)\}},?$", cite.entries()[key][0], re.MULTILINE)
    return found[1] if found else ""


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{([\w-]+),$", text, re.MULTILINE)


def test_entries_are_bibtex() -> None:
    for key, (text, _) in cite.entries().items():
        lines = text.splitlines()
        assert re.fullmatch(rf"@[a-z]+\{{{key},", lines[0])
        assert lines[-1] == "}"
        assert all(re.fullmatch(r"  [a-z]+ = \{.+\},", line) for line in lines[1:-2])
        assert re.fullmatch(r"  [a-z]+ = \{.+\}", lines[-2])


def test_project_and_paper_are_those_of_the_citation_file() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (paper,) = citation["references"]
    assert field("qgmutils", "title") == citation["title"]
    assert field("qgmutils", "version") == citation["version"]
    assert field("qgmutils", "author") == f"{{{citation['authors'][0]['name']}}}"
    (author,) = paper["authors"]
    assert field("anschuetz2022", "author") == f"{author['family-names']}, {author['given-names']}"
    assert field("anschuetz2022", "title") == paper["title"]
    assert field("anschuetz2022", "booktitle") == paper["conference"]["name"]
    assert field("anschuetz2022", "year") == str(paper["year"])
    assert f"arXiv:{field('anschuetz2022', 'eprint')}" == paper["identifiers"][0]["value"]


def test_every_other_reference_stands_in_the_documentation() -> None:
    paths = [*ROOT.glob("docs/*.md"), *ROOT.glob("qgmutils/**/*.py")]
    text = " ".join(" ".join(path.read_text(encoding="utf-8") for path in paths).split())
    for key in cite.entries().keys() - set(cite.ALWAYS):
        for name in ("author", "journal", "eprint", "title"):
            words = re.findall(r"[\w.]+", field(key, name))
            assert all(word in text for word in words if word not in ("and", "others")), key
        place = (
            field(key, "eprint") or f"{field(key, 'journal')} {field(key, 'volume')}, {field(key, 'pages')}"
        )
        assert place in text, key


def test_none_of_the_documentation_is_missing() -> None:
    given = set(re.findall(r"arXiv:(\d{4}\.\d{5})", " ".join(p.read_text() for p in ROOT.glob("docs/*.md"))))
    assert given
    assert given <= {field(key, "eprint") for key in cite.entries()}


def test_keywords_are_claims_and_notebooks() -> None:
    records = json.loads((ROOT / "figures/quick/claims.json").read_text(encoding="utf-8"))["claims"]
    known = {claim["id"] for claim in records} | {claim["notebook"] for claim in records}
    assert set().union(*(keywords for _, keywords in cite.entries().values())) <= known


def test_what_is_cited(capsys: pytest.CaptureFixture[str]) -> None:
    notebooks = ["--notebooks", str(ROOT / "notebooks")]
    assert main(["cite"]) == 0
    assert keys(capsys.readouterr().out) == list(cite.ALWAYS)
    assert main(["cite", "--all"]) == 0
    assert keys(capsys.readouterr().out) == list(cite.entries())
    assert main(["cite", "field-count-finite", *notebooks]) == 0
    said = capsys.readouterr().out
    assert said.count("% 04_critical_count_scaling, field-count-finite: ") == 1  # although two runs test it
    assert f"(field: {PROVENANCE['field']})" in said
    assert keys(said) == [*cite.ALWAYS, "finite-size"]
    assert main(["cite", "trained-minima", *notebooks]) == 0
    assert keys(capsys.readouterr().out) == list(cite.ALWAYS)
    assert main(["cite", "03", "field-count-finite", *notebooks]) == 0
    assert keys(capsys.readouterr().out) == [*cite.ALWAYS, "anschuetz-kiani", "finite-size"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["colapse"], "there is no claim or notebook 'colapse'; did you mean collapse"),
        (["zzz"], "figures/VERDICTS.md lists the claims"),
        ([""], "a name is needed, got an empty one"),
        (
            ["collapse", "--notebooks", "/nowhere/notebooks"],
            "/nowhere/figures holds no claims; run this in your clone",
        ),
    ],
)
def test_wrong_names(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "--notebooks" not in arguments:
        arguments = [*arguments, "--notebooks", str(ROOT / "notebooks")]
    with pytest.raises(SystemExit) as caught:
        main(["cite", *arguments])
    assert caught.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
