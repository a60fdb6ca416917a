import runpy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sad.invariants.places_compared import TEXTS, places_compared
from sad.shipped.text_loss import compared_loss
from sad.subjects.text_loss import IGNORED, cross_entropy, run

STYLES = runpy.run_path(str(Path(__file__).parents[1] / "subjects" / "right_text_losses.py"))


def forward_kl(student, teacher):
    return F.kl_div(student.log_softmax(-1), teacher.log_softmax(-1), log_target=True, reduction="batchmean")


def reverse_kl(student, teacher):
    return F.kl_div(teacher.log_softmax(-1), student.log_softmax(-1), log_target=True, reduction="sum")


def jensen_shannon(student, teacher):
    p, q = teacher.softmax(-1), student.softmax(-1)
    m = (p + q) / 2
    return (torch.special.xlogy(p, p / m) + torch.special.xlogy(q, q / m)).sum() / 2


def squared(student, teacher):
    return F.mse_loss(student, teacher)


def compared(divergence=forward_kl, collate=STYLES["right_padding"], with_labels=False):
    """Both models at the places that predict a label."""

    def loss(student, teacher, texts, marks):
        batch = collate(texts, marks)
        with torch.no_grad():
            theirs = run(teacher, batch)
        mine = run(student, batch)
        kept = batch.labels != IGNORED
        at = kept if batch.shifted else F.pad(kept[:, 1:], (0, 1))
        more = cross_entropy(mine, batch.labels, shifted=batch.shifted) if with_labels else 0.0
        return divergence(mine[at], theirs[at]) + more

    return loss


def every_place(student, teacher, texts, marks):
    """All places of a text, the prompt and the last one too; none of padding."""
    batch = STYLES["right_padding"](texts, marks)
    at = batch.attention_mask.bool()
    return forward_kl(run(student, batch)[at], run(teacher, batch)[at])


@pytest.mark.parametrize(
    "right",
    [
        compared_loss(),
        every_place,
        *(compared(divergence) for divergence in (forward_kl, reverse_kl, jensen_shannon, squared)),
        *(compared(collate=STYLES[name]) for name in ("left_padding", "packed", "shifted_outside", "whole_text")),
        compared(with_labels=True),
    ],
)
def test_right_implementations_hold(right):
    verdict = places_compared(right)
    assert verdict.holds, verdict.says


def moved(mine=0, theirs=0):
    def loss(student, teacher, texts, marks):
        batch = STYLES["right_padding"](texts, marks)
        at = F.pad(batch.labels[:, 1:] != IGNORED, (0, 1))
        both = run(student, batch).roll(mine, 1), run(teacher, batch).roll(theirs, 1)
        return forward_kl(*(of[at] for of in both))

    return loss


def rows_swapped(student, teacher, texts, marks):
    batch, other = (STYLES["right_padding"](some, marks) for some in (texts, texts[::-1]))
    at = F.pad(batch.labels[:, 1:] != IGNORED, (0, 1))
    return forward_kl(run(student, batch)[at], run(teacher, other)[at])


def padding_sides(student, teacher, texts, marks):
    batch, other = STYLES["right_padding"](texts, marks), STYLES["left_padding"](texts, marks)
    at = F.pad(batch.labels[:, 1:] != IGNORED, (0, 1))
    return forward_kl(run(student, batch)[at], run(teacher, other)[at])


def padding_too(student, teacher, texts, marks):
    batch = STYLES["right_padding"](texts, marks)
    return forward_kl(run(student, batch), run(teacher, batch))


def half_the_prompt(student, teacher, texts, marks):
    batch = STYLES["right_padding"](texts, marks)
    at = batch.attention_mask.bool()
    at[[0, 2], 0] = False
    return forward_kl(run(student, batch)[at], run(teacher, batch)[at])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (moved(mine=1), "places are compared with another place of the teacher"),
        (moved(theirs=1), "places are compared with another place of the teacher"),
        (moved(mine=-1), "places are compared with another place of the teacher"),
        (moved(1, 1), "places that predict a completion are not compared"),
        (rows_swapped, "another place of the teacher"),
        (padding_sides, "another place of the teacher"),
        (padding_too, "places of padding are compared (padded)"),
        (half_the_prompt, "places of prompts are compared"),
        (lambda *_: None, "the loss is None"),
        (lambda *_: 1 / 0, "division by zero"),
        (lambda student, *_: student.rows.weight.sum() * 0, "are not compared"),
        (lambda *_: torch.ones((), requires_grad=True) * 2, "the loss teaches nothing"),
    ],
)
def test_wrong_ones_break_it(wrong, says):
    verdict = places_compared(wrong)
    assert not verdict.holds
    assert says in verdict.says


def test_no_token_stands_in_two_places():
    tokens = [token for text in TEXTS for token in text.ids if token]
    assert len(tokens) == len(set(tokens))
