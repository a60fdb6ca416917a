"""The windows of a stream in rows that hold several, pool by pool: what does not fill a row waits for the next pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sad.align.reader import Ints
from sad.data.schedule import remember, rows_of, totals
from sad.data.stream import Streamed

PACKED = 3
"""Part of the seed: the numbers drawn here differ from those drawn for an order."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a pool begins: behind so many ``rows``, and so many ``windows`` of the stream; of these the ``carried``
    ones, of ``sizes`` tokens, are in no row yet.

    ``sizes`` has a line for each: the tokens of both sides together, and of the longer one.
    """

    rows: int
    windows: int
    carried: Ints
    sizes: Ints


@dataclass(frozen=True, slots=True)
class Pool:
    """The ``rows`` of a pool, as the numbers of their windows; ``first`` rows lie before it, ``stop`` windows up to its
    end. ``sizes`` are the tokens of each row, of both sides together.
    """

    first: int
    rows: list[Ints]
    stop: int
    sizes: Ints


class Packer:
    """Puts the windows of a stream into rows of ``room`` tokens: a function of the seed, the stream, and ``rows``,
    which gives how many the pool of a number has.

    A pool reads on until what it has could fill all its rows. Of those that it makes it takes the fullest; the windows
    of the others go first in the next pool: so no pool ends in rows that are half empty. Only the last one has fewer.
    What a pool begins with depends on all before it: whoever begins in the middle reads the sizes of all windows that
    lie before. Methods raise UserError where the stream is broken.
    """

    def __init__(self, source: Streamed, room: int, seed: int, rows: Callable[[int], int]) -> None:
        self._source, self._room, self._seed, self._rows = source, room, seed, rows
        none = np.empty(0, np.int64)
        self._begins = {0: Begin(0, 0, none, none.reshape(0, 2))}
        # the pool that was made last
        self._begun = 0
        self._pools: dict[int, Pool] = {}
        # the number of the last pool, and all rows: who asks at each step would have that pool made again and again
        self._end: tuple[int, int] | None = None

    def pool(self, number: int) -> Pool:
        """Return a pool; for a number beyond the end of the stream the last one. Waits for its windows."""
        found = self.wait(number, lambda: False)
        assert found is not None, "nobody ends the wait"
        return found

    def wait(self, number: int, until: Callable[[], bool]) -> Pool | None:
        """Return the same, or None once ``until`` is true before its windows are there.

        Two threads may ask at a time: what both of them make is the same.
        """
        at = min(number, self._begun)
        while True:
            found = self._pools.get(at) or self._made(at, until)
            if found is None or at == number or (self._end is not None and at == self._end[0]):
                return found
            at += 1

    @property
    def size(self) -> int | None:
        """All rows; None as long as the end of the stream is not known."""
        if self._source.size is None:
            return None
        at = self._begun
        while self._end is None:
            self.pool(at)
            at += 1
        return self._end[1]

    def _made(self, number: int, until: Callable[[], bool]) -> Pool | None:
        begin, wanted = self._begins[number], self._rows(number)
        more = self._read(begin.windows, wanted * self._room - int(begin.sizes[:, 1].sum()), until)
        if more is None:
            return None
        stop = begin.windows + len(more)
        windows = np.concatenate([begin.carried, np.arange(begin.windows, stop)])
        every = np.concatenate([begin.sizes, more])
        sizes = every[:, 1]
        rows = rows_of(sizes, self._room, self._seed, PACKED, number + 1)
        by_fill = np.argsort([-int(sizes[row].sum()) for row in rows], kind="stable")
        rest = np.sort(np.concatenate([np.empty(0, np.int64), *(rows[i] for i in by_fill[wanted:])]))
        full = [rows[i] for i in np.sort(by_fill[:wanted])]
        made = Pool(begin.rows, [windows[row] for row in full], stop, totals(full, every[:, 0]))
        if len(rest) or int(sizes.sum()) >= wanted * self._room:
            self._begins[number + 1] = Begin(begin.rows + len(made.rows), stop, windows[rest], every[rest])
            self._begun = max(self._begun, number + 1)
        else:
            self._end = number, begin.rows + len(made.rows)
        # set last, since another thread may look: all that belongs to a pool must be there before it
        remember(self._pools, number, made)
        return made

    def _read(self, first: int, tokens: int, until: Callable[[], bool]) -> Ints | None:
        """Return the sizes of the windows from ``first`` on that have ``tokens`` together, or of all that are left.

        None once ``until`` is true. Asks for no window that need not be there: none has more tokens than a row.
        """
        parts, stop = [np.empty((0, 2), np.int64)], first
        while tokens > 0:
            wanted = stop + -(-tokens // self._room)
            there = self._source.need(wanted, until)
            if there < wanted and there != self._source.size:
                return None
            parts.append(np.stack(self._source.sizes(stop, there), axis=1))
            tokens -= int(parts[-1][:, 1].sum())
            stop = there
            if there < wanted:
                break
        return np.concatenate(parts)
