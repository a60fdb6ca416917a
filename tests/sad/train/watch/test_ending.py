"""What comes after a step is the same on every process."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sad.errors import UserError
from sad.train.watch.ending import Decision, Ending, agreed
from sad_doctor import names


class Several:
    """Stands for the others: ``rows`` are what they want, in the order of the fields of a turn."""

    device = "cpu"

    def __init__(self, *rows: list[int]) -> None:
        self.rows = rows
        self.num_processes = 1 + len(rows)

    def gather(self, mine: torch.Tensor) -> torch.Tensor:
        return torch.cat([mine, *(torch.tensor([[*row, self.number(mine)]]) for row in self.rows)])

    def number(self, mine: torch.Tensor) -> int:
        """What the others read is what this one reads."""
        return int(mine[0, -1])


NOTHING = [0, 0, 0, 0, -1, 1, 0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (NOTHING, Decision()),
        ([15, 0, 0, 0, -1, 1, 0], Decision(signal=15)),
        ([0, 1, 0, 0, -1, 4, 0], Decision(due=True, cuts=4)),
        ([0, 0, 1, 0, -1, 1, 0], Decision(time_is_up=True)),
        ([0, 0, 0, 1, -1, 1, 0], Decision(stop=True)),
        ([0, 0, 0, 0, 0, 1, 0], Decision(back=0)),
        ([2, 0, 0, 0, 7, 1, 0], Decision(signal=2)),
        ([0, 0, 0, 0, 7, 1, 2], Decision(lack=2)),
    ],
)
def test_what_one_wants_all_do(row: list[int], expected: Decision) -> None:
    several: Any = Several(NOTHING, row)
    assert agreed(several, Decision()) == expected


def test_processes_that_read_other_texts_are_all_told() -> None:
    class Apart(Several):
        def number(self, mine: torch.Tensor) -> int:
            return super().number(mine) + 1 if super().number(mine) else 77

    several: Any = Several(NOTHING)
    assert agreed(several, Decision(due=True), "a hash") == Decision(due=True)
    apart: Any = Apart(NOTHING)
    with pytest.raises(UserError, match="the processes do not read the same training text: give each machine"):
        agreed(apart, Decision(), "a hash")
    # one that does not wait for its windows has none to tell of
    assert agreed(apart, Decision(signal=15)) == Decision(signal=15)
    seen: list[int] = []

    class Seen(Several):
        def number(self, mine: torch.Tensor) -> int:
            seen.append(super().number(mine))
            return seen[-1]

    for data in ("one", "other", "one"):
        listens: Any = Seen(NOTHING)
        agreed(listens, Decision(), data)
    assert seen[0] == seen[2] != seen[1]


def test_alone_it_is_ones_own_will_but_a_run_that_ends_does_not_go_back() -> None:
    alone: Any = Several()
    assert agreed(alone, Decision(back=3, cuts=2)) == Decision(back=3, cuts=2)
    assert agreed(alone, Decision(time_is_up=True, back=3)) == Decision(time_is_up=True)


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
