"""What is kept of the teacher's pass over a batch: its rows at the common boundaries, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float, Int
from torch import Tensor

from sad.align.chunks import chunk_of, chunk_sums
from sad.align.pieces import by_piece
from sad.align.vocab import VocabMap
from sad.batch import Batch, Boundaries
from sad.head.likelihood import log_likelihood
from sad.head.linear import Head
from sad.head.target import Live, Target
from sad.models.attention import Kept
from sad.models.forward import Forward


@dataclass(frozen=True, slots=True, eq=False)
class TeacherOutput:
    """What the terms read of the teacher. ``blocks[i]`` is what block ``i`` handed on at each boundary."""

    target: Target
    blocks: dict[int, Float[Tensor, "boundary width"]]
    attended: dict[int, tuple[Tensor, ...]] = field(default_factory=dict)
    """By block queries, keys and values [boundary, width], or the map [boundary, piece]; where a term needs them."""
    chunks: Float[Tensor, " boundary"] | None = None
    """Log-likelihood of the chunk that begins at each boundary; where a term needs it."""


def teacher_output(batch: Batch, teacher: Forward, head: Head, vocab: VocabMap) -> TeacherOutput:
    """Take from the teacher's pass over ``batch.teacher`` its target and its blocks' states at the boundaries."""
    at = batch.boundaries
    blocks = {block: teacher_rows(states, at) for block, states in teacher.blocks.items()}
    return TeacherOutput(Live(teacher_rows(teacher.hidden, at), head, vocab), blocks)


def teacher_chunks(batch: Batch, teacher: Forward, head: Head) -> Float[Tensor, " boundary"]:
    """Return the teacher's log-likelihood of the chunk that begins at each boundary."""
    labels, at = batch.teacher_targets, batch.boundaries
    each = log_likelihood(teacher.hidden[labels.row, labels.position], head, labels.token)
    return chunk_sums(each, chunk_of(labels, at.row, at.teacher, batch.teacher.input_ids.shape[1]), len(at))


def attention_at_boundaries(
    kept: Kept, batch: Batch, position: Int[Tensor, " boundary"]
) -> dict[int, tuple[Tensor, ...]]:
    """Return by block what a model's attention read or gave, at ``position``, its own places of the boundaries."""
    row, text, columns = batch.boundaries.row, batch.boundaries.texts, most_boundaries(batch)
    return {
        block: tuple(of[row, position] for of in found)
        if len(found) > 1
        else (by_piece(found[0], row, position, text, columns),)
        for block, found in kept.items()
    }


def most_boundaries(batch: Batch) -> int:
    """Return a bound on the boundaries of a text that the host knows, without asking the device."""
    return min(batch.student.input_ids.shape[1], batch.teacher.input_ids.shape[1])


def teacher_rows(states: Float[Tensor, "batch length width"], at: Boundaries) -> Float[Tensor, "boundary width"]:
    """Return the teacher's states at the common boundaries."""
    return states[at.row, at.teacher]
