"""Which examples each step takes, and how they share rows: a function of the seed and the step alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from sad.align.reader import Ints

Key = TypeVar("Key")
Made = TypeVar("Made")

POOL = 64
"""Steps whose windows are sorted by length together."""

JITTER = 0.5
"""Share of a step by which a window may move in the order of lengths: else a small text gives the same few batches in
every epoch. By places and not by tokens: windows of one length in one tokenizer differ by percents in the other."""

ALIKE, ANY = "windows of about one length", "windows of any length"
ROWS, ROWS_ALIKE = "rows of several windows", "rows of several windows, with about as many tokens in both tokenizers"
"""What the units of a step are called."""


def generator(seed: int, *which: int) -> np.random.Generator:
    """Return the random generator of an order."""
    return np.random.default_rng((seed, *which))


def order(size: int, epoch: int, seed: int, *part: int) -> Ints:
    """Return the order of the examples in an epoch, or in a ``part`` of one: a function of its arguments alone, so that
    resuming is exact.
    """
    return generator(seed, epoch, *part).permutation(size)


def bucketed(lengths: Ints, per_step: int, epoch: int, seed: int, *part: int) -> Ints:
    """Return an order of an epoch, or of a ``part``, in which the windows of a step are of about one length.

    The shuffled windows are sorted within pools of ``POOL`` steps; then the steps are shuffled, so that long and
    short ones come in no order. What does not fill a step is the epoch's last, of windows of any length.
    """
    draw = generator(seed, epoch, 1, *part)
    shuffled = order(len(lengths), epoch, seed, *part)
    full = len(lengths) // per_step
    moves = JITTER * per_step * draw.uniform(-1, 1, len(lengths))
    steps = []
    for first in range(0, full, POOL):
        pool = slice(first * per_step, min(first + POOL, full) * per_step)
        by_length = shuffled[pool][np.argsort(lengths[shuffled[pool]], kind="stable")]
        moved = np.argsort(np.arange(len(by_length)) + moves[pool], kind="stable")
        steps.append(by_length[moved].reshape(-1, per_step))
    taken = np.concatenate(steps)[draw.permutation(full)].reshape(-1) if steps else shuffled[:0]
    return np.concatenate([taken, shuffled[full * per_step :]])


def rows_of(sizes: Ints, room: int, seed: int, *part: int) -> list[Ints]:
    """Put windows of ``sizes`` tokens, at most ``room``, into rows of so many: best fit, the longest first. Each is in
    one row.

    Which of several windows of one size goes where is drawn from the seed, and the ``part`` of a text.
    """
    shuffled = order(len(sizes), 0, seed, *part)
    longest_first = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    rows: list[list[int]] = []
    # rows by the room that is left in them
    left: dict[int, list[int]] = defaultdict(list)
    filled = np.zeros(room + 1, dtype=bool)
    for number in longest_first.tolist():
        size = int(sizes[number])
        fits = size + int(np.argmax(filled[size:]))
        if filled[fits]:
            row = left[fits].pop()
            filled[fits] = bool(left[fits])
        else:
            row, fits = len(rows), room
            rows.append([])
        rows[row].append(number)
        left[fits - size].append(row)
        filled[fits - size] = True
    return [np.array(row, dtype=np.int64) for row in rows]


def totals(rows: Sequence[Ints], lengths: Ints) -> Ints:
    """Return the tokens of each row, from those of its windows in both tokenizers together.

    Rows that are full in one tokenizer have more or fewer tokens in the other: a step of rows that are alike there,
    too, is padded little.
    """
    return np.array([int(lengths[row].sum()) for row in rows], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Which examples each optimizer step takes. An epoch's last step takes what is left; nothing is dropped.

    ``batch_size`` and ``accumulation`` are per process; a step takes their product times ``processes``. With
    ``lengths`` the units of a step are of about one length. With ``packs`` the unit is a row of several windows,
    and ``size`` counts rows.
    """

    size: int
    batch_size: int
    accumulation: int
    seed: int
    processes: int = 1
    lengths: Ints | None = None
    packs: Sequence[Ints] | None = None
    _orders: dict[int, Ints] = field(default_factory=dict, init=False, repr=False)

    @property
    def per_step(self) -> int:
        """Units (windows, or rows of them) of a full step over all processes."""
        return self.batch_size * self.accumulation * self.processes

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of one pass over the examples."""
        return -(-self.size // self.per_step)

    @property
    def manner(self) -> str:
        """In words, what decides which of the examples a full step of so many units takes, and how they share rows."""
        return f"{self._unit}, drawn from the seed {self.seed}"

    @property
    def _unit(self) -> str:
        if self.packs is not None:
            return ROWS if self.lengths is None else ROWS_ALIKE
        return ANY if self.lengths is None else ALIKE

    def passes(self, steps: int) -> float:
        """Return the passes over the examples that the first so many steps are."""
        return steps / self.steps_per_epoch

    def micro_batches(self, step: int, process: int = 0) -> list[Ints]:
        """Return the example numbers of each micro-batch of ``step`` on ``process``; in a tail, fewer than asked.

        Every process gets as many micro-batches as the first, or they would wait for one another for ever; the last
        of them may then be empty: see :func:`sad.data.batches.blank`.
        """
        none = np.empty(0, dtype=np.int64)
        return [np.concatenate([none, *rows]) for rows in self.rows(step, process)]

    def rows(self, step: int, process: int = 0) -> list[list[Ints]]:
        """Return the same by row: the numbers of the examples that share one."""
        whole = self.taken(step)
        mine = whole[process :: self.processes]
        most = -(-len(whole) // self.processes)
        return [mine[first : first + self.batch_size] for first in range(0, most, self.batch_size)]

    def taken(self, step: int) -> list[Ints]:
        """Return the rows that ``step`` takes over all processes, each as the numbers of its windows."""
        return [np.array([i]) if self.packs is None else self.packs[i] for i in self.units(step)]

    def units(self, step: int) -> Ints:
        """Return what ``step`` takes over all processes: the numbers of windows, or of rows of them."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._order(epoch)[place * self.per_step : (place + 1) * self.per_step]

    def _order(self, epoch: int) -> Ints:
        if epoch not in self._orders:
            plain, sizes = (epoch, self.seed), self.lengths
            made = order(self.size, *plain) if sizes is None else bucketed(sizes, self.per_step, *plain)
            remember(self._orders, epoch, made)
        return self._orders[epoch]


def remember(kept: dict[Key, Made], key: Key, made: Made) -> None:
    """Keep an order and the one made before it: at the border of two epochs both are asked for."""
    for old in list(kept)[:-1]:
        kept.pop(old, None)
    kept[key] = made
