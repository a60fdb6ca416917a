"""The teacher's loss and entropy on the text that the student learns from."""

from __future__ import annotations

import torch
from accelerate import Accelerator

from sad.batch import Batch
from sad.distiller import Distiller
from sad.head import signals
from sad.head.vocabulary import vocabulary_pass
from sad.losses.kd import Divergence
from sad_doctor import names


@torch.no_grad()
def teacher_signals(accelerator: Accelerator, distiller: Distiller, batch: Batch) -> dict[str, float]:
    """Return the teacher's loss of the student's labels and its entropy, nats per common boundary, by doctor's names.

    Over one micro-batch of each process; all get the same numbers, none where there is no boundary, nor from a cache
    that was made at another temperature than 1. The loss is infinite where no token of the teacher leads to a label.
    The student runs too, since one pass over the vocabulary gives both: with dropout off, so that no random generator
    moves.
    """
    moved, modes = batch.to(accelerator.device), {module: module.training for module in distiller.modules()}
    distiller.eval()
    try:
        with accelerator.autocast():
            view = distiller.view(moved, distiller.ask_teacher(moved))
            if not view.teacher.target.knows(1.0):
                return {}
            compared = view.compared(Divergence())
            told = vocabulary_pass(view.target_states(), view.head, moved.targets.token, compared, measure=True).signals
    finally:
        for module, training in modes.items():
            module.training = training
    count = torch.tensor(float(len(moved.boundaries)), device=accelerator.device)
    row = torch.stack([told[signals.TEACHER_NLL].float(), told[signals.TEACHER_ENTROPY].float(), count])
    nll, entropy, total = accelerator.reduce(row, "sum").tolist()
    return {names.TEACHER_LOSS: nll / total, names.TEACHER_ENTROPY: entropy / total} if total else {}
