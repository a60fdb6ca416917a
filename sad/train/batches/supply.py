"""Whether the windows of the next step are there: those of a stream are prepared while the run goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import IntEnum
from pathlib import Path

import torch

from sad.data import Pools, Schedule, Streamed
from sad.distiller import Distiller
from sad.errors import UserError
from sad.objective import Objective
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad.train.saving.checkpoint import Progress
from sad.train.watch.out_of_memory import noted


class Lack(IntEnum):
    """What keeps the next step from being taken; of several processes the largest counts."""

    NOTHING = 0
    ENDED = 1
    BROKEN = 2


class Supply:
    """The windows of one run. A context: while it is open, those of a stream are prepared.

    ``why`` says in a line why there are no more; ``waited`` are the seconds since the last step that were waited for
    them. ``ahead`` is a hash of all that decides the examples up to those of the next step, nothing where they may not
    be there.
    """

    def __init__(self, plan: Plan, schedule: Schedule, progress: Progress) -> None:
        self._plan, self._schedule, self._progress = plan, schedule, progress
        self.why = self.ahead = ""
        self.waited = 0.0
        self.mark()

    @property
    def open(self) -> AbstractContextManager[None]:
        """Prepare a stream's windows while the context is open."""
        if not isinstance(self._schedule, Pools):
            return nullcontext()
        return self._schedule.source.going_on(self._schedule.windows(self._plan.steps), self._schedule.lead)

    def lack(self, until: Callable[[], bool]) -> Lack:
        """Wait for the windows of the next step, or ``until`` is true; return what it lacks."""
        self.ahead = self._progress.data
        if not isinstance(self._schedule, Pools) or self._progress.step >= self._plan.steps:
            return Lack.NOTHING
        started, at = time.perf_counter(), self._progress.step + self._progress.passed
        self.ahead = ""
        try:
            self._schedule.wait(at, until)
            self._schedule.source.check()
            # else it would be waited for all the same
            if not until():
                self.ahead = self._schedule.key(at + 1)
        except UserError as error:
            self.why = str(error)
            return Lack.BROKEN
        finally:
            self.waited += time.perf_counter() - started
        if self._schedule.source.size is None:
            return Lack.NOTHING
        epochs, steps = self._plan.recipe.train.epochs, self._schedule.steps_per_epoch
        if self._progress.step < max(1, math.ceil(min(max(1.0, epochs) * steps, self._plan.steps))):
            return Lack.NOTHING
        self.why = (
            f"the stream has ended with {self._schedule.source.size:,} windows, {steps:,} steps a pass, and "
            f"train.epochs is {epochs:g}: for a whole schedule start anew with train.max_steps = {self._progress.step}"
        )
        return Lack.ENDED

    @property
    def later(self) -> list[str]:
        """Notes that are known only once the text was read, a line each."""
        return self._plan.later()

    def took(self) -> None:
        """Count a step."""
        self.waited = 0.0
        self.mark()

    def mark(self) -> None:
        """Put the hash of what the run has trained on into the progress, which a checkpoint keeps."""
        self._progress.data = trained_on(self._plan, self._schedule, self._progress)


def trained_on(plan: Plan, schedule: Schedule, progress: Progress) -> str:
    """Return a hash of all that decides the examples; of a stream, of those that the steps so far took."""
    if not isinstance(schedule, Pools):
        return plan.fingerprint
    return schedule.key(progress.step + progress.passed)


def taken_up(
    folder: Path,
    plan: Plan,
    schedule: Schedule,
    fresh: Progress,
    distiller: Distiller,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
) -> Progress:
    """Load the newest checkpoint. Raises UserError where it stands for a training on other data, or by other steps."""
    progress = checkpoint.load(folder, distiller, optimizer, objective)
    # an older checkpoint may lack these: they are taken to be as they are here
    progress.per_step, progress.manner = progress.per_step or fresh.per_step, progress.manner or fresh.manner
    # checked first, since what was trained on of a stream is counted in steps
    if progress.per_step != fresh.per_step:
        told = f"a step of {folder} takes {progress.per_step} windows, and here it would take {fresh.per_step}"
        raise UserError(f"{told}: put train.batch_size and train.accumulation back, or start a new run")
    if progress.manner != fresh.manner:
        told = f"the steps of {folder} take {progress.manner}, and here they would take {fresh.manner}"
        raise UserError(f"{told}: put train.packing, train.buckets and train.seed back, or start a new run")
    if isinstance(plan.train, Streamed):
        plan.train.take_up(progress.data)
    if progress.data != trained_on(plan, schedule, progress):
        told = f"the data is not what {folder} was trained on"
        raise UserError(f"{told}: put it back, or start a new run without --resume")
    # a smaller micro-batch that one process alone asked for
    progress.cuts = max(progress.cuts, noted(folder, plan.recipe.train.batch_size))
    return progress
