"""A distillation from texts to numbers: what is to be learned from what, and the account that is given of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from torch import Tensor, nn

if TYPE_CHECKING:
    from sad.subjects.following import Following

KD, LM, ALM, LAYERWISE, ATTENTION, CONTRASTIVE = "kd", "lm", "alm", "layerwise", "attention", "contrastive"
LAYERNORM, RELATIVE, COSINE = "layernorm", "relative", "cosine"
"""Ways to normalise a state."""
RELATIONS, MAPS = "relations", "maps"
"""What to compare of attention."""
TEXT, BATCH = "text", "batch"
"""Whose places are negatives."""

LOSS, RAW = "loss", "raw "
"""How the numbers of an account are called: the weighted sum, and each term before its weight."""
WEIGHT = "weight "
"""Begins the names of the terms' weights, where something moves them."""
UPDATE = "update ratio"
"""Of a step: the norm of the change of the student's weights over the norm of the weights before."""
LABELS, ENTROPY = "loss of the labels", "entropy"
"""Of a step's first micro-batch, the teacher's own: nats of the student's label a place, and its entropy, at
temperature 1 over the student's tokens; untold where its answers were stored at another temperature, and
where they are infinite.
"""
COVERAGE = "coverage"
"""Of a step: the places at which the models are compared over the student's labels."""
LENGTH, TOKENS = "length", "tokens"
"""Of a step: the student's tokens a text, marks too; and those that it has read by then, of all steps."""
LM_LOSS, BITS, KL, AGREEMENT, MAPPED = "lm loss", "bits per byte", "kl", "agreement", "mapped"
"""Of the held-out texts: nats a label, bits a byte, KL(teacher || student) at temperature 1 a place, the share of
places at which both rank one token first, the share of the teacher's mass that has a student token.
"""
TEACHER = "teacher's "
"""Begins the names of the teacher's own likelihood."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is distilled. Every text fits into the models whole.

    Each model reads the begin mark that its tokenizer puts before a text, the text, and the end mark. Both are compared
    after every place at which both have read the same bytes, unless the student is to say a mark there that the
    teacher's tokenizer spells out, and are taught, and scored, on the tokens that come after the first such place.
    Every term is a mean over the labels, or places, of the whole step:

    - ``kd`` is KL(teacher || student) in nats at ``temperature`` over the student's tokens, its gradient times
      temperature squared. Each teacher token's mass goes to the first student token of its bytes (where both have one
      tokenizer, to itself); what has none is left out.
    - ``lm`` is the cross-entropy over every row of the student's head.
    - ``alm`` is of chunks, from one place to the next, or to the end: ``chunk_temperature`` times the KL between two
      coins, whose chances are the teacher's and the student's likelihood of the chunk, each to the power of one over
      ``chunk_temperature``.
    - ``layerwise`` is the distance of normalised states, averaged over ``blocks`` (student's, teacher's). The student's
      state is brought to mean 0 and variance 1 before its projection. LAYERNORM: both sides likewise, the mean squared
      difference; RELATIVE: the mean squared difference to the teacher's at mean square 1; COSINE: 1 - cosine.
    - ``attention``, over ``attention_blocks``: RELATIONS are the KL of softmaxes of the scaled products of a place's
      query with the queries of the places of its text up to itself, so of keys, so of values, the mean of the three,
      each cut into ``relation_heads`` (none: the most that divide all and keep 8 features). MAPS are the KL of the
      attention maps, averaged over heads, by the pieces of text that end at the places, each with 1e-6 added.
    - ``contrastive`` is InfoNCE on the cosines of the last pair of ``blocks`` over ``sharpness``, within a text or
      within a micro-batch.
    """

    student: nn.Module
    teacher: nn.Module
    student_tokenizer: Any
    teacher_tokenizer: Any
    texts: tuple[str, ...]
    held_out: tuple[str, ...]
    weights: Mapping[str, float]
    temperature: float
    sharpness: float
    blocks: tuple[tuple[int, int], ...]
    micro_batch: int
    """Texts of a forward pass; all texts together are one optimizer step, and held-out ones are taken in order."""
    chunk_temperature: float
    normalisation: str
    attention: str
    attention_blocks: tuple[tuple[int, int], ...]
    relation_heads: int | None
    negatives: str
    rate: float = 1e-3
    """Learning rate of the step: AdamW's first, so every weight moves by as much against the sign of its gradient."""
    decay: float = 0.0
    """Share of a matrix that decays, times the rate; vectors and projections do not decay."""
    projection_rate: float = 1e-2
    stored: bool = False
    """Whether the teacher is asked beforehand and its answers are kept, all tokens of each, in few bits."""
    following: Following | None = None
    """What follows the student; nothing. Where something does, steps are of two micro-batches, and several."""


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """What was computed at the weights that the task came with.

    ``batches`` are the numbers of the texts in each micro-batch of the step, ``projections`` the maps from the
    student's states to the teacher's width, one a pair of blocks. ``gradient`` is that of the step's loss by the
    student's weights and by the projections (:func:`projection`), before any clipping; ``change`` what the step added
    to each of them, where that is told. ``earlier`` are the micro-batches of the steps before, where there are any;
    those are not to have moved the student.
    """

    batches: Sequence[Sequence[int]]
    projections: Sequence[Float[Tensor, "teacher_width width"]]
    step: Mapping[str, float]
    held_out: Mapping[str, float]
    gradient: Mapping[str, Tensor]
    change: Mapping[str, Tensor] = field(default_factory=dict)
    earlier: Sequence[Sequence[Sequence[int]]] = ()


def projection(number: int) -> str:
    """How the projection of a pair of blocks is called beside the student's weights."""
    return f"projection {number}"


Learner = Callable[[Task], Account]
"""Reads the texts, takes one step, scores the held-out ones with the weights from before it."""
