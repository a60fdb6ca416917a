"""A metric of several processes: each has its own batches, and what passes between them passes by a reduction."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import pytest
import torch

from sad.invariants.token_weighted import made_texts
from sad.subjects.metric import Scored
from sad.subjects.together import added, size, together

TEXTS = made_texts(1.0)


def counted(batches: Sequence[Scored]) -> Mapping[str, float]:
    mine = torch.tensor([float(len(batches)), float(batches[0].labels.shape[1])])
    total = added(mine).tolist()
    return {"mine": float(mine[0]), "all": total[0], "length": total[1], "size": size(), "at": os.getpid()}


def test_each_process_has_its_own_batches_and_the_first_reports() -> None:
    found = dict(together(counted)([TEXTS[:1], TEXTS[1:3], TEXTS[3:]]))
    assert found.pop("at") != os.getpid()
    lengths = [TEXTS[at].labels.shape[1] for at in (0, 1, 3)]
    assert found == {"mine": 1.0, "all": 6.0, "length": float(sum(lengths)), "size": 3}


def test_one_alone_asks_nobody() -> None:
    found = together(counted)([TEXTS])
    assert found["all"] == found["mine"] == 6.0
    assert (found["size"], found["at"]) == (1, os.getpid())


def fails(_: Sequence[Scored]) -> Mapping[str, float]:
    raise ValueError("it fell")


def test_one_that_fails_is_told_of() -> None:
    with pytest.raises(RuntimeError, match="it fell"):
        together(fails)([TEXTS[:1], TEXTS[1:]])
