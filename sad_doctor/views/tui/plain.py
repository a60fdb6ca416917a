"""The one way by which text of a log enters a widget: clean, on one line, and never read as markup."""

from __future__ import annotations

from textual.content import Content

from sad_doctor.clean import clean


def line(text: object, longest: int = 400) -> str:
    """Return ``text`` without control codes, its white space collapsed to single spaces, cut at ``longest``."""
    return " ".join(clean(str(text), longest).split())


def styled(text: object, style: str = "") -> Content:
    """Return ``text`` as content of one line in a style of ours; the text itself is never parsed."""
    return Content.styled(line(text), style)
