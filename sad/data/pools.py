"""Which windows of a stream each step takes: pool by pool, so that a step needs no more than its own pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from sad.align.reader import Ints
from sad.data.packer import Packer
from sad.data.schedule import ALIKE, ANY, POOL, ROWS, ROWS_ALIKE, Schedule, bucketed, order, remember
from sad.data.stream import Streamed

FIRST = 8
"""Steps of the first pool; each is twice as long as the one before, up to ``POOL``: so the first one is there soon."""

LEAD = 2 * POOL
"""Steps whose windows are prepared beyond the pool that is in work."""


def pool_of(step: int) -> tuple[int, int, int]:
    """Return the number of the pool that a step of a pass lies in, and the steps from which and up to which it goes."""
    start, size = 0, FIRST
    for number in count():
        if step < start + size:
            return number, start, start + size
        start, size = start + size, min(2 * size, POOL)
        if size == POOL:
            more = (step - start) // POOL
            return number + 1 + more, start + more * POOL, start + (more + 1) * POOL
    raise AssertionError("a step is in a pool")


def steps_of(number: int) -> int:
    """Return how many steps a pool has."""
    size = FIRST
    while number and size < POOL:
        number, size = number - 1, min(2 * size, POOL)
    return size


@dataclass(frozen=True, slots=True, eq=False)
class Pools(Schedule):
    """The schedule of a stream: an order that its seed, the stream and the windows of a step decide, and nothing else.

    A pool's windows are shuffled among themselves, and with ``buckets`` those of a step are of about one length. A
    pass ends with the stream; the next one goes over the same windows, in another order within each pool. ``size`` is
    the windows that ``expected`` steps take, where the stream has as many. Methods that take a step raise UserError
    where its windows cannot be had.
    """

    source: Streamed = field(kw_only=True)
    buckets: bool = field(kw_only=True)
    _pools: dict[tuple[int, int], Ints] = field(default_factory=dict, init=False, repr=False)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass; as long as nobody knows where the stream ends, those that are expected of it."""
        size = self._whole
        return -(-(self.size if size is None else size) // self.per_step)

    def passes(self, steps: int) -> float:
        """Return the passes that the first so many steps are. Where the stream ends counts once one of them was in its
        last pool: when a thread met it before that is chance.
        """
        size = self._whole
        known = size is not None and size < pool_of(max(0, steps - 1))[2] * self.per_step
        return steps / (self.steps_per_epoch if known else -(-self.size // self.per_step))

    def units(self, step: int) -> Ints:
        """Return what ``step`` takes over all processes: the numbers of windows, or of rows. Waits for its pool."""
        epoch, place = self._place(step)
        number, start, stop = pool_of(place)
        if (epoch, number) not in self._pools:
            remember(self._pools, (epoch, number), self._of_pool(epoch, number, start, stop))
        return self._pools[epoch, number][(place - start) * self.per_step : (place - start + 1) * self.per_step]

    def wait(self, step: int, until: Callable[[], bool]) -> None:
        """Wait until the windows of a step are there, the stream has ended, or ``until`` is true."""
        self.source.need(pool_of(step)[2] * self.per_step, until)

    def reach(self, step: int) -> int:
        """Return how many windows the pool of a step ends behind; of a stream that has fewer, as many or more."""
        return pool_of(step)[2] * self.per_step

    def key(self, step: int) -> str:
        """Return a hash of all that decides the first so many steps."""
        return self.source.key_at(self.reach(max(0, step - 1)))

    def windows(self, steps: int) -> int:
        """Return about how many windows so many steps take."""
        return steps * self.per_step

    @property
    def lead(self) -> int:
        """Windows to prepare beyond those that are needed."""
        return self.windows(LEAD)

    @property
    def _unit(self) -> str:
        return ALIKE if self.buckets else ANY

    @property
    def _whole(self) -> int | None:
        """Units of a pass; None as long as nobody knows where the stream ends."""
        return self.source.size

    def _there(self, step: int) -> int:
        """Return the units up to the end of the pool of a step, of a stream that ends before all. Waits for them."""
        return self.source.need(self.reach(step))

    def _place(self, step: int) -> tuple[int, int]:
        """Return the pass and the step of it."""
        there = self._there(step)
        if there > step * self.per_step:
            return 0, step
        # the stream ended before this step of the pass
        return divmod(step, -(-there // self.per_step))

    def _of_pool(self, epoch: int, number: int, start: int, stop: int) -> Ints:
        first = start * self.per_step
        last = self._there(stop - 1)
        # the part's own number is not 0, which the generator would not tell from no number
        part = 2, number + 1
        if self.buckets:
            return first + bucketed(self._sizes(number, first, last), self.per_step, epoch, self.seed, *part)
        return first + order(last - first, epoch, self.seed, *part)

    def _sizes(self, number: int, first: int, last: int) -> Ints:  # noqa: ARG002 - the number is that of packed rows
        """Return the tokens of each unit of a pool, of both sides together."""
        return self.source.sizes(first, last)[0]


@dataclass(frozen=True, slots=True, eq=False)
class PackedPools(Pools):
    """The same in rows of several windows, which are the unit then: those of a pool are shuffled among themselves.

    They stay the same in each pass, and with any number of processes. Where they are full in one tokenizer, ``buckets``
    put those together that are about as full in the other.
    """

    packer: Packer = field(kw_only=True)

    def taken(self, step: int) -> list[Ints]:
        """Return the rows that ``step`` takes over all processes. Waits for its pool."""
        numbers = self.units(step)
        pool = self.packer.pool(pool_of(self._place(step)[1])[0])
        return [pool.rows[number - pool.first] for number in numbers]

    def wait(self, step: int, until: Callable[[], bool]) -> None:
        """Wait until the windows of a step are there, the stream has ended, or ``until`` is true."""
        self.packer.wait(pool_of(step)[0], until)

    def reach(self, step: int) -> int:
        """Return how many windows are read up to the end of the pool of a step. Waits for them."""
        return self.packer.pool(pool_of(step)[0]).stop

    def windows(self, steps: int) -> int:
        """Return about how many windows so many steps take, as far as the first pool tells."""
        first = self.packer.pool(0)
        return -(-steps * self.per_step * first.stop // len(first.rows))

    @property
    def _unit(self) -> str:
        return ROWS_ALIKE if self.buckets else ROWS

    @property
    def _whole(self) -> int | None:
        return self.packer.size

    def _there(self, step: int) -> int:
        found = self.packer.pool(pool_of(step)[0])
        return found.first + len(found.rows)

    def _sizes(self, number: int, first: int, last: int) -> Ints:
        pool = self.packer.pool(number)
        assert (first, last) == (pool.first, pool.first + len(pool.rows)), "a pool of other rows"
        return pool.sizes


def make_pools(
    source: Streamed,
    expected: int,
    batch_size: int,
    accumulation: int,
    seed: int,
    processes: int = 1,
    *,
    buckets: bool = False,
    room: int | None = None,
) -> Pools:
    """Return the schedule of a stream of which ``expected`` steps are taken; in rows of ``room`` tokens where given."""
    per_step = batch_size * accumulation * processes
    own = (expected * per_step, batch_size, accumulation, seed, processes)
    if room is None:
        return Pools(*own, source=source, buckets=buckets)

    packer = Packer(source, room, seed, lambda number: steps_of(number) * per_step)
    return PackedPools(*own, source=source, buckets=buckets, packer=packer)
