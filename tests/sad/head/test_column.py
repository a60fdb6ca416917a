"""Numbers of some rows after others, in one buffer."""

from __future__ import annotations

import torch

from sad.head.column import Column


def test_what_is_there_is_summed_and_nothing_else() -> None:
    made = Column(5, torch.device("cpu"))
    made.numbers.fill_(7.0)
    assert made.sum() == 0
    made.append(torch.tensor([1.0, 2.0]))
    made.append(torch.tensor([4.0]))
    assert made.sum() == 7
    assert made.numbers.tolist() == [1.0, 2.0, 4.0, 7.0, 7.0]
