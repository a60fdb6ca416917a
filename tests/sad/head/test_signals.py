"""Signals against plain float64 formulas, for a whole distribution and for a list of its first tokens."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from sad.head.signals import AGREEMENT, HEARD, LABELLED, STUDENT_ENTROPY, TEACHER_ENTROPY, TEACHER_NLL, measured
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


@given(st.integers(1, 6), st.integers(3, 40), st.booleans(), st.data())
def test_a_label_without_mass_hides_no_other(rows: int, vocab: int, listed: bool, data: st.DataObject) -> None:
    noise = torch.Generator().manual_seed(vocab)
    teacher = torch.randn(rows, vocab, generator=noise, dtype=torch.float64)
    token = torch.randint(1, vocab, (rows,), generator=noise)
    none = torch.tensor(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    teacher[none, token[none]] = -torch.inf
    log_p = teacher.log_softmax(-1)
    target = log_p.float()
    if listed:
        # all that has mass is on the list
        target = Buckets(torch.arange(vocab).expand(rows, -1), target, torch.full((rows,), -torch.inf))
    found = measured(torch.zeros(rows, vocab), target, token)
    assert torch.equal(found[LABELLED].bool(), ~none)
    right = -log_p.gather(-1, token[:, None]).squeeze(-1)[~none].sum()
    torch.testing.assert_close(found[TEACHER_NLL].sum().double(), right, rtol=1e-4, atol=1e-5)


@given(st.integers(1, 6), st.integers(3, 40), st.booleans(), st.data())
def test_a_row_without_mass_hides_no_other(rows: int, vocab: int, listed: bool, data: st.DataObject) -> None:
    noise = torch.Generator().manual_seed(vocab)
    p = torch.randn(rows, vocab, generator=noise, dtype=torch.float64).softmax(-1)
    silent = torch.tensor(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    target = p.log().float()
    target[silent] = -torch.inf
    if listed:
        target = Buckets(torch.arange(vocab).expand(rows, -1), target, torch.full((rows,), -torch.inf))
    found = measured(torch.zeros(rows, vocab), target, None)
    assert torch.equal(found[HEARD].bool(), ~silent)
    torch.testing.assert_close(found[TEACHER_ENTROPY].sum().double(), entropy(p[~silent]).sum(), rtol=1e-4, atol=1e-5)


def test_without_labels_the_likelihood_is_nan() -> None:
    assert bool(measured(torch.zeros(2, 3), torch.zeros(2, 3), None)[TEACHER_NLL].isnan().all())
