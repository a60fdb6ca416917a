"""The order: a function of the seed and the step, every example once an epoch, little padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad.data import schedule as module
from sad.data.schedule import Schedule, bucketed, order, rows_of, totals

sizes = st.integers(1, 60)
small = st.integers(1, 5)


@st.composite
def any_schedule(draw: st.DrawFn) -> Schedule:
    """A plain one, one in buckets, or one of rows that hold several windows."""
    size, seed = draw(sizes), draw(st.integers(0, 9))
    rest = (draw(small), draw(small), seed, draw(st.integers(1, 4)))
    lengths = np.array(draw(st.lists(st.integers(2, 16), min_size=size, max_size=size)))
    match draw(st.sampled_from(["plain", "buckets", "packs"])):
        case "plain":
            return Schedule(size, *rest)
        case "buckets":
            return Schedule(size, *rest, lengths=lengths)
    packs = rows_of(lengths, 16, seed)
    return Schedule(len(packs), *rest, packs=packs)


def examples_of(schedule: Schedule) -> int:
    return schedule.size if schedule.packs is None else sum(map(len, schedule.packs))


def units(schedule: Schedule, step: int, process: int) -> list[int]:
    return [len(rows) for rows in schedule.rows(step, process)]


schedules = any_schedule()


@given(schedules, st.integers(0, 2))
def test_an_epoch_takes_every_example_once(schedule: Schedule, epoch: int) -> None:
    first = epoch * schedule.steps_per_epoch
    taken = [
        i
        for step in range(first, first + schedule.steps_per_epoch)
        for process in range(schedule.processes)
        for some in schedule.micro_batches(step, process)
        for i in some.tolist()
    ]
    assert sorted(taken) == list(range(examples_of(schedule)))


@given(schedules, st.integers(0, 100))
def test_every_process_takes_as_many_micro_batches_as_the_others(schedule: Schedule, step: int) -> None:
    each = [schedule.rows(step, process) for process in range(schedule.processes)]
    assert len({len(batches) for batches in each}) == 1
    assert 1 <= len(each[0]) <= schedule.accumulation
    assert all(len(some) <= schedule.batch_size for batches in each for some in batches)
    # the first process is never without work
    assert all(len(some) for some in each[0])


@given(schedules, st.integers(0, 100))
def test_full_steps_are_full(schedule: Schedule, step: int) -> None:
    taken = sum(sum(units(schedule, step, process)) for process in range(schedule.processes))
    tail = (step + 1) % schedule.steps_per_epoch == 0
    assert taken == (schedule.size - (schedule.steps_per_epoch - 1) * schedule.per_step if tail else schedule.per_step)


@given(schedules, st.integers(0, 40))
def test_a_step_takes_the_same_examples_however_it_is_asked(schedule: Schedule, step: int) -> None:
    same = (schedule.size, schedule.batch_size, schedule.accumulation, schedule.seed, schedule.processes)
    again = Schedule(*same, schedule.lengths, schedule.packs)
    for _ in range(3):
        again.micro_batches(step + 1)
    for left, right in zip(schedule.micro_batches(step), again.micro_batches(step), strict=True):
        assert left.tolist() == right.tolist()


@given(sizes, small, small, st.integers(0, 9), st.integers(0, 20), st.booleans())
def test_processes_and_splits_share_the_examples_of_one_step(
    size: int, batch: int, times: int, seed: int, step: int, by_length: bool
) -> None:
    lengths = np.random.default_rng(seed).integers(2, 100, size) if by_length else None

    def taken(schedule: Schedule) -> list[int]:
        each = (schedule.micro_batches(step, p) for p in range(schedule.processes))
        return sorted(i for batches in each for some in batches for i in some.tolist())

    alone = Schedule(size, batch * times * 2, 1, seed, lengths=lengths)
    two, longer = (Schedule(size, batch, n, seed, p, lengths) for n, p in ((times, 2), (2 * times, 1)))
    assert taken(alone) == taken(two) == taken(longer)


def test_seed_and_epoch_decide_the_order() -> None:
    assert order(50, 0, 1).tolist() == order(50, 0, 1).tolist()
    assert order(50, 0, 1).tolist() != order(50, 0, 2).tolist()
    assert order(50, 0, 1).tolist() != order(50, 1, 1).tolist()
    assert order(50, 1, 0).tolist() != order(50, 0, 1).tolist()


def padded(lengths: np.ndarray, batches: list[np.ndarray]) -> float:
    """The share of tokens in the batches that are real."""
    there = sum(len(some) * int(lengths[some].max()) for some in batches)
    return int(lengths[np.concatenate(batches)].sum()) / there


def test_windows_of_a_step_are_of_about_one_length_and_the_next_epoch_has_other_steps() -> None:
    lengths = np.random.default_rng(0).integers(8, 1024, 4096)
    by_length, plain = (Schedule(4096, 8, 1, 0, lengths=of) for of in (lengths, None))
    epochs = [[b for s in range(512 * e, 512 * (e + 1)) for b in by_length.micro_batches(s)] for e in (0, 1)]
    assert padded(lengths, epochs[0]) > 0.9
    assert padded(lengths, [b for s in range(512) for b in plain.micro_batches(s)]) < 0.65
    assert {tuple(sorted(b)) for b in epochs[0]}.isdisjoint({tuple(sorted(b)) for b in epochs[1]})


def test_rows_of_a_step_have_about_as_many_tokens_in_the_other_tokenizer_too() -> None:
    draw = np.random.default_rng(0)
    mine = draw.integers(8, 64, 4096)
    both = np.stack([mine, (0.8 * mine * (1 + 0.2 * draw.uniform(-1, 1, 4096))).astype(np.int64)], axis=1)
    packs = rows_of(both.max(axis=1), 128, 0)
    sums = totals(packs, both.sum(axis=1))
    assert sums.tolist() == [int(both[row].sum()) for row in packs]
    alike, plain = (Schedule(len(packs), 8, 1, 0, lengths=of, packs=packs) for of in (sums, None))
    assert alike.manner != plain.manner

    def share(one: Schedule, side: int) -> float:
        steps = [one.taken(step) for step in range(one.steps_per_epoch)]
        there = sum(len(rows) * max(int(both[row, side].sum()) for row in rows) for rows in steps)
        return int(both[:, side].sum()) / there

    assert share(alike, 0) > 0.99
    assert share(alike, 1) > 0.97
    assert share(plain, 1) < 0.95


def test_a_small_text_gives_other_steps_in_every_epoch() -> None:
    lengths = np.arange(40, 80)
    epochs = [bucketed(lengths, 4, e, 0).reshape(-1, 4) for e in range(2)]
    steps = [{tuple(sorted(step)) for step in epoch.tolist()} for epoch in epochs]
    assert len(steps[0] & steps[1]) <= 2


def test_long_and_short_steps_come_in_no_order() -> None:
    lengths = np.random.default_rng(0).integers(8, 1024, 512)
    means = lengths[bucketed(lengths, 8, 0, 0)].reshape(-1, 8).mean(axis=1)
    place = np.arange(len(means))
    assert abs(float(np.corrcoef(place, means)[0, 1])) < 0.3


def test_a_pool_ends_where_it_should(monkeypatch) -> None:
    """Windows are sorted within a pool only: so far a step may look."""
    monkeypatch.setattr(module, "POOL", 4)
    lengths = np.random.default_rng(0).integers(8, 1024, 203)
    found, shuffled = bucketed(lengths, 5, 0, 3), order(203, 0, 3)
    assert found[200:].tolist() == shuffled[200:].tolist()
    pool_of = {int(number): place // 20 for place, number in enumerate(shuffled[:200])}
    for step in found[:200].reshape(-1, 5).tolist():
        assert len({pool_of[number] for number in step}) == 1


@given(st.lists(st.integers(1, 32), max_size=80), st.integers(0, 9))
def test_rows_hold_every_window_once_and_none_overflows(sizes: list[int], seed: int) -> None:
    room = 32
    rows = rows_of(np.array(sizes, dtype=np.int64), room, seed)
    assert sorted(i for row in rows for i in row.tolist()) == list(range(len(sizes)))
    for row in rows:
        assert sum(sizes[i] for i in row) <= room
    again = rows_of(np.array(sizes, dtype=np.int64), room, seed)
    assert [row.tolist() for row in rows] == [row.tolist() for row in again]


def test_rows_are_nearly_full() -> None:
    sizes = np.random.default_rng(0).integers(8, 128, 2000)
    assert sizes.sum() / (128 * len(rows_of(sizes, 128, 0))) > 0.97


def test_an_order_is_made_once_an_epoch(monkeypatch) -> None:
    made: list[int] = []
    shipped = module.order

    def counted(size: int, epoch: int, seed: int) -> np.ndarray:
        made.append(epoch)
        return shipped(size, epoch, seed)

    monkeypatch.setattr(module, "order", counted)
    schedule = Schedule(40, 4, 1, 0)
    for step in range(40):
        schedule.micro_batches(step)
    assert made == [0, 1, 2, 3]
