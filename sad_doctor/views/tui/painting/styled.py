"""Text of a log as a widget's content: never read as markup."""

from __future__ import annotations

from textual.content import Content

from sad_doctor.views.plain import line


def styled(text: object, style: str = "") -> Content:
    """Return ``text`` as content of one line in a style of ours; the text itself is never parsed."""
    return Content.styled(line(text), style)
