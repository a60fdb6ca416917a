"""A loss between two heads over vocabularies, of which the rows may differ in number and in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Both models' logits at the same places, and their fast Hugging Face tokenizers.

    A head has a row for every id of its tokenizer, in that order, and may have more: those stand for nothing.
    """

    student_logits: Float[Tensor, "place student_rows"]
    teacher_logits: Float[Tensor, "place teacher_rows"]
    student_tokenizer: Any
    teacher_tokenizer: Any


@dataclass(frozen=True, slots=True)
class VocabularyLoss:
    """An implementation. ``loss`` is at least 0, and is 0 for equal distributions; it has a gradient to the student.

    ``across`` is True where it claims to compare tokenizers whose ids differ, ``spelled`` where it claims to compare
    those that spell their tokens in different ways; it is judged on those only then.
    """

    loss: Callable[[Heads], Float[Tensor, ""]]
    across: bool = False
    spelled: bool = False
