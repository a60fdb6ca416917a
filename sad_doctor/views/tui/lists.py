"""Keys that every list has."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType

LIST_KEYS: Final[list[BindingType]] = [
    Binding("enter", "select", "Open", show=False),
    Binding("j", "cursor_down", show=False),
    Binding("k", "cursor_up", show=False),
]
