"""Scores student and teacher on held-out text; each process takes its share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from accelerate import Accelerator

from sad.batch import Batch
from sad.data import collate
from sad.distiller import Distiller
from sad.errors import UserError
from sad.evaluate import Likelihood, Scores, evaluate, likelihood
from sad.objective import Objective
from sad.train.guards import Guards
from sad.train.plan import Plan
from sad.train.processes import devices, sharded
from sad.train.saving.checkpoint import Progress


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The plan's held-out windows with the models that are scored on them, in batches that the memory has room for."""

    plan: Plan
    progress: Progress
    accelerator: Accelerator
    distiller: Distiller
    guards: Guards

    def student(self, objective: Objective) -> Scores:
        """Score the student as it is."""
        reduce = devices.reducer(self.accelerator)
        with self.accelerator.autocast():
            found = self.guards.with_room(
                lambda: evaluate(self.distiller, self._batches(), objective, reduce), _nothing
            )
        sharded.settle(self.distiller)
        return found

    def teacher(self) -> Likelihood:
        """Return the teacher's own likelihood, from where it was measured if there is a cache.

        Raises UserError where it is not finite: the run could not be scored, and its texts are of the same kind.
        """
        if self.plan.cache:
            return self.plan.cache.teacher
        reduce = devices.reducer(self.accelerator)
        with self.accelerator.autocast():
            found = self.guards.with_room(lambda: likelihood(self.distiller, self._batches(), reduce), _nothing)
        if not math.isfinite(found.nats):
            other = "take another teacher, or other held-out text"
            way = other if self.plan.precision == "fp32" else f"set train.precision = fp32, or {other}"
            raise UserError(f"the teacher's logits are NaN or infinite on the held-out text: {way}")
        return found

    def _batches(self) -> Iterator[Batch]:
        return batches(self.plan, self.progress, self.accelerator)


def batches(plan: Plan, progress: Progress, accelerator: Accelerator | None = None) -> Iterator[Batch]:
    """Yield what this process scores of the held-out windows, those of one length together, as the memory can hold
    them: their scores are sums, in which order is nothing.

    They are dealt in batches of the recipe's size: a process that cuts its own finer takes nothing of another's.
    """
    size, windows = plan.recipe.train.batch_size, plan.held_out
    small, first = max(1, size // progress.cuts), len(plan.train)
    order = sorted(range(len(windows)), key=lambda number: len(windows[number].student))
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    for group in groups if accelerator is None else devices.dealt(groups, accelerator):
        for start in range(0, size, small):
            some = group[start : start + small]
            if not some:
                yield plan.batch([])
                continue
            made = collate([windows[number] for number in some], plan.pair.readers)
            yield replace(made, numbers=tuple(first + number for number in some))


def _nothing() -> None:
    """Do nothing: an evaluation leaves nothing to clear."""
