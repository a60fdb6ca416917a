"""What was told of parameters and settings whose names do not tell (`--given`), of the one piece that is judged.

A name has a value, or is read as if it were another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sad.errors import UserError

ABSENT: Final = object()
"""Of what nothing is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one name is: read as another, or this value."""

    value: Any = None
    alias: str = ""

    def __str__(self) -> str:
        return f"read as {self.alias}" if self.alias else repr(self.value)


_told: dict[str, Told] = {}
_asked: set[str] = set()


@contextmanager
def telling(told: Mapping[str, Told]) -> Iterator[None]:
    """Tell these for as long as it is open."""
    _told.update(told)
    try:
        yield
    finally:
        _told.clear()
        _asked.clear()


def parameters(names: Iterable[str]) -> dict[str, Told]:
    """Return what is told of these parameters."""
    found = {name: _told[name] for name in names if name in _told}
    _asked.update(found)
    return found


def value_of(name: str) -> Any:  # noqa: ANN401 - any value
    """Return the value that is told of a setting, ``ABSENT`` for none."""
    one = _told.get(name)
    if one is None or one.alias:
        return ABSENT
    _asked.add(name)
    return one.value


def meant(name: str) -> str:
    """Return the name that a setting is read as."""
    one = _told.get(name)
    if one is None or not one.alias:
        return name
    _asked.add(name)
    return one.alias


def aliases() -> set[str]:
    """Return the names that what was told is read as: these are no guess."""
    return {one.alias for one in _told.values() if one.alias}


def assumed() -> list[str]:
    """Say what was told, one sentence each. Raises UserError for what nothing asked for."""
    if lost := [name for name in _told if name not in _asked]:
        raise UserError(f"--given {lost[0]}: it has no such parameter and asks for no such setting: leave it out")
    return [f"{name} is {one}, as told by --given" for name, one in _told.items()]
