"""What an examination found: how bad it is, in a sentence, and the edit of the recipe that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad it is. Only ``WRONG`` means that the run is not worth starting."""

    WRONG = "wrong"
    WARNING = "warning"
    FINE = "fine"
    SKIPPED = "not applicable"


ORDER = (Level.WRONG, Level.WARNING, Level.FINE, Level.SKIPPED)
"""Levels in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one ``topic``, with the numbers behind it.

    ``edits`` maps dotted keys of the recipe to the values that mend it; None takes a key out. ``advice`` says what
    to do where no edit of the recipe can.
    """

    topic: str
    level: Level
    says: str
    advice: str = ""
    edits: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


def judged(topic: str, wrong: bool, says: str, fault: str, **more: Any) -> Finding:  # noqa: ANN401 - of a Finding
    """Return a finding that is wrong and says ``fault``, or fine and says ``says``; advice and edits only if wrong."""
    if wrong:
        return Finding(topic, Level.WRONG, fault, **more)
    return Finding(topic, Level.FINE, says, numbers=more.get("numbers", {}))


def off(value: float, right: float) -> float:
    """Return the relative error of a value."""
    return abs(value - right) / max(abs(right), 1e-30)
