"""How `make site` makes the pages into a site: Sphinx, with MyST for Markdown and the theme Furo.

Of the generators that read Markdown, these three had releases in the last months and have had for years, and their
strict mode fails on a link or an anchor that leads nowhere. MkDocs has had no release since August 2024; Zensical,
which follows it, is at 0.1. Nothing is loaded from elsewhere, neither to build the site nor to read it.

The source is the whole checkout, so that a page's links to an example or to the changelog are the same on the site, on
a code host and in an editor.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sad.version import __version__  # noqa: E402 - after the checkout is on the path

project = "sad"
author = "the authors of sad"
release = version = __version__
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "examples/*.md", "fixtures/*.md", "benchmarks/*.md", "*.md"]
exclude_patterns = [".*", "build", "dist", "runs", "sad", "sad_doctor", "tests", "packages"]
myst_heading_anchors = 6
nitpicky = True

html_theme = "furo"
html_title = f"sad {release}"
html_show_copyright = False
html_copy_source = False
html_extra_path = ["site"]


_LINK = re.compile(r"\[([^]]+)\]\(([^)#:]+)\.md\)")


def contents(text: str) -> str:
    """Return the hidden tables of contents of the index: each of its headings, its links as they are called there."""
    made = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        made += [
            f"```{{toctree}}\n:hidden:\n:caption: {title}\n",
            *(f"{called} <{page}>" for called, page in _LINK.findall(body)),
            "```\n",
        ]
    return "\n".join(made)


_LINK_IN_HEADING = re.compile(r"^(#+ .*)\[(.+?)\]\((.+?)\)$", re.MULTILINE)


def _prepare(_app: Any, name: str, source: list[str]) -> None:
    # Sphinx cannot put the heading into a table of contents if it links to a file
    source[0] = _LINK_IN_HEADING.sub(r"\1\2\n\n[\2](\3)", source[0])
    if name == root_doc:
        source[0] += "\n" + contents(source[0])


def setup(app: Any) -> None:
    """Add the table of contents, and the one language of a block that Pygments does not know."""
    app.connect("source-read", _prepare)
    app.add_lexer("run", TextLexer)
