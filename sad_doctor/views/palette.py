"""Colours that people with colour-blindness can tell apart (Okabe and Ito, 2008), for terms and for levels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sad_doctor import names
from sad_doctor.finding import Level

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)

HELD_OUT: Final = YELLOW
"""Everything measured on held-out text; no term has this colour."""

_FIXED: Final = {names.KD: SKY, names.LM: GREEN, names.LAYERWISE: ORANGE}
_OTHERS: Final = (PURPLE, BLUE, VERMILLION)
_TINTS: Final = ("#a6d8f5", "#f6d48c", "#80cfb9", "#e9bfd5", "#9a9a9a", "#80b9d9", "#eaaf80", "#6b6b6b")
_ON_LIGHT: Final = {YELLOW: "#a89b00", SKY: "#2a8fc7", ORANGE: "#c07f00", PURPLE: "#b0568a", "#9a9a9a": "#767676"}

GLYPHS: Final = {Level.ERROR: "✖", Level.WARNING: "▲", Level.INFO: "●"}
"""A sign for each level: colour alone must not carry it."""

PATTERNS: Final = "█▒░▚╱┼◦╲"
"""A fill for each term where there are no colours."""

STYLES: Final = {Level.ERROR: "$error", Level.WARNING: "$warning", Level.INFO: "$accent"}
"""The theme's colour of each level."""


def colours(terms: Iterable[str], dark: bool = True) -> dict[str, str]:
    """Return a hex colour for each term; the known terms always have the same, the rest in their order.

    With more terms than colours the paler tints follow, and then they repeat.
    """
    terms = list(dict.fromkeys(terms))
    free = [c for c in (*_OTHERS, *(c for t, c in _FIXED.items() if t not in terms), *_TINTS)]
    chosen: dict[str, str] = {}
    rest = 0
    for term in terms:
        colour = _FIXED.get(term)
        if colour is None:
            colour = free[rest % len(free)]
            rest += 1
        chosen[term] = colour if dark else _ON_LIGHT.get(colour, colour)
    return chosen


def on_background(colour: str, dark: bool) -> str:
    """Return the variant of a palette colour that reads well on a dark or a light background."""
    return colour if dark else _ON_LIGHT.get(colour, colour)


def inks_of_table(dark: bool) -> dict[str, str]:
    """Return the hex colours of table cells, which know no theme variables."""
    if dark:
        return {"text": "#d8dee9", "muted": "#7d8797", "error": "#ff6b6b", "good": "#4ec98f", "bad": "#f2b84b"}
    return {"text": "#20242b", "muted": "#6b7480", "error": "#c0262d", "good": "#0b7a4b", "bad": "#9a6400"}
