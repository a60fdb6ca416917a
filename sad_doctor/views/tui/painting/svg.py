"""A picture of the running dashboard that needs nothing from the network."""

from __future__ import annotations

import re

from textual.app import App

_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}\s*")
_FONT = '"Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace'


def svg_of(app: App[None], title: str) -> str:
    """Return the screen as SVG text: valid XML, no link to a font or to anything else."""
    drawing = _FONT_FACE.sub("", app.export_screenshot(title=title, simplify=True))
    return re.sub(r"font-family:\s*Fira Code,\s*monospace", f"font-family: {_FONT}", drawing)
