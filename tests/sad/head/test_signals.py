"""Signals against plain float64 formulas, for a whole distribution and for a list of its first tokens."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from sad.head.signals import AGREEMENT, STUDENT_ENTROPY, TEACHER_ENTROPY, TEACHER_NLL, measured
from sad.losses.kd import Buckets


def entropy(p: torch.Tensor) -> torch.Tensor:
    return -(p * p.log()).nan_to_num(0.0).sum(-1)


@given(st.integers(1, 6), st.integers(3, 40), st.sampled_from([0.1, 3.0]), st.booleans())
def test_signals_are_their_formulas(rows: int, vocab: int, size: float, listed: bool) -> None:
    noise = torch.Generator().manual_seed(vocab)
    student, teacher = size * torch.randn(2, rows, vocab, generator=noise, dtype=torch.float64)
    token = torch.randint(vocab, (rows,), generator=noise)
    p, q = teacher.softmax(-1), student.softmax(-1)
    if listed:
        top, ids = p.topk(2)
        tail = 1 - top.sum(-1)
        target = Buckets(ids, top.log().float(), tail.log().float())
        found = measured(student.float(), target, token)
        inside = ids == token[:, None]
        nll = -torch.where(inside.any(-1), (top * inside).sum(-1), tail).log()
        p = torch.cat([top, tail[:, None]], -1)
    else:
        found = measured(student.float(), p.log().float(), token)
        nll = -p.gather(-1, token[:, None]).squeeze(-1).log()
    for name, right in ((TEACHER_ENTROPY, entropy(p)), (STUDENT_ENTROPY, entropy(q)), (TEACHER_NLL, nll)):
        torch.testing.assert_close(found[name].double(), right, rtol=1e-4, atol=1e-5)
    assert torch.equal(found[AGREEMENT].bool(), teacher.argmax(-1) == student.argmax(-1))
