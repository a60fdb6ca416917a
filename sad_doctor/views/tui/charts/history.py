"""A column that grows, and what of it is needed to draw it at any zoom: the cost does not grow with its length.

Rows lie in buckets of 32, these in buckets of 128, 512 and so on. A bucket knows which of its rows holds the smallest
and the largest finite value, which one a NaN and which an infinity, and the sum of its finite values: so a spike of
one row in a million is still drawn, and a mean over a million rows is a sum over a few hundred buckets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.views.tui.charts import raster
from sad_doctor.views.tui.charts.raster import Ints

_BASE, _FACTOR = 32, 4
_KINDS = 5
_GUARD = 16
"""Rows at the end that must be the same for a longer column to count as the old one grown."""
_NOTHING: Floats = np.zeros(0)


def grown_from(old: Column, new: Column) -> bool:
    """Return whether ``new`` is ``old`` with rows added; looks at the first row and the last rows of ``old`` only."""
    size = len(old)
    if size == 0 or len(new) < size:
        return size == 0
    ends = (slice(0, 1), slice(max(0, size - _GUARD), size))
    return all(getattr(old, a)[e].tobytes() == getattr(new, a)[e].tobytes() for a in ("step", "value") for e in ends)


class _Grown:
    """An array that grows at its end; the room doubles, so that a row costs the same however many there are."""

    def __init__(self, rows: int) -> None:
        self._room: Floats = np.zeros((rows, 16))
        self.size = 0

    @property
    def rows(self) -> Floats:
        return self._room[:, : self.size]

    def still(self) -> _Grown:
        """Return what is there now: later rows are written behind it, or elsewhere."""
        other = _Grown(0)
        other._room, other.size = self._room, self.size
        return other

    def add(self, block: Floats) -> None:
        size = self.size + block.shape[1]
        if size > self._room.shape[1]:
            room = np.zeros((self._room.shape[0], 2 * size))
            room[:, : self.size] = self.rows
            self._room = room
        self._room[:, self.size : size] = block
        self.size = size


@dataclass(slots=True)
class _Level:
    """Buckets of ``size`` rows: [5, buckets] row numbers by kind, -1 for none, and [2, buckets] sums and counts."""

    size: int
    picks: _Grown
    sums: _Grown


def _level(size: int) -> _Level:
    return _Level(size, _Grown(_KINDS), _Grown(2))


class History:
    """Follows a column. Steps may go back, as after a resume; a column that was cut or replaced is read anew."""

    def __init__(self) -> None:
        self.column = Column(_NOTHING, _NOTHING)
        self._levels = [_level(_BASE)]
        self._starts: list[int] | None = [0]
        self.is_still = False

    def still(self) -> History:
        """Return the history as it is now, for another thread to read; it must not be made to follow."""
        other = History()
        other.column, other.is_still = self.column, True
        other._levels = [_Level(level.size, level.picks.still(), level.sums.still()) for level in self._levels]
        other._starts = None if self._starts is None else list(self._starts)
        return other

    def follow(self, column: Column) -> History:
        """Take the column as it is now; what is new costs, what was there does not."""
        assert not self.is_still
        if column is not self.column:
            if not grown_from(self.column, column):
                self._forget()
            before, self.column = len(self.column), column
            self._cut_pieces(before)
            for depth in range(len(self._levels)):
                self._raise(depth)
            while len(self.column) >= self._levels[-1].size * _FACTOR * 2:
                self._levels.append(_level(self._levels[-1].size * _FACTOR))
                self._raise(len(self._levels) - 1)
        return self

    def view(self, left: float, right: float, dots: int) -> Column:
        """Return the rows between two steps, thinned for ``dots`` dot columns: the extreme ones of each bucket stay."""
        parts = [self._picked(a, b, self._depth(b - a, dots)) for a, b in self._ranges(left, right)]
        rows = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        return Column(self.column.step[rows], self.column.value[rows])

    def count(self, left: float, right: float) -> int:
        """Return how many rows lie between two steps."""
        return sum(b - a for a, b in self._ranges(left, right))

    def means(self, left: float, right: float, dots: int, blur: float = 0.0) -> Column:
        """Return the mean of the finite values in each of ``dots`` stretches that holds any.

        ``blur`` is the standard deviation, in stretches, of a normal window over them: what is drawn as smoothed.
        """
        places, sums, counts = [], [], []
        for a, b in self._ranges(left, right):
            step, total, count = self._summed(a, b, self._depth(b - a, dots))
            places.append(raster.place(step, left, right, dots))
            sums.append(total)
            counts.append(count)
        if not places:
            return Column(_NOTHING, _NOTHING)
        place = np.concatenate(places)
        total = np.bincount(place, np.concatenate(sums), dots).astype(np.float64)
        count = np.bincount(place, np.concatenate(counts), dots).astype(np.float64)
        here = np.flatnonzero(count)
        if blur > 0:
            reach = np.arange(-int(np.ceil(3 * blur)), int(np.ceil(3 * blur)) + 1)
            window = np.exp(-0.5 * (reach / blur) ** 2)
            middle = slice(len(reach) // 2, len(reach) // 2 + dots)
            total, count = (np.convolve(one, window)[middle] for one in (total, count))
        with np.errstate(invalid="ignore", over="ignore"):
            step = left + here / max(dots - 1, 1) * (right - left)
            return Column(step, total[here] / count[here])

    def outline(self, dots: int) -> Column:
        """Return the whole as ``dots`` means, with a NaN at each step where one would be seen."""
        step = self.column.step
        ends = [(float(step[a]), float(step[b - 1])) for a, b in self._ranges(-np.inf, np.inf)]
        if not ends:
            return Column(_NOTHING, _NOTHING)
        left, right = min(a for a, _ in ends), max(b for _, b in ends)
        means, seen = self.means(left, right, dots), self.view(left, right, dots)
        odd = seen.step[~np.isfinite(seen.value)]
        # both ends, so that the steps reach as far as those of the column
        steps = np.concatenate([means.step, odd, [left, right]])
        return Column(steps, np.concatenate([means.value, np.full(odd.size + 2, np.nan)]))

    def at(self, step: float | None) -> float | None:
        """Return the last value at or before a step (the last of all for None); None if there is none."""
        if step is None:
            return self.column.last if len(self.column) else None
        found = [
            (self.column.step[row], row)
            for a, b in self._ranges(-np.inf, step)
            if (row := int(b) - 1) >= a  # the last of a rising piece
        ]
        return float(self.column.value[max(found)[1]]) if found else None

    @property
    def seams(self) -> list[float]:
        """The steps at which the log goes on after it had gone back."""
        return [float(self.column.step[a]) for a in (self._starts or [])[1:]]

    def _forget(self) -> None:
        self.column = Column(_NOTHING, _NOTHING)
        self._levels = [_level(_BASE)]
        self._starts = [0]

    def _cut_pieces(self, before: int) -> None:
        """Find where the steps go back, in the new rows; None where they do so too often or are not finite."""
        if self._starts is None:
            return
        step = self.column.step[max(before - 1, 0) :]
        with np.errstate(invalid="ignore"):
            back = np.flatnonzero(~(np.diff(step) >= 0)) + max(before - 1, 0) + 1
        if len(self._starts) + back.size > raster.MOST_PIECES or not np.isfinite(step).all():
            self._starts = None
        else:
            self._starts += back.tolist()

    def _ranges(self, left: float, right: float) -> list[tuple[int, int]]:
        """Return the ranges of rows whose steps lie between two, a rising piece each."""
        step = self.column.step
        if self._starts is None:
            inside = np.flatnonzero(np.isfinite(step) & (step >= left) & (step <= right))
            cuts = np.flatnonzero(np.diff(inside) > 1) + 1
            return [(int(p[0]), int(p[-1]) + 1) for p in np.split(inside, cuts) if p.size]
        found = []
        for a, b in zip(self._starts, [*self._starts[1:], step.size], strict=True):
            piece = step[a:b]
            low, high = np.searchsorted(piece, left), np.searchsorted(piece, right, side="right")
            if low < high:
                found.append((a + int(low), a + int(high)))
        return found

    def _depth(self, rows: int, dots: int) -> int:
        """Return the coarsest level that still has two buckets a dot column; -1 stands for the rows themselves."""
        fine = [d for d, level in enumerate(self._levels) if rows >= 2 * dots * level.size]
        return fine[-1] if fine else -1

    def _picked(self, a: int, b: int, depth: int) -> Ints:
        """Return the rows that stand for rows ``a`` to ``b``, in order."""
        if depth < 0:
            return np.arange(a, b)
        level = self._levels[depth]
        first, last = -(-a // level.size), min(b // level.size, level.picks.size)
        if first >= last:
            return self._picked(a, b, depth - 1)
        starts = np.arange(first, last) * level.size
        picks = np.vstack([level.picks.rows[:, first:last].astype(np.int64), starts, starts + level.size - 1])
        picks.sort(axis=0)  # each bucket by itself: they are in order already
        chosen = picks.T.ravel()
        chosen = chosen[np.diff(chosen, prepend=-1) != 0]
        before = self._picked(a, first * level.size, depth - 1)
        after = self._picked(last * level.size, b, depth - 1)
        return np.concatenate([before, chosen[chosen >= 0], after])

    def _summed(self, a: int, b: int, depth: int) -> tuple[Floats, Floats, Floats]:
        """Return step, sum and count of what stands for rows ``a`` to ``b``."""
        if depth < 0:
            value = self.column.value[a:b]
            finite = np.isfinite(value)
            return self.column.step[a:b], np.where(finite, value, 0.0), finite.astype(np.float64)
        level = self._levels[depth]
        first, last = -(-a // level.size), min(b // level.size, level.sums.size)
        if first >= last:
            return self._summed(a, b, depth - 1)
        total, count = level.sums.rows[:, first:last]
        step = self.column.step[first * level.size : last * level.size].reshape(-1, level.size)
        parts = (
            self._summed(a, first * level.size, depth - 1),
            ((step[:, 0] + step[:, -1]) / 2, total, count),
            self._summed(last * level.size, b, depth - 1),
        )
        one, two, three = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return one, two, three

    def _raise(self, depth: int) -> None:
        """Fill the buckets of a level that have become whole."""
        level = self._levels[depth]
        done, whole = level.picks.size, len(self.column) // level.size
        if whole <= done:
            return
        if depth == 0:
            rows = np.arange(done * level.size, whole * level.size).reshape(-1, level.size)
            value = self.column.value[done * level.size : whole * level.size].reshape(-1, level.size)
            finite = np.isfinite(value)
            picks = np.stack([_best(np.broadcast_to(rows, value.shape), value, kind) for kind in range(_KINDS)])
            with np.errstate(over="ignore", invalid="ignore"):
                sums = np.stack([np.where(finite, value, 0.0).sum(axis=1), finite.sum(axis=1)])
        else:
            below = self._levels[depth - 1]
            part = slice(done * _FACTOR, whole * _FACTOR)
            kinds = below.picks.rows[:, part].astype(np.int64).reshape(_KINDS, -1, _FACTOR)
            picks = np.stack(
                [_best(r, np.where(r >= 0, self.column.value[r], _absent(k)), k) for k, r in enumerate(kinds)]
            )
            with np.errstate(over="ignore", invalid="ignore"):
                sums = below.sums.rows[:, part].reshape(2, -1, _FACTOR).sum(axis=2)
        level.picks.add(picks.astype(np.float64))
        level.sums.add(sums)


def _absent(kind: int) -> float:
    """A value that is never the one of this kind."""
    return 0.0 if kind >= 2 else np.nan


def _best(rows: Ints, value: Floats, kind: int) -> Ints:
    """Return, of each line of [buckets, rows], the row of a kind: lowest, highest, NaN, infinity, its negative; or -1.

    ``value`` are the values of ``rows``.
    """
    if kind < 2:
        fits = np.isfinite(value)
        # -value and +value, so that one function finds both ends
        key = value if kind else -value
        if fits.all():  # nearly always
            return np.take_along_axis(rows, np.argmax(key, axis=1)[:, None], axis=1)[:, 0]
        key = np.where(fits, key, -np.inf)
    else:
        fits = (np.isnan(value), value == np.inf, value == -np.inf)[kind - 2]
        if not fits.any():  # nearly always
            return np.full(len(rows), -1, dtype=np.int64)
        key = fits.astype(np.float64)
    at = np.argmax(key, axis=1)[:, None]
    found = np.take_along_axis(rows, at, axis=1)[:, 0]
    return np.where(np.take_along_axis(fits, at, axis=1)[:, 0], found, -1)
