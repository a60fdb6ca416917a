"""The ``run`` blocks of a rule's page, made into runs: examples that tests execute.

A block is a list of lines::

    steps: 50                       steps 1 to 50 for the columns below
    steps: 50 every 10              steps 10, 20 … 500
    steps: 499, 999                 just these
    train/loss: 12                  a constant
    train/loss: 12 -> 9 -> 8        straight lines through evenly spaced values
    train/loss: 12 -> 9 ~ 0.3       with noise of that standard deviation, always the same
    eval/loss: 51.7094, 51.7094     one value a step; a column that is named again goes on
    fact total_steps: 100           a number, or else text
    event crash: RuntimeError: …    an event; ``event warning @ 436: …`` has a step
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from sad_doctor.run import Column, Event, Floats, Run
from sad_doctor.sealed import sealed

_FENCE = re.compile(r"^```run (fires|quiet)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EVENT = re.compile(r"event (\w+)(?: @ ([\d.]+))?")


@sealed(eq=False)
class Example:
    """A block of a page: the run it describes, and whether the rule must fire on it."""

    kind: Literal["fires", "quiet"]
    text: str
    run: Run


def examples(page: str) -> tuple[Example, ...]:
    """Return the ``run`` blocks of a page, in order. Raises ValueError for a line that is none of the language."""
    found = []
    for kind, text in _FENCE.findall(page):
        found.append(Example("fires" if kind == "fires" else "quiet", text, parse(text)))
    return tuple(found)


@dataclass(slots=True)
class _Builder:
    steps: Floats | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


def parse(text: str) -> Run:
    """Return the run that ``text`` describes. Raises ValueError with the line that cannot be read."""
    builder = _Builder()
    for line in filter(None, (line.strip() for line in text.splitlines())):
        key, colon, value = line.partition(": ")
        if not colon:
            raise ValueError(f"write `name: value`, not {line!r}")
        try:
            _add(builder, key.strip(), value.strip())
        except ValueError as error:
            raise ValueError(f"{line!r}: {error}") from None
    return Run("example", "example", Path("example"), builder.columns, tuple(builder.events), builder.facts)


def _add(builder: _Builder, key: str, value: str) -> None:
    event = _EVENT.fullmatch(key)
    if key == "steps":
        builder.steps = _steps(value)
    elif key.startswith("fact "):
        builder.facts[key.removeprefix("fact ")] = _number_or_text(value)
    elif event:
        builder.events.append(Event(event[1], value, float(event[2]) if event[2] else None))
    elif builder.steps is None:
        raise ValueError("a `steps` line must come first")
    else:
        new = Column(builder.steps, _values(value, builder.steps.size, key))
        old = builder.columns.get(key)
        builder.columns[key] = new if old is None else _joined(old, new)


def _steps(value: str) -> Floats:
    if "," in value:
        return np.array([float(v) for v in value.split(",")])
    count, _, every = value.partition(" every ")
    return np.arange(1, int(count) + 1, dtype=np.float64) * float(every or 1)


def _values(value: str, count: int, name: str) -> Floats:
    if "," in value:
        listed = np.array([float(v) for v in value.split(",")])
        if listed.size != count:
            raise ValueError(f"{listed.size} values for {count} steps")
        return listed
    line, _, spread = value.partition(" ~ ")
    corners = [float(v) for v in line.split("->")]
    values = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(corners)), corners)
    if len(corners) == 1:
        values = np.full(count, corners[0])  # interpolation would not keep infinity
    if spread:
        values = values + float(spread) * np.random.default_rng(zlib.crc32(name.encode())).standard_normal(count)
    return values


def _joined(old: Column, new: Column) -> Column:
    return Column(np.concatenate((old.step, new.step)), np.concatenate((old.value, new.value)))


def _number_or_text(value: str) -> object:
    try:
        return float(value)
    except ValueError:
        return value
