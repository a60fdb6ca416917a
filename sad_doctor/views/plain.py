"""The one way by which text of a log enters a view: clean, and on one line."""

from __future__ import annotations

from sad_doctor.sanitize import sanitize


def line(text: object, longest: int = 400) -> str:
    """Return ``text`` without control codes, its white space collapsed to single spaces, cut at ``longest``."""
    return " ".join(sanitize(str(text), longest).split())
