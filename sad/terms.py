"""What each term of the objective takes from a batch that both models have read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from sad.align.vocab import VocabMap
from sad.batch import CONTRASTIVE, KD, LAYERWISE, LM, Batch, Sum
from sad.forward import Forward
from sad.losses import contrastive, kd, layerwise, lm
from sad.recipe import Terms


@dataclass(slots=True, eq=False)
class View:
    """Both forward passes of one batch, and the rows of each that belong together.

    ``projectors`` map a student block's width to the teacher's, one for each pair in ``pairs``.
    """

    batch: Batch
    student: Forward
    teacher: Forward
    vocab: VocabMap
    terms: Terms
    pairs: tuple[tuple[int, int], ...]
    projectors: nn.ModuleList
    _logits: Tensor | None = None

    def target_logits(self) -> Float[Tensor, "target vocab"]:
        """The student's logits at its targets, computed once."""
        if self._logits is None:
            self._logits = self.student.logits(self.batch.targets.row, self.batch.targets.position)
        return self._logits

    def boundary_logits(self) -> Float[Tensor, "boundary vocab"]:
        """The student's logits at common boundaries, over real tokens only."""
        at = self.batch.boundaries.target
        logits = self.target_logits()
        return self.vocab.restrict(logits if len(at) == len(logits) else logits[at])

    def teacher_log_probs(self, temperature: float) -> Float[Tensor, "boundary vocab"]:
        """The teacher's next-token distribution at common boundaries, over the student's tokens."""
        at = self.batch.boundaries
        return self.vocab.project(self.teacher.logits(at.row, at.teacher), temperature)

    def states(self, pair: int) -> tuple[Float[Tensor, "boundary width"], Float[Tensor, "boundary width"]]:
        """Student's projected and teacher's states of a pair of blocks at common boundaries."""
        at, (mine, theirs) = self.batch.boundaries, self.pairs[pair]
        student = self.student.blocks[mine][at.row, at.student]
        return self.projectors[pair](student), self.teacher.blocks[theirs][at.row, at.teacher]


def _lm(view: View) -> Sum:
    return lm.cross_entropy(view.target_logits(), view.batch.targets.token)


def _kd(view: View) -> Sum:
    temperature = view.terms.kd.temperature
    return kd.forward_kl(view.boundary_logits(), view.teacher_log_probs(temperature), temperature)


def _layerwise(view: View) -> Sum:
    each = [layerwise.layer_distance(*view.states(k)) for k in range(len(view.pairs))]
    return Sum(sum((s.total for s in each[1:]), each[0].total) / len(each), each[0].units)


def _contrastive(view: View) -> Sum:
    at, temperature = view.batch.boundaries, view.terms.contrastive.temperature
    return contrastive.info_nce(*view.states(len(view.pairs) - 1), at.texts, temperature)


TERMS: dict[str, Callable[[View], Sum]] = {KD: _kd, LM: _lm, LAYERWISE: _layerwise, CONTRASTIVE: _contrastive}
NEED_STATES = frozenset({LAYERWISE, CONTRASTIVE})
