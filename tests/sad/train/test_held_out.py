from __future__ import annotations

import pytest

from sad import tiny
from sad.train.held_out import batches
from sad.train.saving.checkpoint import Progress


@pytest.mark.parametrize("cuts", [1, 2, 3])
def test_every_held_out_window_is_scored_once_however_batches_are_cut(cuts: int) -> None:
    plan = tiny.plan({"train": {"batch_size": 3}, "data": {"eval_windows": 7}})
    found = list(batches(plan, Progress(cuts=cuts)))
    first, numbers = len(plan.train), [number for batch in found for number in batch.numbers]
    assert sorted(numbers) == list(range(first, first + len(plan.held_out)))
    assert max(len(batch.numbers) for batch in found) == max(1, 3 // cuts)
    lengths = [len(plan.held_out[number - first].student) for number in numbers]
    assert lengths == sorted(lengths)
