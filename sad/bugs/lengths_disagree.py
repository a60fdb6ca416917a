"""Two tokenizers, two lengths: the comparison by position crashes, and cut to the shorter it compares other text

## Symptom
Evaluation dies with `The size of tensor a (168) must match the size of tensor b (160) at non-singleton dimension 1`:
the first text whose two readings differ in length. With one text a batch of length 1 it broadcasts, with a warning.

## Mechanism
A loss pairs position i of the student with position i of the teacher. Two tokenizers cut a text into different
pieces (here numbers: one cuts `40,000` digit by digit, the other does not), so the lengths differ by some 5% in
English and by a factor of 4 in Hindi. The message needs batch first and one width: hidden states after projection,
or logits cut to one vocabulary.

## What its documented fix did
It cut both to the shorter. The crash goes and the meaning too: from the first piece that differs, position i of one
is another place in the text than position i of the other. On this passage 90% of the pairs end at different bytes.

## Fix
Positions come from `sad/align/spans.py` alone: the byte offsets at which both readings have a token end. Windows are
cut there too, and no loss slices, pads or truncates: both sides are taken at these positions (`teacher_rows` in
`sad/terms/teacher.py`).

## Source
rakeshb49/student_aware_distillation, evaluation and the layerwise loss; arcee-ai/DistillKit, hidden-state loss.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from sad import data, terms, tiny
from sad.align.vocab import VocabMap
from sad.batch import ALM, ATTENTION, CONTRASTIVE, KD, LAYERWISE, LM, Batch
from sad.bug import Bug
from sad.data import Readers, batches
from sad.head.linear import IDENTITY
from sad.invariants.text_alignment import Compare, Read, text_alignment
from sad.models.forward import Forward
from sad.pair import Pair
from sad.recipe.terms import Terms
from sad.train.plan import Plan

WIDTH = 8


def buggy() -> Compare:
    """A loss of projected states, position by position."""

    def compare(readers: Readers, text: str, _: int) -> Sequence[Read]:
        student, teacher = _read(readers, text)
        _loss(torch.zeros(1, len(student), WIDTH), torch.zeros(1, len(teacher), WIDTH))
        return [_by_number(student, teacher)]

    return compare


def cut_to_the_shorter() -> Compare:
    """The documented fix."""

    def compare(readers: Readers, text: str, _: int) -> Sequence[Read]:
        student, teacher = _read(readers, text)
        shorter = min(len(student), len(teacher))
        _loss(torch.zeros(1, len(student), WIDTH)[:, :shorter], torch.zeros(1, len(teacher), WIDTH)[:, :shorter])
        return [_by_number(student, teacher)]

    return compare


def fixed() -> Compare:
    """The pairs that each term compares; and on a whole text the training loop with every term, for one step."""

    def compare(readers: Readers, text: str, length: int) -> Sequence[Read]:
        examples = data.examples([text], readers, max_length=length)
        if len(examples) == 1:
            terms = {name: {"weight": 0.1} for name in (ALM, ATTENTION, CONTRASTIVE)}
            chosen = tiny.recipe({"train": {"max_steps": 1}, "terms": terms})
            tiny.train(Plan(chosen, _pair(readers), examples, examples, 1, "fp32", "cpu"))
        # twice, so that a place of one text can be taken for one of another
        twice = [*examples, *examples]
        batch = batches.collate(twice, readers)
        found = [_compared(name, batch) for name in (KD, LAYERWISE, CONTRASTIVE)]
        return [
            Read(one.student.tolist(), one.teacher.tolist(), pairs[row], one.byte_count if pairs is found[0] else None)
            for pairs in found
            for row, one in enumerate(twice)
        ]

    return compare


def _compared(name: str, batch: Batch) -> list[list[tuple[int, int]]]:
    """Tell from a term's gradient, for each text, which position of the teacher each position of the student is drawn
    to.

    The teacher says its own place everywhere: at position t of text r the state, and the logits, are nothing but a
    large number at feature r * length + t. The student is drawn to that feature by the steepest descent. A place of
    another text counts as position -1.
    """
    (texts, mine), theirs = batch.student.input_ids.shape, batch.teacher.input_ids.shape[1]
    places = texts * theirs
    teacher = 30.0 * torch.eye(places).reshape(texts, theirs, places)
    student = torch.randn(texts, mine, places, generator=torch.Generator().manual_seed(0)).mul_(0.01).requires_grad_()
    vocab = _Places(places)
    total, _ = terms.TERMS[name](
        terms.View(
            batch=batch,
            student=Forward(nn.Identity(), student, {0: student}),
            head=IDENTITY,
            teacher=terms.teacher_output(batch, Forward(nn.Identity(), teacher, {0: teacher}), IDENTITY, vocab),
            vocab=vocab,
            terms=Terms.model_validate({LM: {"weight": 0.0}}),
            pairs=((0, 0),),
            projectors=nn.ModuleList([nn.Identity()]),
        )
    )
    (slope,) = torch.autograd.grad(total, student)
    found: list[list[tuple[int, int]]] = [[] for _ in range(texts)]
    for row, position in slope.abs().sum(dim=-1).nonzero().tolist():
        text, place = divmod(int(slope[row, position].argmin()), theirs)
        found[row].append((position, place if text == row else -1))
    return found


class _Places(VocabMap):
    """Both models speak of places."""

    def __init__(self, places: int) -> None:
        self.student_size = self.teacher_size = places
        self.identity = True


def _read(readers: Readers, text: str) -> tuple[list[int], list[int]]:
    student, teacher = (reader.read([text])[0].ids.tolist() for reader in (readers.student, readers.teacher))
    return student, teacher


def _by_number(student: Sequence[int], teacher: Sequence[int]) -> Read:
    shorter = min(len(student), len(teacher))
    return Read(student, teacher, [(i, i) for i in range(shorter)])


def _loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        # torch also warns that it will try to broadcast; the crash says enough
        warnings.simplefilter("ignore")
        return F.mse_loss(student, teacher)


def _pair(readers: Readers) -> Pair:
    teacher = tiny.model(readers.teacher.size, layers=2, width=16, seed=1).eval().requires_grad_(False)
    student = tiny.model(readers.student.size, layers=1, width=8, seed=2)
    return Pair(student, teacher, readers, VocabMap(readers.student, readers.teacher))


BUG = Bug(
    "V102",
    "lengths-disagree",
    __doc__,
    (text_alignment,),
    buggy,
    fixed,
    {"cut both to the shorter": cut_to_the_shorter},
    issue="Issue #2: Sequence Length Alignment",
    covers=("S16",),
)
