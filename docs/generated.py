"""Parts of pages that are made from what is committed: figures, counts of verdicts, names that the package offers."""

import json
from collections import Counter
from pathlib import Path
from types import ModuleType

import qgmutils
from qgmutils.report import claims
from qgmutils.suite.manifest import PROFILES

CARD = """\
:::{{grid-item-card}} {title}
:link: /notebooks/{notebook}
:link-type: doc

```{{image}} /{figure}
:alt: Figure of {label}, profile {profile}
:loading: lazy
```

{counts}
:::
"""


def gallery(root: Path) -> str:
    """Every profile's figures with the counts of their verdicts, as MyST.

    Parameters
    ----------
    root : Path
        The repository, with figures/<profile>/*.png, figures/<profile>/claims.json and notebooks/.

    Returns
    -------
    str
        A set of tabs, one for each profile that has figures; each figure is a card that links to its notebook.  A
        figure whose notebook is gone is left out, and one without records has no counts; counts of 0 are left out.
    """
    tabs = []
    for profile in PROFILES:
        cards = "".join(
            _card(root, profile, path)
            for path in sorted((root / "figures" / profile).glob("*.png"))
            if _notebook(root, path).is_file()
        )
        if cards:
            grid = f"````{{grid}} 1 1 2 2\n:gutter: 3\n\n{cards}````\n"
            tabs.append(f"`````{{tab-item}} Profile {profile}\n{grid}`````\n")
    return "``````{tab-set}\n" + "".join(tabs) + "``````\n"


def verdict_counts(root: Path) -> str:
    """How many claims of each source have which verdict, in every profile that has records, as a table of Markdown.

    Parameters
    ----------
    root : Path
        The repository, with figures/<profile>/claims.json.

    Returns
    -------
    str
        One row a profile and source, one column a verdict.
    """
    rows = [
        "| profile | source | " + " | ".join(claims.VERDICTS) + " |",
        "|---|---" + len(claims.VERDICTS) * "|--:" + "|",
    ]
    for profile in PROFILES:
        found = Counter(
            (c.provenance, c.verdict) for c in claims.load(root / "figures" / profile / "claims.json")
        )
        for source in claims.PROVENANCE if found else ():
            numbers = " | ".join(str(found[source, verdict]) for verdict in claims.VERDICTS)
            rows.append(f"| {profile} | {source} | {numbers} |")
    return "\n".join(rows)


def front_door() -> str:
    """What `import qgmutils` offers by name, each with the first sentence about it and a link to its home, as MyST."""
    offered = [getattr(qgmutils, name) for name in qgmutils.__all__]
    homes = [
        item.__name__ if isinstance(item, ModuleType) else f"{item.__module__}.{item.__qualname__}"
        for item in offered
    ]
    names = [f"   ~{home}" for home in homes]
    return "\n".join(["```{eval-rst}", ".. autosummary::", "   :nosignatures:", "", *names, "```"])


def _notebook(root: Path, figure: Path) -> Path:
    return root / "notebooks" / f"{figure.stem.partition('.')[0]}.ipynb"


def _card(root: Path, profile: str, figure: Path) -> str:
    notebook, _, run = figure.stem.partition(".")
    cells = json.loads(_notebook(root, figure).read_text(encoding="utf-8"))["cells"]
    title = "".join(cells[0]["source"]).splitlines()[0].removeprefix("# ")
    found = Counter(
        claim.verdict
        for claim in claims.load(figure.parent / "claims.json")
        if (claim.notebook, claim.run) == (notebook, run)
    )
    return CARD.format(
        title=f"{title} ({run})" if run else title,
        notebook=notebook,
        figure=figure.relative_to(root).as_posix(),
        label=figure.stem,
        profile=profile,
        counts=", ".join(f"{found[verdict]} {verdict}" for verdict in claims.VERDICTS if found[verdict]),
    )
