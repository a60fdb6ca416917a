"""What a term is called with: both models' outputs on one batch, at the positions that correspond."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sad.align.chunks import chunk_of, chunk_sums
from sad.align.vocab import VocabMap
from sad.aware.layers import LayerMap
from sad.aware.tokens import Gaps
from sad.batch import ALM, KD, LM, Batch, Sum
from sad.head.likelihood import log_likelihood
from sad.head.linear import Head
from sad.head.vocabulary import Chunks, Compared, Vocabulary, vocabulary_pass
from sad.losses import alm, layerwise
from sad.losses.kd import Divergence, Kind
from sad.models.forward import Forward
from sad.recipe.terms import Kd, Terms
from sad.terms.teacher import TeacherOutput


def divergence(chosen: Kd) -> Divergence:
    """The divergence of a recipe."""
    return Divergence(Kind(chosen.divergence), chosen.temperature, chosen.mix)


@dataclass(frozen=True, slots=True)
class AttentionPairs:
    """Pairs of blocks whose attention is compared, and into how many relation heads it is cut."""

    pairs: tuple[tuple[int, int], ...] = ()
    heads: int = 1


@dataclass(slots=True, eq=False)
class View:
    """The student's pass and the teacher's rows of one batch, and the rows of each that belong together.

    ``projectors`` map a student block's width to the teacher's, one for each pair in ``pairs``. ``scales`` are what
    the objective will multiply the terms by, if that is known (:meth:`sad.objective.Objective.scales`). ``attended``
    is the student's counterpart of ``teacher.attended``. ``layer_map`` and ``gaps`` are there where the recipe asks.
    """

    batch: Batch
    student: Forward
    head: Head
    teacher: TeacherOutput
    vocab: VocabMap
    terms: Terms
    pairs: tuple[tuple[int, int], ...]
    projectors: nn.ModuleList
    scales: Mapping[str, float] | None = None
    attended: dict[int, tuple[Tensor, ...]] = field(default_factory=dict)
    attention: AttentionPairs = AttentionPairs()
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
        """KD, LM and chunk likelihood, from one pass over the vocabulary; later calls return the same."""
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
        return Compared(self.teacher.target, self.compared_rows(), self.vocab.student_size, divergence)

    def chunks(self, states: Float[Tensor, "target width"]) -> Chunks:
        """The chunk likelihood, and the weight that it gives to each label's gradient; costs one more product a row.

        Raises ValueError where the teacher's output has none.
        """
        theirs, labels, at = self.teacher.chunks, self.batch.targets, self.batch.boundaries
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
        return self.projectors[pair](student), self.teacher.blocks[theirs]

    def layer_distance(self, pair: int) -> Sum:
        """The distance between the states of a pair of blocks, or from the student's to the learned mixture."""
        how = self.terms.layerwise.normalisation
        if self.layer_map is None:
            return layerwise.layer_distance(*self.states(pair), how)
        student, _ = self.states(pair)
        blocks = [self.teacher.blocks[block] for block in range(self.layer_map.scores.shape[1])]
        return layerwise.between(student, self.layer_map(pair, blocks), how)

    def looks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Student's and teacher's queries, then keys, then values, or the map, of each pair of blocks."""
        for mine, theirs in self.attention.pairs:
            yield from zip(self.attended[mine], self.teacher.attended[theirs], strict=True)
