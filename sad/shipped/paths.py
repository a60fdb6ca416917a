"""The layerwise term in a step of the training and in an evaluation."""

from __future__ import annotations

import torch
from torch import Tensor

from sad import tiny
from sad.batch import LAYERWISE
from sad.data import collate
from sad.distiller import Distiller
from sad.evaluate import evaluate
from sad.invariants.one_path import Paths
from sad.objective import Objective


def shipped_paths() -> Paths:
    """Return the code that trains, on one batch of two tokenizers."""
    pair = tiny.pair()
    plan = tiny.plan(of=pair)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        distiller = Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms).train()
    batch = collate(plan.train[:3], pair.readers)

    def training() -> Tensor:
        total, units = distiller(batch, distiller.ask_teacher(batch))[LAYERWISE]
        mean: Tensor = total / units
        return mean

    def evaluation() -> Tensor:
        return torch.tensor(
            evaluate(distiller, [batch], Objective(dict(plan.recipe.terms.weights))).ledger.raw[LAYERWISE]
        )

    return Paths(distiller.projectors[0], training, evaluation)
