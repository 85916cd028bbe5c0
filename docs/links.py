"""Whether links within a built site lead somewhere, and its pages load nothing else: `python docs/links.py FOLDER`."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The ids of a page, and all that it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.append((tag, value))


def broken(site: Path) -> list[str]:
    """Links of a site that lead to no file of it or to no place in one, and what its pages load from other sites.

    Parameters
    ----------
    site : Path
        The folder of HTML files.  Links that a reader follows to other sites are not checked.

    Returns
    -------
    list of str
        "PAGE: LINK", sorted.
    """
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in site.resolve().rglob("*.html")}
    found = set()
    for path, page in pages.items():
        for tag, link in page.links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if parts.scheme or parts.netloc:
                wrong = tag != "a" and parts.scheme != "data"
            else:
                lost = place and target in pages and place not in pages[target].ids
                wrong = bool(lost) or not target.is_file()
            if wrong:
                found.add(f"{path.relative_to(site.resolve())}: {link}")
    return sorted(found)


if __name__ == "__main__":
    wrong = broken(Path(sys.argv[1]))
    sys.exit("\n".join(["Links that lead nowhere, or files from elsewhere:", *wrong]) if wrong else 0)
