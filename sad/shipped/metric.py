"""The evaluation of the training loop, behind the interface of a metric; of several processes in real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from accelerate.state import AcceleratorState
from torch import nn

from sad import evaluate
from sad.align.vocab import VocabMap
from sad.batch import LM, Batch, Tokens
from sad.distiller import Distiller
from sad.head.linear import IDENTITY
from sad.models.forward import Forward
from sad.objective import Objective
from sad.recipe.terms import Terms
from sad.shipped.alike import read_alike
from sad.subjects.metric import AGREEMENT, KL, LM_LOSS, PERPLEXITY, Metric, Scored
from sad.subjects.together import together
from sad.terms import TeacherOutput, View, teacher_output
from sad.train.processes import devices

IGNORED = -100


def metric() -> Metric:
    """Return the evaluation; the totals of the processes are added by what adds them in the training loop."""
    return together(_reported)


def _reported(batches: Sequence[Scored]) -> Mapping[str, float]:
    # what the process that this one was forked from knew of itself
    AcceleratorState._reset_state(reset_partial_state=True)
    reduce = devices.reducer(devices.make_accelerator("cpu", "fp32", (LM,)))
    scores = evaluate.evaluate(_Said(batches), [_batch(one) for one in batches], Objective({LM: 1.0}), reduce)
    told = scores.likelihood
    return {LM_LOSS: told.lm_loss, PERPLEXITY: told.perplexity, KL: scores.kl, AGREEMENT: scores.agreement}


class _Said(Distiller):
    """A pair whose logits are given, batch by batch."""

    def __init__(self, batches: Sequence[Scored]) -> None:
        nn.Module.__init__(self)
        self.device = nn.Parameter(torch.zeros(()))
        self.names = (LM,)
        size = batches[0].student_logits.shape[-1]
        self.given, self.map = iter(batches), _Same(size)

    def ask_teacher(self, batch: Batch) -> TeacherOutput:
        """Give the teacher's logits; the student's come with the view of the same batch."""
        self.now = next(self.given)
        return teacher_output(batch, Forward(self, self.now.teacher_logits, {}), IDENTITY, self.map)

    def view(self, batch: Batch, teacher: TeacherOutput, scales: Mapping[str, float] | None = None) -> View:
        """Put both side by side."""
        student = Forward(self, self.now.student_logits, {})
        return View(batch, student, IDENTITY, teacher, self.map, Terms(), (), nn.ModuleList(), scales)


class _Same(VocabMap):
    """One vocabulary for both."""

    def __init__(self, size: int) -> None:
        self.student_size = self.teacher_size = size
        self.identity = True


def _batch(scored: Scored) -> Batch:
    """The targets, and as many common boundaries."""
    row, position = (scored.labels[:, 1:] != IGNORED).nonzero().unbind(1)
    ids = scored.labels.clamp_min(0)
    return read_alike(Tokens(ids, torch.ones_like(ids)), row, position)
