"""Calls to judge a divergence with: small, of unequal lengths, partly ignored; and how to say which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from sad.subjects.divergence import IGNORED, Contract, Given, narrowed


class Shape(NamedTuple):
    """How many sequences of how many rows over how many tokens."""

    batch: int
    length: int
    vocab: int


ORDINARY = Shape(3, 7, 37)
"""15 of its 21 rows count: no two denominators, and no temperature's square, are taken for one another."""
SHAPES = (Shape(1, 2, 2), Shape(1, 3, 5), Shape(2, 3, 5), Shape(3, 6, 5), ORDINARY)
"""From the smallest to the ordinary one. With a shift the last row of a sequence never counts: 2 is the least."""
TEMPERATURE, BETA = 2.0, 0.3


def call(
    contract: Contract,
    shape: Shape = ORDINARY,
    *,
    seed: int = 0,
    size: float = 2.0,
    temperature: float = TEMPERATURE,
    beta: float = BETA,
    every: bool = False,
) -> Given:
    """Return a call with unrelated logits in float32, normal with deviation ``size``, and labels.

    Unless ``every`` row counts, sequences have unequal prompts and paddings without labels. What the implementation
    does not take is left out.
    """
    noise = torch.Generator().manual_seed(seed)
    student, teacher = size * torch.randn(2, *shape, generator=noise)
    tokens = torch.randint(shape.vocab, (shape.batch, shape.length), generator=noise)
    labels = tokens if every else unequal(tokens, shift=contract.shift)
    if contract.shift:
        # nothing is there that could predict the first token
        labels = labels.index_fill(1, torch.tensor([0]), IGNORED)
    return narrowed(contract, Given(student, teacher, labels, temperature, beta))


def unequal(tokens: Int[Tensor, "batch length"], *, shift: bool = False) -> Int[Tensor, "batch length"]:
    """Leave labels of a middle part of each sequence, another one in each; at least one in every sequence."""
    length = tokens.shape[1]
    place = torch.arange(length)
    labels = tokens.clone()
    for b in range(tokens.shape[0]):
        start = min(b % 3 if length > 3 else b % 2, length - 1)
        start = max(start, 1) if shift else start
        end = max(start + 1, length - (b + 1) % 3 if length > 3 else length - (b + 1) % 2)
        labels[b, (place < start) | (place >= end)] = IGNORED
    return labels


def told(given: Given) -> str:
    """Say a call in words: sizes, temperature, which rows do not count."""
    batch, length, vocab = given.student_logits.shape
    parts = [f"{batch} sequence{'s' * (batch != 1)} of {length} rows over {vocab} tokens"]
    if given.student_logits.dtype != torch.float32:
        parts.append(str(given.student_logits.dtype).removeprefix("torch."))
    parts += [f"T = {given.temperature:g}"] if given.temperature != 1 else []
    parts += [f"beta = {given.beta:g}"] if given.beta != 0.5 else []
    if given.labels is not None:
        without = (given.labels == IGNORED).nonzero().tolist()
        parts.append(f"{len(without)} of {batch * length} labels are -100" if without else "every label is a token")
    if given.count is not None:
        parts.append(f"count = {given.count}")
    return ", ".join(parts)


def smallest(
    fault: Callable[[Shape], tuple[str, Given | None]], shapes: Sequence[Shape] = SHAPES
) -> tuple[str, Given | None]:
    """Return what is wrong with the largest shape (empty if nothing is), and the smallest call where something is.

    ``fault`` gives for a shape what is wrong, and the call that shows it.
    """
    says, call_of = fault(shapes[-1])
    if not says:
        return "", None
    for shape in shapes[:-1]:
        wrong, small = fault(shape)
        if wrong:
            return says, small
    return says, call_of


def half(given: Given, dtype: torch.dtype) -> Given:
    """Return the call with both logits rounded to another dtype."""
    return replace(given, student_logits=given.student_logits.to(dtype), teacher_logits=given.teacher_logits.to(dtype))
