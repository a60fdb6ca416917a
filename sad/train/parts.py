"""Builds the parts of a training: accelerator, distiller, optimizer, objective."""

from __future__ import annotations

from typing import NamedTuple

import torch
from accelerate import Accelerator

from sad.distiller import Distiller
from sad.objective import Objective
from sad.train.aware import make_objective
from sad.train.optimizer import make_optimizer
from sad.train.plan import Plan
from sad.train.processes import devices
from sad.train.saving import random_states


class Parts(NamedTuple):
    """Not yet prepared by the accelerator: see :func:`sad.train.processes.devices.prepare`."""

    accelerator: Accelerator
    distiller: Distiller
    optimizer: torch.optim.Optimizer
    objective: Objective


def make_parts(plan: Plan) -> Parts:
    """Put the pair of a plan on its device, with projectors made from the seed."""
    recipe, pair, stored = plan.recipe, plan.pair, plan.cache.teacher_output if plan.cache else None
    accelerator = devices.make_accelerator(plan.device, plan.precision, tuple(recipe.terms.weights))
    torch.manual_seed(recipe.train.seed)
    distiller = Distiller(pair.student, pair.teacher, pair.vocab, recipe.terms, stored, recipe.aware).train()
    random_states.seed(recipe.train.seed)
    # with a cache there is no teacher to shard
    devices.place(distiller, accelerator, False if plan.cache else recipe.train.shard_teacher)
    optimizer = make_optimizer(distiller, recipe.train)
    return Parts(accelerator, distiller, optimizer, make_objective(recipe, distiller))
