"""What KD compares the student with at the common boundaries, a few rows at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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

    @torch.no_grad()
    def block(self, rows: slice, temperature: float) -> Float[Tensor, "n vocab"]:
        """Return log-probabilities over the student's tokens, softened by ``temperature``, without a graph."""
        return self.vocab.project(self.head.logits(self.hidden[rows]), temperature)

    def knows(self, temperature: float) -> bool:  # noqa: ARG002 - as the lists have it
        """Whether it has the distribution at a temperature: the model itself has every one."""
        return True

    @torch.no_grad()
    def mapped(self, rows: slice) -> Float[Tensor, " n"]:
        """Return the share of the teacher's mass that the student's tokens can take, at temperature 1."""
        return self.vocab.mass(self.head.logits(self.hidden[rows]))


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

    def block(self, rows: slice, temperature: float) -> Buckets:
        """Return the buckets of some rows. Raises ValueError for another temperature than that of the list."""
        if temperature != self.temperature:
            raise ValueError(
                f"the list of the teacher's tokens is at temperature {self.temperature}, not {temperature}"
            )
        return Buckets(self.ids[rows], self.log_probs[rows], self.tail[rows])

    def knows(self, temperature: float) -> bool:
        """Whether it has the distribution at a temperature."""
        return temperature == self.temperature

    def mapped(self, rows: slice) -> Float[Tensor, " n"]:
        """Return ones: what the list could not take was left out when it was made."""
        return torch.ones_like(self.tail[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Lists of the same places at several temperatures, each list a :class:`TopK`.

    ``mass`` is the share of the teacher's mass that the student's tokens can take, where it was measured.
    """

    lists: tuple[TopK, ...]
    mass: Float[Tensor, " boundary"] | None = None

    def __len__(self) -> int:
        return len(self.lists[0])

    def block(self, rows: slice, temperature: float) -> Buckets:
        """Return the buckets of some rows. Raises ValueError for a temperature that no list has."""
        fits = (one for one in self.lists if one.temperature == temperature)
        return next(fits, self.lists[0]).block(rows, temperature)

    def knows(self, temperature: float) -> bool:
        """Whether a list has the distribution at a temperature."""
        return any(one.knows(temperature) for one in self.lists)

    def mapped(self, rows: slice) -> Float[Tensor, " n"]:
        """Return the measured share, or ones where it is not known."""
        return self.lists[0].mapped(rows) if self.mass is None else self.mass[rows]


Target = Live | TopK | Stored
