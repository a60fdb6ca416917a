"""A distillation loss whose teacher spoke before: what it said on every text was stored, and is read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Offline:
    """All texts that are stored, and the batches in which they are read back, each a tuple of their numbers.

    ``teacher[i]`` and ``student[i]`` are both models' logits at the same places of text ``i``; a head has a row for
    every id of its tokenizer, in that order. ``k`` is how many of the student's tokens are kept of each place, None
    for all of them.
    """

    teacher: tuple[Float[Tensor, "place teacher_rows"], ...]
    student: tuple[Float[Tensor, "place student_rows"], ...]
    student_tokenizer: Any
    teacher_tokenizer: Any
    batches: tuple[tuple[int, ...], ...]
    temperature: float = 1.0
    k: int | None = None


OfflineLoss = Callable[[Offline], Float[Tensor, ""]]
"""Stores the teacher, then returns the KL(teacher || student) in nats, summed over the places of all batches, at the
temperature, between the stored tokens and all others as one. Its gradient is that of the value times temperature
squared.
"""
