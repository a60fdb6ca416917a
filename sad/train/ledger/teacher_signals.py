"""The teacher's loss and entropy on the text that the student learns from."""

from __future__ import annotations

import math

import torch
from accelerate import Accelerator

from sad.batch import Batch
from sad.distiller import Distiller
from sad.head import signals
from sad.head.vocabulary import vocabulary_pass
from sad.losses.kd import Divergence
from sad.models.modes import evaluating
from sad_doctor import names


@torch.no_grad()
def teacher_signals(accelerator: Accelerator, distiller: Distiller, batch: Batch) -> dict[str, float]:
    """Return the teacher's loss of the student's labels and its entropy, nats per common boundary, by doctor's names.

    Over one micro-batch of each process; all get the same numbers, none where there is no boundary, nor from a cache
    that was made at another temperature than 1. The entropy is the mean over the places at which some token of the
    teacher leads to one of the student's. With two tokenizers the loss is the mean over those labels that some
    token of the teacher leads to, and their share of all labels is told too; there is no loss where there is no such
    label. With one tokenizer a label without mass makes it infinite.

    The student runs too, since one pass over the vocabulary gives both: with dropout off, so that no random generator
    moves.
    """
    moved = batch.to(accelerator.device)
    with evaluating(distiller), accelerator.autocast():
        view = distiller.view(moved, distiller.ask_teacher(moved))
        if not view.teacher.target.knows(1.0):
            return {}
        compared = view.compared(Divergence())
        told = vocabulary_pass(view.target_states(), view.head, moved.targets.token, compared, measure=True).signals
    count = torch.tensor(float(len(moved.boundaries)), device=accelerator.device)
    asked = (signals.TEACHER_NLL, signals.TEACHER_ENTROPY, signals.LABELLED, signals.HEARD)
    row = torch.stack([*(told[name].float() for name in asked), count])
    nll, entropy, labelled, heard, total = accelerator.reduce(row, "sum").tolist()
    if not total:
        return {}
    found = {names.TEACHER_ENTROPY: entropy / heard} if heard else {}
    if distiller.vocab.identity:
        # every label is a token of the teacher: none without mass is left out
        return found | {names.TEACHER_LOSS: nll / total if labelled == total else math.inf}
    if labelled:
        found[names.TEACHER_LOSS] = nll / labelled
    return found | {names.TEACHER_LABELS: labelled / total}
