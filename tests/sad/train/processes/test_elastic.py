"""The windows of a step stay the same on any number of processes that can share them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.data import Schedule
from sad.errors import UserError
from sad.recipe.schema import Recipe
from sad.train.processes.elastic import fitted


def recipe(size: int, accumulation: int) -> Recipe:
    return tiny.recipe({"train": {"batch_size": size, "accumulation": accumulation}})


def taken(of: Recipe, step: int, processes: int, size: int = 37) -> list[int]:
    train = of.train
    schedule = Schedule(size, train.batch_size, train.accumulation, 0, processes)
    every = [rows for process in range(processes) for rows in schedule.micro_batches(step, process)]
    return sorted(int(i) for i in np.concatenate(every))


@given(
    size=st.integers(1, 6), accumulation=st.integers(1, 4), before=st.integers(1, 4), after=st.integers(1, 8),
    step=st.integers(0, 9),
)  # fmt: skip
def test_each_step_takes_the_same_windows_or_the_run_is_refused(
    size: int, accumulation: int, before: int, after: int, step: int
) -> None:
    first, per_step = recipe(size, accumulation), size * accumulation * before
    if per_step % after:
        with pytest.raises(UserError, match=f"takes {per_step} windows, which {after} processes"):
            fitted(first, per_step, after)
        return
    found = fitted(first, per_step, after)
    assert found.train.batch_size * found.train.accumulation * after == per_step
    assert found.train.batch_size <= size
    assert taken(found, step, after) == taken(first, step, before)
    assert found.model_copy(update={"train": first.train}) == first


def test_the_micro_batch_is_the_largest_that_fits() -> None:
    every = [fitted(recipe(6, 2), 12, processes).train for processes in (1, 2, 3, 4)]
    assert [(one.batch_size, one.accumulation) for one in every] == [(6, 2), (6, 1), (4, 1), (3, 1)]


def test_an_older_checkpoint_does_not_know_and_nothing_changes() -> None:
    assert fitted(recipe(3, 2), 0, 5) == recipe(3, 2)


def test_the_line_says_how_many_processes_can() -> None:
    with pytest.raises(UserError, match=r"takes 6 windows, which 4 processes cannot .* go on with 1, 2, 3 or 6 proc"):
        fitted(recipe(3, 2), 6, 4)
    with pytest.raises(UserError, match=r"takes 1 windows, which 2 processes cannot .* go on with one process"):
        fitted(recipe(1, 1), 1, 2)
