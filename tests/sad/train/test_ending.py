"""What comes after a step is the same on every process."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sad.train.ending import Ending, Turn, agreed
from sad_doctor import names


class Several:
    """Stands for the others: ``rows`` are what they want, in the order of the fields of a turn."""

    device = "cpu"

    def __init__(self, *rows: list[int]) -> None:
        self.rows = rows
        self.num_processes = 1 + len(rows)

    def gather(self, mine: torch.Tensor) -> torch.Tensor:
        return torch.cat([mine, *(torch.tensor([row]) for row in self.rows)])


NOTHING = [0, 0, 0, 0, -1, 1, 0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (NOTHING, Turn()),
        ([15, 0, 0, 0, -1, 1, 0], Turn(signal=15)),
        ([0, 1, 0, 0, -1, 4, 0], Turn(due=True, cuts=4)),
        ([0, 0, 1, 0, -1, 1, 0], Turn(time_is_up=True)),
        ([0, 0, 0, 1, -1, 1, 0], Turn(stop=True)),
        ([0, 0, 0, 0, 0, 1, 0], Turn(back=0)),
        ([2, 0, 0, 0, 7, 1, 0], Turn(signal=2)),
        ([0, 0, 0, 0, 7, 1, 2], Turn(lack=2)),
    ],
)
def test_what_one_wants_all_do(row: list[int], expected: Turn) -> None:
    several: Any = Several(NOTHING, row)
    assert agreed(several, Turn()) == expected


def test_alone_it_is_ones_own_will_but_a_run_that_ends_does_not_go_back() -> None:
    alone: Any = Several()
    assert agreed(alone, Turn(back=3, cuts=2)) == Turn(back=3, cuts=2)
    assert agreed(alone, Turn(time_is_up=True, back=3)) == Turn(time_is_up=True)


@pytest.mark.parametrize(
    ("ending", "event"),
    [
        (Ending(), (names.EVENT_END, "")),
        (Ending(15), (names.EVENT_INTERRUPT, "signal 15")),
        (Ending(red_flag="R105"), (names.EVENT_INTERRUPT, "stopped for a red flag: R105")),
        (Ending(data="the stream broke"), (names.EVENT_INTERRUPT, "the stream broke")),
        (Ending(time_is_up=True), (names.EVENT_TIME_IS_UP, "train.max_hours is reached")),
    ],
)
def test_the_end_is_told(ending: Ending, event: tuple[str, str]) -> None:
    assert ending.event == event
    assert ending.early == (event[0] != names.EVENT_END)
