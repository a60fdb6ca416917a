"""A student's prediction is compared with what its teacher predicts at the same place of the same text.

## Property
Judged with two models that are tables. The teacher's says, at every place, which token it has just read; the gradient
of the loss over the student's then names every pair (token that the student has read, token that the teacher has read)
that is compared. In each pair both are one: the same place. All places that predict a token of a completion are
compared, and none of padding; those of a prompt all or not at all.

## Why it must hold
Row i of both logits predicts token i + 1. Move one of them once more than the other, and the student learns at each
place what its teacher says of the next: the loss is high, falls, and ends far from the teacher.

## Tolerance
A pair is compared if it has more than 1e-3 of the largest gradient. What a language-model term in the same loss teaches
is not judged: the teacher answers in tokens that no text holds.

## What breaks it
Teacher's logits shifted where the student's are not, or twice; labels that are not shifted in the mask; padding on
another side; rows of padding compared; a prompt cut for one of the two.
"""

from __future__ import annotations

import torch

from sad.invariants._models import Table, drawn
from sad.subjects.text_loss import DistilledLoss, Marks, Text
from sad.verdict import Verdict

ID = "I10"

EOS, PAD, SIZE = 0, 1, 40
"""Tokens of texts are below ``SIZE``; by as much higher is what the teacher says of one."""
TEXTS = (
    Text((2, 3, 4), (5, 6, 7, EOS)),
    Text((), (8, 9, 10, 11, 12, 13, 14, EOS)),
    Text((15, 16, 17, 18, 19), (20, 21, EOS, 22, EOS)),
    Text((23,), (24, EOS)),
)
"""No token stands in two places, so that a token is a place; but for the end mark."""
SURE = 12.0
COMPARED = 1e-3

Pair = tuple[int, int]


def places_compared(loss: DistilledLoss) -> Verdict:
    """Judge which places are compared, with a padding mark of its own and with the end mark for padding."""
    compared: set[Pair] | str = set()
    for name, marks in (("padded", Marks(EOS, PAD)), ("padded with the end mark", Marks(EOS, EOS))):
        compared = _compared(loss, marks)
        fault = compared if isinstance(compared, str) else _fault(compared)
        if fault:
            return Verdict(False, f"{fault} ({name})", {"compared": len(compared)})
    return Verdict(True, f"{len(compared)} pairs, each of one place", {"compared": len(compared)})


def _compared(loss: DistilledLoss, marks: Marks) -> set[Pair] | str:
    """The pairs that are compared, or what went wrong, in words.

    A student that knows nothing is drawn, at each place, to the token that its teacher is sure of.
    """
    student = Table(torch.zeros(2 * SIZE, 2 * SIZE, dtype=torch.float64))
    says = torch.eye(2 * SIZE, dtype=torch.float64).roll(SIZE, dims=1)
    teacher = Table(SURE * says).eval().requires_grad_(False)
    below = drawn(student, lambda: loss(student, teacher, TEXTS, marks))
    if isinstance(below, str):
        return below
    return {(int(i), int(j) - SIZE) for i, j in (below > COMPARED * below.max()).nonzero() if j >= SIZE}


def _fault(compared: set[Pair]) -> str:
    """What is wrong with the pairs that are compared, in words; empty if nothing is."""
    apart = {pair for pair in compared if pair[0] != pair[1]}
    if apart:
        return f"{len(apart)} of {len(compared)} places are compared with another place of the teacher"
    places = {i for i, _ in compared}
    wanted = {token for text in TEXTS for token in text.ids[text.first - 1 : -1]}
    prompts = {token for text in TEXTS for token in text.prompt} - wanted
    if missing := wanted - places:
        return f"{len(missing)} of {len(wanted)} places that predict a completion are not compared"
    if PAD in places:
        return "places of padding are compared"
    if places & prompts and not prompts <= places:
        return f"{len(places & prompts)} of {len(prompts)} places of prompts are compared"
    return ""
