"""Links that lead nowhere are found, and files from other sites, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import links
import pytest


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "a picture.png").touch()
    (tmp_path / "docs" / "b.html").write_text('<h1 id="top">B</h1><a href="../index.html#one">A</a>')
    good = (
        "docs/b.html",
        "docs/b.html#top",
        "#one",
        "a%20picture.png",
        "https://example.org/gone",
        "mailto:a@b.c",
    )
    anchors = "".join(f'<a href="{link}">x</a>' for link in good)
    (tmp_path / "index.html").write_text(f'<p id="one">{anchors}</p>')
    return tmp_path


def test_good_links_are_silent(site: Path) -> None:
    assert links.broken(site) == []


@pytest.mark.parametrize("link", ["gone.html", "../index.html#two", "#two", "../gone.png", "../docs"])
@pytest.mark.parametrize("tag", ['<a href="{}">x</a>', '<img src="{}">'])
def test_a_broken_link_is_named_with_its_page(site: Path, link: str, tag: str) -> None:
    with (site / "docs" / "b.html").open("a") as page:
        page.write(tag.format(link))
    assert links.broken(site) == [f"docs/b.html: {link}"]


@pytest.mark.parametrize("load", ['<script src="{}">', '<img src="{}">', '<link rel="stylesheet" href="{}">'])
def test_what_a_page_loads_from_elsewhere_is_named(site: Path, load: str) -> None:
    (site / "docs" / "b.html").write_text('<h1 id="top">' + load.format("https://example.org/file"))
    assert links.broken(site) == ["docs/b.html: https://example.org/file"]


def test_the_command_fails_and_names_it(site: Path) -> None:
    (site / "docs" / "b.html").write_text('<a href="gone.html">x</a>')
    done = subprocess.run([sys.executable, links.__file__, site], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "docs/b.html: gone.html" in done.stderr
