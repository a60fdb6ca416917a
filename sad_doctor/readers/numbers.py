"""What counts as a number in a log, and the numbers of a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?)(?!\w|\.\w)"
"""A number as Python prints it; a full stop may end it. Use it without regard to case."""

_LONGEST_NUMBER = 64
_WRAPPERS = frozenset({"data", "metrics", "log", "logs", "scalars", "values"})
"""Keys that only wrap a mapping, and say nothing about what is in it."""


def number(value: object) -> float | None:
    """Return ``value`` as a float, also from text such as "1e-5", "NaN" or "-Infinity"; None if it is no number."""
    if type(value) is str:
        return _of_text(value)
    if isinstance(value, float):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return _of_text(value) if isinstance(value, str) else None


def _of_text(value: str) -> float | None:
    if not 0 < len(value) <= _LONGEST_NUMBER or "_" in value:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def numbers(row: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a row; those of a mapping in it by :func:`nested` names, those deeper not at all."""
    for key, value in row.items():
        kind = type(value)
        if kind is float:
            yield key, value  # type: ignore[misc]
        elif kind is str or kind is int:
            if (found := number(value)) is not None:
                yield key, found
        elif isinstance(value, Mapping):
            for inner, one in value.items():
                if (found := number(one)) is not None:
                    yield nested(key, inner), found
        elif (found := number(value)) is not None:
            yield key, found


def nested(outer: str, inner: str) -> str:
    """Return the name of a value in a mapping: ``losses/kd``; for ``metrics`` and the like the inner name alone."""
    return inner if outer.lower() in _WRAPPERS else f"{outer}/{inner}"
