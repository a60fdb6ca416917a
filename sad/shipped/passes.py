"""What is done between two steps of the training: the teacher's pass, an evaluation of both models."""

from __future__ import annotations

import torch
from torch import Tensor

from sad import tiny
from sad.batch import ATTENTION
from sad.data import collate
from sad.distiller import Distiller
from sad.evaluate import evaluate, likelihood
from sad.head.target import Live
from sad.invariants.modes_restored import Passes
from sad.objective import Objective


def shipped_passes() -> Passes:
    """Return the code that trains, around a teacher and a student that both have dropout."""
    pair = tiny.pair(320, 320)
    size = pair.readers.student.size
    teacher, student = (
        tiny.model(size, layers=2, width=16, seed=seed, sharpness=8.0, attention_dropout=0.5) for seed in (1, 2)
    )
    plan = tiny.plan({"terms": {ATTENTION: {"weight": 0.1}}}, of=pair)
    with torch.random.fork_rng(devices=[]):
        distiller = Distiller(student, teacher, pair.vocab, plan.recipe.terms).train()
    batch = collate(plan.train[:2], pair.readers)
    objective = Objective(dict(plan.recipe.terms.weights))

    def trained() -> Tensor:
        sums = distiller(batch, distiller.ask_teacher(batch))
        return torch.stack([one.total for one in sums.values()])

    def evaluation() -> Tensor:
        return torch.tensor(evaluate(distiller, [batch], objective).likelihood.nats)

    def answer() -> Tensor:
        target = distiller.ask_teacher(batch).target
        assert isinstance(target, Live), "the teacher itself was asked"
        return target.hidden

    passes = {
        "the teacher's pass": answer,
        "an evaluation": evaluation,
        "an evaluation of the teacher": lambda: torch.tensor(likelihood(distiller, [batch]).nats),
    }
    return Passes(student, passes, trained)
