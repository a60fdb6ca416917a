"""Events of one scalar, recognised by the bytes around their numbers: most of an event file is nothing else.

Such an event is its wall time, its step, and a summary whose bytes are the same for every event of the tag but for
four, the number. The full parser reads the first event of a tag; those after it cost a look-up.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

_HEAD = struct.Struct("<QI")
_FRAME = _HEAD.size + 4
_NUMBER = struct.Struct("<f")
_SMALLEST = 20
_GAP = b"\x00\x00\x00\x00"
"""Stands for the number where a summary is looked up."""
_WALL_TIME, _STEP = 0x09, 0x10
_STEP_AT = 10
_LONGEST_STEP = 5
"""Bytes: steps up to 2**35. Longer ones are left to the full parser."""

_OTHER_STEP, _OTHER_NUMBER = 5, -2.25
_MOST = 4096
"""Most tags, and most shapes of their summaries, that are remembered."""

Parse = Callable[[bytes], tuple[int, dict[str, float]]]
Take = Callable[[Sequence[str], Sequence[int], Sequence[float]], None]
"""Gets the tag, the step and the number of each of many events."""


class ScalarEvents:
    """Gathers scalars in their order until :meth:`flush` hands them on."""

    def __init__(self, take: Take, parse: Parse) -> None:
        self._take = take
        self._parse = parse
        self._known: dict[bytes, str] = {}
        self._behind: list[int] = []
        """How many bytes stand behind the number, in each shape that is known."""
        self._tags: list[str] = []
        self._steps: list[int] = []
        self._values: list[float] = []

    def read(self, data: bytes, at: int) -> int:
        """Gather the records from ``at`` on; return where one begins that is not whole or not known."""
        known, end = self._known, len(data)
        tags, steps, values = self._tags.append, self._steps.append, self._values.append
        unpack, number = _HEAD.unpack_from, _NUMBER.unpack_from
        while end - at >= _FRAME + _SMALLEST:
            size = unpack(data, at)[0]
            begin = at + _HEAD.size
            stop = begin + size
            if size < _SMALLEST or stop + 4 > end:
                break
            place = begin + _STEP_AT
            if data[begin] != _WALL_TIME or data[place - 1] != _STEP:
                break
            byte = data[place]
            step = byte & 0x7F
            shift = 7
            while byte > 0x7F and shift < 7 * _LONGEST_STEP:
                place += 1
                byte = data[place]
                step |= (byte & 0x7F) << shift
                shift += 7
            if byte > 0x7F:
                break
            for behind in self._behind:
                last = stop - behind
                tag = known.get(data[place + 1 : last - 4] + _GAP + data[last:stop])
                if tag is not None:
                    break
            else:
                break
            tags(tag)
            steps(step)
            values(number(data, last - 4)[0])
            at = stop + 4
        return at

    def add(self, event: bytes, step: int, tag: str, value: float) -> None:
        """Gather the one scalar of an event that the full parser has read, and know the next one of its tag."""
        self._tags.append(tag)
        self._steps.append(step)
        self._values.append(value)
        if len(self._known) < _MOST and len(event) >= _SMALLEST and event[0] == _WALL_TIME and event[9] == _STEP:
            self._learn(event, tag, value)

    def flush(self) -> None:
        """Hand on what was gathered."""
        tags, steps, values = self._tags, self._steps, self._values
        if tags:
            self._tags, self._steps, self._values = [], [], []
            self._take(tags, steps, values)

    def _learn(self, event: bytes, tag: str, value: float) -> None:
        """Remember the summary of an event, if the bytes at these places are its step and its number: others put there
        must be read back.
        """
        place = next((at for at in range(_STEP_AT, len(event)) if event[at] < 0x80), len(event))
        summary, spelled = event[place + 1 :], _NUMBER.pack(value)
        at = summary.rfind(spelled)
        if at < 0:
            return
        before, behind = summary[:at], summary[at + len(spelled) :]
        other = bytes((*event[:_STEP_AT], _OTHER_STEP)) + before + _NUMBER.pack(_OTHER_NUMBER) + behind
        try:
            if self._parse(other) != (_OTHER_STEP, {tag: _OTHER_NUMBER}):
                return
        except ValueError:
            return
        self._known[before + _GAP + behind] = tag
        if len(behind) not in self._behind:
            self._behind = [*self._behind[-3:], len(behind)]
