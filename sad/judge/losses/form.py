"""The form in which a loss is given its values."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sad.judge.roles import Space


@dataclass(frozen=True, slots=True)
class Form:
    """In which form the values are given, where names alone do not tell."""

    rank: int = 3
    """Axes: [batch, length, vocab], [rows, vocab], or 4, [batch, vocab, length, 1], as of the places of an image."""
    first: bool = False
    """Logits as the first of a list of outputs."""
    student: Space = Space.LOGITS
    teacher: Space = Space.LOGITS
    softened: bool = False
    """The teacher's probabilities are those at the temperature already."""
    chunks: int = 0
    """Logits as a list of this many chunks along the length; 0: one tensor."""
    even: bool = False
    """Chunks are as `tensor_split` makes them, of lengths that differ by 1 at most, not as `chunk` does."""
    outputs: bool = False
    """Logits inside a model's output."""
    alike: bool = True
    """Where one side is an output the other is one too, whatever it is called."""
    pairs: bool = False
    """The student's logits twice, as a tuple: those of two heads."""
    bare: bool = False
    """A model returns its logits alone."""
    firsts: bool = False
    """Of sequences it reads the first place alone, whatever the mask is."""
    swapped: bool = False
    """The teacher's come first."""
    masks: torch.dtype = torch.bool
    flipped: bool = False
    """A mask is 1 where a row does not count."""
    column: bool = False
    """Masks have an axis of one more at the end, to go with the vocabulary's."""
    longer: bool = False
    """Masks have one place more at the front, as ids have where logits predict the next token."""
    whole: bool = False
    """Labels without -100, for what cannot have it."""
    temperature: float = 1.0
    """The logits are multiplied by this: it undoes a temperature that is fixed inside."""
    listed: int = 0
    """How many tokens are listed, where a teacher is kept as a list; 0: all."""
    beta: str | None = None
    """The parameter or attribute that takes beta, where several could."""
