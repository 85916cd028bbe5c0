"""The pages under docs/: their examples run, and their formulas survive Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).resolve().parent.parent / "docs").glob("**/*.md"))
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What Markdown, or GitHub's subset of LaTeX, would not leave as it is.
UNSAFE = re.compile(r"\\[\\,;!{}|%#_]|[})\]']_|\*|\\operatorname")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page: Path) -> None:
    names = {"__name__": page.stem}
    for number, block in enumerate(CODE.findall(page.read_text(encoding="utf-8"))):
        exec(compile(block, f"{page.name}, block {number}", "exec", dont_inherit=True), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_formulas_survive_markdown(page: Path) -> None:
    text = re.sub(
        r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    shown = re.findall(r"^\$\$\n(.*?)\n\$\$$", text, re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\$\$\n.*?\n\$\$$", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"\$([^$\n]+)\$", text)
    assert re.sub(r"\$[^$\n]+\$", "", text).count("$") == 0
    assert [formula for formula in shown + inline if UNSAFE.search(formula)] == []
    assert [
        line for formula in shown for line in formula.split("\n") if re.match(r"[-+=#>*\s]|$", line)
    ] == []
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert [cell for row in rows for cell in re.findall(r"\$([^$]+)\$", row) if "|" in cell] == []
