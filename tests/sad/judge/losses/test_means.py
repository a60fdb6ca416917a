"""A mean of means is told from every kind of weight that rows may have."""

from __future__ import annotations

import pytest
import torch

from sad.judge.losses.call import Call
from sad.judge.losses.families import FORWARD, forward_kl
from sad.judge.losses.means import of_parts
from sad.judge.losses.sample import fit, given, sample
from sad.judge.losses.session import session
from sad.verdict import Standing


def told(loss) -> str:
    of = sample(loss, given(0))
    return of_parts(loss, of, fit(of, FORWARD, 0.5), lambda s: fit(s, FORWARD, 0.5), shift=False)


def rows(of):
    return forward_kl(of.student_logits, of.teacher_logits), (of.labels != -100).double()


def halves(of):
    """Each half of the length has its own mean (torchtune #1865)."""
    loss, counts = rows(of)
    parts = zip((loss * counts).chunk(2, dim=1), counts.chunk(2, dim=1), strict=True)
    return sum(part.sum() / some.sum().clamp_min(1) for part, some in parts) / 2


def of_all(of):
    loss, counts = rows(of)
    return (loss * counts).sum() / counts.sum()


def of_sequences(of):
    loss, counts = rows(of)
    return ((loss * counts).sum(1) / counts.sum(1).clamp_min(1)).mean()


def fading(of):
    """The k-th row that counts weighs 0.5 to the power of k."""
    loss, counts = rows(of)
    return (loss * counts * 0.5 ** counts.cumsum(1)).sum() / counts.sum()


def by_confidence(of):
    loss, counts = rows(of)
    weights = counts * of.teacher_logits.softmax(-1).amax(-1)
    return (loss * weights).sum() / weights.sum()


def test_a_mean_of_the_means_of_chunks_is_found():
    assert "a mean of means" in told(halves)


@pytest.mark.parametrize("loss", [of_all, of_sequences, fading, by_confidence])
def test_other_weights_are_none(loss):
    assert told(loss) == ""


def test_it_is_broken_as_a_whole():
    def loss(
        student_logits: list[torch.Tensor], teacher_logits: list[torch.Tensor], labels, num_output_chunks: int = 2
    ):
        total = 0.0
        parts = zip(student_logits, teacher_logits, labels.chunk(num_output_chunks, dim=1), strict=True)
        for student, teacher, some in parts:
            counts = (some != -100).to(student.dtype)
            kl = forward_kl(student, teacher)
            total = total + (kl * counts).sum() / counts.sum().clamp_min(1)
        return total / num_output_chunks

    events = list(session(Call(loss), "loss", only=("known_divergence",)))
    line = next(event["line"] for event in events if "line" in event)
    assert line.standing is Standing.BROKEN
    assert "a mean of means" in line.says
