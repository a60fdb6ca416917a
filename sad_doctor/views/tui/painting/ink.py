"""The colours of the theme as styles, and lines of content as strips."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style as Pen
from textual.content import Content
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget


def pen(widget: Widget, told: str) -> Pen:
    """Return the style that words such as ``bold $accent`` stand for on the background of a widget, without it.

    A component class of the style sheet would say the same, and be worked out anew whenever the focus moves.
    """
    found = (Style(background=widget.background_colors[1]) + Style.parse(told)).rich_style
    return Pen(color=found.color, bold=found.bold)


def strip(line: Content, width: int, base: Style) -> Strip:
    """Return a line of content as a strip of ``width`` cells; ``base`` is what lies under it."""
    pieces = [Segment(text, style.rich_style) for text, style in line.render(base, "", _parsed)]
    return Strip(pieces, line.cell_length).adjust_cell_length(width, base.rich_style)


def _parsed(told: str | Style) -> Style:
    return Style.parse(told) if isinstance(told, str) else told
