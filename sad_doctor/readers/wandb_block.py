"""Many history records of Weights & Biases at once: made into one JSON text where they stand, and parsed in one call.

An item in the usual form is the bytes ``0A size 12 length KEY 82 01 length VALUE``. Its marks and lengths are as many
as what JSON wants around a key and a value, ``,  "KEY": VALUE``, and are written over by it, in all items at once. A
further part of a key begins with ``12 length``, which becomes ``\\/``, the slash as JSON may spell it. No record is a
pattern for the next one: the writer's order of keys is that of a hash table. A record of which anything is not in the
usual form is left to the patient reader.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import compress
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sad_doctor.readers.json_objects import quick

LEAST, MOST = 1 << 14, 1 << 20
"""Bytes from which on this way is the quicker one, and up to which: the places of what is looked for in one record of
many megabytes would take hundreds of them."""
_NUMBER, _HISTORY, _ITEM, _KEY, _PART, _VALUE, _VALUE_TOO = 0x08, 0x12, 0x0A, 0x0A, 0x12, 0x82, 0x01
_STEP, _STEP_NUMBER, _NO_STEP = 0x12, 0x08, -1
_WIRE_TYPE, _BYTES = 7, 2
_ONE_BYTE = 0x80
"""Lengths and tags below it are a byte each."""
_VARINT_BYTES = 4
_BEFORE, _BETWEEN, _BEHIND = b"[", b"},", bytes(1024)
"""Around the records. Lengths of the last one may point behind it before they are found to be wrong."""
_SPACE, _COMMA, _OPEN, _QUOTE, _COLON, _ESCAPE, _SLASH, _CLOSE = b' ,{":\\/]'

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Told = tuple[dict[str, Any], int | None]


def histories(records: Sequence[bytes], told: Collection[int]) -> Iterator[tuple[Sequence[Told], Sequence[bytes]]]:
    """Yield items and step of records read at once, then records that must be read one by one, and so on in order.

    The step is None where only an item may tell it. A record that is nothing but one field of bytes is passed over if
    the number of that field is not in ``told``.
    """
    if not LEAST <= sum(map(len, records)) <= MOST:
        yield (), records
        return
    block = _Block(records, told)
    rows, places = block.rows()
    left = ~block.silent
    left[places] = False
    begin = 0
    for place in np.flatnonzero(left).tolist():
        end = int(np.searchsorted(places, place))
        yield rows[begin:end], records[place : place + 1]
        begin = end
    yield rows[begin:], ()


class _Block:
    """Records one behind the other in a text.

    Of each record it knows the ``begin``, the ``content``, the ``tail`` behind the items and the ``end``, whether it is
    ``silent``, and whether it is still thought to be ``usual``; of each item the ``record``, its first byte ``item``,
    the ``mark`` of its value and the place ``behind`` it. ``first`` and ``last`` are the items that are so in their
    records. All are places in the text or flags, in the order of the file.
    """

    def __init__(self, records: Sequence[bytes], told: Collection[int]) -> None:
        self._text: Bytes = np.frombuffer(bytearray(_BEFORE + _BETWEEN.join((*records, _BEHIND))), np.uint8)
        sizes = np.fromiter(map(len, records), np.int64, len(records))
        self._end = np.cumsum(sizes + len(_BETWEEN)) - len(_BETWEEN) + len(_BEFORE)
        self._begin = self._end - sizes
        self._find_content(told)
        self._find_items()
        self._parts = self._check_items()
        self._steps = self._find_steps()

    def rows(self) -> tuple[list[Told], Numbers]:
        """Return items and step of each record in the usual form, and the places of these records."""
        counts = self._write()
        places = np.flatnonzero(self._usual)
        rows = self._parsed(places)
        if len(rows) != places.size:
            return [], places[:0]
        # a key that came twice, or a bracket that was opened in one value and closed in another, makes fewer of it
        whole = np.fromiter(map(len, rows), np.int64, len(rows)) == counts[places]
        steps = [None if step == _NO_STEP else step for step in self._steps[places].tolist()]
        return list(compress(zip(rows, steps, strict=True), whole.tolist())), places[whole]

    def _find_content(self, told: Collection[int]) -> None:
        """Find the records that are nothing but one field of bytes, behind a number of their own or not."""
        numbered = self._text[self._begin] == _NUMBER
        _, behind, counted = self._varints(self._begin + 1)
        at = np.where(numbered, behind, self._begin)
        tag = self._text[at]
        size, self._content, measured = self._varints(at + 1)
        whole = (counted | ~numbered) & measured & (self._content + size == self._end)
        whole &= (tag < _ONE_BYTE) & (tag & _WIRE_TYPE == _BYTES)
        self.silent = whole & ~np.isin(tag >> 3, list(told))
        self._usual = whole & (tag == _HISTORY)

    def _find_items(self) -> None:
        """Find the marks of values; an item begins where the one before it ends."""
        text = self._text
        mark = np.flatnonzero(text == _VALUE)
        mark = mark[text[mark + 1] == _VALUE_TOO]
        record = np.searchsorted(self._begin, mark, "right") - 1
        # outside of these bounds it is a length or a step that looks like a mark
        within = self._usual[record] & (mark > self._content[record]) & (mark + 2 < self._end[record])
        self._mark, self._record = mark[within], record[within]
        ends = np.flatnonzero(np.diff(self._record, prepend=-1, append=-1))
        self._first, self._last = ends[:-1], ends[1:] - 1
        self._behind = self._mark + 3 + text[self._mark + 2]
        self._item = np.empty_like(self._behind)
        self._item[1:] = self._behind[:-1]
        self._item[self._first] = self._content[self._record[self._first]]

    def _check_items(self) -> Numbers:
        """Leave out records with an item that is not in the usual form; return where further parts of keys begin."""
        text, item, mark = self._text, self._item, self._mark
        size, kind = text[item + 1], text[item + 2]
        good = (
            (text[item] == _ITEM) & (size < _ONE_BYTE) & (item + 2 + size == self._behind) & (mark + 3 < self._behind)
        )
        reached = item + 4 + text[item + 3]
        good &= (kind == _PART) | ((kind == _KEY) & (reached == mark))
        parts = [mark[:0]]
        short = np.flatnonzero(good & (reached < mark))
        while short.size:
            at = reached[short]
            good[short] = text[at] == _PART
            parts.append(at)
            reached[short] = at + 2 + text[at + 1]
            short = short[good[short] & (reached[short] < mark[short])]
        self._usual[self._record[~good | (reached != mark)]] = False
        return np.concatenate(parts)

    def _find_steps(self) -> Numbers:
        """Return the step that stands behind the items of each record; leave out records with anything else there."""
        text = self._text
        self._tail = self._begin.copy()
        self._tail[self._record[self._last]] = self._behind[self._last]
        tail, end = self._tail, self._end
        step, behind, ended = self._varints(tail + 3)
        none = tail == end
        step_only = (text[tail] == _STEP) & (text[tail + 1] < _ONE_BYTE) & (tail + 2 + text[tail + 1] == end)
        # the step 0 is not written
        zero = step_only & (tail + 2 == end)
        given = step_only & (text[tail + 2] == _STEP_NUMBER) & ended & (behind == end)
        self._usual &= none | zero | given
        return np.where(given, step, np.where(zero, 0, _NO_STEP))

    def _write(self) -> Numbers:
        """Make JSON of the records in the usual form and blank the others; return how many items each record has."""
        text, kept = self._text, self._usual[self._record]
        item, mark = self._item[kept], self._mark[kept]
        parts = self._parts[self._usual[self._record_of(self._parts)]]
        for places, byte in (
            *((item, _COMMA), (item + 1, _SPACE), (item + 2, _SPACE), (item + 3, _QUOTE)),
            *((parts, _ESCAPE), (parts + 1, _SLASH), (mark, _QUOTE), (mark + 1, _COLON), (mark + 2, _SPACE)),
        ):
            text[places] = byte
        text[self._content[self._usual]] = _OPEN
        self._blank(self._begin[self._usual], self._content[self._usual])
        self._blank(self._tail[self._usual], self._end[self._usual])
        self._drop(~self._usual)
        counts = np.bincount(self._record[kept], minlength=self._begin.size)
        joints = np.bincount(np.searchsorted(item, parts, "right") - 1, minlength=item.size)
        marks = self._text == _QUOTE, self._text == _ESCAPE, self._text == _COMMA
        if sum(map(np.count_nonzero, marks)) != 3 * item.size + parts.size:
            self._leave_out(counts, item, mark, joints)
        return counts

    def _leave_out(self, counts: Numbers, item: Numbers, mark: Numbers, joints: Numbers) -> None:
        """Leave out records with a comma in a key or a value, or with a quote or an escape in a key, of their own.

        Then no key ends before its end. And a value is one: if it were more, or less, its object would have more or
        fewer keys than there are items, for no comma is there that parts anything else.
        """
        signs = np.flatnonzero((self._text == _QUOTE) | (self._text == _ESCAPE))
        in_key = np.searchsorted(signs, mark, "right") - np.searchsorted(signs, item)
        commas = np.add.reduceat(self._text == _COMMA, self._begin, dtype=np.int64)
        strange = self._usual & (commas != counts)
        strange[self._record_of(item[in_key != 2 + joints])] = True
        self._usual &= ~strange
        self._drop(strange)

    def _parsed(self, places: Numbers) -> list[dict[str, Any]]:
        """Return what the text says; nothing if it cannot be read."""
        if not places.size:
            return []
        self._text[self._end[places[-1]] + 1] = _CLOSE
        return _rows_of(self._text[: -len(_BEHIND)].tobytes())

    def _drop(self, records: Flags) -> None:
        for place in np.flatnonzero(records).tolist():
            self._text[self._begin[place] : self._end[place] + len(_BETWEEN)] = _SPACE

    def _blank(self, begin: Numbers, end: Numbers) -> None:
        """Write spaces over a few bytes of many records."""
        while (left := begin < end).any():
            begin, end = begin[left], end[left]
            self._text[begin] = _SPACE
            begin = begin + 1

    def _record_of(self, places: Numbers) -> Numbers:
        return np.searchsorted(self._begin, places, "right") - 1

    def _varints(self, at: Numbers) -> tuple[Numbers, Numbers, Flags]:
        """Return the numbers that begin there, the places behind them, and which of them end in a few bytes."""
        value, going = np.zeros(at.size, np.int64), np.ones(at.size, np.bool_)
        for place in range(_VARINT_BYTES):
            byte = self._text[at]
            value += going * (byte & 0x7F).astype(np.int64) << 7 * place
            at = at + going
            going = going & (byte >= _ONE_BYTE)
        return value, at, ~going


def _rows_of(text: bytes) -> list[dict[str, Any]]:
    """Return the objects that an array holds; none if it is broken."""
    try:
        return cast(list[dict[str, Any]], quick(text))
    except (ValueError, RecursionError):
        pass
    try:
        # NaN, which the quick one refuses; what is no UTF-8 must be refused here too, and bytes would not be
        return cast(list[dict[str, Any]], json.loads(text.decode()))
    except (ValueError, RecursionError):
        return []
