"""What each term of the objective takes from a batch that both models have read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from sad.align.vocab import VocabMap
from sad.batch import CONTRASTIVE, KD, LAYERWISE, LM, Batch, Boundaries, Sum
from sad.forward import Forward
from sad.head.linear import Head
from sad.head.target import Live, Target
from sad.head.vocabulary import Compared, Vocabulary, vocabulary_pass
from sad.losses import contrastive, layerwise
from sad.losses.kd import Divergence
from sad.recipe import Terms


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is kept of the teacher's pass: its rows at the common boundaries, and nothing else.

    ``blocks[i]`` is what block ``i`` handed on there.
    """

    target: Target
    blocks: dict[int, Float[Tensor, "boundary width"]]


def asked(batch: Batch, teacher: Forward, head: Head, vocab: VocabMap) -> Asked:
    """Take from a teacher's pass over ``batch.teacher`` what the terms need."""
    at = batch.boundaries
    blocks = {block: teacher_rows(states, at) for block, states in teacher.blocks.items()}
    return Asked(Live(teacher_rows(teacher.hidden, at), head, vocab), blocks)


def teacher_rows(states: Float[Tensor, "batch length width"], at: Boundaries) -> Float[Tensor, "boundary width"]:
    """The teacher's states at common boundaries."""
    return states[at.row, at.teacher]


@dataclass(slots=True, eq=False)
class View:
    """The student's pass and the teacher's rows of one batch, and the rows of each that belong together.

    ``projectors`` map a student block's width to the teacher's, one for each pair in ``pairs``. ``scales`` are what
    the objective will multiply the terms by, if that is known (:meth:`sad.objective.Objective.scales`).
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
        return Divergence(temperature=self.terms.kd.temperature)

    def vocabulary(self) -> Vocabulary:
        """KD and LM, from one pass over the vocabulary that is made once."""
        if self._passed is None:
            weights = self.terms.weights
            token = self.batch.targets.token if LM in weights else None
            compared = self.compared(self.divergence) if KD in weights else None
            self._passed = vocabulary_pass(self.target_states(), self.head, token, compared, scales=self.scales)
        return self._passed

    def compared(self, divergence: Divergence) -> Compared:
        """The rows that KD compares, over real tokens only."""
        return Compared(self.asked.target, self.compared_rows(), self.vocab.student_size, divergence)

    def states(self, pair: int) -> tuple[Float[Tensor, "boundary width"], Float[Tensor, "boundary width"]]:
        """Student's projected and teacher's states of a pair of blocks at common boundaries."""
        at, (mine, theirs) = self.batch.boundaries, self.pairs[pair]
        student = self.student.blocks[mine][at.row, at.student]
        return self.projectors[pair](student), self.asked.blocks[theirs]


def _lm(view: View) -> Sum:
    return Sum(view.vocabulary().lm, len(view.batch.targets))


def _kd(view: View) -> Sum:
    return Sum(view.vocabulary().kd, len(view.batch.boundaries))


def _layerwise(view: View) -> Sum:
    each = [layerwise.layer_distance(*view.states(k)) for k in range(len(view.pairs))]
    return Sum(sum((s.total for s in each[1:]), each[0].total) / len(each), each[0].units)


def _contrastive(view: View) -> Sum:
    at, temperature = view.batch.boundaries, view.terms.contrastive.temperature
    return contrastive.info_nce(*view.states(len(view.pairs) - 1), at.row, temperature)


TERMS: dict[str, Callable[[View], Sum]] = {KD: _kd, LM: _lm, LAYERWISE: _layerwise, CONTRASTIVE: _contrastive}
NEED_STATES = frozenset({LAYERWISE, CONTRASTIVE})
