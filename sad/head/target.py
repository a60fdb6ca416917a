"""What KD compares the student with at the common boundaries, a few rows at a time."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from sad.align.vocab import VocabMap
from sad.head.linear import Head
from sad.losses.kd import Buckets


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """The teacher's last hidden states at the boundaries, its head, and the map to the student's tokens."""

    hidden: Float[Tensor, "boundary teacher_width"]
    head: Head
    vocab: VocabMap

    def __len__(self) -> int:
        return int(self.hidden.shape[0])

    @property
    def columns(self) -> int:
        """The teacher's real tokens: padding rows of its head are never computed."""
        return self.vocab.teacher_size


@dataclass(frozen=True, slots=True, eq=False)
class TopK:
    """The teacher's likeliest tokens by the student's ids, as a cache has them, with the log mass of the rest.

    ``log_probs`` and ``tail`` are float32, normalised together, and softened by ``temperature``: a cache made at one
    temperature knows no other. Ids of a row are distinct.
    """

    ids: Int[Tensor, "boundary k"]
    log_probs: Float[Tensor, "boundary k"]
    tail: Float[Tensor, " boundary"]
    temperature: float = 1.0

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def buckets(self, rows: slice, temperature: float) -> Buckets:
        """Return the buckets of some rows. Raises ValueError for another temperature than that of the list."""
        if temperature != self.temperature:
            raise ValueError(
                f"the list of the teacher's tokens is at temperature {self.temperature}, not {temperature}"
            )
        return Buckets(self.ids, self.log_probs, self.tail).part(rows)


Target = Live | TopK
