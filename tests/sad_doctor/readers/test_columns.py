import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers import columns
from sad_doctor.readers.columns import Columns, GrowingColumn

points = st.lists(st.tuples(st.integers(0, 30), st.floats(width=32)), max_size=60)


def lists(column) -> tuple[list[float], list[float]]:
    return column.step.tolist(), column.value.tolist()


@given(points, st.integers(1, 9))
def test_a_column_holds_what_was_appended_whenever_it_is_shown(rows, every):
    growing = GrowingColumn()
    for index, (step, value) in enumerate(rows):
        growing.append(step, value)
        if index % every == 0:
            growing.column()
    column = growing.column()
    np.testing.assert_array_equal(column.step, [step for step, _ in rows])
    np.testing.assert_array_equal(column.value, [value for _, value in rows])


@given(points, st.integers(1, 9))
def test_rewinding_keeps_only_the_steps_before_and_the_last_value(rows, every):
    growing, expected = GrowingColumn(), {}
    for index, (step, value) in enumerate(rows):
        growing.rewind(step, value)
        expected = {at: one for at, one in expected.items() if at < step} | {step: value}
        if index % every == 0:
            growing.column()
    column = growing.column()
    np.testing.assert_array_equal(column.step, list(expected))
    np.testing.assert_array_equal(column.value, list(expected.values()))


@given(points, st.integers(1, 9))
def test_what_a_snapshot_showed_never_changes(rows, every):
    growing, shown = GrowingColumn(), []
    for index, (step, value) in enumerate(rows):
        (growing.replace if step % 2 else growing.rewind)(max(step, growing.last_step if step % 2 else step), value)
        if index % every == 0:
            column = growing.column()
            shown.append((column, column.step.copy(), column.value.copy()))
    for column, steps, values in shown:
        np.testing.assert_array_equal(column.step, steps)
        np.testing.assert_array_equal(column.value, values)


def test_the_same_step_at_the_end_is_replaced():
    growing = GrowingColumn()
    for step, value in ((1, 10.0), (2, 20.0), (2, 21.0), (1, 11.0)):
        growing.replace(step, value)
    assert lists(growing.column()) == ([1, 2, 1], [10, 21, 11])


def test_a_snapshot_without_news_is_the_same_object_and_read_only():
    growing = GrowingColumn()
    growing.append(1, 2)
    assert growing.column() is growing.column()
    assert not growing.column().value.flags.writeable


def test_a_snapshot_copies_nothing_that_was_there():
    growing = GrowingColumn()
    for step in range(100_000):
        growing.append(step, step)
    before = growing.column()
    growing.append(100_000, 0)
    after = growing.column()
    assert np.shares_memory(before.value, after.value)
    assert len(before) == 100_000
    assert len(after) == 100_001


def test_too_many_columns_are_left_out(monkeypatch):
    monkeypatch.setattr(columns, "MOST_COLUMNS", 3)
    held = Columns()
    found = [held.named(name) for name in "abcda"]
    assert found[3] is None
    assert found[4] is found[0]
    assert held.full


def test_a_column_that_comes_after_a_restoring_shares_the_steps_it_has_in_common():
    column = Columns()
    for step in range(5):
        column.named("a").append(step, 1.0)
    restored = Columns.restored(column.snapshot())
    for step in range(5):
        restored.named("b").append(step, 2.0)
    found = restored.snapshot()
    assert found["b"].step.tolist() == list(range(5))
    assert np.shares_memory(found["a"].step, found["b"].step)


def test_what_a_step_that_comes_back_overwrites_leaves_its_level_behind():
    growing = GrowingColumn()
    for step in range(8):
        growing.rewind(step, float(step))
    growing.rewind(3, 30.0)
    growing.rewind(3, 31.0)  # the same step again takes nothing back
    growing.rewind(0, 1.0)
    assert growing.rewound == [[7.0, 3, 5.0], [3.0, 0, 1.5]]
    assert growing.column().value.tolist() == [1.0]
    for _ in range(100):
        growing.rewind(1, 1.0)
        growing.rewind(0, 1.0)
    assert len(growing.rewound) == 64
