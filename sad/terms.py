"""What each term of the objective takes from a batch that both models have read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sad.align.chunks import chunk_of, chunk_sums
from sad.align.pieces import by_piece, visible
from sad.align.vocab import VocabMap
from sad.attention import Kept
from sad.aware.layers import LayerMap
from sad.aware.tokens import Gaps
from sad.batch import ALM, ATTENTION, CONTRASTIVE, KD, LAYERWISE, LM, Batch, Boundaries, Sum
from sad.forward import Forward
from sad.head.likelihood import log_likelihood
from sad.head.linear import Head
from sad.head.target import Live, Target
from sad.head.vocabulary import Chunks, Compared, Vocabulary, vocabulary_pass
from sad.losses import alm, attention, contrastive, layerwise
from sad.losses.kd import Divergence, Kind
from sad.recipe.terms import Kd, Terms


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is kept of the teacher's pass: its rows at the common boundaries, and nothing else.

    ``blocks[i]`` is what block ``i`` handed on there.
    """

    target: Target
    blocks: dict[int, Float[Tensor, "boundary width"]]
    attended: dict[int, tuple[Tensor, ...]] = field(default_factory=dict)
    """By block queries, keys and values [boundary, width], or the map [boundary, piece]; where a term asks."""
    chunks: Float[Tensor, " boundary"] | None = None
    """Log-likelihood of the chunk that begins at each boundary; where a term asks."""


def divergence(chosen: Kd) -> Divergence:
    """The divergence of a recipe."""
    return Divergence(Kind(chosen.divergence), chosen.temperature, chosen.mix)


def asked(batch: Batch, teacher: Forward, head: Head, vocab: VocabMap) -> Asked:
    """Take from a teacher's pass over ``batch.teacher`` what the terms need."""
    at = batch.boundaries
    blocks = {block: teacher_rows(states, at) for block, states in teacher.blocks.items()}
    return Asked(Live(teacher_rows(teacher.hidden, at), head, vocab), blocks)


def teacher_rows(states: Float[Tensor, "batch length width"], at: Boundaries) -> Float[Tensor, "boundary width"]:
    """The teacher's states at common boundaries."""
    return states[at.row, at.teacher]


def teacher_chunks(batch: Batch, teacher: Forward, head: Head) -> Float[Tensor, " boundary"]:
    """The teacher's log-likelihood of the chunk that begins at each boundary."""
    labels, at = batch.teacher_targets, batch.boundaries
    each = log_likelihood(teacher.hidden[labels.row, labels.position], head, labels.token)
    return chunk_sums(each, chunk_of(labels, at.row, at.teacher, batch.teacher.input_ids.shape[1]), len(at))


def attended(read: Kept, batch: Batch, position: Int[Tensor, " boundary"]) -> dict[int, tuple[Tensor, ...]]:
    """What a model's attention read or gave, at common boundaries only."""
    row, text, columns = batch.boundaries.row, batch.boundaries.texts, _longest(batch)
    return {
        block: tuple(of[row, position] for of in found)
        if len(found) > 1
        else (by_piece(found[0], row, position, text, columns),)
        for block, found in read.items()
    }


def _longest(batch: Batch) -> int:
    """A bound on the boundaries of a text that the host knows."""
    return min(batch.student.input_ids.shape[1], batch.teacher.input_ids.shape[1])


@dataclass(frozen=True, slots=True)
class Attended:
    """Pairs of blocks whose attention is compared, and into how many relation heads it is cut."""

    pairs: tuple[tuple[int, int], ...] = ()
    heads: int = 1


@dataclass(slots=True, eq=False)
class View:
    """The student's pass and the teacher's rows of one batch, and the rows of each that belong together.

    ``projectors`` map a student block's width to the teacher's, one for each pair in ``pairs``. ``scales`` are what
    the objective will multiply the terms by, if that is known (:meth:`sad.objective.Objective.scales`). ``attended``
    is the student's side of :class:`Asked`'s. ``layer_map`` and ``gaps`` are there where the recipe asks for them.
    """

    batch: Batch
    student: Forward
    head: Head
    asked: Asked
    vocab: VocabMap
    terms: Terms
    pairs: tuple[tuple[int, int], ...]
    projectors: nn.ModuleList
    scales: Mapping[str, float] | None = None
    attended: dict[int, tuple[Tensor, ...]] = field(default_factory=dict)
    attention: Attended = Attended()
    layer_map: LayerMap | None = None
    gaps: Gaps | None = None
    _passed: Vocabulary | None = None

    def target_states(self) -> Float[Tensor, "target width"]:
        """The student's last states at its targets."""
        return self.student.hidden[self.batch.targets.row, self.batch.targets.position]

    def compared_rows(self) -> Int[Tensor, " boundary"]:
        """Which of the targets are common boundaries."""
        return self.batch.boundaries.target

    @property
    def divergence(self) -> Divergence:
        """The divergence that the recipe asks for."""
        return divergence(self.terms.kd)

    def vocabulary(self) -> Vocabulary:
        """KD, LM and chunk likelihood, from one pass over the vocabulary that is made once."""
        if self._passed is None:
            weights = self.terms.weights
            token = self.batch.targets.token if {LM, ALM} & set(weights) else None
            compared = self.compared(self.divergence) if KD in weights else None
            if compared is not None and self.gaps is not None and torch.is_grad_enabled():
                compared = replace(compared, row_weight=self.gaps.weights)
            states = self.target_states()
            chunks = self.chunks(states) if ALM in weights else None
            self._passed = vocabulary_pass(states, self.head, token, compared, chunks=chunks, scales=self.scales)
        return self._passed

    def compared(self, divergence: Divergence) -> Compared:
        """The rows that KD compares, over real tokens only."""
        return Compared(self.asked.target, self.compared_rows(), self.vocab.student_size, divergence)

    def chunks(self, states: Float[Tensor, "target width"]) -> Chunks:
        """The chunk likelihood and what it makes of each label's gradient; one more product a row."""
        theirs, labels, at = self.asked.chunks, self.batch.targets, self.batch.boundaries
        if theirs is None:
            raise ValueError("the chunk likelihood needs the teacher's: it was not asked for")
        chunk = chunk_of(labels, at.row, at.student, self.batch.student.input_ids.shape[1])
        mine = chunk_sums(log_likelihood(states, self.head, labels.token), chunk, len(at))
        values, slope = alm.rows(mine, theirs, self.terms.alm.temperature)
        # a label before the first boundary belongs to no chunk
        return Chunks(values.sum(), -torch.cat([slope, slope.new_zeros(1)])[chunk])

    def states(self, pair: int) -> tuple[Float[Tensor, "boundary width"], Float[Tensor, "boundary width"]]:
        """Student's projected and teacher's states of a pair of blocks at common boundaries."""
        at, (mine, theirs) = self.batch.boundaries, self.pairs[pair]
        student = self.student.blocks[mine][at.row, at.student]
        return self.projectors[pair](student), self.asked.blocks[theirs]

    def layer_distance(self, pair: int) -> Sum:
        """How far the states of a pair of blocks are apart, or those of the student's from the learned mixture."""
        how = self.terms.layerwise.normalisation
        if self.layer_map is None:
            return layerwise.layer_distance(*self.states(pair), how)
        student, _ = self.states(pair)
        blocks = [self.asked.blocks[block] for block in range(self.layer_map.scores.shape[1])]
        return layerwise.between(student, self.layer_map(pair, blocks), how)

    def looks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Student's and teacher's queries, then keys, then values, or the map, of each pair of blocks."""
        for mine, theirs in self.attention.pairs:
            yield from zip(self.attended[mine], self.asked.attended[theirs], strict=True)


def _lm(view: View) -> Sum:
    return Sum(view.vocabulary().lm, len(view.batch.targets))


def _kd(view: View) -> Sum:
    return Sum(view.vocabulary().kd, len(view.batch.boundaries))


def _alm(view: View) -> Sum:
    return Sum(view.vocabulary().alm, len(view.batch.boundaries))


def _layerwise(view: View) -> Sum:
    return _mean([view.layer_distance(k) for k in range(len(view.pairs))])


def _attention(view: View) -> Sum:
    text, longest = view.batch.boundaries.texts, _longest(view.batch)
    if view.terms.attention.compare == "maps":
        seen = visible(text, longest)
        each = [attention.map_divergence(*sides, seen) for sides in view.looks()]
    else:
        each = [attention.relation_divergence(*sides, text, view.attention.heads, longest) for sides in view.looks()]
    return _mean(each)


def _mean(each: list[Sum]) -> Sum:
    """The mean of terms over the same units."""
    return Sum(sum((one.total for one in each[1:]), each[0].total) / len(each), each[0].units)


def _contrastive(view: View) -> Sum:
    at, how = view.batch.boundaries.texts, view.terms.contrastive
    return contrastive.info_nce(*view.states(len(view.pairs) - 1), at, how.temperature, how.negatives)


TERMS: dict[str, Callable[[View], Sum]] = {
    KD: _kd,
    LM: _lm,
    ALM: _alm,
    LAYERWISE: _layerwise,
    ATTENTION: _attention,
    CONTRASTIVE: _contrastive,
}
NEED_STATES = frozenset({LAYERWISE, CONTRASTIVE})
