"""Settings of the site that `nox -s docs` builds; its source folder is the repository, so that links are GitHub's."""

import importlib.resources
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from qgmutils import __version__

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))

import generated  # noqa: E402  needs the path

project = "Critical points in quantum generative models: a replication"
author = "The qgmutils authors"
copyright = f"{author}, Apache-2.0"
version = release = __version__

root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/*.ipynb", "notebooks/guides/*.ipynb", "figures/VERDICTS.md"]
include_patterns += ["CONTRIBUTING.md", "CHANGELOG.md"]
exclude_patterns = [".*", "outputs", "docs/_*"]
templates_path = [str(HERE / "_templates")]
extensions = ["mathml", "myst_nb", "sphinx_design"]
extensions += ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]

# The committed outputs of notebooks are what the project vouches for.
nb_execution_mode = "off"
nb_render_markdown_format = "gfm"
myst_enable_extensions = ["colon_fence", "dollarmath", "substitution"]
myst_dmath_double_inline = True
myst_heading_anchors = 3
myst_substitutions = {
    "gallery": generated.gallery(HERE.parent),
    "verdict_counts": generated.verdict_counts(HERE.parent),
    "front_door": generated.front_door(),
}

add_module_names = False
autodoc_member_order = "bysource"
# As in the source: the value of os.environ is nobody's business.
autodoc_preserve_defaults = True
# Docstrings give types together with shapes and ranges.
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
default_role = "code"

html_theme = "furo"
# The theme's own underlines imported modules as if they were links.
pygments_dark_style = "github-dark"
html_title = "Critical points: a replication"
# STIX Two comes with ziamath: phones have no font for formulas.
html_static_path = ["_static", str(importlib.resources.files("ziamath") / "fonts")]
html_css_files = ["site.css"]
html_extra_path = ["_root"]
html_copy_source = False
html_show_sphinx = False


# A literal, a block of literals, or a bar.
BAR = re.compile(r"``.*?``|::\n\n(?:(?: .*)?(?:\n|$))+|\|")


def keep_bars(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Leave the bars of |psi> as they are, which reStructuredText would take for marks of a substitution."""
    text = BAR.sub(lambda match: r"\|" if match[0] == "|" else match[0], "\n".join(lines))
    lines[:] = text.split("\n")


def whole_sentence(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep what a variable's docstring says before a colon, which napoleon would take for its type."""
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # a comment, which has no colon


def no_protocol(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str, None] | None:
    """Show protocols without the signature of a class, since nobody calls them."""
    return ("", None) if getattr(obj, "_is_protocol", False) else None


def keep_short(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Mark code that is short enough to stay on one line of a phone."""
    for literal in doctree.findall(nodes.literal):
        if len(literal.astext()) <= 16:
            literal["classes"].append("short")


def collapse(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Unfold only a page's own branch of the navigation: all modules on every page are half of the building time."""
    if toctree := context.get("toctree"):
        context["toctree"] = lambda **options: toctree(**{**options, "collapse": True})


def skip_field(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    """Leave fields of a NamedTuple to the docstring of its class."""
    return True if (obj.__doc__ or "").startswith("Alias for field number") else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", skip_field)
    app.connect("autodoc-process-docstring", keep_bars)
    app.connect("autodoc-process-signature", no_protocol)
    app.connect("doctree-resolved", keep_short)
    # Before napoleon, and before the theme asks for the navigation.
    app.connect("autodoc-process-docstring", whole_sentence, priority=400)
    app.connect("html-page-context", collapse, priority=400)
