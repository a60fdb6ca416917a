"""What watches over a run: memory, spikes, red flags, the time, and when to save."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from accelerate import Accelerator

from sad.errors import TrainingError
from sad.recipe.schema import Train
from sad.train.batches.supply import Lack, Supply
from sad.train.ledger.record import NoRecord, Record
from sad.train.saving import checkpoint, consent
from sad.train.saving.checkpoint import Progress
from sad.train.saving.push import push
from sad.train.step import Learner, Step
from sad.train.watch import out_of_memory
from sad.train.watch.deadline import Deadline
from sad.train.watch.ending import Decision, Ending, agreed
from sad.train.watch.interrupt import Interrupt
from sad.train.watch.red_flags import RedFlags, Verdict
from sad.train.watch.spikes import is_spike, remember
from sad_doctor import names

T = TypeVar("T")


@dataclass(slots=True)
class Saved:
    """The step of the newest checkpoint, and when it was written; None and the run's beginning before the first."""

    step: int | None
    at: float = field(default_factory=time.monotonic)

    def now(self, step: int | None) -> None:
        """A checkpoint was written, or could not be: then the newest is still that of ``step``."""
        self.step, self.at = step, time.monotonic()

    def due(self, minutes: float) -> bool:
        """Return whether the newest checkpoint is older than ``minutes``."""
        return time.monotonic() - self.at > 60 * minutes


class Guards:
    """The guards of one run, as its recipe wants them. They change nothing but ``progress``, which checkpoints hold.

    ``saved`` is the step of the checkpoint that it goes on from; ``began`` is when the hours began. With models in
    ``pieces`` processes wait for each other in every pass: none can take one again by itself.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        recipe: Train,
        folder: Path,
        progress: Progress,
        record: Record | NoRecord,
        saved: int | None,
        began: float | None,
        pieces: bool = False,
    ) -> None:
        self.pieces = pieces
        self._accelerator, self._recipe, self._folder = accelerator, recipe, folder
        self._progress, self._record = progress, record
        self._main = accelerator.is_main_process
        mode = recipe.on_red_flag if self._main else "ignore"
        self._flags = RedFlags(folder, mode, recipe.max_rollbacks, recipe.log_every)
        self._deadline = Deadline(recipe.max_hours, began)
        self._verdict = Verdict()
        self.saved = Saved(saved)

    def begin(self, learner: Learner) -> None:
        """Save a new run that may be rolled back: it needs a checkpoint to go back to."""
        if self._recipe.on_red_flag == "rollback" and self.saved.step is None:
            self.save(learner)

    @property
    def is_spike(self) -> Callable[[float], bool] | None:
        """The test that says whether a step with a given loss is left out; None where the recipe wants none."""
        return partial(is_spike, self._progress) if self._recipe.skip_spikes else None

    def with_room(self, attempt: Callable[[], T], clear: Callable[[], object], *, shared: bool = False) -> T:
        """Return what ``attempt`` gives, with smaller micro-batches where the memory is too small for it."""

        def tell(told: str) -> None:
            self._record.warn(self._progress.step, told, names.EVENT_OUT_OF_MEMORY)

        shared = (shared and self._accelerator.num_processes > 1) or self.pieces
        size = self._recipe.batch_size
        try:
            return out_of_memory.with_room(self._progress, size, attempt, clear, tell, shared=shared)
        except out_of_memory.InSharedPassError as error:
            way, half = "halve train.batch_size, double train.accumulation", max(1, size // (2 * self._progress.cuts))
            if size // self._progress.cuts <= 1:
                way = out_of_memory.ADVICE
            elif self.saved.step is not None and out_of_memory.note(self._folder, half):
                way = f"go on with half the micro-batch: {consent.command(self._folder)}"
            raise TrainingError(f"{error}: {way}") from None

    def count(self, done: Step, supply: Supply) -> None:
        """Count a step."""
        self._progress.took(done.finite, done.seen)
        supply.took()
        remember(self._progress, done.ledger.loss if done.level is None else done.level, done.spike)

    def decide(self, interrupt: Interrupt, supply: Supply, *, first: bool = False, last: bool = False) -> Decision:
        """Judge the run after a step, or before the first; return what all processes do next, and hold them to it.

        Waits for the windows of the next step, but not beyond a signal or the time. Raises UserError on every process
        where they do not read the same text.
        """
        progress = self._progress
        self._deadline.worked()
        lack = supply.lack(lambda: interrupt.signal is not None or self._deadline.passed())
        self._verdict = Verdict() if first else self._flags.look(progress, last=last)
        self._record.flagged(progress.step, self._verdict.news)
        mine = Decision(
            signal=None if last else interrupt.signal,
            due=self.saved.due(self._recipe.save_minutes),
            time_is_up=not last and self._deadline.passed(),
            stop=self._verdict.stop,
            back=self._verdict.back,
            cuts=progress.cuts,
            lack=lack,
        )
        decision = agreed(self._accelerator, mine, supply.ahead)
        progress.cuts = decision.cuts
        self._deadline.started()
        return decision

    def go_back(self, step: int, supply: Supply, learner: Learner) -> None:
        """Go back to the checkpoint of ``step``; the batches since then are passed over. Raises UserError, OSError."""
        progress, left = self._progress, self._progress.step
        found = checkpoint.load(self._folder, learner.distiller, learner.optimizer, learner.objective, step)
        passed = progress.passed + left - step
        progress.become(found, rollbacks=progress.rollbacks + 1, passed=passed, told=progress.told, cuts=progress.cuts)
        supply.mark()
        if self._main:
            checkpoint.drop_after(self._folder, step)
            checkpoint.amend(self._folder, progress, learner.objective)
        self._record.rolled_back(left, step, self._verdict.why)
        self._accelerator.wait_for_everyone()
        self.saved.now(step)

    def save(self, learner: Learner, *, must: bool = False) -> None:
        """Write a checkpoint, and copy it where the recipe says. Where the disk does not take it the run goes on with
        the one before, and says so; raises OSError where it ``must`` be there.
        """
        started, written = time.monotonic(), True
        saved = learner.distiller, learner.optimizer, learner.objective
        keep = self._recipe.keep_checkpoints
        try:
            made = checkpoint.save(self._folder, self._progress, *saved, keep, writes=self._main)
        except OSError as error:
            if must:
                raise
            written = False
            self._record.unsaved(self._progress.step, self.saved.step, error)
        else:
            self._record.saved(self._progress.step, made)
            if self._main:
                # the checkpoint holds the cuts
                out_of_memory.forget(self._folder)
                self._push()
        self.saved.now(self._progress.step if self._everywhere(written) else self.saved.step)
        self._deadline.saved(time.monotonic() - started)

    def ending(self, decision: Decision, supply: Supply) -> Ending:
        """Return why the run ends after its last decision; put on record what a stream lacked or left out.

        A run that is asked to end in the step in which its stream ends is one that was stopped: going on with it
        finishes it.
        """
        why = self._verdict.why or "found by the first process"
        data = (supply.why or "another process could not read on") if decision.lack else ""
        if data:
            self._record.warn(self._progress.step, data)
        for line in supply.later:
            self._record.warn(None, line)
        spent = decision.lack == Lack.ENDED
        if spent and decision.asked:
            data, spent = "", False
        return Ending(decision.signal, decision.time_is_up, why if decision.stop else "", data, spent)

    def _everywhere(self, written: bool) -> bool:
        """Wait for the others; return whether it went well on all of them, which the next save depends on."""
        if self._accelerator.num_processes == 1:
            return written
        every = self._accelerator.gather(torch.tensor([int(written)], device=self._accelerator.device))
        return bool(every.min())

    def _push(self) -> None:
        if self._recipe.push_checkpoint is None:
            return
        try:
            push(self._folder, Path(self._recipe.push_checkpoint))
        except OSError as error:
            told = f"the checkpoint was not copied to {self._recipe.push_checkpoint}: {error.strerror or error}"
            self._record.warn(self._progress.step, told)
