"""Turns many rows of one shape into columns, and converts each column to numbers in one go."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, repeat
from operator import eq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sad_doctor.readers.columns import GrowingColumn
from sad_doctor.readers.numbers import number
from sad_doctor.run import Floats

Row = Mapping[str, object]
Cells = Sequence[Collection[object]]

_NUMBERS = frozenset({float, int})
_SPELLED = frozenset({float, int, str})
_NO_RANK = 1 << 30


@dataclass(slots=True)
class Turned:
    """Rows of one shape by what is in their columns.

    ``numbers`` are the keys that hold a number in every row, ``points`` the columns and values of those that have a
    column, ``steps`` the values of the best step key. ``mixed`` has key, column, values and the numbers among them of
    each other key.
    """

    count: int
    steps: Floats | None = None
    numbers: list[str] = field(default_factory=list)
    points: list[tuple[GrowingColumn, Floats]] = field(default_factory=list)
    mixed: list[tuple[str, GrowingColumn | None, Sequence[object], list[float | None]]] = field(default_factory=list)

    @property
    def columns(self) -> list[GrowingColumn]:
        """Every column that takes a value."""
        return [column for column, _ in self.points] + [column for _, column, _, _ in self.mixed if column is not None]

    def of(self, column: GrowingColumn | None) -> Floats | None:
        """Return the values for one column, if every row has one."""
        return next((values for one, values in self.points if one is column), None)


def alike(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, ...], Sequence[Row]]]:
    """Yield the rows in runs that have the same keys in the same order, with these keys."""
    if rows and all(map(eq, map(tuple, rows), repeat(keys := tuple(rows[0])))):
        yield keys, rows
        return
    for keys, group in groupby(rows, key=tuple):
        yield keys, list(group)


def parted(keys: Sequence[str]) -> list[tuple[str, NDArray[np.intp]]]:
    """Return each key with the places at which it stands, in their order."""
    distinct = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    codes = np.fromiter(map(distinct.__getitem__, keys), np.intp, len(keys))
    order = np.argsort(codes, kind="stable")
    return list(zip(distinct, np.split(order, np.flatnonzero(np.diff(codes[order])) + 1), strict=True))


def rising(
    targets: Mapping[str, GrowingColumn | int],
    steps: Floats,
    values: Floats,
    parts: Sequence[tuple[str, NDArray[np.intp]]],
) -> list[tuple[GrowingColumn, Floats, Floats]] | None:
    """Return each column with its steps and values; None where a key is new or a step comes back."""
    found: list[tuple[GrowingColumn, Floats, Floats]] = []
    for key, places in parts:
        target = targets.get(key)
        if isinstance(target, int):
            if target > 0:  # a step that is text, beside the real one
                continue
            return None
        own = steps[places]
        if target is None or not (np.diff(own) > 0).all() or own[0] <= target.last_step:
            return None
        found.append((target, own, values[places]))
    return found if len({id(column) for column, _, _ in found}) == len(found) else None


def turned(keys: Sequence[str], targets: Sequence[GrowingColumn | int | None], cells: Cells) -> Turned | None:
    """Return rows of the same keys by their columns.

    ``cells`` has the values of each row, ``targets`` has for each key its column, its rank as a step, or None if it had
    no number so far. None where the rows cannot be taken apart: a mapping in them, a key's first number, a step that is
    no plain number, two keys with one column, or no key with a number in each row.
    """
    found, best = Turned(len(cells)), _NO_RANK
    block = floats(list(chain.from_iterable(cells)))
    columns = repeat(()) if block is not None else zip(*cells, strict=True)
    for at, (key, target, values) in enumerate(zip(keys, targets, columns, strict=False)):
        array = floats(values, spelled=True) if block is None else block[at :: len(keys)]
        if array is None:
            told = None if isinstance(target, int) else _told(values)
            if told is None or (target is None and any(one is not None for one in told)):
                return None
            found.mixed.append((key, target if isinstance(target, GrowingColumn) else None, values, told))
            continue
        found.numbers.append(key)
        if isinstance(target, GrowingColumn):
            found.points.append((target, array))
        elif target is None:
            return None
        elif target < best:
            found.steps, best = array, target
    held = found.columns
    return found if found.numbers and len(set(map(id, held))) == len(held) else None


def floats(values: Sequence[Any], spelled: bool = False) -> Floats | None:
    """Return numbers as an array; None if one of them is anything else or too large for a float.

    ``spelled``: a text may spell one, such as "NaN".
    """
    kinds = set(map(type, values))
    if not kinds <= _NUMBERS:
        if not spelled or not kinds <= _SPELLED:
            return None
        told = [number(value) if type(value) is str else value for value in values]
        if None in told:
            return None
        values = told
    try:
        return np.fromiter(values, np.float64, len(values))
    except OverflowError:
        return None


def _told(values: Sequence[object]) -> list[float | None] | None:
    """The numbers among the values; None if one is a mapping, which holds several."""
    return None if any(isinstance(value, Mapping) for value in values) else [number(value) for value in values]


def backward(before: float, steps: Floats) -> NDArray[np.bool_]:
    """Return a mask of the steps that are smaller than the one before them."""
    return steps < np.concatenate(([before], steps[:-1]))
