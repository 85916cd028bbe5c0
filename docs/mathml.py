"""Formulas as MathML, made when the site is built: browsers show it by themselves, offline and without scripts."""

import re

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

# What belongs to a formula that stands next to it.
OPENING, CLOSING = re.compile(r"\S+$"), re.compile(r"\S+")
CONVERTER = LatexToMathML(fancy_error=False)


def convert(latex: str, *, block: bool) -> str:
    r"""A formula as an element of MathML.

    Parameters
    ----------
    latex : str
        What stands between the dollars; a block may end in ``\tag{…}``.
    block : bool
        Whether it stands on lines of its own.

    Raises
    ------
    ExtensionError
        It is no LaTeX, or uses what MathML Core does not have.
    """
    numbered = rf"\begin{{equation}}{latex}\end{{equation}}" if r"\tag" in latex else latex
    try:
        return CONVERTER.convert_with_local_state(numbered, displaystyle=block)
    except LatexError as error:
        raise ExtensionError(
            f"the formula {latex!r} cannot be shown ({error}); write it in other words"
        ) from error


class KeepTogether(SphinxPostTransform):
    """Tie a formula to what stands next to it without a space, so that no line begins with its full stop."""

    default_priority = 800

    def run(self, **kwargs: object) -> None:
        """Wrap each formula of the page that has such neighbours."""
        for formula in list(self.document.findall(nodes.math)):
            parent = formula.parent
            place = parent.index(formula)
            tied: list[nodes.Node] = [formula]
            after = parent[place + 1] if place + 1 < len(parent) else None
            if isinstance(after, nodes.Text) and (word := CLOSING.match(after)):
                parent[place + 1] = nodes.Text(after[word.end() :])
                tied.append(nodes.Text(word[0]))
            before = parent[place - 1] if place else None
            if isinstance(before, nodes.Text) and (word := OPENING.search(before)):
                parent[place - 1] = nodes.Text(before[: word.start()])
                tied.insert(0, nodes.Text(word[0]))
            if len(tied) > 1:
                parent[place] = nodes.inline("", "", *tied, classes=["together"])


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(convert(node.astext(), block=False))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, which scrolls where a screen is too narrow."""
    translator.body.append(f'<div class="math">{convert(node.astext(), block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make this the way in which formulas are written."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.add_post_transform(KeepTogether)
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
